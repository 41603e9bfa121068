//! Where sorted lists go on.
//!
//! A continuation token is a small integer, so it can name the last row of a page but not what that row was sorted
//! by. This keeps the latter for a while: when the row is changed or deleted between two pages, the next page still
//! begins where the last one ended. After a restart, or in another process, the row's present values serve.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::time::Timestamp;
use denizen_store::Value;
use denizen_store::keyset::{After, Page};

use crate::context::OpContext;
use crate::room::make_room;

/// Cursors are personal data in memory, so they do not stay longer than a client needs between two pages.
const LIFE_SECONDS: i64 = 600;
const MOST: usize = 10_000;

/// Which list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum List {
    Members,
    ExternalEvents(UserId),
    Memories(UserId),
    TemporaryGrants,
}

/// A list as one caller reads it, in one order.
///
/// What one caller's page ended at is nobody else's business: a list that goes on behind a row tells how that row is
/// sorted, even to somebody who may not see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Reading {
    /// The organization that the caller belongs to, and the caller.
    reader: (OrgKey, UserId),
    org: OrgKey,
    list: List,
    /// The sort keys with their directions.
    order: String,
}

impl Reading {
    /// `sort` are the sort keys with their directions; there are none for a list that is not sorted.
    pub(crate) fn new<K: std::fmt::Debug>(ctx: &OpContext, list: List, sort: &[K]) -> Self {
        let order = if sort.is_empty() { String::new() } else { format!("{sort:?}") };
        Self { reader: (ctx.session.home.org, ctx.session.user_id), org: ctx.org(), list, order }
    }
}

/// By the reading and the position of the last row of a page.
type Kept = HashMap<(Reading, i64), (Timestamp, Vec<Value>)>;

#[derive(Default)]
pub(crate) struct Cursors(Mutex<Kept>);

impl Cursors {
    /// Keeps what the row at `position`, the last one of a page, was sorted by.
    pub(crate) fn keep(&self, reading: Reading, position: i64, values: &[Value], now: Timestamp) {
        if reading.order.is_empty() {
            return;
        }
        let mut cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, oldest) = ((reading, position), now.plus_seconds(-LIFE_SECONDS));
        // Where all are in use, the present values of the rows serve instead.
        make_room(&mut cursors, MOST, &key, |(kept, _)| *kept > oldest);
        cursors.insert(key, (now, values.to_vec()));
    }

    pub(crate) fn find(&self, reading: &Reading, position: i64, now: Timestamp) -> Option<Vec<Value>> {
        let cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, values) = cursors.get(&(reading.clone(), position))?;
        (kept.plus_seconds(LIFE_SECONDS) > now).then(|| values.clone())
    }

    /// Where a reading goes on behind the row at `position`, if that can be said without a look at the row.
    pub(crate) fn after(&self, reading: &Reading, position: i64, now: Timestamp) -> Option<After> {
        let values =
            if reading.order.is_empty() { Some(Vec::new()) } else { self.find(reading, position, now) };
        values.map(|values| After { position, values })
    }

    /// The token that continues a page, which was asked for with the token `asked`: its end is kept. An empty page of a
    /// limit of 0 goes on where it began.
    pub(crate) fn token<T>(
        &self,
        reading: Reading,
        page: &Page<T>,
        asked: i64,
        now: Timestamp,
    ) -> Option<i64> {
        let Some(after) = &page.next else { return page.has_more.then_some(asked) };
        self.keep(reading, after.position, &after.values, now);
        Some(after.position)
    }

    /// Drops what is too old to be used.
    pub(crate) fn purge(&self, now: Timestamp) {
        let oldest = now.plus_seconds(-LIFE_SECONDS);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (kept, _)| *kept > oldest);
    }
}
