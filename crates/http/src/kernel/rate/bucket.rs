//! How often each of a number of callers may call: so many times a second on and on, and a few at once after a rest.
//!
//! A bucket is full at first, each call takes one turn out of it, and turns flow in with the time. All numbers are whole,
//! so that nothing is lost or won however long it runs. The buckets are this process's own.

use std::sync::{Mutex, PoisonError};

use denizen_domain::time::Timestamp;

use crate::kernel::app::TokenRate;

/// A turn, in the parts of which a rate of one a second brings one in each microsecond.
const TURN: u64 = 1_000_000;
const SHARDS: usize = 32;
const SETS_PER_SHARD: usize = 128;
const BUCKETS_PER_SET: usize = 8;

/// What is left for one caller.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    caller: [u8; 16],
    /// In parts of a turn.
    content: u64,
    /// The time up to which turns have flowed in.
    at: Timestamp,
}

impl Bucket {
    /// What it holds now; a clock that goes back brings nothing.
    fn content(&self, rate: TokenRate, now: Timestamp) -> u64 {
        let passed = u64::try_from(now.0.saturating_sub(self.at.0)).unwrap_or_default();
        let brought = passed.saturating_mul(rate.per_second.into());
        self.content.saturating_add(brought).min(full(rate))
    }
}

fn full(rate: TokenRate) -> u64 {
    u64::from(rate.burst) * TURN
}

type Set = [Option<Bucket>; BUCKETS_PER_SET];

/// The buckets of a process, by whoever calls: 32,768 places.
///
/// A caller can stand in one of eight. When none of them is free, the fullest bucket goes: it is as good as new, or the
/// one whose caller wins the least by getting a new one.
pub(crate) struct Buckets(Vec<Mutex<Vec<Set>>>);

impl Default for Buckets {
    fn default() -> Self {
        let shard = || Mutex::new(vec![Set::default(); SETS_PER_SHARD]);
        Self((0..SHARDS).map(|_| shard()).collect())
    }
}

impl Buckets {
    /// Takes a turn of a caller who is known to exist. The id has to end with random bytes.
    ///
    /// # Errors
    /// When there is none, in how many seconds there will be one.
    pub(crate) fn take(&self, caller: [u8; 16], rate: TokenRate, now: Timestamp) -> Result<(), i64> {
        let place = usize::from(u16::from_be_bytes([caller[14], caller[15]])) % (SHARDS * SETS_PER_SHARD);
        let mut shard = self.0[place % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = bucket_for(&mut shard[place / SHARDS], caller, rate, now);
        let content = bucket.content(rate, now);
        bucket.at = bucket.at.max(now);
        bucket.content = content.checked_sub(TURN).unwrap_or(content);
        if content >= TURN {
            return Ok(());
        }
        let micros = (TURN - content).div_ceil(u64::from(rate.per_second).max(1));
        Err(i64::try_from(micros.div_ceil(1_000_000)).unwrap_or(i64::MAX))
    }
}

/// The caller's own bucket, or a full one in the place that costs least.
fn bucket_for(set: &mut Set, caller: [u8; 16], rate: TokenRate, now: Timestamp) -> &mut Bucket {
    let own = set.iter().position(|bucket| bucket.is_some_and(|bucket| bucket.caller == caller));
    let place = own.unwrap_or_else(|| {
        let content = |place: &usize| set[*place].map_or(u64::MAX, |bucket| bucket.content(rate, now));
        let fullest = (0..BUCKETS_PER_SET).max_by_key(content).unwrap_or_default();
        set[fullest] = None;
        fullest
    });
    set[place].get_or_insert(Bucket { caller, content: full(rate), at: now })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_767_268_800_000_000);
    const RATE: TokenRate = TokenRate { per_second: 10, burst: 4 };

    fn caller(number: u32) -> [u8; 16] {
        let mut id = [0; 16];
        id[12..].copy_from_slice(&number.to_be_bytes());
        id
    }

    #[test]
    fn a_rested_caller_has_the_burst_and_then_one_turn_in_each_tenth_of_a_second() {
        let buckets = Buckets::default();
        for _ in 0..4 {
            assert_eq!(buckets.take(caller(1), RATE, NOON), Ok(()));
        }
        assert_eq!(buckets.take(caller(1), RATE, NOON), Err(1));
        assert_eq!(buckets.take(caller(2), RATE, NOON), Ok(()), "another caller has a bucket of its own");
        assert_eq!(buckets.take(caller(1), RATE, NOON.plus_micros(99_999)), Err(1));
        assert_eq!(buckets.take(caller(1), RATE, NOON.plus_micros(100_000)), Ok(()));
        assert_eq!(buckets.take(caller(1), RATE, NOON.plus_micros(100_000)), Err(1));
        // A clock that goes back brings nothing, and takes nothing.
        assert_eq!(buckets.take(caller(1), RATE, NOON), Err(1));
        assert_eq!(buckets.take(caller(1), RATE, NOON.plus_micros(200_000)), Ok(()));
        let rested = NOON.plus_seconds(3_600);
        let admitted = (0..10).filter(|_| buckets.take(caller(1), RATE, rested).is_ok()).count();
        assert_eq!(admitted, 4);
    }

    #[test]
    fn nothing_is_lost_or_won_in_an_hour_of_odd_moments() {
        let buckets = Buckets::default();
        let rate = TokenRate { per_second: 7, burst: 3 };
        let (mut now, mut admitted) = (NOON, 0_u64);
        // More often than the rate, and at moments that no number of turns divides.
        while now < NOON.plus_seconds(3_600) {
            admitted += u64::from(buckets.take(caller(1), rate, now).is_ok());
            now = now.plus_micros(1_013);
        }
        assert_eq!(admitted, 3_600 * 7 + 3 - 1, "the last one would have come at the end of the hour");
    }

    #[test]
    fn who_waits_as_long_as_told_is_admitted() {
        let buckets = Buckets::default();
        let slow = TokenRate { per_second: 1, burst: 1 };
        assert_eq!(buckets.take(caller(1), slow, NOON), Ok(()));
        let wait = buckets.take(caller(1), slow, NOON.plus_micros(1)).unwrap_err();
        assert_eq!(wait, 1);
        assert_eq!(buckets.take(caller(1), slow, NOON.plus_micros(1).plus_seconds(wait)), Ok(()));
    }

    #[test]
    fn who_has_used_the_most_is_forgotten_last() {
        let buckets = Buckets::default();
        let rate = TokenRate { per_second: 1, burst: 4 };
        for _ in 0..4 {
            buckets.take(caller(0), rate, NOON).unwrap();
        }
        for other in 1..1_000_000 {
            assert_eq!(buckets.take(caller(other), rate, NOON), Ok(()));
        }
        assert_eq!(buckets.take(caller(0), rate, NOON), Err(1));
    }
}
