//! Reads on a hot standby, where that makes no difference that matters.
//!
//! A read may go there if the standby holds all that this process has written in the read's organization, and all that
//! anybody has written up to a moment that is not long ago; see [`super::watch`] for how that is known. Whatever goes wrong
//! there, the read is done on the primary, and nobody hears of it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use denizen_domain::ids::OrgKey;
use tokio::sync::oneshot;

use super::failure::Failure;
use super::lanes::{Lane, Task};
use super::options::PostgresOptions;
use super::readers::{Readers, Replay};
use super::run::{Outage, Run};
use super::session::{GRACE, Mode, Session};
use super::watch::{Watch, Watching};
use crate::conn::{Admission, Conn, Engine, Tx};
use crate::error::{Result, StoreError};

/// Organizations that share a moment of their last write cost one another a read on the primary, and nothing else.
const SLOTS: usize = 4_096;

/// When this process last wrote in each organization, or in one that shares its slot.
pub(super) struct Written {
    began: Instant,
    /// Nanoseconds since then; 0 is never.
    slots: Box<[AtomicU64]>,
}

impl Written {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }

    fn slot(&self, org: OrgKey) -> &AtomicU64 {
        // Fibonacci hashing: the high bits depend on all of the key's.
        let hash = org.0.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.slots[usize::try_from(hash >> 32).unwrap_or_default() % SLOTS]
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// Notes a write that has been acknowledged.
    pub(super) fn note(&self, organizations: &[OrgKey]) {
        self.note_at(organizations, Instant::now());
    }

    /// Notes a write whose connection was lost: it may still be under way.
    pub(super) fn note_unknown(&self, organizations: &[OrgKey]) {
        self.note_at(organizations, Instant::now() + GRACE);
    }

    fn note_at(&self, organizations: &[OrgKey], at: Instant) {
        let nanos = self.nanos(at);
        for org in organizations {
            self.slot(*org).fetch_max(nanos, Ordering::AcqRel);
        }
    }

    /// Whether this process's last write in the organization had been acknowledged before that moment.
    fn is_before(&self, org: OrgKey, at: Instant) -> bool {
        self.slot(org).load(Ordering::Acquire) < self.nanos(at)
    }
}

/// What is known of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaState {
    /// How old what it holds may be; as old as the watch when nothing is known.
    pub staleness: Duration,
    /// Reads that it has answered.
    pub reads: u64,
    /// Reads that it was asked for and the primary has answered.
    pub returned: u64,
}

/// The connections to a standby.
pub(super) struct Replica {
    watch: Arc<Watch>,
    watching: Mutex<Option<Watching>>,
    written: Arc<Written>,
    options: Arc<PostgresOptions>,
    outage: Outage,
    readers: Readers,
    long: Lane,
    reads: AtomicU64,
    returned: AtomicU64,
}

impl Replica {
    /// Starts watching, if a replica is named and `primary` tells what is written.
    pub(super) fn start(primary: &PostgresOptions) -> Result<Option<Self>> {
        let (Some(replica), Some(written)) = (&primary.replica, &primary.written) else { return Ok(None) };
        let watch = Arc::new(Watch::new(replica.most_lag));
        let options = Arc::new(PostgresOptions {
            write_connections: 0,
            read_connections: primary.read_connections,
            long_read_connections: primary.long_read_connections,
            statement_timeout: primary.statement_timeout,
            patience: Duration::ZERO,
            guard: Some(Arc::clone(&watch)),
            ..(*replica.options).clone()
        });
        Ok(Some(Self {
            watching: Mutex::new(Some(Watching::start(&watch, primary, &options)?)),
            watch,
            written: Arc::clone(written),
            readers: Readers::new(&options, &Arc::default()),
            long: Lane::start("pg-replica", Mode::Snapshot, options.long_read_connections, None, &options)?,
            outage: Outage::default(),
            options,
            reads: AtomicU64::new(0),
            returned: AtomicU64::new(0),
        }))
    }

    /// Whether reads of this organization may go here now.
    pub(super) fn is_fresh(&self, org: OrgKey) -> bool {
        self.watch.mark().is_some_and(|mark| self.written.is_before(org, mark.at))
    }

    pub(super) fn state(&self) -> ReplicaState {
        ReplicaState {
            staleness: self.watch.staleness(),
            reads: self.reads.load(Ordering::Relaxed),
            returned: self.returned.load(Ordering::Relaxed),
        }
    }

    /// Runs a read of a few rows; nothing when the primary has to.
    pub(super) async fn read<T, E>(
        &self,
        org: OrgKey,
        closure: &mut (dyn FnMut(&Conn<'_>) -> Result<T, E> + Send),
    ) -> Option<Result<T, E>> {
        let replay = RefCell::new(Replay::default());
        loop {
            let result = closure(&Conn::new(Engine::Replay(&replay), org));
            let Some(question) = replay.borrow_mut().rewind() else { return self.count(Ok(result)) };
            let answer = match self.readers.ask_at_once(&question).await {
                Ok(rows) => Ok(rows),
                Err(Failure::Refused(StoreError::Interrupted)) => Err(StoreError::Interrupted),
                Err(failure) => return self.count(Err(&failure)),
            };
            replay.borrow_mut().answer(question, answer);
        }
    }

    /// Runs a longer read in one snapshot; nothing when the primary has to.
    pub(super) async fn scan<T, E, F>(self: &Arc<Self>, org: OrgKey, mut closure: F) -> Option<Result<T, E>>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        // Dropped with this future, which tells the thread that nobody waits any more.
        let (_waiting, abandoned) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        let this = Arc::clone(self);
        let task: Task = Box::new(move |session: &RefCell<Session>| {
            let has_gone = || reply.is_closed();
            let (outage, patience) = (&this.outage, this.options.patience);
            let admission = Admission::Given;
            let run = Run { session, outage, patience, org, admission, has_gone: &has_gone };
            let result = run.at_once(Some(abandoned), &mut closure);
            // The caller may have gone meanwhile.
            let _ = reply.send(result);
            session.borrow_mut().roll_back();
        });
        match self.long.send(task).await {
            Ok(()) => match answer.await {
                Ok(Ok(result)) => self.count(Ok(result)),
                Ok(Err(failure)) => self.count(Err(&failure)),
                Err(_) => self.count(Err(&Failure::Lost("the thread is gone".to_owned()))),
            },
            Err(error) => self.count(Err(&Failure::Refused(error))),
        }
    }

    fn count<T>(&self, result: Result<T, &Failure>) -> Option<T> {
        match result {
            Ok(result) => {
                self.reads.fetch_add(1, Ordering::Relaxed);
                Some(result)
            }
            Err(failure) => {
                self.returned.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(error = %failure.error(), "a read on the replica is done on the primary");
                None
            }
        }
    }

    pub(super) fn close(&self) {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.readers.close();
        self.long.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_covered_by_moments_after_it_only() {
        let written = Written::new();
        let (org, other) = (OrgKey(7), OrgKey(8));
        let before = Instant::now();
        assert!(written.is_before(org, before), "nothing was written yet");
        written.note_at(&[org], before);
        assert!(!written.is_before(org, before));
        assert!(written.is_before(org, before + Duration::from_nanos(1)));
        assert!(written.is_before(other, before));
        written.note_at(&[org], before.checked_sub(Duration::from_nanos(1)).unwrap());
        assert!(!written.is_before(org, before), "an earlier write takes nothing back");
    }

    #[test]
    fn a_write_that_may_still_be_under_way_is_not_covered_soon() {
        let written = Written::new();
        written.note_unknown(&[OrgKey(7)]);
        assert!(!written.is_before(OrgKey(7), Instant::now() + GRACE / 2));
        assert!(written.is_before(OrgKey(7), Instant::now() + GRACE * 2));
    }

    #[test]
    fn organizations_that_follow_one_another_have_slots_of_their_own() {
        let written = Written::new();
        written.note(&[OrgKey(1)]);
        let untouched = (2..1_000).filter(|org| written.is_before(OrgKey(*org), written.began)).count();
        assert!(untouched >= 996, "{untouched}");
    }
}
