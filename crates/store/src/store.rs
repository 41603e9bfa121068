//! The store: transactions as functions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
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

/// A cluster's database. Cloning shares it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    number: u64,
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

    /// Runs a read of a few rows at once, on this thread. A read that may touch many rows belongs into [`Self::scan`].
    pub fn read<T, E: From<StoreError>>(
        &self,
        org: OrgKey,
        closure: impl FnOnce(&Conn<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        read_here(self.inner.number, &self.inner.options, org, |conn| Ok(closure(conn)))?
    }

    /// Runs a longer read on a thread of its own, in one snapshot. When the caller goes away, the running statement
    /// is interrupted.
    pub async fn scan<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnOnce(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let interrupt = Arc::new(Interrupt::default());
        let seen = Arc::clone(&interrupt);
        self.inner.long_reads.send(Box::new(move |connection| {
            if !seen.arm(connection) {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| in_snapshot(connection, org, closure)))
                .unwrap_or_else(|_| Err(StoreError::Internal("a read panicked".to_owned()).into()));
            seen.disarm();
            // The caller may have gone meanwhile.
            let _ = reply.send(result);
        }))?;
        let guard = InterruptOnDrop(interrupt);
        let result = answer.await.map_err(|_| StoreError::Closed)?;
        drop(guard);
        result
    }

    /// Whether the store answers; for readiness.
    pub async fn ping(&self) -> Result<()> {
        self.scan(OrgKey::CONTROL, |conn| crate::control::count_organizations(conn).map(drop)).await
    }

    /// Finishes what was queued, copies the log into the database, and closes it. Later calls answer
    /// [`StoreError::Closed`].
    pub fn close(&self) {
        let writes = self.inner.writes.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(writes);
        forget_here(self.inner.number);
        let writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = writer
            && thread.join().is_err()
        {
            tracing::error!("the writer thread panicked");
        }
    }
}

fn in_snapshot<T, E, F>(connection: &rusqlite::Connection, org: OrgKey, closure: F) -> Result<T, E>
where
    F: FnOnce(&Conn<'_>) -> Result<T, E>,
    E: From<StoreError>,
{
    let snapshot = connection.unchecked_transaction().map_err(StoreError::from)?;
    let result = closure(&Conn::new(Engine::Sqlite(&snapshot), org));
    // A read has nothing to commit; ending the snapshot cannot lose anything.
    drop(snapshot);
    result
}

/// The way to stop a running read whose caller has gone.
#[derive(Default)]
struct Interrupt {
    state: Mutex<InterruptState>,
}

#[derive(Default)]
struct InterruptState {
    abandoned: bool,
    running: Option<rusqlite::InterruptHandle>,
}

impl Interrupt {
    /// Called by the reading thread before it starts; `false` when nobody waits any more.
    fn arm(&self, connection: &rusqlite::Connection) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.abandoned {
            state.running = Some(connection.get_interrupt_handle());
        }
        !state.abandoned
    }

    /// Called by the reading thread when it is done, so that a late drop cannot hit the next read.
    fn disarm(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).running = None;
    }
}

struct InterruptOnDrop(Arc<Interrupt>);

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.abandoned = true;
        if let Some(running) = state.running.take() {
            running.interrupt();
        }
    }
}
