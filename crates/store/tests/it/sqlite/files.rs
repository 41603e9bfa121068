//! What denizen makes of the files that it is pointed to.

use denizen_store::{SqliteOptions, Store, StoreError};

use crate::support::{NOW, TestStore};

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

#[cfg(unix)]
#[test]
fn the_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let test = TestStore::sqlite();
    for file in [test.path(), test.path().with_extension("sqlite-wal")] {
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
}
