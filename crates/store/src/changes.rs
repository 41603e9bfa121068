//! Whether rows that somebody remembers may have changed since they were read.
//!
//! What this process writes is known: every statement of a write says by its text whether it changes anything that is
//! remembered, and is noted as soon as it is committed. So no caller can forget to say so, and none that goes away before its
//! answer keeps it from being said. What others write is known where the database tells that somebody has written at all.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::time::Timestamp;

use crate::sql::Param;

/// How long it stays known that nobody else has written, in microseconds. So long may what others change go unnoticed.
const SEEN_FOR: i64 = 1_000_000;
/// After how long it is looked again, in microseconds: early enough for the answer to come in time.
const LOOK_AFTER: i64 = 500_000;
/// Organizations and users share so many numbers: two with the same one are forgotten together. A power of two; 128 KiB.
const SLOTS: usize = 16_384;

/// What a statement may change of what is remembered. Later ones forget more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alters {
    Nothing,
    /// One user, who is named by the second value if that is an id.
    User,
    Organization,
    /// Which organizations there are and where they live, or with what tokens are signed.
    Map,
}

impl Alters {
    /// What is remembered is never that there is no row, so a row that is added changes it only where rows are counted
    /// together: what a user was granted, and what an organization is like.
    pub(crate) fn of(text: &str) -> Self {
        let tables = [("UPDATE ", false), ("DELETE FROM ", false), ("INSERT INTO ", true)];
        let steps = tables.into_iter().flat_map(|(verb, adds)| {
            text.match_indices(verb).map(move |(at, _)| (&text[at + verb.len()..], adds))
        });
        let of_step = |(rest, adds): (&str, bool)| {
            let name = rest.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_').next();
            let own = rest.split("INSERT INTO ").next().unwrap_or(rest);
            let only_adds = adds && !own.contains("DO UPDATE");
            match name.unwrap_or_default() {
                "temporary_grant" | "organization_profile" => Self::Organization,
                _ if only_adds => Self::Nothing,
                "users" | "operator" => Self::User,
                "role" | "api_key" | "access_token" => Self::Organization,
                "organization" | "signing_key" => Self::Map,
                _ => Self::Nothing,
            }
        };
        steps.map(of_step).max().unwrap_or(Self::Nothing)
    }

    /// The number that rises when the statement is committed.
    pub(crate) fn slot(self, org: OrgKey, params: &[Param<'_>]) -> Option<Slot> {
        match (self, params) {
            (Self::Nothing, _) => None,
            (Self::User, [_, Param::Blob(user), ..]) => Some(Slot::of(org, user)),
            (Self::User | Self::Organization, _) => Some(Slot::of(org, &[])),
            (Self::Map, _) => Some(Slot::MAP),
        }
    }
}

/// Which number stands for an organization or a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(usize);

impl Slot {
    /// Nobody else's.
    const MAP: Self = Self(0);

    fn of(org: OrgKey, user: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        (org.0, user).hash(&mut hasher);
        Self(1 + usize::try_from(hasher.finish() % (SLOTS as u64 - 1)).unwrap_or_default())
    }
}

/// When it was asked to look, by the clock of whoever asked and by the machine's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    clock: Timestamp,
    /// Microseconds since [`Changes::begun`].
    elapsed: i64,
}

/// Asks for a look at what others have written; `false` when nobody will.
type Order = Box<dyn Fn(Moment) -> bool + Send + Sync>;

/// What is known of changes in one database.
pub(crate) struct Changes {
    /// How often this process has changed what is remembered.
    own: Box<[AtomicU64]>,
    /// How often others were found to have written.
    others: AtomicU64,
    begun: Instant,
    /// When it was last known that others had not written beyond what `others` counts, by both clocks.
    seen_by_clock: AtomicI64,
    seen: AtomicI64,
    is_ordered: AtomicBool,
    /// `None` where the database does not tell.
    order: Option<Order>,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").field("others", &self.others).finish_non_exhaustive()
    }
}

impl Default for Changes {
    /// For a database that does not tell when others write.
    fn default() -> Self {
        Self {
            own: std::iter::repeat_with(AtomicU64::default).take(SLOTS).collect(),
            others: AtomicU64::default(),
            begun: Instant::now(),
            seen_by_clock: AtomicI64::new(i64::MIN),
            seen: AtomicI64::new(i64::MIN),
            is_ordered: AtomicBool::default(),
            order: None,
        }
    }
}

impl Changes {
    /// For a database where somebody looks when asked to.
    pub(crate) fn watched(order: Order) -> Self {
        Self { order: Some(order), ..Self::default() }
    }

    /// Makes what was read before be read again. To be called after the commit and before anybody hears of it.
    pub(crate) fn note(&self, slots: &[Slot]) {
        for slot in slots {
            self.own[slot.0].fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Others have written. To be called when reads that begin from now on see it.
    pub(crate) fn note_others(&self) {
        self.others.fetch_add(1, Ordering::AcqRel);
    }

    /// How often others were found to have written.
    pub(crate) fn others(&self) -> u64 {
        self.others.load(Ordering::Acquire)
    }

    /// The end of a look: whether it has succeeded.
    pub(crate) fn looked(&self, asked: Moment, has_seen: bool) {
        if has_seen {
            self.seen_by_clock.store(asked.clock.0, Ordering::Release);
            self.seen.store(asked.elapsed, Ordering::Release);
        }
        self.is_ordered.store(false, Ordering::Release);
    }

    fn elapsed(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    /// Whether it was looked lately, by the caller's clock. Asks for another look when it is time.
    fn is_seen(&self, now: Timestamp) -> bool {
        let Some(order) = &self.order else { return false };
        let age = now.0.saturating_sub(self.seen_by_clock.load(Ordering::Acquire));
        // A clock that went back tells nothing.
        let is_due = !(0..LOOK_AFTER).contains(&age);
        if is_due && !self.is_ordered.swap(true, Ordering::AcqRel) {
            let asked = Moment { clock: now, elapsed: self.elapsed() };
            if !order(asked) {
                self.is_ordered.store(false, Ordering::Release);
            }
        }
        (0..SEEN_FOR).contains(&age)
    }

    /// The same by the machine's clock; asks for nothing.
    fn was_seen(&self) -> bool {
        self.elapsed().saturating_sub(self.seen.load(Ordering::Acquire)) < SEEN_FOR
    }

    pub(crate) fn point(self: &Arc<Self>, org: OrgKey) -> Point {
        let slot = if org == OrgKey::CONTROL { Slot::MAP } else { Slot::of(org, &[]) };
        let others = self.others.load(Ordering::Acquire);
        Point { others, own: self.own_at(slot), changes: Arc::clone(self) }
    }

    fn own_at(&self, slot: Slot) -> Own {
        Own { slot, number: self.own[slot.0].load(Ordering::Acquire) }
    }

    fn is_same(&self, own: Own) -> bool {
        self.own[own.slot.0].load(Ordering::Acquire) == own.number
    }
}

#[derive(Debug, Clone, Copy)]
struct Own {
    slot: Slot,
    number: u64,
}

/// What was known of one database's changes before something was read there.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    changes: Arc<Changes>,
    others: u64,
    own: Own,
}

impl Point {
    pub(crate) fn holds(&self) -> bool {
        self.changes.is_same(self.own)
    }

    fn is_alone(&self) -> bool {
        self.others == self.changes.others.load(Ordering::Acquire)
    }

    /// As [`Mark::holds_on`], by the machine's clock.
    pub(crate) fn holds_on(&self) -> bool {
        self.is_alone() && self.changes.was_seen()
    }

    /// The point before which both were.
    pub(crate) fn with_older(mut self, older: &Self) -> Self {
        self.others = self.others.min(older.others);
        if Arc::ptr_eq(&self.changes, &older.changes) && self.own.slot == older.own.slot {
            self.own.number = self.own.number.min(older.own.number);
        } else {
            // Of what was read in two places nobody knows when it was.
            self.own.number = u64::MAX;
        }
        self
    }
}

/// What was known of changes before something was read: taken before that, a change in between makes what was read outdated,
/// never the other way round.
#[derive(Debug, Clone)]
pub struct Mark {
    /// In `main`.
    pub(crate) map: Point,
    /// Where the organization lives, when it is about one.
    pub(crate) home: Option<Point>,
    user: Option<Own>,
}

impl Default for Mark {
    /// Of a database that this process does not write, and that does not tell whether others do.
    fn default() -> Self {
        Self::new(Arc::<Changes>::default().point(OrgKey::CONTROL), None)
    }
}

impl Mark {
    pub(crate) fn new(map: Point, home: Option<Point>) -> Self {
        Self { map, home, user: None }
    }

    /// A mark of what depends on the row of this user too. To be called before that is read.
    #[must_use]
    pub fn with_user(mut self, org: OrgKey, user: UserId) -> Self {
        self.user = self.home.as_ref().map(|home| home.changes.own_at(Slot::of(org, &user.0)));
        self
    }

    /// A mark of what was made of two things that were read, of which `older` has no other home.
    #[must_use]
    pub fn with_older(self, older: &Self) -> Self {
        let home = match (self.home, &older.home) {
            (Some(home), Some(older)) => Some(home.with_older(older)),
            (home, _) => home,
        };
        Self { map: self.map.with_older(&older.map), home, ..self }
    }

    /// Whether this process has changed nothing of what was read.
    pub fn holds(&self) -> bool {
        let of_user = |home: &Point| self.user.is_none_or(|user| home.changes.is_same(user));
        self.map.holds() && self.home.as_ref().is_none_or(|home| home.holds() && of_user(home))
    }

    /// Whether nobody else has either, as was known at most a second before `now`. Where that is not known, it may be in
    /// time for the next call.
    pub fn holds_on(&self, now: Timestamp) -> bool {
        let all = || std::iter::once(&self.map).chain(&self.home);
        // All are looked at, though one of them is enough to say no: each has to ask for its next look.
        let unseen = all().filter(|point| !point.changes.is_seen(now)).count();
        unseen == 0 && all().all(Point::is_alone)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn what_a_statement_alters_is_told_by_its_text() {
        for (text, alters) in [
            ("SELECT 1 FROM users", Alters::Nothing),
            ("UPDATE users SET email = $3", Alters::User),
            ("INSERT INTO users (a) VALUES ($1)", Alters::Nothing),
            ("INSERT INTO users (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = $1", Alters::User),
            (
                "WITH a AS (INSERT INTO users (a) VALUES (1) ON CONFLICT (a) DO NOTHING) INSERT INTO b (c) VALUES (1) \
                 ON CONFLICT (c) DO UPDATE SET c = 2",
                Alters::Nothing,
            ),
            ("WITH a AS (DELETE FROM operator WHERE b = 1) SELECT 1", Alters::User),
            ("UPDATE operator_import SET a = 1", Alters::Nothing),
            ("DELETE FROM role", Alters::Organization),
            ("INSERT INTO temporary_grant (a) VALUES ($1)", Alters::Organization),
            ("INSERT INTO temporary_grant_tag (a) VALUES ($1)", Alters::Nothing),
            ("WITH a AS (DELETE FROM users) UPDATE organization SET cluster = $3", Alters::Map),
            ("DELETE FROM organization", Alters::Map),
            ("DELETE FROM organization_gate", Alters::Nothing),
        ] {
            assert_eq!(Alters::of(text), alters, "{text}");
        }
    }

    #[test]
    fn each_statement_that_alters_what_is_remembered_is_known_as_one() {
        let all = |alters| {
            let named = crate::statements().filter(|sql| sql.alters() == alters).map(|sql| sql.name);
            named.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(
            all(Alters::User),
            [
                "operator.delete",
                "operator.set_password",
                "operator.update",
                "organization.erase_operators",
                "organization.erase_users",
                "user.add_to_stats",
                "user.delete",
                "user.recount_stats",
                "user.set_additional_context",
                "user.update",
            ]
        );
        assert_eq!(
            all(Alters::Organization),
            [
                "access_token.delete",
                "access_token.delete_expired",
                "api_key.delete",
                "api_key.delete_expired",
                "organization.erase_keys",
                "organization.erase_profile",
                "organization.erase_roles",
                "organization.erase_tokens",
                "organization.put",
                "role.update",
                "temporary_grant.insert",
            ]
        );
        assert_eq!(
            all(Alters::Map),
            [
                "control.delete",
                "control.orphan_children",
                "control.renew",
                "control.retire_signing_key",
                "control.set_cluster",
            ]
        );
    }

    #[test]
    fn a_user_is_told_from_others_where_the_statement_names_one() {
        let (org, other) = (OrgKey(7), OrgKey(8));
        let named = |id: &[u8]| Alters::User.slot(org, &[Param::Int(7), Param::Blob(id)]);
        assert_eq!(named(b"one"), Some(Slot::of(org, b"one")));
        assert_ne!(named(b"one"), named(b"two"));
        let all = Alters::User.slot(org, &[Param::Int(7), Param::Int(100)]);
        assert_eq!(all, Alters::Organization.slot(org, &[]));
        assert_ne!(all, Alters::Organization.slot(other, &[]));
        assert_eq!(Alters::Map.slot(org, &[]), Alters::Map.slot(other, &[]));
        assert_eq!(Alters::Nothing.slot(org, &[]), None);
    }

    fn mark(changes: &Arc<Changes>, org: OrgKey) -> Mark {
        Mark::new(changes.point(OrgKey::CONTROL), Some(changes.point(org)))
    }

    #[test]
    fn own_changes_end_what_was_read_before_them_and_no_more() {
        let changes = Arc::<Changes>::default();
        let (one, two) = (mark(&changes, OrgKey(1)), mark(&changes, OrgKey(2)));
        let of_user = mark(&changes, OrgKey(1)).with_user(OrgKey(1), UserId([9; 16]));
        changes.note(&[Slot::of(OrgKey(1), &[9; 16])]);
        assert!(one.holds() && two.holds() && !of_user.holds());
        changes.note(&[Slot::of(OrgKey(1), &[])]);
        assert!(!one.holds() && two.holds());
        assert!(mark(&changes, OrgKey(1)).holds());
        changes.note(&[Slot::MAP]);
        assert!(!two.holds());
    }

    #[test]
    fn what_was_made_of_something_older_ends_with_it() {
        let changes = Arc::<Changes>::default();
        let older = mark(&changes, OrgKey(1));
        changes.note(&[Slot::of(OrgKey(1), &[])]);
        assert!(mark(&changes, OrgKey(1)).holds());
        assert!(!mark(&changes, OrgKey(1)).with_older(&older).holds());
        let elsewhere = mark(&Arc::default(), OrgKey(1));
        assert!(!mark(&changes, OrgKey(1)).with_older(&elsewhere).holds());
    }

    #[test]
    fn what_others_have_not_changed_is_known_for_a_second_after_each_look() {
        assert!(!mark(&Arc::default(), OrgKey(1)).holds_on(NOW), "this database does not tell");
        let asked: Arc<Mutex<Vec<Moment>>> = Arc::default();
        let noted = Arc::clone(&asked);
        let changes = Arc::new(Changes::watched(Box::new(move |moment| {
            noted.lock().unwrap().push(moment);
            true
        })));
        let mark = mark(&changes, OrgKey(1));
        let look = |has_seen| {
            let moments = std::mem::take(&mut *asked.lock().unwrap());
            assert_eq!(moments.len(), 1, "one look at a time");
            changes.looked(moments[0], has_seen);
        };
        assert!(!mark.holds_on(NOW) && !mark.holds_on(NOW));
        look(false);
        assert!(!mark.holds_on(NOW), "the look has failed");
        look(true);
        assert!(mark.holds_on(NOW) && mark.holds_on(Timestamp(NOW.0 + LOOK_AFTER - 1)));
        assert!(asked.lock().unwrap().is_empty(), "it is not time yet");
        assert!(!mark.holds_on(Timestamp(NOW.0 - 1)), "the clock went back");
        look(true);
        let later = Timestamp(NOW.0 - 1 + SEEN_FOR);
        assert!(mark.holds_on(Timestamp(later.0 - 1)) && !mark.holds_on(later));
        look(true);
        changes.note_others();
        assert!(mark.holds() && !mark.holds_on(Timestamp(later.0 - 1)));
    }
}
