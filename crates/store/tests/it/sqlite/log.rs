//! The write-ahead log stays small, whoever reads meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use denizen_store::users::UserSearch;
use denizen_store::{SqliteOptions, users};

use crate::support::{NOW, ORG, TestStore, add_role, all, needle, page, plain_user, query};

const PAGES: u32 = 100;
/// More than the writer lets the log grow to while nobody holds it.
const SMALL: u64 = 5 * PAGES as u64 * 4096;
/// A busy machine may keep a few checkpoints waiting; without any the log would be many times as large.
const BOUND: u64 = 3 * SMALL;
/// So many users take more than half of what is small.
const ENOUGH: u64 = 4_000;

fn small_log() -> TestStore {
    TestStore::sqlite_with(|options| SqliteOptions { checkpoint_pages: PAGES, ..options })
}

fn log_size(test: &TestStore) -> u64 {
    std::fs::metadata(test.path().with_extension("sqlite-wal")).unwrap().len()
}

/// Eight callers who write until `stop`, and the size of the log at its largest.
async fn write_until(test: &TestStore, numbers: &Arc<AtomicU64>, stop: &Arc<AtomicBool>) -> u64 {
    let callers = (0..8)
        .map(|_| {
            let (store, numbers, stop) = (test.store.clone(), Arc::clone(numbers), Arc::clone(stop));
            async move {
                while !stop.load(Ordering::Relaxed) {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    store.write(ORG, move |tx| users::insert(tx, &plain_user(number), NOW)).await.unwrap();
                }
            }
        })
        .collect();
    let watched = Arc::clone(stop);
    let path = test.path().with_extension("sqlite-wal");
    let watcher = std::thread::spawn(move || {
        let mut largest = 0;
        while !watched.load(Ordering::Relaxed) {
            largest = largest.max(std::fs::metadata(&path).unwrap().len());
            std::thread::sleep(Duration::from_millis(2));
        }
        largest
    });
    all(callers).await;
    watcher.join().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_small_while_others_read() {
    let test = small_log();
    add_role(&test.store, ORG).await;
    let (numbers, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    // Reads overlap, so that there is never a moment without one.
    let readers: Vec<_> = (0..3)
        .map(|reader| {
            let (store, stop) = (test.store.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                // From here on its reads share a snapshot, as those of the server's workers do.
                denizen_store::rest();
                while !stop.load(Ordering::Relaxed) {
                    if reader == 0 {
                        runtime.block_on(page(&store, ORG, &query()));
                    } else {
                        let scan = |conn: &denizen_store::Conn<'_>| {
                            std::thread::sleep(Duration::from_millis(5));
                            users::search(conn, &UserSearch { limit: 20, ..needle("ada1") })
                        };
                        runtime.block_on(store.scan(ORG, scan)).unwrap();
                    }
                }
            })
        })
        .collect();
    let (ends, written) = (Arc::clone(&stop), Arc::clone(&numbers));
    // For three seconds, and on a busy machine until there is enough to tell.
    let timer = std::thread::spawn(move || {
        let begun = Instant::now();
        std::thread::sleep(Duration::from_secs(3));
        while written.load(Ordering::Relaxed) < ENOUGH && begun.elapsed() < Duration::from_mins(1) {
            std::thread::sleep(Duration::from_millis(50));
        }
        ends.store(true, Ordering::Relaxed);
    });
    let largest = write_until(&test, &numbers, &stop).await;
    timer.join().unwrap();
    for reader in readers {
        reader.join().unwrap();
    }
    let written = test.file().query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap() * 4096;
    assert!(written.unsigned_abs() > SMALL / 2, "too little was written to tell: {written} bytes");
    assert!(largest < BOUND, "the log grew to {largest} bytes");
    assert!(page(&test.store, ORG, &query()).await.has_more);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_lets_the_log_grow_and_writers_go_on_and_its_end_mends_it() {
    let test = small_log();
    add_role(&test.store, ORG).await;
    let numbers = Arc::new(AtomicU64::new(0));
    let reader = test.file();
    reader.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
    let write = async |millis: u64| {
        let stop = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&stop);
        let timer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(millis));
            ends.store(true, Ordering::Relaxed);
        });
        let before = numbers.load(Ordering::Relaxed);
        write_until(&test, &numbers, &stop).await;
        timer.join().unwrap();
        numbers.load(Ordering::Relaxed) - before
    };
    let beside = write(2_000).await;
    assert!(log_size(&test) > SMALL, "the reader holds the log: {}", log_size(&test));
    reader.execute_batch("COMMIT").unwrap();
    let after = write(2_000).await;
    assert!(
        beside * 5 > after,
        "writers were held up by a reader: {beside} writes beside it, {after} after it"
    );
    // The file keeps its size until somebody asks for less; what counts is that it is used from the start again.
    let started = Instant::now();
    let used =
        test.file().query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1)).unwrap();
    assert!(used < 5 * i64::from(PAGES), "{used} pages in the log after {:?}", started.elapsed());
}
