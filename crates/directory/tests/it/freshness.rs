//! What is remembered lasts while nobody changes it, and no longer than a second once somebody has.

use std::sync::Arc;
use std::time::Duration;

use denizen_directory::organizations::{Organization, OrganizationChanges};
use denizen_testkit::{Key, TestCaller, TestServer};
use serde_json::json;

async fn acme(server: &TestServer) -> Arc<Organization> {
    server.directory().find_organization("acme").await.unwrap().unwrap()
}

/// Goes on by somewhat more than the time after which it is asked whether others have written, asks, and lets the store look.
async fn step(server: &TestServer) {
    server.clock().advance_micros(600_000);
    acme(server).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
}

/// Goes on until the organization was used for longer than a second, as only a store that tells of others allows.
async fn until_trusted(server: &TestServer) {
    for _ in 0..5_000 {
        let before = acme(server).await;
        step(server).await;
        step(server).await;
        if Arc::ptr_eq(&before, &acme(server).await) {
            return;
        }
    }
    panic!("it is read again each second");
}

fn renamed(name: &str) -> OrganizationChanges {
    OrganizationChanges { name: Some(name.to_owned()), ..OrganizationChanges::default() }
}

#[tokio::test]
async fn what_nobody_changes_is_read_again_each_second_only_where_the_database_does_not_tell_of_others() {
    let server = TestServer::start().await;
    server.org("acme").await;
    if !server.store().is_shared() {
        return until_trusted(&server).await;
    }
    let before = acme(&server).await;
    server.advance_seconds(1);
    assert!(!Arc::ptr_eq(&before, &acme(&server).await));
}

#[tokio::test]
async fn what_another_process_changes_takes_effect_within_a_second_however_long_it_was_trusted() {
    let server = TestServer::start().await;
    if server.store().is_shared() {
        return;
    }
    let org = server.org("acme").await;
    let other = server.another_process().await;
    let (role, elsewhere) = (org.role(&json!([])).await, org.admin().await.at(&other));
    let caller = org.caller(&role).await;
    for round in 0..5 {
        until_trusted(&server).await;
        let is_allowed = round % 2 == 0;
        assert_eq!(caller.sees_itself().await.status == 200, !is_allowed, "round {round}");
        let name = format!("round {round}");
        other.directory().set_organization("acme", renamed(&name)).await.unwrap();
        let grants = json!([{"permission_name": "User:GetUserInfo", "conditions": {}}]);
        let grants = if is_allowed { grants } else { json!([]) };
        elsewhere.post(&format!("/role/{role}"), &json!({"permission_grants": grants})).await.expect(200);
        if round < 3 {
            server.advance_seconds(1);
        } else {
            // While it is looked now and then.
            step(&server).await;
            server.clock().advance_micros(400_000);
        }
        assert_eq!(acme(&server).await.profile.name, name);
        assert_eq!(caller.sees_itself().await.status == 200, is_allowed, "round {round}");
    }
}

#[tokio::test]
async fn what_this_process_changes_takes_effect_at_once_however_long_it_was_trusted() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let is_known = async |caller: &TestCaller| caller.sees_itself().await.status != 401;
    let rest = async || {
        if !server.store().is_shared() {
            until_trusted(&server).await;
        }
    };

    server.directory().set_organization("acme", renamed("another name")).await.unwrap();
    assert_eq!(acme(&server).await.profile.name, "another name");

    let grants = json!([{"permission_name": "User:GetUserInfo", "conditions": {"email": {
        "type": "Equals", "value": "ada@acme.example"
    }}}]);
    let caller = org.caller_with(&grants).await;
    assert_eq!(caller.sees_itself().await.status, 403);
    rest().await;
    let grant = json!({"permission_name": "User:GetUserInfo", "conditions": {}});
    let body = json!({"user_id": caller.user_id, "duration": "PT1H", "permission_grant": grant, "tags": {},
        "justification": "because of a test"});
    admin.post("/role/temporary_permission_grant/", &body).await.expect(201);
    caller.sees_itself().await.expect(200);

    let program = org.access_token("DefaultAdministratorRole").await;
    program.authenticate().await.map(drop).unwrap();
    rest().await;
    let token = denizen_domain::ids::Uuid::parse(&program.token_id).unwrap();
    server.directory().revoke_access_token("acme", token).await.unwrap();
    assert!(program.authenticate().await.is_err());

    let key = org.key("DefaultSuperAdministratorRole").await;
    let by_key = org.sign_in(&key, &org.member("DefaultUserRole").await).await;
    rest().await;
    assert!(is_known(&by_key).await);
    server.directory().revoke_key("acme", &key.key_id).await.unwrap();
    assert!(!is_known(&by_key).await);

    let deleted = org.caller("DefaultUserRole").await;
    assert!(is_known(&deleted).await);
    rest().await;
    admin.delete(&format!("/user/{}", deleted.user_id)).await.expect(200);
    assert!(!is_known(&deleted).await);

    // What was signed by a key that is not good any more.
    assert!(is_known(&admin).await);
    rest().await;
    for key in server.directory().list_signing_keys().await.unwrap() {
        server.directory().retire_signing_key(&key.kid).await.unwrap();
    }
    assert!(!is_known(&admin).await);

    let again = org.admin().await;
    assert!(is_known(&again).await);
    rest().await;
    again.delete("/organization/").await.expect(204);
    assert!(!is_known(&again).await);
}

#[tokio::test]
async fn times_are_kept_to_though_nothing_is_read() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let body = json!({"name": null, "duration": "P1D", "role_name": "DefaultAdministratorRole"});
    let made = org.admin().await.post("/organization/api_key/", &body).await.expect(201);
    let key = Key { key_id: made.str_at("/api_key_id"), secret: made.str_at("/api_key") };
    let user_id = org.member("DefaultUserRole").await;
    server.advance_seconds(86_400 - 6);
    let caller = org.sign_in(&key, &user_id).await;
    for _ in 0..9 {
        caller.sees_itself().await.expect(200);
        step(&server).await;
    }
    caller.sees_itself().await.expect(200);
    server.clock().advance_micros(600_000);
    assert_eq!(caller.sees_itself().await.refusal().0, 401, "the key has expired");
}
