//! Users as they stand on the wire: the whole object, the three-way update, and where a refused field is.

use denizen_testkit::{TestCaller, TestServer};
use serde_json::{Value, json};

async fn scene() -> (TestCaller, String) {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let user_id = org.member("DefaultUserRole").await;
    (org.admin().await, user_id)
}

async fn user(admin: &TestCaller, user_id: &str) -> Value {
    admin.get(&format!("/user/?user_id={user_id}")).await.expect(200).json()["users"][0].clone()
}

/// Where a request was refused and why.
fn places(answer: &denizen_testkit::Answer) -> Vec<(Value, String)> {
    let detail = answer.json()["detail"].clone();
    let place = |problem: &Value| (problem["loc"].clone(), problem["type"].as_str().unwrap().to_owned());
    detail.as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(place).collect()
}

#[tokio::test]
async fn a_user_shows_every_field_that_clients_require_and_no_other() {
    let (admin, _) = scene().await;
    let body = json!({
        "first_name": " Ada ", "last_name": "L", "email": "Ada@Example.com", "role_name": "DefaultUserRole",
        "nonsensitive_user_variables": {"plan": "gold"}, "sensitive_user_variables": {"pin": "1"}
    });
    let user_id = admin.post("/user/", &body).await.expect(201).str_at("/user_id");
    let role = admin.get("/role/?name=DefaultUserRole").await.str_at("/roles/0/id");
    let mut expected = json!({
        "org_id": "acme", "user_id": user_id, "first_name": "Ada", "last_name": "L", "email": "Ada@Example.com",
        "user_stats": {"num_conversations": 0, "num_messages": 0, "last_message_time": null},
        "role": role, "is_verified": false, "enable_actions_access": false,
        "preferences": {
            "enable_response_recommendation": false, "preferred_language": null,
            "conversations_visible_to_admins": true, "user_model_visible_to_admins": true, "timezone": null,
            "audio_keyterms": []
        },
        "nonsensitive_variables": {"plan": "gold"}, "sensitive_variables": ["pin"]
    });
    assert_eq!(user(&admin, &user_id).await, expected);
    // Search leaves one field out.
    expected.as_object_mut().unwrap().remove("enable_actions_access");
    let found = admin.get("/user/search/?query=ada%40ex").await.json();
    assert_eq!(found, json!({"users": [expected]}));
}

#[tokio::test]
async fn an_update_keeps_what_is_absent_or_an_empty_object_erases_null_and_sets_values() {
    let (admin, user_id) = scene().await;
    let path = format!("/user/{user_id}");
    let both = |user: &Value| {
        (user["preferences"]["preferred_language"].clone(), user["preferences"]["timezone"].clone())
    };
    admin.post(&path, &json!({"preferred_language": "eng", "timezone": "Europe/Berlin"})).await.expect(204);
    for kept in [json!({}), json!({"preferred_language": {}, "timezone": {}}), json!({"first_name": null})] {
        admin.post(&path, &kept).await.expect(204);
        assert_eq!(both(&user(&admin, &user_id).await), (json!("eng"), json!("Europe/Berlin")), "{kept}");
    }
    admin.post(&path, &json!({"preferred_language": null, "timezone": {}})).await.expect(204);
    assert_eq!(both(&user(&admin, &user_id).await), (Value::Null, json!("Europe/Berlin")));
    admin.post(&path, &json!({"preferred_language": "de", "timezone": null})).await.expect(204);
    assert_eq!(both(&user(&admin, &user_id).await), (json!("de"), Value::Null));

    let body = json!({"audio_keyterms": ["hello world"], "additional_context": [" likes tea "]});
    admin.post(&path, &body).await.expect(204);
    admin.post(&path, &json!({"audio_keyterms": null, "additional_context": null})).await.expect(204);
    assert_eq!(user(&admin, &user_id).await["preferences"]["audio_keyterms"], json!(["hello world"]));
    let model = admin.get(&format!("{path}/user_model")).await.json();
    assert_eq!(model, json!({"user_models": [], "additional_context": ["likes tea"]}));
    admin.post(&path, &json!({"audio_keyterms": [], "additional_context": []})).await.expect(204);
    assert_eq!(user(&admin, &user_id).await["preferences"]["audio_keyterms"], json!([]));
}

#[tokio::test]
async fn every_refused_field_is_named_at_once_and_nothing_is_changed() {
    let (admin, user_id) = scene().await;
    let before = user(&admin, &user_id).await;
    let body =
        json!({"first_name": "  ", "last_name": 1, "preferred_language": "xx-x", "timezone": "Mars/Base"});
    let refused = admin.post(&format!("/user/{user_id}"), &body).await.expect(422);
    let fields: Vec<Value> = places(&refused).into_iter().map(|(place, _)| place).collect();
    let expected = ["first_name", "last_name", "preferred_language", "timezone"];
    assert_eq!(fields, expected.map(|field| json!(["body", field])));
    assert_eq!(user(&admin, &user_id).await, before);

    let refused = admin.post("/user/", &json!({})).await.expect(422);
    let missing = ["first_name", "last_name", "email", "role_name"];
    assert_eq!(places(&refused), missing.map(|field| (json!(["body", field]), "missing".to_owned())));
    let refused =
        admin.get("/user/?limit=601&continuation_token=-1&sort_by=role&email=x&is_verified=2").await;
    assert_eq!(places(&refused.expect(422)).len(), 5);
}

#[tokio::test]
async fn filters_combine_with_and_and_their_values_with_or() {
    let (admin, user_id) = scene().await;
    let own = admin.user_id.clone();
    let count =
        async |query: &str| admin.get(&format!("/user/?{query}")).await.each("users", "user_id").len();
    assert_eq!(count(&format!("user_id={own}&user_id={user_id}")).await, 2);
    assert_eq!(count(&format!("user_id={own}&user_id={own}")).await, 1);
    assert_eq!(count(&format!("user_id={own}&email=ADMIN%40acme.example")).await, 1);
    assert_eq!(count(&format!("user_id={user_id}&email=admin%40acme.example")).await, 0);
    assert_eq!(count(&format!("user_id={user_id}&is_verified=false")).await, 0);
    assert_eq!(count("is_verified=yes").await, 2);
    assert_eq!(count("user_id=nobody").await, 0);
    // A raw plus means a space, and sorts like the plus that it was.
    assert_eq!(
        admin.get("/user/?sort_by=+email").await.each("users", "email"),
        admin.get("/user/?sort_by=%2Bemail").await.each("users", "email")
    );
}

#[tokio::test]
async fn a_user_who_hides_the_own_model_is_the_only_one_to_see_it() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let caller = org.caller("DefaultUserRole").await;
    let path = format!("/user/{}", caller.user_id);
    caller.post(&path, &json!({"user_model_visible_to_admins": false})).await.expect(204);
    caller.get(&format!("{path}/user_model")).await.expect(200);
    let refused = org.admin().await.get(&format!("{path}/user_model")).await;
    assert_eq!(refused.refusal().0, 403);
}
