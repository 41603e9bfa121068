//! Links that were mailed to operators, to set a password with: single use, kept by the hash of their secret.

use denizen_domain::ids::UserId;
use denizen_domain::operator::MailLanguage;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorLink {
    pub secret_hash: [u8; 32],
    pub user_id: UserId,
    pub language: MailLanguage,
    pub expires_at: Timestamp,
}

static INSERT: Sql = Sql::new(
    "operator_link.insert",
    "INSERT INTO operator_link (org_id, secret_hash, user_id, language, expires_at) VALUES ($1, $2, $3, $4, $5)",
);
static FIND: Sql = Sql::new(
    "operator_link.find",
    "SELECT secret_hash, user_id, language, expires_at FROM operator_link WHERE org_id = $1 AND secret_hash = $2",
);
static DELETE: Sql =
    Sql::new("operator_link.delete", "DELETE FROM operator_link WHERE org_id = $1 AND secret_hash = $2");
static DELETE_OF: Sql =
    Sql::new("operator_link.delete_of", "DELETE FROM operator_link WHERE org_id = $1 AND user_id = $2");
static DELETE_EXPIRED: Sql = Sql::new(
    "operator_link.delete_expired",
    "DELETE FROM operator_link WHERE org_id = $1 AND user_id = $2 AND expires_at <= $3",
);

static FIND_LAST_OF: Sql = Sql::new(
    "operator_link.find_last_of",
    "SELECT secret_hash, user_id, language, expires_at FROM operator_link \
     WHERE org_id = $1 AND user_id = $2 ORDER BY expires_at DESC LIMIT 1",
);

pub const STATEMENTS: &[&Sql] = &[&INSERT, &FIND, &DELETE, &DELETE_OF, &DELETE_EXPIRED, &FIND_LAST_OF];

fn read_link(row: &Row<'_>) -> Result<OperatorLink> {
    let language = row.str(2)?;
    Ok(OperatorLink {
        secret_hash: row.id(0, |bytes| bytes.try_into().ok())?,
        user_id: row.id(1, UserId::from_column)?,
        language: MailLanguage::parse(language)
            .ok_or_else(|| StoreError::Corrupt(format!("operator_link.language {language}")))?,
        expires_at: Timestamp(row.int(3)?),
    })
}

/// Adds a link, and drops its operator's expired ones.
pub fn insert(tx: &Tx<'_>, link: &OperatorLink, now: Timestamp) -> Result<()> {
    tx.write(&DELETE_EXPIRED, &[tx.org_param(), Param::Blob(&link.user_id.0), Param::Int(now.0)])?;
    let params = [
        tx.org_param(),
        Param::Blob(&link.secret_hash),
        Param::Blob(&link.user_id.0),
        Param::Text(link.language.as_str()),
        Param::Int(link.expires_at.0),
    ];
    tx.write(&INSERT, &params)
}

/// The link of a secret, expired or not.
pub fn find(conn: &Conn<'_>, secret_hash: &[u8; 32]) -> Result<Option<OperatorLink>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(secret_hash)], read_link)
}

/// The link of an operator that lives longest, expired or not.
pub fn find_last_of(conn: &Conn<'_>, user: UserId) -> Result<Option<OperatorLink>> {
    conn.optional(&FIND_LAST_OF, &[conn.org_param(), Param::Blob(&user.0)], read_link)
}

/// Uses a link up; `false` when somebody else was first.
pub fn delete(tx: &Tx<'_>, secret_hash: &[u8; 32]) -> Result<bool> {
    Ok(tx.execute(&DELETE, &[tx.org_param(), Param::Blob(secret_hash)])? > 0)
}

/// Makes every link of an operator useless.
pub fn delete_of(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.write(&DELETE_OF, &[tx.org_param(), Param::Blob(&user.0)])
}
