//! What the schema promises about every table, read from PostgreSQL's catalogue: `org_id` is in every key, so that each
//! table can be distributed by it, and nothing else differs from SQLite without a reason.

use std::collections::BTreeSet;

use crate::support::TestStore;

/// Keys that do not begin with `org_id`, each with the reason.
const KEYS: [(&str, &str); 7] = [
    ("organization.org_uuid", "looked up before the organization is known"),
    ("organization.slug", "looked up before the organization is known"),
    ("signing_key.kid", "a key serves every organization"),
    ("cluster.name", "a cluster serves many organizations"),
    ("belonging.only_row", "about the database itself"),
    ("replica_proof.only_row", "about the database itself"),
    ("schema_migration.version", "the schema is the same for every organization"),
];

/// Other indexes that do not begin with `org_id`.
const INDEXES: [(&str, &str); 3] = [
    ("job_due", "the worker looks over all organizations"),
    ("organization_by_parent", "of the control store"),
    ("user_by_window", "each window has the organization in it"),
];

/// References between tables that do not lead along `org_id`.
const REFERENCES: [(&str, &str); 1] =
    [("organization_parent_org_id_fkey", "the control store is not distributed")];

/// Columns that only one engine has.
const COLUMNS: [(&str, &str); 25] = [
    ("directory_counter.last_seq", "SQLite: numbers users; PostgreSQL has a sequence for that"),
    ("directory_counter.slot", "PostgreSQL: writers do not wait for one another"),
    ("replica_proof.life", "PostgreSQL: SQLite has no replicas"),
    ("replica_proof.only_row", "PostgreSQL: SQLite has no replicas"),
    ("replica_proof.proof", "PostgreSQL: SQLite has no replicas"),
    ("user_search.org_id", "PostgreSQL: SQLite's search index is made otherwise"),
    ("user_search.position", "PostgreSQL: SQLite's search index is made otherwise"),
    ("user_search.windows", "PostgreSQL: SQLite's search index is made otherwise"),
    ("search_block.block", "SQLite: PostgreSQL's search index is made otherwise"),
    ("search_block.directory", "SQLite: PostgreSQL's search index is made otherwise"),
    ("search_block.org_id", "SQLite: PostgreSQL's search index is made otherwise"),
    ("search_block.stamp", "SQLite: PostgreSQL's search index is made otherwise"),
    ("search_mark.directory", "SQLite: PostgreSQL's search index is made otherwise"),
    ("search_mark.gathered", "SQLite: PostgreSQL's search index is made otherwise"),
    ("search_mark.org_id", "SQLite: PostgreSQL's search index is made otherwise"),
    ("search_mark.posted", "SQLite: PostgreSQL's search index is made otherwise"),
    ("user_text.chunk", "SQLite: PostgreSQL's search index is made otherwise"),
    ("user_text.directory", "SQLite: PostgreSQL's search index is made otherwise"),
    ("user_text.org_id", "SQLite: PostgreSQL's search index is made otherwise"),
    ("user_text.texts", "SQLite: PostgreSQL's search index is made otherwise"),
    ("user_window.block", "SQLite: PostgreSQL's search index is made otherwise"),
    ("user_window.directory", "SQLite: PostgreSQL's search index is made otherwise"),
    ("user_window.letters", "SQLite: PostgreSQL's search index is made otherwise"),
    ("user_window.org_id", "SQLite: PostgreSQL's search index is made otherwise"),
    ("user_window.users", "SQLite: PostgreSQL's search index is made otherwise"),
];

fn set(list: &[(&str, &str)]) -> BTreeSet<String> {
    list.iter().map(|(name, _)| (*name).to_owned()).collect()
}

async fn found(test: &TestStore, sql: &str) -> BTreeSet<String> {
    test.outside().await.texts(sql).await.into_iter().collect()
}

#[tokio::test]
async fn every_key_begins_with_the_organization() {
    let Some(test) = TestStore::postgres() else { return };
    let others = found(
        &test,
        "SELECT relation.relname || '.' || attname FROM pg_index
         JOIN pg_class AS relation ON relation.oid = indrelid
         JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
         WHERE indisunique AND relnamespace = 'public'::regnamespace AND attname <> 'org_id'",
    )
    .await;
    assert_eq!(others, set(&KEYS));
    let keyless = found(
        &test,
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
         AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)",
    )
    .await;
    assert_eq!(keyless, set(&[]));
}

#[tokio::test]
async fn every_other_index_begins_with_the_organization_too() {
    let Some(test) = TestStore::postgres() else { return };
    let others = found(
        &test,
        "SELECT index.relname::text FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
         LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
         WHERE NOT indisunique AND relnamespace = 'public'::regnamespace AND attname IS DISTINCT FROM 'org_id'",
    )
    .await;
    assert_eq!(others, set(&INDEXES));
}

#[tokio::test]
async fn every_reference_stays_within_the_organization() {
    let Some(test) = TestStore::postgres() else { return };
    let all = "SELECT conname::text FROM pg_constraint WHERE contype = 'f'";
    let within = format!(
        "{all} AND EXISTS (
            SELECT FROM unnest(conkey, confkey) AS pair (here, there)
            JOIN pg_attribute AS one ON one.attrelid = conrelid AND one.attnum = here
            JOIN pg_attribute AS two ON two.attrelid = confrelid AND two.attnum = there
            WHERE one.attname = 'org_id' AND two.attname = 'org_id')"
    );
    let (all, within) = (found(&test, all).await, found(&test, &within).await);
    assert!(within.len() >= 4, "{within:?}");
    assert_eq!(all.difference(&within).cloned().collect::<BTreeSet<_>>(), set(&REFERENCES));
}

#[tokio::test]
async fn every_indexed_text_is_ordered_by_its_bytes_as_on_sqlite() {
    let Some(test) = TestStore::postgres() else { return };
    let texts = |condition: &str| {
        format!(
            "SELECT relation.relname || '.' || attname FROM pg_index
             JOIN pg_class AS relation ON relation.oid = indrelid
             CROSS JOIN LATERAL unnest(indkey::int2[], indcollation::oid[]) AS part (number, collation_id)
             JOIN pg_attribute ON attrelid = indrelid AND attnum = number
             WHERE relnamespace = 'public'::regnamespace AND atttypid = 'text'::regtype AND {condition}"
        )
    };
    assert!(found(&test, &texts("TRUE")).await.len() > 5);
    let others = texts("(collation_id <> 'pg_catalog.\"C\"'::regcollation OR attcollation <> collation_id)");
    assert_eq!(found(&test, &others).await, set(&[]));
}

#[tokio::test]
async fn tables_and_columns_are_those_of_sqlite() {
    let Some(test) = TestStore::postgres() else { return };
    let postgres = found(
        &test,
        "SELECT table_name || '.' || column_name || CASE data_type WHEN 'bytea' THEN ' bytes'
            WHEN 'text' THEN ' text' WHEN 'bigint' THEN ' number' WHEN 'smallint' THEN ' number'
            WHEN 'boolean' THEN ' number' ELSE ' of its own' END || CASE is_nullable WHEN 'YES' THEN ', or none' ELSE '' END
         FROM information_schema.columns WHERE table_schema = 'public'",
    )
    .await;
    let sqlite = found(
        &TestStore::sqlite(),
        "SELECT tables.name || '.' || columns.name || CASE columns.type WHEN 'BLOB' THEN ' bytes'
            WHEN 'TEXT' THEN ' text' WHEN 'INTEGER' THEN ' number' ELSE ' of its own' END
            || CASE WHEN columns.\"notnull\" OR columns.pk > 0 THEN '' ELSE ', or none' END
         FROM pragma_table_list AS tables JOIN pragma_table_info(tables.name) AS columns
         WHERE tables.schema = 'main' AND tables.name NOT LIKE 'sqlite_%'",
    )
    .await;
    assert!(sqlite.len() > 80, "{}", sqlite.len());
    let differ: BTreeSet<String> = postgres
        .symmetric_difference(&sqlite)
        .map(|column| column.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(differ, set(&COLUMNS));
}
