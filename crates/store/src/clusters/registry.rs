//! What the control store knows of clusters, and which one a database says that it is.

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::text::ClusterName;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::control::read_cluster;
use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql};

/// A cluster beside `main`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub name: ClusterName,
    /// Where its database is; holds no password.
    pub url: String,
    /// Where a copy is that may be read.
    pub replica_url: Option<String>,
    /// The organizations whose callers may place new organizations here; `None`: every one's.
    pub placed_by: Option<Vec<OrgKey>>,
    pub created_at: Timestamp,
}

impl Cluster {
    /// Whether callers of an organization may know of this cluster, and place organizations on it.
    pub fn is_visible_to(&self, org: OrgKey) -> bool {
        self.placed_by.as_ref().is_none_or(|allowed| allowed.contains(&org))
    }
}

/// Which installation, and which of its clusters, a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belonging {
    pub installation: Uuid,
    pub cluster: ClusterName,
}

/// A move that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub org: OrgKey,
    pub source: ClusterName,
    pub target: ClusterName,
    /// Who moves it: the owner of the gates.
    pub owner: Uuid,
    pub begun_at: Timestamp,
}

static FIND: Sql = Sql::new(
    "cluster.find",
    "SELECT name, url, replica_url, placed_by, created_at FROM cluster WHERE name = $1",
);
static LIST: Sql = Sql::new(
    "cluster.list",
    "SELECT name, url, replica_url, placed_by, created_at FROM cluster ORDER BY name",
);
static INSERT: Sql = Sql::new(
    "cluster.insert",
    "INSERT INTO cluster (name, url, replica_url, placed_by, created_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (name) DO NOTHING",
);
static UPDATE: Sql = Sql::new(
    "cluster.update",
    "UPDATE cluster SET url = $2, replica_url = $3, placed_by = $4 WHERE name = $1",
);
static DELETE: Sql = Sql::new(
    "cluster.delete",
    "DELETE FROM cluster WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM organization WHERE cluster = $1)",
);
static BELONGING: Sql = Sql::new("cluster.belonging", "SELECT installation, cluster FROM belonging");
static BELONG: Sql = Sql::new(
    "cluster.belong",
    "INSERT INTO belonging (only_row, installation, cluster) VALUES (1, $1, $2) ON CONFLICT (only_row) DO NOTHING",
);
static LEAVE: Sql =
    Sql::new("cluster.leave", "DELETE FROM belonging WHERE installation = $1 AND cluster = $2");
// What is left of gates says nothing of whoever uses the database next, and whose organizations have the same numbers.
static FORGET_GATES: Sql = Sql::new("cluster.forget_gates", "DELETE FROM organization_gate");
static FIND_MOVE: Sql = Sql::new(
    "cluster.find_move",
    "SELECT org_id, source, target, owner, begun_at FROM organization_move WHERE org_id = $1",
);
static MOVES: Sql = Sql::new(
    "cluster.moves",
    "SELECT org_id, source, target, owner, begun_at FROM organization_move ORDER BY org_id",
);
static PUT_MOVE: Sql = Sql::new(
    "cluster.put_move",
    "INSERT INTO organization_move (org_id, source, target, owner, begun_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (org_id) DO UPDATE SET source = excluded.source, target = excluded.target, owner = excluded.owner,
     begun_at = excluded.begun_at",
);
static DELETE_MOVE: Sql =
    Sql::new("cluster.delete_move", "DELETE FROM organization_move WHERE org_id = $1 AND owner = $2");
static DELETE_MOVES: Sql =
    Sql::new("cluster.delete_moves", "DELETE FROM organization_move WHERE org_id = $1");

pub const STATEMENTS: &[&Sql] = &[
    &FIND,
    &LIST,
    &INSERT,
    &UPDATE,
    &DELETE,
    &BELONGING,
    &BELONG,
    &LEAVE,
    &FORGET_GATES,
    &FIND_MOVE,
    &MOVES,
    &PUT_MOVE,
    &DELETE_MOVE,
    &DELETE_MOVES,
];

fn read_registered(row: &Row<'_>) -> Result<Cluster> {
    let placed_by = row.optional_text(3)?;
    let placed_by: Option<Vec<i64>> = placed_by
        .map(|list| serde_json::from_str(&list))
        .transpose()
        .map_err(|error| StoreError::Corrupt(format!("cluster.placed_by: {error}")))?;
    Ok(Cluster {
        name: read_cluster(row.str(0)?)?,
        url: row.text(1)?,
        replica_url: row.optional_text(2)?,
        placed_by: placed_by.map(|list| list.into_iter().map(OrgKey).collect()),
        created_at: Timestamp(row.int(4)?),
    })
}

fn placed_by(cluster: &Cluster) -> Option<String> {
    let keys = cluster.placed_by.as_ref()?.iter().map(|key| key.0.to_string());
    Some(format!("[{}]", keys.collect::<Vec<_>>().join(",")))
}

/// A cluster beside `main`.
pub fn find(conn: &Conn<'_>, name: &ClusterName) -> Result<Option<Cluster>> {
    conn.optional(&FIND, &[Param::Text(name.as_str())], read_registered)
}

/// The clusters beside `main`, by name.
pub fn list(conn: &Conn<'_>) -> Result<Vec<Cluster>> {
    conn.all(&LIST, &[], read_registered)
}

/// Adds a cluster; `false` when the name is taken.
pub fn insert(tx: &Tx<'_>, cluster: &Cluster) -> Result<bool> {
    let placed_by = placed_by(cluster);
    let params = [
        Param::Text(cluster.name.as_str()),
        Param::Text(&cluster.url),
        Param::optional_text(cluster.replica_url.as_deref()),
        Param::optional_text(placed_by.as_deref()),
        Param::Int(cluster.created_at.0),
    ];
    Ok(tx.execute(&INSERT, &params)? > 0)
}

/// Changes where a cluster is and who may place organizations on it; `false` when there is none of the name.
pub fn update(tx: &Tx<'_>, cluster: &Cluster) -> Result<bool> {
    let placed_by = placed_by(cluster);
    let params = [
        Param::Text(cluster.name.as_str()),
        Param::Text(&cluster.url),
        Param::optional_text(cluster.replica_url.as_deref()),
        Param::optional_text(placed_by.as_deref()),
    ];
    Ok(tx.execute(&UPDATE, &params)? > 0)
}

/// Removes a cluster in which no organization lives; `false` when there is none.
pub fn delete(tx: &Tx<'_>, name: &ClusterName) -> Result<bool> {
    Ok(tx.execute(&DELETE, &[Param::Text(name.as_str())])? > 0)
}

/// What the database says that it is; `None` when it was never used by an installation.
pub fn belonging(conn: &Conn<'_>) -> Result<Option<Belonging>> {
    conn.optional(&BELONGING, &[], |row| {
        Ok(Belonging { installation: row.id(0, Uuid::from_column)?, cluster: read_cluster(row.str(1)?)? })
    })
}

/// Makes the database one of an installation's, unless it is one already.
pub fn belong(tx: &Tx<'_>, belonging: &Belonging) -> Result<()> {
    let params = [Param::Blob(&belonging.installation.0), Param::Text(belonging.cluster.as_str())];
    tx.write(&BELONG, &params)
}

/// Makes the database nobody's again; `false` when it was somebody else's.
pub fn leave(tx: &Tx<'_>, belonging: &Belonging) -> Result<bool> {
    let params = [Param::Blob(&belonging.installation.0), Param::Text(belonging.cluster.as_str())];
    let left = tx.execute(&LEAVE, &params)? > 0;
    if left {
        tx.execute(&FORGET_GATES, &[])?;
    }
    Ok(left)
}

fn read_move(row: &Row<'_>) -> Result<Move> {
    Ok(Move {
        org: OrgKey(row.int(0)?),
        source: read_cluster(row.str(1)?)?,
        target: read_cluster(row.str(2)?)?,
        owner: row.id(3, Uuid::from_column)?,
        begun_at: Timestamp(row.int(4)?),
    })
}

/// The move of an organization that is under way.
pub fn find_move(conn: &Conn<'_>, org: OrgKey) -> Result<Option<Move>> {
    conn.optional(&FIND_MOVE, &[Param::Int(org.0)], read_move)
}

/// The moves that are under way.
pub fn moves(conn: &Conn<'_>) -> Result<Vec<Move>> {
    conn.all(&MOVES, &[], read_move)
}

/// Notes a move, in the place of one that was given up.
pub fn put_move(tx: &Tx<'_>, noted: &Move) -> Result<()> {
    let params = [
        Param::Int(noted.org.0),
        Param::Text(noted.source.as_str()),
        Param::Text(noted.target.as_str()),
        Param::Blob(&noted.owner.0),
        Param::Int(noted.begun_at.0),
    ];
    tx.write(&PUT_MOVE, &params)
}

/// Forgets a move; `false` when it was not the owner's.
pub fn delete_move(tx: &Tx<'_>, org: OrgKey, owner: Uuid) -> Result<bool> {
    Ok(tx.execute(&DELETE_MOVE, &[Param::Int(org.0), Param::Blob(&owner.0)])? > 0)
}

/// Forgets whatever move of an organization was noted: it is being deleted, and whoever was moving it has lost its gate.
pub fn delete_moves(tx: &Tx<'_>, org: OrgKey) -> Result<()> {
    tx.write(&DELETE_MOVES, &[Param::Int(org.0)])
}
