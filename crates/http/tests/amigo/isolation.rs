//! What belongs to another organization, and what is gone, is like what never was.

use denizen_domain::permission::{KNOWN, names};
use denizen_http::kernel::HttpSettings;
use denizen_testkit::{Key, TestServer, TestSettings};
use serde_json::json;

use super::cases::{Auth, CASES};
use super::coverage::{Faults, credentials_with, unknown_values};
use super::scene::{Credentials, Scene, Things, add_event, add_grant, send};

/// Ids that meant something once or mean something elsewhere, by the place where they are put.
async fn strange_ids(scene: &Scene) -> Vec<(&'static str, String)> {
    let (ours, theirs) = (&scene.ours, &scene.theirs);
    let deleted = ours.org.member("DefaultUserRole").await;
    ours.admin.delete(&format!("/user/{deleted}")).await.expect(200);
    // One who left a tombstone.
    let creator = ours.org.caller("DefaultSuperAdministratorRole").await;
    let body = json!({"name": null, "duration": "P1D", "role_name": "DefaultUserRole"});
    creator.post("/organization/api_key/", &body).await.expect(201);
    ours.admin.delete(&format!("/user/{}", creator.user_id)).await.expect(200);
    let revoked = ours.org.key("DefaultUserRole").await.key_id;
    ours.admin.delete(&format!("/organization/api_key/{revoked}/")).await.expect(200);

    let mut strange = Vec::new();
    for token in ["{user_id}", "{requested_user_id}"] {
        strange.push((token, theirs.things[token].clone()));
        strange.push((token, theirs.admin.user_id.clone()));
        strange.push((token, deleted.clone()));
        strange.push((token, creator.user_id.clone()));
    }
    let removed = add_event(&ours.admin, &ours.things["{user_id}"]).await;
    let path = format!("/user/{}/external_event/{removed}", ours.things["{user_id}"]);
    ours.admin.delete(&path).await.expect(204);
    let of_another = add_event(&ours.admin, &ours.admin.user_id).await;
    for id in [theirs.things["{external_event_id}"].clone(), removed, of_another] {
        strange.push(("{external_event_id}", id));
    }
    strange.push(("{api_key_id}", theirs.key.key_id.clone()));
    strange.push(("{api_key_id}", theirs.org.created.api_key_id.to_string()));
    strange.push(("{api_key_id}", revoked));
    let body = json!({
        "role_name": "OnlyTheirs", "description": "d", "frontend_view": "admin", "permission_grants": []
    });
    theirs.admin.post("/role/", &body).await.expect(201);
    strange.push(("{role_name}", "OnlyTheirs".to_owned()));
    strange.push(("{email}", theirs.things["{email}"].clone()));
    strange.push(("{secret}", theirs.things["{secret}"].clone()));
    strange
}

#[tokio::test]
async fn ids_of_another_organization_and_of_what_is_gone_are_answered_like_ids_that_never_were() {
    strange_ids_are_unknown(Scene::set().await).await;
}

#[tokio::test]
async fn the_same_of_an_organization_in_another_cluster() {
    strange_ids_are_unknown(Scene::set_far().await).await;
}

async fn strange_ids_are_unknown(scene: Scene) {
    let strange = strange_ids(&scene).await;
    let before = (scene.ours.state().await, scene.theirs.state().await);
    scene.server.run_jobs().await;
    let mut faults = Faults::default();
    let mut tried = 0;
    for case in CASES {
        for (token, id) in &strange {
            if !case.unknown_ids.iter().any(|(known, _)| known == token) {
                continue;
            }
            tried += 1;
            let unknown = unknown_values(token)[0];
            let ask = async |things: Things, id: &str| {
                send(&scene.server, case, &things, &credentials_with(&scene, case, token, id)).await
            };
            let expected = ask(scene.ours.things_with(token, unknown), unknown).await;
            let answer = ask(scene.ours.things_with(token, id), id).await;
            if (answer.status, &answer.body) != (expected.status, &expected.body) {
                faults.push(format!("{token}: {answer}, but {expected}"));
            }
        }
    }
    assert!(tried > 40, "{tried}");
    faults.assert_none();
    assert_eq!((scene.ours.state().await, scene.theirs.state().await), before);
    assert_eq!(scene.server.run_jobs().await, [], "a link was mailed to somebody of another organization");
}

#[tokio::test]
async fn filters_find_nobody_of_another_organization() {
    let scene = Scene::set().await;
    let (ours, theirs) = (&scene.ours, &scene.theirs);
    let user_id = &theirs.things["{user_id}"];
    let email = theirs.things["{email}"].replace('@', "%40");
    let role_id = theirs.admin.get("/role/").await.each("roles", "id").remove(0);
    let (grant, creator) = (add_grant(&theirs.admin, user_id).await, &theirs.admin.user_id);
    let events = format!(
        "/user/{}/external_event?id={}",
        ours.things["{user_id}"], theirs.things["{external_event_id}"]
    );
    for (path, list) in [
        (format!("/user/?user_id={user_id}"), "users"),
        (format!("/user/?email={email}"), "users"),
        (format!("/user/search/?query={email}"), "users"),
        (format!("/user/search/?query=&user_id={user_id}"), "users"),
        ("/user/search/?query=globex".to_owned(), "users"),
        (format!("/role/?id={role_id}"), "roles"),
        (events, "external_events"),
        (format!("/role/temporary_permission_grants/?id={grant}"), "temporary_permission_grants"),
        (format!("/role/temporary_permission_grants/?user_id={user_id}"), "temporary_permission_grants"),
        (format!("/role/temporary_permission_grants/?creator={creator}"), "temporary_permission_grants"),
        ("/role/temporary_permission_grants/?tag=a%3Ab".to_owned(), "temporary_permission_grants"),
    ] {
        let answer = ours.admin.get(&path).await.expect(200);
        assert!(answer.json()[list].as_array().unwrap().is_empty(), "{answer}");
    }
}

#[tokio::test]
async fn a_continuation_token_of_another_organization_leads_through_the_own_one() {
    let scene = Scene::set().await;
    for _ in 0..3 {
        scene.theirs.org.member("DefaultUserRole").await;
    }
    let page = scene.theirs.admin.get("/user/?limit=2&sort_by=-email").await.expect(200).json();
    let token = page["continuation_token"].as_i64().unwrap();
    let answer = scene.ours.admin.get(&format!("/user/?continuation_token={token}")).await.expect(200);
    assert!(answer.each("users", "org_id").iter().all(|org| org == "acme"), "{answer}");
}

#[tokio::test]
async fn whoever_was_deleted_or_whose_key_was_revoked_is_nobody_to_every_operation() {
    let scene = Scene::set().await;
    let ours = &scene.ours;
    let deleted = ours.org.caller("DefaultSuperAdministratorRole").await;
    let key = ours.org.key("DefaultSuperAdministratorRole").await;
    let user_id = ours.org.member("DefaultSuperAdministratorRole").await;
    let by_key = ours.org.sign_in(&key, &user_id).await;
    for caller in [&deleted, &by_key] {
        caller.sees_itself().await.expect(200);
    }
    ours.admin.delete(&format!("/user/{}", deleted.user_id)).await.expect(200);
    ours.admin.delete(&format!("/organization/api_key/{}/", key.key_id)).await.expect(200);

    let before = ours.state().await;
    let mut faults = Faults::default();
    for case in CASES.iter().filter(|case| case.auth == Auth::Token) {
        for credentials in [
            Credentials::of(&deleted),
            Credentials::of(&by_key),
            Credentials::key(&key, &user_id),
            Credentials::key(&ours.key, &deleted.user_id),
            Credentials::key(&Key { key_id: ours.key.key_id.clone(), secret: key.secret.clone() }, &user_id),
        ] {
            let answer = send(&scene.server, case, &ours.things, &credentials).await;
            faults.note("gone", case.anonymous, &answer);
        }
    }
    faults.assert_none();
    assert_eq!(ours.state().await, before);
}

#[tokio::test]
async fn a_token_of_a_deleted_organization_is_nobody_s_and_its_slug_free_again() {
    let scene = Scene::set().await;
    scene.ours.admin.delete("/organization/").await.expect(204);
    let mut faults = Faults::default();
    for case in CASES.iter().filter(|case| case.auth == Auth::Token) {
        let answer = send(&scene.server, case, &scene.ours.things, &Credentials::of(&scene.ours.admin)).await;
        faults.note("deleted organization", case.anonymous, &answer);
    }
    faults.assert_none();
    // A namesake has nothing of it, not even while the old rows are being erased.
    let namesake = scene.server.org("acme").await;
    let admin = namesake.admin().await;
    assert_eq!(admin.get("/user/").await.each("users", "user_id"), [admin.user_id.as_str()]);
    assert_eq!(scene.ours.admin.sees_itself().await.expect(401).refusal().1, "Invalid credentials");
    scene.server.run_jobs().await;
    scene.server.assert_consistent().await;
}

#[tokio::test]
async fn a_user_who_may_not_be_seen_is_like_one_who_never_was_to_every_operation() {
    let scene = Scene::set().await;
    let ours = &scene.ours;
    // Every permission on everybody, but a look at nobody else.
    let own = json!({"user_id": {"type": "Equals", "value": "{self_user_id}"}});
    let grants: Vec<_> = KNOWN
        .iter()
        .map(|name| {
            let conditions = if *name == names::USER_GET_USER_INFO { own.clone() } else { json!({}) };
            json!({"permission_name": name.as_str(), "conditions": conditions})
        })
        .collect();
    let caller = ours.org.caller_with(&json!(grants)).await;
    let credentials = Credentials::of(&caller);
    let before = ours.state().await;
    let mut faults = Faults::default();
    for case in CASES.iter().filter(|case| case.auth == Auth::Token) {
        for (token, _) in case.unknown_ids.iter().filter(|(token, _)| token.contains("user_id")) {
            let unknown = ours.things_with(token, unknown_values(token)[0]);
            let expected = send(&scene.server, case, &unknown, &credentials).await;
            let answer = send(&scene.server, case, &ours.things, &credentials).await;
            if (answer.status, &answer.body) != (expected.status, &expected.body) || answer.status != 404 {
                faults.push(format!("{token}: {answer}, but {expected}"));
            }
        }
    }
    faults.assert_none();
    assert_eq!(ours.state().await, before);
}

#[tokio::test]
async fn callers_of_another_organization_do_not_use_an_organizations_share_up() {
    let limits = ["get_users", "search_users"].map(|key| (key.to_owned(), 3));
    let limits = [("amigo".to_owned(), limits.into())].into();
    let http = HttpSettings { rate_limits: Some(limits), ..HttpSettings::default() };
    let server = TestServer::with(TestSettings { http, ..TestSettings::default() }).await;
    let (ours, theirs) = (server.org("acme").await, server.org("globex").await);
    let admin = ours.admin().await;
    let stranger = theirs.admin().await;
    let unverified = theirs.unverified_member("DefaultUserRole").await;
    let unverified = theirs.sign_in(&theirs.first_key(), &unverified).await;
    for caller in [&stranger, &unverified] {
        let here = caller.in_org("acme").naming("globex");
        for path in ["/user/", "/user/?limit=-1", "/user/search/?query=x", "/user/search/"] {
            for _ in 0..4 {
                here.get(path).await;
            }
        }
    }
    // A header that names the own organization, or nothing that authenticates, is no second share.
    let status = async |issuer: &str| {
        let authorization = format!("Bearer {}", admin.token);
        let headers = [("authorization", &*authorization), ("x-org-id", issuer)];
        server.call("GET", "/v1/acme/user/", &headers, None).await.status
    };
    assert_eq!(admin.get("/user/").await.status, 200);
    assert_eq!((status("acme").await, status("").await), (200, 200));
    assert_eq!((status("acme").await, status("").await, status("nobody").await), (429, 429, 401));
    admin.get("/user/search/?query=x").await.expect(200);
}

#[tokio::test]
async fn every_new_organization_counts_for_whoever_makes_it() {
    let limits = [("amigo".to_owned(), [("create_organization".to_owned(), 3)].into())].into();
    let http = HttpSettings { rate_limits: Some(limits), ..HttpSettings::default() };
    let server = TestServer::with(TestSettings { http, ..TestSettings::default() }).await;
    let admin = server.org("acme").await.admin().await;
    let other = server.org("globex").await.admin().await;
    for (name, status) in [("one", 422), ("two", 422), ("three", 422), ("four", 429)] {
        admin.in_org(name).naming("acme").put("/organization/", &json!({})).await.expect(status);
    }
    other.in_org("four").naming("globex").put("/organization/", &json!({})).await.expect(422);
}
