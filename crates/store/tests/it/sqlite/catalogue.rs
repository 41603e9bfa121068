//! What the schema promises about every table, read from SQLite's catalogue.

use std::collections::BTreeMap;

use crate::support::TestStore;

/// Keys that do not begin with `org_id`, each with the reason.
const EXCEPTIONS: [(&str, &str, &str); 9] = [
    ("organization", "org_uuid", "looked up before the organization is known"),
    ("organization", "slug", "looked up before the organization is known"),
    ("signing_key", "kid", "a key serves every organization"),
    ("cluster", "name", "a cluster serves many organizations"),
    ("belonging", "only_row", "about the database itself"),
    ("users", "position", "packs org_id in its high bits"),
    ("contact", "position", "packs org_id in its high bits"),
    ("operator", "position", "packs org_id in its high bits"),
    ("schema_migration", "version", "the schema is the same for every organization"),
];

fn texts(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn tables(connection: &rusqlite::Connection) -> Vec<String> {
    let mut tables = texts(connection, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    tables.retain(|table| !table.starts_with("sqlite_"));
    assert!(tables.len() >= 10);
    tables
}

#[test]
fn every_key_begins_with_the_organization() {
    let test = TestStore::sqlite();
    let outside = test.file();
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
    let test = TestStore::sqlite();
    let outside = test.file();
    let strict = texts(&outside, "SELECT name FROM pragma_table_list WHERE strict = 1");
    for table in tables(&outside) {
        assert!(strict.contains(&table), "{table} takes any type");
    }
}
