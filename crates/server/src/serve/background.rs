//! Long-running tasks beside the accept loop, such as the job worker: started here so that a stop can wait for each.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinSet};

/// The process's background tasks. Each is given a [`super::Stop`] by who starts it and ends by itself when that says so.
#[derive(Debug, Default)]
pub struct Background {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Background {
    /// Starts a task. Must be called in a tokio runtime.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits until every task has ended, at most for `grace`, then ends the others where they are.
    /// Returns the names of those that panicked or had to be ended.
    pub async fn finish(mut self, grace: Duration) -> Vec<&'static str> {
        let waited = tokio::time::timeout(grace, async {
            let mut panicked = Vec::new();
            while let Some(ended) = self.tasks.join_next_with_id().await {
                match ended {
                    Ok((id, ())) => drop(self.names.remove(&id)),
                    Err(error) => panicked.extend(self.names.get(&error.id()).copied()),
                }
            }
            panicked
        })
        .await;
        let mut failed = waited.unwrap_or_else(|_| self.names.values().copied().collect());
        self.tasks.shutdown().await;
        failed.sort_unstable();
        failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_waits_for_tasks_and_names_those_that_did_not_end_well() {
        let mut background = Background::default();
        background.spawn("quick", tokio::time::sleep(Duration::from_millis(20)));
        assert!(background.finish(Duration::from_secs(5)).await.is_empty());

        let mut background = Background::default();
        background.spawn("quick", async {});
        background.spawn("broken", async { panic!("on purpose") });
        assert_eq!(background.finish(Duration::from_secs(5)).await, ["broken"]);

        let mut background = Background::default();
        background.spawn("quick", async {});
        background.spawn("endless", std::future::pending());
        assert_eq!(background.finish(Duration::from_millis(50)).await, ["endless"]);
    }
}
