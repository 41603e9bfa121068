//! Gates: organizations whose rows in a database must not be written, though callers may still be led there.
//!
//! Where an organization lives is known to every process, and may be a second old. What keeps that from doing harm lies in
//! the database itself: the seam refuses the writes of an organization whose gate is shut with [`StoreError::Barred`],
//! in the same transaction in which it would write. On SQLite the writer looks into the table; on PostgreSQL
//! `denizen_admit` looks, under a lock on the table which whoever has shut the gate takes alone for a moment, so that nobody
//! is left inside.
//!
//! [`StoreError::Barred`]: crate::StoreError::Barred

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::jobs;
use crate::sql::{Dialect, Param, Row, Sql};

/// Why a gate is there. One that is open has no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    /// Writes go on, and no more jobs are begun.
    Draining,
    /// The rows are being copied into another database, or out of one.
    Closed,
    /// The organization lives in another database. What is still here is about to be erased.
    Moved,
    /// The organization was deleted. What is still here is about to be erased.
    Deleted,
}

impl GateState {
    const ALL: [Self; 4] = [Self::Draining, Self::Closed, Self::Moved, Self::Deleted];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Closed => "closed",
            Self::Moved => "moved",
            Self::Deleted => "deleted",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| StoreError::Corrupt(format!("organization_gate.state {text}")))
    }
}

/// A gate that is not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    pub org: OrgKey,
    pub state: GateState,
    /// Who holds it.
    pub owner: Option<Uuid>,
    /// When the owner, unless it renews this, is taken for dead. Only of gates that are draining or closed.
    pub until: Option<Timestamp>,
}

static FIND: Sql =
    Sql::new("gate.find", "SELECT org_id, state, owner, until FROM organization_gate WHERE org_id = $1");
static LIST: Sql =
    Sql::new("gate.list", "SELECT org_id, state, owner, until FROM organization_gate ORDER BY org_id");
// Each is one statement: two of them may run at the same time, and each does its step or finds that it cannot be done.
static TAKE: Sql = Sql::new(
    "gate.take",
    "INSERT INTO organization_gate (org_id, state, owner, until) VALUES ($1, $2, $3, $4)
     ON CONFLICT (org_id) DO UPDATE SET state = excluded.state, owner = excluded.owner, until = excluded.until
     WHERE organization_gate.owner = $3
        OR (organization_gate.state IN ('draining', 'closed') AND organization_gate.until < $5)
        OR (organization_gate.state = 'moved' AND $6 = 1)",
);
static CLOSE: Sql = Sql::new(
    "gate.close",
    "UPDATE organization_gate SET state = 'closed', until = $3 WHERE org_id = $1 AND owner = $2 AND state = 'draining'
     AND NOT EXISTS (SELECT 1 FROM job WHERE job.org_id = $1 AND job.state = 'running' AND job.lease_until > $4)",
);
static SET_MOVED: Sql = Sql::new(
    "gate.set_moved",
    "UPDATE organization_gate SET state = 'moved', until = NULL WHERE org_id = $1 AND owner = $2 AND state = 'closed'",
);
static SET_DELETED: Sql = Sql::new(
    "gate.set_deleted",
    "INSERT INTO organization_gate (org_id, state) VALUES ($1, 'deleted') ON CONFLICT (org_id) DO UPDATE
     SET state = 'deleted', owner = NULL, until = NULL WHERE organization_gate.state = 'deleted'
        OR (organization_gate.state IN ('draining', 'closed') AND organization_gate.until < $2)",
);
static RENEW: Sql = Sql::new(
    "gate.renew",
    "UPDATE organization_gate SET until = $3 WHERE org_id = $1 AND owner = $2 AND until IS NOT NULL",
);
static OPEN: Sql = Sql::new(
    "gate.open",
    "DELETE FROM organization_gate WHERE org_id = $1 AND owner = $2 AND state <> 'moved'",
);
static OPEN_ARRIVED: Sql = Sql::new(
    "gate.open_arrived",
    "DELETE FROM organization_gate WHERE org_id = $1 AND owner = $2 AND state <> 'deleted'",
);
static OPEN_LAPSED: Sql = Sql::new(
    "gate.open_lapsed",
    "DELETE FROM organization_gate WHERE org_id = $1 AND state IN ('draining', 'closed') AND until < $2",
);
// Engine: while it waits, other writers wait behind it; so it waits for a moment only, and the seam tries again.
static BRIEFLY: Sql = Sql::split("gate.briefly", "SELECT 1", "SET LOCAL lock_timeout = '300ms'");
static EVICT: Sql = Sql::split("gate.evict", "SELECT 1", "LOCK TABLE organization_gate IN EXCLUSIVE MODE");
/// What the writer on SQLite asks for each organization of a group.
pub(crate) static IS_SHUT: Sql =
    Sql::new("gate.is_shut", "SELECT 1 FROM organization_gate WHERE org_id = $1 AND state <> 'draining'");

pub const STATEMENTS: &[&Sql] = &[
    &FIND,
    &LIST,
    &TAKE,
    &CLOSE,
    &SET_MOVED,
    &SET_DELETED,
    &RENEW,
    &OPEN,
    &OPEN_ARRIVED,
    &OPEN_LAPSED,
    &BRIEFLY,
    &EVICT,
    &IS_SHUT,
];

fn read_gate(row: &Row<'_>) -> Result<Gate> {
    Ok(Gate {
        org: OrgKey(row.int(0)?),
        state: GateState::parse(row.str(1)?)?,
        owner: row.optional_blob(2)?.and_then(Uuid::from_column),
        until: row.optional_int(3)?.map(Timestamp),
    })
}

/// The gate of an organization in this database; `None` when it is open.
pub fn find(conn: &Conn<'_>, org: OrgKey) -> Result<Option<Gate>> {
    conn.optional(&FIND, &[Param::Int(org.0)], read_gate)
}

/// Every gate of this database that is not open.
pub fn list(conn: &Conn<'_>) -> Result<Vec<Gate>> {
    conn.all(&LIST, &[], read_gate)
}

/// Takes a gate that is open, that nobody was heard of any more who held it, or that is the owner's already. `comes_back`
/// says that the organization may have moved away from here before. `false`, and nothing done, when it is somebody else's.
///
/// In a [`Store::write_gate`] of its own, as all that follows.
///
/// [`Store::write_gate`]: crate::Store::write_gate
pub fn take(
    tx: &Tx<'_>,
    (state, owner, until): (GateState, Uuid, Timestamp),
    comes_back: bool,
    now: Timestamp,
) -> Result<bool> {
    let params = [
        tx.org_param(),
        Param::Text(state.as_str()),
        Param::Blob(&owner.0),
        Param::Int(until.0),
        Param::Int(now.0),
        Param::Int(comes_back.into()),
    ];
    Ok(tx.execute(&TAKE, &params)? > 0)
}

/// Closes a gate that `owner` is draining, unless a worker still holds one of the organization's jobs: then how many.
/// After the commit nobody is let in any more; [`wait_for_writers`] waits for those who are inside.
pub fn close_drained(tx: &Tx<'_>, owner: Uuid, until: Timestamp, now: Timestamp) -> Result<Closing> {
    let params = [tx.org_param(), Param::Blob(&owner.0), Param::Int(until.0), Param::Int(now.0)];
    if tx.execute(&CLOSE, &params)? > 0 {
        return Ok(Closing::Done);
    }
    let found = find(tx, tx.org)?;
    let holds = found.is_some_and(|gate| gate.state == GateState::Draining && gate.owner == Some(owner));
    Ok(if holds { Closing::Waits(jobs::count_running(tx, now)?) } else { Closing::Lost })
}

/// What became of [`close_drained`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    Done,
    /// So many jobs are still worked on.
    Waits(i64),
    /// The gate is not the owner's any more.
    Lost,
}

/// Waits until everybody has ended who was let in before the gate was closed. After the transaction that closed it.
pub fn wait_for_writers(tx: &Tx<'_>) -> Result<()> {
    match tx.dialect() {
        // Engine: there is one writer at a time, and whoever closed the gate was it.
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => {
            tx.execute(&BRIEFLY, &[])?;
            tx.execute(&EVICT, &[]).map(drop)
        }
    }
}

/// Extends the time until which the owner is taken for alive; `false` when the gate is not the owner's any more.
pub fn renew(tx: &Tx<'_>, owner: Uuid, until: Timestamp) -> Result<bool> {
    Ok(tx.execute(&RENEW, &[tx.org_param(), Param::Blob(&owner.0), Param::Int(until.0)])? > 0)
}

/// The one step from which there is no way back: what is here is not the organization any more. `false`, and nothing done,
/// when the gate is not the owner's any more.
pub fn set_moved(tx: &Tx<'_>, owner: Uuid) -> Result<bool> {
    Ok(tx.execute(&SET_MOVED, &[tx.org_param(), Param::Blob(&owner.0)])? > 0)
}

/// Shuts an organization for good, unless it is being moved, or has moved away: then `false`.
pub fn set_deleted(tx: &Tx<'_>, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(&SET_DELETED, &[tx.org_param(), Param::Int(now.0)])? > 0)
}

/// Opens a gate that `owner` holds; `false` when it is not the owner's, or says that the organization has moved.
pub fn open(tx: &Tx<'_>, owner: Uuid) -> Result<bool> {
    Ok(tx.execute(&OPEN, &[tx.org_param(), Param::Blob(&owner.0)])? > 0)
}

/// Opens a gate that `owner` has held, also one that says *moved*: for where the organization lives after all.
pub fn open_arrived(tx: &Tx<'_>, owner: Uuid) -> Result<bool> {
    Ok(tx.execute(&OPEN_ARRIVED, &[tx.org_param(), Param::Blob(&owner.0)])? > 0)
}

/// Opens a gate whose owner was not heard of in time; `false` when there is none.
pub fn open_lapsed(tx: &Tx<'_>, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(&OPEN_LAPSED, &[tx.org_param(), Param::Int(now.0)])? > 0)
}
