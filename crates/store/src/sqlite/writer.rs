//! The writer: one thread, one connection, group commit.
//!
//! Closures queue up; the writer runs each in a savepoint of one IMMEDIATE transaction, commits them together, and
//! only then answers their callers. So one fsync pays for all who wait, and an answer means that the write is on disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use denizen_domain::ids::OrgKey;
use rusqlite::Connection;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::SqliteOptions;
use super::checkpoints::Checkpoints;
use super::postings::{self, CatchUp, Place};
use super::readers::Readers;
use super::touched::{Taken, Touched};
use crate::changes::{Changes, Moment};
use crate::conn::{Admission, AtEnd, Conn, Engine, Tx};
use crate::error::{Result, StoreError};
use crate::gate;

/// A group is closed after this time even when more closures wait, so that the first caller is not held up.
const GROUP_TIME: Duration = Duration::from_millis(5);
/// The most that a closure which could go on goes on for while others write too, who wait for all of it.
const SPARE_BESIDE: Duration = Duration::from_millis(100);
/// So long after they have written they are thought to go on.
const OTHERS_NEAR: Duration = Duration::from_secs(10);
/// How long a checkpoint may wait for readers, or for the one that runs beside the writer, before it leaves the rest to the
/// next one.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(100);
/// How long the log's emptying may wait for readers and for a checkpoint, and writers for it; it is tried again.
const EMPTYING_WAIT: Duration = Duration::from_millis(30);
/// What a checkpoint beside the writer has left of the log is copied by the writer, if it is so many pages or less, which takes
/// some ten milliseconds: then all of it is copied, and the log can start afresh.
const REST: u32 = 2_000;
/// When the log has grown to so many times `checkpoint_pages`, the writer waits for the readers and starts it afresh.
const RESTART_FACTOR: u32 = 3;

/// A closure on its way to the writer, and its caller's way back.
pub(crate) trait Write: Send {
    /// The caller has gone: nothing was done yet, so nothing has to be.
    fn is_abandoned(&self) -> bool;
    fn org(&self) -> OrgKey;
    fn admission(&self) -> Admission;
    /// Keeps the seam's refusal as the result.
    fn refuse(&mut self, error: StoreError);
    /// Runs the closure and keeps its result; says whether its changes stand.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    /// Answers the caller, after the commit.
    fn settle(self: Box<Self>, committed: Result<()>);
}

/// What the writer is asked for.
pub(crate) enum Command {
    Write(Box<dyn Write>),
    /// To look whether others have written.
    Look(Moment),
    /// What a scrub has to look at.
    BeginScrub(oneshot::Sender<Taken>),
    /// Ends a scrub: copies the log into the database and empties it. The answer is whether that was done, or readers were
    /// in the way.
    EndScrub(u64, oneshot::Sender<Result<bool>>),
}

/// What the caller waits for.
type Reply<T, E> = oneshot::Sender<Result<T, E>>;

pub(crate) struct Closure<F, T, E> {
    pub(crate) org: OrgKey,
    pub(crate) admission: Admission,
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

    fn admission(&self) -> Admission {
        self.admission
    }

    fn refuse(&mut self, error: StoreError) {
        self.result = Some(Err(error.into()));
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

/// How long the writer waits for another process to let go of a lock.
///
/// Engine: SQLite's own waiting looks ever more rarely, up to ten times a second, and would hardly ever meet the short
/// moment between two groups of a busy server; this looks a thousand times a second.
#[derive(Clone)]
struct Patience {
    micros: Arc<AtomicU64>,
}

impl Patience {
    const STEP: Duration = Duration::from_millis(1);

    /// Threads of this process that hold a snapshot let it go as soon as they are waited for.
    fn watch(connection: &mut Connection, readers: Arc<Readers>, patience: Duration) -> Result<Self> {
        let micros = Arc::new(AtomicU64::new(0));
        let limit = Arc::clone(&micros);
        let mut since = Instant::now();
        connection.busy_handler(Some(move |tries: i32| {
            if tries == 0 {
                since = Instant::now();
            }
            let waits = since.elapsed() < Duration::from_micros(limit.load(Ordering::Relaxed));
            if waits {
                readers.let_go();
                std::thread::sleep(Self::STEP);
            }
            waits
        }))?;
        let watched = Self { micros };
        watched.set(patience);
        Ok(watched)
    }

    fn set(&self, patience: Duration) {
        self.micros.store(u64::try_from(patience.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

pub(crate) struct Writer {
    connection: Connection,
    options: SqliteOptions,
    readers: Arc<Readers>,
    changes: Arc<Changes>,
    /// How often others were found to have written, of which the first look is none, and when it was last more.
    others: Option<(u64, Option<Instant>)>,
    patience: Patience,
    checkpoints: Checkpoints,
    touched: Touched,
    /// Pages in the write-ahead log after the last commit.
    wal_pages: Arc<AtomicU32>,
    /// Whether the last group has written anything.
    has_written: Arc<AtomicBool>,
    /// At so many pages the log is copied again …
    next_checkpoint: u32,
    /// … and at so many the writer waits for readers, so that the log can start afresh.
    next_restart: u32,
    /// What the search index still has to take in, while nobody waits.
    catch_up: CatchUp,
}

impl Writer {
    pub(crate) fn new(
        options: SqliteOptions,
        readers: Arc<Readers>,
        changes: Arc<Changes>,
        now_micros: i64,
    ) -> Result<Self> {
        let mut connection = super::open_writer(&options)?;
        let patience = Patience::watch(&mut connection, Arc::clone(&readers), options.busy_timeout)?;
        super::migrate::run(&mut connection, now_micros)?;
        let (wal_pages, has_written) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (noted, wrote) = (Arc::clone(&wal_pages), Arc::clone(&has_written));
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            noted.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            wrote.store(true, Ordering::Relaxed);
            Ok(())
        }))?;
        let checkpoints = Checkpoints::start(&options)?;
        let touched = Touched::new(&options.path);
        let next_checkpoint = options.checkpoint_pages;
        let next_restart = next_checkpoint.saturating_mul(RESTART_FACTOR);
        Ok(Self {
            connection,
            options,
            readers,
            changes,
            others: None,
            patience,
            checkpoints,
            touched,
            wal_pages,
            has_written,
            next_checkpoint,
            next_restart,
            catch_up: CatchUp::begin(),
        })
    }

    /// Runs until the last sender is gone, then copies the log into the database and closes it. Readers of other
    /// processes may keep it from that; the next start does it then.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut held = None;
        while let Some(command) = held.take().or_else(|| self.next(&mut queue)) {
            match command {
                Command::Write(first) => {
                    held = self.run_group(first, &mut queue);
                    self.checkpoint_if_due();
                }
                Command::Look(asked) => self.look(asked),
                // Who asks may have gone meanwhile: what was taken is given to the next one, too, and the log is empty.
                Command::BeginScrub(reply) => drop(reply.send(self.touched.take())),
                Command::EndScrub(number, reply) => {
                    let is_empty = self.empty_log();
                    if matches!(is_empty, Ok(true)) {
                        self.touched.scrubbed(number);
                    }
                    drop(reply.send(is_empty.map_err(StoreError::from)));
                }
            }
        }
        self.checkpoints.stop();
        if let Err(error) = self.empty_log() {
            tracing::warn!(%error, "the log could not be copied into the database at the end; the next start does it");
        }
    }

    /// The next command. While there is none, the search index catches up.
    fn next(&mut self, queue: &mut mpsc::Receiver<Command>) -> Option<Command> {
        while !self.catch_up.is_done() {
            match queue.try_recv() {
                Ok(command) => return Some(command),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            let (touched, readers, changes) = (&mut self.touched, &self.readers, &self.changes);
            let begun = |connection: &Connection| Ok(look_for_others(touched, readers, changes, connection)?);
            if let Err(error) = self.catch_up.step(&self.connection, begun) {
                tracing::warn!(%error, "the search index could not catch up; searches take longer until it does");
            }
            self.note_written();
            self.checkpoint_if_due();
        }
        queue.blocking_recv()
    }

    /// Answers the command that ended the group, if one did.
    fn run_group(&mut self, first: Box<dyn Write>, queue: &mut mpsc::Receiver<Command>) -> Option<Command> {
        let mut group: Vec<Box<dyn Write>> = Vec::new();
        let at_end = AtEnd::default();
        let mut held = None;
        let committed = self
            .commit_group(first, queue, &mut group, &at_end, &mut held)
            .map(|behind| self.catch_up.add(behind));
        if committed.is_err() && !self.connection.is_autocommit() {
            // After a failed commit the transaction may still be open; it must not swallow the next group.
            if let Err(error) = self.connection.execute_batch("ROLLBACK") {
                tracing::error!(%error, "a failed write group could not be rolled back");
            }
        }
        // Also when it failed: whether it was done may be unknown. What is read anew has to be read from a new snapshot.
        self.readers.note_write();
        self.changes.note(&at_end.altered.take());
        for write in group {
            write.settle(committed.clone());
        }
        self.note_written();
        held
    }

    /// Keeps the books of written pages after a commit.
    fn note_written(&mut self) {
        if self.has_written.swap(false, Ordering::Relaxed) {
            self.touched.note(self.wal_pages.load(Ordering::Relaxed));
        }
    }

    fn commit_group(
        &mut self,
        first: Box<dyn Write>,
        queue: &mut mpsc::Receiver<Command>,
        group: &mut Vec<Box<dyn Write>>,
        at_end: &AtEnd,
        held: &mut Option<Command>,
    ) -> Result<Vec<Place>> {
        let begun = self.statement("BEGIN IMMEDIATE").and_then(|()| Ok(self.look_for_others()?));
        let (mut admitted, spare) = (Vec::new(), self.spare_time());
        let started = Instant::now();
        let mut next = Some(first);
        while let Some(mut write) = next {
            if !write.is_abandoned() {
                let is_alone = group.is_empty();
                let has_time = || is_alone && queue.is_empty() && started.elapsed() < spare;
                let ran = begun.clone().and_then(|()| {
                    if self.is_admitted(write.as_ref(), &mut admitted)? {
                        self.run_in_savepoint(write.as_mut(), at_end, &has_time)
                    } else {
                        write.refuse(StoreError::Barred);
                        Ok(())
                    }
                });
                group.push(write);
                ran?;
            }
            let full = group.len() >= self.options.group_commit_max || started.elapsed() > GROUP_TIME;
            next = match if full { None } else { queue.try_recv().ok() } {
                Some(Command::Write(write)) => Some(write),
                other => {
                    *held = other;
                    None
                }
            };
        }
        begun?;
        let behind = postings::apply(&self.connection, at_end.index.take())?;
        self.statement("COMMIT")?;
        Ok(behind)
    }

    fn look_for_others(&mut self) -> rusqlite::Result<()> {
        look_for_others(&mut self.touched, &self.readers, &self.changes, &self.connection)
    }

    /// Who else waits to write is not known, only who has written.
    fn spare_time(&mut self) -> Duration {
        let count = self.changes.others();
        let seen = match self.others {
            Some((before, seen)) if before == count => seen,
            Some(_) => Some(Instant::now()),
            None => None,
        };
        self.others = Some((count, seen));
        let most = self.options.spare_time;
        if seen.is_some_and(|seen| seen.elapsed() < OTHERS_NEAR) { most.min(SPARE_BESIDE) } else { most }
    }

    fn look(&mut self, asked: Moment) {
        let looked = self.look_for_others();
        self.changes.looked(asked, looked.is_ok());
        if let Err(error) = looked {
            tracing::warn!(%error, "it is not known whether others have written; sessions and organizations are read again each second");
        }
    }

    /// Whether the write may be done. Who was admitted is not asked for again in the same group, in which nobody shuts a
    /// gate unnoticed: whoever does so is given admission, and what was admitted before is forgotten then.
    fn is_admitted(&self, write: &dyn Write, admitted: &mut Vec<OrgKey>) -> Result<bool> {
        let org = write.org();
        if write.admission() != Admission::Asked {
            admitted.clear();
            return Ok(true);
        }
        if org == OrgKey::CONTROL || admitted.contains(&org) {
            return Ok(true);
        }
        let is_shut = self.connection.prepare_cached(gate::IS_SHUT.sqlite())?.exists([org.0])?;
        if !is_shut {
            admitted.push(org);
        }
        Ok(!is_shut)
    }

    fn run_in_savepoint(
        &self,
        write: &mut dyn Write,
        at_end: &AtEnd,
        has_time: &dyn Fn() -> bool,
    ) -> Result<()> {
        let kept = at_end.index.borrow().len();
        self.statement("SAVEPOINT closure")?;
        let conn = Conn::new(Engine::Sqlite(&self.connection), write.org());
        if !write.run(&Tx::new(conn, Some(at_end)).with_time(has_time)) {
            at_end.index.borrow_mut().truncate(kept);
            self.statement("ROLLBACK TO closure")?;
        }
        self.statement("RELEASE closure")
    }

    fn statement(&self, text: &str) -> Result<()> {
        self.connection.prepare_cached(text)?.execute([])?;
        Ok(())
    }

    /// Engine: a checkpoint that never finishes lets the log grow without bound. A thread of its own copies what it can, the
    /// writer what came meanwhile, and when readers have kept the log from starting afresh for too long, it waits for them
    /// a moment. A reader that stays longer than that holds writers up once for every doubling of the log, and not again
    /// and again.
    fn checkpoint_if_due(&mut self) {
        let (pages, step) = (self.wal_pages.load(Ordering::Relaxed), self.options.checkpoint_pages);
        let ended = self.checkpoints.ended(Duration::ZERO);
        if pages < step {
            self.next_checkpoint = step;
            self.next_restart = step.saturating_mul(RESTART_FACTOR);
            return;
        }
        if pages >= self.next_restart {
            self.next_restart = pages.saturating_mul(2);
            self.next_checkpoint = pages.saturating_add(step);
            // As for the log's emptying.
            let _ = self.checkpoints.ended(CHECKPOINT_WAIT);
            self.copy_log("PRAGMA wal_checkpoint(RESTART)");
        } else if let Some(ended) = ended {
            match ended {
                Ok(copied) if pages.saturating_sub(copied) <= REST => {
                    self.copy_log("PRAGMA wal_checkpoint(PASSIVE)");
                }
                // Much came meanwhile, and it will be less after the next one; or a reader is in the way.
                Ok(copied) if pages.saturating_sub(copied) < step => self.order_copy(),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, pages, "checkpoint failed; it is tried again after more writes");
                }
            }
        } else if pages >= self.next_checkpoint {
            self.next_checkpoint = pages.saturating_add(step);
            self.order_copy();
        }
    }

    fn order_copy(&mut self) {
        self.readers.let_go();
        self.checkpoints.order();
    }

    /// A part of a checkpoint that the writer waits for.
    fn copy_log(&self, pragma: &str) {
        if let Err(error) = self.checkpoint(pragma, CHECKPOINT_WAIT) {
            tracing::warn!(%error, "checkpoint failed; it is tried again after more writes");
        }
    }

    /// Whether the log is empty now: readers of an older state may have been in the way.
    fn empty_log(&mut self) -> rusqlite::Result<bool> {
        // Engine: one checkpoint does not wait for another. What the other one came to is of no account: this one copies all.
        let _ = self.checkpoints.ended(EMPTYING_WAIT);
        let is_empty = self.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)", EMPTYING_WAIT)?;
        if is_empty {
            self.wal_pages.store(0, Ordering::Relaxed);
        }
        Ok(is_empty)
    }

    /// Whether nothing was in the way of the checkpoint.
    fn checkpoint(&self, pragma: &str, wait: Duration) -> rusqlite::Result<bool> {
        self.patience.set(wait);
        // What they hold now would be the most that can be copied, and keep the log from starting afresh behind it.
        self.readers.let_go();
        let done = self.connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
        self.patience.set(self.options.busy_timeout);
        done.map(|busy| busy == 0)
    }
}

/// Engine: `PRAGMA data_version` says another number when, and only when, another connection has committed, in this process or
/// in another one (<https://www.sqlite.org/pragma.html#pragma_data_version>); all of this process's writes are the writer's own.
fn look_for_others(
    touched: &mut Touched,
    readers: &Readers,
    changes: &Changes,
    connection: &Connection,
) -> rusqlite::Result<()> {
    if touched.look_for_others(connection)? {
        // First: what is read anew must not come from a snapshot of before.
        readers.note_write();
        changes.note_others();
    }
    Ok(())
}
