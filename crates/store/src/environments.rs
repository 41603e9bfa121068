//! Environments: where the bots of an organization live.

use std::collections::BTreeMap;

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::Sql;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub environment_id: Uuid,
    pub name: String,
    /// One that is not active is as if it were not there.
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

pub const STATEMENTS: &[&Sql] = &[];

/// The environments with these ids, active or not.
pub fn find_many(conn: &Conn<'_>, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Environment>> {
    todo!()
}

/// Up to `limit` environments whose ids are greater than `after`, in the order of the ids.
pub fn list(conn: &Conn<'_>, after: Option<Uuid>, limit: usize) -> Result<Vec<Environment>> {
    todo!()
}

/// Adds an environment, or changes the one of this id; the time of creation stays then. `false` when it is there and the same.
pub fn put(tx: &Tx<'_>, environment: &Environment) -> Result<bool> {
    todo!()
}
