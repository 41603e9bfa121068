//! Which engine the tests run on: the one place that knows.
//!
//! `DENIZEN_TEST_ENGINE` names it, `sqlite` when it is not set. For `postgres`, `DENIZEN_TEST_POSTGRES` is the URL of a
//! role that may create databases and is no superuser. Each test has a database of its own; on PostgreSQL it is copied
//! from a template that was migrated once, which takes less time than migrating.
//!
//! The store's own tests compile this file too: they cannot depend on a crate that depends on the store.

use std::env;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use denizen_domain::time::Timestamp;
use denizen_store::{PostgresOptions, SqliteOptions, Store, StoreOptions};
use tempfile::TempDir;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, NoTls};

const ENGINE: &str = "DENIZEN_TEST_ENGINE";
const SERVER: &str = "DENIZEN_TEST_POSTGRES";

/// Held by whoever makes the template, so that of many processes that want it one makes it.
const LOCK: i64 = 0x0064_656e_7465_6d70;
/// Connections of a store for short work; few, because many tests run at once and each may open several stores.
pub(crate) const CONNECTIONS: usize = 4;
/// When the template was migrated, as its record of migrations says: 2025-10-09 08:53:20 UTC.
const MIGRATED_AT: Timestamp = Timestamp(1_760_000_000_000_000);

/// The database of one test. It is removed when the test ends, also by a panic.
pub(crate) struct TestDatabase {
    folder: TempDir,
    /// Where the database is, when the engine is PostgreSQL.
    pub(crate) url: Option<String>,
}

impl TestDatabase {
    /// A database of the engine that the environment names, which holds nothing yet.
    ///
    /// # Panics
    /// When the engine is not known, or PostgreSQL cannot be used.
    pub(crate) fn new() -> Self {
        let mut database = Self::sqlite();
        match env::var(ENGINE).as_deref() {
            Err(_) | Ok("sqlite") => {}
            Ok("postgres") => {
                let server = env::var(SERVER).unwrap_or_else(|_| panic!("{SERVER} is not set"));
                // The folder's name is random, so no other test has it.
                let folder = database.folder.path().file_name().and_then(|name| name.to_str());
                let name = format!("denizen_test_{}", folder.expect("a temporary folder has a plain name"));
                let template = template(&server);
                let create = format!("CREATE DATABASE \"{name}\" TEMPLATE \"{template}\"");
                must(on_server(&server, async |client| client.batch_execute(&create).await));
                database.url = Some(at(&server, &name));
            }
            Ok(other) => panic!("{ENGINE}: there is no engine {other}"),
        }
        database
    }

    /// A database of SQLite, whatever the environment says.
    ///
    /// # Panics
    /// When there is no room for a temporary folder.
    pub(crate) fn sqlite() -> Self {
        Self { folder: tempfile::tempdir().expect("there is room for a temporary folder"), url: None }
    }

    /// The file of a SQLite database.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    /// How a process opens the database.
    ///
    /// # Panics
    /// When the server's URL is not one.
    pub(crate) fn options(&self) -> StoreOptions {
        match &self.url {
            Some(url) => few_connections(url).into(),
            None => SqliteOptions::new(self.file()).into(),
        }
    }

    /// Opens the database, as another process does when it is open already.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub(crate) fn open(&self, now: Timestamp) -> Store {
        Store::open(self.options(), now).expect("a fresh database can be opened")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some((server, name)) = self.url.as_deref().and_then(split) else { return };
        let removed = on_server(&server, async |client| remove(client, &name).await);
        // A second panic would hide the first.
        if !std::thread::panicking() {
            must(removed);
        }
    }
}

/// Removes a database after the sessions in it, which are the client's own role's.
///
/// Engine: not `WITH (FORCE)`, which ends autovacuum's workers with the rights of the caller, who may not. Without it the
/// server sends them away itself, and waits five seconds for whoever else is there.
async fn remove(client: &Client, name: &str) -> Result<(), Error> {
    let ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = $1 AND usename = current_user AND backend_type = 'client backend'";
    let drop = format!("DROP DATABASE IF EXISTS \"{name}\"");
    let mut attempts = 0;
    loop {
        let begun = Instant::now();
        while !client.query(ends, &[&name]).await?.is_empty() && begun.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        attempts += 1;
        match client.batch_execute(&drop).await {
            Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) && attempts < 5 => {}
            done => return done,
        }
    }
}

pub(crate) fn few_connections(url: &str) -> PostgresOptions {
    let mut options = PostgresOptions::parse(url).unwrap_or_else(|error| panic!("{SERVER}: {error}"));
    options.write_connections = CONNECTIONS;
    options.long_read_connections = 2;
    options
}

/// The URL of another database on the same server.
fn at(url: &str, database: &str) -> String {
    let (plain, query) =
        url.split_once('?').map_or((url, String::new()), |(plain, q)| (plain, format!("?{q}")));
    let server = plain.rsplit_once('/').map_or(plain, |(server, _)| server);
    format!("{server}/{database}{query}")
}

/// The URL of a database that is always there, and the name of the one that `url` leads to.
fn split(url: &str) -> Option<(String, String)> {
    let plain = url.split('?').next()?;
    let (_, name) = plain.rsplit_once('/')?;
    Some((at(url, "postgres"), name.to_owned()))
}

/// A database with the schema of this denizen, made by whoever needs it first.
fn template(server: &str) -> String {
    let name = format!("denizen_template_{:016x}", schema_fingerprint());
    let made = on_server(server, async |client| {
        if exists(client, &name).await? {
            return Ok(());
        }
        client.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?;
        if exists(client, &name).await? {
            return Ok(());
        }
        // Under another name until it is whole: its maker may be killed.
        let unfinished = format!("{name}_unfinished");
        remove(client, &unfinished).await?;
        client.batch_execute(&format!("CREATE DATABASE \"{unfinished}\"")).await?;
        let options = few_connections(&at(server, &unfinished));
        Store::open(options, MIGRATED_AT).expect("an empty database can be migrated").close();
        client.batch_execute(&format!("ALTER DATABASE \"{unfinished}\" RENAME TO \"{name}\"")).await
    });
    must(made);
    name
}

async fn exists(client: &Client, name: &str) -> Result<bool, Error> {
    let found = client.query("SELECT FROM pg_database WHERE datname = $1", &[&name]).await?;
    Ok(!found.is_empty())
}

/// Differs whenever a step of the schema does.
fn schema_fingerprint() -> u64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/migrations/postgres");
    let steps = std::fs::read_dir(&folder).expect("the migrations lie beside the sources");
    let mut files: Vec<PathBuf> = steps.map(|step| step.expect("a folder can be read").path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        std::fs::read(&file).expect("a migration can be read").hash(&mut hasher);
    }
    hasher.finish()
}

/// Does something with a connection of its own. On a thread of its own, for the test may be inside a runtime.
fn on_server(url: &str, work: impl AsyncFnOnce(&Client) -> Result<(), Error> + Send) -> Result<(), Error> {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async {
                let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
                let mut connection = pin!(connection);
                let mut work = pin!(work(&client));
                tokio::select! {
                    done = &mut work => done,
                    Err(lost) = &mut connection => Err(lost),
                }
            })
        });
        worker.join().expect("the server's thread does not panic")
    })
}

fn must(done: Result<(), Error>) {
    done.unwrap_or_else(|error| panic!("{SERVER}: {error}: {:?}", error.as_db_error()));
}
