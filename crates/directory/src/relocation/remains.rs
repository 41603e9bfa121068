//! What is left of an organization in a database in which it does not live: after a move, or of one that was cut off.
//!
//! Whoever erases holds the database's gate of the organization, as a mover does, so that nothing is erased that a mover has
//! copied just now.

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::text::ClusterName;
use denizen_store::clusters::registry::{self, Move};
use denizen_store::gate::{self, Gate, GateState};
use denizen_store::{Conn, Store, StoreError, Tx};

use super::HELD_SECONDS;
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs::{Task, Work, enqueue_at};

/// The job that erases what a cluster has of an organization that does not live there, and looks after a move to that
/// cluster whose mover has died.
pub(crate) fn look_after(org: OrgKey, cluster: &ClusterName) -> Work {
    Work::EraseOrganization { org_key: Some(org.0), cluster: cluster.to_string() }
}

/// What a transaction is refused for that is not the gate's owner's any more.
pub(super) const TAKEN_OVER: &str = "somebody else has taken over the organization's gate";

/// Keeps a transaction from going on whose organization's gate is not `owner`'s any more.
pub(crate) fn must_hold(tx: &Tx<'_>, owner: Uuid) -> denizen_store::Result<()> {
    match gate::find(tx, tx.org)? {
        Some(Gate { state: GateState::Closed, owner: Some(holder), .. }) if holder == owner => Ok(()),
        _ => Err(StoreError::Refused(TAKEN_OVER.to_owned())),
    }
}

impl Directory {
    /// Does what is to be done about rows of an organization in a cluster.
    pub(crate) async fn erase_organization(&self, org: OrgKey, cluster: &str) -> Result<Task> {
        let cluster = ClusterName::parse(cluster).map_err(|_| ErrorCode::ClusterNotFound)?;
        if self.is_looked_after(org, &cluster).await? {
            return Ok(Task::Nothing);
        }
        let store = match self.store_at(&cluster).await {
            // It was removed though its database could not be reached: there is nothing that could be erased from here.
            Err(error) if error.code == ErrorCode::ClusterNotFound => {
                tracing::warn!(organization = org.0, %cluster, "what a cluster that was removed had of an organization is not erased");
                return Ok(Task::Nothing);
            }
            store => store?,
        };
        let gate = store.read(OrgKey::CONTROL, move |conn| gate::find(conn, org)).await?;
        if gate.is_some_and(|gate| gate.state == GateState::Deleted) {
            while self.release_accounts(&store, org).await? {}
            self.erase_behind(&store, org, None, false).await?;
            return Ok(Task::Nothing);
        }
        self.erase_remains(org, &cluster, &store).await?;
        Ok(Task::Nothing)
    }

    /// Erases what a cluster has of an organization that does not live there, nor is about to. When somebody is at work
    /// there, it is looked again later.
    pub(crate) async fn erase_remains(
        &self,
        org: OrgKey,
        cluster: &ClusterName,
        store: &Store,
    ) -> Result<()> {
        let (eraser, now) = (self.environment().uuid(), self.now());
        let held = (GateState::Closed, eraser, now.plus_seconds(HELD_SECONDS));
        if !store.write_gate(org, move |tx| gate::take(tx, held, true, now)).await? {
            return self.look_again(org, cluster).await;
        }
        store.write_gate(org, gate::wait_for_writers).await?;
        // Only from here on nobody can copy anything to this database, nor be done with it.
        if self.is_looked_after(org, cluster).await? {
            store.write_gate(org, move |tx| gate::open(tx, eraser)).await?;
            return Ok(());
        }
        let has_rows = |conn: &Conn<'_>| denizen_store::relocation::has_rows(conn);
        if store.scan(org, has_rows).await? {
            self.erase_behind(store, org, Some(eraser), true).await?;
        }
        // It stays shut: nobody has anything to write here.
        store.write_gate(org, move |tx| gate::set_moved(tx, eraser)).await?;
        Ok(())
    }

    /// Looks whether there is nothing to erase in the cluster, at least not now, and after a move whose mover has died.
    async fn is_looked_after(&self, org: OrgKey, cluster: &ClusterName) -> Result<bool> {
        let moving = self.query(OrgKey::CONTROL, move |conn| registry::find_move(conn, org)).await?;
        if let Some(moving) = moving
            && self.is_at_work(&moving).await?
        {
            self.look_again(org, cluster).await?;
            return Ok(true);
        }
        let Some(lives_in) = self.stores().find_placement(org).await? else { return Ok(false) };
        let (home, now) = (self.store_at(&lives_in).await?, self.now());
        if home.write_gate(org, move |tx| gate::open_lapsed(tx, now)).await? {
            tracing::warn!(organization = org.0, cluster = %lives_in, "a move was not heard of any more; the organization is written again where it was");
            self.inner.job_signal.wake();
        }
        Ok(lives_in == *cluster)
    }

    /// Whether somebody is at a move. If not, it is over: ended where only the map had to be switched, else given up.
    async fn is_at_work(&self, moving: &Move) -> Result<bool> {
        let (org, owner, now) = (moving.org, moving.owner, self.now());
        let source = self.store_at(&moving.source).await?;
        let gate = source.read(OrgKey::CONTROL, move |conn| gate::find(conn, org)).await?;
        let Some(gate) = gate.filter(|gate| gate.owner == Some(owner)) else {
            return self.forget(moving).await;
        };
        if gate.state == GateState::Moved {
            self.finish_move(org, owner).await?;
            return Ok(false);
        }
        if gate.until.is_some_and(|until| until >= now) {
            return Ok(true);
        }
        // From here on the mover cannot do the last step any more, were it only frozen.
        source.write_gate(org, move |tx| gate::open_lapsed(tx, now)).await?;
        let gate = source.read(OrgKey::CONTROL, move |conn| gate::find(conn, org)).await?;
        if gate.is_some_and(|gate| gate.owner == Some(owner)) {
            return Ok(true);
        }
        self.forget(moving).await
    }

    /// Forgets a move that nobody is at.
    async fn forget(&self, moving: &Move) -> Result<bool> {
        let (org, owner) = (moving.org, moving.owner);
        self.write_main(OrgKey::CONTROL, move |tx| Ok(registry::delete_move(tx, org, owner)?)).await?;
        Ok(false)
    }

    /// Has it looked again when a mover that is alive now may have died.
    async fn look_again(&self, org: OrgKey, cluster: &ClusterName) -> Result<()> {
        let now = self.now();
        let (job, work) = (self.environment().object_id(now), look_after(org, cluster));
        let due = now.plus_seconds(2 * HELD_SECONDS);
        self.write_main(OrgKey::CONTROL, move |tx| enqueue_at(tx, job, None, &work, due, now)).await
    }
}

/// A step of erasing that is done again until nothing is left.
pub(crate) type EraseSome = fn(&Tx<'_>) -> denizen_store::Result<bool>;

impl Directory {
    /// Does steps of erasing behind a gate, each until it says that nothing is left.
    pub(crate) async fn erase_steps(
        &self,
        store: &Store,
        org: OrgKey,
        owner: Option<Uuid>,
        steps: &[EraseSome],
    ) -> Result<()> {
        let mut heard = self.now();
        for step in steps.iter().copied() {
            loop {
                let erase = move |tx: &Tx<'_>| {
                    if let Some(owner) = owner {
                        must_hold(tx, owner)?;
                    }
                    step(tx)
                };
                if store.write_barred(org, erase).await? {
                    break;
                }
                let now = self.now();
                if let Some(owner) = owner
                    && now >= heard.plus_seconds(HELD_SECONDS / 6)
                {
                    let until = now.plus_seconds(HELD_SECONDS);
                    store.write_gate(org, move |tx| gate::renew(tx, owner, until)).await?;
                    heard = now;
                }
            }
        }
        Ok(())
    }
}
