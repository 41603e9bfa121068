//! API keys: how many, how long, and what is left of whoever made them.

use denizen_directory::ErrorCode;
use denizen_testkit::TestServer;
use serde_json::json;

#[tokio::test]
async fn an_organization_has_at_most_twenty_keys_and_expired_ones_do_not_count() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let body = json!({"name": "k", "duration": "P1D", "role_name": "DefaultUserRole"});
    for _ in 1..20 {
        admin.post("/organization/api_key/", &body).await.expect(201);
    }
    let refused = admin.post("/organization/api_key/", &body).await;
    assert_eq!(refused.refusal(), (400, "The organization has 20 API keys; delete one first".to_owned()));
    assert_eq!(admin.get("/organization/api_key/").await.each("api_keys", "key_id").len(), 20);
    let error = server.directory().create_key_for("acme", "DefaultUserRole".to_owned(), None, 1).await;
    assert_eq!(error.unwrap_err().code, ErrorCode::LimitReached);

    server.advance_seconds(86_400);
    let admin = org.admin().await;
    assert_eq!(admin.get("/organization/api_key/").await.each("api_keys", "key_id").len(), 1);
    admin.post("/organization/api_key/", &body).await.expect(201);
}

#[tokio::test]
async fn a_key_lives_from_1_to_90_days() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    for (duration, status) in [
        ("P1D", 201),
        ("P90D", 201),
        ("PT24H", 201),
        ("P90DT1S", 422),
        ("PT23H", 422),
        ("-P1D", 422),
        ("x", 422),
    ] {
        let body = json!({"name": null, "duration": duration, "role_name": "DefaultUserRole"});
        assert_eq!(admin.post("/organization/api_key/", &body).await.status, status, "{duration}");
    }
}

#[tokio::test]
async fn the_command_line_makes_and_revokes_keys_of_a_running_server() {
    let server = TestServer::start().await;
    let beside = server.another_process().await;
    let org = server.org("acme").await;
    let user_id = org.member("DefaultUserRole").await;
    // Keys of one moment stand in the order of their ids, which are random.
    server.advance_seconds(1);
    let made = beside
        .directory()
        .create_key_for("acme", "DefaultAdministratorRole".to_owned(), Some("cli".to_owned()), 10)
        .await
        .unwrap();
    let key = denizen_testkit::Key { key_id: made.key_id.to_string(), secret: made.secret };
    let caller = org.sign_in(&key, &user_id).await;
    caller.sees_itself().await.expect(200);
    let roles: Vec<String> =
        beside.directory().keys_of("acme").await.unwrap().into_iter().map(|(_, role)| role).collect();
    assert_eq!(roles, ["DefaultSuperAdministratorRole", "DefaultAdministratorRole"]);
    beside.directory().revoke_key("acme", &key.key_id).await.unwrap();
    server.advance_seconds(1);
    assert_eq!(caller.sees_itself().await.status, 401);
    let again = beside.directory().revoke_key("acme", &key.key_id).await;
    assert_eq!(again.unwrap_err().code, ErrorCode::ApiKeyNotFound);
}
