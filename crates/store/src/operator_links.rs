//! Links that were mailed to operators, to set a password with: single use, kept by the hash of their secret.

use denizen_domain::ids::UserId;
use denizen_domain::operator::MailLanguage;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::Sql;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorLink {
    pub secret_hash: [u8; 32],
    pub user_id: UserId,
    pub language: MailLanguage,
    pub expires_at: Timestamp,
}

pub const STATEMENTS: &[&Sql] = &[];

/// Adds a link, and drops its operator's expired ones.
pub fn insert(tx: &Tx<'_>, link: &OperatorLink, now: Timestamp) -> Result<()> {
    todo!()
}

pub fn find(conn: &Conn<'_>, secret_hash: &[u8; 32]) -> Result<Option<OperatorLink>> {
    todo!()
}

/// Uses a link up; `false` when somebody else was first.
pub fn delete(tx: &Tx<'_>, secret_hash: &[u8; 32]) -> Result<bool> {
    todo!()
}

/// Makes every link of an operator useless.
pub fn delete_of(tx: &Tx<'_>, user: UserId) -> Result<()> {
    todo!()
}
