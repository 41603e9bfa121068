//! Values that programs keep for an operator, for one bot or for none in particular.

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::Sql;

pub const STATEMENTS: &[&Sql] = &[];

/// The value under a key for just this bot, or for none in particular.
pub fn find(conn: &Conn<'_>, user: UserId, key: &str, bot: Option<Uuid>) -> Result<Option<String>> {
    todo!()
}

/// How many values there are of an operator.
pub fn count(conn: &Conn<'_>, user: UserId) -> Result<usize> {
    todo!()
}

/// Sets a value, whether there was one or not.
pub fn put(
    tx: &Tx<'_>,
    user: UserId,
    key: &str,
    bot: Option<Uuid>,
    value: &str,
    now: Timestamp,
) -> Result<()> {
    todo!()
}
