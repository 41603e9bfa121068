//! Bots, each of which lives in an environment.

use std::collections::BTreeMap;

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::Sql;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    pub bot_id: Uuid,
    pub environment_id: Uuid,
    pub name: String,
    pub image_url: Option<String>,
    /// One that is not active is as if it were not there.
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

pub const STATEMENTS: &[&Sql] = &[];

/// The bots with these ids, active or not, whatever their environments are.
pub fn find_many(conn: &Conn<'_>, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Bot>> {
    todo!()
}

/// Up to `limit` bots, of one environment or of all, whose ids are greater than `after`, in the order of the ids.
pub fn list(
    conn: &Conn<'_>,
    environment: Option<Uuid>,
    after: Option<Uuid>,
    limit: usize,
) -> Result<Vec<Bot>> {
    todo!()
}

/// Adds a bot, or changes the one of this id; the time of creation stays then. `false` when it is there and the same. Its
/// environment must be there.
pub fn put(tx: &Tx<'_>, bot: &Bot) -> Result<bool> {
    todo!()
}
