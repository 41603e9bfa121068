//! API keys: only the hash of the secret is kept.

use denizen_domain::ids::{ObjectId, OrgKey, UserId, Uuid};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::{Param, Row, Sql};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What clients send and what the delete operation takes.
    pub key_id: Uuid,
    /// The id of the key's record.
    pub record_id: ObjectId,
    pub name: Option<String>,
    pub role_id: ObjectId,
    /// The creator may belong to the organization's parent.
    pub creator_org: OrgKey,
    pub creator: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub expires_at: Timestamp,
    /// SHA-256 of the secret, which has 256 random bits and so needs no slow hash.
    pub secret_hash: [u8; 32],
}

static FIND: Sql = Sql::new(
    "api_key.find",
    "SELECT key_id, record_id, name, role_id, creator_org_id, creator_user_id, created_at, updated_at, expires_at,
     secret_hash FROM api_key WHERE org_id = $1 AND key_id = $2",
);
static LIST: Sql = Sql::new(
    "api_key.list",
    "SELECT key_id, record_id, name, role_id, creator_org_id, creator_user_id, created_at, updated_at, expires_at,
     secret_hash FROM api_key WHERE org_id = $1 ORDER BY created_at, key_id",
);
static COUNT_VALID: Sql =
    Sql::new("api_key.count_valid", "SELECT count(*) FROM api_key WHERE org_id = $1 AND expires_at > $2");
static INSERT: Sql = Sql::new(
    "api_key.insert",
    "INSERT INTO api_key (org_id, key_id, record_id, name, role_id, creator_org_id, creator_user_id, created_at,
     updated_at, expires_at, secret_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
);
static DELETE: Sql = Sql::new("api_key.delete", "DELETE FROM api_key WHERE org_id = $1 AND key_id = $2");
static DELETE_EXPIRED: Sql =
    Sql::new("api_key.delete_expired", "DELETE FROM api_key WHERE org_id = $1 AND expires_at <= $2");

pub const STATEMENTS: &[&Sql] = &[&FIND, &LIST, &COUNT_VALID, &INSERT, &DELETE, &DELETE_EXPIRED];

fn read_key(row: &Row<'_>) -> Result<ApiKey> {
    Ok(ApiKey {
        key_id: row.id(0, Uuid::from_column)?,
        record_id: row.id(1, ObjectId::from_column)?,
        name: row.optional_text(2)?,
        role_id: row.id(3, ObjectId::from_column)?,
        creator_org: OrgKey(row.int(4)?),
        creator: row.id(5, UserId::from_column)?,
        created_at: Timestamp(row.int(6)?),
        updated_at: Timestamp(row.int(7)?),
        expires_at: Timestamp(row.int(8)?),
        secret_hash: row.id(9, |bytes| bytes.try_into().ok())?,
    })
}

pub fn find(conn: &Conn<'_>, key: Uuid) -> Result<Option<ApiKey>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(&key.0)], read_key)
}

/// Every key of the organization, oldest first, expired ones included.
pub fn list(conn: &Conn<'_>) -> Result<Vec<ApiKey>> {
    conn.all(&LIST, &[conn.org_param()], read_key)
}

/// How many keys are valid at `now`.
pub fn count_valid(conn: &Conn<'_>, now: Timestamp) -> Result<i64> {
    Ok(conn.optional(&COUNT_VALID, &[conn.org_param(), Param::Int(now.0)], |row| row.int(0))?.unwrap_or(0))
}

pub fn insert(tx: &Tx<'_>, key: &ApiKey) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&key.key_id.0),
        Param::Blob(&key.record_id.0),
        Param::optional_text(key.name.as_deref()),
        Param::Blob(&key.role_id.0),
        Param::Int(key.creator_org.0),
        Param::Blob(&key.creator.0),
        Param::Int(key.created_at.0),
        Param::Int(key.updated_at.0),
        Param::Int(key.expires_at.0),
        Param::Blob(&key.secret_hash),
    ];
    tx.write(&INSERT, &params)
}

/// Removes a key; `false` when there was none.
pub fn delete(tx: &Tx<'_>, key: Uuid) -> Result<bool> {
    Ok(tx.execute(&DELETE, &[tx.org_param(), Param::Blob(&key.0)])? > 0)
}

/// Removes the keys that expired before `before`.
pub fn delete_expired(tx: &Tx<'_>, before: Timestamp) -> Result<usize> {
    tx.execute(&DELETE_EXPIRED, &[tx.org_param(), Param::Int(before.0)])
}
