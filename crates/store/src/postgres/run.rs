//! Running a closure until it has succeeded, failed by itself, or must not be run again.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use denizen_domain::ids::OrgKey;
use tokio::sync::oneshot;

use super::failure::Failure;
use super::session::{CommitFailure, Mode, Pass, Session};
use crate::conn::{Admission, Conn, Engine, Tx};
use crate::error::StoreError;

/// How often a closure is run again when its connection is lost each time.
pub(crate) const MOST_LOSSES: u32 = 5;
/// How often a closure is run when it runs into a key each time: more than once means that nobody else is in the way.
const MOST_KEY_CONFLICTS: u32 = 3;
/// Between two attempts to reach a server.
pub(crate) const KNOCK: Duration = Duration::from_millis(50);
/// A closure that met others so often goes first.
const MOST_CONFLICTS: u32 = 8;
/// The longest wait for a conflict to go away.
const MOST_WAIT: Duration = Duration::from_millis(50);

/// How often an outage that lasts is told, and the loss of connections.
const TOLD: Duration = Duration::from_secs(30);

/// Since when the server cannot be reached. While it cannot, closures are refused after one attempt, so that the threads
/// are not all taken by closures that wait.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Course>);

#[derive(Debug, Default)]
struct Course {
    began: Option<Instant>,
    told: Option<Instant>,
    /// When the loss of a connection was last told.
    loss_told: Option<Instant>,
    /// Attempts to connect that are under way, and how many have failed.
    knocking: u32,
    failed: u64,
    said: String,
}

/// An attempt to connect, while it lasts.
#[derive(Debug)]
pub(crate) struct Knock<'o>(&'o Outage);

impl Drop for Knock<'_> {
    fn drop(&mut self) {
        self.0.course().knocking -= 1;
    }
}

/// Whether it is time to tell again what was told at `told`, if it was.
pub(super) fn is_due(told: &mut Option<Instant>, now: Instant) -> bool {
    let is_due = told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD);
    if is_due {
        *told = Some(now);
    }
    is_due
}

impl Outage {
    fn course(&self) -> MutexGuard<'_, Course> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many attempts have failed, for whoever is going to make one.
    pub(crate) fn failed(&self) -> u64 {
        self.course().failed
    }

    /// Begins an attempt to connect. Once `patience` has passed one at a time is enough, for it may take seconds where a
    /// server does not even refuse: everybody else is told how the last one ended, and so is who came before its end.
    pub(crate) fn knock(&self, failed_before: u64, patience: Duration) -> Result<Knock<'_>, StoreError> {
        let mut course = self.course();
        let is_over_patience = course.began.is_some_and(|began| began.elapsed() > patience);
        if is_over_patience && (course.knocking > 0 || course.failed > failed_before) {
            return Err(StoreError::Unreachable(course.said.clone()));
        }
        course.knocking += 1;
        Ok(Knock(self))
    }

    /// Says, after an attempt to connect, whether there is to be another.
    ///
    /// # Errors
    /// The failure, when waiting would not help or `patience` has passed since the outage began.
    pub(crate) fn must_wait(&self, failure: &Failure, patience: Duration) -> Result<(), StoreError> {
        let now = Instant::now();
        let (began, is_due) = {
            let mut course = self.course();
            course.failed += 1;
            course.said = match failure.error() {
                StoreError::Unreachable(text) | StoreError::Io(text) | StoreError::Refused(text) => text,
                other => other.to_string(),
            };
            (*course.began.get_or_insert(now), is_due(&mut course.told, now))
        };
        let lasts = now.saturating_duration_since(began);
        // Once for all who meet it: every request does.
        if is_due {
            tracing::warn!(error = %failure.error(), seconds = lasts.as_secs(), "PostgreSQL cannot be reached");
        }
        match failure.error() {
            StoreError::Unreachable(_) if lasts <= patience => Ok(()),
            // Refused at the door, it is as far away.
            StoreError::Io(text) => Err(StoreError::Unreachable(text)),
            error => Err(error),
        }
    }

    /// Tells of a connection that was lost: one line for all that are lost at about the same time.
    pub(crate) fn note_loss(&self, error: &str) {
        let is_due = is_due(&mut self.course().loss_told, Instant::now());
        if is_due {
            tracing::warn!(error, "a connection to PostgreSQL was lost");
        } else {
            tracing::debug!(error, "a connection to PostgreSQL was lost");
        }
    }

    pub(crate) fn end(&self) {
        let began = {
            let mut course = self.course();
            course.told = None;
            course.began.take()
        };
        if let Some(began) = began {
            tracing::info!(seconds = began.elapsed().as_secs(), "PostgreSQL answers again");
        }
    }

    /// Connects, waiting for `patience` since the outage began, and no longer than somebody waits for the closure.
    fn connect(&self, run: &Run<'_>) -> Result<(), StoreError> {
        let Run { session, patience, .. } = *run;
        let failed_before = self.failed();
        loop {
            // What is run for nobody would be a surprise to a caller who was told that it failed.
            if (run.has_gone)() {
                return Err(StoreError::Interrupted);
            }
            if session.borrow().is_connected() {
                return Ok(());
            }
            let knock = self.knock(failed_before, patience)?;
            let connected = session.borrow_mut().connect();
            drop(knock);
            let Err(failure) = connected else {
                self.end();
                return Ok(());
            };
            self.must_wait(&failure, patience)?;
            std::thread::sleep(KNOCK);
        }
    }
}

/// What is the same for every attempt.
pub(crate) struct Run<'r> {
    pub(crate) session: &'r RefCell<Session>,
    pub(crate) outage: &'r Outage,
    pub(crate) patience: Duration,
    pub(crate) org: OrgKey,
    pub(crate) admission: Admission,
    /// Whether nobody waits for the closure any more.
    pub(crate) has_gone: &'r dyn Fn() -> bool,
}

/// What counts in the end. The closure's own result stays with whoever knows its type: this code is the same for all.
enum Ended {
    /// The closure's own result.
    Own,
    /// The closure's own refusal, or this if it has not refused.
    RefusalOr(StoreError),
    /// This, whatever the closure said.
    Failed(StoreError),
}

impl Ended {
    fn result<T, E: From<StoreError>>(self, own: Option<Result<T, E>>) -> Result<T, E> {
        match self {
            Self::Own => own.unwrap_or_else(|| {
                Err(StoreError::Internal("a closure that was not run has ended".to_owned()).into())
            }),
            Self::RefusalOr(error) => own.filter(Result::is_err).unwrap_or_else(|| Err(error.into())),
            Self::Failed(error) => Err(error.into()),
        }
    }
}

enum Attempt {
    Ended(Ended),
    /// To be run again.
    Again(Failure),
}

/// A closure that keeps its result by itself, and says whether that is a success.
type Step<'c> = &'c mut dyn FnMut(&Tx<'_>) -> bool;

/// Keeps what a closure answered last.
fn keep<T, E>(own: &mut Option<Result<T, E>>, result: Result<T, E>) -> bool {
    own.insert(result).is_ok()
}

impl Run<'_> {
    /// Runs a closure. A read's transaction is left open, for [`Session::roll_back`] to end after the answer.
    pub(crate) fn until_done<T, E: From<StoreError>>(
        &self,
        first_pass: Pass,
        abandoned: Option<oneshot::Receiver<()>>,
        closure: &mut dyn FnMut(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut own = None;
        self.attempts(first_pass, abandoned, &mut |tx| keep(&mut own, closure(tx))).result(own)
    }

    fn attempts(
        &self,
        first_pass: Pass,
        mut abandoned: Option<oneshot::Receiver<()>>,
        step: Step<'_>,
    ) -> Ended {
        let started = Instant::now();
        let (mut runs, mut losses) = (0, 0);
        loop {
            if let Err(error) = self.outage.connect(self) {
                return Ended::Failed(error);
            }
            runs += 1;
            let pass = match runs {
                1 => first_pass,
                ..=MOST_CONFLICTS => Pass::Looking,
                _ => Pass::First,
            };
            let failure = match self.once(pass, abandoned.take(), step) {
                Attempt::Ended(ended) => return ended,
                Attempt::Again(failure) => failure,
            };
            let gives_up = match &failure {
                Failure::Lost(error) => {
                    losses += 1;
                    self.outage.note_loss(error);
                    self.session.borrow_mut().disconnect();
                    losses > MOST_LOSSES
                }
                Failure::Conflict(StoreError::Constraint(_)) => runs >= MOST_KEY_CONFLICTS,
                Failure::Conflict(_) => started.elapsed() > self.patience,
                Failure::Refused(_) => true,
            };
            if gives_up {
                return Ended::RefusalOr(failure.error());
            }
            // Who has met a key looks now, and may find that it is there to stay.
            let has_hoped =
                pass == Pass::Hopeful && matches!(failure, Failure::Conflict(StoreError::Constraint(_)));
            if matches!(failure, Failure::Conflict(_)) && !has_hoped {
                self.step_aside(runs);
            }
        }
    }

    /// Runs a read once, where another server can be asked instead: nothing is waited for that may take long.
    ///
    /// # Errors
    /// What kept this server from answering.
    pub(super) fn at_once<T, E: From<StoreError>>(
        &self,
        abandoned: Option<oneshot::Receiver<()>>,
        closure: &mut dyn FnMut(&Tx<'_>) -> Result<T, E>,
    ) -> Result<Result<T, E>, Failure> {
        if (self.has_gone)() {
            return Ok(Err(StoreError::Interrupted.into()));
        }
        self.session.borrow_mut().connect()?;
        let mut own = None;
        match self.once(Pass::Hopeful, abandoned, &mut |tx| keep(&mut own, closure(tx))) {
            Attempt::Ended(ended) => match self.session.borrow().failure() {
                // It took too long, or nobody waits for it any more: elsewhere that is no better.
                None | Some(Failure::Refused(StoreError::Interrupted)) => Ok(ended.result(own)),
                Some(failure) => Err(failure.clone()),
            },
            Attempt::Again(failure) => {
                if matches!(failure, Failure::Lost(_)) {
                    self.session.borrow_mut().disconnect();
                }
                Err(failure)
            }
        }
    }

    fn once(&self, pass: Pass, abandoned: Option<oneshot::Receiver<()>>, step: Step<'_>) -> Attempt {
        self.session.borrow_mut().begin(pass, self.admission, abandoned);
        let conn = Conn::new(Engine::Postgres(self.session), self.org);
        let tx = Tx::new(conn, None);
        // Nothing of the closure is looked at again after a panic.
        let ran = catch_unwind(AssertUnwindSafe(|| step(&tx)));
        let mut session = self.session.borrow_mut();
        let Ok(is_success) = ran else {
            session.roll_back();
            return Attempt::Ended(Ended::Failed(StoreError::Internal("a closure panicked".to_owned())));
        };
        if let Some(failure) = session.failure().cloned() {
            session.roll_back();
            return match failure {
                Failure::Refused(error) => Attempt::Ended(Ended::RefusalOr(error)),
                again => Attempt::Again(again),
            };
        }
        if session.mode() == Mode::Snapshot {
            return Attempt::Ended(Ended::Own);
        }
        if !is_success {
            session.roll_back();
            return Attempt::Ended(Ended::Own);
        }
        match session.commit() {
            Ok(()) => Attempt::Ended(Ended::Own),
            Err(CommitFailure::Failed(Failure::Refused(error))) => Attempt::Ended(Ended::Failed(error)),
            Err(CommitFailure::Failed(again)) => Attempt::Again(again),
            Err(CommitFailure::Unknown(text)) => {
                session.disconnect();
                tracing::error!(error = %text, "the outcome of a commit is not known");
                Attempt::Ended(Ended::Failed(StoreError::OutcomeUnknown(text)))
            }
        }
    }

    /// Waits a little longer after each attempt, and each connection for another while, so that those who met do not
    /// meet again.
    fn step_aside(&self, runs: u32) {
        let slot = u32::try_from(self.session.borrow().slot()).unwrap_or_default();
        let spread = 50 + (slot * 37 + runs * 29) % 100;
        let wait = Duration::from_micros(500) * runs.saturating_mul(runs).min(100) * spread / 100;
        std::thread::sleep(wait.min(MOST_WAIT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Failure {
        Failure::Lost("connection refused".to_owned())
    }

    #[test]
    fn an_outage_is_told_at_its_beginning_and_then_now_and_then() {
        let began = Instant::now();
        let mut told = None;
        let due: Vec<bool> = [0, 1, 29, 30, 31, 59, 60]
            .map(|seconds| is_due(&mut told, began + Duration::from_secs(seconds)))
            .into();
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn an_outage_that_ended_is_told_anew_when_it_comes_back() {
        let outage = Outage::default();
        assert_eq!(outage.must_wait(&lost(), Duration::from_mins(1)), Ok(()));
        assert!(outage.0.lock().unwrap().told.is_some());
        outage.end();
        let course = outage.0.lock().unwrap();
        assert!(course.told.is_none() && course.began.is_none());
    }

    #[test]
    fn once_patience_is_over_one_at_a_time_tries_to_connect() {
        let (outage, patience) = (Outage::default(), Duration::ZERO);
        let first = outage.knock(0, patience).expect("nothing has failed yet");
        assert!(outage.knock(0, patience).is_ok(), "as long as all is well, everybody may");
        let refused = Err(StoreError::Unreachable("connection refused".to_owned()));
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(outage.must_wait(&lost(), Duration::from_mins(1)), Ok(()));
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(outage.knock(outage.failed(), patience).map(drop), refused);
        drop(first);
        assert_eq!(
            outage.knock(outage.failed() - 1, patience).map(drop),
            refused,
            "it came before the failure"
        );
        assert_eq!(outage.knock(outage.failed(), patience).map(drop), Ok(()));
        assert_eq!(outage.knock(0, Duration::from_mins(1)).map(drop), Ok(()), "patience is not over yet");
        outage.end();
        assert_eq!(outage.knock(0, patience).map(drop), Ok(()));
    }

    #[test]
    fn who_is_refused_at_the_door_waits_no_longer_and_hears_that_the_server_is_out_of_reach() {
        let wrong = Failure::Refused(StoreError::Io("wrong password (28P01)".to_owned()));
        let refused = Outage::default().must_wait(&wrong, Duration::from_mins(1));
        assert_eq!(refused, Err(StoreError::Unreachable("wrong password (28P01)".to_owned())));
        let denied = Failure::Refused(StoreError::Refused("permission denied".to_owned()));
        assert_eq!(Outage::default().must_wait(&denied, Duration::from_mins(1)), Err(denied.error()));
    }
}
