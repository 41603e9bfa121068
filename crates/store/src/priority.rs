//! Threads that let others go first.

/// Lowers this thread's priority by so many of the system's steps, of which each is about a fifth of the processor time that it
/// gets beside others. Where nobody else wants the processor, nothing changes.
#[cfg(target_os = "linux")]
pub fn give_way(steps: i32) {
    // On Linux a priority is a thread's. Nobody may be kept from lowering it, but by a filter of system calls.
    if let Err(error) = rustix::process::nice(steps) {
        tracing::warn!(%error, "a thread that works in the background keeps the priority of all others");
    }
}

/// Elsewhere the priority is the process's, and stays.
#[cfg(not(target_os = "linux"))]
pub fn give_way(_steps: i32) {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use denizen_domain::time::Timestamp;

    use crate::{SqliteOptions, Store};

    /// The priority of each thread of this process that has such a name.
    fn priorities(of: &str) -> Vec<i32> {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        let read = |task: std::path::PathBuf| {
            let stat = std::fs::read_to_string(task.join("stat")).ok()?;
            let (name, rest) = stat.rsplit_once(')')?;
            let is_one = name.split_once('(')?.1.starts_with(of);
            is_one.then(|| rest.split_whitespace().nth(16)?.parse().ok())?
        };
        tasks.filter_map(read).collect()
    }

    #[test]
    fn what_writes_copies_and_reads_for_long_stands_behind_what_answers() {
        let folder = tempfile::tempdir().unwrap();
        let own = rustix::process::getpriority_process(None).unwrap();
        let behind = (own + crate::sqlite::BEHIND).min(19);
        let store = Store::open(SqliteOptions::new(folder.path().join("x.db")), Timestamp(1)).unwrap();
        for thread in ["denizen-writer", "denizen-copy", "denizen-read"] {
            // A thread that was just started may not have got so far.
            let begun = std::time::Instant::now();
            while priorities(thread).is_empty() || priorities(thread).iter().any(|found| *found != behind) {
                assert!(begun.elapsed().as_secs() < 20, "{thread}: {:?}", priorities(thread));
                std::thread::yield_now();
            }
        }
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), own);
        store.close();
    }
}
