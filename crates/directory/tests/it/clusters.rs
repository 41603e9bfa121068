//! Organizations in several databases: who may place them where, what is cut off in between, and what happens to those who
//! were told of a place that is the right one no longer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use denizen_directory::ErrorCode;
use denizen_directory::clusters::{Allowed, ClusterChanges, ClusterError, NewCluster};
use denizen_directory::organizations::{FirstAdmin, NewOrganization};
use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::text::{ClusterName, Email, Slug};
use denizen_store::clusters::registry::{self, Belonging};
use denizen_store::gate::{self, GateState};
use denizen_store::relocation::{Batches, Relocation};
use denizen_store::{SqliteOptions, Store, StoreError, control, users};
use denizen_testkit::{FAR, NOON, ORIGIN, TestCaller, TestOrg, TestServer};
use serde_json::json;

fn name(text: &str) -> ClusterName {
    ClusterName::parse(text).unwrap()
}

/// Makes an organization on behalf of a caller, past the pictures that the wire asks for.
async fn make_child(caller: &TestCaller, slug: &str, cluster: Option<&str>) -> Result<Slug, ErrorCode> {
    let directory = caller.server.directory();
    let credentials = denizen_directory::Credentials::Token(&caller.token);
    let known = directory.authenticate(credentials, slug, Some(&caller.organization)).await.unwrap();
    let new = NewOrganization::named(Slug::parse(slug).unwrap(), slug);
    directory
        .create_child_organization(&known, &"test".into(), new, cluster)
        .await
        .map_err(|error| error.code)
}

async fn make(server: &TestServer, slug: &str, cluster: &str) -> Result<String, ErrorCode> {
    let new = NewOrganization::named(Slug::parse(slug).unwrap(), slug);
    let email = Email::parse("ada@acme.example").unwrap();
    let admin = FirstAdmin { first_name: "Ada".to_owned(), last_name: "Lovelace".to_owned(), email };
    let made = server.directory().create_organization(new, admin, &name(cluster)).await;
    made.map(|made| made.member_id).map_err(|error| error.code)
}

async fn lives_in(server: &TestServer, slug: &str) -> String {
    server.directory().show_organization(slug).await.unwrap().cluster.to_string()
}

async fn members(store: &Store, org: OrgKey) -> i64 {
    store.read(org, |conn| users::count(conn, UserDirectory::Members)).await.unwrap()
}

fn file(path: &Path) -> Store {
    Store::open(SqliteOptions::new(path.to_path_buf()), NOON).unwrap()
}

fn new_cluster(text: &str, path: &Path) -> NewCluster {
    let url = format!("sqlite:{}", path.display());
    NewCluster { name: name(text), url, replica_url: None, allowed: Allowed::Everyone }
}

/// A little of everything that organizations do, in one that lives in the cluster.
async fn is_alive(org: &TestOrg) {
    let admin = org.admin().await;
    let caller = org.caller("DefaultAdministratorRole").await;
    let body = org.invitation("DefaultUserRole");
    let user_id = caller.post("/user/", &body).await.expect(201).str_at("/user_id");
    let found = caller.get("/user/search/?query=Some%20Body").await.expect(200);
    assert!(found.each("users", "user_id").contains(&user_id), "{found}");
    admin.post(&format!("/user/{user_id}/verify"), &json!({})).await.expect(204);
    let body = json!({"email": body["email"], "redirect_link": ORIGIN});
    org.server.anonymous("POST", &org.path("/user/signin"), Some(&body)).await.expect(200);
    let mails = org.server.run_jobs().await;
    assert!(!mails.is_empty());
    admin.delete(&format!("/user/{user_id}")).await.expect(200);
    org.server.run_jobs().await;
    let report = format!("/user/?user_id={user_id}");
    assert!(admin.get(&report).await.expect(200).each("users", "user_id").is_empty());
}

#[tokio::test]
async fn organizations_of_two_databases_live_side_by_side() {
    let server = TestServer::over_two_clusters().await;
    let (near, far) = (server.org("near").await, server.org_in("afar", FAR).await);
    is_alive(&near).await;
    is_alive(&far).await;
    assert_eq!(
        (lives_in(&server, "near").await, lives_in(&server, "afar").await),
        ("main".into(), FAR.into())
    );
    let key = far.key_in_store().await;
    assert_eq!(members(server.store(), key).await, 0, "nothing of it lies in main");
    assert_eq!(members(&server.far_store().await, key).await, 2);
    server.assert_consistent().await;
}

#[tokio::test]
async fn a_caller_places_organizations_on_the_own_cluster_and_on_those_where_the_own_organization_may() {
    let server = TestServer::over_two_clusters().await;
    let near = server.org("near").await.admin().await;
    let far = server.org_in("afar", FAR).await.admin().await;
    // Nobody said where: where the caller lives.
    make_child(&near, "near-child", None).await.unwrap();
    make_child(&far, "far-child", None).await.unwrap();
    assert_eq!(lives_in(&server, "near-child").await, "main");
    assert_eq!(lives_in(&server, "far-child").await, FAR);
    make_child(&near, "sent", Some(FAR)).await.unwrap();
    assert_eq!(lives_in(&server, "sent").await, FAR);
    make_child(&near, "kept", Some("main")).await.unwrap();
    // `main` is not for those who live elsewhere, and is for them like what is not there.
    for cluster in ["main", "nowhere", "No Name", ""] {
        assert_eq!(make_child(&far, "no", Some(cluster)).await, Err(ErrorCode::ClusterNotFound), "{cluster}");
    }
    let allowed = Some(Allowed::Only(vec!["kept".to_owned()]));
    let changes = ClusterChanges { allowed, ..ClusterChanges::default() };
    server.directory().set_cluster(&name(FAR), changes).await.unwrap();
    assert_eq!(make_child(&near, "no", Some(FAR)).await, Err(ErrorCode::ClusterNotFound));
    make_child(&far, "still", Some(FAR)).await.unwrap();
    assert_eq!(server.directory().find_organization("no").await.map(|found| found.is_none()), Ok(true));
}

#[tokio::test]
async fn a_parent_acts_in_its_child_in_another_database_and_leaves_a_tombstone_at_home() {
    let server = TestServer::over_two_clusters().await;
    let org = server.org("acme").await;
    let creator = org.caller("DefaultSuperAdministratorRole").await;
    make_child(&creator, "child", Some(FAR)).await.unwrap();
    let inside = creator.in_org("child").naming("acme");
    inside.post("/user/", &org.invitation("DefaultUserRole")).await.expect(201);
    let body = json!({"name": null, "duration": "P1D", "role_name": "DefaultUserRole"});
    inside.post("/organization/api_key/", &body).await.expect(201);
    let key = inside.get("/organization/api_key/").await.json()["api_keys"][0].clone();
    assert_eq!(key["creator"], json!({"user_id": creator.user_id, "org_id": "acme"}));
    let deleted = org.admin().await.delete(&format!("/user/{}", creator.user_id)).await.expect(200).json();
    assert_eq!(deleted["not_deletable_reasons"].as_array().unwrap().len(), 1);
    org.admin().await.delete("/organization/").await.expect(204);
    server.run_jobs().await;
    assert_eq!(lives_in(&server, "child").await, FAR, "a child outlives its parent");
    server.assert_consistent().await;
}

/// Moves an organization by hand, but for what becomes of the rows where it was.
async fn move_by_hand(
    server: &TestServer,
    org: OrgKey,
    (from, source): (&str, &Store),
    (to, target): (&str, &Store),
) {
    let (owner, now) = (Uuid([9; 16]), NOON);
    let until = now.plus_seconds(60);
    let take =
        move |tx: &denizen_store::Tx<'_>| gate::take(tx, (GateState::Closed, owner, until), false, now);
    assert!(source.write_gate(org, take).await.unwrap());
    source.write_gate(org, gate::wait_for_writers).await.unwrap();
    let relocation = Relocation::prepare((source, target), org, Arc::new(|_| Ok(())), Batches::default());
    relocation.await.unwrap().copy(&|_| ()).await.unwrap();
    assert!(source.write_gate(org, move |tx| gate::set_moved(tx, owner)).await.unwrap());
    let (from, to) = (name(from), name(to));
    let switch = move |tx: &denizen_store::Tx<'_>| control::set_cluster(tx, org, &from, &to);
    assert!(server.store().write_barred(OrgKey::CONTROL, switch).await.unwrap());
}

#[tokio::test]
async fn a_write_that_is_led_where_its_organization_was_is_refused_there_and_done_once_where_it_is() {
    let server = TestServer::over_two_clusters().await;
    let org = server.org_in("acme", FAR).await;
    let other = server.another_process().await;
    let there = org.admin().await.at(&other);
    there.get("/user/").await.expect(200);
    let (key, main, far) = (org.key_in_store().await, server.store().clone(), server.far_store().await);
    move_by_hand(&server, key, (FAR, &far), ("main", &main)).await;

    // The other process believes still that it lives there.
    other.clusters().note(key, &name(FAR), &other.clusters().mark_map());
    let barred = other.clusters().write(key, |tx| users::count(tx, UserDirectory::Members)).await;
    assert_eq!(barred, Err(StoreError::Barred));
    other.clusters().note(key, &name(FAR), &other.clusters().mark_map());
    let body = org.invitation("DefaultUserRole");
    there.post("/user/", &body).await.expect(201);
    assert_eq!((members(&main, key).await, members(&far, key).await), (2, 1));
    there.post("/user/", &body).await.expect(409);
    // A read that comes too late finds what was there.
    other.clusters().note(key, &name(FAR), &other.clusters().mark_map());
    assert_eq!(there.get("/user/").await.expect(200).each("users", "user_id").len(), 1);
    server.advance_seconds(1);
    assert_eq!(there.get("/user/").await.expect(200).each("users", "user_id").len(), 2);
    assert_eq!(main.check().await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_organization_whose_making_was_cut_off_is_taken_over_after_a_minute_and_not_before() {
    let server = TestServer::over_two_clusters().await;
    let slug = Slug::parse("acme").unwrap();
    let (at, far) = (slug.clone(), name(FAR));
    let insert = move |tx: &denizen_store::Tx<'_>| {
        control::insert_organization(tx, Uuid([8; 16]), &at, &far, None, NOON)
    };
    let key = server.store().write_barred(OrgKey::CONTROL, insert).await.unwrap().unwrap();
    assert_eq!(server.directory().find_organization("acme").await.map(|found| found.is_none()), Ok(true));
    assert_eq!(server.directory().list_organizations().await.unwrap().len(), 0);
    server.advance_seconds(60);
    for cluster in ["main", FAR] {
        assert_eq!(make(&server, "acme", cluster).await, Err(ErrorCode::OrganizationExists));
    }
    server.advance_seconds(1);
    make(&server, "acme", "main").await.unwrap();
    assert_eq!(server.directory().find_organization("acme").await.unwrap().unwrap().org, key);
    assert_eq!(lives_in(&server, "acme").await, "main");
    server.advance_seconds(3_600);
    assert_eq!(make(&server, "acme", FAR).await, Err(ErrorCode::OrganizationExists), "it is whole now");
    server.assert_consistent().await;
}

/// Shuts the gate for a deletion and does no more of it; then what `remedy` does ends it.
async fn deletion_is_ended_by(remedy: impl AsyncFn(&TestCaller, &TestOrg)) {
    let server = TestServer::over_two_clusters().await;
    let org = server.org_in("acme", FAR).await;
    let admin = org.admin().await;
    let (key, far) = (org.key_in_store().await, server.far_store().await);
    assert!(far.write_gate(key, |tx| gate::set_deleted(tx, NOON)).await.unwrap());
    admin.get("/user/").await.expect(200);
    remedy(&admin, &org).await;
    admin.get("/user/").await.expect(401);
    assert_eq!(server.run_jobs().await, []);
    assert_eq!(members(&far, key).await, 0);
    assert_eq!(server.directory().job_counts().await, Ok(Vec::new()));
    server.assert_consistent().await;
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_can_be_repeated() {
    deletion_is_ended_by(async |admin, _| drop(admin.delete("/organization/").await.expect(204))).await;
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_is_ended_by_the_next_write() {
    let write = async |admin: &TestCaller, org: &TestOrg| {
        admin.post("/user/", &org.invitation("DefaultUserRole")).await.expect(404);
    };
    deletion_is_ended_by(write).await;
}

#[tokio::test]
async fn a_database_that_is_something_else_becomes_no_cluster() {
    let server = TestServer::over_two_clusters().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |text: &str| folder.path().join(text);
    let add = async |new: NewCluster| server.directory().add_cluster(new).await;
    let wrong = |refused: Result<(), ClusterError>, reason: &str| match refused {
        Err(ClusterError::WrongDatabase(said)) => assert!(said.contains(reason), "{said}"),
        other => panic!("{other:?}"),
    };
    assert!(matches!(add(new_cluster("main", &path("a"))).await, Err(ClusterError::IsMain)));
    assert!(matches!(add(new_cluster(FAR, &path("a"))).await, Err(ClusterError::NameTaken)));
    assert!(!path("a").exists(), "what is refused by its name is not begun");

    let foreign = file(&path("foreign"));
    let theirs = Belonging { installation: Uuid([1; 16]), cluster: name("theirs") };
    foreign.write(OrgKey::CONTROL, move |tx| registry::belong(tx, &theirs)).await.unwrap();
    wrong(add(new_cluster("one", &path("foreign"))).await, "another installation");

    let old = file(&path("old"));
    let slug = Slug::parse("acme").unwrap();
    let insert = move |tx: &denizen_store::Tx<'_>| {
        control::insert_organization(tx, Uuid([8; 16]), &slug, &ClusterName::MAIN, None, NOON)
    };
    old.write_barred(OrgKey::CONTROL, insert).await.unwrap().unwrap();
    wrong(add(new_cluster("one", &path("old"))).await, "organizations of its own");

    let installation = server.clusters().installation().await.unwrap();
    for (text, reason) in [("main", "is main"), (FAR, "is the cluster far")] {
        let ours = Belonging { installation, cluster: name(text) };
        file(&path(text)).write(OrgKey::CONTROL, move |tx| registry::belong(tx, &ours)).await.unwrap();
        wrong(add(new_cluster("one", &path(text))).await, reason);
    }
    let listed = server.directory().list_clusters(None).await.unwrap();
    assert_eq!(listed.iter().map(|cluster| cluster.name.as_str()).collect::<Vec<_>>(), ["main", FAR]);
}

#[tokio::test]
async fn adding_that_was_cut_off_is_taken_up_and_a_removed_database_is_nobodys() {
    let server = TestServer::over_two_clusters().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.db");
    let installation = server.clusters().installation().await.unwrap();
    let half = Belonging { installation, cluster: name("one") };
    file(&path).write(OrgKey::CONTROL, move |tx| registry::belong(tx, &half)).await.unwrap();
    server.directory().add_cluster(new_cluster("one", &path)).await.unwrap();
    let org = server.org_in("acme", "one").await;
    is_alive(&org).await;

    let remove = async |lost: bool| server.directory().remove_cluster(&name("one"), lost).await;
    assert!(matches!(remove(false).await, Err(ClusterError::Needed(reason)) if reason.contains("acme")));
    assert!(matches!(remove(true).await, Err(ClusterError::Needed(reason)) if reason.contains("acme")));
    org.admin().await.delete("/organization/").await.expect(204);
    assert!(matches!(remove(false).await, Err(ClusterError::Needed(reason)) if reason.contains("erased")));
    server.run_jobs().await;
    remove(false).await.unwrap();
    assert!(matches!(remove(false).await, Err(ClusterError::Unknown)));
    assert_eq!(file(&path).read(OrgKey::CONTROL, registry::belonging).await, Ok(None));
    assert_eq!(make(&server, "acme", "one").await, Err(ErrorCode::ClusterNotFound));
    server.directory().add_cluster(new_cluster("two", &path)).await.unwrap();
    is_alive(&server.org_in("acme", "two").await).await;
}

#[tokio::test]
async fn who_lives_in_a_cluster_that_is_gone_is_refused_for_now_and_everything_else_goes_on() {
    let server = TestServer::over_two_clusters().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.db");
    server.directory().add_cluster(new_cluster("one", &path)).await.unwrap();
    let (near, lost) = (server.org("near").await.admin().await, server.org_in("lost", "one").await);
    let admin = lost.admin().await;
    let away = folder.path().join("away.db");
    server.clusters().at(&name("one")).await.unwrap().scrub().await.unwrap();
    std::fs::rename(&path, &away).unwrap();

    // A process that had not opened it.
    let other = server.another_process().await;
    for _ in 0..2 {
        let refused = admin.at(&other).get("/user/").await.expect(503);
        assert!(refused.header("retry-after").is_some(), "{refused}");
    }
    near.at(&other).get("/user/").await.expect(200);
    near.at(&other)
        .post("/user/signin", &json!({"email": "admin@near.example", "redirect_link": ORIGIN}))
        .await
        .expect(200);
    assert_eq!(other.run_jobs().await.len(), 1);
    let directory = other.directory();
    let listed = directory.list_organizations().await.unwrap();
    let seen: Vec<_> = listed.iter().map(|one| (one.org_id().as_str(), one.seen().is_some())).collect();
    assert_eq!(seen, [("lost", false), ("near", true)]);
    assert_eq!(directory.has_linked_accounts(10).await, Ok(false));
    assert_eq!(directory.job_counts().await, Ok(Vec::new()));
    assert_eq!(directory.list_all_jobs(None, 10).await, Ok(Vec::new()));
    assert_eq!((directory.hurry_jobs(None).await, directory.hold_mails().await), (Ok(0), Ok(0)));
    assert_eq!(directory.failing_clusters().len(), 1);
    let up = async || directory.look_at_clusters().await.into_iter().filter(|(_, up)| *up).count();
    assert_eq!(up().await, 2);
    let clusters = directory.list_clusters(None).await.unwrap();
    assert!(clusters.iter().all(|one| one.unreachable.is_some() == (one.name.as_str() == "one")));

    std::fs::rename(&away, &path).unwrap();
    let begun = Instant::now();
    while up().await < 3 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is not used again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    admin.at(&other).get("/user/").await.expect(200);
    assert_eq!(directory.failing_clusters(), []);
}

/// Left out where the tests do not run on PostgreSQL, for there is only one engine then.
mod postgres {
    use denizen_testkit::Engines;

    use super::*;

    #[tokio::test]
    async fn the_two_databases_may_be_of_two_engines() {
        for engines in [Engines::Mixed, Engines::MixedReversed] {
            let Some(server) = TestServer::over(engines).await else { return };
            is_alive(&server.org("near").await).await;
            is_alive(&server.org_in("afar", FAR).await).await;
            let other = server.another_process().await;
            let admin = server.org_in("third", FAR).await.admin().await;
            admin.at(&other).get("/user/").await.expect(200);
            server.assert_consistent().await;
        }
    }
}
