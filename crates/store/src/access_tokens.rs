//! Access tokens: only the hash of the secret is kept.

use denizen_domain::ids::{ObjectId, Uuid};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::{Param, Row, Sql};

/// A token with which a program calls in its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Also the id of the actor.
    pub token_id: Uuid,
    pub name: Option<String>,
    /// SHA-256 of the secret, which has 256 random bits and so needs no slow hash.
    pub secret_hash: [u8; 32],
    pub role_id: ObjectId,
    pub created_at: Timestamp,
    /// `None`: never.
    pub expires_at: Option<Timestamp>,
}

static FIND_BY_HASH: Sql = Sql::new(
    "access_token.find_by_hash",
    "SELECT token_id, name, secret_hash, role_id, created_at, expires_at FROM access_token
     WHERE org_id = $1 AND secret_hash = $2",
);
static LIST: Sql = Sql::new(
    "access_token.list",
    "SELECT token_id, name, secret_hash, role_id, created_at, expires_at FROM access_token WHERE org_id = $1
     ORDER BY created_at, token_id",
);
static INSERT: Sql = Sql::new(
    "access_token.insert",
    "INSERT INTO access_token (org_id, token_id, name, secret_hash, role_id, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)",
);
static DELETE: Sql =
    Sql::new("access_token.delete", "DELETE FROM access_token WHERE org_id = $1 AND token_id = $2");
static DELETE_EXPIRED: Sql = Sql::new(
    "access_token.delete_expired",
    "DELETE FROM access_token WHERE org_id = $1 AND expires_at <= $2",
);

pub const STATEMENTS: &[&Sql] = &[&FIND_BY_HASH, &LIST, &INSERT, &DELETE, &DELETE_EXPIRED];

fn read_token(row: &Row<'_>) -> Result<AccessToken> {
    Ok(AccessToken {
        token_id: row.id(0, Uuid::from_column)?,
        name: row.optional_text(1)?,
        secret_hash: row.id(2, |bytes| bytes.try_into().ok())?,
        role_id: row.id(3, ObjectId::from_column)?,
        created_at: Timestamp(row.int(4)?),
        expires_at: row.optional_int(5)?.map(Timestamp),
    })
}

/// The token whose secret has this hash, expired or not.
pub fn find_by_hash(conn: &Conn<'_>, secret_hash: &[u8; 32]) -> Result<Option<AccessToken>> {
    conn.optional(&FIND_BY_HASH, &[conn.org_param(), Param::Blob(secret_hash)], read_token)
}

/// Every token of the organization, oldest first, expired ones included.
pub fn list(conn: &Conn<'_>) -> Result<Vec<AccessToken>> {
    conn.all(&LIST, &[conn.org_param()], read_token)
}

pub fn insert(tx: &Tx<'_>, token: &AccessToken) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&token.token_id.0),
        Param::optional_text(token.name.as_deref()),
        Param::Blob(&token.secret_hash),
        Param::Blob(&token.role_id.0),
        Param::Int(token.created_at.0),
        Param::optional_int(token.expires_at.map(|time| time.0)),
    ];
    tx.write(&INSERT, &params)
}

/// Removes a token; `false` when there was none.
pub fn delete(tx: &Tx<'_>, token: Uuid) -> Result<bool> {
    Ok(tx.execute(&DELETE, &[tx.org_param(), Param::Blob(&token.0)])? > 0)
}

/// Removes the tokens that expired at `before` or earlier; says how many there were.
pub fn delete_expired(tx: &Tx<'_>, before: Timestamp) -> Result<usize> {
    tx.execute(&DELETE_EXPIRED, &[tx.org_param(), Param::Int(before.0)])
}
