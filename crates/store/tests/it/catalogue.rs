//! What the schema promises about every table, read from the catalogue of a migrated database.

use std::collections::BTreeMap;

use denizen_domain::ids::UserId;
use denizen_store::links::{Link, LinkPurpose};
use denizen_store::{StoreError, links, users};

use crate::support::{NOW, ORG, TestStore, add_role, plain_user};

/// Keys that do not begin with `org_id`, each with the reason.
const EXCEPTIONS: [(&str, &str, &str); 5] = [
    ("organization", "org_uuid", "looked up before the organization is known"),
    ("organization", "slug", "looked up before the organization is known"),
    ("signing_key", "kid", "a key serves every organization"),
    ("users", "position", "packs org_id in its high bits"),
    ("schema_migration", "version", "the schema is the same for every organization"),
];

/// Tables of the search index, which the engine makes and names.
fn is_of_the_index(table: &str) -> bool {
    table.starts_with("user_search") || table.starts_with("sqlite_")
}

fn texts(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn tables(connection: &rusqlite::Connection) -> Vec<String> {
    let mut tables = texts(connection, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    tables.retain(|table| !is_of_the_index(table));
    assert!(tables.len() >= 10);
    tables
}

#[test]
fn every_key_begins_with_the_organization() {
    let test = TestStore::empty();
    let outside = test.outside();
    let mut unused: BTreeMap<(&str, &str), &str> =
        EXCEPTIONS.iter().map(|(table, column, reason)| ((*table, *column), *reason)).collect();
    for table in tables(&outside) {
        let mut keys =
            texts(&outside, &format!("SELECT name FROM pragma_table_info('{table}') WHERE pk = 1"));
        assert_eq!(keys.len(), 1, "{table} has no primary key");
        for index in texts(&outside, &format!("SELECT name FROM pragma_index_list('{table}')")) {
            let first =
                texts(&outside, &format!("SELECT name FROM pragma_index_info('{index}') WHERE seqno = 0"));
            // Not unique, and for the worker, which serves every organization.
            if index != "job_due" {
                keys.extend(first);
            }
        }
        for column in keys {
            if column != "org_id" {
                let known = EXCEPTIONS.iter().any(|(t, c, _)| *t == table && *c == column);
                assert!(known, "a key of {table} begins with {column}");
                unused.retain(|(t, c), _| *t != table || *c != column);
            }
        }
    }
    assert!(unused.is_empty(), "exceptions that are none any more: {unused:?}");
}

#[test]
fn every_table_is_strict() {
    let test = TestStore::empty();
    let outside = test.outside();
    let strict = texts(&outside, "SELECT name FROM pragma_table_list WHERE strict = 1");
    for table in tables(&outside) {
        assert!(strict.contains(&table), "{table} takes any type");
    }
}

#[tokio::test]
async fn a_row_that_refers_to_nothing_is_refused() {
    let test = TestStore::empty();
    let no_role = test.store.write(ORG, |tx| users::insert(tx, &plain_user(1), NOW)).await;
    assert!(matches!(no_role, Err(StoreError::Constraint(_))), "{no_role:?}");

    add_role(&test.store, ORG).await;
    let link = Link {
        secret_hash: [1; 32],
        user_id: UserId([9; 16]),
        purpose: LinkPurpose::Verify,
        redirect: String::new(),
        expires_at: NOW,
    };
    let no_user = test.store.write(ORG, move |tx| links::insert(tx, &link, NOW)).await;
    assert!(matches!(no_user, Err(StoreError::Constraint(_))), "{no_user:?}");
}

#[tokio::test]
async fn a_role_of_another_organization_is_no_role() {
    let test = TestStore::empty();
    add_role(&test.store, denizen_domain::ids::OrgKey(2)).await;
    let foreign = test.store.write(ORG, |tx| users::insert(tx, &plain_user(1), NOW)).await;
    assert!(matches!(foreign, Err(StoreError::Constraint(_))), "{foreign:?}");
}

#[tokio::test]
async fn a_unique_key_is_named_in_the_error() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let twice = test
        .store
        .write(ORG, |tx| {
            users::insert(tx, &plain_user(1), NOW)?;
            let same_id = denizen_store::users::NewUser { user_id: plain_user(1).user_id, ..plain_user(2) };
            users::insert(tx, &same_id, NOW)
        })
        .await;
    assert_eq!(twice, Err(StoreError::Constraint("users.org_id, users.user_id".to_owned())));
}
