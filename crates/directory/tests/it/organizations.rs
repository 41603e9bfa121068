//! Organizations that make others, and organizations that end.

use denizen_directory::ErrorCode;
use denizen_directory::organizations::{FirstAdmin, NewOrganization};
use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::text::{ClusterName, Email, Slug};
use denizen_store::{control, jobs, roles, users};
use denizen_testkit::{Key, TestCaller, TestOrg, TestServer};
use serde_json::json;

/// Makes an organization on behalf of a caller, past the pictures that the wire asks for.
async fn make_child(caller: &TestCaller, slug: &str) -> Result<Slug, ErrorCode> {
    let directory = caller.server.directory();
    let credentials = denizen_directory::Credentials::Token(&caller.token);
    let known = directory.authenticate(credentials, slug, Some(&caller.organization)).await.unwrap();
    let new = NewOrganization::named(Slug::parse(slug).unwrap(), slug);
    directory.create_child_organization(&known, &"test".into(), new, None).await.map_err(|error| error.code)
}

#[tokio::test]
async fn a_name_that_no_organization_can_have_names_none_and_is_no_failure_of_the_store() {
    let server = TestServer::start().await;
    for name in ["", "a\0b", "ACME", "user", &"a".repeat(64)] {
        assert!(server.directory().find_organization(name).await.unwrap().is_none(), "{name:?}");
    }
}

#[tokio::test]
async fn who_made_an_organization_acts_in_it_by_naming_the_own_one() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    assert_eq!(make_child(&admin, "child").await.unwrap().as_str(), "child");
    let inside = admin.in_org("child").naming("acme");
    let users = inside.get("/user/").await.expect(200);
    assert_eq!(users.each("users", "email"), ["admin@acme.example"]);
    assert_eq!(users.each("users", "org_id"), ["child"]);
    let body = json!({
        "first_name": "A", "last_name": "B", "email": "new@child.example", "role_name": "DefaultUserRole"
    });
    inside.post("/user/", &body).await.expect(201);
    // The parent sees nothing of it in its own.
    assert_eq!(admin.get("/user/").await.each("users", "email"), ["admin@acme.example"]);
    // Without the header the token is not the child's.
    assert_eq!(admin.in_org("child").get("/user/").await.status, 401);
    assert_eq!(make_child(&admin, "child").await, Err(ErrorCode::OrganizationExists));
}

#[tokio::test]
async fn conditions_on_the_own_organization_do_not_reach_into_a_child() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    make_child(&org.admin().await, "child").await.unwrap();
    // Every grant of this role is bound to the own organization.
    let bound = org.caller("DefaultAdministratorRole").await.in_org("child").naming("acme");
    assert_eq!(bound.get("/user/").await.expect(200).json()["users"], json!([]));
    assert_eq!(bound.get("/role/").await.expect(200).json()["roles"], json!([]));
    assert_eq!(bound.post("/organization/", &json!({"title": "x"})).await.status, 403);
    assert_eq!(
        make_child(&org.caller("DefaultAdministratorRole").await, "two").await,
        Err(ErrorCode::Forbidden)
    );
    make_child(&org.caller("DefaultAmigoAdministratorRole").await, "two").await.unwrap();
}

#[tokio::test]
async fn what_a_caller_may_at_home_only_is_no_privilege_in_a_child() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let everywhere = |name: &str| json!({"permission_name": name, "conditions": {}});
    let own = json!({
        "permission_name": "User:DeleteUser",
        "conditions": {"org_id": {"type": "Equals", "value": "{self_org_id}"}}
    });
    let grants = json!([
        everywhere("User:GetUserInfo"),
        everywhere("User:InviteUser"),
        everywhere("Organization:CreateOrganization"),
        own
    ]);
    let caller = org.caller_with(&grants).await;
    make_child(&caller, "child").await.unwrap();
    let inside = org.admin().await.in_org("child").naming("acme");
    for (name, grants) in [("Deleter", json!([own])), ("Nobody", json!([]))] {
        let body = json!({
            "role_name": name, "description": "d", "frontend_view": "admin", "permission_grants": grants
        });
        inside.post("/role/", &body).await.expect(201);
    }
    // As they are written, the caller's grants cover those of the role; but they are about another organization.
    let there = caller.in_org("child").naming("acme");
    assert_eq!(there.post("/user/", &org.invitation("Deleter")).await.status, 403);
    there.post("/user/", &org.invitation("Nobody")).await.expect(201);
}

#[tokio::test]
async fn a_stranger_a_grandchild_and_the_parent_are_not_found() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    server.org("globex").await;
    let admin = org.admin().await;
    make_child(&admin, "child").await.unwrap();
    assert_eq!(admin.in_org("globex").naming("acme").get("/user/").await.refusal().0, 404);
    assert_eq!(admin.in_org("nowhere").naming("acme").get("/user/").await.refusal().0, 404);
    // Whoever belongs to the child does not reach up.
    let key = server.directory().create_key_for("child", "DefaultSuperAdministratorRole".to_owned(), None, 1);
    let key = key.await.unwrap();
    let id = admin.in_org("child").naming("acme").get("/user/").await.str_at("/users/0/user_id");
    let token = server
        .directory()
        .sign_in_with_key("child", &key.secret, &key.key_id.to_string(), &id)
        .await
        .unwrap();
    let below =
        TestCaller { token: token.token, organization: "child".to_owned(), user_id: id, ..admin.clone() };
    below.get("/user/").await.expect(200);
    assert_eq!(below.in_org("acme").naming("child").get("/user/").await.refusal().0, 404);
    make_child(&below, "grandchild").await.unwrap();
    assert_eq!(admin.in_org("grandchild").naming("acme").get("/user/").await.refusal().0, 404);
}

#[tokio::test]
async fn a_creator_of_a_key_in_a_child_leaves_a_tombstone_at_home() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let creator = org.caller("DefaultSuperAdministratorRole").await;
    make_child(&creator, "child").await.unwrap();
    let body = json!({"name": null, "duration": "P1D", "role_name": "DefaultUserRole"});
    let inside = creator.in_org("child").naming("acme");
    inside.post("/organization/api_key/", &body).await.expect(201);
    let key = inside.get("/organization/api_key/").await.json()["api_keys"][0].clone();
    assert_eq!(key["creator"], json!({"user_id": creator.user_id, "org_id": "acme"}));
    let deleted = org.admin().await.delete(&format!("/user/{}", creator.user_id)).await.expect(200).json();
    assert_eq!(deleted["not_deletable_reasons"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_slug_is_given_once() {
    let server = TestServer::start().await;
    server.org("acme").await;
    let admin = FirstAdmin {
        first_name: "A".to_owned(),
        last_name: "B".to_owned(),
        email: Email::parse("a@b.example").unwrap(),
    };
    let new = NewOrganization::named(Slug::parse("acme").unwrap(), "Another");
    let refused = server.directory().create_organization(new, admin, &ClusterName::MAIN).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::OrganizationExists);
    assert_eq!(server.directory().list_organizations().await.unwrap().len(), 1);
}

/// How many users and roles the rows of an organization hold, found by its key and not by its name.
async fn rows(org: &TestOrg, key: OrgKey) -> (i64, usize, usize) {
    let store = org.server.store();
    let users = store.read(key, |conn| users::count(conn, UserDirectory::Members)).await.unwrap();
    let roles = store.read(key, roles::list).await.unwrap().len();
    let jobs = store.read(key, |conn| jobs::list(conn, 100)).await.unwrap().len();
    (users, roles, jobs)
}

#[tokio::test]
async fn a_deleted_organization_is_gone_at_once_and_its_rows_by_a_job() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = server.org("acme").await;
    let kept = server.org("globex").await;
    for _ in 0..5 {
        org.member("DefaultUserRole").await;
    }
    let admin = org.admin().await;
    let there = admin.at(&other);
    there.get("/user/").await.expect(200);
    let key = org.key_in_store().await;
    assert_eq!(rows(&org, key).await, (6, 4, 0));
    admin.delete("/organization/").await.expect(204);
    assert_eq!(admin.get("/user/").await.status, 401);
    assert_eq!(server.anonymous("GET", "/v1/acme/organization/", None).await.status, 404);
    server.advance_seconds(1);
    assert_eq!(there.get("/user/").await.status, 401);
    assert_eq!(other.anonymous("GET", "/v1/acme/organization/", None).await.status, 404);
    assert_eq!(rows(&org, key).await, (6, 4, 1));

    assert_eq!(other.run_jobs().await, []);
    assert_eq!(rows(&org, key).await, (0, 0, 0));
    assert_eq!(server.directory().job_counts().await, Ok(Vec::new()));
    kept.admin().await.get("/user/").await.expect(200);
    server.assert_consistent().await;
}

#[tokio::test]
async fn a_child_outlives_its_parent_and_belongs_to_nobody_then() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    make_child(&admin, "child").await.unwrap();
    admin.delete("/organization/").await.expect(204);
    assert_eq!(admin.in_org("child").naming("acme").get("/user/").await.status, 401);
    server.run_jobs().await;
    let child = server
        .store()
        .read(OrgKey::CONTROL, |conn| control::find_by_slug(conn, "child"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(child.parent, None);
    // A namesake of the parent does not inherit it.
    let namesake = server.org("acme").await.admin().await;
    assert_eq!(namesake.in_org("child").naming("acme").get("/user/").await.refusal().0, 404);
}

#[tokio::test]
async fn a_changed_organization_shows_at_once_here_and_within_a_second_elsewhere() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let admin = server.org("acme").await.admin().await;
    let there = admin.at(&other);
    there.get("/organization/").await.expect(200);
    admin.post("/organization/", &json!({"title": "Changed"})).await.expect(204);
    assert_eq!(admin.get("/organization/").await.str_at("/title"), "Changed");
    server.advance_seconds(1);
    assert_eq!(there.get("/organization/").await.str_at("/title"), "Changed");
}

#[tokio::test]
async fn a_role_of_a_child_is_not_covered_by_what_its_parents_user_may_do_at_home() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    make_child(&org.admin().await, "child").await.unwrap();
    let grant = |name: &str, conditions: &serde_json::Value| json!({"permission_name": name, "conditions": conditions});
    let own = json!({"org_id": {"type": "Equals", "value": "{self_org_id}"}});
    let child = json!({"org_id": {"type": "Equals", "value": "child"}});
    let anywhere = json!({});
    // May delete users at home and see the child's; may make roles in both.
    let caller = org
        .caller_with(&json!([
            grant("Role:CreateRole", &anywhere),
            grant("User:GetUserInfo", &own),
            grant("User:GetUserInfo", &child),
            grant("User:DeleteUser", &own),
        ]))
        .await;
    let role = |name: &str, grants: serde_json::Value| json!({"role_name": name, "description": "d", "frontend_view": "client", "permission_grants": grants});
    let inside = caller.in_org("child").naming("acme");
    // Both say "the own organization", and mean different ones.
    inside.post("/role/", &role("Eraser", json!([grant("User:DeleteUser", &own)]))).await.expect(403);
    inside.post("/role/", &role("Reader", json!([grant("User:GetUserInfo", &own)]))).await.expect(201);
    caller.post("/role/", &role("Eraser", json!([grant("User:DeleteUser", &own)]))).await.expect(201);
}

fn ada() -> FirstAdmin {
    FirstAdmin {
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        email: Email::parse("Ada@acme.example").unwrap(),
    }
}

#[tokio::test]
async fn an_organization_whose_last_super_administrator_is_gone_can_be_recovered() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    admin.delete(&format!("/user/{}", admin.user_id)).await.expect(200);
    let role = || "DefaultSuperAdministratorRole".to_owned();
    let no_key = server.directory().create_key_for("acme", role(), None, 1).await.unwrap_err();
    assert_eq!(no_key.code, ErrorCode::UserNotFound);

    let made = server.directory().recover_organization("acme", ada()).await.unwrap();
    let key = Key { key_id: made.api_key_id.to_string(), secret: made.api_key };
    let ada = org.sign_in(&key, &made.member_id).await;
    let found = ada.sees_itself().await;
    assert_eq!(found.json()["users"][0]["is_verified"], true);
    ada.post("/user/", &org.invitation("DefaultAdministratorRole")).await.expect(201);
    server.directory().create_key_for("acme", role(), None, 1).await.unwrap();
    server.assert_consistent().await;
}

#[tokio::test]
async fn recovering_lifts_a_member_who_is_there_and_keeps_name_and_id() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut invitation = org.invitation("DefaultUserRole");
    invitation["email"] = json!("ada@ACME.example");
    invitation["last_name"] = json!("Byron");
    let user_id = org.admin().await.post("/user/", &invitation).await.expect(201).str_at("/user_id");
    let made = server.directory().recover_organization("acme", ada()).await.unwrap();
    assert_eq!(made.member_id, user_id);
    let key = Key { key_id: made.api_key_id.to_string(), secret: made.api_key };
    let found = org.sign_in(&key, &user_id).await.sees_itself().await;
    assert_eq!(found.str_at("/users/0/last_name"), "Byron");
    assert_eq!(found.str_at("/users/0/role"), org.admin().await.sees_itself().await.str_at("/users/0/role"));
    let refused = server.directory().recover_organization("nowhere", ada()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::OrganizationNotFound);
}
