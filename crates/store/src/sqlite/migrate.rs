//! Numbered migrations with checksums, on SQLite.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Result, StoreError};
use crate::migration::{MIGRATIONS, checksum, newest};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL, applied_at INTEGER NOT NULL
) STRICT";

/// Brings the schema up to date. Two processes that start at once migrate once: each step is looked for again inside
/// its own write transaction.
pub(crate) fn run(connection: &mut Connection, now_micros: i64) -> Result<()> {
    // Engine: a transaction that reads before it writes is busy at once when another process has written meanwhile.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLE)?;
    transaction.commit()?;
    // Engine: a table that takes the place of another one would first lose the rows that lead to it.
    connection.pragma_update(None, "foreign_keys", false)?;
    for step in MIGRATIONS {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let checksum = checksum(step.sqlite);
        let applied: Option<Vec<u8>> = rusqlite::OptionalExtension::optional(transaction.query_row(
            "SELECT checksum FROM schema_migration WHERE version = ?1",
            [step.version],
            |row| row.get(0),
        ))?;
        if let Some(found) = applied {
            step.must_match(&found, &checksum)?;
        } else {
            transaction.execute_batch(step.sqlite)?;
            transaction.execute(
                "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
                rusqlite::params![step.version, step.name, checksum, now_micros],
            )?;
        }
        transaction.commit()?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    let known = newest();
    let found: i64 =
        connection
            .query_row("SELECT coalesce(max(version), 0) FROM schema_migration", [], |row| row.get(0))?;
    if found > known { Err(StoreError::TooNew { found, known }) } else { Ok(()) }
}
