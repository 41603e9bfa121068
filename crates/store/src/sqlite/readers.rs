//! Readers: a connection per thread for reads of a few rows, and threads of their own for longer ones.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;

use denizen_domain::ids::OrgKey;
use rusqlite::Connection;

use super::SqliteOptions;
use crate::conn::{Conn, Engine};
use crate::error::{Result, StoreError};

thread_local! {
    /// This thread's connections, by store. Threads end before the process does, and their connections with them.
    static CONNECTIONS: RefCell<HashMap<u64, Connection>> = RefCell::new(HashMap::new());
}

/// Runs `read` on this thread's own connection. It is taken out meanwhile: a read within a read opens another, and a
/// panic drops it.
pub(crate) fn read_here<T>(
    store: u64,
    options: &SqliteOptions,
    org: OrgKey,
    read: impl FnOnce(&Conn<'_>) -> Result<T>,
) -> Result<T> {
    let kept = CONNECTIONS.with(|cell| cell.borrow_mut().remove(&store));
    let connection = kept.map_or_else(|| super::open_reader(options), Ok)?;
    let result = read(&Conn::new(Engine::Sqlite(&connection), org));
    CONNECTIONS.with(|cell| cell.borrow_mut().insert(store, connection));
    result
}

/// Closes this thread's connection to a store.
pub(crate) fn forget_here(store: u64) {
    CONNECTIONS.with(|cell| cell.borrow_mut().remove(&store));
}

/// A long read on its way to a reading thread.
pub(crate) type LongRead = Box<dyn FnOnce(&mut Connection) + Send>;

/// The threads for long reads. They end when the pool is dropped.
pub(crate) struct LongReaders {
    queue: Option<std_mpsc::Sender<LongRead>>,
    threads: Vec<JoinHandle<()>>,
}

impl LongReaders {
    pub(crate) fn start(options: &SqliteOptions) -> Result<Self> {
        let (queue, jobs) = std_mpsc::channel::<LongRead>();
        let jobs = Arc::new(std::sync::Mutex::new(jobs));
        let mut threads = Vec::new();
        for number in 0..options.long_read_threads.max(1) {
            let mut connection = super::open_reader(options)?;
            let jobs = Arc::clone(&jobs);
            let thread = std::thread::Builder::new()
                .name(format!("denizen-read-{number}"))
                .spawn(move || {
                    loop {
                        // A poisoned lock only means that another reader panicked between two jobs.
                        let job = jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv();
                        let Ok(job) = job else { return };
                        job(&mut connection);
                    }
                })
                .map_err(|error| StoreError::Io(format!("a reading thread could not be started: {error}")))?;
            threads.push(thread);
        }
        Ok(Self { queue: Some(queue), threads })
    }

    pub(crate) fn send(&self, read: LongRead) -> Result<()> {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(read).map_err(|_| StoreError::Closed)
    }
}

impl Drop for LongReaders {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A reader that panicked has already answered with an error.
            let _ = thread.join();
        }
    }
}
