//! How often passwords are tried: for each account, whether it is there or not, and for each address that tries.
//!
//! Tries are paid out of a purse that fills again over time. One that turns out right is paid back, so whoever knows the
//! password is counted only while it is being looked at, and many guesses at once find the purse as empty as one after the
//! other. Each process counts by itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use denizen_domain::ids::OrgKey;
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;

/// Purses that are not full, at most: a few megabytes.
const MOST: usize = 1 << 16;
/// How often a full table is looked through for what it need not hold, in microseconds.
const LOOKS: i64 = 1_000_000;

/// How often something may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// Wrong tries in a row, after a rest; 0 for as many as one likes.
    pub burst: u32,
    /// After how many seconds there is one more; from 1.
    pub every_seconds: u32,
}

impl Attempts {
    fn interval(self) -> i64 {
        i64::from(self.every_seconds) * Timestamp::MICROS_PER_SECOND
    }
}

type Key = [u8; 16];

/// Until when each purse is not full, in microseconds: that is all there is to know of one.
#[derive(Default)]
struct Purses {
    full_at: HashMap<Key, i64>,
    looked_at: i64,
}

impl Purses {
    /// Takes one try out of a purse.
    ///
    /// # Errors
    /// When it is empty: the seconds until it is not.
    fn take(&mut self, key: Key, attempts: Attempts, now: i64) -> Result<(), i64> {
        if attempts.burst == 0 {
            return Ok(());
        }
        let full_at = self.full_at.get(&key).copied().unwrap_or(now).max(now);
        let late = full_at - now - i64::from(attempts.burst - 1) * attempts.interval();
        if late > 0 {
            return Err(late.div_euclid(Timestamp::MICROS_PER_SECOND) + 1);
        }
        self.make_room(key, attempts, now);
        if self.full_at.len() < MOST || self.full_at.contains_key(&key) {
            self.full_at.insert(key, full_at + attempts.interval());
        }
        Ok(())
    }

    fn pay_back(&mut self, key: Key, attempts: Attempts, now: i64) {
        let Some(full_at) = self.full_at.get_mut(&key) else { return };
        *full_at -= attempts.interval();
        if *full_at <= now {
            self.full_at.remove(&key);
        }
    }

    /// Forgets purses that are full again and, where that is not enough, those that are not empty: whoever is held back
    /// stays so. The time that hashing takes keeps the table from ever being full of those, on any machine of today.
    fn make_room(&mut self, key: Key, attempts: Attempts, now: i64) {
        if self.full_at.len() < MOST || self.full_at.contains_key(&key) || now - self.looked_at < LOOKS {
            return;
        }
        self.looked_at = now;
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() >= MOST {
            let empty = now + i64::from(attempts.burst - 1) * attempts.interval();
            self.full_at.retain(|_, full_at| *full_at > empty);
        }
    }
}

/// The purses of this process.
#[derive(Default)]
pub(crate) struct Throttle {
    accounts: Mutex<Purses>,
    addresses: Mutex<Purses>,
}

/// A try that was paid for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try {
    account: Key,
    address: Option<Key>,
}

impl Try {
    /// `user_name` is counted as accounts are told apart, whether there is one or not.
    pub(super) fn of(org: OrgKey, user_name: &str, address: Option<IpAddr>) -> Self {
        let account = hash(&[&org.0.to_be_bytes(), Email::key_of(user_name.trim()).as_bytes()]);
        Self { account, address: address.map(place) }
    }
}

impl Throttle {
    /// Pays for a try.
    ///
    /// # Errors
    /// When there have been too many: the seconds until there may be one more.
    pub(super) fn begin(
        &self,
        attempt: Try,
        settings: &super::SignInSettings,
        now: Timestamp,
    ) -> Result<(), i64> {
        if let Some(address) = attempt.address {
            lock(&self.addresses).take(address, settings.per_address, now.0)?;
        }
        let taken = lock(&self.accounts).take(attempt.account, settings.per_account, now.0);
        if taken.is_err()
            && let Some(address) = attempt.address
        {
            lock(&self.addresses).pay_back(address, settings.per_address, now.0);
        }
        taken
    }

    /// Pays back for a try that was right, or that was none because nobody looked.
    pub(super) fn pay_back(&self, attempt: Try, settings: &super::SignInSettings, now: Timestamp) {
        lock(&self.accounts).pay_back(attempt.account, settings.per_account, now.0);
        if let Some(address) = attempt.address {
            lock(&self.addresses).pay_back(address, settings.per_address, now.0);
        }
    }
}

fn lock(purses: &Mutex<Purses>) -> MutexGuard<'_, Purses> {
    purses.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever has one address of IPv6 has the 2^64 beside it as well.
fn place(address: IpAddr) -> Key {
    match address.to_canonical() {
        IpAddr::V4(address) => hash(&[b"4", &address.octets()]),
        IpAddr::V6(address) => hash(&[b"6", &address.octets()[..8]]),
    }
}

fn hash(parts: &[&[u8]]) -> Key {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&context.finish().as_ref()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator_sessions::SignInSettings;

    const NOW: Timestamp = Timestamp(1_767_268_800_000_000);
    const SETTINGS: SignInSettings = SignInSettings {
        per_account: Attempts { burst: 3, every_seconds: 10 },
        per_address: Attempts { burst: 5, every_seconds: 2 },
        ..SignInSettings::DEFAULT
    };

    fn attempt(account: &str, address: &str) -> Try {
        Try::of(OrgKey(1), account, Some(address.parse().unwrap()))
    }

    #[test]
    fn an_account_is_tried_so_often_and_then_once_in_a_while() {
        let throttle = Throttle::default();
        for number in 0..3 {
            // From wherever, and however it is spelt.
            let attempt =
                attempt([" Ada@example.com", "ada@example.com"][number % 2], &format!("10.0.0.{number}"));
            assert_eq!(throttle.begin(attempt, &SETTINGS, NOW), Ok(()));
        }
        let fourth = attempt("ada@example.com", "10.0.0.9");
        assert_eq!(throttle.begin(fourth, &SETTINGS, NOW), Err(11));
        assert_eq!(throttle.begin(fourth, &SETTINGS, NOW.plus_seconds(9)), Err(2));
        assert_eq!(throttle.begin(fourth, &SETTINGS, NOW.plus_seconds(10)), Ok(()));
        assert_eq!(throttle.begin(fourth, &SETTINGS, NOW.plus_seconds(10)), Err(11));
        // Another account, and the same name elsewhere, are nobody's business.
        assert_eq!(throttle.begin(attempt("bob@example.com", "10.0.0.10"), &SETTINGS, NOW), Ok(()));
        let elsewhere = Try::of(OrgKey(2), "ada@example.com", None);
        assert_eq!(throttle.begin(elsewhere, &SETTINGS, NOW), Ok(()));
    }

    #[test]
    fn an_address_tries_so_often_whatever_the_accounts() {
        let throttle = Throttle::default();
        for (number, address) in
            ["2001:db8::1", "2001:db8::2", "2001:db8::3:0:0:1", "2001:db8::1", "2001:db8::1"]
                .iter()
                .enumerate()
        {
            assert_eq!(throttle.begin(attempt(&format!("{number}@x"), address), &SETTINGS, NOW), Ok(()));
        }
        assert_eq!(throttle.begin(attempt("6@x", "2001:db8::7"), &SETTINGS, NOW), Err(3));
        assert_eq!(throttle.begin(attempt("6@x", "2001:db8:0:1::1"), &SETTINGS, NOW), Ok(()));
        assert_eq!(place("::ffff:10.0.0.1".parse().unwrap()), place("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn who_is_held_back_by_the_account_does_not_use_up_the_address() {
        let throttle = Throttle::default();
        let ada = attempt("ada@x", "10.0.0.1");
        for _ in 0..3 {
            throttle.begin(ada, &SETTINGS, NOW).unwrap();
        }
        for _ in 0..20 {
            throttle.begin(ada, &SETTINGS, NOW).unwrap_err();
        }
        assert_eq!(throttle.begin(attempt("bob@x", "10.0.0.1"), &SETTINGS, NOW), Ok(()));
    }

    #[test]
    fn what_was_right_does_not_count() {
        let throttle = Throttle::default();
        let ada = attempt("ada@x", "10.0.0.1");
        for _ in 0..100 {
            throttle.begin(ada, &SETTINGS, NOW).unwrap();
            throttle.pay_back(ada, &SETTINGS, NOW);
        }
        assert!(lock(&throttle.accounts).full_at.is_empty() && lock(&throttle.addresses).full_at.is_empty());
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for_and_who_is_held_back_stays_so() {
        let mut purses = Purses::default();
        let attempts = SETTINGS.per_account;
        let key = |number: usize| hash(&[&number.to_be_bytes()]);
        for _ in 0..3 {
            purses.take(key(0), attempts, NOW.0).unwrap();
        }
        for number in 1..=MOST + 10 {
            purses.take(key(number), attempts, NOW.0).unwrap();
            assert!(purses.full_at.len() <= MOST);
        }
        assert!(purses.take(key(0), attempts, NOW.0).is_err());
    }

    #[test]
    fn without_a_bound_nothing_is_counted() {
        let mut purses = Purses::default();
        for _ in 0..1_000 {
            purses.take([0; 16], Attempts { burst: 0, every_seconds: 1 }, NOW.0).unwrap();
        }
        assert!(purses.full_at.is_empty());
    }
}
