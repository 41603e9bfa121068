//! How far the imports of files are.

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::{Param, Row, Sql};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorImport {
    /// Made from the content of the file.
    pub import_id: Uuid,
    /// Entries of the file that are done: operators, and rows that repeat one.
    pub entries_done: u64,
    pub created: u64,
    pub failed: u64,
    /// How long the file of errors was then, in bytes.
    pub errors_bytes: u64,
    pub begun_at: Timestamp,
    pub updated_at: Timestamp,
}

static FIND: Sql = Sql::new(
    "operator_import.find",
    "SELECT import_id, entries_done, created, failed, errors_bytes, begun_at, updated_at FROM operator_import
     WHERE org_id = $1 AND import_id = $2",
);
static PUT: Sql = Sql::new(
    "operator_import.put",
    "INSERT INTO operator_import (org_id, import_id, entries_done, created, failed, errors_bytes, begun_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (org_id, import_id) DO UPDATE SET entries_done = $3, created = $4, failed = $5, errors_bytes = $6,
     begun_at = $7, updated_at = $8",
);
static DELETE: Sql =
    Sql::new("operator_import.delete", "DELETE FROM operator_import WHERE org_id = $1 AND import_id = $2");

pub const STATEMENTS: &[&Sql] = &[&FIND, &PUT, &DELETE];

fn read_import(row: &Row<'_>) -> Result<OperatorImport> {
    let count = |column| row.int(column).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(OperatorImport {
        import_id: row.id(0, Uuid::from_column)?,
        entries_done: count(1)?,
        created: count(2)?,
        failed: count(3)?,
        errors_bytes: count(4)?,
        begun_at: Timestamp(row.int(5)?),
        updated_at: Timestamp(row.int(6)?),
    })
}

pub fn find(conn: &Conn<'_>, import: Uuid) -> Result<Option<OperatorImport>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(&import.0)], read_import)
}

/// Notes how far an import is, whether it was known or not.
pub fn put(tx: &Tx<'_>, import: &OperatorImport) -> Result<()> {
    let count = |number: u64| Param::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let params = [
        tx.org_param(),
        Param::Blob(&import.import_id.0),
        count(import.entries_done),
        count(import.created),
        count(import.failed),
        count(import.errors_bytes),
        Param::Int(import.begun_at.0),
        Param::Int(import.updated_at.0),
    ];
    tx.write(&PUT, &params)
}

/// Forgets an import, which is over.
pub fn delete(tx: &Tx<'_>, import: Uuid) -> Result<()> {
    tx.write(&DELETE, &[tx.org_param(), Param::Blob(&import.0)])
}
