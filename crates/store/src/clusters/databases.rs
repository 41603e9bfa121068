//! The databases of the clusters beside `main`: opened when they are first needed, by one of those who need it for all of
//! them, and known as ones that answer or do not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use denizen_domain::ids::OrgKey;
use denizen_domain::text::ClusterName;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::oneshot;

use super::registry::{self, Belonging, Cluster};
use crate::error::{Result, StoreError};
use crate::store::Store;

/// A cluster that could not be opened is left alone for so long.
const REST: Duration = Duration::from_secs(2);
/// Who wants a cluster that could not be opened waits so long for the next attempt, which goes on without them.
const GLANCE: Duration = Duration::from_millis(250);
/// A cluster that did not answer is left out of what is done with all of them, for so long unless it is heard of.
const LEFT_OUT: Duration = Duration::from_secs(30);
/// How often it is told that a cluster does not answer.
const TOLD: Duration = Duration::from_secs(30);

/// Opens a cluster's database; blocks.
pub type Connect = Arc<dyn Fn(&Cluster, Opening) -> Result<Store> + Send + Sync>;

/// What is to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// A cluster. Where nothing is, its disk is not there or its database was lost: nothing is begun in its place.
    Known,
    /// What is to become one, and may be empty.
    New,
}

/// What says how a cluster is opened: another entry is another database.
type By = (String, Option<String>);

pub(super) struct Databases {
    connect: Connect,
    known: Mutex<BTreeMap<ClusterName, Known>>,
}

/// What this process knows of a cluster.
#[derive(Default)]
struct Known {
    opened: Option<(Store, By)>,
    opening: Option<Attempt>,
    failed: Option<Failed>,
    attempts: u64,
}

#[derive(Clone)]
struct Attempt {
    number: u64,
    by: By,
    /// Goes on while somebody waits; the thread that connects goes on by itself.
    store: Shared<BoxFuture<'static, Result<Store>>>,
}

struct Failed {
    by: By,
    at: Instant,
    told: Instant,
    error: StoreError,
}

impl Databases {
    pub(super) fn new(connect: Connect) -> Self {
        Self { connect, known: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database of a cluster, if it is open.
    pub(super) fn opened(&self, name: &ClusterName) -> Option<Store> {
        self.lock().get(name)?.opened.as_ref().map(|(store, _)| store.clone())
    }

    pub(super) fn all_opened(&self) -> Vec<(ClusterName, Store)> {
        let all = self.lock();
        let opened =
            all.iter().filter_map(|(name, known)| Some((name.clone(), known.opened.as_ref()?.0.clone())));
        opened.collect()
    }

    /// The database of a registered cluster, opened unless it is open. Waits at most so long, and hardly where the last
    /// attempt failed.
    pub(super) async fn open(&self, main: &Store, cluster: &Cluster, patience: Duration) -> Result<Store> {
        let by = (cluster.url.clone(), cluster.replica_url.clone());
        let (attempt, patience) = {
            let mut all = self.lock();
            let known = all.entry(cluster.name.clone()).or_default();
            if let Some((store, opened_by)) = &known.opened
                && *opened_by == by
            {
                return Ok(store.clone());
            }
            let failed = known.failed.as_ref().filter(|failed| failed.by == by);
            let running = known.opening.clone().filter(|attempt| attempt.by == by);
            if let Some(failed) = failed.filter(|failed| failed.at.elapsed() < REST)
                && running.is_none()
            {
                return Err(failed.error.clone());
            }
            let patience = if failed.is_some() { patience.min(GLANCE) } else { patience };
            let attempt = running.unwrap_or_else(|| {
                known.attempts += 1;
                let store = open_anew(Arc::clone(&self.connect), main.clone(), cluster.clone());
                let attempt = Attempt { number: known.attempts, by, store: store.boxed().shared() };
                known.opening = Some(attempt.clone());
                attempt
            });
            (attempt, patience)
        };
        if let Ok(result) = tokio::time::timeout(patience, attempt.store.clone()).await {
            return self.settle(&cluster.name, &attempt, result);
        }
        let text = format!("the database of the cluster {} has not answered yet", cluster.name);
        let mut all = self.lock();
        let known = all.entry(cluster.name.clone()).or_default();
        // What is known of the last failure says more.
        let said = known.failed.as_ref().filter(|failed| failed.by == attempt.by);
        let error = said.map_or(StoreError::Unreachable(text), |failed| failed.error.clone());
        known.note_failure(&cluster.name, attempt.by, &error);
        Err(error)
    }

    /// Keeps what came of an attempt; the first of those who waited for it does.
    fn settle(&self, name: &ClusterName, attempt: &Attempt, result: Result<Store>) -> Result<Store> {
        let mut all = self.lock();
        let known = all.entry(name.clone()).or_default();
        if known.opening.as_ref().is_none_or(|running| running.number != attempt.number) {
            return result;
        }
        known.opening = None;
        match &result {
            Ok(store) => {
                if known.failed.take().is_some() {
                    tracing::info!(cluster = %name, "a cluster can be opened again");
                }
                for warning in store.warnings() {
                    tracing::warn!(cluster = %name, "{warning}");
                }
                // It may have been registered under another URL meanwhile.
                if let Some((stale, _)) = known.opened.replace((store.clone(), attempt.by.clone())) {
                    close_aside(stale);
                }
            }
            Err(error) => known.note_failure(name, attempt.by.clone(), error),
        }
        result
    }

    /// Opens a database, whichever it is.
    pub(super) async fn connect(&self, cluster: Cluster, opening: Opening) -> Result<Store> {
        connect_aside(&self.connect, cluster, opening).await
    }

    /// Notes whether a cluster that is open answers.
    pub(super) fn note(&self, name: &ClusterName, answer: &Result<()>) {
        let mut all = self.lock();
        let Some(known) = all.get_mut(name) else { return };
        let Some((_, by)) = &known.opened else { return };
        match answer {
            Ok(()) => {
                if known.failed.take().is_some() {
                    tracing::info!(cluster = %name, "a cluster answers again");
                }
            }
            Err(error) => {
                let by = by.clone();
                known.note_failure(name, by, error);
            }
        }
    }

    /// Whether a cluster did not answer a while ago.
    pub(super) fn is_left_out(&self, name: &ClusterName) -> bool {
        let all = self.lock();
        let failed = all.get(name).and_then(|known| known.failed.as_ref());
        failed.is_some_and(|failed| failed.at.elapsed() < LEFT_OUT)
    }

    /// The clusters that do not answer, as far as this process knows, and why.
    pub(super) fn failing(&self) -> Vec<(ClusterName, StoreError)> {
        let all = self.lock();
        let failing =
            all.iter().filter_map(|(name, known)| Some((name.clone(), known.failed.as_ref()?.error.clone())));
        failing.collect()
    }

    /// Closes those that are not registered any more.
    pub(super) fn keep_only(&self, registered: &BTreeSet<&ClusterName>) {
        let mut all = self.lock();
        let gone: Vec<_> = all.keys().filter(|name| !registered.contains(name)).cloned().collect();
        for name in gone {
            if let Some((store, _)) = all.remove(&name).and_then(|known| known.opened) {
                close_aside(store);
            }
        }
    }

    /// Finishes what was queued and closes them all. Blocks.
    pub(super) fn close(&self) {
        let known = std::mem::take(&mut *self.lock());
        for (store, _) in known.into_values().filter_map(|known| known.opened) {
            store.close();
        }
    }
}

impl Known {
    fn note_failure(&mut self, name: &ClusterName, by: By, error: &StoreError) {
        let told = self.failed.as_ref().map(|failed| failed.told).filter(|told| told.elapsed() < TOLD);
        if told.is_none() {
            tracing::warn!(cluster = %name, %error, "a cluster does not answer; those who live there are refused");
        }
        let now = Instant::now();
        self.failed = Some(Failed { by, at: now, told: told.unwrap_or(now), error: error.clone() });
    }
}

/// Opens the database of a cluster, and makes sure that it is that cluster.
async fn open_anew(connect: Connect, main: Store, cluster: Cluster) -> Result<Store> {
    let name = cluster.name.clone();
    let installation = main.read(OrgKey::CONTROL, registry::belonging).await?;
    let installation = installation
        .ok_or_else(|| StoreError::Internal("a database that belongs to nobody".to_owned()))?
        .installation;
    let store = connect_aside(&connect, cluster, Opening::Known).await?;
    let wanted = Belonging { installation, cluster: name };
    match store.read(OrgKey::CONTROL, registry::belonging).await {
        Ok(Some(found)) if found == wanted => Ok(store),
        other => {
            close_aside(store);
            other?;
            Err(StoreError::Refused(format!(
                "the database that is registered as the cluster {} is not that cluster of this installation",
                wanted.cluster
            )))
        }
    }
}

/// Opens a database on a thread of its own.
async fn connect_aside(connect: &Connect, cluster: Cluster, opening: Opening) -> Result<Store> {
    let (reply, opened) = oneshot::channel();
    let connect = Arc::clone(connect);
    std::thread::Builder::new()
        .name("denizen-open".to_owned())
        .spawn(move || {
            if let Err(Ok(store)) = reply.send(connect(&cluster, opening)) {
                // Nobody waits for it any more.
                store.close();
            }
        })
        .map_err(|error| StoreError::Io(format!("a thread could not be started: {error}")))?;
    opened.await.map_err(|_| StoreError::Internal("opening a cluster panicked".to_owned()))?
}

/// Closes a database that is not used after all, without waiting for it.
fn close_aside(store: Store) {
    let closing = std::thread::Builder::new().name("denizen-close".to_owned()).spawn(move || store.close());
    if let Err(error) = closing {
        tracing::warn!(%error, "a database that is not needed could not be closed");
    }
}
