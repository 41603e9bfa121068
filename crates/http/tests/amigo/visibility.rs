//! Lists, search and look-ups by id show the same people: exactly those whom the rule of permissions shows.

use denizen_domain::permission::model::{Rng, Target, Universe, allows};
use denizen_domain::permission::{Condition, Grant, Grants, PermissionName, Placeholders, Scalar, names};
use denizen_testkit::{TestOrg, TestServer};
use serde_json::json;

const CASES: usize = 300;

/// The people of the organization as the rule sees them.
async fn targets(org: &TestOrg) -> Vec<Target> {
    let admin = org.admin().await;
    let roles = admin.get("/role/").await;
    let names = roles.each("roles", "name");
    let ids = roles.each("roles", "id");
    let users = admin.get("/user/").await.expect(200).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let target = |user: &serde_json::Value| {
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

fn id(target: &Target) -> String {
    let Some(Scalar::Text(id)) = target.get("user_id") else { panic!("a target without an id") };
    id.clone()
}

#[tokio::test]
async fn lists_search_and_look_ups_show_exactly_whom_the_rule_shows() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let (caller, roles) =
        (org.caller_with(&json!([])).await, ["DefaultUserRole", "DefaultAdministratorRole"]);
    for number in 0..8 {
        let role = roles[number % 2];
        if number % 3 == 0 {
            org.unverified_member(role).await
        } else {
            org.member(role).await
        };
    }
    let people = targets(&org).await;

    let mut universe = Universe::of(names::USER_GET_USER_INFO).unwrap();
    universe.permissions =
        vec![names::USER_GET_USER_INFO, names::USER_UPDATE_USER_INFO, names::USER_GET_USER_MODEL];
    for attribute in &mut universe.attributes {
        attribute.values = people.iter().map(|target| target[&attribute.name].clone()).collect();
        if attribute.name == "org_id" {
            attribute.values.push("globex".into());
        }
        attribute.values.dedup();
    }
    let who = Placeholders { org_id: "acme".to_owned(), user_id: caller.user_id.clone() };
    let own = people.iter().find(|target| id(target) == caller.user_id).unwrap();

    let mut rng = Rng::new(7);
    let (mut blind, mut shown, mut hidden, mut changed, mut kept) = (0, 0, 0, 0, 0);
    for _ in 0..CASES {
        let mut grants = universe.grants(&mut rng);
        if rng.chance(80) {
            grants.0.push(
                Grant::allow(names::USER_GET_USER_INFO)
                    .when("user_id", Condition::Equals(Placeholders::SELF_USER_ID.into())),
            );
        }
        let body = json!({ "permission_grants": grants });
        admin.post(&format!("/role/{}", caller.role_name), &body).await.expect(200);

        let may = |permission: &PermissionName, target: &Target| allows(&grants, permission, &who, target);
        let list = caller.get("/user/").await;
        let sorted = caller.get("/user/?sort_by=%2Bemail&limit=100").await;
        let search = caller.get("/user/search/?query=example").await;
        if !may(&names::USER_GET_USER_INFO, own) {
            blind += 1;
            for answer in [list, sorted, search] {
                assert_eq!(answer.refusal(), (403, "Missing permission".to_owned()), "{grants:?}");
            }
            continue;
        }
        let expected: Vec<String> =
            people.iter().filter(|target| may(&names::USER_GET_USER_INFO, target)).map(id).collect();
        shown += expected.len();
        hidden += people.len() - expected.len();
        assert_eq!(list.each("users", "user_id"), expected, "{grants:?}");
        assert_eq!(search.each("users", "user_id"), expected, "{grants:?}");
        let mut by_email = sorted.each("users", "user_id");
        by_email.sort();
        let mut all = expected.clone();
        all.sort();
        assert_eq!(by_email, all, "{grants:?}");

        for target in &people {
            let visible = may(&names::USER_GET_USER_INFO, target);
            let status = |allowed: bool, success: u16| match (visible, allowed) {
                (false, _) => 404,
                (true, false) => 403,
                (true, true) => success,
            };
            let model = caller.get(&format!("/user/{}/user_model", id(target))).await;
            assert_eq!(
                model.status,
                status(may(&names::USER_GET_USER_MODEL, target), 200),
                "{model} {grants:?}"
            );
            // Writing takes the disk, so it is tried on some.
            if rng.chance(25) {
                let update = caller.post(&format!("/user/{}", id(target)), &json!({})).await;
                let allowed = may(&names::USER_UPDATE_USER_INFO, target);
                assert_eq!(update.status, status(allowed, 204), "{update} {grants:?}");
                *if update.status == 204 { &mut changed } else { &mut kept } += 1;
            }
        }
    }
    // Otherwise the cases would show little.
    let seen = [blind, shown, hidden, changed, kept];
    assert!(blind > 20 && shown > 200 && hidden > 200 && changed > 20 && kept > 200, "{seen:?}");
    server.assert_consistent().await;
}

#[tokio::test]
async fn pages_of_a_filtered_list_hold_everybody_once_and_nobody_else() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    for number in 0..9 {
        if number % 2 == 0 {
            org.unverified_member("DefaultUserRole").await;
        } else {
            org.member("DefaultUserRole").await;
        }
    }
    let grants = Grants(vec![
        Grant::allow(names::USER_GET_USER_INFO).when("is_verified", Condition::Equals(true.into())),
    ]);
    let caller = org.caller_with(&json!(grants)).await;
    for sort in ["", "&sort_by=-last_name", "&sort_by=%2Buser_stats.num_messages&sort_by=-email"] {
        let mut seen = Vec::new();
        let mut token = 0;
        loop {
            let answer = caller.get(&format!("/user/?limit=2&continuation_token={token}{sort}")).await;
            seen.extend(answer.each("users", "user_id"));
            let page = answer.json();
            assert_eq!(page["has_more"].as_bool(), Some(!page["continuation_token"].is_null()));
            match page["continuation_token"].as_i64() {
                Some(next) => token = next,
                None => break,
            }
        }
        let mut distinct = seen.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((seen.len(), distinct.len()), (6, 6), "{sort}");
    }
}
