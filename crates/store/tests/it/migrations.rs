//! The schema is made once, by whoever comes first, and never by a denizen that is too old for it.

use denizen_store::{SqliteOptions, Store, StoreError};

use crate::support::{NOW, TestStore, outside};

fn steps(connection: &rusqlite::Connection) -> Vec<(i64, Vec<u8>, i64)> {
    let mut statement = connection
        .prepare("SELECT version, checksum, applied_at FROM schema_migration ORDER BY version")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn opening_again_changes_nothing() {
    let test = TestStore::empty();
    let before = steps(&test.outside());
    assert!(!before.is_empty() && before.iter().all(|step| step.2 == NOW.0));
    let again = Store::open(SqliteOptions::new(test.path()), NOW.plus_seconds(1)).unwrap();
    assert_eq!(steps(&test.outside()), before);
    again.close();
}

#[test]
fn a_step_that_was_edited_afterwards_is_refused() {
    let test = TestStore::empty();
    test.store.close();
    test.outside().execute("UPDATE schema_migration SET checksum = x'00' WHERE version = 1", []).unwrap();
    let refused = Store::open(SqliteOptions::new(test.path()), NOW).err();
    assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{refused:?}");
}

#[test]
fn a_schema_of_a_newer_denizen_is_left_alone() {
    let test = TestStore::empty();
    test.store.close();
    test.outside().execute("INSERT INTO schema_migration VALUES (9000, 'future', x'00', 0)", []).unwrap();
    let refused = Store::open(SqliteOptions::new(test.path()), NOW).err();
    assert!(matches!(refused, Some(StoreError::TooNew { found: 9000, .. })), "{refused:?}");
}

#[test]
fn what_is_no_database_is_an_error_and_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "dear diary, ".repeat(1_000)).unwrap();
    let refused = Store::open(SqliteOptions::new(&path), NOW).err();
    assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{refused:?}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("dear diary"));
    let nowhere = Store::open(SqliteOptions::new(folder.path().join("no/such/folder.sqlite")), NOW).err();
    assert!(matches!(nowhere, Some(StoreError::Io(_))), "{nowhere:?}");
}

#[test]
fn processes_that_start_at_once_migrate_once() {
    for _ in 0..15 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let start = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            for number in 0..6 {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    let store = Store::open(SqliteOptions::new(path), NOW.plus_seconds(number)).unwrap();
                    store.close();
                });
            }
        });
        assert_eq!(steps(&outside(&path)).len(), 1);
    }
}

#[cfg(unix)]
#[test]
fn the_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let test = TestStore::empty();
    for file in [test.path(), test.path().with_extension("sqlite-wal")] {
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
}
