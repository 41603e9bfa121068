//! Moving an organization to another cluster, while the others, and reads of this one, go on.
//!
//! **Steps.** Whoever moves draws a token, which makes it the owner of gates (see `denizen_store::gate`), and goes on only
//! while it is heard of: every few seconds it says that it is alive, and whoever says nothing for [`HELD_SECONDS`] is taken
//! for dead.
//!
//! 1. A job is enqueued in the control store that looks after the move if nobody does any more ([`remains`]).
//! 2. The gate of the source is *draining*: writes go on, and no job of the organization is begun any more.
//! 3. The move is noted in the control store.
//! 4. When no job is worked on, the gate of the source is *closed*, and whoever is still writing is waited for. From here on
//!    writes are refused, with a time after which to try again; reads go on.
//! 5. The gate of the target is closed, so that nobody works at jobs there that are being copied, and what lies there from an
//!    attempt that was cut off is erased.
//! 6. Everything is copied, read back and compared, table by table.
//! 7. The gate of the source says *moved*, if it is still the owner's: from here on there is no way back.
//! 8. The gate of the target is opened, the map is switched and the note removed, and a job enqueued that erases the source
//!    after [`crate::gates::KEPT_SECONDS`], for reads that were led there a moment before.
//!
//! **Cut off** after step 2, 4, 5 or 6: the organization lives where it was. Its gate is opened again by the first write
//! that is refused after the owner was taken for dead, by the next call of the command, or by the job of step 1, whichever
//! comes first; the job, or the next call, erases what was copied. After step 7: the organization is whole in the target and
//! nowhere else. The first write that is refused, the next call or the job does step 8, which can be done any number of
//! times. Between the transactions of step 8 the target is open and the map still says the source: nobody is led there but
//! by jobs of the target's, whose writes meet the source's gate and do step 8.
//!
//! **Races.** Two movers: the gate of the source is taken by one. The note is written by whoever holds the gate, in the place
//! of the note that it saw before it took the gate, or of none: so a note names the owner of the gate once that is closed,
//! and step 8, which goes by the note, is done only for the owner whom the gate names. A mover that was frozen: whoever
//! takes its place takes the gate of the source from it first, so its step 7 fails; each of its transactions in the target
//! looks whether the target's gate is its own. A deletion is refused while the gate is held, and a move once it says
//! *deleted*. The job of step 1 takes the source's gate away before it erases anything in the target, or finds that the
//! mover is alive, and comes back later.
//!
//! Parents and children may live elsewhere: nothing of an organization refers to rows of another.

mod refusal;
pub(crate) mod remains;
mod report;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::text::ClusterName;
use denizen_domain::time::Timestamp;
use denizen_store::clusters::registry::{self, Move};
use denizen_store::control::{self, Organization};
use denizen_store::gate::{self, Closing, Gate, GateState};
use denizen_store::relocation::{Batches, Guard, Relocation};
use denizen_store::{Conn, Store, StoreError, Tx, jobs};
use futures_util::future::{Either, select};

use crate::handle::Directory;
use crate::jobs::enqueue_at;

pub use self::refusal::MoveError;
pub use self::report::{MoveReport, MoveStep, MovedTable};

/// Who was not heard of for so long is taken for dead.
pub(crate) const HELD_SECONDS: i64 = 30;
/// How often a mover says that it is alive.
const BEAT: Duration = Duration::from_secs(5);
/// How often it is looked whether jobs are done.
const LOOK: Duration = Duration::from_millis(200);
/// For so long, and a little less, a read may be led where an organization has lived before.
const LED_ASTRAY: Duration = Duration::from_secs(3);
/// How long is waited for whoever erases an older attempt's copy.
const ERASING: i64 = 20;

/// What is to be moved, and where.
#[derive(Debug, Clone)]
pub struct MoveOrder {
    pub slug: String,
    pub target: ClusterName,
    /// How long jobs that are worked on are waited for.
    pub wait_seconds: i64,
}

type Result<T> = std::result::Result<T, MoveError>;

/// The progress of a move is told to it.
pub type Told<'t> = &'t (dyn Fn(MoveStep) + Sync);

/// A mover that holds the gate of the source.
struct Mover<'d> {
    directory: &'d Directory,
    org: OrgKey,
    owner: Uuid,
    source: (ClusterName, Store),
    target: (ClusterName, Store),
    /// Whether the target's gate was taken, too.
    holds_target: AtomicBool,
}

impl Directory {
    /// Moves an organization to another cluster, and says what has moved. It is given up when `stop` ends, unless the step
    /// has been done from which there is no way back.
    ///
    /// # Errors
    /// Any [`MoveError`]: the organization lives where it was, and is written there.
    pub async fn move_organization(
        &self,
        order: &MoveOrder,
        stop: impl Future<Output = ()>,
        told: Told<'_>,
    ) -> Result<MoveReport> {
        let begun = self.now();
        let found = self.find_moving(&order.slug).await?;
        let found = match self.end_cut_off(&found).await? {
            // Somebody else's move ended just now, or ours that was cut off.
            Some(cluster) if cluster == order.target => {
                return Ok(MoveReport::finished(found.cluster, cluster));
            }
            Some(_) => self.find_moving(&order.slug).await?,
            None => found,
        };
        if found.cluster == order.target {
            return Err(MoveError::AlreadyThere(order.target.clone()));
        }
        let source = self.cluster_for_move(&found.cluster).await?;
        let target = self.cluster_for_move(&order.target).await?;
        let before = self.find_move(found.org).await?;
        let owner = self.environment().uuid();
        let mover = Mover {
            directory: self,
            org: found.org,
            owner,
            source: (found.cluster.clone(), source),
            target: (order.target.clone(), target),
            holds_target: AtomicBool::new(false),
        };
        mover.enqueue_look_after().await?;
        mover.take_source(before.as_ref()).await?;
        tracing::info!(organization = %found.slug, source = %found.cluster, target = %order.target, "an organization begins to move");
        let carried = mover.carry_or_stop(&found, before, order, stop, told).await;
        // The step from which there is no way back.
        let carried = match carried {
            Ok(carried) => mover.set_moved().await.map(|()| carried),
            Err(error) => Err(error),
        };
        let carried = match carried {
            Ok(carried) => carried,
            Err(error) => {
                tracing::info!(organization = %found.slug, source = %found.cluster, target = %order.target, %error, "a move was given up");
                mover.give_up().await;
                return Err(error);
            }
        };
        told(MoveStep::Switching);
        self.finish_move(found.org, owner).await?;
        let Mover { source: (source, _), target: (target, _), .. } = mover;
        Ok(carried.report(source, target, begun, self.now()))
    }

    /// Gives up the move of an organization that somebody else is at, or was; answers where it was to go, if that is known.
    ///
    /// # Errors
    /// [`MoveError::NotMoving`]; [`MoveError::TooLate`] when it has arrived.
    pub async fn cancel_move(&self, slug: &str) -> Result<Option<ClusterName>> {
        let found = self.find_moving(slug).await?;
        if let Some(cluster) = self.end_cut_off(&found).await? {
            return Err(MoveError::TooLate(cluster));
        }
        let (org, now) = (found.org, self.now());
        let moving = self.find_move(org).await?;
        let source = self.cluster_for_move(&found.cluster).await?;
        let gate = source.read(OrgKey::CONTROL, move |conn| gate::find(conn, org)).await?;
        let holder = gate.filter(|gate| gate.state != GateState::Deleted).and_then(|gate| gate.owner);
        // The mover notices, and erases what it has copied; if there is none any more, the job does.
        if let Some(owner) = holder
            && !source.write_gate(org, move |tx| gate::open(tx, owner)).await?
            && let Some(cluster) = self.end_cut_off(&found).await?
        {
            return Err(MoveError::TooLate(cluster));
        }
        let Some(moving) = moving else {
            // Whoever holds the gate has not got as far as to note where to.
            return holder.map(|_| None).ok_or(MoveError::NotMoving);
        };
        self.take_from(&moving).await;
        let job = self.environment().object_id(now);
        let work = remains::look_after(org, &moving.target);
        self.write_main(OrgKey::CONTROL, move |tx| {
            registry::delete_move(tx, org, moving.owner)?;
            enqueue_at(tx, job, None, &work, now, now)
        })
        .await?;
        Ok(Some(moving.target))
    }

    /// Takes the target's gate from a mover that has lost the source's, so that nobody has to wait until it is taken for
    /// dead there, too.
    async fn take_from(&self, lost: &Move) {
        let (org, owner) = (lost.org, lost.owner);
        let taken = match self.cluster_for_move(&lost.target).await {
            Ok(store) => {
                store.write_gate(org, move |tx| gate::set_moved(tx, owner)).await.map_err(MoveError::from)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            tracing::warn!(%error, "the gate of a move's target could not be taken; it is free in half a minute");
        }
    }

    async fn find_moving(&self, slug: &str) -> Result<Organization> {
        let slug = slug.to_owned();
        let found = self.query(OrgKey::CONTROL, move |conn| control::find_by_slug(conn, &slug)).await?;
        found.ok_or(MoveError::OrganizationNotFound)
    }

    async fn find_move(&self, org: OrgKey) -> Result<Option<Move>> {
        Ok(self.query(OrgKey::CONTROL, move |conn| registry::find_move(conn, org)).await?)
    }

    /// A cluster's database.
    async fn cluster_for_move(&self, name: &ClusterName) -> Result<Store> {
        let wanted = name.clone();
        let is_known = name.is_main()
            || self.query(OrgKey::CONTROL, move |conn| registry::find(conn, &wanted)).await?.is_some();
        if !is_known {
            return Err(MoveError::ClusterNotFound(name.clone()));
        }
        self.stores().at(name).await.map_err(|error| MoveError::Unreachable(name.clone(), error))
    }

    /// Ends a move of which only the map has still to be switched; answers where the organization lives then.
    async fn end_cut_off(&self, found: &Organization) -> Result<Option<ClusterName>> {
        let (org, store) = (found.org, self.cluster_for_move(&found.cluster).await?);
        let gate = store.read(OrgKey::CONTROL, move |conn| gate::find(conn, org)).await?;
        let Some(Gate { state: GateState::Moved, owner: Some(owner), .. }) = gate else { return Ok(None) };
        self.finish_move(org, owner).await?;
        Ok(Some(self.stores().find_placement(org).await?.ok_or(MoveError::OrganizationNotFound)?))
    }
}

/// What was copied, and how long writes were refused for it so far.
struct Carried {
    tables: Vec<MovedTable>,
    keeps_tokens: bool,
    shut_at: Timestamp,
    copied_at: Timestamp,
}

impl Carried {
    fn report(
        self,
        source: ClusterName,
        target: ClusterName,
        begun: Timestamp,
        now: Timestamp,
    ) -> MoveReport {
        let since =
            |from: Timestamp| Duration::from_micros(u64::try_from(now.0 - from.0).unwrap_or_default());
        MoveReport {
            source,
            target,
            rows: self.tables.iter().map(|table| table.rows).sum(),
            tables: self.tables,
            keeps_tokens: self.keeps_tokens,
            seconds: since(begun).as_secs_f64(),
            refused_seconds: since(self.shut_at).as_secs_f64(),
            copy_seconds: since(self.shut_at).saturating_sub(since(self.copied_at)).as_secs_f64(),
            was_cut_off: false,
        }
    }
}

impl Mover<'_> {
    fn until(&self) -> Timestamp {
        self.directory.now().plus_seconds(HELD_SECONDS)
    }

    /// Step 1.
    async fn enqueue_look_after(&self) -> Result<()> {
        let now = self.directory.now();
        let job = self.directory.environment().object_id(now);
        let work = remains::look_after(self.org, &self.target.0);
        let due = now.plus_seconds(2 * HELD_SECONDS);
        let enqueue = move |tx: &Tx<'_>| enqueue_at(tx, job, None, &work, due, now);
        Ok(self.directory.write_main(OrgKey::CONTROL, enqueue).await?)
    }

    /// Step 2. `before` is the note that was there.
    async fn take_source(&self, before: Option<&Move>) -> Result<()> {
        if self.take(&self.source.1, GateState::Draining, false).await? {
            return Ok(());
        }
        let org = self.org;
        let gate = self.source.1.read(OrgKey::CONTROL, move |conn| gate::find(conn, org)).await?;
        Err(match (gate.map(|gate| gate.state), before) {
            (Some(GateState::Deleted), _) => MoveError::OrganizationNotFound,
            (_, before) => MoveError::UnderWay {
                target: before.map(|before| before.target.clone()),
                since: before.map(|before| before.begun_at),
            },
        })
    }

    async fn take(&self, store: &Store, state: GateState, comes_back: bool) -> Result<bool> {
        let (owner, until, now) = (self.owner, self.until(), self.directory.now());
        let take = move |tx: &Tx<'_>| gate::take(tx, (state, owner, until), comes_back, now);
        Ok(store.write_gate(self.org, take).await?)
    }

    /// Steps 3 to 6, for as long as this mover is taken for alive and is not stopped. Nothing of it goes on after its end.
    async fn carry_or_stop(
        &self,
        found: &Organization,
        before: Option<Move>,
        order: &MoveOrder,
        stop: impl Future<Output = ()>,
        told: Told<'_>,
    ) -> Result<Carried> {
        let work = pin!(self.carry(found, before, order, told));
        let (alive, stop) = (pin!(self.stay_alive()), pin!(stop));
        match select(select(work, alive), stop).await {
            Either::Left((Either::Left((carried, _)) | Either::Right((carried, _)), _)) => carried,
            Either::Right(((), _)) => Err(MoveError::Stopped),
        }
    }

    /// Steps 3 to 6.
    async fn carry(
        &self,
        found: &Organization,
        before: Option<Move>,
        order: &MoveOrder,
        told: Told<'_>,
    ) -> Result<Carried> {
        let owner_before = before.clone();
        self.note(found, before).await?;
        if let Some(before) = owner_before {
            self.directory.take_from(&before).await;
        }
        if self.has_rows(&self.target.1).await? {
            // It lived there a moment ago, perhaps, and reads may still be led there.
            tokio::time::sleep(LED_ASTRAY).await;
        }
        let shut_at = self.drain(order.wait_seconds, told).await?;
        told(MoveStep::Shut);
        self.take_target().await?;
        let target = &self.target.1;
        if self.has_rows(target).await? {
            self.directory.erase_behind(target, self.org, Some(self.owner), true).await?;
        }
        let batches = Batches::default();
        let stores = (&self.source.1, target);
        let relocation = Relocation::prepare(stores, self.org, self.guard(), batches).await?;
        told(MoveStep::Counted(relocation.count().await?));
        let moved = relocation.copy(&|step| told(MoveStep::Table(step))).await?;
        let copied_at = self.directory.now();
        let differences = relocation.compare(&moved, &|step| told(MoveStep::Table(step))).await?;
        if !differences.is_empty() {
            return Err(MoveError::Differs(differences));
        }
        let tables = moved.iter().map(|one| MovedTable { table: one.table, rows: one.sum.rows }).collect();
        Ok(Carried { tables, keeps_tokens: relocation.keeps_tokens(), shut_at, copied_at })
    }

    /// Step 3.
    async fn note(&self, found: &Organization, before: Option<Move>) -> Result<()> {
        let noted = Move {
            org: self.org,
            source: self.source.0.clone(),
            target: self.target.0.clone(),
            owner: self.owner,
            begun_at: self.directory.now(),
        };
        let (org, cluster) = (self.org, found.cluster.clone());
        let seen = before.map(|before| before.owner);
        let put = move |tx: &Tx<'_>| {
            let lives_there = control::find_by_key(tx, org)?.is_some_and(|now| now.cluster == cluster);
            let is_as_seen = registry::find_move(tx, org)?.is_none_or(|now| Some(now.owner) == seen);
            if lives_there && is_as_seen {
                registry::put_move(tx, &noted)?;
            }
            Ok(lives_there && is_as_seen)
        };
        if self.directory.write_main(OrgKey::CONTROL, put).await? { Ok(()) } else { Err(MoveError::Lost) }
    }

    /// Step 4; answers since when writes are refused.
    async fn drain(&self, wait_seconds: i64, told: Told<'_>) -> Result<Timestamp> {
        let give_up_at = self.directory.now().plus_seconds(wait_seconds);
        loop {
            let (owner, until, now) = (self.owner, self.until(), self.directory.now());
            let close = move |tx: &Tx<'_>| gate::close_drained(tx, owner, until, now);
            match self.source.1.write_gate(self.org, close).await? {
                Closing::Done => {
                    self.source.1.write_gate(self.org, gate::wait_for_writers).await?;
                    // A worker may have been inside who has just taken a job.
                    let running = move |conn: &Conn<'_>| jobs::count_running(conn, now);
                    if self.source.1.scan(self.org, running).await? == 0 {
                        return Ok(now);
                    }
                    if !self.take(&self.source.1, GateState::Draining, false).await? {
                        return Err(MoveError::Lost);
                    }
                }
                Closing::Lost => return Err(MoveError::Lost),
                Closing::Waits(jobs) if now >= give_up_at => return Err(MoveError::Busy(jobs)),
                Closing::Waits(jobs) => told(MoveStep::Draining(jobs)),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Step 5, but for what lies there.
    async fn take_target(&self) -> Result<()> {
        let give_up_at = self.directory.now().plus_seconds(ERASING);
        while !self.take(&self.target.1, GateState::Closed, true).await? {
            if self.directory.now() >= give_up_at {
                return Err(MoveError::TargetTaken(self.target.0.clone()));
            }
            tokio::time::sleep(LOOK).await;
        }
        self.holds_target.store(true, Ordering::Relaxed);
        self.target.1.write_gate(self.org, gate::wait_for_writers).await?;
        Ok(())
    }

    async fn has_rows(&self, store: &Store) -> Result<bool> {
        Ok(store.scan(self.org, denizen_store::relocation::has_rows).await?)
    }

    /// Looks, within each transaction in the target, whether its gate is still ours.
    fn guard(&self) -> Guard {
        let owner = self.owner;
        Arc::new(move |tx: &Tx<'_>| remains::must_hold(tx, owner))
    }

    /// Says every few seconds that this mover is alive; ends when it is not believed any more.
    async fn stay_alive<T>(&self) -> Result<T> {
        let mut until = self.until();
        loop {
            tokio::time::sleep(BEAT).await;
            match self.beat().await {
                Ok(true) => until = self.until(),
                Ok(false) => return Err(MoveError::Lost),
                // The database may answer again in time.
                Err(error) if self.directory.now() >= until => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the lease of a move could not be renewed; it is tried again");
                }
            }
        }
    }

    async fn beat(&self) -> Result<bool> {
        let (owner, until) = (self.owner, self.until());
        let renew = move |tx: &Tx<'_>| gate::renew(tx, owner, until);
        let holds_target = self.holds_target.load(Ordering::Relaxed);
        let target = !holds_target || self.target.1.write_gate(self.org, renew).await?;
        Ok(target && self.source.1.write_gate(self.org, renew).await?)
    }

    /// Step 7.
    async fn set_moved(&self) -> Result<()> {
        let owner = self.owner;
        match self.source.1.write_gate(self.org, move |tx| gate::set_moved(tx, owner)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(MoveError::Lost),
            // The connection may have been lost after it was done.
            Err(error) => {
                if self.has_moved().await? {
                    Ok(())
                } else {
                    Err(MoveError::Store(error))
                }
            }
        }
    }

    /// Whether step 7 has been done by this mover.
    async fn has_moved(&self) -> Result<bool> {
        let org = self.org;
        let gate = self.source.1.read(OrgKey::CONTROL, move |conn| gate::find(conn, org)).await?;
        Ok(gate.is_some_and(|gate| gate.state == GateState::Moved && gate.owner == Some(self.owner)))
    }

    /// Leaves all as it was. What cannot be done now is done by the job of step 1.
    async fn give_up(&self) {
        if let Err(error) = self.undo().await {
            tracing::warn!(%error, "a move that was given up could not be cleared away at once; a job does that");
        }
    }

    async fn undo(&self) -> Result<()> {
        let (org, owner) = (self.org, self.owner);
        // First, so that the organization is written again.
        self.source.1.write_gate(org, move |tx| gate::open(tx, owner)).await?;
        let target = &self.target.1;
        // A batch may be on its way still; who takes this from the owner waits for it, or it is refused.
        target.write_gate(org, move |tx| gate::set_moved(tx, owner)).await?;
        if self.holds_target.load(Ordering::Relaxed) {
            self.directory.erase_remains(org, &self.target.0, target).await?;
        }
        let forget = move |tx: &Tx<'_>| Ok(registry::delete_move(tx, org, owner)?);
        self.directory.write_main(OrgKey::CONTROL, forget).await?;
        Ok(())
    }
}

impl From<StoreError> for MoveError {
    fn from(error: StoreError) -> Self {
        match error {
            // Where it could not go on, rather than that a database refused something.
            StoreError::Refused(text) if text == remains::TAKEN_OVER => Self::Lost,
            error => Self::Store(error),
        }
    }
}
