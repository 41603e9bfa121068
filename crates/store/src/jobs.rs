//! Jobs: work that leaves the process, written in the transaction that causes it.
//!
//! A worker takes a job by a lease, which it renews until it is done. A job whose worker died is due again when its
//! lease has run out. The number of the attempt is the lease's token: whoever reports with an older one changes nothing.

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::member::Directory;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    Waiting,
    Running,
    Done,
    /// Given up after the last attempt; kept so that it is seen.
    Failed,
}

impl JobState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        [Self::Waiting, Self::Running, Self::Done, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| StoreError::Corrupt(format!("job.state {text}")))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub org: OrgKey,
    pub job_id: ObjectId,
    pub kind: String,
    /// JSON; its form belongs to the kind.
    pub payload: String,
    pub state: JobState,
    /// How often it was started.
    pub attempts: i64,
    pub run_at: Timestamp,
    pub last_error: Option<String>,
    pub created_at: Timestamp,
}

static INSERT: Sql = Sql::split(
    "job.insert",
    "INSERT INTO job (org_id, job_id, kind, user_id, payload, state, attempts, run_at, lease_until, created_at,
     updated_at) VALUES ($1, $2, $3, $4, $5, 'waiting', 0, $6, 0, $7, $7)",
    "INSERT INTO job (org_id, job_id, kind, user_id, payload, state, attempts, run_at, lease_until, created_at,
     updated_at)
     SELECT CAST($1 AS BIGINT), job_id, kind, user_id, payload, 'waiting', 0, run_at, 0, now, now
     FROM unnest(CAST($2 AS BYTEA[]), CAST($3 AS TEXT[]), CAST($4 AS BYTEA[]), CAST($5 AS TEXT[]), CAST($6 AS BIGINT[]),
        CAST($7 AS BIGINT[])) AS row (job_id, kind, user_id, payload, run_at, now)",
);
// What looks first fails together with whoever removes the job meanwhile, where an insertion alone would be content with
// the job that is about to go.
static INSERT_ONCE: Sql = Sql::split(
    "job.insert_once",
    "INSERT INTO job (org_id, job_id, kind, payload, state, attempts, run_at, lease_until, created_at, updated_at)
     SELECT $1, $2, $3, $4, 'waiting', 0, $5, 0, $6, $6
     WHERE NOT EXISTS (SELECT 1 FROM job WHERE org_id = $1 AND job_id = $2)
     ON CONFLICT (org_id, job_id) DO NOTHING",
    "INSERT INTO job (org_id, job_id, kind, payload, state, attempts, run_at, lease_until, created_at, updated_at)
     SELECT $1::bigint, $2::bytea, $3::text, $4::text, 'waiting', 0, $5::bigint, 0, $6::bigint, $6::bigint
     WHERE NOT EXISTS (SELECT 1 FROM job WHERE org_id = $1 AND job_id = $2)
     ON CONFLICT (org_id, job_id) DO NOTHING",
);
// The search for the address belongs to the insertion, so that it costs the same whether there is such a user or not.
static INSERT_FOR_ADDRESS: Sql = Sql::split(
    "job.insert_for_address",
    "INSERT INTO job (org_id, job_id, kind, user_id, payload, state, attempts, run_at, lease_until, created_at,
     updated_at)
     SELECT $1, $2, $3, (SELECT user_id FROM users WHERE org_id = $1 AND directory = $4 AND email_key = $5), $6,
     'waiting', 0, $7, 0, $7, $7",
    "INSERT INTO job (org_id, job_id, kind, user_id, payload, state, attempts, run_at, lease_until, created_at,
     updated_at)
     SELECT $1::bigint, $2::bytea, $3::text,
     (SELECT user_id FROM users WHERE org_id = $1 AND directory = $4 AND email_key = $5), $6::text,
     'waiting', 0, $7::bigint, 0, $7::bigint, $7::bigint",
);
static SET_USER: Sql = Sql::new(
    "job.set_user",
    "UPDATE job SET user_id = $4 WHERE org_id = $1 AND job_id = $2 AND attempts = $3 AND state = 'running'",
);
static POSTPONE: Sql = Sql::new(
    "job.postpone",
    "UPDATE job SET state = 'waiting', run_at = $4, lease_until = 0, last_error = NULL, updated_at = $5
     WHERE org_id = $1 AND job_id = $2 AND attempts = $3 AND state = 'running'",
);
static WAITING: Sql = Sql::new(
    "job.waiting",
    "SELECT org_id, job_id FROM job WHERE state IN ('waiting', 'running') AND state = 'waiting' AND kind = $1
     AND NOT EXISTS (SELECT 1 FROM organization_gate AS gate WHERE gate.org_id = job.org_id AND gate.state <> 'deleted')
     LIMIT $2",
);
static DELETE_WAITING: Sql =
    Sql::new("job.delete_waiting", "DELETE FROM job WHERE org_id = $1 AND job_id = $2 AND state = 'waiting'");
// What is behind a gate is left alone: it is, or is about to be, in another database. What erases a deleted organization goes on.
// Engine: on PostgreSQL workers look at the same time, and would all wait for the first one's jobs.
static DUE: Sql = Sql::split(
    "job.due",
    "SELECT org_id, job_id, kind, payload, state, attempts, run_at, last_error, created_at FROM job
     WHERE state IN ('waiting', 'running') AND run_at <= $1 AND lease_until <= $1
     AND NOT EXISTS (SELECT 1 FROM organization_gate AS gate WHERE gate.org_id = job.org_id AND gate.state <> 'deleted')
     ORDER BY run_at LIMIT $2",
    "SELECT org_id, job_id, kind, payload, state, attempts, run_at, last_error, created_at FROM job
     WHERE state IN ('waiting', 'running') AND run_at <= $1 AND lease_until <= $1
     AND NOT EXISTS (SELECT 1 FROM organization_gate AS gate WHERE gate.org_id = job.org_id AND gate.state <> 'deleted')
     ORDER BY run_at LIMIT $2
     FOR UPDATE OF job SKIP LOCKED",
);
static LEASE: Sql = Sql::new(
    "job.lease",
    "UPDATE job SET state = 'running', attempts = attempts + 1, lease_until = $3, updated_at = $4
     WHERE org_id = $1 AND job_id = $2 AND state IN ('waiting', 'running') AND lease_until <= $4",
);
static RENEW: Sql = Sql::new(
    "job.renew",
    "UPDATE job SET lease_until = $4, updated_at = $5
     WHERE org_id = $1 AND job_id = $2 AND attempts = $3 AND state = 'running'",
);
static DONE: Sql = Sql::new(
    "job.done",
    "DELETE FROM job WHERE org_id = $1 AND job_id = $2 AND attempts = $3 AND state = 'running'",
);
static RETRY: Sql = Sql::new(
    "job.retry",
    "UPDATE job SET state = 'waiting', run_at = $4, lease_until = 0, last_error = $5, updated_at = $6
     WHERE org_id = $1 AND job_id = $2 AND attempts = $3 AND state = 'running'",
);
static HAND_BACK: Sql = Sql::new(
    "job.hand_back",
    "UPDATE job SET state = 'waiting', lease_until = 0, updated_at = $4
     WHERE org_id = $1 AND job_id = $2 AND attempts = $3 AND state = 'running'",
);
static FAIL: Sql = Sql::new(
    "job.fail",
    "UPDATE job SET state = 'failed', payload = '{}', lease_until = 0, last_error = $4, updated_at = $5
     WHERE org_id = $1 AND job_id = $2 AND attempts = $3 AND state = 'running'",
);
static LIST: Sql = Sql::new(
    "job.list",
    "SELECT org_id, job_id, kind, payload, state, attempts, run_at, last_error, created_at FROM job
     WHERE org_id = $1 ORDER BY job_id LIMIT $2",
);
static LIST_ALL: Sql = Sql::new(
    "job.list_all",
    "SELECT org_id, job_id, kind, payload, state, attempts, run_at, last_error, created_at FROM job
     WHERE NOT EXISTS (SELECT 1 FROM organization_gate AS gate WHERE gate.org_id = job.org_id AND gate.state = 'moved')
     ORDER BY org_id, job_id LIMIT $1",
);
static FIND: Sql = Sql::new(
    "job.find",
    "SELECT org_id, job_id, kind, payload, state, attempts, run_at, last_error, created_at FROM job
     WHERE job_id = $1 AND NOT EXISTS (SELECT 1 FROM organization_gate AS gate WHERE gate.org_id = job.org_id AND gate.state = 'moved')
     ORDER BY org_id LIMIT $2",
);
static HURRY: Sql = Sql::new(
    "job.hurry",
    "UPDATE job SET run_at = $3, updated_at = $3
     WHERE org_id = $1 AND job_id = $2 AND state = 'waiting' AND run_at > $3",
);
static HURRY_ORGANIZATION: Sql = Sql::new(
    "job.hurry_organization",
    "UPDATE job SET run_at = $2, updated_at = $2 WHERE org_id = $1 AND state = 'waiting' AND run_at > $2",
);
static HURRY_ALL: Sql = Sql::new(
    "job.hurry_all",
    "UPDATE job SET run_at = $1, updated_at = $1 WHERE state = 'waiting' AND run_at > $1
     AND NOT EXISTS (SELECT 1 FROM organization_gate AS gate WHERE gate.org_id = job.org_id AND gate.state <> 'deleted')",
);
static HOLD_MAILS: Sql = Sql::new(
    "job.hold_mails",
    "UPDATE job SET state = 'waiting', run_at = $1, lease_until = 0, last_error = $2, updated_at = $3
     WHERE state IN ('waiting', 'running') AND kind LIKE 'mail.%' AND lease_until <= $4 AND run_at < $1",
);
static DROP: Sql = Sql::new(
    "job.drop",
    "DELETE FROM job WHERE org_id = $1 AND job_id = $2 AND state IN ('waiting', 'failed')",
);
static DELETE_ALL: Sql = Sql::new("job.delete_all", "DELETE FROM job WHERE org_id = $1");
static COUNT_KIND: Sql = Sql::new(
    "job.count_kind",
    "SELECT count(*) FROM job WHERE org_id = $1 AND kind = $2 AND state IN ('waiting', 'running') AND created_at >= $3",
);
static COUNT_PAYLOAD: Sql = Sql::new(
    "job.count_payload",
    "SELECT count(*) FROM job WHERE org_id = $1 AND kind = $2 AND state IN ('waiting', 'running') AND payload = $3",
);
static OLDEST: Sql = Sql::new(
    "job.oldest",
    "SELECT kind, min(created_at) FROM job WHERE state IN ('waiting', 'running') GROUP BY kind",
);
static COUNTS: Sql = Sql::new("job.counts", "SELECT kind, state, count(*) FROM job GROUP BY kind, state");
static NEXT_DUE: Sql = Sql::new(
    "job.next_due",
    "SELECT min(CASE WHEN lease_until > run_at THEN lease_until ELSE run_at END) FROM job
     WHERE state IN ('waiting', 'running')
     AND NOT EXISTS (SELECT 1 FROM organization_gate AS gate WHERE gate.org_id = job.org_id AND gate.state <> 'deleted')",
);
static RUNNING: Sql = Sql::new(
    "job.running",
    "SELECT count(*) FROM job WHERE org_id = $1 AND state = 'running' AND lease_until > $2",
);

pub const STATEMENTS: &[&Sql] = &[
    &INSERT,
    &INSERT_ONCE,
    &INSERT_FOR_ADDRESS,
    &SET_USER,
    &POSTPONE,
    &WAITING,
    &DELETE_WAITING,
    &DUE,
    &LEASE,
    &RENEW,
    &DONE,
    &RETRY,
    &HAND_BACK,
    &FAIL,
    &LIST,
    &LIST_ALL,
    &FIND,
    &HURRY,
    &HURRY_ORGANIZATION,
    &HURRY_ALL,
    &HOLD_MAILS,
    &DROP,
    &DELETE_ALL,
    &COUNT_KIND,
    &COUNT_PAYLOAD,
    &OLDEST,
    &COUNTS,
    &NEXT_DUE,
    &RUNNING,
];

/// A job as one worker holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub job_id: ObjectId,
    /// The number of the attempt; the next worker's is greater.
    pub attempt: i64,
}

impl Job {
    /// What the worker that was given this job holds.
    pub fn lease(&self) -> Lease {
        Lease { job_id: self.job_id, attempt: self.attempts }
    }
}

fn read_job(row: &Row<'_>) -> Result<Job> {
    Ok(Job {
        org: OrgKey(row.int(0)?),
        job_id: row.id(1, ObjectId::from_column)?,
        kind: row.text(2)?,
        payload: row.text(3)?,
        state: JobState::parse(row.str(4)?)?,
        attempts: row.int(5)?,
        run_at: Timestamp(row.int(6)?),
        last_error: row.optional_text(7)?,
        created_at: Timestamp(row.int(8)?),
    })
}

/// Adds a job that is due at `now`. `user` is whose data the payload holds, so that erasing finds it.
pub fn insert(
    tx: &Tx<'_>,
    job: ObjectId,
    kind: &str,
    user: Option<UserId>,
    payload: &str,
    now: Timestamp,
) -> Result<()> {
    insert_at(tx, job, kind, user, payload, now, now)
}

/// Adds a job that is due at `run_at`.
pub fn insert_at(
    tx: &Tx<'_>,
    job: ObjectId,
    kind: &str,
    user: Option<UserId>,
    payload: &str,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let user = user.as_ref().map(|id| id.0.as_slice());
    let params = [
        tx.org_param(),
        Param::Blob(&job.0),
        Param::Text(kind),
        Param::optional_blob(user),
        Param::Text(payload),
        Param::Int(run_at.0),
        Param::Int(now.0),
    ];
    tx.add_row(&INSERT, &params)
}

/// Adds a job that is due at `run_at`, unless the organization has the job with this id already.
pub fn insert_once(
    tx: &Tx<'_>,
    job: ObjectId,
    kind: &str,
    payload: &str,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&job.0),
        Param::Text(kind),
        Param::Text(payload),
        Param::Int(run_at.0),
        Param::Int(now.0),
    ];
    tx.write(&INSERT_ONCE, &params)
}

/// Adds a job that is due at `now`, and whose payload holds an address: it is the job of the user who has that address,
/// if there is one, so that erasing finds it.
pub fn insert_for_address(
    tx: &Tx<'_>,
    job: ObjectId,
    kind: &str,
    directory: Directory,
    email_key: &str,
    payload: &str,
    now: Timestamp,
) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&job.0),
        Param::Text(kind),
        Param::Int(directory.number()),
        Param::Text(email_key),
        Param::Text(payload),
        Param::Int(now.0),
    ];
    tx.write(&INSERT_FOR_ADDRESS, &params)
}

/// Takes up to `most` jobs that are due, over all organizations, until `lease_until`.
pub fn lease_due(tx: &Tx<'_>, now: Timestamp, lease_until: Timestamp, most: i64) -> Result<Vec<Job>> {
    let due = tx.all(&DUE, &[Param::Int(now.0), Param::Int(most)], read_job)?;
    let mut leased = Vec::with_capacity(due.len());
    for mut job in due {
        let params =
            [Param::Int(job.org.0), Param::Blob(&job.job_id.0), Param::Int(lease_until.0), Param::Int(now.0)];
        // Another process may have been faster.
        if tx.execute(&LEASE, &params)? > 0 {
            job.attempts += 1;
            job.state = JobState::Running;
            leased.push(job);
        }
    }
    Ok(leased)
}

/// When the next job is due, over all organizations.
pub fn next_due(conn: &Conn<'_>) -> Result<Option<Timestamp>> {
    Ok(conn.optional(&NEXT_DUE, &[], |row| row.optional_int(0))?.flatten().map(Timestamp))
}

/// How many of the organization's jobs a worker holds.
pub fn count_running(conn: &Conn<'_>, now: Timestamp) -> Result<i64> {
    let count = conn.optional(&RUNNING, &[conn.org_param(), Param::Int(now.0)], |row| row.int(0))?;
    Ok(count.unwrap_or_default())
}

/// Extends a lease. `false` when it is not held any more: another worker has the job, or it is gone.
pub fn renew(tx: &Tx<'_>, lease: &Lease, until: Timestamp, now: Timestamp) -> Result<bool> {
    report(tx, &RENEW, lease, &[Param::Int(until.0), Param::Int(now.0)])
}

/// A job that is done is removed: its payload holds personal data. `false` when the lease is not held any more; so also
/// the functions below.
pub fn finish(tx: &Tx<'_>, lease: &Lease) -> Result<bool> {
    report(tx, &DONE, lease, &[])
}

pub fn retry(tx: &Tx<'_>, lease: &Lease, at: Timestamp, error: &str, now: Timestamp) -> Result<bool> {
    report(tx, &RETRY, lease, &[Param::Int(at.0), Param::Text(error), Param::Int(now.0)])
}

/// Notes whose data the payload holds, when that has become known.
pub fn set_user(tx: &Tx<'_>, lease: &Lease, user: UserId) -> Result<bool> {
    report(tx, &SET_USER, lease, &[Param::Blob(&user.0)])
}

/// Keeps a job that has done its work for now, and is to do it again at `at`.
pub fn postpone(tx: &Tx<'_>, lease: &Lease, at: Timestamp, now: Timestamp) -> Result<bool> {
    report(tx, &POSTPONE, lease, &[Param::Int(at.0), Param::Int(now.0)])
}

/// Up to `most` jobs of a kind that no worker has, over all organizations.
pub fn waiting(conn: &Conn<'_>, kind: &str, most: i64) -> Result<Vec<(OrgKey, ObjectId)>> {
    let params = [Param::Text(kind), Param::Int(most)];
    conn.all(&WAITING, &params, |row| Ok((OrgKey(row.int(0)?), row.id(1, ObjectId::from_column)?)))
}

/// Removes a job of the organization that no worker has; leaves one that a worker has.
pub fn delete_waiting(tx: &Tx<'_>, job: ObjectId) -> Result<()> {
    tx.write(&DELETE_WAITING, &[tx.org_param(), Param::Blob(&job.0)])
}

/// Gives a job up that was not begun, so that another worker may take it at once. The attempt stays counted, because
/// its number must not be given out again.
pub fn hand_back(tx: &Tx<'_>, lease: &Lease, now: Timestamp) -> Result<bool> {
    report(tx, &HAND_BACK, lease, &[Param::Int(now.0)])
}

/// Removes every job of the organization: they are in another database now.
pub fn delete_all(tx: &Tx<'_>) -> Result<()> {
    tx.write(&DELETE_ALL, &[tx.org_param()])
}

/// Gives a job up for good. Its payload, which may hold personal data, is dropped; that there was such a job stays
/// visible.
pub fn fail(tx: &Tx<'_>, lease: &Lease, error: &str, now: Timestamp) -> Result<bool> {
    report(tx, &FAIL, lease, &[Param::Text(error), Param::Int(now.0)])
}

/// What a worker has to say about its job; it changes something only while the worker holds the lease.
fn report(tx: &Tx<'_>, sql: &Sql, lease: &Lease, params: &[Param<'_>]) -> Result<bool> {
    let mut all = vec![tx.org_param(), Param::Blob(&lease.job_id.0), Param::Int(lease.attempt)];
    all.extend_from_slice(params);
    Ok(tx.execute(sql, &all)? > 0)
}

/// The first `most` jobs of the organization, oldest first.
pub fn list(conn: &Conn<'_>, most: i64) -> Result<Vec<Job>> {
    conn.all(&LIST, &[conn.org_param(), Param::Int(most)], read_job)
}

/// The first `most` jobs over all organizations, those of one together, and of organizations that are no more, too.
pub fn list_all(conn: &Conn<'_>, most: i64) -> Result<Vec<Job>> {
    conn.all(&LIST_ALL, &[Param::Int(most)], read_job)
}

/// Up to `most` jobs with an id, over all organizations; some kinds of jobs have the same id in each.
pub fn find(conn: &Conn<'_>, job: ObjectId, most: i64) -> Result<Vec<Job>> {
    conn.all(&FIND, &[Param::Blob(&job.0), Param::Int(most)], read_job)
}

/// Makes a job of the organization due at once; `false` when it is due already, or does not wait.
pub fn hurry(tx: &Tx<'_>, job: ObjectId, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(&HURRY, &[tx.org_param(), Param::Blob(&job.0), Param::Int(now.0)])? > 0)
}

/// Makes the jobs of the organization due at once that wait for a later time, and says how many these were.
pub fn hurry_organization(tx: &Tx<'_>, now: Timestamp) -> Result<usize> {
    tx.execute(&HURRY_ORGANIZATION, &[tx.org_param(), Param::Int(now.0)])
}

/// As [`hurry_organization`], over all organizations.
pub fn hurry_all(tx: &Tx<'_>, now: Timestamp) -> Result<usize> {
    tx.execute(&HURRY_ALL, &[Param::Int(now.0)])
}

/// When a job is due that is held: never by itself.
pub const HELD: Timestamp = Timestamp(253_402_214_400_000_000);
const WHY_HELD: &str =
    "held: it may have been sent already; `denizen job retry` sends it, `denizen job drop` does not";

/// Holds the mails that wait, over all organizations, until somebody makes them due, and says how many these were. Mails
/// whose worker's lease ends after `leased_until` are left to it.
pub fn hold_mails(tx: &Tx<'_>, leased_until: Timestamp, now: Timestamp) -> Result<usize> {
    let params = [Param::Int(HELD.0), Param::Text(WHY_HELD), Param::Int(now.0), Param::Int(leased_until.0)];
    tx.execute(&HOLD_MAILS, &params)
}

/// Removes a job of the organization undone; `false`, and it stays, while a worker has it.
pub fn drop_undone(tx: &Tx<'_>, job: ObjectId) -> Result<bool> {
    Ok(tx.execute(&DROP, &[tx.org_param(), Param::Blob(&job.0)])? > 0)
}

/// How many jobs of a kind the organization has that were made at `since` or later and are not done.
pub fn count_kind(conn: &Conn<'_>, kind: &str, since: Timestamp) -> Result<i64> {
    let params = [conn.org_param(), Param::Text(kind), Param::Int(since.0)];
    Ok(conn.optional(&COUNT_KIND, &params, |row| row.int(0))?.unwrap_or(0))
}

/// How many jobs of a kind the organization has that have this payload and are not done.
pub fn count_payload(conn: &Conn<'_>, kind: &str, payload: &str) -> Result<i64> {
    let params = [conn.org_param(), Param::Text(kind), Param::Text(payload)];
    Ok(conn.optional(&COUNT_PAYLOAD, &params, |row| row.int(0))?.unwrap_or(0))
}

/// When the oldest job of each kind that is not done was made, over all organizations; none where there is none.
pub fn oldest(conn: &Conn<'_>) -> Result<Vec<(String, Timestamp)>> {
    conn.all(&OLDEST, &[], |row| Ok((row.text(0)?, Timestamp(row.int(1)?))))
}

/// How many jobs of each kind are in each state, over all organizations; none where there are none.
pub fn counts(conn: &Conn<'_>) -> Result<Vec<(String, JobState, i64)>> {
    conn.all(&COUNTS, &[], |row| Ok((row.text(0)?, JobState::parse(row.str(1)?)?, row.int(2)?)))
}
