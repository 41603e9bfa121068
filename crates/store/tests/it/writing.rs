//! What one closure does is its own affair, and an answer means that the write is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use denizen_store::{Dialect, StoreError, users};

use crate::engine::CONNECTIONS;
use crate::support::{
    NOW, ORG, TestStore, add_role, all, bytes, count, endless, find, needle, page, plain_user, query, search,
    user_id,
};

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
        assert_eq!(find(&test.store, ORG, user_id(number)).await.is_some(), number % 3 == 0);
    }
    assert_eq!(test.outside().await.users().await, 200);
    assert_eq!(count(&test.store, ORG).await, 200);
    assert_eq!(
        search(&test.store, ORG, &needle("ada")).await.len(),
        200,
        "the index follows what was committed"
    );
    assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_after_the_commit() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let outside = Arc::new(test.outside().await);
    let writes = (0..200)
        .map(|number| {
            let (store, outside) = (test.store.clone(), Arc::clone(&outside));
            async move {
                store.write(ORG, move |tx| users::insert(tx, &plain_user(number), NOW)).await.unwrap();
                let id = bytes(&outside, &user_id(number).0);
                outside.int(&format!("SELECT count(*) FROM users WHERE org_id = 1 AND user_id = {id}")).await
            }
        })
        .collect();
    assert_eq!(all(writes).await.into_iter().sum::<i64>(), 200);
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_is_not_begun() {
    let test = TestStore::empty();
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(std::sync::Mutex::new(gate));
    let (entered, entry) = std::sync::mpsc::channel::<()>();
    let ran = Arc::new(AtomicU32::new(0));
    // Takes all that could run a closure: one writer, or every connection.
    let busy = if test.dialect().await == Dialect::Sqlite { 1 } else { CONNECTIONS };
    let mut held = Vec::new();
    for _ in 0..busy {
        let (store, gate, entered) = (test.store.clone(), Arc::clone(&gate), entered.clone());
        let hold = move |_: &denizen_store::Tx<'_>| {
            entered.send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
            Ok::<_, StoreError>(())
        };
        #[allow(clippy::disallowed_methods)] // Joined below.
        held.push(tokio::spawn(async move { store.write(ORG, hold).await }));
    }
    tokio::task::spawn_blocking(move || (0..busy).for_each(|_| entry.recv().unwrap())).await.unwrap();
    for _ in 0..20 {
        let seen = Arc::clone(&ran);
        let write = test.store.write(ORG, move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
            Ok::<_, StoreError>(())
        });
        // Long enough to queue it, and then nobody waits for it any more.
        assert!(tokio::time::timeout(Duration::from_millis(5), write).await.is_err());
    }
    // Any of them may be the one that a word lets go.
    for _ in &held {
        open.send(()).unwrap();
    }
    for held in held {
        held.await.unwrap().unwrap();
    }
    test.store.write(ORG, |_| Ok::<_, StoreError>(())).await.unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_long_read_ends_when_its_caller_goes() {
    let test = TestStore::with_one_long_read();
    for _ in 0..3 {
        let endless = test.store.scan(ORG, |conn| conn.all_of(&endless(conn), |row| row.int(0)));
        assert!(tokio::time::timeout(Duration::from_millis(50), endless).await.is_err());
        // The only reading thread is free again.
        let next = test.store.scan(ORG, |conn| users::count(conn, query().directory));
        assert_eq!(tokio::time::timeout(Duration::from_secs(20), next).await.expect("it is free"), Ok(0));
    }
}

#[tokio::test]
async fn a_read_between_two_statements_ends_too_when_its_caller_goes() {
    let test = TestStore::with_one_long_read();
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let read = test.store.scan(ORG, move |conn| {
        users::count(conn, query().directory)?;
        gate.recv().unwrap();
        conn.all_of(&endless(conn), |row| row.int(0))
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
    assert_eq!(test.outside().await.users().await, i64::try_from(acknowledged).unwrap());
    let late = test.store.write(ORG, |_| Ok::<_, StoreError>(())).await;
    assert_eq!(late, Err(StoreError::Closed));
    assert_eq!(
        test.store.read(ORG, |conn| users::count(conn, query().directory)).await,
        Err(StoreError::Closed)
    );
    assert_eq!(
        test.store.scan(ORG, |conn| users::count(conn, query().directory)).await,
        Err(StoreError::Closed)
    );
    assert_eq!(test.store.ping().await, Err(StoreError::Closed));
    // PostgreSQL has none there.
    let log = std::fs::metadata(test.path().with_extension("sqlite-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "SQLite's log was copied into the database");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_to_one_database_without_hindering_each_other() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let beside = test.another_process();
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
    assert_eq!(u64::try_from(count(&test.store, ORG).await).unwrap(), written + 30);
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
    tokio::task::spawn_blocking(move || beside.close()).await.unwrap();
    // How many the busy one got to is the machine's affair.
    let shown = usize::try_from(written + 30).unwrap().min(query().limit);
    assert_eq!(page(&test.store, ORG, &query()).await.users.len(), shown);
}

#[tokio::test]
async fn a_name_is_kept_and_found_however_long_its_key_is() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    // Four bytes each and nothing that could be packed: more than an entry of an index takes.
    let long: String = (0..1_000_u32)
        .map(|n| char::from_u32(0x2_0000 + n * 7_919 % 40_000).expect("an ideograph"))
        .collect();
    for (number, name) in [(1, format!("{long}b")), (2, format!("{long}a"))] {
        let user = users::NewUser { first_name: name.clone(), last_name: name, ..plain_user(number) };
        test.store.write(ORG, move |tx| users::insert(tx, &user, NOW)).await.unwrap().expect("a new address");
    }
    let tail: String = long.chars().skip(980).collect();
    assert_eq!(search(&test.store, ORG, &needle(&tail)).await.len(), 2);
    assert_eq!(page(&test.store, ORG, &query()).await.users[0].first_name, format!("{long}b"));
}
