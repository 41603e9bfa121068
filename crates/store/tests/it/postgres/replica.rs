//! Reads on a hot standby, with real ones: what may be missing there, and that nobody notices when it is lost.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;
use denizen_store::{PostgresOptions, Statement, Store, StoreError, users};
use tokio_postgres::Client;

use crate::support::{NOW, ORG, add, add_role, all, connect, plain_user, user_id};

const OTHER: OrgKey = OrgKey(2);
/// So long that a test that takes it never sees a replica as too far behind.
const HOUR: Duration = Duration::from_hours(1);

fn is_postgres() -> bool {
    std::env::var("DENIZEN_TEST_ENGINE").as_deref() == Ok("postgres")
}

fn script(arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres.sh");
    let done = Command::new(script).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// A PostgreSQL of the test's own, which is gone with it.
struct Server {
    folder: PathBuf,
    // Its log lies in here.
    _logs: tempfile::TempDir,
}

impl Server {
    fn primary(settings: &[&str]) -> Self {
        Self::made(&["create"], settings)
    }

    fn standby(&self, settings: &[&str]) -> Self {
        Self::made(&["standby", self.folder.to_str().unwrap()], settings)
    }

    fn made(command: &[&str], settings: &[&str]) -> Self {
        let logs = tempfile::tempdir().unwrap();
        // Whoever owns the server may be another user.
        let log = logs.path().join("log");
        let arguments = [command, &[log.to_str().unwrap()], settings].concat();
        Self { folder: script(&arguments).into(), _logs: logs }
    }

    fn run(&self, command: &str) {
        script(&[command, self.folder.to_str().unwrap()]);
    }

    fn kill(&self) {
        let pid = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let killed = Command::new("kill").args(["-9", pid.lines().next().unwrap()]).status().unwrap();
        assert!(killed.success());
    }

    /// `USER:PASSWORD` and `HOST:PORT`.
    fn place(&self) -> (String, String) {
        let url = std::fs::read_to_string(self.folder.join("url")).unwrap();
        let (user, host) = url.trim().strip_prefix("postgres://").unwrap().split_once('@').unwrap();
        (user.to_owned(), host.strip_suffix("/postgres").unwrap().to_owned())
    }

    fn url(&self, database: &str) -> String {
        let (user, host) = self.place();
        format!("postgres://{user}@{host}/{database}")
    }

    /// The superuser's connection, which comes in through the socket.
    async fn superuser(&self, database: &str) -> Client {
        let (_, host) = self.place();
        let port = host.split_once(':').unwrap().1;
        connect(&format!("host={} port={port} user=postgres dbname={database}", self.folder.display())).await
    }

    async fn pause(&self) {
        self.superuser("d").await.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
        // The pause is asked for; the record that is being replayed is finished first.
        let client = self.superuser("d").await;
        until(async || {
            let state = client.query_one("SELECT pg_get_wal_replay_pause_state()", &[]).await.unwrap();
            state.get::<_, String>(0) == "paused"
        })
        .await;
    }

    async fn resume(&self) {
        self.superuser("d").await.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let folder = self.folder.to_str().unwrap();
        let removed = std::panic::catch_unwind(|| script(&["remove", folder]));
        // A second panic would hide the first.
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}

/// Waits until it is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never was so");
}

/// A primary with a database `d` in which two organizations have a user each, and a replica that holds them.
struct Pair {
    standby: Server,
    primary: Server,
}

impl Pair {
    async fn new(settings: &[&str]) -> Self {
        let primary = Server::primary(&[]);
        connect(&primary.url("postgres")).await.batch_execute("CREATE DATABASE d").await.unwrap();
        let store = Store::open(PostgresOptions::parse(&primary.url("d")).unwrap(), NOW).unwrap();
        for org in [ORG, OTHER] {
            add_role(&store, org).await;
            add(&store, org, plain_user(1)).await;
        }
        store.close();
        let standby = primary.standby(settings);
        Self { standby, primary }
    }

    /// A process that may read on the replica.
    fn store(&self, most_lag: Duration) -> Store {
        opened(&self.primary.url("d"), &self.standby.url("d"), most_lag)
    }
}

fn opened(url: &str, replica: &str, most_lag: Duration) -> Store {
    let replica = PostgresOptions::parse_replica(replica).unwrap();
    let mut options = PostgresOptions::parse(url).unwrap().with_replica(replica, most_lag);
    (options.write_connections, options.read_connections, options.long_read_connections) = (2, 1, 1);
    Store::open(options, NOW).unwrap()
}

/// Whether there is a user of this number, as a short and a long read find.
async fn look(store: &Store, org: OrgKey, number: u64) -> [bool; 2] {
    let find = move |conn: &denizen_store::Conn<'_>| {
        users::find(conn, Directory::Members, user_id(number)).map(|user| user.is_some())
    };
    let short = store.read_recent(org, find).await.unwrap();
    let long = store.scan_recent(org, find).await.unwrap();
    [short, long]
}

async fn sees(store: &Store, org: OrgKey, number: u64) -> bool {
    look(store, org, number).await == [true; 2]
}

async fn misses(store: &Store, org: OrgKey, number: u64) -> bool {
    look(store, org, number).await == [false; 2]
}

fn reads(store: &Store) -> u64 {
    store.replica_state().unwrap().reads
}

/// Waits until reads of an organization are answered by the replica.
async fn until_used(store: &Store, org: OrgKey) {
    until(async || {
        let before = reads(store);
        sees(store, org, 1).await;
        reads(store) == before + 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_writes_are_never_missing_and_what_others_wrote_is_for_a_moment() {
    if !is_postgres() {
        return;
    }
    let pair = Pair::new(&[]).await;
    let (store, elsewhere) = (pair.store(HOUR), pair.store(HOUR));
    until_used(&store, ORG).await;
    until_used(&elsewhere, ORG).await;

    pair.standby.pause().await;
    for number in 2..6 {
        add(&store, ORG, plain_user(number)).await;
        assert!(sees(&store, ORG, number).await, "its own process sees it, though the replica cannot");
    }
    assert!(misses(&elsewhere, ORG, 5).await, "the other process reads on the replica");
    let before = reads(&store);
    assert!(sees(&store, OTHER, 1).await);
    assert_eq!(reads(&store), before + 2, "where it wrote nothing, it reads there too");

    // What one closure writes in another organization is written as well.
    let write = |tx: &denizen_store::Tx<'_>| users::insert(&tx.of(OTHER), &plain_user(2), NOW);
    assert!(store.write(ORG, write).await.unwrap().is_some());
    assert!(sees(&store, OTHER, 2).await);
    assert!(misses(&elsewhere, OTHER, 2).await);

    pair.standby.resume().await;
    until_used(&store, ORG).await;
    assert!(sees(&store, ORG, 5).await);
    until(async || sees(&elsewhere, ORG, 5).await).await;
    store.close();
    elsewhere.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_too_far_behind_is_left_alone_and_used_again_when_it_has_come_up() {
    if !is_postgres() {
        return;
    }
    let pair = Pair::new(&[]).await;
    let (store, writer) = (pair.store(Duration::from_millis(700)), pair.store(HOUR));
    until_used(&store, ORG).await;
    pair.standby.pause().await;
    add(&writer, ORG, plain_user(2)).await;
    until(async || sees(&store, ORG, 2).await).await;
    let before = reads(&store);
    assert!(sees(&store, ORG, 2).await);
    assert_eq!(reads(&store), before, "the replica is not asked");
    assert!(store.replica_state().unwrap().staleness > Duration::from_millis(700));
    pair.standby.resume().await;
    until_used(&store, ORG).await;
    assert!(sees(&store, ORG, 2).await);
    store.close();
    writer.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_killed_fails_no_read_and_is_used_again_when_it_is_back() {
    if !is_postgres() {
        return;
    }
    let pair = Pair::new(&[]).await;
    let store = pair.store(HOUR);
    until_used(&store, ORG).await;
    let (is_over, number) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers = (0..4).map(|_| {
        let (store, is_over, number) = (store.clone(), Arc::clone(&is_over), Arc::clone(&number));
        async move {
            while !is_over.load(Ordering::Relaxed) {
                assert!(sees(&store, ORG, 1).await);
                number.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let working = all(callers.collect());
    let killing = async {
        let go_on = async |more: u64| {
            let before = number.load(Ordering::Relaxed);
            until(async || number.load(Ordering::Relaxed) >= before + more).await;
        };
        go_on(50).await;
        pair.standby.kill();
        until(async || store.replica_state().unwrap().returned > 0).await;
        go_on(50).await;
        pair.standby.run("start");
        let before = reads(&store);
        until(async || reads(&store) > before + 50).await;
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(working, killing);
    store.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_is_in_the_way_of_replay_is_done_on_the_primary() {
    if !is_postgres() {
        return;
    }
    let pair = Pair::new(&["max_standby_streaming_delay=0", "hot_standby_feedback=off"]).await;
    let (store, writer) = (pair.store(HOUR), pair.store(HOUR));
    until_used(&store, ORG).await;
    let runs = Arc::new(AtomicU64::new(0));
    let slowly = {
        let runs = Arc::clone(&runs);
        move |conn: &denizen_store::Conn<'_>| {
            // The first time until the replay is in its way.
            let wait = if runs.fetch_add(1, Ordering::SeqCst) == 0 { 3_600 } else { 0 };
            let text =
                format!("SELECT count(*) FROM (SELECT pg_sleep({wait}) FROM users WHERE org_id = 1) AS u");
            conn.all_of(&Statement::new(&text), |row| row.int(0))
        }
    };
    let reading = store.scan_recent(ORG, slowly);
    let vacuuming = async {
        until(async || runs.load(Ordering::SeqCst) == 1).await;
        let client = pair.standby.superuser("d").await;
        until(async || {
            let asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()";
            client.query_one(asked, &[]).await.unwrap().get::<_, i64>(0) == 1
        })
        .await;
        let user = crate::support::find(&writer, ORG, user_id(1)).await.unwrap();
        crate::support::delete(&writer, ORG, user).await.unwrap();
        pair.primary.superuser("d").await.batch_execute("VACUUM users").await.unwrap();
    };
    let (read, ()) = tokio::join!(reading, vacuuming);
    assert_eq!(read, Ok(vec![0]), "as the primary has it");
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(store.replica_state().unwrap().returned, 1);
    store.close();
    writer.close();
}

/// Waits for longer than a watched replica takes to be used, if it ever is.
async fn is_never_used(store: &Store) {
    until(async || {
        assert!(sees(store, ORG, 1).await);
        store.replica_state().unwrap().staleness > Duration::from_millis(1_500)
    })
    .await;
    assert_eq!(reads(store), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_copy_of_the_stores_database_or_follows_nobody_is_never_read() {
    if !is_postgres() {
        return;
    }
    let pair = Pair::new(&[]).await;
    let with_proof = pair.store(HOUR);
    until_used(&with_proof, ORG).await;
    with_proof.close();
    let client = connect(&pair.primary.url("postgres")).await;
    client.batch_execute("CREATE DATABASE copy TEMPLATE d").await.unwrap();
    let copied = pair.standby.superuser("postgres").await;
    until(async || {
        let found = copied.query("SELECT FROM pg_database WHERE datname = 'copy'", &[]).await.unwrap();
        !found.is_empty()
    })
    .await;
    let of_another_database = opened(&pair.primary.url("d"), &pair.standby.url("copy"), HOUR);
    let any = |url: String| format!("{url}?target_session_attrs=any");
    let of_the_primary = opened(&pair.primary.url("d"), &any(pair.primary.url("d")), HOUR);
    tokio::join!(is_never_used(&of_another_database), is_never_used(&of_the_primary));
    of_another_database.close();
    of_the_primary.close();

    let store = opened(&pair.primary.url("d"), &any(pair.standby.url("d")), HOUR);
    until_used(&store, ORG).await;
    pair.standby.run("promote");
    until(async || {
        let before = reads(&store);
        sees(&store, ORG, 1).await;
        reads(&store) == before
    })
    .await;
    add(&store, ORG, plain_user(2)).await;
    assert!(sees(&store, ORG, 2).await);
    store.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_a_failover_left_behind_with_more_than_the_new_primary_has_is_never_read() {
    if !is_postgres() {
        return;
    }
    let pair = Pair::new(&[]).await;
    let heir = pair.primary.standby(&[]);
    let (user, first) = pair.primary.place();
    let url = format!("postgres://{user}@{first},{}/d", heir.place().1);
    let (store, writer) =
        (opened(&url, &pair.standby.url("d"), HOUR), opened(&url, &pair.standby.url("d"), HOUR));
    until_used(&store, ORG).await;
    // Nothing of this reaches the heir, and all of it the replica.
    heir.run("stop");
    add(&writer, ORG, plain_user(100)).await;
    until(async || sees(&store, ORG, 100).await).await;
    until_used(&store, ORG).await;
    pair.primary.kill();
    heir.run("start");
    heir.run("promote");
    until(async || crate::support::find(&store, ORG, user_id(1)).await.is_some()).await;
    let before = reads(&store);
    // The new primary's log passes the place where the replica's ends.
    for number in 2..30 {
        add(&store, ORG, plain_user(number)).await;
        assert!(sees(&store, ORG, number).await);
        assert!(misses(&store, ORG, 100).await, "what was never replicated is gone");
    }
    until(async || {
        assert!(sees(&store, ORG, 29).await);
        store.replica_state().unwrap().staleness > Duration::from_secs(2)
    })
    .await;
    assert_eq!(reads(&store), before);
    assert!(matches!(store.write(ORG, |_| Ok::<_, StoreError>(())).await, Ok(())));
    store.close();
    writer.close();
}
