//! Where sorted lists go on.
//!
//! A continuation token is a small integer, so it can name the last user of a page but not what that user was sorted
//! by. This keeps the latter for a while: when the user is renamed or deleted between two pages, the next page still
//! begins where the last one ended. After a restart, or in another process, the user's present values serve.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::time::Timestamp;
use denizen_store::users::{After, Position, SortKey};

/// Cursors are personal data in memory, so they do not stay longer than a client needs between two pages.
const LIFE_SECONDS: i64 = 600;
const MOST: usize = 10_000;

/// Who was given a page: the organization that the caller belongs to, and the caller.
///
/// What one caller's page ended at is nobody else's business: a list that goes on behind a user tells how that user is
/// sorted, even to somebody who may not see the user.
pub(crate) type Reader = (OrgKey, UserId);

type Key = (Reader, OrgKey, Position, Vec<SortKey>);

#[derive(Default)]
pub(crate) struct Cursors(Mutex<HashMap<Key, (Timestamp, After)>>);

impl Cursors {
    pub(crate) fn keep(&self, reader: Reader, org: OrgKey, sort: &[SortKey], after: &After, now: Timestamp) {
        if sort.is_empty() {
            return;
        }
        let mut cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cursors.len() >= MOST {
            let oldest = now.plus_seconds(-LIFE_SECONDS);
            cursors.retain(|_, (kept, _)| *kept > oldest);
            if cursors.len() >= MOST {
                // All are in use; the present values of the users serve instead.
                cursors.clear();
            }
        }
        cursors.insert((reader, org, after.position, sort.to_vec()), (now, after.clone()));
    }

    pub(crate) fn find(
        &self,
        reader: Reader,
        org: OrgKey,
        position: Position,
        sort: &[SortKey],
        now: Timestamp,
    ) -> Option<After> {
        let cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, after) = cursors.get(&(reader, org, position, sort.to_vec()))?;
        (kept.plus_seconds(LIFE_SECONDS) > now).then(|| after.clone())
    }

    /// Drops what is too old to be used.
    pub(crate) fn purge(&self, now: Timestamp) {
        let oldest = now.plus_seconds(-LIFE_SECONDS);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (kept, _)| *kept > oldest);
    }
}
