//! Values that programs keep for an operator, for one bot or for none in particular.

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::{Param, Sql};

static FIND: Sql = Sql::new(
    "operator_configuration.find",
    "SELECT value FROM operator_configuration WHERE org_id = $1 AND user_id = $2 AND key = $3 AND bot_id = $4",
);
static COUNT: Sql = Sql::new(
    "operator_configuration.count",
    "SELECT count(*) FROM operator_configuration WHERE org_id = $1 AND user_id = $2",
);
static PUT: Sql = Sql::new(
    "operator_configuration.put",
    "INSERT INTO operator_configuration (org_id, user_id, key, bot_id, value, updated_at) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (org_id, user_id, key, bot_id) DO UPDATE SET value = $5, updated_at = $6",
);

pub const STATEMENTS: &[&Sql] = &[&FIND, &COUNT, &PUT];

/// What stands in the column for a bot; of none in particular, no bytes.
fn column_of(bot: Option<&Uuid>) -> Param<'_> {
    Param::Blob(bot.map_or(&[], |bot| &bot.0))
}

/// The value under a key for just this bot, or for none in particular.
pub fn find(conn: &Conn<'_>, user: UserId, key: &str, bot: Option<Uuid>) -> Result<Option<String>> {
    let params = [conn.org_param(), Param::Blob(&user.0), Param::Text(key), column_of(bot.as_ref())];
    conn.optional(&FIND, &params, |row| row.text(0))
}

/// How many values there are of an operator.
pub fn count(conn: &Conn<'_>, user: UserId) -> Result<usize> {
    let found = conn.optional(&COUNT, &[conn.org_param(), Param::Blob(&user.0)], |row| row.int(0))?;
    Ok(usize::try_from(found.unwrap_or(0)).unwrap_or(0))
}

/// Sets a value, whether there was one or not. The operator must be there.
pub fn put(
    tx: &Tx<'_>,
    user: UserId,
    key: &str,
    bot: Option<Uuid>,
    value: &str,
    now: Timestamp,
) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&user.0),
        Param::Text(key),
        column_of(bot.as_ref()),
        Param::Text(value),
        Param::Int(now.0),
    ];
    tx.write(&PUT, &params)
}
