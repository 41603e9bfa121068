//! `check` names what only SQLite has and is not well.

use std::sync::Arc;

use denizen_store::check::Placement;

use crate::checking::furnished;
use crate::support::TestStore;

async fn store_with_users() -> TestStore {
    let test = TestStore::sqlite();
    furnished(&test).await;
    test
}

#[tokio::test]
async fn every_kind_of_harm_is_found() {
    let harms = [
        (
            "position: directory 0, position 19, last given out 3",
            "UPDATE directory_counter SET last_seq = 3 WHERE directory = 0",
        ),
        (
            "position: directory 1, position 20, last given out 3",
            "UPDATE directory_counter SET last_seq = 3 WHERE directory = 1",
        ),
        (
            "position: directory 2, position 20, last given out 3",
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
            "search: user_search: position 17179869187",
            "UPDATE users SET search_text = 'else' WHERE position = 17179869187",
        ),
        (
            "search: user_search: position 21474836485",
            "UPDATE contact SET search_text = 'else' WHERE position = 21474836485",
        ),
        (
            "search: user_search: position 25769803782",
            "UPDATE operator SET search_text = 'else' WHERE position = 25769803782",
        ),
        ("nobody: user_search: position 25769803784", "DELETE FROM operator WHERE position = 25769803784"),
        ("nobody: user_search: position 5", "INSERT INTO user_search (rowid, grams) VALUES (5, 'abc')"),
        ("damage: ", "DELETE FROM user_search_data WHERE id > 10"),
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
