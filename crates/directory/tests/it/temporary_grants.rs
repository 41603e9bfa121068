//! Grants for a time: they hold until their end and not a moment longer, lift nobody above others, and are handed out by
//! those only who hold as much by their role.

use denizen_directory::organizations::NewOrganization;
use denizen_domain::text::Slug;
use denizen_testkit::{Answer, TestCaller, TestServer};
use serde_json::{Value, json};

const CREATE: &str = "/role/temporary_permission_grant/";
const LIST: &str = "/role/temporary_permission_grants/";
const BEYOND: &str = "The grant goes beyond the privileges of the authenticated user";

fn allow(name: &str, conditions: Value) -> Value {
    [("permission_name", name.into()), ("conditions", conditions)].into_iter().collect()
}

fn everywhere(names: &[&str]) -> Value {
    names.iter().map(|name| allow(name, json!({}))).collect()
}

fn own_record() -> Value {
    json!({"user_id": {"type": "Equals", "value": "{self_user_id}"}})
}

fn own_organization() -> Value {
    json!({"org_id": {"type": "Equals", "value": "{self_org_id}"}})
}

async fn give(caller: &TestCaller, user_id: &str, grant: &Value, duration: &str) -> Answer {
    let body = json!({
        "user_id": user_id, "duration": duration, "permission_grant": grant, "tags": {},
        "justification": "because of a test"
    });
    caller.post(CREATE, &body).await
}

async fn listed(caller: &TestCaller, query: &str) -> Vec<String> {
    caller.get(&format!("{LIST}?{query}")).await.expect(200).each("temporary_permission_grants", "user_id")
}

#[tokio::test]
async fn a_grant_holds_from_the_answer_on_until_its_end_to_the_second() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let caller = org.caller_with(&json!([])).await;
    let there = caller.at(&other);
    for caller in [&caller, &there] {
        assert_eq!(caller.sees_itself().await.status, 403);
    }
    give(&admin, &caller.user_id, &allow("User:GetUserInfo", own_record()), "PT90S").await.expect(201);
    give(&admin, &caller.user_id, &allow("Role:GetRole", json!({})), "PT5S").await.expect(201);
    caller.sees_itself().await.expect(200);
    let roles = async |caller: &TestCaller| caller.get("/role/").await.expect(200).each("roles", "id").len();
    assert!(roles(&caller).await > 4);
    // Elsewhere within a second.
    server.advance_seconds(1);
    there.sees_itself().await.expect(200);
    assert!(roles(&there).await > 4);

    server.clock().advance_micros(3_999_999);
    for caller in [&caller, &there] {
        assert!(roles(caller).await > 4);
    }
    // Both have just been read, and end with the grant all the same.
    server.clock().advance_micros(1);
    for caller in [&caller, &there] {
        assert_eq!(roles(caller).await, 0);
        caller.sees_itself().await.expect(200);
    }
    server.clock().advance_micros(84_999_999);
    for caller in [&caller, &there] {
        caller.sees_itself().await.expect(200);
    }
    server.clock().advance_micros(1);
    for caller in [&caller, &there] {
        assert_eq!(caller.sees_itself().await.refusal(), (403, "Missing permission".to_owned()));
    }
    // The token was never what ended.
    give(&admin, &caller.user_id, &allow("User:GetUserInfo", own_record()), "PT1S").await.expect(201);
    caller.sees_itself().await.expect(200);
}

#[tokio::test]
async fn the_headers_of_a_key_end_with_a_grant_too() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let role = org.role(&everywhere(&["User:GetUserInfo"])).await;
    let (user_id, key) = (org.member(&role).await, org.first_key());
    give(&admin, &user_id, &allow("Role:GetRole", json!({})), "PT0.5S").await.expect(422);
    give(&admin, &user_id, &allow("Role:GetRole", json!({})), "PT2S").await.expect(201);
    let headers = [("x-api-key", &*key.secret), ("x-api-key-id", &*key.key_id), ("x-user-id", &*user_id)];
    let roles = async || {
        let answer = server.call("GET", "/v1/acme/role/", &headers, None).await.expect(200);
        answer.each("roles", "id").len()
    };
    server.clock().advance_micros(1_999_999);
    assert!(roles().await > 4);
    server.clock().advance_micros(1);
    assert_eq!(roles().await, 0);
}

#[tokio::test]
async fn whoever_holds_a_key_does_not_rise_with_the_grants_of_a_user_whom_it_signs_in() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let sees = allow("User:GetUserInfo", own_organization());
    let user_role = org.role(&json!([sees])).await;
    let (user_id, victim) = (org.member(&user_role).await, org.member("DefaultUserRole").await);
    for name in ["User:DeleteUser", "Role:GetRole"] {
        give(&admin, &user_id, &allow(name, json!({})), "PT1H").await.expect(201);
    }
    let key_role = org.role(&json!([sees, allow("Role:GetRole", own_organization())])).await;
    let by_low_key = org.sign_in(&org.key(&key_role).await, &user_id).await;
    assert_eq!(by_low_key.delete(&format!("/user/{victim}")).await.status, 403);
    // What the key's role has too is no rise.
    assert!(by_low_key.get("/role/").await.expect(200).each("roles", "id").len() > 4);
    let by_high_key = org.sign_in(&org.key("DefaultAdministratorRole").await, &user_id).await;
    by_high_key.delete(&format!("/user/{victim}")).await.expect(200);
}

#[tokio::test]
async fn what_the_role_denies_no_grant_allows() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let victim = org.member("DefaultUserRole").await;
    let grants = json!([
        allow("User:GetUserInfo", json!({})),
        {"permission_name": "User:DeleteUser", "action": "Deny", "conditions": {}}
    ]);
    let caller = org.caller_with(&grants).await;
    let admin = org.admin().await;
    give(&admin, &caller.user_id, &allow("User:DeleteUser", json!({})), "PT1H").await.expect(201);
    assert_eq!(caller.delete(&format!("/user/{victim}")).await.status, 403);
}

#[tokio::test]
async fn a_grant_lets_its_holder_act_and_lifts_nobody() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let caller = org.caller_with(&everywhere(&["User:GetUserInfo"])).await;
    let powers = [
        "User:DeleteUser",
        "User:InviteUser",
        "User:UpdateUserInfo",
        "Role:CreateRole",
        "Role:GetRole",
        "Role:ModifyRole",
        "Organization:CreateAPIKey",
        "Role:CreateTemporaryPermissionGrant",
    ];
    for power in powers {
        give(&admin, &caller.user_id, &allow(power, json!({})), "PT1H").await.expect(201);
    }
    // It may delete, and it may not make anybody who may.
    let deleter = org.role(&everywhere(&["User:GetUserInfo", "User:DeleteUser"])).await;
    assert_eq!(caller.post("/user/", &org.invitation(&deleter)).await.status, 403);
    let own = json!({"user_id": caller.user_id});
    assert_eq!(caller.post(&format!("/role/{deleter}/assign"), &own).await.status, 403);
    let role = json!({
        "role_name": "Mine", "description": "d", "frontend_view": "client",
        "permission_grants": everywhere(&["User:DeleteUser"])
    });
    assert_eq!(caller.post("/role/", &role).await.status, 403);
    let key = json!({"name": null, "duration": "P1D", "role_name": deleter});
    assert_eq!(caller.post("/organization/api_key/", &key).await.status, 403);
    // Nor can what was lent be passed on, or be kept longer.
    for user_id in [&caller.user_id, &admin.user_id] {
        let refused = give(&caller, user_id, &allow("User:DeleteUser", json!({})), "P365D").await;
        assert_eq!(refused.refusal(), (403, BEYOND.to_owned()));
    }
    // What the role itself allows can be.
    give(&caller, &admin.user_id, &allow("User:GetUserInfo", own_record()), "PT1H").await.expect(201);
    let victim = org.member("DefaultUserRole").await;
    caller.delete(&format!("/user/{victim}")).await.expect(200);
}

#[tokio::test]
async fn nobody_is_given_more_than_the_giver_holds() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let of_role = |name: &str| json!({"role_name": {"type": "Equals", "value": name}});
    let caller = org
        .caller_with(&json!([
            allow("User:GetUserInfo", json!({})),
            allow("Role:CreateTemporaryPermissionGrant", json!({})),
            allow("User:GetUserModel", own_record()),
            allow("User:DeleteUser", of_role("DefaultUserRole")),
            allow("Role:GetRole", own_organization()),
        ]))
        .await;
    let user_id = org.member("DefaultUserRole").await;
    let admin = org.created.member_id.clone();
    for (grant, to, status) in [
        (allow("User:DeleteUser", of_role("DefaultUserRole")), &user_id, 201),
        (allow("User:DeleteUser", of_role("DefaultAdministratorRole")), &user_id, 403),
        (allow("User:DeleteUser", json!({})), &user_id, 403),
        (allow("User:UpdateUserInfo", own_record()), &user_id, 403),
        (allow("Role:GetRole", own_organization()), &user_id, 201),
        (allow("Role:GetRole", json!({"org_id": {"type": "Equals", "value": "acme"}})), &user_id, 201),
        (allow("Role:GetRole", json!({})), &user_id, 403),
        // What the giver has of the own record is nothing that the user has.
        (allow("User:GetUserModel", own_record()), &user_id, 403),
        (allow("User:GetUserModel", own_record()), &caller.user_id, 201),
        (allow("Pizza:Bake", json!({})), &user_id, 403),
        // However high the user stands.
        (allow("User:GetUserInfo", json!({})), &admin, 201),
    ] {
        let answer = give(&caller, to, &grant, "PT1H").await;
        assert_eq!(answer.status, status, "{grant}: {answer}");
        if status == 403 {
            assert_eq!(answer.refusal().1, BEYOND);
        }
    }
    // The super administrator stands over all, known and unknown.
    give(&org.admin().await, &user_id, &allow("Pizza:Bake", json!({})), "P365D").await.expect(201);
}

#[tokio::test]
async fn who_may_be_given_something_depends_on_the_role_and_on_being_seen() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let to_users = json!({"role_name": {"type": "Equals", "value": "DefaultUserRole"}});
    let user_id = org.member("DefaultUserRole").await;
    let hidden = org.member("DefaultUserRole").await;
    let not_hidden = json!({"user_id": {"type": "NotEquals", "value": hidden}});
    let caller = org
        .caller_with(&json!([
            allow("User:GetUserInfo", not_hidden.clone()),
            allow("Role:CreateTemporaryPermissionGrant", to_users.clone()),
            allow("Role:GetTemporaryPermissionGrant", to_users),
        ]))
        .await;
    let grant = allow("User:GetUserInfo", json!({"user_id": {"type": "Equals", "value": caller.user_id}}));
    give(&caller, &user_id, &grant, "PT1H").await.expect(201);
    let above = give(&caller, &org.created.member_id, &grant, "PT1H").await;
    assert_eq!(above.refusal(), (403, "Missing permission".to_owned()));
    for nobody in [hidden.as_str(), "65f000000000000000000001", "nobody"] {
        let answer = give(&caller, nobody, &grant, "PT1H").await;
        assert_eq!(answer.refusal(), (404, "User not found".to_owned()), "{nobody}");
    }
    // The list shows the same people and roles.
    let admin = org.admin().await;
    for to in [&hidden, &org.created.member_id, &user_id] {
        give(&admin, to, &grant, "PT1H").await.expect(201);
    }
    assert_eq!(listed(&caller, "").await, [user_id.as_str(), user_id.as_str()]);
    assert_eq!(listed(&caller, "limit=1&sort_by=-expires_at").await, [user_id.as_str()]);
    assert!(listed(&caller, &format!("user_id={hidden}")).await.is_empty());
    assert_eq!(listed(&admin, "").await.len(), 4);
    let blind = org.caller_with(&everywhere(&["Role:GetTemporaryPermissionGrant"])).await;
    assert!(listed(&blind, "").await.is_empty());
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_grants_at_once() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let user_id = org.member("DefaultUserRole").await;
    let grant = allow("Role:GetRole", json!({}));
    for number in 0..100 {
        let duration = if number == 0 { "PT1S" } else { "PT1H" };
        give(&admin, &user_id, &grant, duration).await.expect(201);
    }
    let refused = give(&admin, &user_id, &grant, "PT1H").await;
    assert_eq!(refused.refusal(), (400, "The user has 100 temporary permission grants".to_owned()));
    server.advance_seconds(1);
    give(&admin, &user_id, &grant, "PT1H").await.expect(201);
}

#[tokio::test]
async fn grants_go_with_the_user() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let user_id = org.member("DefaultUserRole").await;
    give(&admin, &user_id, &allow("Role:GetRole", json!({})), "PT1H").await.expect(201);
    admin.delete(&format!("/user/{user_id}")).await.expect(200);
    assert!(listed(&admin, "").await.is_empty());
    server.assert_consistent().await;
}

#[tokio::test]
async fn what_a_giver_may_at_home_only_cannot_be_given_in_a_child() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let directory = server.directory();
    let credentials = denizen_directory::Credentials::Token(&admin.token);
    let known = directory.authenticate(credentials, "child", Some("acme")).await.unwrap();
    let new = NewOrganization::named(Slug::parse("child").unwrap(), "child");
    directory.create_child_organization(&known, &"test".into(), new, None).await.unwrap();
    let inside = admin.in_org("child").naming("acme");
    let body = json!({
        "first_name": "A", "last_name": "B", "email": "new@child.example", "role_name": "DefaultUserRole"
    });
    let user_id = inside.post("/user/", &body).await.expect(201).str_at("/user_id");

    let caller = org
        .caller_with(&json!([
            allow("User:GetUserInfo", json!({})),
            allow("Role:CreateTemporaryPermissionGrant", json!({})),
            allow("Role:GetTemporaryPermissionGrant", json!({})),
            allow("User:DeleteUser", own_organization()),
        ]))
        .await;
    let there = caller.in_org("child").naming("acme");
    // Written alike, they are of two organizations.
    let refused = give(&there, &user_id, &allow("User:DeleteUser", own_organization()), "PT1H").await;
    assert_eq!(refused.refusal(), (403, BEYOND.to_owned()));
    give(&there, &user_id, &allow("User:GetUserInfo", own_organization()), "PT1H").await.expect(201);
    let shown = there.get(LIST).await.expect(200).json();
    let creator = &shown["temporary_permission_grants"][0]["creator"];
    assert_eq!(*creator, json!({"org_id": "acme", "user_id": caller.user_id}));
    assert!(listed(&admin, "").await.is_empty());
}

#[tokio::test]
async fn a_sorted_list_goes_on_behind_a_grant_that_the_caller_may_see_and_no_other() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let mut users = Vec::new();
    for _ in 0..3 {
        let user_id = org.member("DefaultUserRole").await;
        give(&admin, &user_id, &allow("Role:GetRole", json!({})), "PT1H").await.expect(201);
        users.push(user_id);
    }
    users.sort();
    let sorted = "sort_by=%2Buser_id&limit=1";
    let page = admin.get(&format!("{LIST}?{sorted}")).await.expect(200).json();
    let token = page["continuation_token"].as_i64().unwrap();
    let behind = |token: i64| format!("{LIST}?{sorted}&continuation_token={token}");
    let next = behind(token);
    let there = admin.at(&other);
    let first_of =
        |answer: Answer| answer.expect(200).each("temporary_permission_grants", "user_id").remove(0);
    assert_eq!(first_of(there.get(&next).await), users[1]);
    let not_the_first = json!({"user_id": {"type": "NotEquals", "value": users[0]}});
    let caller = org
        .caller_with(&json!([
            allow("User:GetUserInfo", not_the_first),
            allow("Role:GetTemporaryPermissionGrant", json!({})),
        ]))
        .await;
    let hidden = caller.get(&next).await.expect(422);
    let gone = caller.get(&behind(token + 1_000_000)).await;
    assert_eq!(gone.expect(422).body, hidden.body);
    // Its user was deleted, and with the user the grant: the process that showed it goes on, the other one cannot.
    admin.delete(&format!("/user/{}", users[0])).await.expect(200);
    assert_eq!(first_of(admin.get(&next).await), users[1]);
    assert_eq!(there.get(&next).await.status, 422);
}
