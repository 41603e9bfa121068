//! What is seen of jobs that are not done, and what an operator can do about one.

use std::collections::{BTreeMap, HashMap};

use denizen_domain::ids::{ObjectId, OrgKey};
use denizen_domain::permission::names;
use denizen_domain::text::ClusterName;
use denizen_domain::time::Timestamp;
use denizen_store::gate::{self, Gate, GateState};
use denizen_store::jobs::{self as stored, Job, JobState};
use denizen_store::{Conn, Store, Tx, control};
use serde::Serialize;

use crate::clusters::is_gone;
use crate::context::OpContext;
use crate::erasing::ErasureJobs;
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs::{DELETE_ACCOUNT, ERASE_AWAITED, SCRUB_STORE, Work};

/// Jobs with the same id that are looked at; each organization has at most one.
const MOST_ORGANIZATIONS: i64 = 10_000;

/// A job as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobSummary {
    pub job_id: ObjectId,
    pub kind: String,
    pub state: &'static str,
    pub attempts: i64,
    pub run_at: Timestamp,
    pub created_at: Timestamp,
    pub last_error: Option<String>,
    /// Why it waits though nothing went wrong, where that can be told.
    pub waits_for: Option<&'static str>,
}

impl JobSummary {
    fn of(job: Job, now: Timestamp) -> Self {
        let waits = job.state == JobState::Waiting && job.run_at > now && job.last_error.is_none();
        let waits_for = match job.kind.as_str() {
            ERASE_AWAITED if waits => Some("due when the wait of the first user ends"),
            SCRUB_STORE if waits => Some("scrubs keep a pause of ten times their duration"),
            _ => None,
        };
        Self {
            job_id: job.job_id,
            kind: job.kind,
            state: job.state.as_str(),
            attempts: job.attempts,
            run_at: job.run_at,
            created_at: job.created_at,
            last_error: job.last_error,
            waits_for,
        }
    }
}

/// A job and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedJob {
    /// The organization's short name; none when the organization was deleted.
    pub org_id: Option<String>,
    /// What the store calls the organization, also after its deletion.
    pub org_key: i64,
    /// Where it erases what an organization has left; none where the job says nothing of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    #[serde(flatten)]
    pub job: JobSummary,
}

/// What became of a job that an operator wanted to be tried again or dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    Done,
    /// A worker has it, or it is due already.
    Underway,
    /// It was given up, and its payload is gone: nothing can be tried again.
    GivenUp,
    /// It erases what this installation itself holds, so nothing but its success can end it.
    Needed,
}

impl Directory {
    /// The jobs of an organization that are not done, oldest first, at most `most`.
    pub async fn list_jobs(&self, slug: &str, most: i64) -> Result<Vec<JobSummary>> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.jobs_of(organization.org, most).await
    }

    /// The same for a caller: permission `Directory:GetJob`.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub async fn jobs(&self, ctx: &OpContext, most: i64) -> Result<Vec<JobSummary>> {
        ctx.require(&names::DIRECTORY_GET_JOB)?;
        self.jobs_of(ctx.org(), most).await
    }

    async fn jobs_of(&self, org: OrgKey, most: i64) -> Result<Vec<JobSummary>> {
        let now = self.now();
        let jobs = self.query(org, move |conn| stored::list(conn, most)).await?;
        Ok(jobs.into_iter().map(|job| JobSummary::of(job, now)).collect())
    }

    /// The jobs that are not done, at most `most`: of one organization or of all, those that were deleted included.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn list_all_jobs(&self, slug: Option<&str>, most: i64) -> Result<Vec<ListedJob>> {
        let jobs = if let Some(slug) = slug {
            let found = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
            self.query(found.org, move |conn| stored::list(conn, most)).await?
        } else {
            let mut all = self.of_all(move |conn| stored::list_all(conn, most)).await?.concat();
            all.sort_by_key(|job| (job.org, job.job_id));
            all.truncate(usize::try_from(most).unwrap_or_default());
            all
        };
        self.with_names(jobs).await
    }

    async fn with_names(&self, jobs: Vec<Job>) -> Result<Vec<ListedJob>> {
        let now = self.now();
        let mapped = self.query(OrgKey::CONTROL, control::list_organizations).await?;
        let slugs: HashMap<OrgKey, String> =
            mapped.into_iter().map(|mapped| (mapped.org, mapped.slug.to_string())).collect();
        let listed = jobs.into_iter().map(|job| {
            // Of what an organization has left elsewhere the job is the control store's, and says whose it was.
            let (org, cluster) = match serde_json::from_str(&job.payload) {
                Ok(Work::EraseOrganization { org_key, cluster }) if job.org == OrgKey::CONTROL => {
                    (org_key.map_or(job.org, OrgKey), Some(cluster))
                }
                _ => (job.org, None),
            };
            ListedJob {
                org_id: slugs.get(&org).cloned(),
                org_key: org.0,
                cluster,
                job: JobSummary::of(job, now),
            }
        });
        Ok(listed.collect())
    }

    /// Makes waiting jobs due at once, of one organization or of all, and says how many. A worker takes them within
    /// seconds.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn hurry_jobs(&self, slug: Option<&str>) -> Result<usize> {
        let now = self.now();
        let Some(slug) = slug else {
            let hurried = self.change_all(move |tx| stored::hurry_all(tx, now)).await?;
            return Ok(hurried.into_iter().sum());
        };
        let found = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.write(found.org, move |tx| Ok(stored::hurry_organization(tx, now)?)).await
    }

    /// Holds the mails of all organizations that wait, and that no worker has, until they are made due, and says how many
    /// these were: where the store has been put back to an earlier state, they may have been sent already.
    pub async fn hold_mails(&self) -> Result<usize> {
        let now = self.now();
        Ok(self.change_all(move |tx| stored::hold_mails(tx, now, now)).await?.into_iter().sum())
    }

    /// As [`Self::hurry_jobs`], the jobs with one id, of which there is more than one only where each organization has
    /// one of its kind.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn hurry_job(&self, slug: Option<&str>, job: ObjectId) -> Result<Vec<(ListedJob, Handled)>> {
        let now = self.now();
        self.handle_jobs(slug, job, move |_, (store, job)| async move {
            if job.state == JobState::Failed {
                return Ok(Handled::GivenUp);
            }
            let (org, id) = (job.org, job.job_id);
            let is_done = handle_one(&store, org, move |tx| Ok(stored::hurry(tx, id, now)?)).await?;
            Ok(if is_done { Handled::Done } else { Handled::Underway })
        })
        .await
    }

    /// Removes a job undone: a mail that is not to be sent, one that was given up, or the deletion of an account at an
    /// identity provider, which then stays there.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn drop_job(&self, slug: Option<&str>, job: ObjectId) -> Result<Vec<(ListedJob, Handled)>> {
        let now = self.now();
        self.handle_jobs(slug, job, move |directory, (store, job)| async move {
            let is_account = job.kind == DELETE_ACCOUNT;
            if Work::is_never_given_up(&job.kind) && !is_account {
                return Ok(Handled::Needed);
            }
            let (org, id) = (job.org, job.job_id);
            // What the job's row says about somebody has to go from the files, too.
            let scrub = ErasureJobs::new(&directory, now);
            let is_done = handle_one(&store, org, move |tx| {
                let dropped = stored::drop_undone(tx, id)?;
                if dropped {
                    scrub.enqueue_scrub(tx, now)?;
                }
                Ok(dropped)
            })
            .await?;
            if !is_done {
                return Ok(Handled::Underway);
            }
            tracing::warn!(job = %id, kind = job.kind, attempts = job.attempts, "job dropped by an operator");
            Ok(Handled::Done)
        })
        .await
    }

    async fn handle_jobs<F: Future<Output = Result<Handled>>>(
        &self,
        slug: Option<&str>,
        job: ObjectId,
        handle: impl Fn(Directory, (Store, Job)) -> F,
    ) -> Result<Vec<(ListedJob, Handled)>> {
        let found = self.with_id(slug, job).await?;
        let mut handled = Vec::with_capacity(found.len());
        for one in &found {
            handled.push(handle(self.clone(), one.clone()).await?);
        }
        let jobs = found.into_iter().map(|(_, job)| job).collect();
        Ok(self.with_names(jobs).await?.into_iter().zip(handled).collect())
    }

    /// The jobs with one id, of one organization or of all.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn find_jobs(&self, slug: Option<&str>, job: ObjectId) -> Result<Vec<ListedJob>> {
        let found = self.with_id(slug, job).await?;
        self.with_names(found.into_iter().map(|(_, job)| job).collect()).await
    }

    /// What each cluster answers; what lives in one that does not answer is left out.
    async fn of_all<T: Send + 'static>(
        &self,
        closure: impl FnMut(&Conn<'_>) -> denizen_store::Result<T> + Clone + Send + 'static,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for (cluster, store) in self.stores().reachable().await? {
            let answer = store.read(OrgKey::CONTROL, closure.clone()).await;
            all.extend(self.unless_gone(&cluster, answer)?);
        }
        Ok(all)
    }

    /// The same of a change.
    async fn change_all<T: Send + 'static>(
        &self,
        closure: impl FnMut(&Tx<'_>) -> denizen_store::Result<T> + Clone + Send + 'static,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for (cluster, store) in self.stores().reachable().await? {
            let answer = store.write_barred(OrgKey::CONTROL, closure.clone()).await;
            all.extend(self.unless_gone(&cluster, answer)?);
        }
        Ok(all)
    }

    /// `None` where a cluster other than `main` does not answer.
    fn unless_gone<T>(&self, cluster: &ClusterName, answer: denizen_store::Result<T>) -> Result<Option<T>> {
        match answer {
            Err(error) if !cluster.is_main() && is_gone(&error) => {
                self.leave_out(cluster, &error.into());
                Ok(None)
            }
            answer => Ok(Some(answer?)),
        }
    }

    /// The jobs with one id, each with the database that has its row.
    async fn with_id(&self, slug: Option<&str>, job: ObjectId) -> Result<Vec<(Store, Job)>> {
        let mut found = Vec::new();
        for (cluster, store) in self.stores().reachable().await? {
            let jobs = store.read(OrgKey::CONTROL, move |conn| stored::find(conn, job, MOST_ORGANIZATIONS));
            let jobs = self.unless_gone(&cluster, jobs.await)?.unwrap_or_default();
            found.extend(jobs.into_iter().map(|job| (store.clone(), job)));
        }
        if let Some(slug) = slug {
            let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
            found.retain(|(_, job)| job.org == organization.org);
        }
        Ok(found)
    }

    /// How many jobs of each kind are in each state, over all organizations; those of which there are none are left out.
    pub async fn job_counts(&self) -> Result<Vec<(String, JobState, i64)>> {
        let mut counts = HashMap::<(String, JobState), i64>::new();
        for (kind, state, count) in self.of_all(stored::counts).await?.concat() {
            *counts.entry((kind, state)).or_default() += count;
        }
        let mut counts: Vec<_> =
            counts.into_iter().map(|((kind, state), count)| (kind, state, count)).collect();
        counts.sort_by(|a, b| (&a.0, a.1.as_str()).cmp(&(&b.0, b.1.as_str())));
        Ok(counts)
    }

    /// For how many seconds the oldest job of each kind has not been done, over all organizations; kinds of which there is
    /// none are left out.
    pub async fn job_ages(&self) -> Result<Vec<(String, i64)>> {
        let now = self.now();
        let mut oldest = BTreeMap::<String, Timestamp>::new();
        for (kind, made) in self.of_all(stored::oldest).await?.concat() {
            oldest.entry(kind).and_modify(|first| *first = made.min(*first)).or_insert(made);
        }
        let age = |made: Timestamp| now.0.saturating_sub(made.0).max(0) / Timestamp::MICROS_PER_SECOND;
        Ok(oldest.into_iter().map(|(kind, made)| (kind, age(made))).collect())
    }
}

/// Changes a job's row, also that of an organization which was deleted, but of none that is on its way elsewhere.
async fn handle_one(
    store: &Store,
    org: OrgKey,
    mut change: impl FnMut(&Tx<'_>) -> Result<bool> + Send + 'static,
) -> Result<bool> {
    let change = move |tx: &Tx<'_>| match gate::find(tx, org)? {
        Some(Gate { state: GateState::Closed | GateState::Moved, .. }) => {
            Err(ErrorCode::OrganizationMoving.into())
        }
        _ => change(tx),
    };
    store.write_barred(org, change).await
}
