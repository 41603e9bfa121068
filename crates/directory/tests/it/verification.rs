//! Users who are not verified may sign in, where the organization allows that, and no more.

use denizen_directory::organizations::OrganizationChanges;
use denizen_testkit::{TestCaller, TestServer};
use serde_json::json;

async fn unverified(server: &TestServer) -> (denizen_testkit::TestOrg, TestCaller) {
    let org = server.org("acme").await;
    let user_id = org.unverified_member("DefaultAdministratorRole").await;
    let caller = org.sign_in(&org.first_key(), &user_id).await;
    (org, caller)
}

#[tokio::test]
async fn an_unverified_user_signs_in_and_is_refused_everything_else() {
    let server = TestServer::start().await;
    let (org, caller) = unverified(&server).await;
    let own = format!("/user/{}", caller.user_id);
    for (method, path, body) in [
        ("GET", "/user/".to_owned(), None),
        ("GET", "/user/search/?query=a".to_owned(), None),
        ("GET", format!("{own}/user_model"), None),
        ("POST", own.clone(), Some(json!({"first_name": "A"}))),
        ("POST", format!("{own}/verify"), Some(json!({}))),
        ("GET", "/role/".to_owned(), None),
        ("GET", "/organization/api_key/".to_owned(), None),
        ("DELETE", own.clone(), None),
    ] {
        let answer = caller.call(method, &path, body.as_ref()).await;
        assert_eq!(answer.refusal(), (403, "The user is not verified".to_owned()));
    }
    // What is open to everybody stays so, and shows no more.
    let open = caller.get("/organization/").await.expect(200);
    assert!(open.json()["tenant_id"].is_null());

    org.admin().await.post(&format!("{own}/verify"), &json!({})).await.expect(204);
    caller.sees_itself().await.expect(200);
}

#[tokio::test]
async fn an_organization_may_refuse_the_sign_in_of_the_unverified() {
    let server = TestServer::start().await;
    let (org, caller) = unverified(&server).await;
    org.set(OrganizationChanges { unverified_sign_in: Some(false), ..OrganizationChanges::default() }).await;
    let refused = org.try_sign_in(&org.first_key(), &caller.user_id).await;
    assert_eq!(refused.refusal(), (401, "Invalid credentials".to_owned()));
    let path = format!("/user/{}/verify", caller.user_id);
    org.admin().await.post(&path, &json!({})).await.expect(204);
    org.try_sign_in(&org.first_key(), &caller.user_id).await.expect(200);
}

#[tokio::test]
async fn an_organization_may_verify_at_creation() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    org.set(OrganizationChanges { verify_at_creation: Some(true), ..OrganizationChanges::default() }).await;
    let user_id = org.unverified_member("DefaultUserRole").await;
    org.sign_in(&org.first_key(), &user_id).await.sees_itself().await.expect(200);
}

#[tokio::test]
async fn verifying_asks_for_the_permission_to_update_only_when_it_changes_something() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let reader = org.caller_with(&json!([{"permission_name": "User:GetUserInfo", "conditions": {}}])).await;
    let path = format!("/user/{}/verify", org.unverified_member("DefaultUserRole").await);
    for body in [json!({"first_name": "A"}), json!({"last_name": "B"}), json!({"preferences": {}})] {
        assert_eq!(reader.post(&path, &body).await.status, 403, "{body}");
    }
    reader.call("POST", &path, None).await.expect(204);
    // Again, which changes nothing.
    reader.post(&path, &json!({"first_name": null, "user_preferences": null})).await.expect(204);
}
