//! Limits per organization, operation and minute; and, in [`bucket`], limits per caller.
//!
//! Every call is counted in this process. Where several processes share the limit, each counted call also needs a permit;
//! the process draws those from the database, a part of what is left at a time, and uses them up by itself. All
//! processes together never draw more than the limit, so it holds; what one process has drawn and not used, another
//! one may miss: at most an eighth of the limit, or two calls where that is more.

mod bucket;
mod table;

use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};

use denizen_directory::Directory;
use denizen_directory::limits::{Counted, PermitKey, Permits};
use denizen_domain::time::Timestamp;
use tokio::sync::Mutex;

pub(crate) use bucket::Buckets;
use table::{Answer, Table, used_up, window};

/// Keys that go to the database at the same time; more share a turn.
const TURNS: usize = 256;
/// How long the database is left alone after it has failed, in microseconds.
const SILENCE: i64 = Timestamp::MICROS_PER_SECOND;

/// The counters of a process.
pub(crate) struct RateLimiter {
    hasher: RandomState,
    table: Table,
    /// One caller per turn goes to the database, and the others wait for what it brings.
    turns: Vec<Mutex<Option<Errand>>>,
    /// Until when calls are counted in this process alone, because the database has failed.
    silent_until: AtomicI64,
}

/// A limit as an answer shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u32,
    /// Calls that are left. Other processes may have taken some of them since this one asked last.
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

/// On its way to the database and back. It stays here when the caller that sent it goes away, and whoever comes next
/// waits for it: otherwise callers who hang up could make permits disappear.
struct Errand {
    key: u64,
    window: i64,
    permit_key: PermitKey,
    run: Pin<Box<dyn Future<Output = Brought> + Send>>,
}

/// What an errand brings.
enum Brought {
    Permits(Permits),
    /// It took permits away.
    Nothing,
    /// The database did not answer.
    Failure,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            table: Table::default(),
            turns: (0..TURNS).map(|_| Mutex::default()).collect(),
            silent_until: AtomicI64::new(i64::MIN),
        }
    }
}

impl RateLimiter {
    /// The key under which calls are counted.
    pub(crate) fn key(&self, who: impl Hash) -> u64 {
        self.hasher.hash_one(who)
    }

    /// Counts one call, if the limit admits it in this process alone.
    pub(crate) fn count(&self, key: u64, limit: u32, now: Timestamp) -> Result<Ticket, Standing> {
        self.table.count(key, limit, now).map(|standing| ticket(key, standing, now))
    }

    /// Counts one call, if the limit admits it over all processes. While the database does not answer, and for
    /// organizations and keys that are not there, the limit holds in each process.
    pub(crate) async fn count_shared(
        &self,
        key: u64,
        limit: u32,
        directory: &Directory,
        counted: &Counted<'_>,
    ) -> Result<Ticket, Standing> {
        let now = directory.now();
        match self.table.count_permitted(key, limit, now) {
            Answer::Counted(standing) => Ok(ticket(key, standing, now)),
            Answer::Refused(standing) => Err(standing),
            Answer::NoPermit { .. } if self.is_silent(now) => self.count(key, limit, now),
            // Boxed, so that a call for which there is a permit does not carry the room that drawing one needs.
            Answer::NoPermit { permit_key, .. } => {
                Box::pin(self.draw_and_count(key, limit, directory, counted, permit_key)).await
            }
        }
    }

    async fn draw_and_count(
        &self,
        key: u64,
        limit: u32,
        directory: &Directory,
        counted: &Counted<'_>,
        known: Option<PermitKey>,
    ) -> Result<Ticket, Standing> {
        // Before the turn: what is looked up for an invented name must not keep others waiting.
        let permit_key = match known {
            Some(known) => known,
            None => match directory.find_permit_key(counted).await {
                Ok(Some(found)) => found,
                Ok(None) => return self.count(key, limit, directory.now()),
                Err(error) => {
                    error.log(None, None);
                    return self.count_alone(key, limit, directory.now());
                }
            },
        };
        let mut turn = self.turn(key).lock().await;
        self.finish(&mut turn, directory).await;
        let mut drawn = None;
        loop {
            // The minute may have changed while this call waited.
            let now = directory.now();
            let want = match self.table.count_permitted(key, limit, now) {
                Answer::Counted(standing) => return Ok(ticket(key, standing, now)),
                Answer::Refused(standing) => return Err(standing),
                Answer::NoPermit { want, .. } => want,
            };
            if self.is_silent(now) {
                return self.count(key, limit, now);
            }
            if drawn == Some(0) {
                return Err(used_up(limit, now));
            }
            *turn = Some(draw(directory.clone(), key, permit_key, window(now), limit, want));
            match self.finish(&mut turn, directory).await {
                Brought::Permits(permits) => drawn = Some(permits.granted),
                Brought::Nothing | Brought::Failure => return self.count_alone(key, limit, directory.now()),
            }
        }
    }

    /// Takes a counted call back, and says how the limit stands then. What this process has too much of then is given
    /// back, so that calls that do not count cannot gather the permits of all in one process.
    pub(crate) async fn take_back(&self, ticket: Ticket, directory: &Directory) -> Standing {
        let Ticket { key, window, standing } = ticket;
        if self.table.take_back(key, window, standing.limit) {
            Box::pin(async {
                let mut turn = self.turn(key).lock().await;
                self.finish(&mut turn, directory).await;
                // Parted with only now, when nothing is waited for before the errand stands in its place.
                if let Some((permit_key, excess)) = self.table.part_with_excess(key, window, standing.limit) {
                    *turn = Some(give_back(directory.clone(), key, permit_key, window, excess));
                    self.finish(&mut turn, directory).await;
                }
            })
            .await;
        }
        let remaining = (standing.remaining + 1).min(standing.limit);
        Standing { remaining, ..standing }
    }

    /// Takes back the counted call of a caller who has gone. What this process has too much of then is given back when
    /// another call is taken back.
    pub(crate) fn forget(&self, ticket: Ticket) {
        self.table.take_back(ticket.key, ticket.window, ticket.standing.limit);
    }

    fn turn(&self, key: u64) -> &Mutex<Option<Errand>> {
        &self.turns[usize::try_from(key % TURNS as u64).expect("less than the number of turns")]
    }

    /// Waits for the errand that is under way, if there is one. When this caller goes away meanwhile, it stays.
    async fn finish(&self, turn: &mut Option<Errand>, directory: &Directory) -> Brought {
        let Some(errand) = turn.as_mut() else { return Brought::Nothing };
        let brought = errand.run.as_mut().await;
        let now = directory.now();
        match brought {
            Brought::Permits(permits) => {
                self.table.add(errand.key, errand.window, errand.permit_key, permits, now);
            }
            Brought::Nothing => {}
            Brought::Failure => self.silent_until.store(now.0.saturating_add(SILENCE), Ordering::Relaxed),
        }
        *turn = None;
        brought
    }

    fn is_silent(&self, now: Timestamp) -> bool {
        now.0 < self.silent_until.load(Ordering::Relaxed)
    }

    /// Counts in this process alone, now and for a moment.
    fn count_alone(&self, key: u64, limit: u32, now: Timestamp) -> Result<Ticket, Standing> {
        self.silent_until.store(now.0.saturating_add(SILENCE), Ordering::Relaxed);
        self.count(key, limit, now)
    }
}

fn ticket(key: u64, standing: Standing, now: Timestamp) -> Ticket {
    Ticket { key, window: window(now), standing }
}

fn draw(directory: Directory, key: u64, permit_key: PermitKey, window: i64, limit: u32, want: u32) -> Errand {
    let run = async move {
        let taken = directory.take_permits(permit_key, window, limit, want).await;
        taken.inspect_err(|error| error.log(None, None)).map_or(Brought::Failure, Brought::Permits)
    };
    Errand { key, window, permit_key, run: Box::pin(run) }
}

fn give_back(directory: Directory, key: u64, permit_key: PermitKey, window: i64, count: u32) -> Errand {
    let run = async move {
        // What cannot be given back is lost to this minute.
        let given = directory.give_back_permits(permit_key, window, count).await;
        given.inspect_err(|error| error.log(None, None)).map_or(Brought::Failure, |()| Brought::Nothing)
    };
    Errand { key, window, permit_key, run: Box::pin(run) }
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
