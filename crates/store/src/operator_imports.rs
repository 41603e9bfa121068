//! How far the imports of files are.

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::Sql;

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

pub const STATEMENTS: &[&Sql] = &[];

pub fn find(conn: &Conn<'_>, import: Uuid) -> Result<Option<OperatorImport>> {
    todo!()
}

pub fn put(tx: &Tx<'_>, import: &OperatorImport) -> Result<()> {
    todo!()
}

/// Forgets an import, which is over.
pub fn delete(tx: &Tx<'_>, import: Uuid) -> Result<()> {
    todo!()
}
