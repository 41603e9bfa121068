//! Deleting a user: everything goes, and of a creator of keys stays that there was one.

use denizen_domain::ids::UserId;
use denizen_store::users::is_buried;
use denizen_testkit::{TestOrg, TestServer};
use serde_json::json;

async fn has_tombstone(org: &TestOrg, user_id: &str) -> bool {
    let id = UserId::parse_member(user_id).unwrap();
    org.server.store().read(org.key_in_store().await, move |conn| is_buried(conn, id)).await.unwrap()
}

#[tokio::test]
async fn a_deleted_user_is_absent_from_every_answer_and_the_address_is_free_again() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let mut body = org.invitation("DefaultUserRole");
    body["login_link"] = "https://elsewhere.example/".into();
    let invited = admin.post("/user/", &body).await.expect(201);
    let (user_id, link) = (invited.str_at("/user_id"), invited.str_at("/verify_link"));
    assert_eq!(admin.post("/user/", &body).await.status, 409);

    let deleted = admin.delete(&format!("/user/{user_id}")).await.expect(200);
    assert_eq!(deleted.json(), json!({"not_deletable_reasons": []}));
    assert!(!has_tombstone(&org, &user_id).await);
    let email = body["email"].as_str().unwrap().replace('@', "%40");
    for path in [
        "/user/".to_owned(),
        format!("/user/?user_id={user_id}"),
        format!("/user/?email={email}"),
        format!("/user/search/?query={email}"),
        "/user/search/?query=".to_owned(),
    ] {
        assert!(!admin.get(&path).await.expect(200).text().contains(&user_id), "{path}");
    }
    assert_eq!(admin.delete(&format!("/user/{user_id}")).await.refusal().0, 404);
    // Jobs and links that hold the user's data are gone.
    assert_eq!(server.directory().list_jobs("acme", 10).await.unwrap().len(), 0);
    let path = link.strip_prefix("http://127.0.0.1:8080").unwrap();
    server.anonymous("POST", path, None).await.expect(404);
    let again = admin.post("/user/", &body).await.expect(201);
    assert_ne!(again.str_at("/user_id"), user_id);
    server.assert_consistent().await;
}

#[tokio::test]
async fn a_creator_of_a_key_leaves_a_tombstone_and_the_key_goes_on() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let creator = org.caller("DefaultAdministratorRole").await;
    let body = json!({"name": null, "duration": "P1D", "role_name": "DefaultUserRole"});
    let key_id = creator.post("/organization/api_key/", &body).await.expect(201).str_at("/api_key_id");
    let admin = org.admin().await;
    let deleted = admin.delete(&format!("/user/{}", creator.user_id)).await.expect(200).json();
    assert_eq!(deleted["not_deletable_reasons"].as_array().unwrap().len(), 1);
    assert!(has_tombstone(&org, &creator.user_id).await);
    assert_eq!(admin.get(&format!("/user/?user_id={}", creator.user_id)).await.json()["users"], json!([]));
    assert_eq!(admin.delete(&format!("/user/{}", creator.user_id)).await.status, 404);
    let keys = admin.get("/organization/api_key/").await;
    assert!(keys.each("api_keys", "key_id").contains(&key_id));
    server.assert_consistent().await;
}

#[tokio::test]
async fn the_first_administrator_counts_as_the_creator_of_the_first_key() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let other = org.caller("DefaultSuperAdministratorRole").await;
    let deleted = other.delete(&format!("/user/{}", org.created.member_id)).await.expect(200).json();
    assert_eq!(deleted["not_deletable_reasons"].as_array().unwrap().len(), 1);
    // The key itself is not the administrator's: it still signs others in.
    org.sign_in(&org.first_key(), &other.user_id).await;
    assert_eq!(org.try_sign_in(&org.first_key(), &org.created.member_id).await.status, 401);
}
