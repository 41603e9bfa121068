//! Group commit, and what SQLite has to be told about disks and other processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use denizen_store::{SqliteOptions, StoreError, users};

use crate::support::{NOW, ORG, TestStore, add, add_role, all, count, plain_user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_wait_together_share_a_commit() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    let made = commit_frames(&test);
    let before: i64 = test.file().query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap();
    let watcher = test.file();
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
    assert_eq!(test.outside().await.users().await, 100);
    // Each commit that another connection sees changes its data version by one at least when it looks; the log tells
    // more: a commit frame carries the size of the database.
    assert!(version() > start && before > 0);
    let commits = commit_frames(&test) - made;
    // A group is closed after some milliseconds, in which a busy machine does not come far.
    assert!((1..=25).contains(&commits), "{commits} commits for 100 writes that waited together");
}

/// How many frames of the write-ahead log end a transaction.
fn commit_frames(test: &TestStore) -> usize {
    let log = std::fs::read(test.path().with_extension("sqlite-wal")).unwrap();
    let size = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[32..].chunks(24 + size).filter(|frame| frame.len() > 8 && frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn closing_does_not_wait_long_for_somebody_elses_read() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    let other = test.file();
    other.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
    add(&test.store, ORG, plain_user(1)).await;
    let started = Instant::now();
    test.store.close();
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(test.outside().await.users().await, 1);
}

#[tokio::test]
async fn a_busy_file_is_reported_after_the_time_out() {
    let test = TestStore::sqlite_with(|options| SqliteOptions {
        busy_timeout: Duration::from_millis(50),
        ..options
    });
    let other = test.file();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = test.store.write(ORG, |_| Ok::<_, StoreError>(())).await;
    assert_eq!(refused, Err(StoreError::Busy));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(test.store.write(ORG, |_| Ok::<_, StoreError>(())).await, Ok(()));
}

#[tokio::test]
async fn a_full_disk_fails_the_writes_and_harms_nothing() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    add(&test.store, ORG, plain_user(0)).await;
    // A limit in pages is what SQLite itself has for a disk that is full.
    let pages: i64 = test.file().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
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
    assert_eq!(count(&test.store, ORG).await, kept);
    assert_eq!(test.outside().await.users().await, kept);
    let unlimited = denizen_store::Statement::new("PRAGMA max_page_count = 4294967294");
    test.store.write(ORG, move |tx| tx.all_of(&unlimited, |row| row.int(0))).await.unwrap();
    add(&test.store, ORG, plain_user(1_000)).await;
    assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
}
