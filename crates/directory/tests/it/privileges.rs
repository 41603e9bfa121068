//! Nobody hands out more than they hold.

use denizen_testkit::{Key, TestServer};
use serde_json::{Value, json};

fn allow(name: &str) -> Value {
    json!({"permission_name": name, "conditions": {}})
}

fn allow_all(names: &[&str]) -> Value {
    names.iter().map(|name| allow(name)).collect()
}

const BELOW: &str = "The authenticated user needs greater privileges than the role";
const BEYOND: &str = "The grants go beyond the privileges of the authenticated user";

#[tokio::test]
async fn inviting_and_assigning_ask_for_greater_privileges_than_the_role() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.caller("DefaultAdministratorRole").await;
    let target = org.member("DefaultUserRole").await;
    let body = json!({"user_id": target});
    for role in ["DefaultAdministratorRole", "DefaultAmigoAdministratorRole", "DefaultSuperAdministratorRole"]
    {
        let invited = admin.post("/user/", &org.invitation(role)).await;
        assert_eq!(invited.refusal(), (403, BELOW.to_owned()), "{role}");
        let assigned = admin.post(&format!("/role/{role}/assign"), &body).await;
        assert_eq!(assigned.refusal(), (403, BELOW.to_owned()), "{role}");
    }
    admin.post("/user/", &org.invitation("DefaultUserRole")).await.expect(201);
    admin.post("/role/DefaultUserRole/assign", &body).await.expect(200);
    // The super administrator stands over its own role.
    let all = org.admin().await;
    all.post("/role/DefaultSuperAdministratorRole/assign", &body).await.expect(200);
}

#[tokio::test]
async fn nobody_takes_the_role_of_whom_stands_above() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.caller("DefaultAdministratorRole").await;
    let above = json!({"user_id": org.created.member_id});
    assert_eq!(admin.post("/role/DefaultUserRole/assign", &above).await.status, 403);
    let beside = json!({"user_id": org.member("DefaultAdministratorRole").await});
    admin.post("/role/DefaultUserRole/assign", &beside).await.expect(200);
    org.admin().await.sees_itself().await.expect(200);
}

#[tokio::test]
async fn a_key_is_made_for_lesser_roles_and_signs_in_lesser_users_only() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.caller("DefaultAdministratorRole").await;
    let body = |role: &str| json!({"name": null, "duration": "P1D", "role_name": role});
    let refused = admin.post("/organization/api_key/", &body("DefaultAdministratorRole")).await;
    assert_eq!(refused.refusal(), (403, "Missing permission".to_owned()));
    admin.post("/organization/api_key/", &body("DefaultUserRole")).await.expect(201);

    let key = org.key("DefaultAdministratorRole").await;
    for (role, status) in [
        ("DefaultUserRole", 200),
        ("DefaultAdministratorRole", 401),
        ("DefaultAmigoAdministratorRole", 401),
        ("DefaultSuperAdministratorRole", 401),
    ] {
        assert_eq!(org.try_sign_in(&key, &org.member(role).await).await.status, status, "{role}");
    }
}

#[tokio::test]
async fn a_user_who_rises_above_the_key_that_signed_in_is_signed_out() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.key("DefaultAdministratorRole").await;
    let caller = org.sign_in(&key, &org.member("DefaultUserRole").await).await;
    caller.sees_itself().await.expect(200);
    let body = json!({"user_id": caller.user_id});
    org.admin().await.post("/role/DefaultAmigoAdministratorRole/assign", &body).await.expect(200);
    assert_eq!(caller.sees_itself().await.refusal(), (401, "Invalid credentials".to_owned()));
    // By another key, which stands above, the same user goes on.
    org.sign_in(&org.first_key(), &caller.user_id).await.sees_itself().await.expect(200);
}

#[tokio::test]
async fn a_role_cannot_be_given_what_its_author_does_not_hold() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let held = ["User:GetUserInfo", "Role:GetRole", "Role:CreateRole", "Role:ModifyRole"];
    let author = org.caller_with(&allow_all(&held)).await;
    let role = |name: &str, grants: &Value| json!({"role_name": name, "description": "D", "frontend_view": "client", "permission_grants": grants});
    let beyond = allow_all(&["User:GetUserInfo", "User:DeleteUser"]);
    let refused = author.post("/role/", &role("Beyond", &beyond)).await;
    assert_eq!(refused.refusal(), (403, BEYOND.to_owned()));

    // As much as the author holds is not too much.
    author.post("/role/", &role("Equal", &allow_all(&held))).await.expect(201);
    author.post("/role/", &role("Within", &allow_all(&held[..1]))).await.expect(201);
    let widened = json!({"permission_grants": beyond});
    assert_eq!(author.post("/role/Within", &widened).await.refusal(), (403, BEYOND.to_owned()));
    // Neither can the author's own role be widened, nor a stronger one be touched.
    let own = author.role_name.clone();
    assert_eq!(author.post(&format!("/role/{own}"), &widened).await.refusal(), (403, BEYOND.to_owned()));
    let emptied = json!({"permission_grants": []});
    let stronger = author.post("/role/DefaultAdministratorRole", &emptied).await;
    assert_eq!(stronger.refusal(), (403, BEYOND.to_owned()));
    let described = json!({"description": "mine"});
    assert_eq!(author.post("/role/DefaultAdministratorRole", &described).await.status, 403);
    author.post("/role/Within", &json!({"permission_grants": allow_all(&held[1..2])})).await.expect(200);
}

#[tokio::test]
async fn a_denial_cannot_be_lifted_by_whom_it_binds() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut grants = allow_all(&["User:GetUserInfo", "User:DeleteUser", "Role:GetRole", "Role:ModifyRole"]);
    grants.as_array_mut().unwrap().push(json!({
        "permission_name": "User:DeleteUser", "action": "Deny",
        "conditions": {"role_name": {"type": "Equals", "value": "DefaultSuperAdministratorRole"}}
    }));
    let bound = org.caller_with(&grants).await;
    grants.as_array_mut().unwrap().pop();
    let lifted = json!({"permission_grants": grants});
    let refused = bound.post(&format!("/role/{}", bound.role_name), &lifted).await;
    assert_eq!(refused.refusal(), (403, BEYOND.to_owned()));
    assert_eq!(bound.delete(&format!("/user/{}", org.created.member_id)).await.status, 403);
}

#[tokio::test]
async fn the_super_administrator_s_role_keeps_its_grants_whoever_asks() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let emptied = json!({"permission_grants": []});
    let refused = admin.post("/role/DefaultSuperAdministratorRole", &emptied).await;
    let text = "The grants of the super administrator's role cannot be changed";
    assert_eq!(refused.refusal(), (400, text.to_owned()));
    let described = json!({"description": "The boss"});
    admin.post("/role/DefaultSuperAdministratorRole", &described).await.expect(200);
}

#[tokio::test]
async fn a_role_that_may_not_be_seen_is_not_listed_and_not_found() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let hidden = org.role(&json!([])).await;
    let mut grants = allow_all(&["User:GetUserInfo", "User:InviteUser", "Role:GetRole", "Role:ModifyRole"]);
    grants.as_array_mut().unwrap().push(json!({
        "permission_name": "Role:GetRole", "action": "Deny",
        "conditions": {"role_name": {"type": "Equals", "value": hidden}}
    }));
    let caller = org.caller_with(&grants).await;
    assert!(!caller.get("/role/").await.each("roles", "name").contains(&hidden));
    assert!(caller.get(&format!("/role/?name={hidden}")).await.each("roles", "name").is_empty());
    let answer = caller.post(&format!("/role/{hidden}"), &json!({"description": "x"})).await;
    assert_eq!(answer.refusal(), (404, "Role not found".to_owned()));
    // Handing it out by its name asks for privileges above it and not for a look at it.
    caller.post("/user/", &org.invitation(&hidden)).await.expect(201);
}

#[tokio::test]
async fn who_may_hand_out_nothing_cannot_find_out_which_roles_there_are() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let caller = org.caller_with(&allow_all(&["User:GetUserInfo"])).await;
    for role in ["DefaultUserRole", "NoSuchRole"] {
        let key = json!({"name": null, "duration": "P1D", "role_name": role});
        for (path, body) in [
            ("/user/".to_owned(), org.invitation(role)),
            (format!("/role/{role}"), json!({"description": "x"})),
            (format!("/role/{role}/assign"), json!({"user_id": caller.user_id})),
            ("/organization/api_key/".to_owned(), key),
        ] {
            let answer = caller.post(&path, &body).await;
            assert_eq!(answer.refusal(), (403, "Missing permission".to_owned()), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_condition_on_the_invited_holds_for_the_invited() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut grants = allow_all(&["User:GetUserInfo", "Role:GetRole"]);
    let role = org.role(&json!([])).await;
    grants.as_array_mut().unwrap().push(json!({
        "permission_name": "User:InviteUser",
        "conditions": {"email": {"type": "In", "values": ["One@acme.example", "two@acme.example"]}}
    }));
    let caller = org.caller_with(&grants).await;
    let mut body = org.invitation(&role);
    assert_eq!(caller.post("/user/", &body).await.refusal(), (403, "Missing permission".to_owned()));
    body["email"] = "oNE@ACME.example".into();
    caller.post("/user/", &body).await.expect(201);
}

#[tokio::test]
async fn a_wrong_secret_or_somebody_elses_key_signs_nobody_in() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let other = server.org("globex").await;
    let user_id = org.member("DefaultUserRole").await;
    let ours = org.first_key();
    for key in [
        other.first_key(),
        Key { secret: other.first_key().secret, ..ours.clone() },
        Key { secret: String::new(), ..ours.clone() },
        Key { key_id: "nonsense".to_owned(), ..ours },
    ] {
        let refused = org.try_sign_in(&key, &user_id).await;
        assert_eq!(refused.refusal(), (401, "Invalid credentials".to_owned()));
    }
}

#[tokio::test]
async fn who_stands_below_a_user_cannot_take_the_users_role() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let body = |user_id: &str| json!({"user_id": user_id});
    let path = "/role/DefaultUserRole/assign";
    let admin = org.caller("DefaultAdministratorRole").await;
    for role in ["DefaultAmigoAdministratorRole", "DefaultSuperAdministratorRole"] {
        let refused = admin.post(path, &body(&org.member(role).await)).await;
        let text = "The user's present role has greater privileges than the authenticated user";
        assert_eq!(refused.refusal(), (403, text.to_owned()), "{role}");
    }
    admin.post(path, &body(&org.member("DefaultAdministratorRole").await)).await.expect(200);
    let all = org.admin().await;
    all.post(path, &body(&org.member("DefaultSuperAdministratorRole").await)).await.expect(200);
}
