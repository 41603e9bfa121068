//! Links that were mailed: single use, kept by the hash of their secret.

use denizen_domain::ids::UserId;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql};

/// What a link does when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Signs its user in.
    SignIn,
    /// Confirms its user's address.
    Verify,
}

impl LinkPurpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Verify => "verify",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub secret_hash: [u8; 32],
    pub user_id: UserId,
    pub purpose: LinkPurpose,
    /// Where the browser goes afterwards.
    pub redirect: String,
    pub expires_at: Timestamp,
}

static INSERT: Sql = Sql::split(
    "link.insert",
    "INSERT INTO link (org_id, secret_hash, user_id, purpose, redirect, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
    "INSERT INTO link (org_id, secret_hash, user_id, purpose, redirect, expires_at)
     SELECT CAST($1 AS BIGINT), row.* FROM unnest(CAST($2 AS BYTEA[]), CAST($3 AS BYTEA[]), CAST($4 AS TEXT[]),
        CAST($5 AS TEXT[]), CAST($6 AS BIGINT[])) AS row",
);
static FIND: Sql = Sql::new(
    "link.find",
    "SELECT secret_hash, user_id, purpose, redirect, expires_at FROM link WHERE org_id = $1 AND secret_hash = $2",
);
static COUNT_OPEN: Sql = Sql::new(
    "link.count_open_sign_in",
    "SELECT count(*) FROM link WHERE org_id = $1 AND user_id = $2 AND purpose = 'sign_in' AND expires_at > $3",
);
static DELETE: Sql = Sql::new("link.delete", "DELETE FROM link WHERE org_id = $1 AND secret_hash = $2");
static DELETE_EXPIRED: Sql = Sql::new(
    "link.delete_expired",
    "DELETE FROM link WHERE org_id = $1 AND user_id = $2 AND expires_at <= $3",
);

pub const STATEMENTS: &[&Sql] = &[&INSERT, &FIND, &COUNT_OPEN, &DELETE, &DELETE_EXPIRED];

fn read_link(row: &Row<'_>) -> Result<Link> {
    Ok(Link {
        secret_hash: row.id(0, |bytes| bytes.try_into().ok())?,
        user_id: row.id(1, UserId::from_column)?,
        purpose: match row.str(2)? {
            "sign_in" => LinkPurpose::SignIn,
            "verify" => LinkPurpose::Verify,
            other => return Err(StoreError::Corrupt(format!("link.purpose {other}"))),
        },
        redirect: row.text(3)?,
        expires_at: Timestamp(row.int(4)?),
    })
}

/// Adds a link, and drops its user's expired ones.
pub fn insert(tx: &Tx<'_>, link: &Link, now: Timestamp) -> Result<()> {
    tx.write(&DELETE_EXPIRED, &[tx.org_param(), Param::Blob(&link.user_id.0), Param::Int(now.0)])?;
    insert_first(tx, link)
}

/// Adds a link of a user who has none yet.
pub fn insert_first(tx: &Tx<'_>, link: &Link) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&link.secret_hash),
        Param::Blob(&link.user_id.0),
        Param::Text(link.purpose.as_str()),
        Param::Text(&link.redirect),
        Param::Int(link.expires_at.0),
    ];
    tx.add_child_row(&INSERT, &params)
}

pub fn find(conn: &Conn<'_>, secret_hash: &[u8; 32]) -> Result<Option<Link>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(secret_hash)], read_link)
}

/// How many links that sign `user` in are still open.
pub fn count_open_sign_in(conn: &Conn<'_>, user: UserId, now: Timestamp) -> Result<i64> {
    let params = [conn.org_param(), Param::Blob(&user.0), Param::Int(now.0)];
    Ok(conn.optional(&COUNT_OPEN, &params, |row| row.int(0))?.unwrap_or(0))
}

/// Uses a link up; `false` when somebody else was first.
pub fn delete(tx: &Tx<'_>, secret_hash: &[u8; 32]) -> Result<bool> {
    Ok(tx.execute(&DELETE, &[tx.org_param(), Param::Blob(secret_hash)])? > 0)
}
