//! Jobs: leased, retried with growing waits, given up in the end, and never lost with their worker.

use denizen_directory::DirectorySettings;
use denizen_directory::job_control::Handled;
use denizen_directory::jobs::{AfterFailure, LEASE_SECONDS, LeasedJob, Task};
use denizen_testkit::{ORIGIN, TestOrg, TestServer, TestSettings};
use serde_json::json;

const LEASE: i64 = LEASE_SECONDS as i64;

async fn with_a_mail(server: &TestServer) -> TestOrg {
    let org = server.org("acme").await;
    let body = json!({"email": "admin@acme.example", "redirect_link": ORIGIN});
    server.anonymous("POST", "/v1/acme/user/signin", Some(&body)).await.expect(200);
    org
}

async fn state(server: &TestServer) -> Vec<(&'static str, i64, Option<String>)> {
    let jobs = server.directory().list_jobs("acme", 10).await.unwrap();
    jobs.into_iter().map(|job| (job.state, job.attempts, job.last_error)).collect()
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_after_growing_waits() {
    let server = TestServer::start().await;
    with_a_mail(&server).await;
    for (attempt, wait) in [5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 7_200, 7_200, 7_200].iter().enumerate()
    {
        let leased = server.lease_jobs().await;
        assert_eq!(leased.len(), 1);
        assert_eq!(leased[0].attempts(), i64::try_from(attempt).unwrap() + 1);
        assert_eq!(
            server.directory().fail_job(&leased[0], "no route".to_owned(), false).await,
            Ok(AfterFailure::TriedAgain)
        );
        server.advance_seconds(wait - 1);
        assert!(server.lease_jobs().await.is_empty(), "too early after attempt {attempt}");
        server.advance_seconds(1);
    }
    let last = server.lease_jobs().await;
    assert_eq!(
        server.directory().fail_job(&last[0], "no route".to_owned(), false).await,
        Ok(AfterFailure::GivenUp)
    );
    assert_eq!(state(&server).await, [("failed", 12, Some("no route".to_owned()))]);
    server.advance_seconds(365 * 86_400);
    assert!(server.lease_jobs().await.is_empty());
}

#[tokio::test]
async fn a_permanent_failure_is_given_up_at_once() {
    let server = TestServer::start().await;
    with_a_mail(&server).await;
    let leased = server.lease_jobs().await;
    assert_eq!(
        server.directory().fail_job(&leased[0], "no such mailbox".to_owned(), true).await,
        Ok(AfterFailure::GivenUp)
    );
    assert_eq!(state(&server).await, [("failed", 1, Some("no such mailbox".to_owned()))]);
}

#[tokio::test]
async fn the_number_of_attempts_is_a_setting() {
    let directory = DirectorySettings { job_attempts: 2, ..DirectorySettings::default() };
    let server = TestServer::with(TestSettings { directory, ..TestSettings::default() }).await;
    with_a_mail(&server).await;
    for again in [AfterFailure::TriedAgain, AfterFailure::GivenUp] {
        let leased = server.lease_jobs().await;
        assert_eq!(server.directory().fail_job(&leased[0], "x".to_owned(), false).await, Ok(again));
        server.advance_seconds(5);
    }
}

#[tokio::test]
async fn a_job_whose_worker_died_is_due_again_when_its_lease_has_run_out() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    with_a_mail(&server).await;
    let dead = server.lease_jobs().await;
    assert_eq!(dead.len(), 1);
    assert!(other.lease_jobs().await.is_empty());
    server.advance_seconds(LEASE - 1);
    assert!(other.lease_jobs().await.is_empty());
    server.advance_seconds(1);
    let taken = other.lease_jobs().await;
    assert_eq!((taken.len(), taken[0].attempts()), (1, 2));
    assert!(matches!(other.directory().prepare_job(&taken[0]).await, Ok(Task::Send(_))));
    assert_eq!(other.directory().finish_job(&taken[0]).await, Ok(true));
    assert_eq!(state(&server).await, []);
}

#[tokio::test]
async fn a_slow_job_stays_with_the_worker_that_renews_its_lease() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    with_a_mail(&server).await;
    let slow = server.lease_jobs().await;
    for _ in 0..12 {
        server.advance_seconds(LEASE / 3);
        assert_eq!(server.directory().renew_job(&slow[0]).await, Ok(true));
        assert!(other.lease_jobs().await.is_empty());
    }
    assert_eq!(server.directory().finish_job(&slow[0]).await, Ok(true));
    assert_eq!(state(&server).await, []);
}

#[tokio::test]
async fn a_worker_that_was_given_up_for_dead_changes_nothing_when_it_comes_back() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    with_a_mail(&server).await;
    let stale = server.lease_jobs().await.remove(0);
    server.advance_seconds(LEASE);
    let taken = other.lease_jobs().await.remove(0);
    let late = server.directory();
    assert_eq!(late.renew_job(&stale).await, Ok(false), "it has to ask before it sends");
    assert_eq!(late.finish_job(&stale).await, Ok(false));
    for permanent in [false, true] {
        assert_eq!(late.fail_job(&stale, "too late".to_owned(), permanent).await, Ok(AfterFailure::NotHeld));
    }
    assert_eq!(late.hand_back_job(&stale).await, Ok(()));
    assert_eq!(state(&server).await, [("running", 2, None)]);
    assert!(server.lease_jobs().await.is_empty(), "the other's lease has not been touched");
    assert_eq!(other.directory().renew_job(&taken).await, Ok(true));
    assert_eq!(other.directory().finish_job(&taken).await, Ok(true));
    assert_eq!(state(&server).await, []);
}

#[tokio::test]
async fn a_job_that_is_handed_back_is_done_by_the_next_process_at_once() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    with_a_mail(&server).await;
    let leased = server.lease_jobs().await.remove(0);
    server.directory().hand_back_job(&leased).await.unwrap();
    assert_eq!(other.run_jobs().await.len(), 1);
    assert_eq!(state(&server).await, []);
}

#[tokio::test]
async fn the_mail_of_somebody_who_was_erased_meanwhile_is_not_sent() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let mut body = org.invitation("DefaultUserRole");
    body["login_link"] = json!(format!("{ORIGIN}/welcome"));
    let invited = admin.post("/user/", &body).await.expect(201).str_at("/user_id");
    let leased = server.lease_jobs().await.remove(0);
    assert!(matches!(server.directory().prepare_job(&leased).await, Ok(Task::Send(_))));
    admin.delete(&format!("/user/{invited}")).await.expect(200);
    assert_eq!(server.directory().renew_job(&leased).await, Ok(false));
}

#[tokio::test]
async fn two_processes_never_hold_the_same_job() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = with_a_mail(&server).await;
    for _ in 0..9 {
        let body = json!({"email": "admin@acme.example", "redirect_link": ORIGIN});
        server.anonymous("POST", &org.path("/user/signin"), Some(&body)).await.expect(200);
    }
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..5 {
        for process in [&server, &other] {
            ids.extend(process.directory().lease_jobs(1).await.unwrap().iter().map(LeasedJob::id));
        }
    }
    let held = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((held, ids.len()), (10, 10));
}

#[tokio::test]
async fn a_job_is_announced_to_the_worker_of_its_process() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let server = TestServer::start().await;
    let woken = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&woken);
    server.directory().on_job(Arc::new(move || {
        seen.fetch_add(1, Ordering::SeqCst);
    }));
    assert_eq!(server.directory().next_job_at().await, Ok(None));
    let org = with_a_mail(&server).await;
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    assert_eq!(server.directory().next_job_at().await, Ok(Some(denizen_testkit::NOON)));
    org.admin().await.delete("/organization/").await.expect(204);
    assert_eq!(woken.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_job_that_kills_every_worker_is_given_up_and_the_rest_go_on() {
    let directory = DirectorySettings { job_attempts: 3, ..DirectorySettings::default() };
    let server = TestServer::with(TestSettings { directory, ..TestSettings::default() }).await;
    with_a_mail(&server).await;
    for attempt in 1..=3 {
        assert_eq!(server.lease_jobs().await[0].attempts(), attempt);
        server.advance_seconds(LEASE);
    }
    assert!(server.lease_jobs().await.is_empty());
    assert_eq!(state(&server).await, [("failed", 4, Some("no worker has survived it".to_owned()))]);
}

#[tokio::test]
async fn an_erasure_is_never_given_up() {
    let directory = DirectorySettings { job_attempts: 2, ..DirectorySettings::default() };
    let server = TestServer::with(TestSettings { directory, ..TestSettings::default() }).await;
    let org = server.org("acme").await;
    org.admin().await.delete("/organization/").await.expect(204);
    for _ in 0..4 {
        let leased = server.lease_jobs().await;
        assert_eq!(
            server.directory().fail_job(&leased[0], "the disk is full".to_owned(), true).await,
            Ok(AfterFailure::TriedAgain)
        );
        server.advance_seconds(7_200);
        assert_eq!(server.lease_jobs().await.len(), 1, "its worker dies");
        server.advance_seconds(LEASE);
    }
    server.run_jobs().await;
    assert_eq!(server.directory().job_counts().await, Ok(Vec::new()));
    server.assert_consistent().await;
}

#[tokio::test]
async fn the_jobs_of_a_deleted_organization_are_listed_with_all_others() {
    let server = TestServer::start().await;
    let (org, _other) = (server.org("acme").await, server.org("globex").await);
    org.admin().await.delete("/organization/").await.expect(204);
    let directory = server.directory();
    let listed = directory.list_all_jobs(None, 10).await.unwrap();
    assert_eq!(
        listed.iter().map(|listed| (listed.org_id.as_deref(), listed.job.kind.as_str())).collect::<Vec<_>>(),
        [(None, "organization.erase")]
    );
    assert_eq!(directory.list_all_jobs(Some("globex"), 10).await, Ok(Vec::new()));
    assert!(directory.list_all_jobs(Some("acme"), 10).await.is_err());
    // Such a job is found by its id, too.
    let job = listed[0].job.job_id;
    server.advance_seconds(60);
    assert_eq!(directory.job_ages().await, Ok(vec![("organization.erase".to_owned(), 60)]));
    assert_eq!(directory.hurry_job(None, job).await.unwrap()[0].1, Handled::Underway, "it is due already");
    server.run_jobs().await;
    assert_eq!(directory.list_all_jobs(None, 10).await, Ok(Vec::new()));
    assert_eq!(directory.job_ages().await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_job_that_waits_after_a_failure_is_tried_again_when_an_operator_wants_it() {
    let server = TestServer::start().await;
    with_a_mail(&server).await;
    let directory = server.directory();
    let fail = async |permanent: bool| {
        let job = server.lease_jobs().await.remove(0);
        directory.fail_job(&job, "no route".to_owned(), permanent).await.unwrap();
    };
    fail(false).await;
    assert!(server.lease_jobs().await.is_empty());
    let id = directory.list_all_jobs(None, 10).await.unwrap()[0].job.job_id;
    assert_eq!(directory.hurry_job(Some("acme"), id).await.unwrap()[0].1, Handled::Done);
    fail(false).await;
    assert_eq!(directory.hurry_jobs(Some("acme")).await, Ok(1));
    fail(false).await;
    assert_eq!(directory.hurry_jobs(None).await, Ok(1));
    assert_eq!(directory.hurry_jobs(None).await, Ok(0), "it is due already");
    fail(true).await;
    assert_eq!(directory.hurry_jobs(None).await, Ok(0), "its payload is gone");
    assert_eq!(directory.hurry_job(None, id).await.unwrap()[0].1, Handled::GivenUp);
    assert_eq!(directory.drop_job(None, id).await.unwrap()[0].1, Handled::Done);
    assert!(directory.drop_job(None, id).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_erases_is_not_dropped_and_a_scrub_follows_what_is() {
    let server = TestServer::start().await;
    let org = with_a_mail(&server).await;
    let directory = server.directory();
    let listed = async || directory.list_all_jobs(None, 10).await.unwrap();
    let mail = listed().await[0].job.job_id;
    let leased = server.lease_jobs().await.remove(0);
    assert_eq!(directory.drop_job(None, mail).await.unwrap()[0].1, Handled::Underway);
    directory.hand_back_job(&leased).await.unwrap();
    assert_eq!(directory.drop_job(Some("acme"), mail).await.unwrap()[0].1, Handled::Done);
    let left = listed().await;
    assert_eq!(
        (left.len(), left[0].job.kind.as_str(), left[0].org_id.as_deref()),
        (1, "store.scrub", Some("acme"))
    );
    assert_eq!(directory.drop_job(None, left[0].job.job_id).await.unwrap()[0].1, Handled::Needed);
    assert_eq!(listed().await.len(), 1);
    let other = server.org("globex").await;
    assert!(directory.drop_job(Some(other.slug()), left[0].job.job_id).await.unwrap().is_empty());
    drop(org);
}
