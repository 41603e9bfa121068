//! Writes that share a transaction, one after the other, so that they share what a transaction costs.
//!
//! Nothing of it shows: when one of them cannot go on, what all did is undone, and each is run in a transaction of its own.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use denizen_domain::ids::OrgKey;

use super::session::{CommitFailure, Pass, Session};
use crate::conn::{Admission, Conn, Engine, Tx};
use crate::error::StoreError;

/// A write that may share its transaction with others.
pub(crate) trait Companion: Send {
    fn org(&self) -> OrgKey;

    /// Runs the closure in the transaction that is open. `false` when that has to be undone.
    fn join(&mut self, session: &RefCell<Session>) -> bool;

    /// Says how it ended, where the transaction has come to its end, or what is wrong with it.
    fn end(self: Box<Self>, unknown: Option<&StoreError>);

    /// Runs the closure in a transaction of its own.
    fn alone(self: Box<Self>, session: &RefCell<Session>, pass: Pass);
}

/// Runs a closure in a transaction that is shared, and keeps its result. `false` when it must not stand.
pub(super) fn join<T, E>(
    session: &RefCell<Session>,
    org: OrgKey,
    closure: &mut dyn FnMut(&Tx<'_>) -> Result<T, E>,
    kept: &mut Option<Result<T, E>>,
) -> bool {
    let wrote_before = session.borrow_mut().take_wrote();
    let tx = Tx::new(Conn::new(Engine::Postgres(session), org), None);
    // Run again by itself, it panics where that is told.
    let Ok(result) = catch_unwind(AssertUnwindSafe(|| closure(&tx))) else { return false };
    let mut session = session.borrow_mut();
    let wrote = session.take_wrote();
    session.note_wrote(wrote_before || wrote);
    // An error undoes what its closure did, and that has to be told from what the others did.
    let stands = session.failure().is_none() && (result.is_ok() || !wrote);
    *kept = Some(result);
    stands
}

/// Whether it went well to share.
pub(super) fn run(session: &RefCell<Session>, mut group: Vec<Box<dyn Companion>>) -> bool {
    let is_connected = session.borrow().is_connected();
    if group.len() == 1 || !is_connected {
        for one in group {
            one.alone(session, Pass::Hopeful);
        }
        return true;
    }
    // An organization is entered once for all who write in it.
    group.sort_by_key(|one| one.org());
    session.borrow_mut().begin(Pass::Hopeful, Admission::Asked, None);
    let joined = group.iter_mut().all(|one| one.join(session));
    let mut held = session.borrow_mut();
    let committed = if joined { held.commit().map_err(Some) } else { Err(None) };
    match committed {
        Ok(()) => {
            drop(held);
            for one in group {
                one.end(None);
            }
            true
        }
        Err(Some(CommitFailure::Unknown(text))) => {
            held.disconnect();
            drop(held);
            tracing::error!(error = %text, writes = group.len(), "the outcome of a commit is not known");
            let unknown = StoreError::OutcomeUnknown(text);
            for one in group {
                one.end(Some(&unknown));
            }
            false
        }
        Err(Some(CommitFailure::Failed(_)) | None) => {
            held.roll_back();
            drop(held);
            for one in group {
                one.alone(session, Pass::Looking);
            }
            false
        }
    }
}
