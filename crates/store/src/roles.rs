//! Roles: named lists of grants.

use std::sync::Arc;

use denizen_domain::ids::ObjectId;
use denizen_domain::permission::{FrontendView, Grants};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql, to_json};

#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    pub role_id: ObjectId,
    pub name: String,
    pub description: String,
    pub frontend_view: FrontendView,
    /// Shared, for most organizations have roles that may do the same.
    pub grants: Arc<Grants>,
    /// The super administrator's role stands over every role, its own included.
    pub is_super: bool,
}

static FIND: Sql = Sql::new(
    "role.find",
    "SELECT role_id, name, description, frontend_view, grants, is_super, updated_at FROM role
     WHERE org_id = $1 AND role_id = $2",
);
static FIND_BY_NAME: Sql = Sql::new(
    "role.find_by_name",
    "SELECT role_id, name, description, frontend_view, grants, is_super FROM role WHERE org_id = $1 AND name = $2",
);
static FIND_VERSION: Sql =
    Sql::new("role.find_version", "SELECT updated_at FROM role WHERE org_id = $1 AND role_id = $2");
static FIND_VERSION_BY_NAME: Sql = Sql::new(
    "role.find_version_by_name",
    "SELECT role_id, updated_at FROM role WHERE org_id = $1 AND name = $2",
);
static LIST: Sql = Sql::new(
    "role.list",
    "SELECT role_id, name, description, frontend_view, grants, is_super FROM role WHERE org_id = $1
     ORDER BY created_at, role_id",
);
static INSERT: Sql = Sql::new(
    "role.insert",
    "INSERT INTO role (org_id, role_id, name, description, frontend_view, grants, is_super, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (org_id, name) DO NOTHING",
);
static UPDATE: Sql = Sql::new(
    "role.update",
    "UPDATE role SET description = $3, frontend_view = $4, grants = $5,
            updated_at = CASE WHEN updated_at < $6 THEN $6 ELSE updated_at + 1 END
     WHERE org_id = $1 AND role_id = $2",
);

pub const STATEMENTS: &[&Sql] =
    &[&FIND, &FIND_BY_NAME, &FIND_VERSION, &FIND_VERSION_BY_NAME, &LIST, &INSERT, &UPDATE];

fn read_role(row: &Row<'_>) -> Result<Role> {
    Ok(Role {
        role_id: row.id(0, ObjectId::from_column)?,
        name: row.text(1)?,
        description: row.text(2)?,
        frontend_view: FrontendView::parse(row.str(3)?)
            .ok_or_else(|| StoreError::Corrupt("role.frontend_view".to_owned()))?,
        grants: Arc::new(row.json(4)?),
        is_super: row.bool(5)?,
    })
}

pub fn find(conn: &Conn<'_>, role: ObjectId) -> Result<Option<Role>> {
    Ok(find_with_version(conn, role)?.map(|(role, _)| role))
}

/// A role and its version, which rises with each change.
pub fn find_with_version(conn: &Conn<'_>, role: ObjectId) -> Result<Option<(Role, Timestamp)>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(&role.0)], |row| {
        Ok((read_role(row)?, Timestamp(row.int(6)?)))
    })
}

/// A role's version by itself, which spares reading what the role may do.
pub fn find_version(conn: &Conn<'_>, role: ObjectId) -> Result<Option<Timestamp>> {
    conn.optional(&FIND_VERSION, &[conn.org_param(), Param::Blob(&role.0)], |row| Ok(Timestamp(row.int(0)?)))
}

/// As [`find_version`], by the role's name; and its id.
pub fn find_version_by_name(conn: &Conn<'_>, name: &str) -> Result<Option<(ObjectId, Timestamp)>> {
    conn.optional(&FIND_VERSION_BY_NAME, &[conn.org_param(), Param::Text(name)], |row| {
        Ok((row.id(0, ObjectId::from_column)?, Timestamp(row.int(1)?)))
    })
}

pub fn find_by_name(conn: &Conn<'_>, name: &str) -> Result<Option<Role>> {
    conn.optional(&FIND_BY_NAME, &[conn.org_param(), Param::Text(name)], read_role)
}

/// Every role of the organization, oldest first.
pub fn list(conn: &Conn<'_>) -> Result<Vec<Role>> {
    conn.all(&LIST, &[conn.org_param()], read_role)
}

/// Adds a role; `false` when its name is taken.
pub fn insert(tx: &Tx<'_>, role: &Role, now: Timestamp) -> Result<bool> {
    let params = [
        tx.org_param(),
        Param::Blob(&role.role_id.0),
        Param::Text(&role.name),
        Param::Text(&role.description),
        Param::Text(role.frontend_view.as_str()),
        Param::Text(&to_json(&*role.grants)),
        Param::bool(role.is_super),
        Param::Int(now.0),
    ];
    Ok(tx.execute(&INSERT, &params)? > 0)
}

/// Writes description, view and grants; name and id stay. The version rises whatever the clock says.
pub fn update(tx: &Tx<'_>, role: &Role, now: Timestamp) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&role.role_id.0),
        Param::Text(&role.description),
        Param::Text(role.frontend_view.as_str()),
        Param::Text(&to_json(&*role.grants)),
        Param::Int(now.0),
    ];
    tx.write(&UPDATE, &params)
}
