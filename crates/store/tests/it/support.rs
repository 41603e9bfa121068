//! What the tests share: a store over a database of its own, a look at it from outside, users made from a seed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::member::{Directory, Preferences};
use denizen_domain::permission::model::Rng;
use denizen_domain::permission::{Filter, FrontendView};
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use denizen_store::users::{self, After, NewUser, User, UserQuery, UserSearch};
use denizen_store::{
    Conn, Dialect, PostgresOptions, SqliteOptions, Statement, Store, StoreError, StoreOptions, roles,
};

use crate::engine::TestDatabase;

pub(crate) const NOW: Timestamp = Timestamp(1_760_000_000_000_000);
pub(crate) const ORG: OrgKey = OrgKey(1);
pub(crate) const ROLE: ObjectId = ObjectId([7; 12]);

/// A store over a database of its own, which is gone with it.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    // After the store, so that the database is not removed under it.
    pub(crate) database: TestDatabase,
}

impl TestStore {
    /// An empty store on the engine that the tests run on.
    pub(crate) fn empty() -> Self {
        Self::over(TestDatabase::new(), |options| options)
    }

    /// An empty store in which two long reads have to follow one another.
    pub(crate) fn with_one_long_read() -> Self {
        Self::over(TestDatabase::new(), |options| match options {
            StoreOptions::Sqlite(options) => SqliteOptions { long_read_threads: 1, ..options }.into(),
            StoreOptions::Postgres(mut options) => {
                options.long_read_connections = 1;
                StoreOptions::Postgres(options)
            }
        })
    }

    /// An empty store on SQLite, whatever the tests run on: for what only SQLite has.
    pub(crate) fn sqlite() -> Self {
        Self::sqlite_with(|options| options)
    }

    pub(crate) fn sqlite_with(change: impl FnOnce(SqliteOptions) -> SqliteOptions) -> Self {
        Self::over(TestDatabase::sqlite(), |options| match options {
            StoreOptions::Sqlite(options) => change(options).into(),
            other @ StoreOptions::Postgres(_) => other,
        })
    }

    /// An empty store on PostgreSQL; none when the tests run on another engine.
    pub(crate) fn postgres() -> Option<Self> {
        Self::postgres_with(|_| ())
    }

    pub(crate) fn postgres_with(change: impl FnOnce(&mut PostgresOptions)) -> Option<Self> {
        let database = TestDatabase::new();
        database.url.is_some().then(|| {
            Self::over(database, |options| match options {
                StoreOptions::Postgres(mut options) => {
                    change(&mut options);
                    StoreOptions::Postgres(options)
                }
                other @ StoreOptions::Sqlite(_) => other,
            })
        })
    }

    /// Where the database of a store on PostgreSQL is.
    pub(crate) fn url(&self) -> &str {
        self.database.url.as_deref().unwrap()
    }

    fn over(database: TestDatabase, change: impl FnOnce(StoreOptions) -> StoreOptions) -> Self {
        let store = Store::open(change(database.options()), NOW).unwrap();
        Self { store, database }
    }

    /// Another process over the same database.
    pub(crate) fn another_process(&self) -> Store {
        self.database.open(NOW)
    }

    pub(crate) async fn dialect(&self) -> Dialect {
        self.store.read(ORG, |conn| Ok::<_, StoreError>(conn.dialect())).await.unwrap()
    }

    /// A connection that is not the store's: it sees what is committed.
    pub(crate) async fn outside(&self) -> Outside {
        Outside::of(&self.database).await
    }

    /// The file of a store on SQLite.
    pub(crate) fn path(&self) -> PathBuf {
        self.database.file()
    }

    /// A connection to the file of a store on SQLite.
    pub(crate) fn file(&self) -> rusqlite::Connection {
        open_file(&self.path())
    }
}

fn open_file(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection
}

/// A connection beside the store, to either engine. On PostgreSQL it stands behind the wall of [`ORG`] until
/// [`Self::enter`] leads it behind another one.
pub(crate) enum Outside {
    // A connection of SQLite cannot be shared between threads by itself.
    Sqlite(Mutex<rusqlite::Connection>),
    Postgres(tokio_postgres::Client),
}

impl Outside {
    pub(crate) async fn of(database: &TestDatabase) -> Self {
        match &database.url {
            None => Self::Sqlite(Mutex::new(open_file(&database.file()))),
            Some(url) => {
                let outside = Self::Postgres(connect(url).await);
                outside.enter(ORG).await;
                outside
            }
        }
    }

    /// Goes behind the wall of an organization, where there are walls.
    pub(crate) async fn enter(&self, org: OrgKey) {
        if let Self::Postgres(client) = self {
            client.batch_execute(&format!("SET denizen.org_id = '{}'", org.0)).await.unwrap();
        }
    }

    /// Runs statements that answer nothing.
    pub(crate) async fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.lock().unwrap().execute_batch(sql).unwrap(),
            Self::Postgres(client) => client.batch_execute(sql).await.unwrap(),
        }
    }

    /// The number that a query answers.
    pub(crate) async fn int(&self, sql: &str) -> i64 {
        match self {
            Self::Sqlite(connection) => {
                connection.lock().unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Self::Postgres(client) => client.query_one(sql, &[]).await.unwrap().get(0),
        }
    }

    /// The texts that a query answers.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        match self {
            Self::Sqlite(connection) => {
                let connection = connection.lock().unwrap();
                let mut statement = connection.prepare(sql).unwrap();
                let rows = statement.query_map([], |row| row.get(0)).unwrap();
                rows.collect::<Result<_, _>>().unwrap()
            }
            Self::Postgres(client) => {
                client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
            }
        }
    }

    pub(crate) async fn users(&self) -> i64 {
        self.int("SELECT count(*) FROM users").await
    }
}

/// A connection to PostgreSQL that lives until it is dropped.
pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    // Ends with the client.
    #[allow(clippy::disallowed_methods)]
    tokio::spawn(connection);
    client
}

/// Bytes as both engines write them in a statement: SQLite's form is `x'…'`, PostgreSQL's `'\x…'`.
pub(crate) fn bytes(outside: &Outside, bytes: &[u8]) -> String {
    let hex = hex(bytes);
    match outside {
        Outside::Sqlite(_) => format!("x'{hex}'"),
        Outside::Postgres(_) => format!("'\\x{hex}'"),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(crate) fn role(id: ObjectId, name: &str) -> roles::Role {
    roles::Role {
        role_id: id,
        name: name.to_owned(),
        description: String::new(),
        frontend_view: FrontendView::Client,
        grants: Arc::default(),
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
    find(store, org, id).await.unwrap()
}

pub(crate) async fn find(store: &Store, org: OrgKey, id: UserId) -> Option<User> {
    store.read(org, move |conn| users::find(conn, Directory::Members, id)).await.unwrap()
}

pub(crate) async fn delete(store: &Store, org: OrgKey, user: User) -> Result<(), StoreError> {
    store.write(org, move |tx| users::delete(tx, Directory::Members, user.user_id, false, NOW)).await
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

/// A page whose users have texts of their own, so that they can be compared.
pub(crate) struct ShownPage {
    pub(crate) users: Vec<User>,
    pub(crate) next: Option<After>,
    pub(crate) has_more: bool,
}

pub(crate) async fn page(store: &Store, org: OrgKey, query: &UserQuery) -> ShownPage {
    let query = query.clone();
    let page = store.read(org, move |conn| users::page(conn, &query)).await.unwrap();
    ShownPage { users: page.users.apart(), next: page.next, has_more: page.has_more }
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

pub(crate) async fn search(store: &Store, org: OrgKey, search: &UserSearch) -> Vec<UserId> {
    let search = search.clone();
    let found = store.read(org, move |conn| users::search(conn, &search)).await.unwrap();
    found.rows.into_iter().map(|user| user.user_id).collect()
}

pub(crate) async fn count(store: &Store, org: OrgKey) -> i64 {
    store.read(org, |conn| users::count(conn, Directory::Members)).await.unwrap()
}

/// A statement that never ends by itself.
pub(crate) fn endless(conn: &Conn<'_>) -> Statement {
    Statement::new(match conn.dialect() {
        Dialect::Sqlite => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        }
        Dialect::Postgres => "SELECT 1::bigint FROM pg_sleep(3600)",
    })
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
