//! Who may call: every operation of the list, also those that come later.

use denizen_domain::permission::KNOWN;
use denizen_http::admin::dialect;
use denizen_testkit::{Answer, TestCaller, TestOrg, TestServer};
use serde_json::{Value, json};

/// The permission that an operation needs.
fn permission(operation: &str) -> &'static str {
    match operation {
        "ingest" => "Directory:IngestRecords",
        "get-google-account" | "put-google-account" | "delete-google-account" => "Directory:LinkAccount",
        "get-contacts" => "Directory:ReadContact",
        "get-environments" | "get-bots" | "get-operators" => "Directory:ReadOperator",
        "get-jobs" => "Directory:GetJob",
        other => panic!("the tests do not know {other}"),
    }
}

/// Every place with a name of its own; `call` is made with a path whose user is `user_id`.
async fn each(user_id: &str, mut call: impl AsyncFnMut(&'static str, &str, &str, Option<&Value>)) {
    let operations = (dialect().operations)();
    assert!(operations.len() >= 9);
    for operation in operations {
        let required = operation.query.iter().find(|param| param.required);
        let query = required.map(|param| format!("?{}=x", param.name)).unwrap_or_default();
        for (method, path) in operation.places() {
            let path =
                path.strip_prefix("/admin/v1/{organization}").unwrap().replace("{user_id}", user_id) + &query;
            call(operation.id, method.as_str(), &path, operation.body_example.as_ref()).await;
        }
    }
}

async fn org_with_user(server: &TestServer, slug: &str) -> (TestOrg, String) {
    let org = server.org(slug).await;
    let user_id = org.member("DefaultUserRole").await;
    let account = json!({"account_id": format!("account-of-{slug}")});
    let path = format!("/user/{user_id}/google_account");
    org.admin().await.admin("PUT", &path, Some(&account)).await.expect(204);
    (org, user_id)
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{answer}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer}");
}

async fn without(org: &TestOrg, permission: &str) -> TestCaller {
    let grants: Vec<Value> = KNOWN
        .iter()
        .filter(|name| name.as_str() != permission)
        .map(|name| json!({"permission_name": name.as_str(), "conditions": {}}))
        .collect();
    org.caller_with(&json!(grants)).await
}

#[tokio::test]
async fn nobody_without_credentials_gets_anywhere() {
    let server = TestServer::start().await;
    let (org, user_id) = org_with_user(&server, "acme").await;
    let admin = org.admin().await;
    let bad = [("authorization", "Bearer nonsense"), ("x-api-key", "alone")];
    each(&user_id, async |_, method, path, body| {
        let path = format!("/admin/v1/acme{path}");
        assert_problem(&server.anonymous(method, &path, body).await, 401, "invalid_credentials");
        for header in bad {
            assert_problem(&server.call(method, &path, &[header], body).await, 401, "invalid_credentials");
        }
    })
    .await;
    let kept = admin.admin("GET", &format!("/user/{user_id}/google_account"), None).await.expect(200);
    assert_eq!(kept.json()["account_id"], "account-of-acme");
}

#[tokio::test]
async fn the_three_headers_of_an_api_key_are_credentials_too() {
    let server = TestServer::start().await;
    let (org, user_id) = org_with_user(&server, "acme").await;
    let key = org.first_key();
    let headers = [
        ("x-api-key", key.secret.as_str()),
        ("x-api-key-id", key.key_id.as_str()),
        ("x-user-id", org.created.member_id.as_str()),
    ];
    each(&user_id, async |_, method, path, body| {
        let answer = server.call(method, &format!("/admin/v1/acme{path}"), &headers, body).await;
        assert!((200..300).contains(&answer.status), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_caller_with_every_permission_but_the_needed_one_is_refused() {
    let server = TestServer::start().await;
    let (org, user_id) = org_with_user(&server, "acme").await;
    each(&user_id, async |id, method, path, body| {
        let caller = without(&org, permission(id)).await;
        assert_problem(&caller.admin(method, path, body).await, 403, "forbidden");
    })
    .await;
}

#[tokio::test]
async fn an_administrator_has_the_permissions_of_the_native_api() {
    let server = TestServer::start().await;
    let (org, user_id) = org_with_user(&server, "acme").await;
    let caller = org.caller("DefaultAdministratorRole").await;
    each(&user_id, async |_, method, path, body| {
        let answer = caller.admin(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn another_organizations_administrator_gets_nowhere() {
    let server = TestServer::start().await;
    let (_, user_id) = org_with_user(&server, "acme").await;
    let (globex, their_user) = org_with_user(&server, "globex").await;
    let stranger = globex.admin().await;
    each(&user_id, async |_, method, path, body| {
        let there = stranger.in_org("acme");
        assert_problem(&there.admin(method, path, body).await, 401, "invalid_credentials");
        let named = there.naming("globex");
        assert_problem(&named.admin(method, path, body).await, 404, "organization_not_found");
        let nowhere = stranger.in_org("nowhere").naming("globex");
        assert_problem(&nowhere.admin(method, path, body).await, 404, "organization_not_found");
        // The other organization's user is nobody in this one.
        if path.contains(&user_id) {
            assert_problem(&stranger.admin(method, path, body).await, 404, "user_not_found");
        }
    })
    .await;
    let kept = stranger.admin("GET", &format!("/user/{their_user}/google_account"), None).await;
    assert_eq!(kept.expect(200).json()["account_id"], "account-of-globex");
}

#[tokio::test]
async fn a_revoked_key_and_a_deleted_user_get_nowhere() {
    let server = TestServer::start().await;
    let (org, user_id) = org_with_user(&server, "acme").await;
    let key = org.key("DefaultSuperAdministratorRole").await;
    let caller = org.sign_in(&key, &org.member("DefaultAdministratorRole").await).await;
    let leaver = org.caller("DefaultAdministratorRole").await;
    let admin = org.admin().await;
    admin.delete(&format!("/organization/api_key/{}/", key.key_id)).await.expect(200);
    admin.delete(&format!("/user/{}", leaver.user_id)).await.expect(200);
    each(&user_id, async |_, method, path, body| {
        for gone in [&caller, &leaver] {
            assert_problem(&gone.admin(method, path, body).await, 401, "invalid_credentials");
        }
    })
    .await;
}

#[tokio::test]
async fn a_path_that_means_no_operation_is_answered_in_the_form_of_the_dialect() {
    let server = TestServer::start().await;
    assert_problem(&server.anonymous("GET", "/admin/v1/acme/nothing", None).await, 404, "not_found");
    let answer = server.anonymous("PATCH", "/admin/v1/acme/ingest", None).await;
    assert_problem(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
}
