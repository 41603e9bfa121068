//! Who may see, make and delete which events; and where a sorted list of them goes on.

use denizen_domain::permission::model::{Rng, Target, Universe, allows};
use denizen_domain::permission::{Condition, Grant, PermissionName, Placeholders, Scalar, names};
use denizen_testkit::{TestCaller, TestOrg, TestServer};
use serde_json::{Value, json};

fn path(user_id: &str) -> String {
    format!("/user/{user_id}/external_event")
}

fn event(event_type: &str) -> Value {
    json!({
        "type": event_type, "starts_at": "2026-01-01T12:00:00Z", "ends_at": "2026-01-01T12:30:00Z",
        "description": "D"
    })
}

async fn add(caller: &TestCaller, user_id: &str, event_type: &str) -> String {
    caller.post(&path(user_id), &event(event_type)).await.expect(201).str_at("/external_event_id")
}

fn allow(name: &str, conditions: &Value) -> Value {
    json!({"permission_name": name, "conditions": conditions})
}

#[tokio::test]
async fn a_user_sees_the_own_events_and_neither_makes_nor_deletes_them() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let caller = org.caller("DefaultUserRole").await;
    let id = add(&admin, &caller.user_id, "visit").await;
    let own = path(&caller.user_id);
    assert_eq!(caller.get(&own).await.expect(200).each("external_events", "id"), [&*id]);
    assert_eq!(caller.post(&own, &event("x")).await.refusal(), (403, "Missing permission".to_owned()));
    assert_eq!(caller.delete(&format!("{own}/{id}")).await.refusal().0, 403);
    assert_eq!(caller.get(&path(&admin.user_id)).await.refusal(), (404, "User not found".to_owned()));
}

#[tokio::test]
async fn an_event_that_may_not_be_seen_is_not_there_to_be_deleted() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let user_id = org.member("DefaultUserRole").await;
    let of_type = |kind: &str| json!({"type": {"type": "Equals", "value": kind}});
    let caller = org
        .caller_with(&json!([
            allow("User:GetUserInfo", &json!({})),
            allow("User:GetExternalEvent", &of_type("seen")),
            allow("User:DeleteExternalEvent", &of_type("deleted")),
        ]))
        .await;
    let mut statuses = Vec::new();
    for kind in ["hidden", "seen", "deleted"] {
        let id = add(&admin, &user_id, kind).await;
        // Of another user, it is not there at all.
        caller.delete(&format!("{}/{id}", path(&caller.user_id))).await.expect(404);
        statuses.push(caller.delete(&format!("{}/{id}", path(&user_id))).await.status);
    }
    assert_eq!(statuses, [404, 403, 204]);
    assert_eq!(admin.get(&path(&user_id)).await.each("external_events", "type"), ["hidden", "seen"]);
    assert_eq!(caller.get(&path(&user_id)).await.each("external_events", "type"), ["seen"]);
}

#[tokio::test]
async fn who_may_not_see_the_own_record_sees_no_events() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let grants =
        json!([allow("User:GetExternalEvent", &json!({})), allow("User:CreateExternalEvent", &json!({}))]);
    let caller = org.caller_with(&grants).await;
    let own = path(&caller.user_id);
    assert_eq!(caller.get(&own).await.refusal(), (403, "Missing permission".to_owned()));
    assert_eq!(caller.post(&own, &event("x")).await.refusal(), (403, "Missing permission".to_owned()));
}

/// The people of the organization as the rule sees them, without their events.
async fn people(org: &TestOrg) -> Vec<Target> {
    let admin = org.admin().await;
    let roles = admin.get("/role/").await;
    let (names, ids) = (roles.each("roles", "name"), roles.each("roles", "id"));
    let users = admin.get("/user/").await.expect(200).json();
    let target = |user: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let role_id = text(&user["role"]);
        let role_name = &names[ids.iter().position(|id| *id == role_id).unwrap()];
        Target::from([
            ("org_id".to_owned(), Scalar::from(org.slug())),
            ("user_id".to_owned(), text(&user["user_id"]).into()),
            ("email".to_owned(), text(&user["email"]).to_lowercase().into()),
            ("role_id".to_owned(), role_id.into()),
            ("role_name".to_owned(), role_name.as_str().into()),
            ("is_verified".to_owned(), user["is_verified"].as_bool().unwrap().into()),
        ])
    };
    users["users"].as_array().unwrap().iter().map(target).collect()
}

fn text_of(target: &Target, name: &str) -> String {
    let Some(Scalar::Text(text)) = target.get(name) else { panic!("a target without {name}") };
    text.clone()
}

#[tokio::test]
async fn lists_making_and_deleting_agree_with_the_rule() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let caller = org.caller_with(&json!([])).await;
    for number in 0..4 {
        let role = ["DefaultUserRole", "DefaultAdministratorRole"][number % 2];
        if number == 3 {
            org.unverified_member(role).await
        } else {
            org.member(role).await
        };
    }
    let people = people(&org).await;
    let kinds = ["visit", "call", "note"];
    let mut events: Vec<Target> = Vec::new();
    for person in &people {
        for kind in kinds {
            let id = add(&admin, &text_of(person, "user_id"), kind).await;
            let mut target = person.clone();
            target.insert("type".to_owned(), kind.into());
            target.insert("external_event_id".to_owned(), id.into());
            events.push(target);
        }
    }
    let get = names::USER_GET_EXTERNAL_EVENT;
    let mut universe = Universe::of(get.clone()).unwrap();
    universe.permissions =
        vec![get.clone(), names::USER_CREATE_EXTERNAL_EVENT, names::USER_DELETE_EXTERNAL_EVENT];
    for attribute in &mut universe.attributes {
        attribute.values = events.iter().map(|event| event[&attribute.name].clone()).collect();
        attribute.values.dedup();
    }
    let who = Placeholders { org_id: "acme".to_owned(), user_id: caller.user_id.clone() };
    let mut rng = Rng::new(71);
    let mut tally = [0; 6];
    for _ in 0..120 {
        let mut grants = universe.grants(&mut rng);
        grants.0.push(Grant::allow(names::USER_GET_USER_INFO));
        let body = json!({ "permission_grants": grants });
        admin.post(&format!("/role/{}", caller.role_name), &body).await.expect(200);
        let may = |permission: &PermissionName, target: &Target| allows(&grants, permission, &who, target);
        for person in &people {
            let user_id = text_of(person, "user_id");
            let of_person = || events.iter().filter(|event| event["user_id"] == person["user_id"]);
            let mut expected: Vec<String> = of_person()
                .filter(|event| may(&get, event))
                .map(|event| text_of(event, "external_event_id"))
                .collect();
            let sort = *rng.pick(&["", "?sort_by=%2Btype", "?sort_by=-type&limit=20"]);
            let shown = caller.get(&format!("{}{sort}", path(&user_id))).await.expect(200);
            let mut shown = shown.each("external_events", "id");
            // Made in the same microsecond, their ids do not say which was first.
            shown.sort();
            expected.sort();
            tally[0] += shown.len();
            tally[1] += 3 - shown.len();
            assert_eq!(shown, expected, "{grants:?}");
        }
        // Writing takes the disk, so one of each is tried.
        let at = rng.below(events.len());
        let target = events[at].clone();
        let user_id = text_of(&target, "user_id");
        let kind = text_of(&target, "type");
        let mut made = target.clone();
        made.insert("external_event_id".to_owned(), "not known yet".into());
        let answer = caller.post(&path(&user_id), &event(&kind)).await;
        // Nobody knows the id before, so no condition can name it but to exclude another one.
        let allowed = may(&names::USER_CREATE_EXTERNAL_EVENT, &made);
        assert_eq!(answer.status, if allowed { 201 } else { 403 }, "{grants:?}");
        tally[2 + usize::from(allowed)] += 1;
        if allowed {
            let id = answer.str_at("/external_event_id");
            admin.delete(&format!("{}/{id}", path(&user_id))).await.expect(204);
        }
        let id = text_of(&target, "external_event_id");
        let answer = caller.delete(&format!("{}/{id}", path(&user_id))).await;
        let status = match (may(&names::USER_DELETE_EXTERNAL_EVENT, &target), may(&get, &target)) {
            (true, _) => 204,
            (false, true) => 403,
            (false, false) => 404,
        };
        assert_eq!(answer.status, status, "{grants:?}");
        tally[4 + usize::from(status == 204)] += 1;
        if status == 204 {
            let id = add(&admin, &user_id, &kind).await;
            let mut again = events.remove(at);
            again.insert("external_event_id".to_owned(), id.into());
            // The newest of its user stands last.
            let last = events.iter().rposition(|event| event["user_id"] == again["user_id"]).unwrap();
            events.insert(last + 1, again);
        }
    }
    assert!(tally[0] > 300 && tally[1] > 300 && tally[2..].iter().all(|count| *count > 15), "{tally:?}");
}

#[tokio::test]
async fn a_condition_on_the_user_decides_about_the_user_s_events() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let seen = org.member("DefaultUserRole").await;
    let unseen = org.member("DefaultAdministratorRole").await;
    let email = admin.get(&format!("/user/?user_id={seen}")).await.str_at("/users/0/email");
    let caller = org.caller_with(&json!([allow("User:GetUserInfo", &json!({}))])).await;
    for user_id in [&seen, &unseen] {
        add(&admin, user_id, "visit").await;
    }
    for condition in [
        ("email", Condition::Equals(email.to_uppercase().as_str().into())),
        ("role_name", Condition::NotEquals("DefaultAdministratorRole".into())),
        ("user_id", Condition::In(vec![seen.as_str().into()])),
    ] {
        let grant = Grant::allow(names::USER_GET_EXTERNAL_EVENT).when(condition.0, condition.1);
        let grants = json!([grant, Grant::allow(names::USER_GET_USER_INFO)]);
        let body = json!({ "permission_grants": grants });
        admin.post(&format!("/role/{}", caller.role_name), &body).await.expect(200);
        let count =
            async |id: &str| caller.get(&path(id)).await.expect(200).each("external_events", "id").len();
        assert_eq!((count(&seen).await, count(&unseen).await), (1, 0), "{grants}");
    }
}

/// The types of a page, and where the next one begins.
async fn page(caller: &TestCaller, user_id: &str, token: i64) -> (Vec<String>, Option<i64>) {
    let path = format!("{}?limit=2&sort_by=%2Btype&continuation_token={token}", path(user_id));
    let answer = caller.get(&path).await.expect(200);
    (answer.each("external_events", "type"), answer.json()["continuation_token"].as_i64())
}

#[tokio::test]
async fn a_sorted_list_goes_on_though_its_last_event_was_deleted_and_says_when_it_cannot() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let user_id = org.member("DefaultUserRole").await;
    let mut ids = Vec::new();
    for kind in ["d", "a", "c", "b", "e"] {
        ids.push(add(&admin, &user_id, kind).await);
    }
    let (first, token) = page(&admin, &user_id, 0).await;
    assert_eq!(first, ["a", "b"]);
    let token = token.unwrap();
    // Another process looks at the event itself.
    let there = admin.at(&other);
    assert_eq!(page(&there, &user_id, token).await.0, ["c", "d"]);
    admin.delete(&format!("{}/{}", path(&user_id), ids[3])).await.expect(204);
    assert_eq!(page(&admin, &user_id, token).await.0, ["c", "d"]);
    let path = format!("{}?sort_by=%2Btype&continuation_token={token}", path(&user_id));
    let refused = there.get(&path).await.expect(422);
    assert_eq!(refused.json()["detail"][0]["loc"], json!(["query", "continuation_token"]));
    // The token of one list leads nowhere in another one, nor in another order.
    let elsewhere = path.replace(&user_id, &admin.user_id);
    admin.get(&elsewhere).await.expect(422);
    admin.get(&path.replace("type", "ends_at")).await.expect(422);
    server.advance_seconds(600);
    admin.get(&path).await.expect(422);
}

#[tokio::test]
async fn a_token_tells_nothing_of_an_event_that_its_bearer_may_not_see() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let seen = json!({"type": {"type": "In", "values": ["a", "z"]}});
    let grants = json!([allow("User:GetUserInfo", &json!({})), allow("User:GetExternalEvent", &seen)]);
    let caller = org.caller_with(&grants).await;
    let user_id = org.member("DefaultUserRole").await;
    for kind in ["a", "m", "z"] {
        add(&admin, &user_id, kind).await;
    }
    let token = page(&admin, &user_id, 0).await.1.unwrap();
    let mut answers = Vec::new();
    for token in [token, token + 1_000_000] {
        let path = format!("{}?sort_by=%2Btype&continuation_token={token}", path(&user_id));
        let answer = caller.get(&path).await.expect(422);
        answers.push(answer.body);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(page(&caller, &user_id, 0).await.0, ["a", "z"]);
}
