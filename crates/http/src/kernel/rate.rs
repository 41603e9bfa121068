//! Limits per organization, operation and minute.
//!
//! Counters live in a table of fixed size, because callers choose the names of organizations: a name that nobody has
//! must not cost memory. A key can stand in one of eight slots; when all are taken in this minute, the one with the
//! smallest count goes. Names invented to push others out count one each and so push each other out.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

use denizen_domain::time::Timestamp;

const SECONDS: i64 = 60;
const SHARDS: usize = 32;
const SETS_PER_SHARD: usize = 128;
const SLOTS_PER_SET: usize = 8;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The keyed hash of who is counted. Two keys meet in one slot about never: 64 bits, and callers don't know the key.
    key: u64,
    /// The minute since 1970 that the count belongs to; 0 in an empty slot.
    window: i64,
    count: u32,
}

type Set = [Slot; SLOTS_PER_SET];

/// The counters of a process: 32,768 slots, 768 KiB.
pub(crate) struct RateLimiter {
    hasher: RandomState,
    shards: Vec<Mutex<Vec<Set>>>,
}

/// A limit as an answer shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// When the minute ends, in seconds since 1970 UTC.
    pub(crate) reset: i64,
}

/// One counted call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    key: u64,
    window: i64,
    pub(crate) standing: Standing,
}

impl Default for RateLimiter {
    fn default() -> Self {
        let shard = || Mutex::new(vec![Set::default(); SETS_PER_SHARD]);
        Self { hasher: RandomState::new(), shards: (0..SHARDS).map(|_| shard()).collect() }
    }
}

impl RateLimiter {
    /// The key under which calls are counted.
    pub(crate) fn key(&self, who: impl Hash) -> u64 {
        self.hasher.hash_one(who)
    }

    /// Counts one call, if the limit admits it.
    pub(crate) fn count(&self, key: u64, limit: u32, now: Timestamp) -> Result<Ticket, Standing> {
        let window = now.unix_seconds().div_euclid(SECONDS);
        let reset = (window + 1) * SECONDS;
        self.with_set(key, |set| {
            let slot = slot_for(set, key, window);
            if slot.count >= limit {
                return Err(Standing { limit, remaining: 0, reset });
            }
            slot.count += 1;
            Ok(Ticket { key, window, standing: Standing { limit, remaining: limit - slot.count, reset } })
        })
    }

    /// Takes a counted call back, and says how the limit stands then.
    pub(crate) fn take_back(&self, ticket: Ticket) -> Standing {
        self.with_set(ticket.key, |set| {
            for slot in set.iter_mut().filter(|slot| slot.key == ticket.key && slot.window == ticket.window) {
                slot.count = slot.count.saturating_sub(1);
            }
        });
        let remaining = (ticket.standing.remaining + 1).min(ticket.standing.limit);
        Standing { remaining, ..ticket.standing }
    }

    fn with_set<T>(&self, key: u64, act: impl FnOnce(&mut Set) -> T) -> T {
        let place =
            usize::try_from(key % (SHARDS * SETS_PER_SHARD) as u64).expect("less than the number of sets");
        let mut shard = self.shards[place % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut shard[place / SHARDS])
    }
}

/// The key's own slot of this minute, or the one that costs least to take over.
fn slot_for(set: &mut Set, key: u64, window: i64) -> &mut Slot {
    let own = set.iter().position(|slot| slot.key == key && slot.window == window);
    let place = own.unwrap_or_else(|| {
        let cost = |slot: &Slot| if slot.window == window { u64::from(slot.count) + 1 } else { 0 };
        let cheapest = (0..SLOTS_PER_SET).min_by_key(|place| cost(&set[*place])).unwrap_or_default();
        set[cheapest] = Slot { key, window, count: 0 };
        cheapest
    });
    &mut set[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_767_268_800_000_000);

    #[test]
    fn a_minute_admits_its_limit_and_the_next_one_begins_anew() {
        let limiter = RateLimiter::default();
        let key = limiter.key(("get_users", "acme"));
        for remaining in (0..3).rev() {
            assert_eq!(limiter.count(key, 3, NOON).unwrap().standing.remaining, remaining);
        }
        let refused = limiter.count(key, 3, NOON.plus_seconds(59)).unwrap_err();
        assert_eq!(refused, Standing { limit: 3, remaining: 0, reset: NOON.unix_seconds() + 60 });
        assert!(limiter.count(limiter.key(("get_users", "other")), 3, NOON).is_ok());
        assert_eq!(limiter.count(key, 3, NOON.plus_seconds(60)).unwrap().standing.remaining, 2);
    }

    #[test]
    fn a_call_taken_back_leaves_its_share_to_others() {
        let limiter = RateLimiter::default();
        let key = limiter.key("acme");
        for _ in 0..10 {
            let ticket = limiter.count(key, 1, NOON).unwrap();
            assert_eq!(limiter.take_back(ticket).remaining, 1);
        }
    }

    #[test]
    fn invented_names_do_not_push_out_who_is_really_counted() {
        let limiter = RateLimiter::default();
        let key = limiter.key("acme");
        for _ in 0..5 {
            limiter.count(key, 5, NOON).unwrap();
        }
        for invented in 0..1_000_000_u32 {
            assert!(limiter.count(limiter.key(invented), 5, NOON).is_ok());
        }
        assert!(limiter.count(key, 5, NOON).is_err());
    }
}
