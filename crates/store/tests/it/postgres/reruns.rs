//! When a closure is run again, and when it must not be.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use denizen_domain::ids::ObjectId;
use denizen_store::{Conn, PostgresOptions, Statement, Store, StoreError, Tx, jobs, users};

use super::proxy::{Proxy, Wire};
use crate::support::{
    NOW, ORG, TestStore, add_role, all, connect, count, endless, find, plain_user, query, user_id,
};

fn runs() -> (Arc<AtomicU32>, Arc<AtomicU32>) {
    let runs = Arc::new(AtomicU32::new(0));
    (Arc::clone(&runs), runs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_closures_that_read_what_the_other_writes_one_is_run_again() {
    let Some(test) = TestStore::postgres() else { return };
    for round in 0..10_u8 {
        let both_have_read = Arc::new(Barrier::new(2));
        let (total, counted) = runs();
        // Each inserts a job unless there is one.
        let writes = (0..2)
            .map(|number| {
                let (store, both_have_read, counted) =
                    (test.store.clone(), Arc::clone(&both_have_read), Arc::clone(&counted));
                let mut own_runs = 0;
                async move {
                    let closure = move |tx: &Tx<'_>| {
                        counted.fetch_add(1, Ordering::SeqCst);
                        own_runs += 1;
                        let before = jobs::list(tx, 1_000)?.len();
                        if own_runs == 1 {
                            both_have_read.wait();
                        }
                        let is_first = before == usize::from(round);
                        if is_first {
                            jobs::insert(tx, ObjectId([number + 2 * round; 12]), "mail", None, "{}", NOW)?;
                        }
                        Ok::<_, StoreError>(is_first)
                    };
                    store.write(ORG, closure).await.unwrap()
                }
            })
            .collect();
        let firsts = all(writes).await.into_iter().filter(|first| *first).count();
        assert_eq!(firsts, 1, "as if one had come after the other");
        // Run again before the other's commit has come to its end, it may have to be run once more.
        assert!(total.load(Ordering::SeqCst) >= 3, "one was run twice");
        let kept = test.store.read(ORG, |conn| jobs::list(conn, 1_000)).await.unwrap();
        assert_eq!(kept.len(), usize::from(round) + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_one_address_one_gets_it_and_the_others_are_told() {
    let Some(test) = TestStore::postgres_with(|options| options.write_connections = 16) else { return };
    add_role(&test.store, ORG).await;
    for round in 0..5 {
        let writes = (0..64)
            .map(|number| {
                let store = test.store.clone();
                let user = users::NewUser { user_id: user_id(round * 100 + number), ..plain_user(round) };
                async move { store.write(ORG, move |tx| users::insert(tx, &user, NOW)).await.unwrap() }
            })
            .collect();
        let got: Vec<_> = all(writes).await.into_iter().flatten().collect();
        assert_eq!(got.len(), 1);
    }
    assert_eq!(count(&test.store, ORG).await, 5);
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn a_key_that_stands_in_the_way_each_time_is_an_error() {
    let Some(test) = TestStore::postgres() else { return };
    let (total, counted) = runs();
    let twice = move |tx: &Tx<'_>| {
        counted.fetch_add(1, Ordering::SeqCst);
        jobs::insert(tx, ObjectId([1; 12]), "mail", None, "{}", NOW)?;
        jobs::insert(tx, ObjectId([1; 12]), "mail", None, "{}", NOW)
    };
    let refused = test.store.write(ORG, twice).await;
    assert_eq!(refused, Err(StoreError::Constraint("job_pkey".to_owned())));
    assert!((1..=5).contains(&total.load(Ordering::SeqCst)), "{total:?}");
}

fn backend(conn: &Conn<'_>) -> Result<i64, StoreError> {
    let pid = conn.all_of(&Statement::new("SELECT pg_backend_pid()::bigint"), |row| row.int(0))?;
    Ok(pid[0])
}

/// Ends a connection of somebody else, and comes back when it has ended.
fn terminate(url: &str, pid: i64) {
    let url = url.to_owned();
    // On a thread of its own, for the closure's drives a runtime already.
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = connect(&url).await;
            let done = client.query_one("SELECT pg_terminate_backend($1::bigint::int, 5000)", &[&pid]).await;
            assert!(done.unwrap().get::<_, bool>(0));
        });
    };
    std::thread::spawn(work).join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_connection_is_lost_before_its_commit_is_run_again() {
    let Some(test) = TestStore::postgres() else { return };
    add_role(&test.store, ORG).await;
    // Lost between two statements, and between the last one and the commit.
    for (round, goes_on) in [(0, true), (1, false)] {
        let (total, counted) = runs();
        let url = test.url().to_owned();
        let write = move |tx: &Tx<'_>| {
            let is_first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            let position = users::insert(tx, &plain_user(round), NOW)?;
            if is_first {
                terminate(&url, backend(tx)?);
            }
            if goes_on || !is_first {
                users::find(tx, query().directory, user_id(round))?;
            }
            Ok::<_, StoreError>(position.is_some())
        };
        let result = test.store.write(ORG, write).await;
        if goes_on {
            assert_eq!(result, Ok(true));
            assert_eq!(total.load(Ordering::SeqCst), 2);
        } else {
            // The commit was sent into a connection that had ended: that it was not done cannot be known here.
            assert!(matches!(result, Err(StoreError::OutcomeUnknown(_)) | Ok(true)), "{result:?}");
        }
        let is_there = find(&test.store, ORG, user_id(round)).await.is_some();
        assert_eq!(is_there, result.is_ok());
    }
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_whose_connection_is_lost_is_run_again() {
    let Some(test) = TestStore::postgres() else { return };
    for is_long in [false, true] {
        let (total, counted) = runs();
        let url = test.url().to_owned();
        let read = move |conn: &Conn<'_>| {
            let pid = backend(conn)?;
            // Counted from here, for a short read runs up to its first question once more.
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                terminate(&url, pid);
            }
            users::count(conn, query().directory)
        };
        let result =
            if is_long { test.store.scan(ORG, read).await } else { test.store.read(ORG, read).await };
        assert_eq!(result, Ok(0));
        assert_eq!(total.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_read_that_asks_something_else_when_it_is_run_again_is_refused() {
    let Some(test) = TestStore::postgres() else { return };
    let (_, counted) = runs();
    let fickle = move |conn: &Conn<'_>| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => backend(conn),
        _ => users::count(conn, query().directory),
    };
    let refused = test.store.read(ORG, fickle).await;
    assert!(matches!(refused, Err(StoreError::Internal(_))), "{refused:?}");
}

#[tokio::test]
async fn connections_that_were_lost_while_nobody_used_them_are_made_again_unnoticed() {
    let Some(test) = TestStore::postgres() else { return };
    add_role(&test.store, ORG).await;
    for round in 0..5 {
        let write = move |tx: &Tx<'_>| users::insert(tx, &plain_user(round), NOW);
        assert!(test.store.write(ORG, write).await.unwrap().is_some());
        // Not autovacuum's workers, which this role may not end.
        let end_all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user";
        test.outside().await.int(end_all).await;
        assert_eq!(count(&test.store, ORG).await, i64::try_from(round).unwrap() + 1);
    }
}

/// A store that reaches its server by a wire that can be cut, and the store that has made the database.
fn over_a_wire(change: impl FnOnce(&mut PostgresOptions)) -> Option<(Store, Proxy, TestStore)> {
    let test = TestStore::postgres()?;
    let proxy = Proxy::before(test.url());
    let mut options = PostgresOptions::parse(&proxy.url(test.url())).unwrap();
    options.write_connections = 2;
    options.long_read_connections = 1;
    change(&mut options);
    Some((Store::open(options, NOW).unwrap(), proxy, test))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_outcome_is_unknown_is_not_run_again_and_said_to_be_unknown() {
    let Some((store, proxy, test)) = over_a_wire(|_| ()) else { return };
    add_role(&store, ORG).await;
    let mut there = BTreeSet::new();
    for round in 0..10 {
        let cut = if round % 2 == 0 { Wire::CutBeforeCommit } else { Wire::CutAfterCommit };
        proxy.set(cut);
        let (total, counted) = runs();
        let write = move |tx: &Tx<'_>| {
            counted.fetch_add(1, Ordering::SeqCst);
            users::insert(tx, &plain_user(round), NOW)
        };
        let unknown = store.write(ORG, write).await;
        assert!(matches!(unknown, Err(StoreError::OutcomeUnknown(_))), "{cut:?}: {unknown:?}, {total:?}");
        assert_eq!(total.load(Ordering::SeqCst), 1, "{cut:?}");
        if cut == Wire::CutAfterCommit {
            there.insert(round);
        }
        proxy.set(Wire::Whole);
        for number in 0..=round {
            let is_there = find(&test.store, ORG, user_id(number)).await.is_some();
            assert_eq!(is_there, there.contains(&number), "{cut:?}");
        }
        // The next one is well.
        assert_eq!(count(&store, ORG).await, i64::try_from(there.len()).unwrap());
    }
    assert_eq!(store.check().await, Ok(vec![]));
    store.close();
}

/// As it does when the wait for a synchronous standby is cancelled: what it says it has committed may be lost.
#[tokio::test]
async fn a_commit_that_the_server_warns_of_is_said_to_be_unknown() {
    let Some(test) = TestStore::postgres() else { return };
    add_role(&test.store, ORG).await;
    let outside = test.outside().await;
    outside
        .run(
            "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE WARNING 'it may be lost'; RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER warns AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION warn()",
        )
        .await;
    let (total, counted) = runs();
    let write = move |tx: &Tx<'_>| {
        counted.fetch_add(1, Ordering::SeqCst);
        users::insert(tx, &plain_user(1), NOW)
    };
    let unknown = test.store.write(ORG, write).await;
    assert_eq!(unknown, Err(StoreError::OutcomeUnknown("it may be lost (01000)".to_owned())));
    assert_eq!(total.load(Ordering::SeqCst), 1, "it is not run again");
    outside.run("DROP TRIGGER warns ON users").await;
    let write = |tx: &Tx<'_>| users::insert(tx, &plain_user(2), NOW).map(|at| at.is_some());
    assert_eq!(test.store.write(ORG, write).await, Ok(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_connections_and_says_nothing_keeps_nobody_from_the_next_one() {
    let Some(test) = TestStore::postgres() else { return };
    let proxy = Proxy::before(test.url());
    proxy.set(Wire::Silent);
    let (before, host) = test.url().split_once('@').unwrap();
    let (host, database) = host.split_once('/').unwrap();
    let silent = proxy.url("postgres://x@host/").replace("postgres://x@", "").replace('/', "");
    let options = PostgresOptions::parse(&format!("{before}@{silent},{host}/{database}")).unwrap();
    let store = Store::open(options, NOW).unwrap();
    assert_eq!(store.ping().await, Ok(()));
    assert_eq!(count(&store, ORG).await, 0);
    store.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_changed_nothing_is_run_again_even_when_it_is_lost_in_its_commit() {
    let Some((store, proxy, _test)) = over_a_wire(|_| ()) else { return };
    proxy.set(Wire::CutBeforeCommit);
    let (total, counted) = runs();
    let proxy = Arc::new(proxy);
    let mends = Arc::clone(&proxy);
    let look = move |tx: &Tx<'_>| {
        if counted.fetch_add(1, Ordering::SeqCst) == 1 {
            mends.set(Wire::Whole);
        }
        users::count(tx, query().directory)
    };
    assert_eq!(store.write(ORG, look).await, Ok(0));
    assert_eq!(total.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_be_reached_is_an_error_in_time_and_comes_back_by_itself() {
    let patience = Duration::from_millis(700);
    let Some((store, proxy, _test)) = over_a_wire(|options| options.patience = patience) else { return };
    add_role(&store, ORG).await;
    for round in 0..2 {
        proxy.set(Wire::Down);
        let callers = (0..20)
            .map(|number| {
                let store = store.clone();
                async move {
                    let started = Instant::now();
                    let user = plain_user(1_000 + number);
                    let refused = store.write(ORG, move |tx| users::insert(tx, &user, NOW)).await;
                    (refused, started.elapsed())
                }
            })
            .collect();
        for (refused, took) in all(callers).await {
            assert!(matches!(refused, Err(StoreError::Unreachable(_))), "{refused:?}");
            assert!(took < patience + Duration::from_secs(2), "{took:?}");
        }
        assert!(matches!(store.ping().await, Err(StoreError::Unreachable(_))));
        proxy.set(Wire::Whole);
        assert_eq!(store.ping().await, Ok(()));
        let write = move |tx: &Tx<'_>| users::insert(tx, &plain_user(round), NOW);
        assert!(store.write(ORG, write).await.unwrap().is_some());
        assert_eq!(count(&store, ORG).await, i64::try_from(round).unwrap() + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_outage_is_waited_for() {
    let Some((store, proxy, _test)) = over_a_wire(|options| options.patience = Duration::from_secs(20))
    else {
        return;
    };
    add_role(&store, ORG).await;
    proxy.set(Wire::Down);
    let mend = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        proxy.set(Wire::Whole);
    };
    let write = store.write(ORG, |tx| users::insert(tx, &plain_user(1), NOW));
    let (written, ()) = tokio::join!(write, mend);
    assert!(written.unwrap().is_some());
}

#[tokio::test]
async fn a_scan_that_nobody_waits_for_is_cancelled_on_the_server() {
    let Some(test) = TestStore::postgres() else { return };
    let outside = test.outside().await;
    let running = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep%'";
    let scan = test.store.scan(ORG, |conn| conn.all_of(&endless(conn), |row| row.int(0)));
    let seen = async {
        while outside.int(running).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = seen => {}
        ended = scan => panic!("{ended:?}"),
    }
    let started = Instant::now();
    while outside.int(running).await > 0 {
        assert!(started.elapsed() < Duration::from_secs(5), "it still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(test.store.scan(ORG, |conn| users::count(conn, query().directory)).await, Ok(0));
}

#[tokio::test]
async fn a_statement_ends_when_its_time_is_over() {
    let limit = Duration::from_millis(200);
    let Some(test) = TestStore::postgres_with(|options| options.statement_timeout = limit) else { return };
    let started = Instant::now();
    let endless = |conn: &Conn<'_>| conn.all_of(&endless(conn), |row| row.int(0));
    assert_eq!(test.store.read(ORG, endless).await, Err(StoreError::Interrupted));
    assert_eq!(test.store.scan(ORG, endless).await, Err(StoreError::Interrupted));
    assert_eq!(test.store.write(ORG, move |tx| endless(tx)).await, Err(StoreError::Interrupted));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(test.store.read(ORG, |conn| users::count(conn, query().directory)).await, Ok(0));
}
