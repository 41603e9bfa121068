//! The store: transactions as functions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use denizen_domain::ids::OrgKey;
use denizen_domain::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::conn::{Conn, Engine, Tx};
use crate::error::{Result, StoreError};
use crate::sqlite::SqliteOptions;
use crate::sqlite::readers::{LongReaders, forget_here, read_here};
use crate::sqlite::writer::{Closure, Write, Writer};

/// Closures that may wait for the writer before callers wait for a place.
const QUEUE: usize = 4_096;

/// A long read looks after so many steps of SQLite's machine, well under a millisecond, whether anybody waits for it.
const WATCH_STEPS: i32 = 10_000;

/// A cluster's database. Cloning shares it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    number: u64,
    closed: AtomicBool,
    options: SqliteOptions,
    writes: Mutex<Option<mpsc::Sender<Box<dyn Write>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    long_reads: LongReaders,
}

impl Store {
    /// Opens the database, creating or migrating it as needed. `now` goes into the record of applied migrations.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] when a newer denizen has migrated it; [`StoreError::Io`] when the file cannot be used.
    pub fn open(options: SqliteOptions, now: Timestamp) -> Result<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let writer = Writer::new(options.clone(), now.0)?;
        let (writes, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("denizen-writer".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|error| StoreError::Io(format!("the writer thread could not be started: {error}")))?;
        let long_reads = LongReaders::start(&options)?;
        Ok(Self {
            inner: Arc::new(Inner {
                number: NUMBERS.fetch_add(1, Ordering::Relaxed),
                closed: AtomicBool::new(false),
                options,
                writes: Mutex::new(Some(writes)),
                writer: Mutex::new(Some(thread)),
                long_reads,
            }),
        })
    }

    /// Runs `closure` in a write transaction bound to `org`; the answer comes after the commit reached the disk.
    ///
    /// An error of the closure undoes all that it did. The closure may be run again, and must have no effect but its
    /// SQL. When the caller goes away before the closure was started, it is not run.
    pub async fn write<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let writes = self.inner.writes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let writes = writes.ok_or(StoreError::Closed)?;
        let write = Box::new(Closure { org, run: closure, result: None, reply });
        writes.send(write).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs a read of a few rows: on SQLite at once, on this thread. A read that may touch many rows belongs into
    /// [`Self::scan`]; so do several statements that must see the same state, for here each sees the latest.
    /// The closure may be run again.
    #[allow(clippy::unused_async)] // An engine behind a network has to wait.
    pub async fn read<T, E, F>(&self, org: OrgKey, mut closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.check_open()?;
        read_here(self.inner.number, &self.inner.options, org, |conn| Ok(closure(conn)))?
    }

    /// Runs a longer read on a thread of its own, in one snapshot. When the caller goes away, the running statement
    /// is interrupted.
    pub async fn scan<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.check_open()?;
        let (reply, answer) = oneshot::channel();
        let abandoned = Arc::new(AtomicBool::new(false));
        let guard = AbandonOnDrop(Arc::clone(&abandoned));
        self.inner.long_reads.send(Box::new(move |connection| {
            if abandoned.load(Ordering::Relaxed) {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| {
                let seen = Arc::clone(&abandoned);
                let watch = move || seen.load(Ordering::Relaxed);
                connection.progress_handler(WATCH_STEPS, Some(watch)).map_err(StoreError::from)?;
                in_snapshot(connection, org, closure)
            }))
            .unwrap_or_else(|_| Err(StoreError::Internal("a read panicked".to_owned()).into()));
            // The caller may have gone meanwhile.
            let _ = reply.send(result);
        }))?;
        let result = answer.await.map_err(|_| StoreError::Closed)?;
        drop(guard);
        result
    }

    /// Whether the store answers; for readiness. Does not queue behind long reads, which say nothing about that.
    pub async fn ping(&self) -> Result<()> {
        self.read(OrgKey::CONTROL, |conn| crate::control::find_by_key(conn, OrgKey::CONTROL).map(drop)).await
    }

    /// Looks for damage and for what contradicts itself, on a connection of its own; a line for each problem, none
    /// when all is well. Reads everything, which takes minutes for millions of users. Blocks.
    #[allow(clippy::unused_async)] // An engine behind a network has to wait.
    pub async fn check(&self) -> Result<Vec<String>> {
        self.check_open()?;
        crate::check::run(&self.inner.options)
    }

    fn check_open(&self) -> Result<()> {
        if self.inner.closed.load(Ordering::Relaxed) { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// Finishes what was queued, copies the log into the database, and closes it. Later calls answer
    /// [`StoreError::Closed`].
    pub fn close(&self) {
        let writes = self.inner.writes.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(writes);
        self.inner.closed.store(true, Ordering::Relaxed);
        forget_here(self.inner.number);
        let writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = writer
            && thread.join().is_err()
        {
            tracing::error!("the writer thread panicked");
        }
    }
}

fn in_snapshot<T, E, F>(connection: &rusqlite::Connection, org: OrgKey, mut closure: F) -> Result<T, E>
where
    F: FnMut(&Conn<'_>) -> Result<T, E>,
    E: From<StoreError>,
{
    let snapshot = connection.unchecked_transaction().map_err(StoreError::from)?;
    let result = closure(&Conn::new(Engine::Sqlite(&snapshot), org));
    // A read has nothing to commit; ending the snapshot cannot lose anything.
    drop(snapshot);
    result
}

/// Set when the caller of a read goes away; the reading connection looks at it every so many steps of a statement.
///
/// Engine: `sqlite3_interrupt` would only reach a statement that happens to be running; this also stops the ones that
/// the closure starts later.
struct AbandonOnDrop(Arc<AtomicBool>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
