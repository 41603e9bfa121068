//! Group commit: what one closure does is its own affair, and an answer means that the write is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use denizen_domain::ids::OrgKey;
use denizen_store::{SqliteOptions, Store, StoreError, users};

use crate::support::{
    NOW, ORG, TestStore, add, add_role, all, count, endless, find, needle, outside, page, plain_user, query,
    search, user_id,
};

fn users_outside(test: &TestStore) -> i64 {
    test.outside().query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_that_fails_or_panics_leaves_its_group_alone() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let writes = (0..600)
        .map(|number| {
            let store = test.store.clone();
            async move {
                let result = store
                    .write(ORG, move |tx| {
                        users::insert(tx, &plain_user(number), NOW)?;
                        match number % 3 {
                            0 => Ok(()),
                            1 => Err(StoreError::Corrupt("as the test wants it".to_owned())),
                            _ => panic!("as the test wants it"),
                        }
                    })
                    .await;
                (number, result)
            }
        })
        .collect();
    for (number, result) in all(writes).await {
        match number % 3 {
            0 => assert_eq!(result, Ok(())),
            1 => assert_eq!(result, Err(StoreError::Corrupt("as the test wants it".to_owned()))),
            _ => assert!(matches!(result, Err(StoreError::Internal(_))), "{result:?}"),
        }
        assert_eq!(find(&test.store, ORG, user_id(number)).is_some(), number % 3 == 0);
    }
    assert_eq!(users_outside(&test), 200);
    assert_eq!(count(&test.store, ORG), 200);
    assert_eq!(search(&test.store, ORG, &needle("ada")).len(), 200, "the index follows what was committed");
    assert_eq!(test.store.check().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_after_the_commit() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let path = test.path();
    let writes = (0..200)
        .map(|number| {
            let (store, path) = (test.store.clone(), path.clone());
            async move {
                store.write(ORG, move |tx| users::insert(tx, &plain_user(number), NOW)).await.unwrap();
                let id = user_id(number).0.to_vec();
                let seen: i64 = outside(&path)
                    .query_row("SELECT count(*) FROM users WHERE org_id = 1 AND user_id = ?1", [id], |row| {
                        row.get(0)
                    })
                    .unwrap();
                seen
            }
        })
        .collect();
    assert_eq!(all(writes).await.into_iter().sum::<i64>(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_wait_together_share_a_commit() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let before: i64 = test.outside().query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap();
    let watcher = test.outside();
    let version = || watcher.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let start = version();
    // The first closure holds the writer until the others wait in the queue.
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let entered = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&entered);
    let mut writes: Vec<_> = (0..100u64)
        .map(|number| {
            let store = test.store.clone();
            Box::pin(async move {
                store
                    .write(ORG, move |tx| users::insert(tx, &plain_user(number), NOW).map(drop))
                    .await
                    .unwrap();
            }) as std::pin::Pin<Box<dyn Future<Output = ()> + Send>>
        })
        .collect();
    let store = test.store.clone();
    let first = async move {
        let hold = move |_: &denizen_store::Tx<'_>| {
            seen.store(true, Ordering::SeqCst);
            gate.lock().unwrap().recv().unwrap();
            Ok::<_, StoreError>(())
        };
        store.write(ORG, hold).await.unwrap();
    };
    #[allow(clippy::disallowed_methods)] // Joined below.
    let first = tokio::spawn(first);
    while !entered.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let opener = async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        open.send(()).unwrap();
    };
    writes.push(Box::pin(opener));
    all(writes).await;
    first.await.unwrap();
    assert_eq!(users_outside(&test), 100);
    // Each commit that another connection sees changes its data version by one at least when it looks; the log tells
    // more: a commit frame carries the size of the database.
    assert!(version() > start && before > 0);
    let commits = commit_frames(&test);
    assert!(commits <= 12, "{commits} commits for 100 writes that waited together, the schema and a role");
}

/// How many frames of the write-ahead log end a transaction.
fn commit_frames(test: &TestStore) -> usize {
    let log = std::fs::read(test.path().with_extension("sqlite-wal")).unwrap();
    let size = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[32..].chunks(24 + size).filter(|frame| frame.len() > 8 && frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_is_not_begun() {
    let test = TestStore::empty();
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let (entered, entry) = std::sync::mpsc::channel::<()>();
    let ran = Arc::new(AtomicU32::new(0));
    let store = test.store.clone();
    #[allow(clippy::disallowed_methods)] // Joined below.
    let first = tokio::spawn(async move {
        let hold = move |_: &denizen_store::Tx<'_>| {
            entered.send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
            Ok::<_, StoreError>(())
        };
        store.write(ORG, hold).await
    });
    tokio::task::spawn_blocking(move || entry.recv().unwrap()).await.unwrap();
    for _ in 0..20 {
        let seen = Arc::clone(&ran);
        let write = test.store.write(ORG, move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
            Ok::<_, StoreError>(())
        });
        // Long enough to queue it, and then nobody waits for it any more.
        assert!(tokio::time::timeout(Duration::from_millis(5), write).await.is_err());
    }
    open.send(()).unwrap();
    first.await.unwrap().unwrap();
    test.store.write(ORG, |_| Ok::<_, StoreError>(())).await.unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_long_read_ends_when_its_caller_goes() {
    let test = TestStore::with(|options| SqliteOptions { long_read_threads: 1, ..options });
    for _ in 0..3 {
        let endless = test.store.scan(ORG, |conn| conn.all_of(&endless(), |row| row.int(0)));
        assert!(tokio::time::timeout(Duration::from_millis(50), endless).await.is_err());
        // The only reading thread is free again.
        let started = Instant::now();
        let next = test.store.scan(ORG, |conn| users::count(conn, query().directory));
        assert_eq!(tokio::time::timeout(Duration::from_secs(5), next).await.expect("it is free"), Ok(0));
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_read_between_two_statements_ends_too_when_its_caller_goes() {
    let test = TestStore::with(|options| SqliteOptions { long_read_threads: 1, ..options });
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let read = test.store.scan(ORG, move |conn| {
        users::count(conn, query().directory)?;
        gate.recv().unwrap();
        conn.all_of(&endless(), |row| row.int(0))
    });
    assert!(tokio::time::timeout(Duration::from_millis(50), read).await.is_err());
    open.send(()).unwrap();
    let next = test.store.scan(ORG, |conn| users::count(conn, query().directory));
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), next).await.expect("it is free"), Ok(0));
}

#[tokio::test]
async fn a_read_that_panics_is_an_error_and_the_next_one_is_well() {
    let test = TestStore::empty();
    for _ in 0..4 {
        let result: Result<(), StoreError> = test.store.scan(ORG, |_| panic!("as the test wants it")).await;
        assert!(matches!(result, Err(StoreError::Internal(_))));
    }
    assert_eq!(test.store.scan(ORG, |conn| users::count(conn, query().directory)).await, Ok(0));
}

#[tokio::test]
async fn a_read_may_stand_within_a_read() {
    let test = TestStore::empty();
    let inner = test.store.clone();
    let result = test.store.read(ORG, |conn| {
        let outer = users::count(conn, query().directory)?;
        Ok::<_, StoreError>((outer, inner.read(OrgKey(2), |conn| users::count(conn, query().directory))?))
    });
    assert_eq!(result, Ok((0, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_finishes_what_waits_and_refuses_what_comes_later() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let writes = (0..300)
        .map(|number| {
            let store = test.store.clone();
            async move { store.write(ORG, move |tx| users::insert(tx, &plain_user(number), NOW)).await }
        })
        .collect();
    let store = test.store.clone();
    let (results, ()) = tokio::join!(all(writes), async move {
        tokio::time::sleep(Duration::from_millis(3)).await;
        tokio::task::spawn_blocking(move || store.close()).await.unwrap();
    });
    let acknowledged = results.iter().filter(|result| result.is_ok()).count();
    for result in results {
        assert!(matches!(result, Ok(Some(_)) | Err(StoreError::Closed)), "{result:?}");
    }
    assert_eq!(users_outside(&test), i64::try_from(acknowledged).unwrap());
    let late = test.store.write(ORG, |_| Ok::<_, StoreError>(())).await;
    assert_eq!(late, Err(StoreError::Closed));
    assert_eq!(test.store.read(ORG, |conn| users::count(conn, query().directory)), Err(StoreError::Closed));
    assert_eq!(
        test.store.scan(ORG, |conn| users::count(conn, query().directory)).await,
        Err(StoreError::Closed)
    );
    assert_eq!(test.store.ping().await, Err(StoreError::Closed));
    let log = std::fs::metadata(test.path().with_extension("sqlite-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "the log was copied into the database");
}

#[tokio::test]
async fn closing_does_not_wait_long_for_somebody_elses_read() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let other = test.outside();
    other.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
    add(&test.store, ORG, plain_user(1)).await;
    let started = Instant::now();
    test.store.close();
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(users_outside(&test), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_to_one_file_without_hindering_each_other() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let beside = Store::open(SqliteOptions::new(test.path()), NOW).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    // The server is busy all the time …
    let busy: Vec<_> = (0..16u64)
        .map(|caller| {
            let (store, stop) = (test.store.clone(), Arc::clone(&stop));
            async move {
                let mut written = 0;
                while !stop.load(Ordering::Relaxed) {
                    let number = (caller << 32) + written;
                    store.write(ORG, move |tx| users::insert(tx, &plain_user(number), NOW)).await.unwrap();
                    written += 1;
                }
                written
            }
        })
        .collect();
    // … and the command beside it comes through.
    let command = async {
        let mut slowest = Duration::ZERO;
        for number in 0..30 {
            let started = Instant::now();
            let user = plain_user((1 << 60) + number);
            beside.write(ORG, move |tx| users::insert(tx, &user, NOW)).await.unwrap();
            slowest = slowest.max(started.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
        slowest
    };
    let (written, slowest) = tokio::join!(all(busy), command);
    let written: u64 = written.into_iter().sum();
    assert_eq!(u64::try_from(count(&test.store, ORG)).unwrap(), written + 30);
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    assert_eq!(test.store.check().unwrap(), Vec::<String>::new());
    tokio::task::spawn_blocking(move || beside.close()).await.unwrap();
    // How many the busy one got to is the machine's affair.
    let shown = usize::try_from(written + 30).unwrap().min(query().limit);
    assert_eq!(page(&test.store, ORG, &query()).users.len(), shown);
}

#[tokio::test]
async fn a_busy_file_is_reported_after_the_time_out() {
    let test =
        TestStore::with(|options| SqliteOptions { busy_timeout: Duration::from_millis(50), ..options });
    let other = test.outside();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = test.store.write(ORG, |_| Ok::<_, StoreError>(())).await;
    assert_eq!(refused, Err(StoreError::Busy));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(test.store.write(ORG, |_| Ok::<_, StoreError>(())).await, Ok(()));
}

#[tokio::test]
async fn a_full_disk_fails_the_writes_and_harms_nothing() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    add(&test.store, ORG, plain_user(0)).await;
    // A limit in pages is what SQLite itself has for a disk that is full.
    let pages: i64 = test.outside().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = denizen_store::Statement::new(&format!("PRAGMA max_page_count = {}", pages + 3));
    let set = test.store.write(ORG, move |tx| tx.all_of(&limit, |row| row.int(0))).await;
    assert_eq!(set, Ok(vec![pages + 3]));
    let mut refused = 0;
    let mut kept = 1;
    for number in 1..400 {
        match test.store.write(ORG, move |tx| users::insert(tx, &plain_user(number), NOW)).await {
            Ok(_) => kept += 1,
            Err(StoreError::Io(_)) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused > 0, "the limit was never met");
    assert_eq!(count(&test.store, ORG), kept);
    assert_eq!(users_outside(&test), kept);
    let unlimited = denizen_store::Statement::new("PRAGMA max_page_count = 4294967294");
    test.store.write(ORG, move |tx| tx.all_of(&unlimited, |row| row.int(0))).await.unwrap();
    add(&test.store, ORG, plain_user(1_000)).await;
    assert_eq!(test.store.check().unwrap(), Vec::<String>::new());
}
