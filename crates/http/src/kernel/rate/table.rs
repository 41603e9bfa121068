//! Counters of a fixed number, whoever is counted. It knows minutes and numbers, and neither callers nor databases.
//!
//! Callers choose the names of organizations, and a name that nobody has must not cost memory. A key can stand in one of
//! eight slots; when all are taken in this minute, the one with the smallest count goes. Names invented to push others
//! out count one each and so push each other out.

use std::sync::{Mutex, PoisonError};

use denizen_directory::limits::{PermitKey, Permits};
use denizen_domain::time::Timestamp;

use super::Standing;

const SECONDS: i64 = 60;
const SHARDS: usize = 32;
const SETS_PER_SHARD: usize = 128;
const SLOTS_PER_SET: usize = 8;
/// What a process keeps of permits that it does not need now, as a part of the limit: what it draws first.
const SPARE: u32 = 16;

/// A minute's count of one key.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The keyed hash of who is counted. Two keys meet in one slot about never: 64 bits, and callers don't know the key.
    key: u64,
    /// The minute since 1970 that the count belongs to; 0 in an empty slot.
    window: i64,
    count: u32,
    /// Permits that this process has drawn, those of the calls that are counted included.
    granted: u32,
    /// Permits that all processes had drawn when this one did so last.
    taken: u32,
    /// The second of the minute, from 1, in which nothing was left to be drawn.
    refused_in: u8,
    permit_key: Option<PermitKey>,
}

impl Slot {
    /// Permits in this process's hands that no call uses.
    fn spare(&self) -> u32 {
        self.granted.saturating_sub(self.count)
    }
}

type Set = [Slot; SLOTS_PER_SET];

/// The counters of a process: 32,768 slots, 2 MiB.
pub(super) struct Table(Vec<Mutex<Vec<Set>>>);

/// What a table says about a call that needs a permit.
pub(super) enum Answer {
    Counted(Standing),
    Refused(Standing),
    /// This process has no permit for it.
    NoPermit {
        /// How many are needed: one, and those of calls that were admitted without.
        want: u32,
        /// The key under which permits were drawn before.
        permit_key: Option<PermitKey>,
    },
}

/// The minute since 1970 UTC.
pub(super) fn window(now: Timestamp) -> i64 {
    now.unix_seconds().div_euclid(SECONDS)
}

/// How a limit stands that admits nothing any more.
pub(super) fn used_up(limit: u32, now: Timestamp) -> Standing {
    Standing { limit, remaining: 0, reset: (window(now) + 1) * SECONDS }
}

impl Default for Table {
    fn default() -> Self {
        let shard = || Mutex::new(vec![Set::default(); SETS_PER_SHARD]);
        Self((0..SHARDS).map(|_| shard()).collect())
    }
}

impl Table {
    /// Counts a call, if the limit admits it in this process alone.
    pub(super) fn count(&self, key: u64, limit: u32, now: Timestamp) -> Result<Standing, Standing> {
        self.with_set(key, |set| {
            let slot = slot_for(set, key, window(now));
            if slot.count >= limit {
                return Err(used_up(limit, now));
            }
            Ok(counted(slot, limit, now))
        })
    }

    /// Counts a call, if the limit admits it and there is a permit for it.
    pub(super) fn count_permitted(&self, key: u64, limit: u32, now: Timestamp) -> Answer {
        self.with_set(key, |set| {
            let slot = slot_for(set, key, window(now));
            if slot.count >= limit {
                return Answer::Refused(used_up(limit, now));
            }
            if slot.spare() > 0 {
                return Answer::Counted(counted(slot, limit, now));
            }
            // Another process may give permits back, but whoever is refused must not make the database be asked more
            // often than so.
            if slot.refused_in == second(now) {
                return Answer::Refused(used_up(limit, now));
            }
            Answer::NoPermit { want: slot.count - slot.granted + 1, permit_key: slot.permit_key }
        })
    }

    /// Adds what was drawn for a key in a minute. When its slot has gone meanwhile, so have the permits.
    pub(super) fn add(&self, key: u64, window: i64, permit_key: PermitKey, drawn: Permits, now: Timestamp) {
        self.with_set(key, |set| {
            for slot in set.iter_mut().filter(|slot| slot.key == key && slot.window == window) {
                slot.granted = slot.granted.saturating_add(drawn.granted);
                slot.taken = drawn.taken.max(slot.granted);
                slot.permit_key = Some(permit_key);
                slot.refused_in = if slot.spare() == 0 { second(now) } else { 0 };
            }
        });
    }

    /// Takes a counted call back. Says whether this process has more permits than it should keep then.
    pub(super) fn take_back(&self, key: u64, window: i64, limit: u32) -> bool {
        self.with_set(key, |set| {
            let slot = set.iter_mut().find(|slot| slot.key == key && slot.window == window);
            slot.is_some_and(|slot| {
                slot.count = slot.count.saturating_sub(1);
                // Twice, so that calls that come and go do not draw and give back each time.
                slot.permit_key.is_some() && slot.spare() > 2 * kept(limit)
            })
        })
    }

    /// Parts with the permits that are too many for this process, and says which they are.
    pub(super) fn part_with_excess(&self, key: u64, window: i64, limit: u32) -> Option<(PermitKey, u32)> {
        self.with_set(key, |set| {
            let slot = set.iter_mut().find(|slot| slot.key == key && slot.window == window)?;
            let permit_key = slot.permit_key?;
            let excess = slot.spare().saturating_sub(kept(limit));
            slot.granted -= excess;
            slot.taken -= excess;
            (excess > 0).then_some((permit_key, excess))
        })
    }

    fn with_set<T>(&self, key: u64, act: impl FnOnce(&mut Set) -> T) -> T {
        let place =
            usize::try_from(key % (SHARDS * SETS_PER_SHARD) as u64).expect("less than the number of sets");
        let mut shard = self.0[place % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut shard[place / SHARDS])
    }
}

fn counted(slot: &mut Slot, limit: u32, now: Timestamp) -> Standing {
    slot.count += 1;
    let others = slot.taken.saturating_sub(slot.granted);
    let remaining = limit.saturating_sub(slot.count).saturating_sub(others);
    Standing { remaining, ..used_up(limit, now) }
}

/// How many permits a process keeps that it does not need now.
fn kept(limit: u32) -> u32 {
    (limit / SPARE).max(1)
}

/// The second of the minute, from 1.
fn second(now: Timestamp) -> u8 {
    u8::try_from(now.unix_seconds().rem_euclid(SECONDS) + 1).expect("at most 60")
}

/// The key's own slot of this minute, or the one that costs least to take over.
fn slot_for(set: &mut Set, key: u64, window: i64) -> &mut Slot {
    let own = set.iter().position(|slot| slot.key == key && slot.window == window);
    let place = own.unwrap_or_else(|| {
        let cost = |slot: &Slot| if slot.window == window { u64::from(slot.count) + 1 } else { 0 };
        let cheapest = (0..SLOTS_PER_SET).min_by_key(|place| cost(&set[*place])).unwrap_or_default();
        set[cheapest] = Slot { key, window, ..Slot::default() };
        cheapest
    });
    &mut set[place]
}
