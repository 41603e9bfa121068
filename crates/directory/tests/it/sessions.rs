//! What ends a session: at once in the process that did it, within a second in every other one.

use denizen_testkit::{Key, TestCaller, TestServer};
use serde_json::json;

const NOBODY: (u16, &str) = (401, "Invalid credentials");

/// Asserts that the caller was known to another process, is known there no longer than a second, and here not at all.
async fn assert_ended(caller: &TestCaller, there: &TestCaller) {
    let refusal = caller.sees_itself().await.refusal();
    assert_eq!((refusal.0, &*refusal.1), NOBODY, "here");
    caller.server.advance_seconds(1);
    let refusal = there.sees_itself().await.refusal();
    assert_eq!((refusal.0, &*refusal.1), NOBODY, "in the other process, a second later");
}

#[tokio::test]
async fn a_revoked_key_ends_its_sessions_at_once_here_and_within_a_second_elsewhere() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = server.org("acme").await;
    let key = org.key("DefaultSuperAdministratorRole").await;
    let caller = org.sign_in(&key, &org.member("DefaultUserRole").await).await;
    let there = caller.at(&other);
    caller.sees_itself().await.expect(200);
    there.sees_itself().await.expect(200);
    let path = format!("/organization/api_key/{}/", key.key_id);
    org.admin().await.delete(&path).await.expect(200);
    assert_ended(&caller, &there).await;
    assert_eq!(org.try_sign_in(&key, &caller.user_id).await.refusal().0, 401);
}

#[tokio::test]
async fn a_deleted_user_is_nobody_at_once_here_and_within_a_second_elsewhere() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = server.org("acme").await;
    let caller = org.caller("DefaultUserRole").await;
    let there = caller.at(&other);
    there.sees_itself().await.expect(200);
    org.admin().await.delete(&format!("/user/{}", caller.user_id)).await.expect(200);
    assert_ended(&caller, &there).await;
}

#[tokio::test]
async fn a_changed_role_takes_effect_at_once_here_and_within_a_second_elsewhere() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let role = org.role(&json!([{"permission_name": "User:GetUserInfo", "conditions": {}}])).await;
    let caller = org.caller(&role).await;
    let there = caller.at(&other);
    for caller in [&caller, &there] {
        caller.get("/user/").await.expect(200);
    }
    let denied = json!({"permission_grants": []});
    admin.post(&format!("/role/{role}"), &denied).await.expect(200);
    assert_eq!(caller.get("/user/").await.status, 403);
    server.advance_seconds(1);
    assert_eq!(there.get("/user/").await.status, 403);

    // Another role for the same user.
    let body = json!({"user_id": caller.user_id});
    admin.post("/role/DefaultUserRole/assign", &body).await.expect(200);
    assert_eq!(caller.get("/user/").await.each("users", "user_id"), [&*caller.user_id]);
    server.advance_seconds(1);
    assert_eq!(there.get("/user/").await.each("users", "user_id"), [&*caller.user_id]);
}

#[tokio::test]
async fn a_token_is_valid_for_an_hour_and_not_a_second_longer() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let caller = org.caller("DefaultUserRole").await;
    server.advance_seconds(3_599);
    caller.sees_itself().await.expect(200);
    server.advance_seconds(1);
    assert_eq!(caller.sees_itself().await.refusal().0, 401);
}

#[tokio::test]
async fn a_key_that_expires_ends_its_sessions_with_it() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let body = json!({"name": null, "duration": "P1D", "role_name": "DefaultAdministratorRole"});
    let made = org.admin().await.post("/organization/api_key/", &body).await.expect(201);
    let key = Key { key_id: made.str_at("/api_key_id"), secret: made.str_at("/api_key") };
    let user_id = org.member("DefaultUserRole").await;
    server.advance_seconds(86_400 - 60);
    let caller = org.sign_in(&key, &user_id).await;
    caller.sees_itself().await.expect(200);
    server.advance_seconds(60);
    assert_eq!(caller.sees_itself().await.refusal().0, 401);
    assert_eq!(org.try_sign_in(&key, &user_id).await.refusal().0, 401);
}

#[tokio::test]
async fn a_token_works_as_a_basic_password_under_the_name_of_its_user_only() {
    use base64::Engine as _;
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let caller = org.caller("DefaultUserRole").await;
    let ask = async |name: String| {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{}", caller.token));
        server
            .call("GET", "/v1/acme/user/", &[("authorization", &format!("Basic {pair}"))], None)
            .await
            .status
    };
    assert_eq!(ask(format!("acme_{}", caller.user_id)).await, 200);
    assert_eq!(ask(format!("acme_{}", org.created.member_id)).await, 401);
    assert_eq!(ask(format!("globex_{}", caller.user_id)).await, 401);
    assert_eq!(ask(caller.user_id.clone()).await, 401);
}

#[tokio::test]
async fn the_headers_of_a_key_authenticate_any_operation() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.first_key();
    let user_id = org.member("DefaultUserRole").await;
    let headers = [("x-api-key", &*key.secret), ("x-api-key-id", &*key.key_id), ("x-user-id", &*user_id)];
    let answer = server.call("GET", "/v1/acme/user/", &headers, None).await.expect(200);
    assert_eq!(answer.each("users", "user_id"), [user_id]);
}

#[tokio::test]
async fn a_second_process_finds_the_tokens_of_the_first_valid() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    assert_eq!(server.directory().jwks_json().await, other.directory().jwks_json().await);
    let caller = server.org("acme").await.admin().await;
    caller.at(&other).sees_itself().await.expect(200);
}
