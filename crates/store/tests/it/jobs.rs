//! Jobs run at least once and one worker at a time; a link works once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use denizen_domain::ids::{ObjectId, OrgKey};
use denizen_domain::member::Directory;
use denizen_domain::time::Timestamp;
use denizen_store::jobs::{self, Job, JobState, Lease};
use denizen_store::links::{self, Link, LinkPurpose};
use denizen_store::{Store, StoreError, holdings};

use crate::support::{NOW, ORG, TestStore, add, add_role, all, plain_user, user_id};

fn job_id(number: u64) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    ObjectId(bytes)
}

async fn insert(store: &Store, org: OrgKey, number: u64) {
    store.write(org, move |tx| jobs::insert(tx, job_id(number), "mail", None, "{}", NOW)).await.unwrap();
}

async fn lease(store: &Store, now: Timestamp, most: i64) -> Vec<Job> {
    let until = now.plus_seconds(60);
    store.write(OrgKey::CONTROL, move |tx| jobs::lease_due(tx, now, until, most)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_workers_hold_the_same_job() {
    let test = TestStore::empty();
    let beside = test.another_process();
    for number in 0..120 {
        insert(&test.store, OrgKey(1 + i64::try_from(number % 3).unwrap()), number).await;
    }
    let held: Arc<Mutex<BTreeMap<ObjectId, u32>>> = Arc::default();
    let workers = (0..8)
        .map(|worker| {
            let store = if worker % 2 == 0 { test.store.clone() } else { beside.clone() };
            let held = Arc::clone(&held);
            async move {
                loop {
                    let leased = lease(&store, NOW, 3).await;
                    if leased.is_empty() {
                        return;
                    }
                    for job in leased {
                        assert_eq!((job.state, job.attempts), (JobState::Running, 1));
                        *held.lock().unwrap().entry(job.job_id).or_default() += 1;
                    }
                }
            }
        })
        .collect();
    all(workers).await;
    let held = held.lock().unwrap();
    assert_eq!(held.len(), 120);
    assert!(held.values().all(|times| *times == 1));
    drop(beside);
}

fn attempt(number: i64) -> Lease {
    Lease { job_id: job_id(1), attempt: number }
}

async fn listed(store: &Store, org: OrgKey) -> Vec<Job> {
    store.read(org, |conn| jobs::list(conn, 10)).await.unwrap()
}

#[tokio::test]
async fn a_job_whose_worker_died_is_due_when_its_lease_has_run_out() {
    let test = TestStore::empty();
    insert(&test.store, ORG, 1).await;
    assert_eq!(lease(&test.store, NOW, 10).await.len(), 1);
    let next_due = async || test.store.read(OrgKey::CONTROL, jobs::next_due).await.unwrap();
    assert_eq!(next_due().await, Some(NOW.plus_seconds(60)));
    assert_eq!(lease(&test.store, NOW.plus_seconds(59), 10).await, []);
    let again = lease(&test.store, NOW.plus_seconds(60), 10).await;
    assert_eq!(again[0].lease(), attempt(2));
    assert_eq!(test.store.write(ORG, |tx| jobs::finish(tx, &attempt(2))).await, Ok(true));
    assert_eq!(next_due().await, None);
    assert_eq!(listed(&test.store, ORG).await, []);
}

#[tokio::test]
async fn a_lease_that_is_renewed_does_not_run_out() {
    let test = TestStore::empty();
    insert(&test.store, ORG, 1).await;
    lease(&test.store, NOW, 1).await;
    for seconds in [20, 40, 60, 80] {
        let now = NOW.plus_seconds(seconds);
        assert_eq!(lease(&test.store, now, 1).await, []);
        let until = now.plus_seconds(60);
        assert_eq!(test.store.write(ORG, move |tx| jobs::renew(tx, &attempt(1), until, now)).await, Ok(true));
    }
    assert_eq!(lease(&test.store, NOW.plus_seconds(139), 1).await, []);
    assert_eq!(lease(&test.store, NOW.plus_seconds(140), 1).await.len(), 1);
}

#[tokio::test]
async fn a_worker_whose_job_another_one_has_taken_over_changes_nothing() {
    let test = TestStore::empty();
    insert(&test.store, ORG, 1).await;
    lease(&test.store, NOW, 1).await;
    let later = NOW.plus_seconds(60);
    lease(&test.store, later, 1).await;
    let before = listed(&test.store, ORG).await;
    let stale = attempt(1);
    let report = move |tx: &denizen_store::Tx<'_>| {
        Ok::<_, StoreError>([
            jobs::renew(tx, &stale, later.plus_seconds(600), later)?,
            jobs::retry(tx, &stale, later.plus_seconds(600), "late", later)?,
            jobs::hand_back(tx, &stale, later)?,
            jobs::fail(tx, &stale, "late", later)?,
            jobs::finish(tx, &stale)?,
        ])
    };
    assert_eq!(test.store.write(ORG, report).await, Ok([false; 5]));
    assert_eq!(listed(&test.store, ORG).await, before);
    assert_eq!(
        lease(&test.store, later.plus_seconds(59), 1).await,
        [],
        "the other's lease is as long as it was"
    );
    // Nor does anybody report on what is not running.
    assert_eq!(test.store.write(ORG, move |tx| jobs::fail(tx, &attempt(2), "x", later)).await, Ok(true));
    assert_eq!(test.store.write(ORG, |tx| jobs::finish(tx, &attempt(2))).await, Ok(false));
}

#[tokio::test]
async fn a_job_that_is_handed_back_is_due_at_once_under_a_new_number() {
    let test = TestStore::empty();
    insert(&test.store, ORG, 1).await;
    lease(&test.store, NOW, 1).await;
    assert_eq!(test.store.write(ORG, |tx| jobs::hand_back(tx, &attempt(1), NOW)).await, Ok(true));
    let again = lease(&test.store, NOW, 1).await;
    assert_eq!((again[0].lease(), again[0].last_error.as_deref()), (attempt(2), None));
}

#[tokio::test]
async fn a_job_is_retried_later_and_given_up_visibly() {
    let test = TestStore::empty();
    insert(&test.store, ORG, 1).await;
    let later = NOW.plus_seconds(30);
    lease(&test.store, NOW, 1).await;
    let retried = test.store.write(ORG, move |tx| jobs::retry(tx, &attempt(1), later, "no route", NOW)).await;
    assert_eq!(retried, Ok(true));
    let seen = listed(&test.store, ORG).await;
    assert_eq!((seen[0].state, seen[0].last_error.as_deref()), (JobState::Waiting, Some("no route")));
    assert_eq!(lease(&test.store, NOW, 1).await, []);
    assert_eq!(lease(&test.store, later, 1).await.len(), 1);
    let failed = test.store.write(ORG, move |tx| jobs::fail(tx, &attempt(2), "refused", later)).await;
    assert_eq!(failed, Ok(true));
    assert_eq!(lease(&test.store, later.plus_seconds(1_000), 1).await, []);
    assert_eq!(
        test.store.read(OrgKey::CONTROL, jobs::counts).await,
        Ok(vec![("mail".to_owned(), JobState::Failed, 1)])
    );
    assert_eq!(listed(&test.store, ORG).await[0].attempts, 2);
}

#[tokio::test]
async fn jobs_with_the_data_of_an_erased_user_go_with_it() {
    let test = TestStore::empty();
    let insert = |tx: &denizen_store::Tx<'_>| {
        jobs::insert(tx, job_id(1), "mail", Some(user_id(1)), "{}", NOW)?;
        jobs::insert(tx, job_id(2), "mail", Some(user_id(2)), "{}", NOW)?;
        jobs::insert(tx, job_id(3), "mail", None, "{}", NOW)
    };
    test.store.write(ORG, insert).await.unwrap();
    test.store.write(OrgKey(2), insert).await.unwrap();
    test.store.write(ORG, |tx| holdings::erase_small(tx, Directory::Members, user_id(1))).await.unwrap();
    assert_eq!(listed(&test.store, ORG).await.len(), 2);
    assert_eq!(listed(&test.store, OrgKey(2)).await.len(), 3);
}

fn link(hash: u8) -> Link {
    Link {
        secret_hash: [hash; 32],
        user_id: user_id(1),
        purpose: LinkPurpose::SignIn,
        redirect: "https://example.com".to_owned(),
        expires_at: NOW.plus_seconds(900),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_follow_a_link_at_once_one_gets_in() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    add(&test.store, ORG, plain_user(1)).await;
    test.store.write(ORG, |tx| links::insert(tx, &link(1), NOW)).await.unwrap();
    assert_eq!(
        test.store.read(OrgKey(2), |conn| links::find(conn, &[1; 32])).await,
        Ok(None),
        "not another organization's"
    );
    let followers = (0..64)
        .map(|_| {
            let store = test.store.clone();
            async move { store.write(ORG, |tx| links::delete(tx, &[1; 32])).await.unwrap() }
        })
        .collect();
    assert_eq!(all(followers).await.into_iter().filter(|first| *first).count(), 1);
}

#[tokio::test]
async fn links_go_with_their_user_and_when_they_expire() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let user = add(&test.store, ORG, plain_user(1)).await;
    test.store.write(ORG, |tx| links::insert(tx, &link(1), NOW)).await.unwrap();
    test.store.write(ORG, |tx| links::insert(tx, &link(2), NOW.plus_seconds(900))).await.unwrap();
    let found =
        async |hash: u8| test.store.read(ORG, move |conn| links::find(conn, &[hash; 32])).await.unwrap();
    assert_eq!(
        (found(1).await, found(2).await),
        (None, Some(link(2))),
        "an expired link goes when the next one comes"
    );
    crate::support::delete(&test.store, ORG, user).await.unwrap();
    assert_eq!(found(2).await, None);
    let refused = test.store.write(ORG, |tx| links::insert(tx, &link(3), NOW)).await;
    assert!(matches!(refused, Err(StoreError::Constraint(_))));
}

#[tokio::test]
async fn mails_that_are_held_are_leased_by_nobody_until_they_are_made_due() {
    let test = TestStore::empty();
    let kinds = [(1, "mail.invitation"), (2, "mail.operator"), (3, "user.erase"), (4, "mail.magic_link")];
    for (number, kind) in kinds {
        let now = Timestamp(NOW.0 - 10 + i64::try_from(number).unwrap());
        let insert =
            move |tx: &denizen_store::Tx<'_>| jobs::insert(tx, job_id(number), kind, None, "{}", now);
        test.store.write(OrgKey(1 + i64::try_from(number % 2).unwrap()), insert).await.unwrap();
    }
    // The first is being worked on.
    assert_eq!(lease(&test.store, NOW, 1).await[0].job_id, job_id(1));
    let hold = async |leased_until| {
        let hold = move |tx: &denizen_store::Tx<'_>| jobs::hold_mails(tx, leased_until, NOW);
        test.store.write(OrgKey::CONTROL, hold).await.unwrap()
    };
    assert_eq!(hold(NOW).await, 2, "whoever has a mail goes on with it");
    assert_eq!(hold(Timestamp(i64::MAX)).await, 1, "nobody has it in a store that was put back");
    assert_eq!(hold(Timestamp(i64::MAX)).await, 0, "all are held");
    let later = NOW.plus_seconds(3_600 * 24 * 365);
    let ids = |jobs: Vec<Job>| jobs.iter().map(|job| job.job_id).collect::<Vec<_>>();
    assert_eq!(ids(lease(&test.store, later, 9).await), [job_id(3)]);
    let held = listed(&test.store, OrgKey(2)).await;
    assert!(held[0].last_error.as_deref().is_some_and(|why| why.starts_with("held")), "{held:?}");

    test.store.write(OrgKey::CONTROL, move |tx| jobs::hurry_all(tx, later)).await.unwrap();
    let mut due = ids(lease(&test.store, later, 9).await);
    due.sort_unstable();
    assert_eq!(due, [job_id(1), job_id(2), job_id(4)]);
}
