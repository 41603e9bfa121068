//! Who may link an account, and where: it needs no secret of the account, and can have it deleted.

use denizen_directory::organizations::NewOrganization;
use denizen_directory::{Credentials, DirectorySettings};
use denizen_domain::ids::UserId;
use denizen_domain::text::Slug;
use denizen_store::linked_accounts::{LinkedAccount, Provider, link};
use denizen_testkit::{Answer, TestOrg, TestServer, TestSettings};
use serde_json::{Value, json};

async fn server_listing(organizations: Option<&[&str]>) -> TestServer {
    let account_organizations =
        organizations.map(|slugs| slugs.iter().map(|&slug| slug.to_owned()).collect());
    let directory = DirectorySettings { account_organizations, ..DirectorySettings::default() };
    TestServer::with(TestSettings { directory, ..TestSettings::default() }).await
}

fn account(id: &str) -> Value {
    json!({"account_id": id})
}

fn path(user_id: &str) -> String {
    format!("/user/{user_id}/google_account")
}

async fn link_as_admin(org: &TestOrg) -> Answer {
    let member = org.member("DefaultUserRole").await;
    org.admin().await.admin("PUT", &path(&member), Some(&account("victim"))).await
}

#[tokio::test]
async fn accounts_are_linked_in_the_organizations_that_the_operator_lists_and_in_no_other() {
    for (listed, expected) in [
        (None, [204, 204]),
        (Some(&["acme", "initech"][..]), [204, 403]),
        (Some(&["globex"][..]), [403, 204]),
        (Some(&[][..]), [403, 403]),
    ] {
        let server = server_listing(listed).await;
        for (slug, status) in ["acme", "globex"].into_iter().zip(expected) {
            let answer = link_as_admin(&server.org(slug).await).await;
            assert_eq!(answer.status, status, "{slug} where {listed:?} are listed: {answer}");
            if status == 403 {
                assert!(answer.text().contains("identity.organizations"), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn an_organization_that_a_caller_makes_reaches_no_account_until_it_is_listed() {
    let server = server_listing(Some(&["acme"])).await;
    let admin = server.org("acme").await.admin().await;
    let directory = server.directory();
    let known =
        directory.authenticate(Credentials::Token(&admin.token), "tenant", Some("acme")).await.unwrap();
    let new = NewOrganization::named(Slug::parse("tenant").unwrap(), "Tenant");
    directory.create_child_organization(&known, &"test".into(), new, None).await.unwrap();
    let inside = admin.in_org("tenant").naming("acme");
    let invitation = json!({
        "first_name": "Some", "last_name": "Body", "email": "body@tenant.example", "role_name": "DefaultUserRole"
    });
    let member = inside.post("/user/", &invitation).await.expect(201).str_at("/user_id");
    let refused = inside.admin("PUT", &path(&member), Some(&account("victim"))).await.expect(403);
    assert!(refused.text().contains("identity.organizations"), "{refused}");
}

#[tokio::test]
async fn what_was_linked_before_the_list_can_be_shown_and_forgotten() {
    let server = server_listing(Some(&[])).await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let member = org.member("DefaultUserRole").await;
    let user = UserId::parse_member(&member).unwrap();
    let linked = LinkedAccount { provider: Provider::Google, tenant: None, account_id: "a".to_owned() };
    let now = server.directory().now();
    let outcome =
        server.store().write(org.key_in_store().await, move |tx| link(tx, user, &linked, now)).await;
    assert!(outcome.unwrap());
    assert_eq!(admin.admin("GET", &path(&member), None).await.expect(200).str_at("/account_id"), "a");
    admin.admin("PUT", &path(&member), Some(&account("b"))).await.expect(403);
    admin.admin("DELETE", &path(&member), None).await.expect(204);
    admin.admin("PUT", &path(&member), Some(&account("a"))).await.expect(403);
}

#[tokio::test]
async fn only_who_stands_above_a_user_links_and_unlinks_the_users_account() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let first = org.admin().await;
    let admin = org.caller("DefaultAdministratorRole").await;
    let below = org.member("DefaultUserRole").await;
    let beside = org.member("DefaultAdministratorRole").await;
    for (number, user) in [&below, &beside, &admin.user_id].into_iter().enumerate() {
        let before = account(&format!("before-{number}"));
        first.admin("PUT", &path(user), Some(&before)).await.expect(204);
    }
    // One's own is one's own.
    first.admin("PUT", &path(&first.user_id), Some(&account("firsts"))).await.expect(204);
    for (user, status) in [(&below, 204), (&admin.user_id, 204), (&beside, 403), (&first.user_id, 403)] {
        let changed = account(&format!("after-{user}"));
        admin.admin("PUT", &path(user), Some(&changed)).await.expect(status);
        admin.admin("DELETE", &path(user), None).await.expect(status);
    }
    for (user, kept) in [(&beside, "before-1"), (&first.user_id, "firsts")] {
        assert_eq!(first.admin("GET", &path(user), None).await.expect(200).str_at("/account_id"), kept);
    }
}
