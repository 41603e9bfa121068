//! Linked accounts.

use denizen_testkit::TestServer;
use serde_json::{Value, json};

#[tokio::test]
async fn an_account_is_linked_shown_replaced_and_forgotten() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let path = format!("/user/{}/google_account", org.member("DefaultUserRole").await);
    let code = |answer: denizen_testkit::Answer| (answer.status, answer.json()["code"].clone());
    assert_eq!(code(admin.admin("GET", &path, None).await), (404, json!("account_not_found")));
    assert_eq!(code(admin.admin("DELETE", &path, None).await), (404, json!("account_not_found")));
    for account in [
        json!({"account_id": "a1", "tenant": null}),
        json!({"account_id": "a1", "tenant": null}),
        json!({"account_id": "a2", "tenant": "t-1"}),
    ] {
        assert_eq!(admin.admin("PUT", &path, Some(&account)).await.expect(204).text(), "");
        assert_eq!(admin.admin("GET", &path, None).await.expect(200).json(), account);
    }
    admin.admin("DELETE", &path, None).await.expect(204);
    admin.admin("GET", &path, None).await.expect(404);
    server.assert_consistent().await;
}

#[tokio::test]
async fn an_account_of_another_user_is_refused() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let account = json!({"account_id": "a1"});
    let [first, second] = [org.member("DefaultUserRole").await, org.member("DefaultUserRole").await];
    let path = |user: &str| format!("/user/{user}/google_account");
    admin.admin("PUT", &path(&first), Some(&account)).await.expect(204);
    let refused = admin.admin("PUT", &path(&second), Some(&account)).await.expect(409);
    assert_eq!(refused.json()["code"], "account_taken");
    // It goes with its user, and is free then.
    admin.delete(&format!("/user/{first}")).await.expect(200);
    admin.admin("GET", &path(&first), None).await.expect(404);
    admin.admin("PUT", &path(&second), Some(&account)).await.expect(204);
}

#[tokio::test]
async fn what_is_no_account_is_refused_with_its_place() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let path = format!("/user/{}/google_account", org.member("DefaultUserRole").await);
    for (body, field) in [
        (json!({}), json!(["body", "account_id"])),
        (json!({"account_id": ""}), json!(["body", "account_id"])),
        (json!({"account_id": 1}), json!(["body", "account_id"])),
        (json!({"account_id": "with space"}), json!(["body", "account_id"])),
        (json!({"account_id": "x".repeat(129)}), json!(["body", "account_id"])),
        (json!({"account_id": "a", "tenant": "\u{0}"}), json!(["body", "tenant"])),
        (json!({"account_id": "a", "colour": "red"}), json!(["body", "colour"])),
        (json!(["a", "t"]), json!(["body"])),
        (Value::Null, json!(["body"])),
    ] {
        let refused = admin.admin("PUT", &path, Some(&body)).await.expect(422);
        assert_eq!(refused.json()["errors"][0]["field"], field, "{body}: {refused}");
    }
    admin.admin("PUT", &path, None).await.expect(422);
    admin.admin("GET", &path, None).await.expect(404);
}

#[tokio::test]
async fn only_users_whom_the_caller_may_see_can_be_linked() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let role = org.role(&json!([])).await;
    let [ours, theirs] = [org.member(&role).await, org.member("DefaultUserRole").await];
    let linker = org
        .caller_with(&json!([
            {"permission_name": "Directory:LinkAccount", "conditions": {}},
            {"permission_name": "User:GetUserInfo",
             "conditions": {"user_id": {"type": "In", "values": ["{self_user_id}", ours]}}},
        ]))
        .await;
    let account = json!({"account_id": "a1"});
    linker.admin("PUT", &format!("/user/{ours}/google_account"), Some(&account)).await.expect(204);
    for (method, body) in [("GET", None), ("PUT", Some(&account)), ("DELETE", None)] {
        for unseen in [theirs.as_str(), "65f000000000000000000001", "nobody"] {
            let answer = linker.admin(method, &format!("/user/{unseen}/google_account"), body).await;
            assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("user_not_found")), "{answer}");
        }
    }
}
