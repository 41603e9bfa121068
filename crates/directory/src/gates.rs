//! What is done when a write meets a gate: the organization has gone elsewhere, or is on its way.
//!
//! Whoever moves an organization may die at it. Then nobody has to come and mend that: the next write that meets the gate
//! opens it again once its owner was not heard of in time, or ends the move where only the map had still to be switched.

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::text::ClusterName;
use denizen_store::clusters::registry::{self, Move};
use denizen_store::gate::{self, Gate, GateState};
use denizen_store::{Tx, control};

use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs::enqueue_at;
use crate::relocation::remains::look_after;

/// After how many seconds a caller may try again whom a gate has shut out.
const RETRY_AFTER: i64 = 5;
/// For how many seconds the rows of an organization that has moved are kept where they were: a read that was led there
/// still finds them.
pub(crate) const KEPT_SECONDS: i64 = 60;

impl Directory {
    /// After a write of the organization was refused by a gate: looks where it lives, and whether the gate is right.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationMoving`] when there is nothing but to wait; [`ErrorCode::OrganizationNotFound`].
    pub(crate) async fn pass_gate(&self, org: OrgKey) -> Result<()> {
        let cluster = self.stores().find_placement(org).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let store = self.store_at(&cluster).await?;
        let found = store.read(OrgKey::CONTROL, move |conn| gate::find(conn, org)).await?;
        match found {
            // It lives elsewhere than was thought, or the gate has been opened since.
            None | Some(Gate { state: GateState::Draining, .. }) => Ok(()),
            Some(Gate { state: GateState::Deleted, .. }) => {
                // Who deleted it may have been cut off before the map.
                match self.finish_deletion(org, cluster).await {
                    Ok(()) => Err(ErrorCode::OrganizationNotFound.into()),
                    Err(error) => Err(error),
                }
            }
            Some(Gate { state: GateState::Moved, owner, .. }) => match owner {
                Some(owner) => {
                    self.finish_move(org, owner).await?;
                    self.open_home(org, &cluster, owner).await
                }
                None => Err(Error::moving(RETRY_AFTER)),
            },
            Some(Gate { state: GateState::Closed, .. }) => {
                let now = self.now();
                if store.write_gate(org, move |tx| gate::open_lapsed(tx, now)).await? {
                    tracing::warn!(organization = org.0, %cluster, "a move was not heard of any more; the organization is written again where it was");
                    return Ok(());
                }
                Err(Error::moving(RETRY_AFTER))
            }
        }
    }

    /// Opens the gate of the cluster `left`, which says that the organization has moved away, if it lives there after all: as
    /// whoever gave a move up says of its target, when another has ended that move meanwhile. A move that is over has no
    /// note, so nobody else has to switch the map any more.
    async fn open_home(&self, org: OrgKey, left: &ClusterName, owner: Uuid) -> Result<()> {
        let noted = self.query(OrgKey::CONTROL, move |conn| registry::find_move(conn, org)).await?;
        let lives_in = self.stores().find_placement(org).await?;
        if noted.is_none() && lives_in.as_ref() == Some(left) {
            let store = self.store_at(left).await?;
            if store.write_gate(org, move |tx| gate::open_arrived(tx, owner)).await? {
                tracing::warn!(cluster = %left, org = org.0, "the gate of where an organization lives was shut, and is opened");
            }
        }
        Ok(())
    }

    /// The last step of a deletion, which anybody can do once the gate has been shut for it.
    pub(crate) async fn finish_deletion(&self, org: OrgKey, cluster: ClusterName) -> Result<()> {
        let now = self.now();
        let job = self.environment().object_id(now);
        let work = look_after(org, &cluster);
        self.write_main(org, move |tx| {
            registry::delete_moves(tx, org)?;
            if !control::delete_organization(tx, org)? {
                return Err(Error::new(ErrorCode::OrganizationNotFound));
            }
            enqueue_at(tx, job, None, &work, now, now)
        })
        .await?;
        self.inner.job_signal.wake();
        Ok(())
    }

    /// The last step of a move, which anybody can do once the source has said that it is not the organization any more, and
    /// any number of times: the target is opened, the map is switched, and the source's rows are to be erased. `owner` is
    /// whom the source's gate named: the note of another move is none of its.
    pub(crate) async fn finish_move(&self, org: OrgKey, owner: Uuid) -> Result<()> {
        let found = self.query(OrgKey::CONTROL, move |conn| registry::find_move(conn, org)).await?;
        // Somebody else was faster.
        let Some(moved) = found.filter(|found| found.owner == owner) else { return Ok(()) };
        // First, or jobs would wait for whoever opens it when the owner is taken for dead. Before the map is switched nobody
        // is led there, and nobody who is there writes: writes meet the source's gate.
        let target = self.store_at(&moved.target).await?;
        target.write_gate(org, move |tx| gate::open_arrived(tx, owner)).await?;
        let now = self.now();
        let job = self.environment().object_id(now);
        let switched = self.write_main(OrgKey::CONTROL, move |tx| {
            let found = registry::find_move(tx, org)?;
            let Some(moved) = found.filter(|found| found.owner == owner) else { return Ok(None) };
            switch(tx, &moved)?;
            let work = look_after(org, &moved.source);
            enqueue_at(tx, job, None, &work, now.plus_seconds(KEPT_SECONDS), now)?;
            Ok(Some(moved))
        });
        if let Some(Move { source, target, .. }) = switched.await? {
            tracing::info!(organization = org.0, %source, %target, "an organization has moved: the map is switched");
        }
        self.stores().find_placement(org).await?;
        self.inner.job_signal.wake();
        Ok(())
    }
}

fn switch(tx: &Tx<'_>, moved: &Move) -> Result<()> {
    control::set_cluster(tx, moved.org, &moved.source, &moved.target)?;
    registry::delete_move(tx, moved.org, moved.owner)?;
    Ok(())
}
