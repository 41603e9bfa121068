//! Gates: organizations whose rows in a database must not be written, though callers may still be led there.
//!
//! Where an organization lives is known to every process, and may be a second old. What keeps that from doing harm lies in
//! the database itself: the seam refuses the writes of an organization whose gate is shut with [`StoreError::Barred`],
//! in the same transaction in which it would write. On SQLite the writer looks into the table; on PostgreSQL
//! `denizen_admit` looks, and shares a lock which whoever shuts the gate takes alone, so that nobody is left inside.
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
static PUT: Sql = Sql::new(
    "gate.put",
    "INSERT INTO organization_gate (org_id, state, owner, until) VALUES ($1, $2, $3, $4)
     ON CONFLICT (org_id) DO UPDATE SET state = excluded.state, owner = excluded.owner, until = excluded.until",
);
static RENEW: Sql = Sql::new(
    "gate.renew",
    "UPDATE organization_gate SET until = $3 WHERE org_id = $1 AND owner = $2 AND until IS NOT NULL",
);
static OPEN: Sql = Sql::new("gate.open", "DELETE FROM organization_gate WHERE org_id = $1 AND owner = $2");
static OPEN_LAPSED: Sql = Sql::new(
    "gate.open_lapsed",
    "DELETE FROM organization_gate WHERE org_id = $1 AND state IN ('draining', 'closed') AND until < $2",
);
static EVICT: Sql = Sql::split(
    "gate.evict",
    "SELECT $1",
    "SELECT CAST(pg_advisory_xact_lock(936748722493063168 + $1::bigint) AS TEXT)",
);
/// What the writer on SQLite asks for each organization of a group.
pub(crate) static IS_SHUT: Sql =
    Sql::new("gate.is_shut", "SELECT 1 FROM organization_gate WHERE org_id = $1 AND state <> 'draining'");

pub const STATEMENTS: &[&Sql] = &[&FIND, &LIST, &PUT, &RENEW, &OPEN, &OPEN_LAPSED, &EVICT, &IS_SHUT];

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

/// Sets a gate, whatever it was.
pub fn put(tx: &Tx<'_>, gate: &Gate) -> Result<()> {
    let owner = gate.owner.as_ref().map(|owner| owner.0.as_slice());
    let params = [
        Param::Int(gate.org.0),
        Param::Text(gate.state.as_str()),
        Param::optional_blob(owner),
        Param::optional_int(gate.until.map(|until| until.0)),
    ];
    tx.write(&PUT, &params)
}

/// Closes a gate that `owner` is draining, unless a worker still holds one of the organization's jobs: then how many.
/// After the commit nobody writes any more who came before; see [`wait_for_writers`].
pub fn close_drained(
    tx: &Tx<'_>,
    org: OrgKey,
    owner: Uuid,
    until: Timestamp,
    now: Timestamp,
) -> Result<Closing> {
    let held =
        find(tx, org)?.is_some_and(|gate| gate.state == GateState::Draining && gate.owner == Some(owner));
    if !held {
        return Ok(Closing::Lost);
    }
    let running = jobs::count_running(&tx.of(org), now)?;
    if running > 0 {
        return Ok(Closing::Waits(running));
    }
    put(tx, &Gate { org, state: GateState::Closed, owner: Some(owner), until: Some(until) })?;
    Ok(Closing::Done)
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

/// Waits until everybody has ended who was admitted before the gate was closed. In a transaction of its own, after that
/// which closed it.
pub fn wait_for_writers(tx: &Tx<'_>, org: OrgKey) -> Result<()> {
    match tx.dialect() {
        // Engine: there is one writer at a time, and whoever closed the gate was it.
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => tx.optional(&EVICT, &[Param::Int(org.0)], |_| Ok(())).map(drop),
    }
}

/// Extends the time until which the owner is taken for alive; `false` when the gate is not the owner's any more.
pub fn renew(tx: &Tx<'_>, org: OrgKey, owner: Uuid, until: Timestamp) -> Result<bool> {
    Ok(tx.execute(&RENEW, &[Param::Int(org.0), Param::Blob(&owner.0), Param::Int(until.0)])? > 0)
}

/// The one step from which there is no way back: what is here is not the organization any more. `false`, and nothing done,
/// when the gate is not the owner's any more.
pub fn set_moved(tx: &Tx<'_>, org: OrgKey, owner: Uuid) -> Result<bool> {
    let held =
        find(tx, org)?.is_some_and(|gate| gate.state == GateState::Closed && gate.owner == Some(owner));
    if held {
        put(tx, &Gate { org, state: GateState::Moved, owner: Some(owner), until: None })?;
    }
    Ok(held)
}

/// Opens a gate that `owner` holds; `false` when it is not the owner's.
pub fn open(tx: &Tx<'_>, org: OrgKey, owner: Uuid) -> Result<bool> {
    Ok(tx.execute(&OPEN, &[Param::Int(org.0), Param::Blob(&owner.0)])? > 0)
}

/// Opens a gate whose owner was not heard of in time; `false` when there is none.
pub fn open_lapsed(tx: &Tx<'_>, org: OrgKey, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(&OPEN_LAPSED, &[Param::Int(org.0), Param::Int(now.0)])? > 0)
}
