//! `check` is silent about what is well and names what is not, on SQLite.

use crate::contacts::{insert, plain_contact};
use crate::operators;
use crate::support::{ORG, TestStore, add, add_role, plain_user};

async fn store_with_users() -> TestStore {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    for number in 0..20 {
        add(&test.store, ORG, plain_user(number)).await;
    }
    insert(&test.store, ORG, (0..20).map(plain_contact).collect()).await.unwrap();
    operators::furnish(&test.store, ORG).await;
    operators::insert(&test.store, ORG, (0..20).map(operators::plain_operator).collect()).await.unwrap();
    assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
    test
}

#[tokio::test]
async fn every_kind_of_harm_is_found() {
    let harms = [
        ("a counter differs", "UPDATE directory_counter SET users = users + 1"),
        ("behind the last number", "UPDATE directory_counter SET last_seq = 3"),
        (
            "in the place of another",
            "UPDATE users SET directory = 1 WHERE user_id = (SELECT max(user_id) FROM users)",
        ),
        (
            "of its directory: position 21474836500",
            "UPDATE directory_counter SET last_seq = 3 WHERE directory = 1",
        ),
        (
            "a contact lies in the place of another",
            "UPDATE contact SET position = position + (1 << 32) WHERE user_id = (SELECT max(user_id) FROM contact)",
        ),
        ("directory 1: 20 counted, 21 kept", "UPDATE directory_counter SET users = users + 1"),
        (
            "an address or number has no contact",
            "DELETE FROM contact WHERE position = (SELECT max(position) FROM contact)",
        ),
        ("refers to no row of contact", "DELETE FROM contact"),
        (
            "the addresses and numbers of a contact do not fit it",
            "DELETE FROM contact_identifier WHERE key = 'ann7@example.org'",
        ),
        (
            "the addresses and numbers of a contact do not fit it",
            "UPDATE contact SET email = 'else@example.org' WHERE email = 'Ann7@Example.org'",
        ),
        (
            "something is left of an anonymized contact",
            "UPDATE contact SET anonymized_at = 1 WHERE email = 'Ann7@Example.org'",
        ),
        (
            "does not fit its user",
            "UPDATE contact SET search_text = 'else' WHERE position = (SELECT max(position) FROM contact)",
        ),
        (
            "of its directory: position 25769803796",
            "UPDATE directory_counter SET last_seq = 3 WHERE directory = 2",
        ),
        ("directory 2: 20 counted, 21 kept", "UPDATE directory_counter SET users = users + 1"),
        (
            "an operator lies in the place of another",
            "UPDATE operator SET position = position + (1 << 32) WHERE user_id = (SELECT max(user_id) FROM operator)",
        ),
        (
            "does not fit its user",
            "UPDATE operator SET search_text = 'else' WHERE position = (SELECT max(position) FROM operator)",
        ),
        (
            "holds nobody's words",
            "DELETE FROM operator WHERE position = (SELECT max(position) FROM operator)",
        ),
        ("an administrator has been given", "UPDATE operator SET is_admin = 1, role = NULL"),
        ("refers to no row of environment", "DELETE FROM environment"),
        ("a user has no role", "DELETE FROM role"),
        ("refers to no row of role", "DELETE FROM role"),
        (
            "does not fit its user",
            "UPDATE users SET search_text = 'else' WHERE position = (SELECT max(position) FROM users)",
        ),
        ("holds nobody's words", "INSERT INTO user_search (rowid, grams) VALUES (5, 'abc')"),
        ("damage", "DELETE FROM user_search_data WHERE id > 10"),
        ("a link has no user", "INSERT INTO link VALUES (1, zeroblob(32), randomblob(16), 'verify', '', 0)"),
    ];
    for (problem, harm) in harms {
        let test = store_with_users().await;
        let outside = test.file();
        outside.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        outside.execute_batch(harm).unwrap();
        let found = test.store.check().await.unwrap();
        let says = found.iter().any(|line| line.contains(problem));
        assert!(says, "{harm}: {found:?}");
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
