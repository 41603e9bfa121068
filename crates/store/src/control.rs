//! The control store: which organizations there are, where each one lives, and the keys that sign tokens.
//!
//! These are the few statements that are not bound to one organization.

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::text::{ClusterName, Slug};
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
    /// Where its rows are.
    pub cluster: ClusterName,
    /// The organization that made this one, and may act in it when it names itself.
    pub parent: Option<OrgKey>,
    pub created_at: Timestamp,
}

static FIND_BY_SLUG: Sql = Sql::new(
    "control.find_by_slug",
    "SELECT org_id, org_uuid, slug, parent_org_id, created_at, cluster FROM organization WHERE slug = $1",
);
static FIND_BY_KEY: Sql = Sql::new(
    "control.find_by_key",
    "SELECT org_id, org_uuid, slug, parent_org_id, created_at, cluster FROM organization WHERE org_id = $1",
);
static LIST: Sql = Sql::new(
    "control.list",
    "SELECT org_id, org_uuid, slug, parent_org_id, created_at, cluster FROM organization ORDER BY slug",
);
static INSERT: Sql = Sql::new(
    "control.insert",
    "INSERT INTO organization (org_uuid, slug, cluster, parent_org_id, created_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (slug) DO NOTHING RETURNING org_id",
);
static DELETE: Sql = Sql::new("control.delete", "DELETE FROM organization WHERE org_id = $1");
static RENEW: Sql = Sql::new(
    "control.renew",
    "UPDATE organization SET org_uuid = $3, cluster = $4, parent_org_id = $5, created_at = $6
     WHERE org_id = $1 AND created_at = $2",
);
static SET_CLUSTER: Sql = Sql::new(
    "control.set_cluster",
    "UPDATE organization SET cluster = $3 WHERE org_id = $1 AND cluster = $2",
);
static COUNT_IN_CLUSTER: Sql =
    Sql::new("control.count_in_cluster", "SELECT count(*) FROM organization WHERE cluster = $1");
static ORPHAN_CHILDREN: Sql = Sql::new(
    "control.orphan_children",
    "UPDATE organization SET parent_org_id = NULL WHERE parent_org_id = $1",
);
static FIND_BY_UUID: Sql = Sql::new(
    "control.find_by_uuid",
    "SELECT org_id, org_uuid, slug, parent_org_id, created_at, cluster FROM organization WHERE org_uuid = $1",
);
static SIGNING_KEYS: Sql = Sql::new(
    "control.signing_keys",
    "SELECT kid, algorithm, pkcs8, created_at, signs_from, retired_at FROM signing_key ORDER BY created_at DESC, kid",
);
static SIGNING_KEYS_IN_USE: Sql = Sql::new(
    "control.signing_keys_in_use",
    "SELECT kid, algorithm, pkcs8, created_at, signs_from, retired_at FROM signing_key WHERE retired_at IS NULL
     ORDER BY created_at DESC, kid",
);
static INSERT_SIGNING_KEY: Sql = Sql::new(
    "control.insert_signing_key",
    "INSERT INTO signing_key (kid, algorithm, pkcs8, created_at, signs_from) VALUES ($1, $2, $3, $4, $5)",
);
static INSERT_FIRST_SIGNING_KEY: Sql = Sql::split(
    "control.insert_first_signing_key",
    "INSERT INTO signing_key (kid, algorithm, pkcs8, created_at, signs_from) SELECT $1, $2, $3, $4, $5
     WHERE NOT EXISTS (SELECT 1 FROM signing_key WHERE algorithm = $2 AND retired_at IS NULL)",
    "INSERT INTO signing_key (kid, algorithm, pkcs8, created_at, signs_from)
     SELECT $1::text, $2::text, $3::bytea, $4::bigint, $5::bigint
     WHERE NOT EXISTS (SELECT 1 FROM signing_key WHERE algorithm = $2 AND retired_at IS NULL)",
);
static RETIRE_SIGNING_KEY: Sql = Sql::new(
    "control.retire_signing_key",
    "UPDATE signing_key SET retired_at = $2, pkcs8 = $3 WHERE kid = $1 AND retired_at IS NULL",
);

pub const STATEMENTS: &[&Sql] = &[
    &FIND_BY_SLUG,
    &FIND_BY_KEY,
    &LIST,
    &INSERT,
    &DELETE,
    &RENEW,
    &SET_CLUSTER,
    &COUNT_IN_CLUSTER,
    &ORPHAN_CHILDREN,
    &FIND_BY_UUID,
    &SIGNING_KEYS,
    &SIGNING_KEYS_IN_USE,
    &INSERT_SIGNING_KEY,
    &INSERT_FIRST_SIGNING_KEY,
    &RETIRE_SIGNING_KEY,
];

fn read_organization(row: &Row<'_>) -> Result<Organization> {
    Ok(Organization {
        org: OrgKey(row.int(0)?),
        uuid: row.id(1, Uuid::from_column)?,
        slug: Slug::parse(row.str(2)?).map_err(|error| StoreError::Corrupt(format!("slug: {error}")))?,
        parent: row.optional_int(3)?.map(OrgKey),
        created_at: Timestamp(row.int(4)?),
        cluster: read_cluster(row.str(5)?)?,
    })
}

pub(crate) fn read_cluster(name: &str) -> Result<ClusterName> {
    ClusterName::parse(name).map_err(|error| StoreError::Corrupt(format!("cluster: {error}")))
}

pub fn find_by_slug(conn: &Conn<'_>, slug: &str) -> Result<Option<Organization>> {
    conn.optional(&FIND_BY_SLUG, &[Param::Text(slug)], read_organization)
}

pub fn find_by_key(conn: &Conn<'_>, org: OrgKey) -> Result<Option<Organization>> {
    conn.optional(&FIND_BY_KEY, &[Param::Int(org.0)], read_organization)
}

pub fn find_by_uuid(conn: &Conn<'_>, uuid: Uuid) -> Result<Option<Organization>> {
    conn.optional(&FIND_BY_UUID, &[Param::Blob(&uuid.0)], read_organization)
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
    cluster: &ClusterName,
    parent: Option<OrgKey>,
    now: Timestamp,
) -> Result<Option<OrgKey>> {
    let parent = Param::optional_int(parent.map(|key| key.0));
    let names = (Param::Text(slug.as_str()), Param::Text(cluster.as_str()));
    let params = [Param::Blob(&uuid.0), names.0, names.1, parent, Param::Int(now.0)];
    tx.optional(&INSERT, &params, |row| Ok(OrgKey(row.int(0)?)))
}

/// Takes over the entry of an organization whose making was cut off; `false` when somebody else was faster.
pub fn renew_organization(
    tx: &Tx<'_>,
    unfinished: &Organization,
    uuid: Uuid,
    cluster: &ClusterName,
    parent: Option<OrgKey>,
    now: Timestamp,
) -> Result<bool> {
    let params = [
        Param::Int(unfinished.org.0),
        Param::Int(unfinished.created_at.0),
        Param::Blob(&uuid.0),
        Param::Text(cluster.as_str()),
        Param::optional_int(parent.map(|key| key.0)),
        Param::Int(now.0),
    ];
    Ok(tx.execute(&RENEW, &params)? > 0)
}

/// Switches the map: from the commit on the organization lives in the cluster `to`. `false` when it did not live in `from`.
pub fn set_cluster(tx: &Tx<'_>, org: OrgKey, from: &ClusterName, to: &ClusterName) -> Result<bool> {
    let params = [Param::Int(org.0), Param::Text(from.as_str()), Param::Text(to.as_str())];
    Ok(tx.execute(&SET_CLUSTER, &params)? > 0)
}

/// How many organizations live in a cluster.
pub fn count_in_cluster(conn: &Conn<'_>, cluster: &ClusterName) -> Result<i64> {
    let count = conn.optional(&COUNT_IN_CLUSTER, &[Param::Text(cluster.as_str())], |row| row.int(0))?;
    Ok(count.unwrap_or_default())
}

/// Takes an organization off the map: from the commit on nobody finds it.
pub fn delete_organization(tx: &Tx<'_>, org: OrgKey) -> Result<bool> {
    tx.write(&ORPHAN_CHILDREN, &[Param::Int(org.0)])?;
    Ok(tx.execute(&DELETE, &[Param::Int(org.0)])? > 0)
}

/// What a key signs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// Ed25519: the tokens that only this installation reads.
    EdDsa,
    /// ECDSA over P-256 with SHA-256: those that others read as well, whose libraries know this one everywhere.
    Es256,
}

impl SigningAlgorithm {
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// Its name in the headers of tokens, and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name);
        found.ok_or_else(|| StoreError::Corrupt(format!("an unknown algorithm of a signing key: {name}")))
    }
}

/// A private key that signs tokens.
#[derive(Clone)]
pub struct SigningKey {
    /// The key's id in a token's header and in the published key set.
    pub kid: String,
    pub algorithm: SigningAlgorithm,
    /// The key pair in PKCS #8 form; empty once it is retired.
    pub pkcs8: Vec<u8>,
    pub created_at: Timestamp,
    /// Before, it is only published, so that everybody knows it by the time it signs.
    pub signs_from: Timestamp,
    /// From then on it verifies nothing.
    pub retired_at: Option<Timestamp>,
}

fn read_signing_key(row: &Row<'_>) -> Result<SigningKey> {
    Ok(SigningKey {
        kid: row.text(0)?,
        algorithm: SigningAlgorithm::parse(row.str(1)?)?,
        pkcs8: row.blob(2)?.to_vec(),
        created_at: Timestamp(row.int(3)?),
        signs_from: Timestamp(row.int(4)?),
        retired_at: row.optional_int(5)?.map(Timestamp),
    })
}

/// The keys that verify, newest first.
pub fn signing_keys_in_use(conn: &Conn<'_>) -> Result<Vec<SigningKey>> {
    conn.all(&SIGNING_KEYS_IN_USE, &[], read_signing_key)
}

/// Every key that there has been, newest first.
pub fn signing_keys(conn: &Conn<'_>) -> Result<Vec<SigningKey>> {
    conn.all(&SIGNING_KEYS, &[], read_signing_key)
}

fn write_signing_key(tx: &Tx<'_>, sql: &'static Sql, key: &SigningKey) -> Result<()> {
    let algorithm = Param::Text(key.algorithm.as_str());
    let times = (Param::Int(key.created_at.0), Param::Int(key.signs_from.0));
    tx.write(sql, &[Param::Text(&key.kid), algorithm, Param::Blob(&key.pkcs8), times.0, times.1])
}

/// Keeps `key` beside those that are there.
pub fn insert_signing_key(tx: &Tx<'_>, key: &SigningKey) -> Result<()> {
    write_signing_key(tx, &INSERT_SIGNING_KEY, key)
}

/// Keeps `key` unless there is one of its algorithm already: of two processes that start at once, one key wins.
pub fn insert_first_signing_key(tx: &Tx<'_>, key: &SigningKey) -> Result<()> {
    write_signing_key(tx, &INSERT_FIRST_SIGNING_KEY, key)
}

/// Retires a key and forgets its private half; `false` when there is no such key in use.
pub fn retire_signing_key(tx: &Tx<'_>, kid: &str, now: Timestamp) -> Result<bool> {
    let params = [Param::Text(kid), Param::Int(now.0), Param::Blob(&[])];
    Ok(tx.execute(&RETIRE_SIGNING_KEY, &params)? > 0)
}
