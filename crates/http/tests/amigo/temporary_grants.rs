//! Temporary permission grants as they stand on the wire, what is refused of them and where, their filters and pages.

use denizen_testkit::{Answer, TestCaller, TestOrg, TestServer};
use serde_json::{Value, json};

const CREATE: &str = "/role/temporary_permission_grant/";
const LIST: &str = "/role/temporary_permission_grants/";

async fn scene() -> (TestServer, TestOrg, TestCaller) {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    (server, org, admin)
}

fn body(user_id: &str, permission: &str, duration: &str, tags: &Value) -> Value {
    json!({
        "user_id": user_id, "duration": duration, "justification": "because of a test", "tags": tags,
        "permission_grant": {"permission_name": permission, "conditions": {}}
    })
}

async fn create(caller: &TestCaller, body: &Value) -> String {
    caller.post(CREATE, body).await.expect(201).str_at("/temporary_permission_grant_id")
}

/// Where a request was refused.
fn places(answer: &Answer) -> Vec<Value> {
    let detail = answer.json()["detail"].clone();
    detail.as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(|one| one["loc"].clone()).collect()
}

#[tokio::test]
async fn a_grant_shows_every_field_and_when_it_ends() {
    let (server, org, admin) = scene().await;
    let user_id = org.member("DefaultUserRole").await;
    let conditions = json!({"email": {"type": "In", "values": ["a@b.org", "c@d.org"]}});
    let mut body =
        body(&user_id, "User.DeleteUser", "P1DT2H3M4S", &json!({" ticket ": " 7 ", "two words": null}));
    body["permission_grant"]["conditions"] = conditions.clone();
    body["permission_grant"]["action"] = "Allow".into();
    body["permission_grant"]["description"] = "ignored".into();
    body["justification"] = "  ten letters".into();
    let created = admin.post(CREATE, &body).await.expect(201).json();
    let id = created["temporary_permission_grant_id"].clone();
    assert_eq!(created, json!({"temporary_permission_grant_id": id, "expires_at": "2026-01-02T14:03:04Z"}));
    server.advance_seconds(5);
    let expected = json!({
        "_id": id, "org_id": "acme", "created_at": "2026-01-01T12:00:00Z", "updated_at": "2026-01-01T12:00:00Z",
        "user_id": user_id, "expires_at": "2026-01-02T14:03:04Z", "justification": "ten letters",
        "permission_grant": {
            "action": "Allow", "permission_name": "User:DeleteUser", "conditions": conditions, "description": null
        },
        "creator": {"org_id": "acme", "user_id": admin.user_id}, "tags": {"ticket": "7", "two words": null}
    });
    let whole = json!({
        "temporary_permission_grants": [expected], "has_more": false, "continuation_token": null
    });
    assert_eq!(admin.get(LIST).await.expect(200).json(), whole);
}

#[tokio::test]
async fn every_refused_part_of_a_grant_is_named_and_nothing_is_kept() {
    let (_, org, admin) = scene().await;
    let user_id = org.member("DefaultUserRole").await;
    let missing = admin.post(CREATE, &json!({})).await.expect(422);
    let fields = ["user_id", "duration", "permission_grant", "tags", "justification"];
    assert_eq!(places(&missing), fields.map(|field| json!(["body", field])));
    let many: serde_json::Map<String, Value> = (0..21).map(|n| (format!("t{n}"), Value::Null)).collect();
    let grant = |name: &str, action: &str, conditions: Value| json!({"permission_name": name, "action": action, "conditions": conditions});
    let is = |value: &str| json!({"type": "Equals", "value": value});
    for (field, value, place) in [
        ("duration", json!("PT0S"), json!(["duration"])),
        ("duration", json!("P366D"), json!(["duration"])),
        ("duration", json!("a while"), json!(["duration"])),
        ("duration", json!(60), json!(["duration"])),
        ("tags", json!([]), json!(["tags"])),
        ("tags", json!(many), json!(["tags"])),
        ("tags", json!({"a": "b-c"}), json!(["tags", "a"])),
        ("tags", json!({"a": ""}), json!(["tags", "a"])),
        ("tags", json!({"a:b": null}), json!(["tags", "a:b", "[key]"])),
        ("justification", json!(" too short "), json!(["justification"])),
        ("user_id", json!(7), json!(["user_id"])),
        ("permission_grant", json!([]), json!(["permission_grant"])),
        ("permission_grant", json!({"conditions": {}}), json!(["permission_grant", "permission_name"])),
        ("permission_grant", grant("Role:GetRole", "Deny", json!({})), json!(["permission_grant", "action"])),
        (
            "permission_grant",
            grant("Role:GetRole", "Allow", json!({"emial": is("x")})),
            json!(["permission_grant", "conditions", "emial"]),
        ),
        (
            "permission_grant",
            grant("role:getRole", "Allow", json!({})),
            json!(["permission_grant", "permission_name"]),
        ),
    ] {
        let mut wrong = body(&user_id, "Role:GetRole", "PT1H", &json!({}));
        wrong[field] = value.clone();
        let mut expected = vec![json!("body")];
        expected.extend(place.as_array().unwrap().clone());
        let refused = admin.post(CREATE, &wrong).await.expect(422);
        assert_eq!(places(&refused), [json!(expected)], "{value}");
    }
    assert_eq!(admin.get(LIST).await.json()["temporary_permission_grants"], json!([]));
    let query = "id=x&sort_by=%2Bcreator&limit=11&continuation_token=-1&is_expired=maybe&tag=x&tag=a-b:*";
    assert_eq!(places(&admin.get(&format!("{LIST}?{query}")).await.expect(422)).len(), 7);
}

/// The ids of all grants of a query, read page by page.
async fn walk(caller: &TestCaller, query: &str, limit: usize) -> Vec<String> {
    let (mut seen, mut token) = (Vec::new(), 0);
    loop {
        let path = format!("{LIST}?limit={limit}&continuation_token={token}{query}");
        let page = caller.get(&path).await.expect(200);
        seen.extend(page.each("temporary_permission_grants", "_id"));
        let page = page.json();
        assert_eq!(page["has_more"].as_bool(), Some(!page["continuation_token"].is_null()));
        match page["continuation_token"].as_i64() {
            Some(next) => token = next,
            None => return seen,
        }
    }
}

#[tokio::test]
async fn grants_are_filtered_and_paged_in_any_order() {
    let (server, org, admin) = scene().await;
    let mut users = [org.member("DefaultUserRole").await, org.member("DefaultUserRole").await];
    users.sort();
    let [low, high] = &users;
    let other = org.caller("DefaultAdministratorRole").await;
    let mut ids = Vec::new();
    for (caller, to, permission, duration, tags) in [
        (&admin, high, "User:GetUserInfo", "PT4H", json!({"ticket": "1"})),
        (&admin, low, "Role:GetRole", "PT1H", json!({"ticket": null, "two words": "x"})),
        (&admin, high, "Role:GetRole", "PT3H", json!({"ticket": "2", "two words": "x"})),
        (&other, low, "User:GetUserInfo", "PT2H", json!({})),
    ] {
        let mut body = body(to, permission, duration, &tags);
        body["permission_grant"]["conditions"] =
            json!({"org_id": {"type": "Equals", "value": "{self_org_id}"}});
        ids.push(create(caller, &body).await);
    }
    server.advance_seconds(2 * 3_600);
    // The token has expired with them.
    let admin = org.admin().await;
    let in_order = |order: &[usize]| order.iter().map(|at| ids[*at].clone()).collect::<Vec<_>>();
    for (query, order) in [
        (String::new(), &[0, 1, 2, 3][..]),
        ("&sort_by=%2Buser_id".to_owned(), &[1, 3, 0, 2]),
        ("&sort_by=-user_id".to_owned(), &[2, 0, 3, 1]),
        ("&sort_by=%2Bexpires_at".to_owned(), &[1, 3, 2, 0]),
        ("&sort_by=-expires_at".to_owned(), &[0, 2, 3, 1]),
        ("&sort_by=+permission_grant.permission_name".to_owned(), &[1, 2, 0, 3]),
        ("&sort_by=-permission_grant.permission_name&sort_by=%2Buser_id".to_owned(), &[3, 0, 1, 2]),
        (format!("&user_id={low}"), &[1, 3]),
        (format!("&user_id={low}&user_id={high}&sort_by=-expires_at"), &[0, 2, 3, 1]),
        ("&user_id=nobody".to_owned(), &[]),
        (format!("&creator={}", other.user_id), &[3]),
        (format!("&creator={}&user_id={high}", admin.user_id), &[0, 2]),
        (format!("&id={}&id={}&id={}", ids[2], ids[0], low), &[0, 2]),
        ("&permission_grant_name=Role%3AGetRole".to_owned(), &[1, 2]),
        ("&permission_grant_name=Role.GetRole".to_owned(), &[1, 2]),
        ("&permission_grant_name=nothing+at+all".to_owned(), &[]),
        ("&is_expired=true".to_owned(), &[1, 3]),
        ("&is_expired=false&sort_by=%2Bexpires_at".to_owned(), &[2, 0]),
        ("&tag=ticket%3A*".to_owned(), &[0, 1, 2]),
        ("&tag=ticket%3A".to_owned(), &[1]),
        ("&tag=ticket%3A2".to_owned(), &[2]),
        ("&tag=ticket%3A*&tag=two+words%3Ax".to_owned(), &[1, 2]),
        ("&tag=ticket%3A1&tag=ticket%3A2".to_owned(), &[]),
    ] {
        for limit in [1, 10] {
            assert_eq!(walk(&admin, &query, limit).await, in_order(order), "{query}");
        }
    }
    let none = admin.get(&format!("{LIST}?limit=0")).await.expect(200).json();
    assert_eq!(none, json!({"temporary_permission_grants": [], "has_more": true, "continuation_token": 0}));
}

#[tokio::test]
async fn a_page_holds_ten_grants_and_says_that_there_are_more() {
    let (_, org, admin) = scene().await;
    let user_id = org.member("DefaultUserRole").await;
    for _ in 0..11 {
        create(&admin, &body(&user_id, "Role:GetRole", "PT1H", &json!({}))).await;
    }
    let first = admin.get(LIST).await.expect(200);
    assert_eq!(first.each("temporary_permission_grants", "_id").len(), 10);
    assert_eq!(first.json()["has_more"], true);
    assert_eq!(walk(&admin, "", 10).await.len(), 11);
}
