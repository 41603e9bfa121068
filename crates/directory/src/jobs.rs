//! Jobs: what a worker does after the answer. This module says what a job is and what it needs; the worker, which
//! talks to the outside, runs it and reports back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use denizen_domain::ids::{ObjectId, OrgKey, UserId, Uuid};
use denizen_domain::mail::{Mail, MailContent};
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::operator::MailLanguage;
use denizen_domain::text::ClusterName;
use denizen_domain::time::Timestamp;
use denizen_store::jobs::{self as stored, Job};
use denizen_store::linked_accounts::LinkedAccount;
use denizen_store::links::{self, Link, LinkPurpose};
use denizen_store::users::User;
use denizen_store::{Store, StoreError, Tx, awaited_users, control, organizations, users};
use serde::{Deserialize, Serialize};

use crate::environment::hash_secret;
use crate::erasing::ErasureJobs;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::links::link_url;

/// How long a worker holds a job that it does not renew; then another worker takes it over. Workers on several machines
/// compare their clocks by it, which must not differ by so much.
pub const LEASE_SECONDS: u32 = 30;
/// Waits between attempts, in seconds; the last one repeats.
const BACK_OFF: [i64; 8] = [5, 30, 120, 300, 900, 1_800, 3_600, 7_200];
/// Links that sign in and are still open, per user: beyond this a request is dropped in silence, so that nobody's
/// mailbox can be flooded by asking in their name.
const MAX_OPEN_LINKS: i64 = 5;

/// What there is to do. It is kept as JSON in the job's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Work {
    #[serde(rename = "mail.invitation")]
    MailInvitation { user_id: String, login_link: String },
    #[serde(rename = "mail.magic_link")]
    MailMagicLink { email: String, redirect: String },
    /// `language` is a tag of [`MailLanguage`]; `with_link` says whether the operator is to set a password.
    #[serde(rename = "mail.operator")]
    MailOperator { user_id: Uuid, language: String, with_link: bool },
    /// What an organization has in a cluster from which it was deleted or has moved away. A job of an older denizen names
    /// neither and means the organization that it belongs to.
    #[serde(rename = "organization.erase")]
    EraseOrganization {
        #[serde(default)]
        org_key: Option<i64>,
        #[serde(default = "main_cluster")]
        cluster: String,
    },
    /// What is left of a user who was deleted, and is too much for the transaction that deleted the user.
    #[serde(rename = "user.erase")]
    EraseUser { user_id: String },
    /// The users who are awaited and do not come.
    #[serde(rename = "awaited.erase")]
    EraseAwaited,
    /// What was asked to be made anonymous: a contact, a conversation or a message.
    #[serde(rename = "contact.anonymize")]
    Anonymize { request_id: Uuid },
    /// What the database's files hold of rows that were erased.
    #[serde(rename = "store.scrub")]
    ScrubStore,
    /// `tenant` is a part of the provider's project with accounts of its own.
    #[serde(rename = "identity.delete_account")]
    DeleteAccount { provider: String, tenant: Option<String>, account_id: String },
}

fn main_cluster() -> String {
    ClusterName::MAIN.to_string()
}

pub(crate) const ERASE_USER: &str = "user.erase";
pub(crate) const ERASE_AWAITED: &str = "awaited.erase";
pub(crate) const ANONYMIZE: &str = "contact.anonymize";
pub(crate) const SCRUB_STORE: &str = "store.scrub";
pub(crate) const DELETE_ACCOUNT: &str = "identity.delete_account";
/// The kinds of jobs, as they stand in rows and in metrics.
pub const KINDS: [&str; 9] = [
    "mail.invitation",
    "mail.magic_link",
    "mail.operator",
    "organization.erase",
    ERASE_USER,
    ERASE_AWAITED,
    ANONYMIZE,
    SCRUB_STORE,
    DELETE_ACCOUNT,
];
/// The states that a job's row can be in; a job that is done has no row.
pub const STATES: [&str; 3] = ["waiting", "running", "failed"];

impl Work {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::MailInvitation { .. } => "mail.invitation",
            Self::MailMagicLink { .. } => "mail.magic_link",
            Self::MailOperator { .. } => "mail.operator",
            Self::EraseOrganization { .. } => "organization.erase",
            Self::EraseUser { .. } => ERASE_USER,
            Self::EraseAwaited => ERASE_AWAITED,
            Self::Anonymize { .. } => ANONYMIZE,
            Self::ScrubStore => SCRUB_STORE,
            Self::DeleteAccount { .. } => DELETE_ACCOUNT,
        }
    }

    /// Whether it is tried until it succeeds: what was promised to be gone has to go.
    pub(crate) fn is_never_given_up(kind: &str) -> bool {
        !kind.starts_with("mail.")
    }
}

pub(crate) fn enqueue(
    tx: &Tx<'_>,
    job: ObjectId,
    user: Option<UserId>,
    work: &Work,
    now: Timestamp,
) -> Result<()> {
    enqueue_at(tx, job, user, work, now, now)
}

/// Enqueues a job that is due at `run_at`.
pub(crate) fn enqueue_at(
    tx: &Tx<'_>,
    job: ObjectId,
    user: Option<UserId>,
    work: &Work,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    Ok(stored::insert_at(tx, job, work.kind(), user, &payload(work)?, run_at, now)?)
}

/// Enqueues the mail of a link that signs in. It is the job of whoever has the address, if somebody has it.
pub(crate) fn enqueue_magic_link(
    tx: &Tx<'_>,
    job: ObjectId,
    email_key: &str,
    redirect: &str,
    now: Timestamp,
) -> Result<()> {
    let work = Work::MailMagicLink { email: email_key.to_owned(), redirect: redirect.to_owned() };
    let payload = payload(&work)?;
    Ok(stored::insert_for_address(tx, job, work.kind(), UserDirectory::Members, email_key, &payload, now)?)
}

pub(crate) fn payload(work: &Work) -> Result<String> {
    Ok(serde_json::to_string(work).map_err(|_| ErrorCode::Internal)?)
}

/// Has the account at an identity provider deleted that belonged to a user who is being erased.
///
/// The job belongs to nobody: what removes the jobs of a user must leave it, although its payload names the account.
pub(crate) fn enqueue_account_deletion(
    tx: &Tx<'_>,
    job: ObjectId,
    account: LinkedAccount,
    now: Timestamp,
) -> Result<()> {
    let LinkedAccount { provider, tenant, account_id } = account;
    let work = Work::DeleteAccount { provider: provider.as_str().to_owned(), tenant, account_id };
    enqueue(tx, job, None, &work, now)
}

/// The id of the job that erases awaited users: it is one and the same, so that an organization has one such job.
const AWAITED_JOB: ObjectId = ObjectId(*b"awaited.eras");

/// Has the users erased who are awaited and do not come: the first look is due at `first`, and the job stays as long as
/// some are awaited. Does nothing when the organization has the job already.
pub(crate) fn enqueue_awaited(tx: &Tx<'_>, first: Timestamp, now: Timestamp) -> Result<()> {
    let work = Work::EraseAwaited;
    Ok(stored::insert_once(tx, AWAITED_JOB, work.kind(), &payload(&work)?, first, now)?)
}

/// A job that this process has leased.
#[derive(Clone)]
pub struct LeasedJob {
    job: Job,
    /// The database that has its row.
    store: Store,
}

impl std::fmt::Debug for LeasedJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the payload, which may hold personal data.
        f.debug_struct("LeasedJob")
            .field("id", &self.id())
            .field("kind", &self.job.kind)
            .field("attempts", &self.job.attempts)
            .finish_non_exhaustive()
    }
}

impl LeasedJob {
    /// Names the job in logs and, for mails, in the message's id.
    pub fn id(&self) -> String {
        self.job.job_id.to_string()
    }

    pub fn kind(&self) -> &str {
        &self.job.kind
    }

    /// How often it has been started, this time included.
    pub fn attempts(&self) -> i64 {
        self.job.attempts
    }

    pub fn created_at(&self) -> Timestamp {
        self.job.created_at
    }

    fn lease(&self) -> stored::Lease {
        self.job.lease()
    }

    fn is_never_given_up(&self) -> bool {
        Work::is_never_given_up(self.kind())
    }
}

/// What the worker has to do for a job.
#[derive(Debug)]
pub enum Task {
    Send(Mail),
    /// Deletes an account at Google Identity Platform, in `tenant` of the project or in the project itself.
    DeleteGoogleAccount {
        tenant: Option<String>,
        account_id: String,
    },
    /// There is nothing left to do: the person has gone, or was never there.
    Nothing,
}

/// What becomes of a job that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is tried again later.
    TriedAgain,
    /// It is kept as failed, so that it is seen.
    GivenUp,
    /// The report came from a worker that does not hold the job any more, and changed nothing.
    NotHeld,
}

impl Directory {
    /// Names what is run when this process enqueues a job.
    pub fn on_job(&self, waker: Arc<dyn Fn() + Send + Sync>) {
        self.inner.job_signal.set(waker);
    }

    /// Takes up to `most` jobs that are due, from all clusters that answer. One whose worker died is due again when its
    /// lease has run out, and is given up when that was its last attempt.
    pub async fn lease_jobs(&self, most: i64) -> Result<Vec<LeasedJob>> {
        let mut stores = self.stores().reachable().await?;
        // Each in its turn is the first, so that much work in one holds no other up.
        let turn = self.inner.job_turn.fetch_add(1, Ordering::Relaxed) % stores.len();
        stores.rotate_left(turn);
        let mut leased = Vec::new();
        for (cluster, store) in stores {
            let left = most - i64::try_from(leased.len()).unwrap_or(most);
            match self.lease_jobs_of(&store, left).await {
                Ok(more) => leased.extend(more),
                Err(error) if cluster.is_main() && leased.is_empty() => return Err(error),
                // What was leased is worked on; this one's jobs wait.
                Err(error) => self.leave_out(&cluster, &error),
            }
        }
        Ok(leased)
    }

    async fn lease_jobs_of(&self, store: &Store, most: i64) -> Result<Vec<LeasedJob>> {
        let now = self.now();
        // A look before the lease, so that an idle server does not write.
        let next = store.read(OrgKey::CONTROL, stored::next_due).await?;
        if most <= 0 || next.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
        let lease_until = lease_end(now);
        let attempts = self.inner.settings.job_attempts;
        let inner = Arc::clone(&self.inner);
        let lease = move |tx: &Tx<'_>| {
            let mut leased = Vec::new();
            for job in stored::lease_due(tx, now, lease_until, most)? {
                // Every worker that took it died, and nobody was left to report that.
                if job.attempts > attempts && !Work::is_never_given_up(&job.kind) {
                    stored::fail(&tx.of(job.org), &job.lease(), "no worker has survived it", now)?;
                } else {
                    leased.push(job);
                }
            }
            inner.scrub_pace.thin_out(tx, &mut leased, now)?;
            Ok::<_, StoreError>(leased)
        };
        // Jobs that no gate keeps are leased, those of deleted organizations among them.
        let leased = store.write_barred(OrgKey::CONTROL, lease).await?;
        Ok(leased.into_iter().map(|job| LeasedJob { job, store: store.clone() }).collect())
    }

    /// When the next job is due, if there is one, in the clusters that answer.
    pub async fn next_job_at(&self) -> Result<Option<Timestamp>> {
        let mut next = None;
        for (cluster, store) in self.stores().reachable().await? {
            match store.read(OrgKey::CONTROL, stored::next_due).await {
                Ok(due) => next = [next, due].into_iter().flatten().min(),
                Err(error) if cluster.is_main() => return Err(error.into()),
                Err(error) => self.leave_out(&cluster, &error.into()),
            }
        }
        Ok(next)
    }

    /// What has to be done for a job. Secrets are drawn here, so that none ever lies in a job's row: a retry sends
    /// another link.
    pub async fn prepare_job(&self, leased: &LeasedJob) -> Result<Task> {
        match self.prepare(leased).await {
            // It was deleted meanwhile, and all that it had is erased by another job.
            Err(error) if error.code == ErrorCode::OrganizationNotFound => Ok(Task::Nothing),
            prepared => prepared,
        }
    }

    async fn prepare(&self, leased: &LeasedJob) -> Result<Task> {
        let job = &leased.job;
        let work: Work = serde_json::from_str(&job.payload)
            .map_err(|_| Error::with_text(ErrorCode::Internal, "the job's payload cannot be read"))?;
        match work {
            Work::MailInvitation { user_id, login_link } => {
                self.prepare_invitation(job.org, &user_id, login_link).await
            }
            Work::MailMagicLink { email, redirect } => self.prepare_magic_link(leased, email, redirect).await,
            Work::MailOperator { user_id, language, with_link } => {
                let language = MailLanguage::parse(&language).unwrap_or_default();
                self.prepare_operator_mail(job.org, user_id, language, with_link).await
            }
            Work::EraseOrganization { org_key, cluster } => {
                self.erase_organization(org_key.map_or(job.org, OrgKey), &cluster).await
            }
            Work::EraseUser { user_id } => self.erase_user(job.org, &user_id).await,
            Work::EraseAwaited => self.erase_awaited(job.org).await,
            Work::Anonymize { request_id } => self.anonymize(job.org, request_id).await,
            Work::ScrubStore => self.scrub_store(&leased.store).await,
            Work::DeleteAccount { provider, tenant, account_id } => match provider.as_str() {
                "google" => Ok(Task::DeleteGoogleAccount { tenant, account_id }),
                _ => Err(Error::with_text(ErrorCode::Internal, "the job's identity provider is unknown")),
            },
        }
    }

    async fn prepare_invitation(&self, org: OrgKey, user_id: &str, login_link: String) -> Result<Task> {
        let Some(user_id) = UserId::parse_member(user_id) else { return Ok(Task::Nothing) };
        let days = self.inner.settings.verify_link_days;
        let link =
            NewLink { redirect: login_link.clone(), purpose: LinkPurpose::Verify, seconds: days * 86_400 };
        let find = move |tx: &Tx<'_>| Ok(users::find(tx, UserDirectory::Members, user_id)?);
        let Some((user, url)) = self.make_link(org, link, find).await? else { return Ok(Task::Nothing) };
        let verify_link = (!user.is_verified).then_some(url);
        let verify_days = u32::try_from(days).unwrap_or(u32::MAX);
        self.mail(org, user, MailContent::Invitation { login_link, verify_link, verify_days }).await
    }

    async fn prepare_magic_link(&self, leased: &LeasedJob, email: String, redirect: String) -> Result<Task> {
        let (org, lease) = (leased.job.org, leased.lease());
        let minutes = self.inner.settings.magic_link_minutes;
        let now = self.now();
        let link = NewLink { redirect, purpose: LinkPurpose::SignIn, seconds: minutes * 60 };
        let find = move |tx: &Tx<'_>| {
            let found =
                users::find_by_email(tx, UserDirectory::Members, &email)?.filter(|user| user.is_verified);
            match found {
                Some(user) if links::count_open_sign_in(tx, user.user_id, now)? < MAX_OPEN_LINKS => {
                    // Who has come since the job was enqueued is found by it from now on.
                    stored::set_user(tx, &lease, user.user_id)?;
                    Ok(Some(user))
                }
                _ => Ok(None),
            }
        };
        let Some((user, link)) = self.make_link(org, link, find).await? else { return Ok(Task::Nothing) };
        self.mail(
            org,
            user,
            MailContent::MagicLink { link, minutes: u32::try_from(minutes).unwrap_or(u32::MAX) },
        )
        .await
    }

    /// Makes a link for the user whom `find` finds.
    async fn make_link(
        &self,
        org: OrgKey,
        new: NewLink,
        find: impl Fn(&Tx<'_>) -> Result<Option<User>> + Send + 'static,
    ) -> Result<Option<(User, String)>> {
        let mapped = self.query(OrgKey::CONTROL, move |conn| control::find_by_key(conn, org)).await?;
        let Some(mapped) = mapped else { return Ok(None) };
        let Some(organization) = self.find_organization(mapped.slug.as_str()).await? else { return Ok(None) };
        let now = self.now();
        let secret = self.inner.environment.secret();
        let url = link_url(&self.inner.settings.public_url, &organization, &secret);
        let user = self
            .write(org, move |tx| {
                let Some(user) = find(tx)? else { return Ok(None) };
                let link = Link {
                    secret_hash: hash_secret(&secret),
                    user_id: user.user_id,
                    purpose: new.purpose,
                    redirect: new.redirect.clone(),
                    expires_at: now.plus_seconds(new.seconds),
                };
                links::insert(tx, &link, now)?;
                Ok(Some(user))
            })
            .await?;
        Ok(user.map(|user| (user, url)))
    }

    async fn mail(&self, org: OrgKey, user: User, content: MailContent) -> Result<Task> {
        let Some(profile) = self.query(org, organizations::find_profile).await? else {
            return Ok(Task::Nothing);
        };
        let default_language =
            profile.default_preferences.and_then(|preferences| preferences.preferred_language);
        Ok(Task::Send(Mail {
            recipient_name: format!("{} {}", user.first_name, user.last_name),
            to: user.email,
            language: user.preferences.preferred_language.or(default_language),
            organization_name: profile.name,
            content,
        }))
    }

    /// Holds a job for another [`LEASE_SECONDS`]. `false` when this worker does not hold it any more: its lease ran out
    /// and another worker has the job, or the person whom it was for was erased. Whoever hears that must do no more
    /// about the job.
    pub async fn renew_job(&self, leased: &LeasedJob) -> Result<bool> {
        let lease = leased.lease();
        let now = self.now();
        let renew = move |tx: &Tx<'_>| Ok(stored::renew(tx, &lease, lease_end(now), now)?);
        leased.store.write_barred(leased.job.org, renew).await
    }

    /// Gives a job up that was not begun, so that any worker can take it at once.
    pub async fn hand_back_job(&self, leased: &LeasedJob) -> Result<()> {
        let lease = leased.lease();
        let now = self.now();
        let hand_back = move |tx: &Tx<'_>| Ok(stored::hand_back(tx, &lease, now).map(drop)?);
        leased.store.write_barred(leased.job.org, hand_back).await
    }

    /// Reports that a job is done; its row, which may hold personal data, is removed, but for the job that awaits users
    /// as long as some are awaited. `false` when this worker did not hold it any more; then nothing was changed.
    pub async fn finish_job(&self, leased: &LeasedJob) -> Result<bool> {
        let lease = leased.lease();
        let awaits = leased.kind() == Work::EraseAwaited.kind();
        // The user has been scrubbed off the files already, and only this row still named the account.
        let named_account = leased.kind() == DELETE_ACCOUNT;
        let now = self.now();
        let scrub = ErasureJobs::new(self, now);
        let directory = self.clone();
        let finished = leased
            .store
            .write_barred(leased.job.org, move |tx| {
                let first = if awaits { awaited_users::first(tx)? } else { None };
                let held = match first {
                    Some(since) => {
                        stored::postpone(tx, &lease, directory.awaited_until(since).max(now), now)?
                    }
                    None => stored::finish(tx, &lease)?,
                };
                if held && named_account {
                    scrub.enqueue_scrub(tx, now)?;
                }
                Ok::<_, Error>(held)
            })
            .await?;
        if named_account {
            self.inner.job_signal.wake();
        }
        Ok(finished)
    }

    /// Reports that a job failed. It is tried again later, unless that cannot help or the attempts are used up; then
    /// it is kept as failed, without its payload.
    pub async fn fail_job(
        &self,
        leased: &LeasedJob,
        reason: String,
        is_permanent: bool,
    ) -> Result<AfterFailure> {
        let lease = leased.lease();
        let now = self.now();
        let attempts = leased.attempts();
        let again =
            leased.is_never_given_up() || (!is_permanent && attempts < self.inner.settings.job_attempts);
        let wait = BACK_OFF[usize::try_from(attempts - 1).unwrap_or(0).min(BACK_OFF.len() - 1)];
        let report = move |tx: &Tx<'_>| {
            let (held, after) = if again {
                let later = now.plus_seconds(wait);
                (stored::retry(tx, &lease, later, &reason, now)?, AfterFailure::TriedAgain)
            } else {
                (stored::fail(tx, &lease, &reason, now)?, AfterFailure::GivenUp)
            };
            Ok(if held { after } else { AfterFailure::NotHeld })
        };
        leased.store.write_barred(leased.job.org, report).await
    }

    /// Drops what this process keeps in memory and can no longer be used. Called about once a minute.
    pub fn purge_memory(&self) {
        let now = self.now();
        self.inner.sessions.purge(now);
        self.inner.cursors.purge(now);
    }
}

fn lease_end(now: Timestamp) -> Timestamp {
    now.plus_seconds(LEASE_SECONDS.into())
}

/// A link that is to be made.
struct NewLink {
    redirect: String,
    purpose: LinkPurpose,
    seconds: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_kinds_is_the_one_of_work() {
        let works = [
            Work::MailInvitation { user_id: String::new(), login_link: String::new() },
            Work::MailMagicLink { email: String::new(), redirect: String::new() },
            Work::MailOperator { user_id: Uuid([0; 16]), language: String::new(), with_link: true },
            Work::EraseOrganization { org_key: None, cluster: String::new() },
            Work::EraseUser { user_id: String::new() },
            Work::EraseAwaited,
            Work::Anonymize { request_id: Uuid([0; 16]) },
            Work::ScrubStore,
            Work::DeleteAccount { provider: String::new(), tenant: None, account_id: String::new() },
        ];
        assert_eq!(works.each_ref().map(Work::kind), KINDS);
    }
}
