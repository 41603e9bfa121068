//! Moving an organization: cut off at every step, mended in every way, and met by everybody who could be in its way.

use std::collections::BTreeSet;
use std::future::pending;
use std::panic::{AssertUnwindSafe, resume_unwind};

use denizen_directory::Credentials;
use denizen_directory::organizations::NewOrganization;
use denizen_directory::relocation::{MoveError, MoveOrder, MoveReport, MoveStep};
use denizen_domain::ids::OrgKey;
use denizen_domain::text::{ClusterName, Slug};
use denizen_store::Store;
use denizen_store::relocation::{Phase, has_rows};
use denizen_testkit::{Engines, FAR, ORIGIN, TestCaller, TestOrg, TestServer};
use futures_util::FutureExt as _;

fn other() -> ClusterName {
    ClusterName::parse(FAR).unwrap()
}

/// A server over two databases: on these engines, where both are there.
async fn start(engines: Engines) -> TestServer {
    match TestServer::over(engines).await {
        Some(server) => server,
        None => TestServer::over_two_clusters().await,
    }
}

fn order(slug: &str, target: ClusterName) -> MoveOrder {
    MoveOrder { slug: slug.to_owned(), target, wait_seconds: 0 }
}

async fn relocate(server: &TestServer, slug: &str, target: ClusterName) -> Result<MoveReport, MoveError> {
    server.directory().move_organization(&order(slug, target), pending(), &|_| ()).await
}

async fn lives_in(server: &TestServer, slug: &str) -> ClusterName {
    let listed = server.directory().list_clusters(None).await.unwrap();
    let shown = server.directory().show_organization(slug).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.moves.len()).sum::<usize>(), 0, "a move is under way still");
    shown.cluster
}

async fn is_in(store: &Store, org: OrgKey) -> bool {
    store.scan(org, has_rows).await.unwrap()
}

async fn emails(caller: &TestCaller) -> BTreeSet<String> {
    let listed = caller.get("/user/?limit=100").await.expect(200).json();
    let users = listed["users"].as_array().unwrap();
    let emails: BTreeSet<String> =
        users.iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect();
    assert_eq!(emails.len(), users.len());
    emails
}

/// Adds a member; the status.
async fn invite(org: &TestOrg, caller: &TestCaller) -> u16 {
    let mut body = org.invitation("DefaultUserRole");
    body["login_link"] = format!("{ORIGIN}/welcome").into();
    caller.post("/user/", &body).await.status
}

/// Where a mover is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// When writes are refused, and nothing is copied.
    Shut,
    Counted,
    /// Amid the tables.
    Copying,
    Comparing,
    /// When there is no way back, and the map still says what it said.
    Switching,
}

const CUTS: [Cut; 5] = [Cut::Shut, Cut::Counted, Cut::Copying, Cut::Comparing, Cut::Switching];

fn is_at(step: &MoveStep, cut: Cut) -> bool {
    match (step, cut) {
        (MoveStep::Shut, Cut::Shut)
        | (MoveStep::Counted(_), Cut::Counted)
        | (MoveStep::Switching, Cut::Switching) => true,
        (MoveStep::Table(step), Cut::Copying) => step.phase == Phase::Copying && step.table == "users",
        (MoveStep::Table(step), Cut::Comparing) => step.phase == Phase::Comparing && step.table == "users",
        _ => false,
    }
}

/// Moves an organization to the other cluster, in a process that dies.
async fn die_at(server: &TestServer, slug: &str, cut: Cut) {
    let mover = server.another_process().await;
    let tell = move |step: MoveStep| {
        if is_at(&step, cut) {
            // What a process had in memory is gone with it, and nobody clears up.
            resume_unwind(Box::new("cut off"));
        }
    };
    let wanted = order(slug, other());
    let moving = mover.directory().move_organization(&wanted, pending(), &tell);
    let died = AssertUnwindSafe(moving).catch_unwind().await;
    assert!(died.is_err(), "{cut:?}: it ended instead: {died:?}");
}

/// What brings an organization back to order after its mover has died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    Write,
    Call,
    Job,
    Cancel,
}

/// After half a minute in which nobody was heard of.
const LAPSE: i64 = 31;

async fn is_mended(cut: Cut, remedy: Remedy) {
    let place = format!("{cut:?} and {remedy:?}");
    let engines = match remedy {
        Remedy::Write | Remedy::Job => Engines::Mixed,
        Remedy::Call => Engines::MixedReversed,
        Remedy::Cancel => Engines::Alike,
    };
    let server = start(engines).await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    for _ in 0..3 {
        assert_eq!(invite(&org, &admin).await, 201);
    }
    server.run_jobs().await;
    let (key, before) = (org.key_in_store().await, emails(&admin).await);
    die_at(&server, "acme", cut).await;
    assert_eq!(emails(&admin).await, before, "{place}: reads go on");
    let has_moved = cut == Cut::Switching;
    let mut arrived = has_moved;
    match remedy {
        Remedy::Write => {
            if !has_moved {
                assert_eq!(invite(&org, &admin).await, 503, "{place}: the mover may be alive");
                server.advance_seconds(LAPSE);
            }
        }
        Remedy::Call => {
            if !has_moved {
                let refused = relocate(&server, "acme", other()).await;
                assert!(
                    matches!(refused, Err(MoveError::UnderWay { since: Some(_), .. })),
                    "{place}: {refused:?}"
                );
                server.advance_seconds(LAPSE);
            }
            let moved = relocate(&server, "acme", other()).await.unwrap();
            assert_eq!(moved.was_cut_off, has_moved, "{place}");
            arrived = true;
        }
        Remedy::Job => {
            server.advance_seconds(61);
            server.run_jobs().await;
            assert_eq!(lives_in(&server, "acme").await == other(), has_moved, "{place}");
        }
        Remedy::Cancel => {
            let cancelled = server.directory().cancel_move("acme").await;
            assert_eq!(
                cancelled,
                if has_moved { Err(MoveError::TooLate(other())) } else { Ok(Some(other())) },
                "{place}"
            );
        }
    }
    assert_eq!(invite(&org, &admin).await, 201, "{place}");
    // Whatever is left to be done is done by jobs.
    for _ in 0..4 {
        server.advance_seconds(61);
        server.run_jobs().await;
    }
    assert_eq!(lives_in(&server, "acme").await == other(), arrived, "{place}");
    let after = emails(&admin).await;
    assert!(after.is_superset(&before) && after.len() == before.len() + 1, "{place}: {after:?}");
    assert_eq!(is_in(server.store(), key).await, !arrived, "{place}");
    assert_eq!(is_in(&server.far_store().await, key).await, arrived, "{place}");
    assert_eq!(server.store().check().await.unwrap(), Vec::<String>::new(), "{place}");
    assert_eq!(server.far_store().await.check().await.unwrap(), Vec::<String>::new(), "{place}");
    // Its jobs are done as before.
    assert_eq!(invite(&org, &admin).await, 201, "{place}");
    assert_eq!(server.run_jobs().await.len(), 1, "{place}: the mail is sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_mover_died_the_next_write_opens_the_gate_or_switches_the_map() {
    for cut in CUTS {
        is_mended(cut, Remedy::Write).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_mover_died_the_next_call_begins_again_or_ends_the_move() {
    for cut in CUTS {
        is_mended(cut, Remedy::Call).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_mover_died_a_job_clears_away_what_it_has_copied() {
    for cut in CUTS {
        is_mended(cut, Remedy::Job).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_can_be_cancelled_until_it_has_arrived() {
    for cut in CUTS {
        is_mended(cut, Remedy::Cancel).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_moves_there_and_back_with_everything() {
    let server = start(Engines::Mixed).await;
    let (org, neighbour) = (server.org("acme").await, server.org("globex").await);
    let (admin, other_admin) = (org.admin().await, neighbour.admin().await);
    for _ in 0..3 {
        assert_eq!(invite(&org, &admin).await, 201);
    }
    let (before, theirs) = (emails(&admin).await, emails(&other_admin).await);
    for target in [other(), ClusterName::MAIN] {
        let moved = relocate(&server, "acme", target.clone()).await.unwrap();
        assert!(moved.keeps_tokens && moved.rows > 5, "{moved:?}");
        assert_eq!(lives_in(&server, "acme").await, target);
        assert_eq!(emails(&admin).await, before);
        assert_eq!(emails(&other_admin).await, theirs);
        // At once, before what is left behind is erased.
    }
    assert_eq!(server.run_jobs().await.len(), 3, "the mails have gone along, and are sent once");
    for _ in 0..3 {
        server.advance_seconds(61);
        assert_eq!(server.run_jobs().await.len(), 0);
    }
    let key = org.key_in_store().await;
    assert!(is_in(server.store(), key).await && !is_in(&server.far_store().await, key).await);
    assert_eq!(emails(&admin).await, before);
    assert_eq!(invite(&org, &admin).await, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_move_leaves_everything_as_it_was_at_once() {
    let server = start(Engines::Mixed).await;
    let org = server.org("acme").await;
    let (admin, key) = (org.admin().await, org.key_in_store().await);
    let (send, stop) = tokio::sync::oneshot::channel::<()>();
    let send = std::sync::Mutex::new(Some(send));
    let tell = move |step: MoveStep| {
        if is_at(&step, Cut::Comparing) {
            send.lock().unwrap().take();
        }
    };
    let wanted = order("acme", other());
    let stop = async { drop(stop.await) };
    let stopped = server.directory().move_organization(&wanted, stop, &tell).await;
    assert_eq!(stopped.map(|moved| moved.rows), Err(MoveError::Stopped));
    assert_eq!(invite(&org, &admin).await, 201);
    assert_eq!(lives_in(&server, "acme").await, ClusterName::MAIN);
    assert!(!is_in(&server.far_store().await, key).await);
    relocate(&server, "acme", other()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mover_whose_move_is_cancelled_meanwhile_says_so() {
    let server = start(Engines::Mixed).await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let process = server.another_process().await;
    let cancelled = std::sync::Mutex::new(None);
    let tell = |step: MoveStep| {
        if is_at(&step, Cut::Copying) && cancelled.lock().unwrap().is_none() {
            let cancel = process.directory().cancel_move("acme");
            let answer = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(cancel));
            *cancelled.lock().unwrap() = Some(answer);
        }
    };
    let wanted = order("acme", other());
    let moved = server.directory().move_organization(&wanted, pending(), &tell).await;
    assert_eq!(moved.map(|moved| moved.rows), Err(MoveError::Lost));
    assert_eq!(cancelled.into_inner().unwrap(), Some(Ok(Some(other()))));
    assert_eq!(invite(&org, &admin).await, 201);
    assert_eq!(lives_in(&server, "acme").await, ClusterName::MAIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_movers_one_moves() {
    let server = start(Engines::Mixed).await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let before = emails(&admin).await;
    for round in 0..4 {
        let target = if round % 2 == 0 { other() } else { ClusterName::MAIN };
        let process = server.another_process().await;
        let (one, two) = tokio::join!(
            relocate(&server, "acme", target.clone()),
            relocate(&process, "acme", target.clone())
        );
        let moved = [&one, &two].iter().filter(|moved| moved.is_ok()).count();
        assert!(moved >= 1, "{one:?}, {two:?}");
        for refused in [one, two].into_iter().filter_map(Result::err) {
            let known =
                matches!(refused, MoveError::UnderWay { .. } | MoveError::AlreadyThere(_) | MoveError::Lost);
            assert!(known, "{refused:?}");
        }
        assert_eq!(lives_in(&server, "acme").await, target);
        assert_eq!(emails(&admin).await.len(), before.len() + round);
        assert_eq!(invite(&org, &admin).await, 201);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_are_worked_on_are_waited_for_and_no_more_are_begun() {
    let server = start(Engines::Mixed).await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    server.run_jobs().await;
    assert_eq!(invite(&org, &admin).await, 201);
    let held = server.lease_jobs().await;
    assert_eq!(held.len(), 1);
    let refused = relocate(&server, "acme", other()).await;
    assert_eq!(refused.map(|moved| moved.rows), Err(MoveError::Busy(1)));
    assert_eq!(invite(&org, &admin).await, 201, "all is as it was");
    server.directory().finish_job(&held[0]).await.unwrap();
    relocate(&server, "acme", other()).await.unwrap();
    assert_eq!(server.run_jobs().await.len(), 1, "the second mail is sent from there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused() {
    let server = start(Engines::Mixed).await;
    let org = server.org("acme").await;
    let refused = async |slug, target: &str| {
        relocate(&server, slug, ClusterName::parse(target).unwrap()).await.map(|moved| moved.rows)
    };
    assert_eq!(refused("nobody", FAR).await, Err(MoveError::OrganizationNotFound));
    let nowhere = ClusterName::parse("nowhere").unwrap();
    assert_eq!(refused("acme", "nowhere").await, Err(MoveError::ClusterNotFound(nowhere)));
    assert_eq!(refused("acme", "main").await, Err(MoveError::AlreadyThere(ClusterName::MAIN)));
    assert_eq!(server.directory().cancel_move("acme").await, Err(MoveError::NotMoving));
    let admin = org.admin().await;
    assert_eq!(admin.delete("/organization/").await.status, 204);
    assert_eq!(refused("acme", FAR).await, Err(MoveError::OrganizationNotFound));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_that_moves_is_not_deleted_and_one_that_moved_is_erased_everywhere() {
    let server = start(Engines::Mixed).await;
    let org = server.org("acme").await;
    let (admin, key) = (org.admin().await, org.key_in_store().await);
    die_at(&server, "acme", Cut::Copying).await;
    assert_eq!(admin.delete("/organization/").await.status, 503);
    server.advance_seconds(LAPSE);
    relocate(&server, "acme", other()).await.unwrap();
    admin.delete("/organization/").await.expect(204);
    for _ in 0..4 {
        server.advance_seconds(61);
        server.run_jobs().await;
    }
    assert!(!is_in(server.store(), key).await && !is_in(&server.far_store().await, key).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_whose_mover_died_can_be_deleted() {
    let server = start(Engines::Mixed).await;
    let org = server.org("acme").await;
    let (admin, key) = (org.admin().await, org.key_in_store().await);
    die_at(&server, "acme", Cut::Comparing).await;
    server.advance_seconds(LAPSE);
    admin.delete("/organization/").await.expect(204);
    for _ in 0..4 {
        server.advance_seconds(61);
        server.run_jobs().await;
    }
    assert!(!is_in(server.store(), key).await && !is_in(&server.far_store().await, key).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parents_and_children_may_live_in_different_clusters() {
    let server = start(Engines::Mixed).await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let directory = server.directory();
    let known =
        directory.authenticate(Credentials::Token(&admin.token), "child", Some("acme")).await.unwrap();
    let new = NewOrganization::named(Slug::parse("child").unwrap(), "Child");
    directory.create_child_organization(&known, &"test".into(), new, None).await.unwrap();
    for (slug, target) in [("acme", other()), ("child", other()), ("acme", ClusterName::MAIN)] {
        relocate(&server, slug, target).await.unwrap();
        let in_child = admin.in_org("child").naming("acme");
        assert_eq!(in_child.get("/user/").await.status, 200, "{slug}");
        assert_eq!(invite(&org, &in_child).await, 201, "{slug}");
        assert_eq!(invite(&org, &admin).await, 201, "{slug}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_records_is_told_where_to_go_on_when_its_organization_moves() {
    let server = start(Engines::Mixed).await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let line = |number: u32| {
        format!(
            "{{\"type\":\"user\",\"user_id\":\"{number:024x}\",\"email\":\"{number}@example.com\",\"first_name\":\"A\",\"last_name\":\"B\"}}\n"
        )
    };
    let lines: String = (1..=3).map(line).collect();
    die_at(&server, "acme", Cut::Copying).await;
    let stopped = admin.ingest(lines.clone()).await.expect(200).lines().remove(0);
    assert_eq!(stopped["stopped"]["code"], "organization_moving");
    assert_eq!(stopped["stopped"]["line"], 1);
    server.advance_seconds(LAPSE);
    relocate(&server, "acme", other()).await.unwrap();
    let summary = admin.ingest(lines).await.expect(200).lines().pop().unwrap();
    assert_eq!(summary["summary"]["created"], 3, "{summary}");
}
