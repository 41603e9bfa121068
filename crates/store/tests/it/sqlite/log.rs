//! The write-ahead log stays small, whoever reads meanwhile.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use denizen_store::users::UserSearch;
use denizen_store::{SqliteOptions, Store, users};

use crate::support::{NOW, ORG, TestStore, add_role, all, needle, page, plain_user, query};

const PAGES: u32 = 100;
/// More than the writer lets the log grow to while nobody holds it.
const SMALL: u64 = 5 * PAGES as u64 * 4096;
/// So often the log has to start afresh. How large it grows until then is for the disk and the processor to say: a busy machine
/// keeps a copy waiting while writers go on.
const FRESH_STARTS: u32 = 5;
/// Long enough for any machine.
const LONGEST: Duration = Duration::from_mins(1);

fn small_log() -> TestStore {
    TestStore::sqlite_with(|options| SqliteOptions { checkpoint_pages: PAGES, ..options })
}

fn log_size(test: &TestStore) -> u64 {
    std::fs::metadata(test.path().with_extension("sqlite-wal")).unwrap().len()
}

/// How often the log has started afresh: its header counts that, from any number.
fn log_start(database: &std::path::Path) -> u32 {
    let mut header = [0; 16];
    let mut log = std::fs::File::open(database.with_extension("sqlite-wal")).unwrap();
    log.read_exact(&mut header).unwrap();
    u32::from_be_bytes([header[12], header[13], header[14], header[15]])
}

async fn store_one(store: &Store, numbers: &AtomicU64) {
    let number = numbers.fetch_add(1, Ordering::Relaxed);
    store.write(ORG, move |tx| users::insert(tx, &plain_user(number), NOW)).await.unwrap();
}

/// Eight callers who write until `stop`.
async fn write_until(test: &TestStore, numbers: &Arc<AtomicU64>, stop: &Arc<AtomicBool>) {
    let callers = (0..8)
        .map(|_| {
            let (store, numbers, stop) = (test.store.clone(), Arc::clone(numbers), Arc::clone(stop));
            async move {
                while !stop.load(Ordering::Relaxed) {
                    store_one(&store, &numbers).await;
                }
            }
        })
        .collect();
    all(callers).await;
}

/// The same as long as something holds, which has to come to its end.
async fn write_while(test: &TestStore, numbers: &Arc<AtomicU64>, holds: impl Fn(&TestStore) -> bool) {
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let watch = async {
        while holds(test) && begun.elapsed() < LONGEST {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(write_until(test, numbers, &stop), watch);
    assert!(!holds(test), "after {:?} the log has {} bytes", begun.elapsed(), log_size(test));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_starts_afresh_while_others_read() {
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
    // The first write makes the log.
    store_one(&test.store, &numbers).await;
    let (ends, path) = (Arc::clone(&stop), test.path().clone());
    let timer = std::thread::spawn(move || {
        let (begun, first) = (Instant::now(), log_start(&path));
        let starts = loop {
            std::thread::sleep(Duration::from_millis(2));
            let starts = log_start(&path).wrapping_sub(first);
            if starts >= FRESH_STARTS || begun.elapsed() > LONGEST {
                break starts;
            }
        };
        ends.store(true, Ordering::Relaxed);
        starts
    });
    write_until(&test, &numbers, &stop).await;
    let starts = timer.join().unwrap();
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(
        starts >= FRESH_STARTS,
        "in {LONGEST:?} the log has started afresh {starts} times and has {} bytes",
        log_size(&test)
    );
    assert!(page(&test.store, ORG, &query()).await.has_more);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_lets_the_log_grow_and_writers_go_on_and_its_end_mends_it() {
    let test = small_log();
    add_role(&test.store, ORG).await;
    let numbers = Arc::new(AtomicU64::new(0));
    let reader = test.file();
    reader.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
    // That the log grows beyond what is small, and writers get so far, is what a reader admits.
    write_while(&test, &numbers, |test| log_size(test) <= SMALL).await;
    reader.execute_batch("COMMIT").unwrap();
    // The file keeps its size until somebody asks for less; what counts is that it is used from the start again.
    let looks = test.file();
    let used = move |_: &TestStore| {
        let used = looks.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get::<_, i64>(1)).unwrap();
        used >= 5 * i64::from(PAGES)
    };
    write_while(&test, &numbers, used).await;
}
