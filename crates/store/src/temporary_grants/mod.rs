//! Grants of one permission to one user until a time.

mod page;

use std::collections::BTreeMap;

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::permission::Grant;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::id_list;
use crate::sql::{Param, Row, Sql, to_json};

pub use page::{
    GrantQuery, SortField, SortKey, TagTest, TagValue, Visible, example_statements, page, page_statement,
    sort_values,
};

/// Words that say what a grant is for: names, each with a value or none.
pub type Tags = BTreeMap<String, Option<String>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporaryGrant {
    pub grant_id: ObjectId,
    /// To whom.
    pub user_id: UserId,
    pub grant: Grant,
    pub justification: String,
    pub tags: Tags,
    /// The organization that the creator belongs to, and the creator.
    pub creator_org: OrgKey,
    pub creator: UserId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

static ACTIVE: Sql = Sql::new(
    "temporary_grant.active",
    "SELECT permission_grant, expires_at FROM temporary_grant
     WHERE org_id = $1 AND user_id = $2 AND expires_at > $3 ORDER BY expires_at",
);
static INSERT: Sql = Sql::split(
    "temporary_grant.insert",
    "INSERT INTO temporary_grant (org_id, grant_id, user_id, permission_name, permission_grant, justification,
     creator_org_id, creator_user_id, created_at, expires_at, position)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
     (SELECT coalesce(max(position), 0) + 1 FROM temporary_grant WHERE org_id = $1))",
    "INSERT INTO temporary_grant (org_id, grant_id, user_id, permission_name, permission_grant, justification,
     creator_org_id, creator_user_id, created_at, expires_at, position)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nextval('record_position'))",
);
static INSERT_TAG: Sql = Sql::new(
    "temporary_grant.insert_tag",
    "INSERT INTO temporary_grant_tag (org_id, grant_id, name, value) VALUES ($1, $2, $3, $4)",
);
static TAGS: Sql = Sql::split(
    "temporary_grant.tags",
    "SELECT grant_id, name, value FROM temporary_grant_tag
     WHERE org_id = $1 AND grant_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT grant_id, name, value FROM temporary_grant_tag
     WHERE org_id = $1 AND grant_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);

pub const STATEMENTS: &[&Sql] = &[&ACTIVE, &INSERT, &INSERT_TAG, &TAGS];

/// What a user has been granted that has not expired at `now`, with the ends, the nearest one first.
pub fn active(conn: &Conn<'_>, user: UserId, now: Timestamp) -> Result<Vec<(Grant, Timestamp)>> {
    let params = [conn.org_param(), Param::Blob(&user.0), Param::Int(now.0)];
    conn.all(&ACTIVE, &params, |row| Ok((row.json(0)?, Timestamp(row.int(1)?))))
}

/// Adds a grant to a user, who must exist.
pub fn insert(tx: &Tx<'_>, grant: &TemporaryGrant) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&grant.grant_id.0),
        Param::Blob(&grant.user_id.0),
        Param::Text(grant.grant.permission.as_str()),
        Param::Text(&to_json(&grant.grant)),
        Param::Text(&grant.justification),
        Param::Int(grant.creator_org.0),
        Param::Blob(&grant.creator.0),
        Param::Int(grant.created_at.0),
        Param::Int(grant.expires_at.0),
    ];
    tx.write(&INSERT, &params)?;
    for (name, value) in &grant.tags {
        let value = Param::optional_text(value.as_deref());
        tx.write(&INSERT_TAG, &[tx.org_param(), Param::Blob(&grant.grant_id.0), Param::Text(name), value])?;
    }
    Ok(())
}

/// From this column on: id, user, grant, justification, organization and id of the creator, creation, end.
fn read_grant(row: &Row<'_>, first: usize) -> Result<TemporaryGrant> {
    Ok(TemporaryGrant {
        grant_id: row.id(first, ObjectId::from_column)?,
        user_id: row.id(first + 1, UserId::from_column)?,
        grant: row.json(first + 2)?,
        justification: row.text(first + 3)?,
        tags: Tags::new(),
        creator_org: OrgKey(row.int(first + 4)?),
        creator: row.id(first + 5, UserId::from_column)?,
        created_at: Timestamp(row.int(first + 6)?),
        expires_at: Timestamp(row.int(first + 7)?),
    })
}

/// Fills the tags in.
fn read_tags(conn: &Conn<'_>, grants: &mut [TemporaryGrant]) -> Result<()> {
    let ids: Vec<ObjectId> = grants.iter().map(|grant| grant.grant_id).collect();
    let found = conn.all(&TAGS, &[conn.org_param(), Param::Text(&id_list(&ids))], |row| {
        Ok((row.id(0, ObjectId::from_column)?, row.text(1)?, row.optional_text(2)?))
    })?;
    for (id, name, value) in found {
        if let Some(grant) = grants.iter_mut().find(|grant| grant.grant_id == id) {
            grant.tags.insert(name, value);
        }
    }
    Ok(())
}
