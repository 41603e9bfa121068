//! Erasing: what the deletion of a member does at once, and what jobs do after it.
//!
//! What erasing does to each table stands in `denizen_store::holdings`; this module says in which order and in how large
//! steps it is done.

use std::sync::atomic::{AtomicI64, Ordering};

use denizen_domain::ids::{ObjectId, OrgKey, UserId, Uuid};
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::time::Timestamp;
use denizen_store::jobs::Job;
use denizen_store::linked_accounts::{self, Provider};
use denizen_store::users::User;
use denizen_store::{
    Result as StoreResult, Store, StoreError, Tx, awaited_users, erasures, holdings, jobs as stored,
    operators, organizations, users,
};

use crate::environment::Environment;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs::{SCRUB_STORE, Task, Work, enqueue, enqueue_account_deletion, enqueue_at};
use crate::relocation::remains::{EraseSome, must_hold};

/// Rows that the transaction erases that deletes a member.
const AT_ONCE: i64 = 2_000;
/// Rows that a job erases in one transaction; few, so that other writers hardly wait.
pub(crate) const BATCH: i64 = 500;
/// Accounts at an identity provider whose deletion is enqueued in one transaction.
const ACCOUNTS: usize = 200;
/// Awaited users who are looked at in one transaction.
const AWAITED: i64 = 50;
/// Scrubs that wait and are served by one that is about to run.
const SERVED: i64 = 1_000;
/// A scrub waits until so many times the last one's duration have passed: the deletions of a busy time share one.
const SCRUB_PAUSE: i64 = 10;

/// How long a scrub is put off that would run beside another one.
const SCRUB_PUT_OFF_SECONDS: i64 = 2;

/// When the next scrub may run. One runs at a time: it serves the others that wait, and several would only take readers the
/// processor and the disk.
#[derive(Default)]
pub(crate) struct ScrubPace {
    next: AtomicI64,
    /// Held by the scrub that runs.
    turn: tokio::sync::Mutex<()>,
}

impl ScrubPace {
    fn next(&self, now: Timestamp) -> Timestamp {
        Timestamp(self.next.load(Ordering::Relaxed).max(now.0))
    }

    fn note(&self, began: Timestamp, ended: Timestamp) {
        let took = ended.0.saturating_sub(began.0).max(0);
        self.next.store(ended.0.saturating_add(took.saturating_mul(SCRUB_PAUSE)), Ordering::Relaxed);
    }

    /// Leaves one scrub of the jobs that were just leased, or none while one runs. The others wait again: they are served by
    /// it, unless what they are for was committed after it had begun.
    pub(crate) fn thin_out(&self, tx: &Tx<'_>, leased: &mut Vec<Job>, now: Timestamp) -> StoreResult<()> {
        let mut is_taken = self.turn.try_lock().is_err();
        let mut kept = Vec::with_capacity(leased.len());
        for job in leased.drain(..) {
            if job.kind == SCRUB_STORE && is_taken {
                let at = self.next(now).max(now.plus_seconds(SCRUB_PUT_OFF_SECONDS));
                stored::postpone(&tx.of(job.org), &job.lease(), at, now)?;
            } else {
                is_taken |= job.kind == SCRUB_STORE;
                kept.push(job);
            }
        }
        *leased = kept;
        Ok(())
    }
}

/// The ids of the jobs that an erasure may enqueue, drawn beforehand, so that its transaction can run again.
#[derive(Clone, Copy)]
pub(crate) struct ErasureJobs {
    account: ObjectId,
    rest: ObjectId,
    scrub: ObjectId,
    scrub_at: Timestamp,
}

impl ErasureJobs {
    pub(crate) fn new(directory: &Directory, now: Timestamp) -> Self {
        let environment = &directory.inner.environment;
        Self {
            account: environment.object_id(now),
            rest: environment.object_id(now),
            scrub: environment.object_id(now),
            scrub_at: directory.inner.scrub_pace.next(now),
        }
    }

    /// Has the files scrubbed of what this transaction erases.
    pub(crate) fn enqueue_scrub(&self, tx: &Tx<'_>, now: Timestamp) -> Result<()> {
        enqueue_at(tx, self.scrub, None, &Work::ScrubStore, self.scrub_at, now)
    }
}

/// Erases a member, but for what is too much for one transaction: a job erases that. Nothing of it can be reached any
/// more, because every way to it leads over the member.
pub(crate) fn erase_member(tx: &Tx<'_>, member: &User, jobs: &ErasureJobs, now: Timestamp) -> Result<()> {
    erase_held(tx, member.user_id, jobs, now)?;
    Ok(users::delete(tx, UserDirectory::Members, member.user_id, member.created_api_key, now)?)
}

/// Erases an operator. There are no rows of one that would be too many for one transaction.
pub(crate) fn erase_operator(tx: &Tx<'_>, user: UserId, jobs: &ErasureJobs, now: Timestamp) -> Result<()> {
    holdings::erase_small(tx, UserDirectory::Operators, user)?;
    operators::delete(tx, user)?;
    erasures::put(tx, UserDirectory::Operators, user, now)?;
    jobs.enqueue_scrub(tx, now)
}

/// As [`erase_member`], what is held about a member who has not come yet, and is not to come any more.
pub(crate) fn erase_held(tx: &Tx<'_>, user: UserId, jobs: &ErasureJobs, now: Timestamp) -> Result<()> {
    if let Some(account) = linked_accounts::find(tx, user, Provider::Google)? {
        enqueue_account_deletion(tx, jobs.account, account, now)?;
    }
    holdings::erase_small(tx, UserDirectory::Members, user)?;
    let is_done = holdings::erase_batch(tx, UserDirectory::Members, user, AT_ONCE)?;
    erasures::put(tx, UserDirectory::Members, user, now)?;
    if is_done {
        return jobs.enqueue_scrub(tx, now);
    }
    // At its end the files are scrubbed; until then there is something in them anyway.
    let work = Work::EraseUser { user_id: user.as_member().to_string() };
    enqueue(tx, jobs.rest, None, &work, now)
}

/// Erases rows of a user of whom there may be very many, and more of them as long as nobody else waits; `true` when none is
/// left.
pub(crate) fn erase_rows(tx: &Tx<'_>, directory: UserDirectory, user: UserId) -> Result<bool> {
    loop {
        let is_done = holdings::erase_batch(tx, directory, user, BATCH)?;
        if is_done || !tx.has_time() {
            return Ok(is_done);
        }
    }
}

impl Directory {
    /// Erases what the deletion of a user has left.
    pub(crate) async fn erase_user(&self, org: OrgKey, user_id: &str) -> Result<Task> {
        let Some(user) = UserId::parse_member(user_id) else { return Ok(Task::Nothing) };
        loop {
            let now = self.now();
            let jobs = ErasureJobs::new(self, now);
            let is_done = self
                .write(org, move |tx| {
                    let is_done = erase_rows(tx, UserDirectory::Members, user)?;
                    if is_done {
                        jobs.enqueue_scrub(tx, now)?;
                    }
                    Ok(is_done)
                })
                .await?;
            if is_done {
                self.inner.job_signal.wake();
                return Ok(Task::Nothing);
            }
        }
    }

    /// Erases the users who were awaited for too long.
    pub(crate) async fn erase_awaited(&self, org: OrgKey) -> Result<Task> {
        let now = self.now();
        let before = now.plus_seconds(-self.awaited_seconds());
        loop {
            let jobs = ErasureJobs::new(self, now);
            let is_done = self.write(org, move |tx| erase_some_awaited(tx, before, &jobs, now)).await?;
            if is_done {
                self.inner.job_signal.wake();
                return Ok(Task::Nothing);
            }
        }
    }

    fn awaited_seconds(&self) -> i64 {
        self.inner.settings.awaited_user_days.saturating_mul(86_400)
    }

    /// When a user is to be erased who is awaited since `since`.
    pub(crate) fn awaited_until(&self, since: Timestamp) -> Timestamp {
        since.plus_seconds(self.awaited_seconds())
    }

    /// Erases all that a database has of an organization whose gate is shut; by `owner`, who holds it, if somebody does. Of
    /// one that is whole in another database, its jobs as well, which are done there.
    pub(crate) async fn erase_behind(
        &self,
        store: &Store,
        org: OrgKey,
        owner: Option<Uuid>,
        is_elsewhere: bool,
    ) -> Result<()> {
        let steps: [EraseSome; 6] = [
            |tx| holdings::erase_organization_batch(tx, BATCH),
            |tx| Ok(organizations::erase_users(tx, BATCH)? == 0),
            |tx| Ok(organizations::erase_contacts(tx, BATCH)? == 0),
            |tx| Ok(organizations::erase_operators(tx, BATCH)? == 0),
            // What they reached comes after them, and what lives in something before it.
            |tx| Ok(organizations::erase_bots(tx, BATCH)? == 0),
            |tx| Ok(organizations::erase_environments(tx, BATCH)? == 0),
        ];
        self.erase_steps(store, org, owner, &steps).await?;
        let now = self.now();
        let jobs = ErasureJobs::new(self, now);
        let rest = move |tx: &Tx<'_>| {
            if let Some(owner) = owner {
                must_hold(tx, owner)?;
            }
            organizations::erase_rest(tx)?;
            if is_elsewhere {
                stored::delete_all(tx)?;
            }
            // It is no organization's: those of one that has moved away are not looked at.
            jobs.enqueue_scrub(&tx.of(OrgKey::CONTROL), now)
        };
        store.write_barred(org, rest).await?;
        self.inner.job_signal.wake();
        Ok(())
    }

    /// Enqueues the deletion of some of the accounts that the organization's users have at identity providers; `true`
    /// when there may be more.
    pub(crate) async fn release_accounts(&self, store: &Store, org: OrgKey) -> Result<bool> {
        let now = self.now();
        let ids = draw(&self.inner.environment, ACCOUNTS, now);
        let found = store
            .write_barred(org, move |tx| {
                let accounts = linked_accounts::some(tx, ids.len())?;
                for (id, (user, account)) in ids.iter().zip(&accounts) {
                    enqueue_account_deletion(tx, *id, account.clone(), now)?;
                    linked_accounts::unlink(tx, *user, account.provider)?;
                }
                Ok::<_, Error>(accounts.len())
            })
            .await?;
        if found > 0 {
            self.inner.job_signal.wake();
        }
        Ok(found == ACCOUNTS)
    }

    /// Scrubs the database's files. Scrubs that wait meanwhile are served by it: what they were enqueued for is committed.
    pub(crate) async fn scrub_store(&self, store: &Store) -> Result<Task> {
        let kind = Work::ScrubStore.kind();
        let _turn = self.inner.scrub_pace.turn.lock().await;
        let began = self.now();
        let served = store.read(OrgKey::CONTROL, move |conn| stored::waiting(conn, kind, SERVED)).await?;
        store.scrub().await.map_err(|error| match error {
            StoreError::Busy => {
                Error::with_text(ErrorCode::Busy, "somebody still reads an older state of the database")
            }
            other => other.into(),
        })?;
        self.inner.scrub_pace.note(began, self.now());
        if served.is_empty() {
            return Ok(Task::Nothing);
        }
        let delete = move |tx: &Tx<'_>| {
            served.iter().try_for_each(|(org, job)| stored::delete_waiting(&tx.of(*org), *job))
        };
        store.write_barred(OrgKey::CONTROL, delete).await?;
        Ok(Task::Nothing)
    }
}

/// Erases some of those who were awaited since a time before `before`; `true` when there are no more.
fn erase_some_awaited(tx: &Tx<'_>, before: Timestamp, jobs: &ErasureJobs, now: Timestamp) -> Result<bool> {
    let due = awaited_users::before(tx, before, AWAITED)?;
    for user in &due {
        // Who has come is not awaited any more.
        if users::find(tx, UserDirectory::Members, *user)?.is_some() {
            awaited_users::delete(tx, *user)?;
            continue;
        }
        if !holdings::erase_batch(tx, UserDirectory::Members, *user, BATCH)? {
            return Ok(false);
        }
        holdings::erase_small(tx, UserDirectory::Members, *user)?;
    }
    if !due.is_empty() {
        jobs.enqueue_scrub(tx, now)?;
    }
    Ok(due.is_empty())
}

fn draw(environment: &Environment, most: usize, now: Timestamp) -> Vec<ObjectId> {
    (0..most).map(|_| environment.object_id(now)).collect()
}
