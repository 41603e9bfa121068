//! Readers: a connection per thread for reads of a few rows, and threads of their own for longer ones.
//!
//! Beginning and ending a read takes system calls: locks in the shared index of the log, a look at the file. A thread that
//! answers many requests one after the other spares them: it reads from one snapshot until somebody has written, and lets
//! it go when it has nothing to do, which whoever runs the thread says ([`rest`]). A thread of which nobody says that takes
//! a snapshot of its own for each statement.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use denizen_domain::ids::OrgKey;
use rusqlite::Connection;

use super::SqliteOptions;
use crate::conn::{Conn, Engine};
use crate::error::{Result, StoreError};
use crate::priority::give_way;

/// For how long a snapshot is read from: what other processes write is seen after that.
const LONGEST_SNAPSHOT: Duration = Duration::from_millis(2);

thread_local! {
    static HERE: Here = Here::default();
}

/// What a thread has of all stores. Threads end before the process does, and their connections with them.
#[derive(Default)]
struct Here {
    /// Whether this thread says when it has nothing to do.
    rests: Cell<bool>,
    readers: RefCell<HashMap<u64, SharedReader>>,
}

/// A thread's own connection, which is locked while the thread reads: between two reads the writer may let its snapshot go.
type SharedReader = Arc<Mutex<Reader>>;

struct Reader {
    connection: Connection,
    snapshot: Option<Snapshot>,
}

/// A read transaction that is open.
struct Snapshot {
    begun: Instant,
    /// How many writes this process had acknowledged before.
    writes: u64,
}

impl Reader {
    /// Sees to it that the next read finds all that was acknowledged before.
    fn catch_up(&mut self, writes: &AtomicU64, holds: bool) -> Result<()> {
        // To be read before the snapshot is taken: a write in between makes it outdated, never the other way round.
        let writes = writes.load(Ordering::Acquire);
        let is_current =
            |snapshot: &Snapshot| snapshot.writes == writes && snapshot.begun.elapsed() < LONGEST_SNAPSHOT;
        if self.snapshot.as_ref().is_some_and(is_current) {
            return Ok(());
        }
        self.let_go()?;
        if holds {
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.snapshot = Some(Snapshot { begun: Instant::now(), writes });
        }
        Ok(())
    }

    fn let_go(&mut self) -> Result<()> {
        // Engine: after some errors SQLite has ended the transaction itself.
        if self.snapshot.take().is_some() && !self.connection.is_autocommit() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }
}

/// The connections of all threads that have read, and what they have to know.
#[derive(Default)]
pub(crate) struct Readers {
    /// How many writes of this process were acknowledged.
    writes: AtomicU64,
    all: Mutex<Vec<Weak<Mutex<Reader>>>>,
}

impl Readers {
    /// Makes every read that begins from now on see what was written. To be called before a write is acknowledged.
    pub(crate) fn note_write(&self) {
        self.writes.fetch_add(1, Ordering::Release);
    }

    fn open(&self, options: &SqliteOptions) -> Result<SharedReader> {
        let connection = super::open_reader(options)?;
        let reader = Arc::new(Mutex::new(Reader { connection, snapshot: None }));
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|reader| reader.strong_count() > 0);
        all.push(Arc::downgrade(&reader));
        Ok(reader)
    }

    /// Lets go of the snapshots of threads that do not read at this moment: a thread that waits for a processor must not
    /// keep the log from starting afresh.
    pub(crate) fn let_go(&self) {
        for reader in self.all.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade)
        {
            if let Ok(mut reader) = reader.try_lock()
                && let Err(error) = reader.let_go()
            {
                tracing::warn!(%error, "a snapshot could not be let go");
            }
        }
    }
}

/// Runs `read` on this thread's own connection. It is taken out meanwhile: a read within a read opens another, and a
/// panic drops it.
pub(crate) fn read_here<T>(
    store: u64,
    options: &SqliteOptions,
    readers: &Readers,
    org: OrgKey,
    read: impl FnOnce(&Conn<'_>) -> Result<T>,
) -> Result<T> {
    HERE.with(|here| {
        let kept = here.readers.borrow_mut().remove(&store);
        let shared = kept.map_or_else(|| readers.open(options), Ok)?;
        let result = {
            // Not poisoned: what panics never comes back here.
            let mut reader = shared.lock().unwrap_or_else(PoisonError::into_inner);
            reader.catch_up(&readers.writes, here.rests.get())?;
            read(&Conn::new(Engine::Sqlite(&reader.connection), org))
        };
        here.readers.borrow_mut().insert(store, shared);
        result
    })
}

/// Lets go of what this thread reads from. To be called whenever the thread is about to wait for something to do, and
/// before its first read too: only a thread that does so reads from one snapshot many times.
pub fn rest() {
    HERE.with(|here| {
        here.rests.set(true);
        here.readers.borrow_mut().retain(|_, reader| {
            let done = reader.lock().unwrap_or_else(PoisonError::into_inner).let_go();
            if let Err(error) = &done {
                tracing::warn!(%error, "a snapshot could not be let go, so its connection is closed");
            }
            done.is_ok()
        });
    });
}

/// Closes this thread's connection to a store.
pub(crate) fn forget_here(store: u64) {
    HERE.with(|here| here.readers.borrow_mut().remove(&store));
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
        let jobs = Arc::new(Mutex::new(jobs));
        let mut threads = Vec::new();
        for number in 0..options.long_read_threads.max(1) {
            let mut connection = super::open_reader(options)?;
            let jobs = Arc::clone(&jobs);
            let thread = std::thread::Builder::new()
                .name(format!("denizen-read-{number}"))
                .spawn(move || {
                    give_way(super::BEHIND);
                    loop {
                        // A poisoned lock only means that another reader panicked between two jobs.
                        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
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
