//! What the tests share: a store in a folder of its own, users made from a seed.

use std::path::{Path, PathBuf};

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::member::{Directory, Preferences};
use denizen_domain::permission::model::Rng;
use denizen_domain::permission::{Filter, FrontendView, Grants};
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use denizen_store::users::{self, NewUser, User, UserPage, UserQuery, UserSearch};
use denizen_store::{SqliteOptions, Statement, Store, StoreError, roles};

pub(crate) const NOW: Timestamp = Timestamp(1_760_000_000_000_000);
pub(crate) const ORG: OrgKey = OrgKey(1);
pub(crate) const ROLE: ObjectId = ObjectId([7; 12]);

pub(crate) struct TestStore {
    pub(crate) store: Store,
    // Removed with everything in it when the test ends.
    folder: tempfile::TempDir,
}

impl TestStore {
    /// An empty store.
    pub(crate) fn empty() -> Self {
        Self::with(|options| options)
    }

    pub(crate) fn with(change: impl FnOnce(SqliteOptions) -> SqliteOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = change(SqliteOptions::new(folder.path().join("store.sqlite")));
        Self { store: Store::open(options, NOW).unwrap(), folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    /// A connection that is not the store's: it sees what is committed.
    pub(crate) fn outside(&self) -> rusqlite::Connection {
        outside(&self.path())
    }
}

pub(crate) fn outside(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection
}

pub(crate) fn role(id: ObjectId, name: &str) -> roles::Role {
    roles::Role {
        role_id: id,
        name: name.to_owned(),
        description: String::new(),
        frontend_view: FrontendView::Client,
        grants: Grants::default(),
        is_super: false,
    }
}

pub(crate) async fn add_role(store: &Store, org: OrgKey) {
    assert!(store.write(org, |tx| roles::insert(tx, &role(ROLE, "Agent"), NOW)).await.unwrap());
}

pub(crate) fn user_id(number: u64) -> UserId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    UserId(bytes)
}

pub(crate) fn new_user(number: u64, first_name: &str, last_name: &str, email: &str) -> NewUser {
    NewUser {
        directory: Directory::Members,
        user_id: user_id(number),
        email: Email::parse(email).unwrap(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        role_id: ROLE,
        is_verified: number.is_multiple_of(2),
        preferences: Preferences::default(),
        open_variables: [].into(),
        secret_variables: [].into(),
    }
}

/// A user about whom nothing matters but the number.
pub(crate) fn plain_user(number: u64) -> NewUser {
    new_user(number, "Ada", "Lovelace", &format!("ada{number}@example.com"))
}

pub(crate) async fn add(store: &Store, org: OrgKey, user: NewUser) -> User {
    let id = user.user_id;
    let position = store.write(org, move |tx| users::insert(tx, &user, NOW)).await.unwrap();
    assert!(position.is_some(), "the address is new");
    find(store, org, id).unwrap()
}

pub(crate) fn find(store: &Store, org: OrgKey, id: UserId) -> Option<User> {
    store.read(org, |conn| users::find(conn, Directory::Members, id)).unwrap()
}

pub(crate) async fn delete(store: &Store, org: OrgKey, user: User) -> Result<(), StoreError> {
    store.write(org, move |tx| users::delete(tx, Directory::Members, &user, false, NOW)).await
}

pub(crate) fn query() -> UserQuery {
    UserQuery {
        directory: Directory::Members,
        ids: None,
        email_keys: None,
        is_verified: None,
        visible: Filter::always(),
        sort: Vec::new(),
        after: None,
        limit: 100,
    }
}

pub(crate) fn page(store: &Store, org: OrgKey, query: &UserQuery) -> UserPage {
    store.read(org, |conn| users::page(conn, query)).unwrap()
}

pub(crate) fn needle(text: &str) -> UserSearch {
    UserSearch {
        directory: Directory::Members,
        needle: text.to_owned(),
        ids: None,
        is_verified: None,
        visible: Filter::always(),
        limit: 100_000,
    }
}

pub(crate) fn search(store: &Store, org: OrgKey, search: &UserSearch) -> Vec<UserId> {
    let found = store.read(org, |conn| users::search(conn, search)).unwrap();
    found.into_iter().map(|user| user.user_id).collect()
}

pub(crate) fn count(store: &Store, org: OrgKey) -> i64 {
    store.read(org, |conn| users::count(conn, Directory::Members)).unwrap()
}

/// A statement that never ends by itself.
pub(crate) fn endless() -> Statement {
    Statement::new("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
}

/// A name in one of many scripts, sometimes with characters that mean something to SQL or to the index.
pub(crate) fn name(rng: &mut Rng) -> String {
    const LETTERS: [&str; 11] = [
        "abcdeinorst",
        "ÀàÉéñöüßŁłØøİıæ",
        "абвгдеёийСЕРГ",
        "ΑΒΓαβγσςΣίώ",
        "ابتثجحخدعلي",
        "אבגדהוזחשלום",
        "กขคงจฉชซทไเนี้ำ",
        "日本語田中太郎さとうスズ",
        "김이박최정한글",
        "😀🎉👩‍🚀🇯🇵",
        "%_\\'\"*^-.,() ",
    ];
    let script: Vec<char> = rng.pick(&LETTERS).chars().collect();
    let mut name = String::new();
    for _ in 0..=rng.below(7) {
        if rng.chance(15) {
            let other: Vec<char> = rng.pick(&LETTERS).chars().collect();
            name.push(*rng.pick(&other));
        } else {
            name.push(*rng.pick(&script));
        }
    }
    name
}

/// Waits for every future at once.
pub(crate) async fn all<T: Send + 'static>(futures: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    #[allow(clippy::disallowed_methods)] // Each is joined below.
    let tasks: Vec<_> = futures.into_iter().map(|future| tokio::spawn(future)).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
