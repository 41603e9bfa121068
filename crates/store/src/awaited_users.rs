//! Users of whom something arrived before they did. They are awaited for a while; who does not come is erased.

use std::collections::BTreeSet;

use denizen_domain::ids::UserId;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::id_list;
use crate::sql::{Param, Sql};

static FIND_MANY: Sql = Sql::split(
    "awaited_user.find_many",
    "SELECT user_id FROM awaited_user
     WHERE org_id = $1 AND user_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT user_id FROM awaited_user
     WHERE org_id = $1 AND user_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static INSERT: Sql = Sql::new(
    "awaited_user.insert",
    "INSERT INTO awaited_user (org_id, user_id, since) VALUES ($1, $2, $3) ON CONFLICT (org_id, user_id) DO NOTHING",
);
static DELETE: Sql =
    Sql::new("awaited_user.delete", "DELETE FROM awaited_user WHERE org_id = $1 AND user_id = $2");

static FIRST: Sql = Sql::new("awaited_user.first", "SELECT min(since) FROM awaited_user WHERE org_id = $1");
static BEFORE: Sql = Sql::new(
    "awaited_user.before",
    "SELECT user_id FROM awaited_user WHERE org_id = $1 AND since <= $2 LIMIT $3",
);

pub const STATEMENTS: &[&Sql] = &[&FIND_MANY, &INSERT, &DELETE, &FIRST, &BEFORE];

/// Which of these users are awaited.
pub fn find_many(conn: &Conn<'_>, users: &[UserId]) -> Result<BTreeSet<UserId>> {
    let params = [conn.org_param(), Param::Text(&id_list(users))];
    Ok(conn.all(&FIND_MANY, &params, |row| row.id(0, UserId::from_column))?.into_iter().collect())
}

/// Awaits a user from now on, or goes on to.
pub fn insert(tx: &Tx<'_>, user: UserId, now: Timestamp) -> Result<()> {
    tx.write(&INSERT, &[tx.org_param(), Param::Blob(&user.0), Param::Int(now.0)])
}

/// The user has come.
pub fn delete(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.write(&DELETE, &[tx.org_param(), Param::Blob(&user.0)])
}

/// Since when the one is awaited who is awaited the longest.
pub fn first(conn: &Conn<'_>) -> Result<Option<Timestamp>> {
    let first = conn.optional(&FIRST, &[conn.org_param()], |row| row.optional_int(0))?;
    Ok(first.flatten().map(Timestamp))
}

/// Up to `most` of those who are awaited since `since` or longer.
pub fn before(conn: &Conn<'_>, since: Timestamp, most: i64) -> Result<Vec<UserId>> {
    let params = [conn.org_param(), Param::Int(since.0), Param::Int(most)];
    conn.all(&BEFORE, &params, |row| row.id(0, UserId::from_column))
}
