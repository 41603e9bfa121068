//! The control store: which organizations there are, where each one lives, and the keys that sign tokens.
//!
//! These are the few statements that are not bound to one organization.

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::text::Slug;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql};

/// One organization in the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub org: OrgKey,
    pub uuid: Uuid,
    pub slug: Slug,
    /// The organization that made this one, and may act in it when it names itself.
    pub parent: Option<OrgKey>,
    pub created_at: Timestamp,
}

static FIND_BY_SLUG: Sql = Sql::new(
    "control.find_by_slug",
    "SELECT org_id, org_uuid, slug, parent_org_id, created_at FROM organization WHERE slug = $1",
);
static FIND_BY_KEY: Sql = Sql::new(
    "control.find_by_key",
    "SELECT org_id, org_uuid, slug, parent_org_id, created_at FROM organization WHERE org_id = $1",
);
static LIST: Sql = Sql::new(
    "control.list",
    "SELECT org_id, org_uuid, slug, parent_org_id, created_at FROM organization ORDER BY slug",
);
static INSERT: Sql = Sql::new(
    "control.insert",
    "INSERT INTO organization (org_uuid, slug, cluster, parent_org_id, created_at) VALUES ($1, $2, 'main', $3, $4)
     ON CONFLICT (slug) DO NOTHING RETURNING org_id",
);
static DELETE: Sql = Sql::new("control.delete", "DELETE FROM organization WHERE org_id = $1");
static ORPHAN_CHILDREN: Sql = Sql::new(
    "control.orphan_children",
    "UPDATE organization SET parent_org_id = NULL WHERE parent_org_id = $1",
);
static SIGNING_KEYS: Sql = Sql::new(
    "control.signing_keys",
    "SELECT kid, pkcs8 FROM signing_key WHERE retired_at IS NULL ORDER BY created_at DESC, kid",
);
static INSERT_SIGNING_KEY: Sql = Sql::split(
    "control.insert_signing_key",
    "INSERT INTO signing_key (kid, pkcs8, created_at) SELECT $1, $2, $3
     WHERE NOT EXISTS (SELECT 1 FROM signing_key WHERE retired_at IS NULL)",
    "INSERT INTO signing_key (kid, pkcs8, created_at) SELECT $1::text, $2::bytea, $3::bigint
     WHERE NOT EXISTS (SELECT 1 FROM signing_key WHERE retired_at IS NULL)",
);

pub const STATEMENTS: &[&Sql] = &[
    &FIND_BY_SLUG,
    &FIND_BY_KEY,
    &LIST,
    &INSERT,
    &DELETE,
    &ORPHAN_CHILDREN,
    &SIGNING_KEYS,
    &INSERT_SIGNING_KEY,
];

fn read_organization(row: &Row<'_>) -> Result<Organization> {
    Ok(Organization {
        org: OrgKey(row.int(0)?),
        uuid: row.id(1, Uuid::from_column)?,
        slug: Slug::parse(row.str(2)?).map_err(|error| StoreError::Corrupt(format!("slug: {error}")))?,
        parent: row.optional_int(3)?.map(OrgKey),
        created_at: Timestamp(row.int(4)?),
    })
}

pub fn find_by_slug(conn: &Conn<'_>, slug: &str) -> Result<Option<Organization>> {
    conn.optional(&FIND_BY_SLUG, &[Param::Text(slug)], read_organization)
}

pub fn find_by_key(conn: &Conn<'_>, org: OrgKey) -> Result<Option<Organization>> {
    conn.optional(&FIND_BY_KEY, &[Param::Int(org.0)], read_organization)
}

/// Every organization, in the order of the slugs.
pub fn list_organizations(conn: &Conn<'_>) -> Result<Vec<Organization>> {
    conn.all(&LIST, &[], read_organization)
}

/// Adds an organization to the map; `None` when the slug is taken.
pub fn insert_organization(
    tx: &Tx<'_>,
    uuid: Uuid,
    slug: &Slug,
    parent: Option<OrgKey>,
    now: Timestamp,
) -> Result<Option<OrgKey>> {
    let parent = Param::optional_int(parent.map(|key| key.0));
    let params = [Param::Blob(&uuid.0), Param::Text(slug.as_str()), parent, Param::Int(now.0)];
    tx.optional(&INSERT, &params, |row| Ok(OrgKey(row.int(0)?)))
}

/// Takes an organization off the map: from the commit on nobody finds it.
pub fn delete_organization(tx: &Tx<'_>, org: OrgKey) -> Result<bool> {
    tx.write(&ORPHAN_CHILDREN, &[Param::Int(org.0)])?;
    Ok(tx.execute(&DELETE, &[Param::Int(org.0)])? > 0)
}

/// A private key that signs tokens.
#[derive(Clone)]
pub struct SigningKey {
    /// The key's id in a token's header and in the published key set.
    pub kid: String,
    /// The Ed25519 key pair in PKCS #8 form.
    pub pkcs8: Vec<u8>,
}

/// The keys in use, newest first.
pub fn signing_keys(conn: &Conn<'_>) -> Result<Vec<SigningKey>> {
    conn.all(&SIGNING_KEYS, &[], |row| Ok(SigningKey { kid: row.text(0)?, pkcs8: row.blob(1)?.to_vec() }))
}

/// Keeps `key` unless there is one already: of two processes that start at once, one key wins.
pub fn insert_first_signing_key(tx: &Tx<'_>, key: &SigningKey, now: Timestamp) -> Result<()> {
    tx.write(&INSERT_SIGNING_KEY, &[Param::Text(&key.kid), Param::Blob(&key.pkcs8), Param::Int(now.0)])
}
