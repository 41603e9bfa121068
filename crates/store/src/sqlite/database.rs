//! A SQLite file with its writer and readers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use denizen_domain::ids::OrgKey;
use tokio::sync::{mpsc, oneshot};

use super::SqliteOptions;
use super::gaps;
use super::readers::{LongReaders, Readers, forget_here, read_here};
use super::touched::Taken;
use super::writer::{Closure, Command, Writer};
use crate::changes::Changes;
use crate::check::{Placement, Report, Watch};
use crate::conn::{Admission, Conn, Engine, Tx};
use crate::error::{Result, StoreError};
use crate::priority::give_way;

/// Closures that may wait for the writer before callers wait for a place.
const QUEUE: usize = 4_096;

/// A long read looks after so many steps of SQLite's machine, well under a millisecond, whether anybody waits for it.
const WATCH_STEPS: i32 = 10_000;

/// Pages that are looked through in one snapshot: some ten milliseconds.
const SCANNED_PAGES: usize = 4_096;
/// Pages whose gaps are cleared in one transaction.
const CLEARED_PAGES: usize = 256;
/// Pauses between the attempts to empty the log: the first, and the longest of those that double.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

pub(crate) struct Database {
    number: u64,
    is_closed: AtomicBool,
    options: SqliteOptions,
    readers: Arc<Readers>,
    changes: Arc<Changes>,
    writes: Mutex<Option<mpsc::Sender<Command>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    long_reads: LongReaders,
}

impl Database {
    pub(crate) fn open(options: SqliteOptions, now_micros: i64) -> Result<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let readers = Arc::<Readers>::default();
        let (writes, queue) = mpsc::channel(QUEUE);
        // Not another sender, or the writer would never end.
        let orders = writes.downgrade();
        let changes = Arc::new(Changes::watched(Box::new(move |asked| {
            orders.upgrade().is_some_and(|writes| writes.try_send(Command::Look(asked)).is_ok())
        })));
        let writer = Writer::new(options.clone(), Arc::clone(&readers), Arc::clone(&changes), now_micros)?;
        let thread = std::thread::Builder::new()
            .name("denizen-writer".to_owned())
            .spawn(move || {
                give_way(super::BEHIND);
                writer.run(queue);
            })
            .map_err(|error| StoreError::Io(format!("the writer thread could not be started: {error}")))?;
        let long_reads = LongReaders::start(&options)?;
        Ok(Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            is_closed: AtomicBool::new(false),
            options,
            readers,
            changes,
            writes: Mutex::new(Some(writes)),
            writer: Mutex::new(Some(thread)),
            long_reads,
        })
    }

    pub(crate) async fn write<T, E, F>(&self, org: OrgKey, admission: Admission, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let write = Box::new(Closure { org, admission, run: closure, result: None, reply });
        self.command(Command::Write(write)).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn command(&self, command: Command) -> Result<()> {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writes.ok_or(StoreError::Closed)?.send(command).await.map_err(|_| StoreError::Closed)
    }

    /// Clears the gaps of all pages that have been written since that was done the last time, then copies the log into the
    /// database and empties it. What was erased before is in neither file then.
    pub(crate) async fn scrub(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::BeginScrub(reply)).await?;
        let Taken { number, pages } = answer.await.map_err(|_| StoreError::Closed)?;
        let count = self.scan(OrgKey::CONTROL, |conn| gaps::page_count(conn.sqlite()?)).await?;
        let pages = pages.unwrap_or_else(|| (1..=count).collect());
        for some in pages.chunks(SCANNED_PAGES) {
            let some = some.to_vec();
            let found = self.scan(OrgKey::CONTROL, move |conn| gaps::find(conn.sqlite()?, &some)).await?;
            for some in found.chunks(CLEARED_PAGES) {
                let some = some.to_vec();
                let clear = move |tx: &Tx<'_>| gaps::clear(tx.sqlite()?, &some);
                self.write(OrgKey::CONTROL, Admission::Given, clear).await?;
            }
        }
        self.end_scrub(number).await
    }

    /// Readers of an older state keep the log from being emptied, for as long as they read.
    async fn end_scrub(&self, number: u64) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            let (reply, answer) = oneshot::channel();
            self.command(Command::EndScrub(number, reply)).await?;
            if answer.await.map_err(|_| StoreError::Closed)?? {
                return Ok(());
            }
            if pause > LONGEST_PAUSE {
                return Err(StoreError::Busy);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// Runs a read at once, on this thread.
    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        org: OrgKey,
        mut closure: impl FnMut(&Conn<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.check_open()?;
        read_here(self.number, &self.options, &self.readers, org, |conn| Ok(closure(conn)))?
    }

    pub(crate) async fn scan<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.check_open()?;
        let (reply, answer) = oneshot::channel();
        let abandoned = Arc::new(AtomicBool::new(false));
        let guard = AbandonOnDrop(Arc::clone(&abandoned));
        self.long_reads.send(Box::new(move |connection| {
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

    /// Looks the file over. Blocks.
    pub(crate) fn look_over(&self, placement: &Placement, watch: &Watch) -> Result<Report> {
        self.check_open()?;
        super::check::run(&self.options, placement, watch)
    }

    pub(crate) fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    fn check_open(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Relaxed) { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// Finishes what was queued, copies the log into the database, and closes it.
    pub(crate) fn close(&self) {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(writes);
        self.is_closed.store(true, Ordering::Relaxed);
        forget_here(self.number);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
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
