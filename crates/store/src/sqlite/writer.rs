//! The writer: one thread, one connection, group commit.
//!
//! Closures queue up; the writer runs each in a savepoint of one IMMEDIATE transaction, commits them together, and
//! only then answers their callers. So one fsync pays for all who wait, and an answer means that the write is on disk.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use denizen_domain::ids::OrgKey;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::SqliteOptions;
use crate::conn::{Conn, Engine, IndexChange, Tx};
use crate::error::{Result, StoreError};

/// A group is closed after this time even when more closures wait, so that the first caller is not held up.
const GROUP_TIME: Duration = Duration::from_millis(5);
/// How long a checkpoint may wait for readers before it leaves the rest to the next one.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(100);
/// When the log has grown to so many times `checkpoint_pages`, the writer waits for the readers and starts it afresh.
const RESTART_FACTOR: u32 = 4;

/// A closure on its way to the writer, and its caller's way back.
pub(crate) trait Write: Send {
    /// The caller has gone: nothing was done yet, so nothing has to be.
    fn is_abandoned(&self) -> bool;
    fn org(&self) -> OrgKey;
    /// Runs the closure and keeps its result; says whether its changes stand.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    /// Answers the caller, after the commit.
    fn settle(self: Box<Self>, committed: Result<()>);
}

/// What the caller waits for.
type Reply<T, E> = oneshot::Sender<Result<T, E>>;

pub(crate) struct Closure<F, T, E> {
    pub(crate) org: OrgKey,
    pub(crate) run: F,
    pub(crate) result: Option<Result<T, E>>,
    pub(crate) reply: Reply<T, E>,
}

impl<F, T, E> Write for Closure<F, T, E>
where
    F: FnMut(&Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn org(&self) -> OrgKey {
        self.org
    }

    fn run(&mut self, tx: &Tx<'_>) -> bool {
        // Nothing of the closure is looked at again after a panic, but its result, which is replaced.
        let result = catch_unwind(AssertUnwindSafe(|| (self.run)(tx)))
            .unwrap_or_else(|_| Err(StoreError::Internal("a write panicked".to_owned()).into()));
        let stands = result.is_ok();
        self.result = Some(result);
        stands
    }

    fn settle(self: Box<Self>, committed: Result<()>) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            // A closure that failed by itself keeps its own error, whatever became of the group.
            (Err(_), Some(Err(own))) => Err(own),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(StoreError::Internal("a write was never run".to_owned()).into()),
        };
        // The caller may have gone meanwhile; the write stands all the same.
        let _ = self.reply.send(answer);
    }
}

pub(crate) struct Writer {
    connection: Connection,
    options: SqliteOptions,
    /// Pages in the write-ahead log after the last commit.
    wal_pages: Arc<AtomicU32>,
    next_checkpoint: u32,
}

impl Writer {
    pub(crate) fn new(options: SqliteOptions, now_micros: i64) -> Result<Self> {
        let mut connection = super::open_writer(&options)?;
        super::migrate::run(&mut connection, now_micros)?;
        let wal_pages = Arc::new(AtomicU32::new(0));
        let noted = Arc::clone(&wal_pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            noted.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let next_checkpoint = options.checkpoint_pages;
        Ok(Self { connection, options, wal_pages, next_checkpoint })
    }

    /// Runs until the last sender is gone, then copies the log into the database and closes it.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Write>>) {
        while let Some(first) = queue.blocking_recv() {
            self.run_group(first, &mut queue);
            self.checkpoint_if_due();
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the log could not be copied into the database at the end; the next start does it");
        }
    }

    fn run_group(&mut self, first: Box<dyn Write>, queue: &mut mpsc::Receiver<Box<dyn Write>>) {
        let mut group: Vec<Box<dyn Write>> = Vec::new();
        let index = RefCell::new(Vec::new());
        let committed = self.commit_group(first, queue, &mut group, &index);
        if committed.is_err() && !self.connection.is_autocommit() {
            // After a failed commit the transaction may still be open; it must not swallow the next group.
            if let Err(error) = self.connection.execute_batch("ROLLBACK") {
                tracing::error!(%error, "a failed write group could not be rolled back");
            }
        }
        for write in group {
            write.settle(committed.clone());
        }
    }

    fn commit_group(
        &self,
        first: Box<dyn Write>,
        queue: &mut mpsc::Receiver<Box<dyn Write>>,
        group: &mut Vec<Box<dyn Write>>,
        index: &RefCell<Vec<IndexChange>>,
    ) -> Result<()> {
        let begun = self.statement("BEGIN IMMEDIATE");
        let started = Instant::now();
        let mut next = Some(first);
        while let Some(mut write) = next {
            if !write.is_abandoned() {
                let ran = begun.clone().and_then(|()| self.run_in_savepoint(write.as_mut(), index));
                group.push(write);
                ran?;
            }
            let full = group.len() >= self.options.group_commit_max || started.elapsed() > GROUP_TIME;
            next = if full { None } else { queue.try_recv().ok() };
        }
        begun?;
        self.apply_index(&index.borrow())?;
        self.statement("COMMIT")
    }

    fn run_in_savepoint(&self, write: &mut dyn Write, index: &RefCell<Vec<IndexChange>>) -> Result<()> {
        let kept = index.borrow().len();
        self.statement("SAVEPOINT closure")?;
        let conn = Conn::new(Engine::Sqlite(&self.connection), write.org());
        if !write.run(&Tx::new(conn, index)) {
            index.borrow_mut().truncate(kept);
            self.statement("ROLLBACK TO closure")?;
        }
        self.statement("RELEASE closure")
    }

    fn apply_index(&self, changes: &[IndexChange]) -> Result<()> {
        for change in changes {
            match change {
                IndexChange::Put { position, grams } => self
                    .connection
                    .prepare_cached("INSERT OR REPLACE INTO user_search (rowid, grams) VALUES (?1, ?2)")?
                    .execute(rusqlite::params![position, grams])?,
                IndexChange::Remove { position } => self
                    .connection
                    .prepare_cached("DELETE FROM user_search WHERE rowid = ?1")?
                    .execute([position])?,
            };
        }
        Ok(())
    }

    fn statement(&self, text: &str) -> Result<()> {
        self.connection.prepare_cached(text)?.execute([])?;
        Ok(())
    }

    /// Engine: a checkpoint that never finishes lets the log grow without bound. The writer copies what it can, and
    /// when readers have kept the log from starting afresh for too long, it waits for them a moment.
    fn checkpoint_if_due(&mut self) {
        let pages = self.wal_pages.load(Ordering::Relaxed);
        if pages < self.options.checkpoint_pages {
            self.next_checkpoint = self.options.checkpoint_pages;
            return;
        }
        if pages < self.next_checkpoint {
            return;
        }
        let must_restart = pages >= self.options.checkpoint_pages.saturating_mul(RESTART_FACTOR);
        let mode =
            if must_restart { "PRAGMA wal_checkpoint(RESTART)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
        if let Err(error) = self.checkpoint(mode) {
            tracing::warn!(%error, pages, "checkpoint failed; it is tried again after more writes");
        }
        self.next_checkpoint = pages.saturating_add(self.options.checkpoint_pages);
    }

    fn checkpoint(&self, pragma: &str) -> rusqlite::Result<()> {
        self.connection.busy_timeout(CHECKPOINT_WAIT)?;
        let done = self.connection.query_row(pragma, [], |_| Ok(()));
        self.connection.busy_timeout(self.options.busy_timeout)?;
        done
    }
}
