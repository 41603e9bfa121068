//! A backup is one state of the database, whatever is written while its pages are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use denizen_store::{Snapshot, SqliteOptions, StoreError, look_over, newest_schema};

use crate::support::{ORG, TestStore, add, add_role, plain_user};

const BEFORE: u64 = 40;

/// A store whose log is copied into the database all the time.
async fn store_with_users() -> TestStore {
    let test = TestStore::sqlite_with(|options| SqliteOptions { checkpoint_pages: 20, ..options });
    add_role(&test.store, ORG).await;
    for number in 0..BEFORE {
        add(&test.store, ORG, plain_user(number)).await;
    }
    test
}

/// Writes the pages into a file; `at_each` is called before each of them.
fn copy(snapshot: &Snapshot, to: &Path, mut at_each: impl FnMut()) {
    let mut pages = Vec::new();
    snapshot
        .read(|page| {
            at_each();
            pages.extend_from_slice(page);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    std::fs::write(to, pages).unwrap();
}

fn copied(test: &TestStore, folder: &Path) -> PathBuf {
    let path = folder.join("main.db");
    copy(&Snapshot::take(&test.path()).unwrap(), &path, || ());
    path
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_copy_is_the_state_of_its_beginning_though_every_page_of_it_is_read_between_writes() {
    let test = store_with_users().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.db");
    let (written, stop) = (Arc::new(AtomicU64::new(BEFORE)), Arc::new(AtomicBool::new(false)));
    let writer = std::thread::spawn({
        let (store, written, stop) = (test.store.clone(), Arc::clone(&written), Arc::clone(&stop));
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            while !stop.load(Ordering::Relaxed) {
                runtime.block_on(add(&store, ORG, plain_user(written.load(Ordering::Relaxed))));
                written.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let acknowledged = written.load(Ordering::Relaxed);
    let snapshot = Snapshot::take(&test.path()).unwrap();
    let facts = snapshot.facts();
    let mut seen = written.load(Ordering::Relaxed);
    copy(&snapshot, &path, || {
        while written.load(Ordering::Relaxed) == seen && !writer.is_finished() {
            std::thread::yield_now();
        }
        seen = written.load(Ordering::Relaxed);
    });
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();

    assert!(facts.members.unsigned_abs() >= acknowledged, "an acknowledged user is missing: {facts:?}");
    let pages = facts.bytes / 4096;
    assert!(
        written.load(Ordering::Relaxed) > facts.members.unsigned_abs() + pages / 2,
        "too little was written"
    );
    assert_eq!(std::fs::metadata(&path).unwrap().len(), facts.bytes);
    assert_eq!(look_over(&path).unwrap(), (facts, Vec::new()));
    assert_eq!(names(folder.path()), ["main.db"], "looking must not write");
}

#[tokio::test]
async fn damage_is_found_and_nothing_is_written_beside_the_file() {
    let test = store_with_users().await;
    let folder = tempfile::tempdir().unwrap();
    let path = copied(&test, folder.path());
    let root: u32 = test
        .file()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'user_by_email'", [], |row| row.get(0))
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let begin = 4096 * (root as usize - 1);
    bytes[begin + 100..begin + 4096].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let (_, problems) = look_over(&path).unwrap();
    assert!(problems.iter().any(|line| line.contains("damage")), "{problems:?}");
    assert_eq!(names(folder.path()), ["main.db"]);
}

#[tokio::test]
async fn a_contradiction_is_found_in_a_copy_that_is_whole() {
    let test = store_with_users().await;
    test.file().execute("UPDATE directory_counter SET users = users + 1", []).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_, problems) = look_over(&copied(&test, folder.path())).unwrap();
    assert!(problems.iter().any(|line| line.contains("a counter differs")), "{problems:?}");
}

#[tokio::test]
async fn what_is_no_database_of_this_denizen_is_refused() {
    let test = store_with_users().await;
    test.file()
        .execute("INSERT INTO schema_migration VALUES (?1, 'later', x'00', 0)", [newest_schema() + 1])
        .unwrap();
    let refused = Snapshot::take(&test.path()).err();
    assert_eq!(refused, Some(StoreError::TooNew { found: newest_schema() + 1, known: newest_schema() }));

    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    assert!(matches!(look_over(&foreign), Err(StoreError::Corrupt(_))));
    std::fs::write(&foreign, "dear diary, ".repeat(1_000)).unwrap();
    assert!(matches!(look_over(&foreign), Err(StoreError::Corrupt(_))));
    let absent = folder.path().join("absent.db");
    assert!(matches!(Snapshot::take(&absent).err(), Some(StoreError::Io(_))));
    assert!(!absent.exists());
}

#[tokio::test]
async fn of_an_older_schema_damage_alone_is_looked_for() {
    let test = store_with_users().await;
    // What a denizen of before would not have kept right.
    test.file()
        .execute_batch(
            "UPDATE directory_counter SET users = users + 1;
             DELETE FROM schema_migration WHERE version = (SELECT max(version) FROM schema_migration)",
        )
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (facts, problems) = look_over(&copied(&test, folder.path())).unwrap();
    assert_eq!((facts.schema_version, problems), (newest_schema() - 1, Vec::new()));
}
