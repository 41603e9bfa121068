//! Environments: where the bots of an organization live.

use std::collections::BTreeMap;

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::id_list;
use crate::sql::{Param, Row, Sql};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub environment_id: Uuid,
    pub name: String,
    /// One that is not active is as if it were not there.
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

static FIND_MANY: Sql = Sql::split(
    "environment.find_many",
    "SELECT environment_id, name, is_active, created_at, updated_at FROM environment
     WHERE org_id = $1 AND environment_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT environment_id, name, is_active, created_at, updated_at FROM environment
     WHERE org_id = $1 AND environment_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static LIST: Sql = Sql::new(
    "environment.list",
    "SELECT environment_id, name, is_active, created_at, updated_at FROM environment
     WHERE org_id = $1 AND environment_id > $2 ORDER BY environment_id LIMIT $3",
);
static PUT: Sql = Sql::new(
    "environment.put",
    "INSERT INTO environment (org_id, environment_id, name, is_active, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (org_id, environment_id) DO UPDATE SET name = $3, is_active = $4, updated_at = $6
     WHERE environment.name <> $3 OR environment.is_active <> $4",
);

pub const STATEMENTS: &[&Sql] = &[&FIND_MANY, &LIST, &PUT];

fn read_environment(row: &Row<'_>) -> Result<Environment> {
    Ok(Environment {
        environment_id: row.id(0, Uuid::from_column)?,
        name: row.text(1)?,
        is_active: row.bool(2)?,
        created_at: Timestamp(row.int(3)?),
        updated_at: Timestamp(row.int(4)?),
    })
}

/// The environments with these ids, active or not.
pub fn find_many(conn: &Conn<'_>, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Environment>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(ids))], read_environment)?;
    Ok(found.into_iter().map(|environment| (environment.environment_id, environment)).collect())
}

/// Up to `limit` environments whose ids are greater than `after`, in the order of the ids.
pub fn list(conn: &Conn<'_>, after: Option<Uuid>, limit: usize) -> Result<Vec<Environment>> {
    // Any id is greater than no bytes.
    let after = after.as_ref().map_or(&[][..], |id| &id.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    conn.all(&LIST, &[conn.org_param(), Param::Blob(after), Param::Int(limit)], read_environment)
}

/// Adds an environment, or changes the one of this id; the time of creation stays then. `false` when it is there and the same.
pub fn put(tx: &Tx<'_>, environment: &Environment) -> Result<bool> {
    let params = [
        tx.org_param(),
        Param::Blob(&environment.environment_id.0),
        Param::Text(&environment.name),
        Param::bool(environment.is_active),
        Param::Int(environment.created_at.0),
        Param::Int(environment.updated_at.0),
    ];
    Ok(tx.execute(&PUT, &params)? > 0)
}
