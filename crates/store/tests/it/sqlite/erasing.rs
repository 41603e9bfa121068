//! What was erased is in no file of SQLite's: not in the database, not in its log.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::Directory;
use denizen_domain::permission::model::Rng;
use denizen_store::messages::{self, Message};
use denizen_store::operators::{self, Operator};
use denizen_store::users::{self, NewUser};
use denizen_store::{StoreError, Tx, holdings, operator_configuration};

use crate::operators::plain_operator;
use crate::support::{NOW, ORG, TestStore, add_role, new_user, user_id};

/// The bytes of the database and of its log.
pub(super) fn files(test: &TestStore) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(test.path().parent().unwrap()).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

/// Those of the marks that are somewhere in the bytes. A mark is `<`, some digits, `>`.
pub(super) fn marks_in(bytes: &[u8]) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut digits: Option<u64> = None;
    for byte in bytes {
        digits = match (byte, digits) {
            (b'<', _) => Some(0),
            (b'0'..=b'9', Some(number)) => {
                number.checked_mul(10).map(|number| number + u64::from(byte - b'0'))
            }
            (b'>', Some(number)) if number > 0 => {
                found.insert(number);
                None
            }
            _ => None,
        };
    }
    found
}

/// The marks that are in rows.
fn in_rows(test: &TestStore) -> BTreeSet<u64> {
    let file = test.file();
    let mut rows =
        file.prepare("SELECT first_name FROM users UNION ALL SELECT content FROM message").unwrap();
    let texts = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
    texts.flat_map(|text| marks_in(text.unwrap().as_bytes())).collect()
}

/// A change of one person or message.
#[derive(Clone)]
enum Change {
    AddUser(NewUser),
    Rename(UserId, String),
    EraseUser(UserId),
    AddMessage(Message),
    RewriteMessage(Message),
}

impl Change {
    fn apply(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        match self {
            Self::AddUser(user) => users::insert(tx, user, NOW).map(drop),
            Self::Rename(id, name) => {
                let mut user = users::find(tx, Directory::Members, *id)?.unwrap();
                user.first_name.clone_from(name);
                user.open_variables = [("said".to_owned(), name.clone())].into();
                users::update(tx, Directory::Members, &user, true, NOW)
            }
            Self::EraseUser(id) => {
                holdings::erase_small(tx, Directory::Members, *id)?;
                assert!(holdings::erase_batch(tx, Directory::Members, *id, 1_000_000)?);
                users::delete(tx, Directory::Members, *id, false, NOW)
            }
            Self::AddMessage(message) => messages::insert(tx, message, &[0; 16], NOW),
            Self::RewriteMessage(message) => messages::update(tx, message, &[0; 16], NOW),
        }
    }
}

/// Users and messages that come, change and go, each text with a mark of its own.
struct Scene {
    rng: Rng,
    next: u64,
    /// The marks of a user's texts as they are now: the user's own first, then those of the messages.
    people: BTreeMap<UserId, Vec<(ObjectId, u64)>>,
    /// Every mark that was ever written.
    written: u64,
}

impl Scene {
    fn mark(&mut self) -> (u64, String) {
        self.written += 1;
        (self.written, format!("<{}>", self.written))
    }

    /// A text with a mark somewhere in it, of 1 byte and the mark to 50 kB.
    fn text(&mut self, most: usize) -> (u64, String) {
        let (number, mark) = self.mark();
        let sizes = [1, 20, 200, 1_000, 5_000, 50_000];
        let largest = *self.rng.pick(&sizes);
        let size = 1 + self.rng.below(largest.min(most));
        let before = self.rng.below(size);
        (number, format!("{}{mark}{}", "a".repeat(before), "b".repeat(size - before)))
    }

    fn message(&mut self, id: ObjectId, user: UserId) -> (u64, Message) {
        let (mark, content) = self.text(50_000);
        let conversation_id = ObjectId([2; 12]);
        let sender = "user".to_owned();
        (mark, Message { message_id: id, conversation_id, user_id: user, created_at: NOW, sender, content })
    }

    fn change(&mut self) -> Change {
        let people: Vec<UserId> = self.people.keys().copied().collect();
        let chance = self.rng.below(100);
        if people.len() < 3 || chance < 12 {
            self.next += 1;
            let id = user_id(self.rng.below(1 << 30) as u64 * 1_000_000 + self.next);
            let (mark, name) = self.text(150);
            self.people.insert(id, vec![(ObjectId([0; 12]), mark)]);
            let user = new_user(0, &name, "Smith", &format!("someone{}@example.com", self.next));
            return Change::AddUser(NewUser { user_id: id, ..user });
        }
        let user = *self.rng.pick(&people);
        if chance < 20 {
            self.people.remove(&user);
            return Change::EraseUser(user);
        }
        if chance < 35 {
            let (mark, name) = self.text(1_000);
            self.people.get_mut(&user).unwrap()[0].1 = mark;
            return Change::Rename(user, name);
        }
        let known = self.people[&user].len();
        if known > 1 && chance < 60 {
            let at = 1 + self.rng.below(known - 1);
            let (mark, message) = self.message(self.people[&user][at].0, user);
            self.people.get_mut(&user).unwrap()[at].1 = mark;
            return Change::RewriteMessage(message);
        }
        self.next += 1;
        let mut id = [0; 12];
        id[..8].copy_from_slice(&(self.rng.below(1 << 31) as u64 ^ (self.next << 32)).to_le_bytes());
        let (mark, message) = self.message(ObjectId(id), user);
        self.people.get_mut(&user).unwrap().push((ObjectId(id), mark));
        Change::AddMessage(message)
    }

    fn live(&self) -> BTreeSet<u64> {
        self.people.values().flatten().map(|(_, mark)| *mark).collect()
    }
}

#[tokio::test]
async fn nothing_that_was_erased_or_written_over_is_in_the_files_after_a_scrub() {
    let mut in_gaps = 0;
    for seed in 0..10 {
        let test = TestStore::sqlite();
        add_role(&test.store, ORG).await;
        let mut scene = Scene { rng: Rng::new(seed), next: 0, people: BTreeMap::new(), written: 0 };
        for _ in 0..3 {
            for _ in 0..25 {
                let changes: Vec<Change> = (0..=scene.rng.below(40)).map(|_| scene.change()).collect();
                let apply = move |tx: &Tx<'_>| changes.iter().try_for_each(|change| change.apply(tx));
                test.store.write(ORG, apply).await.unwrap();
            }
            test.file().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
            let live = scene.live();
            in_gaps += marks_in(&files(&test)).difference(&live).count();
            test.store.scrub().await.unwrap();
            let found = marks_in(&files(&test));
            let left: Vec<_> = found.difference(&live).collect();
            assert!(left.is_empty(), "seed {seed}: of {} marks these are left: {left:?}", scene.written);
            assert_eq!(in_rows(&test), live, "seed {seed}: all else is as it was");
        }
        let found = crate::checking::findings_but(&test.store, &["figures", "undone"]).await;
        assert_eq!(found, [""; 0]);
    }
    assert!(in_gaps > 0, "an emptied log alone would have left something, or this test proves nothing");
}

/// The marks of an operator's texts: each operator has ten, and the first is ten times the number.
fn marked_operator(number: u64) -> (Operator, Option<String>) {
    let mark = |at: u64| format!("<{}>", number * 10 + at);
    let operator = Operator {
        name: mark(0),
        email: format!("{}@example.org", mark(1)),
        company: Some(mark(2)),
        image: Some(mark(3)),
        ..plain_operator(number)
    };
    (operator, Some(mark(4)))
}

#[tokio::test]
async fn nothing_of_a_deleted_operator_is_in_the_files_after_a_scrub() {
    const OPERATORS: u64 = 400;
    let test = TestStore::sqlite();
    crate::operators::furnish(&test.store, ORG).await;
    for first in (1..OPERATORS).step_by(50) {
        let some: Vec<_> = (first..first + 50).map(marked_operator).collect();
        let insert = move |tx: &Tx<'_>| {
            operators::insert(tx, &some)?;
            some.iter().try_for_each(|(operator, _)| {
                let number = u64::from_be_bytes(operator.user_id.0[8..].try_into().unwrap());
                let value = format!("<{}>", number * 10 + 5);
                operator_configuration::put(tx, operator.user_id, "theme", None, &value, NOW)
            })
        };
        test.store.write(ORG, insert).await.unwrap();
    }
    let change = |tx: &Tx<'_>| {
        for number in 1..=OPERATORS {
            let (operator, _) = marked_operator(number);
            let user = operator.user_id;
            match number % 3 {
                0 => {
                    holdings::erase_small(tx, Directory::Operators, user)?;
                    operators::delete(tx, user)?;
                }
                1 => {
                    let renamed = Operator { name: format!("<{}>", number * 10 + 6), ..operator.clone() };
                    operators::update(tx, &operator, &renamed, NOW)?;
                    let hash = format!("<{}>", number * 10 + 7);
                    assert!(operators::set_password(tx, user, &hash, true, NOW)?);
                }
                _ => {}
            }
        }
        Ok::<_, StoreError>(())
    };
    test.store.write(ORG, change).await.unwrap();
    test.store.scrub().await.unwrap();
    let marks = |number: u64| match number % 3 {
        0 => vec![],
        1 => vec![1, 2, 3, 5, 6, 7],
        _ => (0..6).collect(),
    };
    let live: BTreeSet<u64> = (1..=OPERATORS)
        .flat_map(|number| marks(number).into_iter().map(move |at| number * 10 + at))
        .collect();
    assert_eq!(marks_in(&files(&test)), live);
    assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
}
