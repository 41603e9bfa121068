//! `check` names what only PostgreSQL has and is not well, and says what it could not look at.

use std::sync::Arc;

use denizen_store::check::{Placement, Report};

use crate::checking::furnished;
use crate::support::TestStore;

async fn look_over(test: &TestStore) -> Report {
    test.store.look_over(Placement::Unknown, Arc::new(|_| ())).await.unwrap()
}

#[tokio::test]
async fn every_kind_of_harm_is_found() {
    let Some(test) = TestStore::postgres() else { return };
    furnished(&test).await;
    let outside = test.outside().await;
    for harm in [
        "UPDATE users SET search_text = 'else' WHERE position = 3",
        "DELETE FROM user_search WHERE position = 4",
        "INSERT INTO user_search (org_id, position, windows) VALUES (1, 99999, '')",
        "UPDATE contact SET search_text = 'else' WHERE position = 25",
        "UPDATE operator SET search_text = 'else' WHERE position = 45",
        "INSERT INTO external_event (org_id, event_id, user_id, position, type, starts_at, ends_at, description, digest,
            created_at, updated_at) SELECT 1, '\\x010101010101010101010101', user_id, 7, 'call', 1, 2, '',
            '\\x00000000000000000000000000000000', 1, 1 FROM users WHERE position = 1",
        "SELECT setval('user_position', 59)",
    ] {
        outside.run(harm).await;
    }
    let found = look_over(&test).await.findings;
    let mut told: Vec<String> = found.iter().map(|one| format!("{}: {}", one.kind.name, one.place)).collect();
    told.sort();
    let id = |number: u64| format!("{number:016x}00000000");
    let uuid = |first: &str, number: u64| {
        let first = first.repeat(8);
        format!("{}-{}-{}-0000-{number:012x}", &first[..8], &first[8..12], &first[12..16])
    };
    assert_eq!(
        told,
        [
            format!("keys: contact: user {}: search_text", uuid("c0", 4)),
            format!("keys: operator: user {}: search_text", uuid("0e", 4)),
            format!("keys: users: user {}: search_text", id(2)),
            "nobody: user_search: position 99999".to_owned(),
            "position: directory 2, position 60, last given out 59".to_owned(),
            "position: external_event, position 7, last given out 0".to_owned(),
            format!("search: contact: user {}", uuid("c0", 4)),
            format!("search: operator: user {}", uuid("0e", 4)),
            format!("search: users: user {}", id(2)),
            format!("search: users: user {}", id(3)),
        ]
    );
}

#[tokio::test]
async fn what_an_index_holds_is_compared_with_its_table_or_it_is_said_why_not() {
    let Some(test) = TestStore::postgres() else { return };
    furnished(&test).await;
    let unseen = look_over(&test).await.unseen;
    let is_there =
        test.outside().await.int("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'").await;
    assert_eq!(is_there, 0, "a database has none until a superuser makes it");
    assert!(unseen.len() == 1 && unseen[0].contains("CREATE EXTENSION amcheck"), "{unseen:?}");
}

#[tokio::test]
async fn what_belongs_to_another_role_is_named() {
    let Some(test) = TestStore::postgres() else { return };
    // Another role needs rights that these tests do not have; the catalogue belongs to one, and looked at as if it were
    // the schema of the tables, it is what a stranger's tables are.
    let outside = test.outside().await;
    let name = outside.texts("SELECT current_database()::text").await.remove(0);
    outside.run(&format!("ALTER DATABASE \"{name}\" SET search_path = pg_catalog, public")).await;
    let found = test.store.check().await.unwrap();
    let line = "the role does not own what it uses: table pg_class belongs to ";
    assert!(found.iter().any(|problem| problem.starts_with(line)), "{found:?}");
}
