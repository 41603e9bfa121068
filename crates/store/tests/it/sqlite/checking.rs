//! `check` names what only SQLite has and is not well.

use std::sync::Arc;

use denizen_domain::member::Directory;
use denizen_store::check::Placement;

use super::index::{mark, put_forward};
use crate::checking::furnished;
use crate::contacts::plain_contact;
use crate::operators::administrator;
use crate::support::{ORG, TestStore, add, plain_user};

/// Users of each directory in each part of the search index: numbers 1 to 20 are posted, 8,193 is gathered, and one more comes
/// behind.
async fn store_with_users() -> TestStore {
    let test = TestStore::sqlite();
    furnished(&test).await;
    for (number, last) in [(100, 8_191), (101, 8_192), (102, 8_600)] {
        for directory in [Directory::Members, Directory::Contacts, Directory::Operators] {
            put_forward(&test, directory, last);
        }
        add(&test.store, ORG, plain_user(number)).await;
        crate::contacts::insert(&test.store, ORG, vec![plain_contact(number)]).await.unwrap();
        crate::operators::insert(&test.store, ORG, vec![administrator(number)]).await.unwrap();
    }
    for directory in [Directory::Members, Directory::Contacts, Directory::Operators] {
        assert_eq!(mark(&test, directory), (8_192, 8_448));
    }
    assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
    test
}

#[tokio::test]
async fn every_kind_of_harm_is_found() {
    let harms = [
        (
            "position: directory 0, position 8601, last given out 3",
            "UPDATE directory_counter SET last_seq = 3 WHERE directory = 0",
        ),
        (
            "position: directory 1, position 8601, last given out 3",
            "UPDATE directory_counter SET last_seq = 3 WHERE directory = 1",
        ),
        (
            "position: directory 2, position 8601, last given out 3",
            "UPDATE directory_counter SET last_seq = 3 WHERE directory = 2",
        ),
        ("place: users, position 17179869202", "UPDATE users SET directory = 1 WHERE position = 17179869202"),
        (
            "place: contact, position 25769803788",
            "UPDATE contact SET position = position + (1 << 32) WHERE position = 21474836492",
        ),
        (
            "place: operator, position 30064771080",
            "UPDATE operator SET position = position + (1 << 32) WHERE position = 25769803784",
        ),
        (
            "search: user_window: position 17179869187",
            "UPDATE users SET search_text = 'else' WHERE position = 17179869187",
        ),
        (
            "search: user_window: position 21474836485",
            "UPDATE contact SET search_text = 'else' WHERE position = 21474836485",
        ),
        (
            "search: user_window: position 25769803782",
            "UPDATE operator SET search_text = 'else' WHERE position = 25769803782",
        ),
        (
            "search: user_text: position 21474844673",
            "UPDATE contact SET search_text = 'else' WHERE position = 21474844673",
        ),
        ("search: user_window: position 17179869185", "DELETE FROM user_window WHERE letters = 'ada'"),
        ("search: user_text: position 17179877377", "DELETE FROM user_text"),
        ("nobody: user_window: position 25769803784", "DELETE FROM operator WHERE position = 25769803784"),
        ("nobody: user_text: position 25769811969", "DELETE FROM operator WHERE position = 25769811969"),
        ("nobody: user_window: position 5", "INSERT INTO user_window VALUES (0, 0, 0, 'abc', x'05')"),
        ("damage: user_window", "UPDATE user_window SET users = x'80' WHERE letters = 'ada'"),
        ("damage: user_window", "UPDATE user_window SET users = x'' WHERE letters = 'ada'"),
        ("damage: user_text", "UPDATE user_text SET texts = x'00'"),
        ("damage: the table user_text is missing", "DROP TABLE user_text"),
    ];
    for (problem, harm) in harms {
        let test = store_with_users().await;
        let outside = test.file();
        outside.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        outside.execute_batch(harm).unwrap();
        let found = test.store.look_over(Placement::Unknown, Arc::new(|_| ())).await.unwrap().findings;
        let lines: Vec<String> =
            found.iter().map(|one| format!("{}: {}", one.kind.name, one.place)).collect();
        let says = lines.iter().any(|line| line.starts_with(problem));
        assert!(says, "{harm}: {lines:?}");
    }
}

#[tokio::test]
async fn a_damaged_page_is_found() {
    let test = store_with_users().await;
    let root: i64 = test
        .file()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'user_by_first_name'", [], |row| {
            row.get(0)
        })
        .unwrap();
    test.store.close();
    let mut bytes = std::fs::read(test.path()).unwrap();
    let at = usize::try_from(root - 1).unwrap() * 4096;
    bytes[at + 3_000..at + 4_000].fill(0xAA);
    std::fs::write(test.path(), bytes).unwrap();
    let again =
        denizen_store::Store::open(denizen_store::SqliteOptions::new(test.path()), crate::support::NOW)
            .unwrap();
    let found = again.check().await.unwrap();
    assert!(found.iter().any(|line| line.contains("damage")), "{found:?}");
}
