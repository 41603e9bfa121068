//! A user's variables: deletions first, one value per name, twenty of a kind, all or nothing.

use denizen_testkit::{TestCaller, TestServer};
use serde_json::{Value, json};

async fn scene() -> (TestCaller, String) {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let path = format!("/user/{}/variable", org.member("DefaultUserRole").await);
    (org.admin().await, path)
}

async fn shown(admin: &TestCaller, path: &str) -> (Value, Value) {
    let id = path.split('/').nth(2).unwrap();
    let user = admin.get(&format!("/user/?user_id={id}")).await.json()["users"][0].clone();
    (user["nonsensitive_variables"].clone(), user["sensitive_variables"].clone())
}

fn set(name: &str, value: &str, is_secret: bool) -> Value {
    json!({"name": name, "value": value, "is_secret": is_secret})
}

#[tokio::test]
async fn a_name_stands_for_one_value_and_secrets_are_never_shown() {
    let (admin, path) = scene().await;
    let body = json!({"upserts": [set("plan", "gold", false), set("pin", "1234", true)], "deletes": []});
    admin.post(&path, &body).await.expect(204);
    assert_eq!(shown(&admin, &path).await, (json!({"plan": "gold"}), json!(["pin"])));
    // Each becomes the other kind; a later entry of the same name wins.
    let body = json!({"upserts": [set("pin", "0", true), set("pin", "open", false), set("plan", "x", true)]});
    admin.post(&path, &body).await.expect(204);
    assert_eq!(shown(&admin, &path).await, (json!({"pin": "open"}), json!(["plan"])));
}

#[tokio::test]
async fn deletions_come_before_upserts_and_all_of_it_happens_or_nothing() {
    let (admin, path) = scene().await;
    admin.post(&path, &json!({"upserts": [set("aa", "1", false)]})).await.expect(204);
    let body = json!({"upserts": [set("aa", "2", true)], "deletes": [{"name": "aa"}]});
    admin.post(&path, &body).await.expect(204);
    assert_eq!(shown(&admin, &path).await, (json!({}), json!(["aa"])));
    let body = json!({"upserts": [set("bb", "1", false)], "deletes": [{"name": "aa"}, {"name": "cc"}]});
    let refused = admin.post(&path, &body).await;
    assert_eq!(refused.refusal(), (400, "The variable cc does not exist".to_owned()));
    assert_eq!(shown(&admin, &path).await, (json!({}), json!(["aa"])));
    // What is deleted is not found a second time.
    admin.post(&path, &json!({"deletes": [{"name": "aa"}]})).await.expect(204);
    assert_eq!(admin.post(&path, &json!({"deletes": [{"name": "aa"}]})).await.status, 400);
}

#[tokio::test]
async fn a_user_has_at_most_twenty_variables_of_a_kind() {
    let (admin, path) = scene().await;
    for (is_secret, word) in [(false, "nonsensitive"), (true, "sensitive")] {
        let name = |number: usize| format!("{word}_{number}");
        let twenty: Vec<Value> = (0..20).map(|number| set(&name(number), "v", is_secret)).collect();
        admin.post(&path, &json!({"upserts": twenty})).await.expect(204);
        let one_more = json!({"upserts": [set("more", "v", is_secret)]});
        let refused = admin.post(&path, &one_more).await;
        assert_eq!(refused.refusal(), (400, format!("A user can have at most 20 {word} variables")));
        let body = json!({"upserts": [set(&name(20), "v", is_secret)], "deletes": [{"name": name(0)}]});
        admin.post(&path, &body).await.expect(204);
    }
}
