//! The job worker: takes jobs that are due, has them done, and reports back.
//!
//! It knows when to look, how a job is held on to and what to do about failures, not what a job means: the directory
//! says that, and the courier does it. No line that it logs holds an address, a name, a link
//! or the id of an account.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use denizen_courier::{AccountDeletion, Courier, Delivery};
use denizen_directory::jobs::{AfterFailure, KINDS, LEASE_SECONDS, LeasedJob, STATES, Task};
use denizen_directory::{Directory, Error, Result};
use denizen_http::App;
use denizen_http::kernel::JobCount;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use crate::serve::Stop;

/// Other processes enqueue too and cannot wake this one, so it looks at least so often.
const POLL: Duration = Duration::from_secs(5);
/// Jobs worked on at once. A mail server may take long for each, and a lease must not run out in a queue.
const AT_ONCE: usize = 8;
/// Pauses while the store does not answer: the first, and the longest of those that double.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often the outcome of a job is reported before it is left to the end of its lease.
const REPORTS: u32 = 5;
/// A lease is renewed so long after it began, so that two attempts may fail before it has run out.
const RENEWAL: Duration = Duration::from_secs(LEASE_SECONDS as u64 / 3);
/// A worker that cannot renew stops so long after it was given the lease: a little before another worker may come, since
/// clocks differ, and an answer takes its time.
const HELD: Duration = Duration::from_secs(LEASE_SECONDS as u64 * 5 / 6);
/// How often memory is purged and jobs are counted.
const HOUSEKEEPING: Duration = Duration::from_mins(1);
const COUNTING: Duration = Duration::from_secs(5);
/// Organizations in which accounts are looked for at the start, each by one read of one row.
const ORGANIZATIONS: usize = 1_000;

/// Runs jobs until a stop is requested; those that are running then are finished, and those of which nothing has left
/// the process yet are handed back.
pub async fn run(app: Arc<App>, courier: Arc<Courier>, stop: Stop) {
    let directory = app.directory.clone();
    let wake = Arc::new(Notify::new());
    directory.on_job({
        let wake = Arc::clone(&wake);
        Arc::new(move || wake.notify_one())
    });
    let mut running = Running::default();
    let mut outage = Outage::default();
    while !stop.is_requested() {
        let wait = match running.fill(&directory, &courier, &stop).await {
            Ok(()) => {
                outage.over();
                running.next_look(&directory).await
            }
            Err(error) => outage.pause(&error),
        };
        tokio::select! {
            () = stop.requested() => break,
            // Only where a place is free is there anything to wake up for.
            () = wake.notified(), if running.has_place() && !outage.lasts() => {}
            Some(ended) = running.jobs.join_next_with_id() => running.reap(ended, &directory).await,
            () = tokio::time::sleep(wait) => {}
        }
    }
    while let Some(ended) = running.jobs.join_next_with_id().await {
        running.reap(ended, &directory).await;
    }
}

/// Drops what memory holds for nothing, and counts jobs for the metrics, until a stop is requested.
pub async fn keep_house(app: Arc<App>, stop: Stop) {
    let mut purge = tokio::time::interval(HOUSEKEEPING);
    let mut count = tokio::time::interval(COUNTING);
    loop {
        tokio::select! {
            () = stop.requested() => return,
            _ = purge.tick() => {
                app.directory.purge_memory();
                // What stays because the store fails goes the next time.
                if let Err(error) = app.directory.purge_permits().await {
                    error.log(None, None);
                }
            }
            _ = count.tick() => count_jobs(&app).await,
        }
    }
}

/// Asks every few seconds which clusters answer, until a stop is requested: what is done with all of them goes on without
/// those that do not, and one that is back is used again.
pub async fn watch_clusters(app: Arc<App>, stop: Stop) {
    let mut look = tokio::time::interval(COUNTING);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch = async {
        loop {
            look.tick().await;
            let clusters = app.directory.look_at_clusters().await;
            app.metrics().set_clusters(clusters.into_iter().map(|(name, is_up)| (name.to_string(), is_up)));
        }
    };
    tokio::select! {
        () = stop.requested() => {}
        () = watch => {}
    }
}

async fn count_jobs(app: &App) {
    // A store that fails is reported by the worker and by readiness; the counts just stay as they were.
    if let Ok(counts) = app.directory.job_counts().await {
        let counts =
            counts.into_iter().map(|(kind, state, count)| ((kind, state.as_str().to_owned()), count));
        app.metrics().set_job_counts(with_zeros(counts).into_iter().map(|((kind, state), count)| JobCount {
            kind,
            state,
            count,
        }));
    }
    if let Ok(ages) = app.directory.job_ages().await {
        let mut all: BTreeMap<_, _> = KINDS.iter().map(|kind| ((*kind).to_owned(), 0)).collect();
        all.extend(ages);
        app.metrics().set_job_ages(all);
    }
}

/// Warns, once, when users carry accounts that nothing is set up to delete.
pub async fn look_for_accounts(app: Arc<App>) {
    match app.directory.has_linked_accounts(ORGANIZATIONS).await {
        Ok(true) => tracing::warn!(
            "users carry accounts at Google, and [identity] is not set up: when such a user is deleted, the job that deletes \
             the account waits until it is (docs/identity.md)"
        ),
        Ok(false) => {}
        Err(error) => error.log(None, None),
    }
}

/// The counts with those that are zero, so that an alert on failed jobs has a series to watch from the start.
fn with_zeros(counts: impl Iterator<Item = ((String, String), i64)>) -> BTreeMap<(String, String), i64> {
    let mut all: BTreeMap<_, _> = KINDS
        .iter()
        .flat_map(|kind| STATES.iter().map(|state| (((*kind).to_owned(), (*state).to_owned()), 0)))
        .collect();
    all.extend(counts);
    all
}

/// The jobs that this process has leased and is working on.
#[derive(Default)]
struct Running {
    jobs: JoinSet<()>,
    leased: HashMap<Id, LeasedJob>,
}

impl Running {
    fn has_place(&self) -> bool {
        self.jobs.len() < AT_ONCE
    }

    /// Takes as many jobs as there are places for.
    async fn fill(&mut self, directory: &Directory, courier: &Arc<Courier>, stop: &Stop) -> Result<()> {
        if !self.has_place() {
            return Ok(());
        }
        let places = i64::try_from(AT_ONCE - self.jobs.len()).unwrap_or(1);
        for job in directory.lease_jobs(places).await? {
            let task = work(directory.clone(), Arc::clone(courier), job.clone(), stop.clone());
            self.leased.insert(self.jobs.spawn(task).id(), job);
        }
        Ok(())
    }

    /// How long nothing can be due.
    async fn next_look(&self, directory: &Directory) -> Duration {
        if !self.has_place() {
            return POLL;
        }
        match directory.next_job_at().await {
            Ok(Some(due)) => {
                let micros = due.0.saturating_sub(directory.now().0);
                // A due time that is just reached is looked at a moment later, so that the look never spins.
                Duration::from_micros(u64::try_from(micros).unwrap_or(0))
                    .clamp(Duration::from_millis(10), POLL)
            }
            Ok(None) => POLL,
            // The next look says what is wrong.
            Err(_) => FIRST_PAUSE,
        }
    }

    async fn reap(&mut self, ended: std::result::Result<(Id, ()), JoinError>, directory: &Directory) {
        match ended {
            Ok((id, ())) => drop(self.leased.remove(&id)),
            Err(error) => {
                // A job that panics would otherwise come back whenever its lease ends, for ever.
                if let Some(job) = self.leased.remove(&error.id()) {
                    report_failure(directory, &job, "the job panicked", false).await;
                }
            }
        }
    }
}

/// How the work at a job ended.
enum Ended {
    Done,
    Failed {
        reason: String,
        permanent: bool,
    },
    /// Nothing has left the process, and the process stops.
    NotBegun,
    /// Another worker has the job, or it is gone.
    Lost,
}

/// Does one job, holding on to it meanwhile, and reports its outcome.
async fn work(directory: Directory, courier: Arc<Courier>, job: LeasedJob, stop: Stop) {
    let (id, kind, attempt) = (job.id(), job.kind(), job.attempts());
    let ended = tokio::select! {
        ended = perform(&directory, &courier, &job, &stop) => ended,
        () = hold(&directory, &job) => Ended::Lost,
    };
    match ended {
        Ended::Done => match repeated(|| directory.finish_job(&job)).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                job = id,
                kind,
                attempt,
                "a job is done, but was not this worker's any more; another one may do it again"
            ),
            Err(error) => {
                error.log(None, None);
                tracing::error!(job = id, kind, %error, "a job is done but could not be marked so; it will be done again");
            }
        },
        Ended::Failed { reason, permanent } => report_failure(&directory, &job, &reason, permanent).await,
        Ended::NotBegun => match directory.hand_back_job(&job).await {
            Ok(()) => tracing::info!(job = id, kind, attempt, "job handed back because of the stop"),
            Err(error) => {
                error.log(None, None);
                tracing::warn!(job = id, kind, attempt, %error, "a job could not be handed back; it waits for its lease's end");
            }
        },
        Ended::Lost => {
            tracing::warn!(job = id, kind, attempt, "job given up because its lease could not be kept");
        }
    }
}

/// Ready when the lease is lost: another worker has the job or may have it.
async fn hold(directory: &Directory, job: &LeasedJob) {
    let mut held_until = Instant::now() + HELD;
    let mut next = Instant::now() + RENEWAL;
    loop {
        tokio::time::sleep_until(next).await;
        let asked = Instant::now();
        match tokio::time::timeout_at(held_until, directory.renew_job(job)).await {
            Ok(Ok(true)) => (held_until, next) = (asked + HELD, asked + RENEWAL),
            Ok(Ok(false)) | Err(_) => return,
            Ok(Err(error)) => {
                error.log(None, None);
                next = Instant::now() + FIRST_PAUSE;
            }
        }
    }
}

async fn perform(directory: &Directory, courier: &Courier, job: &LeasedJob, stop: &Stop) -> Ended {
    let (id, kind, attempt) = (job.id(), job.kind(), job.attempts());
    let failed = |error: Error| {
        error.log(None, None);
        Ended::Failed { reason: error.text, permanent: false }
    };
    if stop.is_requested() {
        return Ended::NotBegun;
    }
    let task = match directory.prepare_job(job).await {
        Ok(Task::Nothing) => {
            tracing::info!(job = id, kind, attempt, "job done");
            return Ended::Done;
        }
        Ok(task) => task,
        Err(error) => return failed(error),
    };
    if stop.is_requested() {
        return Ended::NotBegun;
    }
    // A mail cannot be called back, so whoever sends it makes sure first that it is theirs to send.
    match directory.renew_job(job).await {
        Ok(true) => {}
        Ok(false) => return Ended::Lost,
        Err(error) => return failed(error),
    }
    let done = match task {
        Task::Nothing => Ok(()),
        Task::Send(mail) => {
            courier.deliver(&mail, &id, job.created_at()).await.map(|delivery| match delivery {
                Delivery::Sent => tracing::info!(job = id, kind, attempt, "mail sent"),
                Delivery::Written(file) => {
                    tracing::info!(job = id, kind, attempt, file = %file.display(), "mail written");
                }
            })
        }
        Task::DeleteGoogleAccount { tenant, account_id } => {
            let deleted =
                courier.delete_google_account(tenant.as_deref(), &account_id, directory.now()).await;
            deleted.map(|deletion| match deletion {
                AccountDeletion::Deleted => tracing::info!(job = id, kind, attempt, "Google account deleted"),
                // As after an attempt whose answer was lost; but also where the settings lead to another project.
                AccountDeletion::NotThere => {
                    tracing::warn!(
                        job = id,
                        kind,
                        attempt,
                        "there is no such Google account any more, or in this project"
                    );
                }
            })
        }
    };
    match done {
        Ok(()) => Ended::Done,
        Err(error) => Ended::Failed { reason: error.text, permanent: error.permanent },
    }
}

async fn report_failure(directory: &Directory, job: &LeasedJob, reason: &str, permanent: bool) {
    let (id, kind, attempt) = (job.id(), job.kind(), job.attempts());
    match repeated(|| directory.fail_job(job, reason.to_owned(), permanent)).await {
        Ok(AfterFailure::TriedAgain) => {
            tracing::warn!(job = id, kind, attempt, reason, "job failed, it will be tried again");
        }
        Ok(AfterFailure::GivenUp) => tracing::error!(
            job = id,
            kind,
            attempt,
            reason,
            "job failed for good; `denizen job list` shows it"
        ),
        Ok(AfterFailure::NotHeld) => {
            tracing::warn!(job = id, kind, attempt, reason, "job failed, but was not this worker's any more");
        }
        Err(error) => {
            error.log(None, None);
            tracing::error!(job = id, kind, attempt, reason, %error, "job failed; it is tried again when its lease ends");
        }
    }
}

/// Repeats a report to a store that is busy.
async fn repeated<T, F: Future<Output = Result<T>>>(report: impl Fn() -> F) -> Result<T> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..REPORTS {
        match report().await {
            Ok(done) => return Ok(done),
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause *= 2;
    }
    report().await
}

/// A time in which the store does not answer: told once at its beginning and once at its end.
#[derive(Default)]
struct Outage {
    pause: Option<Duration>,
}

impl Outage {
    fn lasts(&self) -> bool {
        self.pause.is_some()
    }

    fn pause(&mut self, error: &Error) -> Duration {
        if self.pause.is_none() {
            error.log(None, None);
            tracing::error!(%error, "jobs wait because the store does not answer; this is told once");
        }
        let pause = self.pause.map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        pause
    }

    fn over(&mut self) {
        if self.pause.take().is_some() {
            tracing::info!("the store answers again, jobs go on");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use denizen_courier::MailSettings;
    use denizen_directory::ErrorCode;
    use denizen_testkit::{ORIGIN, TestServer};
    use serde_json::json;

    use super::*;

    /// A server with a mail to send, and another process beside it.
    async fn two_with_a_mail() -> (TestServer, TestServer) {
        let server = TestServer::start().await;
        server.org("acme").await;
        let body = json!({"email": "admin@acme.example", "redirect_link": ORIGIN});
        server.anonymous("POST", "/v1/acme/user/signin", Some(&body)).await.expect(200);
        let other = server.another_process().await;
        (server, other)
    }

    fn courier(folder: &Path) -> Arc<Courier> {
        let settings = MailSettings {
            from: "denizen@localhost".to_owned(),
            smtp_url: None,
            outbox: folder.to_owned(),
            templates: None,
            language: None,
            timeout: Duration::from_secs(5),
        };
        Arc::new(Courier::new(&settings).unwrap())
    }

    fn mails(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    async fn jobs(server: &TestServer) -> Vec<(&'static str, i64)> {
        let jobs = server.directory().list_jobs("acme", 10).await.unwrap();
        jobs.iter().map(|job| (job.state, job.attempts)).collect()
    }

    #[tokio::test]
    async fn a_worker_whose_job_was_taken_over_sends_nothing_and_the_other_one_does() {
        let (server, other) = two_with_a_mail().await;
        let folder = tempfile::tempdir().unwrap();
        let (_switch, stop) = Stop::channel();
        let stale = server.lease_jobs().await.remove(0);
        server.advance_seconds(LEASE_SECONDS.into());
        let taken = other.lease_jobs().await.remove(0);
        work(server.directory().clone(), courier(folder.path()), stale, stop.clone()).await;
        assert_eq!((mails(folder.path()), jobs(&server).await), (0, vec![("running", 2)]));
        work(other.directory().clone(), courier(folder.path()), taken, stop).await;
        assert_eq!((mails(folder.path()), jobs(&server).await), (1, vec![]));
    }

    #[tokio::test]
    async fn what_is_leased_and_not_begun_when_a_stop_comes_is_left_to_others_at_once() {
        let (server, other) = two_with_a_mail().await;
        let folder = tempfile::tempdir().unwrap();
        let (switch, stop) = Stop::channel();
        let leased = server.lease_jobs().await.remove(0);
        switch.request();
        work(server.directory().clone(), courier(folder.path()), leased, stop).await;
        assert_eq!((mails(folder.path()), jobs(&server).await), (0, vec![("waiting", 1)]));
        let (_switch, stop) = Stop::channel();
        let taken = other.lease_jobs().await.remove(0);
        work(other.directory().clone(), courier(folder.path()), taken, stop).await;
        assert_eq!((mails(folder.path()), jobs(&server).await), (1, vec![]));
    }

    #[tokio::test]
    async fn a_lease_is_kept_until_another_worker_has_the_job() {
        let (server, other) = two_with_a_mail().await;
        let leased = server.lease_jobs().await.remove(0);
        server.advance_seconds(LEASE_SECONDS.into());
        other.lease_jobs().await;
        let begun = Instant::now();
        hold(server.directory(), &leased).await;
        assert!((RENEWAL..HELD).contains(&begun.elapsed()), "it looks after a third of the lease");
    }

    #[test]
    fn a_state_without_jobs_is_counted_as_zero() {
        let failed = |kind: &str| (kind.to_owned(), "failed".to_owned());
        let counts = with_zeros([(failed("mail.invitation"), 3), (failed("of.tomorrow"), 1)].into_iter());
        assert_eq!(counts.len(), KINDS.len() * STATES.len() + 1);
        assert_eq!((counts[&failed("mail.invitation")], counts[&failed("mail.magic_link")]), (3, 0));
    }

    #[test]
    fn pauses_grow_while_the_store_fails_and_begin_anew_afterwards() {
        let mut outage = Outage::default();
        let pauses: Vec<u128> = (0..9).map(|_| outage.pause(&ErrorCode::Busy.into()).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert!(outage.lasts());
        outage.over();
        assert_eq!(outage.pause(&ErrorCode::Busy.into()), FIRST_PAUSE);
    }
}
