//! Access tokens: who calls with one, for how long, and what one is good for.

use base64::Engine as _;
use denizen_directory::ErrorCode;
use denizen_directory::access_tokens::NewAccessToken;
use denizen_directory::organizations::{ADMINISTRATOR_ROLE, SUPER_ROLE};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;
use denizen_testkit::{TestOrg, TestProgram, TestServer};
use serde_json::json;

async fn is_refused(program: &TestProgram) -> bool {
    match program.authenticate().await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.code, ErrorCode::InvalidCredentials);
            true
        }
    }
}

/// A program with a token that is valid for so many seconds.
async fn expiring(org: &TestOrg, seconds: i64) -> TestProgram {
    let directory = org.server.directory();
    let expires_at = Some(directory.now().plus_seconds(seconds));
    let made = directory.create_access_token(org.slug(), ADMINISTRATOR_ROLE, None, expires_at).await.unwrap();
    TestProgram { server: org.server.clone(), token_id: made.token_id.to_string(), token: made.token }
}

async fn names_and_roles(org: &TestOrg) -> Vec<(Option<String>, String)> {
    let tokens = org.server.directory().access_tokens(org.slug()).await.unwrap();
    tokens.into_iter().map(|(token, role)| (token.name, role)).collect()
}

#[tokio::test]
async fn a_token_names_its_organization_and_calls_in_its_own_name() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let program = org.access_token(ADMINISTRATOR_ROLE).await;
    let (organization, secret) = program.token.split_once('.').unwrap();
    assert_eq!((organization, secret.len()), ("acme", 43));

    let ctx = program.context().await;
    assert_eq!(ctx.organization.slug.as_str(), "acme");
    assert_eq!(ctx.session.home.slug.as_str(), "acme");
    assert_eq!(ctx.session.user_id.as_uuid().to_string(), program.token_id);
    assert_eq!(ctx.session.role.name, ADMINISTRATOR_ROLE);
    assert!(!ctx.session.sees_itself, "there is no record that could be its own");
}

#[tokio::test]
async fn a_token_reaches_as_far_as_its_role() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let reads = json!([{"permission_name": "Directory:ReadContact", "conditions": {}}]);
    let elsewhere = json!([{
        "permission_name": "Directory:ReadContact",
        "conditions": {"org_id": {"type": "Equals", "value": "globex"}},
    }]);
    let at_home = json!([{
        "permission_name": "Directory:ReadContact",
        "conditions": {"org_id": {"type": "Equals", "value": "{self_org_id}"}},
    }]);
    for (grants, admitted) in [(json!([]), false), (reads, true), (elsewhere, false), (at_home, true)] {
        let ctx = org.access_token_with(&grants).await.context().await;
        let answer = server.directory().attribute_definitions(&ctx).await;
        assert_eq!(answer.map_err(|error| error.code).err(), (!admitted).then_some(ErrorCode::Forbidden));
    }
}

#[tokio::test]
async fn an_organization_begins_with_one_token_of_an_administrator() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let NewAccessToken { token_id, token } = org.created.access_token.clone().unwrap();
    let program = TestProgram { server: server.clone(), token_id: token_id.to_string(), token };
    assert_eq!(program.context().await.session.role.name, ADMINISTRATOR_ROLE);
    assert_eq!(
        names_and_roles(&org).await,
        [(Some("first token".to_owned()), ADMINISTRATOR_ROLE.to_owned())]
    );
    server.advance_seconds(10 * 365 * 86_400);
    assert!(!is_refused(&program).await, "it does not expire");
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_here_and_within_a_second_elsewhere() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = server.org("acme").await;
    let program = org.access_token(ADMINISTRATOR_ROLE).await;
    let kept = org.access_token(ADMINISTRATOR_ROLE).await;
    let there = program.at(&other);
    assert!(!is_refused(&program).await);
    assert!(!is_refused(&there).await);

    let token = Uuid::parse(&program.token_id).unwrap();
    server.directory().revoke_access_token("acme", token).await.unwrap();
    assert!(is_refused(&program).await, "here");
    assert!(!is_refused(&there).await, "a session is not read again within a second");
    server.advance_seconds(1);
    assert!(is_refused(&there).await, "in the other process, a second later");
    assert!(!is_refused(&kept).await);
    let again = server.directory().revoke_access_token("acme", token).await;
    assert_eq!(again.unwrap_err().code, ErrorCode::ApiKeyNotFound);
}

#[tokio::test]
async fn a_changed_role_takes_effect_at_once_here_and_within_a_second_elsewhere() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let org = server.org("acme").await;
    let role = org.role(&json!([{"permission_name": "Directory:ReadContact", "conditions": {}}])).await;
    let program = org.access_token(&role).await;
    let there = program.at(&other);
    let may_read = async |program: &TestProgram| {
        let ctx = program.context().await;
        program.server.directory().attribute_definitions(&ctx).await.is_ok()
    };
    assert!(may_read(&program).await && may_read(&there).await);
    let nothing = json!({"permission_grants": []});
    org.admin().await.post(&format!("/role/{role}"), &nothing).await.expect(200);
    assert!(!may_read(&program).await, "here");
    server.advance_seconds(1);
    assert!(!may_read(&there).await, "in the other process, a second later");
}

#[tokio::test]
async fn a_token_that_expires_is_refused_from_then_on_and_listed_for_a_month() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let program = expiring(&org, 60).await;
    server.advance_seconds(59);
    assert!(!is_refused(&program).await);
    server.advance_seconds(1);
    assert!(is_refused(&program).await, "though its session is fresh");
    assert!(is_refused(&program.at(&server.another_process().await)).await);

    server.advance_seconds(30 * 86_400 - 1);
    org.access_token(SUPER_ROLE).await;
    assert_eq!(names_and_roles(&org).await.len(), 3);
    server.advance_seconds(1);
    org.access_token(SUPER_ROLE).await;
    let left = names_and_roles(&org).await;
    assert_eq!(left.len(), 3);
    assert_eq!(left[0].1, ADMINISTRATOR_ROLE);
    assert!(left[1..].iter().all(|(_, role)| role == SUPER_ROLE), "{left:?}");
}

#[tokio::test]
async fn tokens_need_an_organization_and_a_role_that_are_there() {
    let server = TestServer::start().await;
    server.org("acme").await;
    let directory = server.directory();
    let create = async |organization, role| {
        directory.create_access_token(organization, role, None, None).await.unwrap_err().code
    };
    assert_eq!(create("globex", ADMINISTRATOR_ROLE).await, ErrorCode::OrganizationNotFound);
    assert_eq!(create("acme", "DefaultNothingRole").await, ErrorCode::RoleNotFound);
    assert_eq!(directory.access_tokens("globex").await.unwrap_err().code, ErrorCode::OrganizationNotFound);
    let revoked = directory.revoke_access_token("globex", Uuid([1; 16])).await;
    assert_eq!(revoked.unwrap_err().code, ErrorCode::OrganizationNotFound);
}

#[tokio::test]
async fn what_is_not_a_token_of_the_organization_that_it_names_is_refused() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    server.org("globex").await;
    let program = org.access_token(ADMINISTRATOR_ROLE).await;
    assert!(!is_refused(&program).await);
    let secret = program.token.strip_prefix("acme.").unwrap();
    let other = if secret.starts_with('A') { 'B' } else { 'A' };
    for token in [
        String::new(),
        ".".to_owned(),
        secret.to_owned(),
        format!(".{secret}"),
        format!("globex.{secret}"),
        format!("nobody.{secret}"),
        format!("ACME.{secret}"),
        format!("acme.{other}{}", &secret[1..]),
        format!("acme.{}", secret.to_ascii_uppercase()),
        format!("acme.{}", &secret[1..]),
        format!("acme.{secret}="),
        format!("acme.{secret} "),
        format!(" acme.{secret}"),
        format!("acme.acme.{secret}"),
        format!("acme.{}", program.token_id),
        format!("acme.{}", "ä".repeat(22)),
    ] {
        assert!(is_refused(&TestProgram { token: token.clone(), ..program.clone() }).await, "{token}");
    }
}

#[tokio::test]
async fn the_tokens_of_a_deleted_organization_are_refused_and_erased() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let org_key = org.key_in_store().await;
    let program = org.access_token(SUPER_ROLE).await;
    assert!(!is_refused(&program).await);
    org.admin().await.delete("/organization/").await.expect(204);
    assert!(is_refused(&program).await);
    server.run_jobs().await;
    let left = server.store().read(org_key, denizen_store::access_tokens::list).await.unwrap();
    assert_eq!(left, []);
    server.org("acme").await;
    assert!(is_refused(&program).await, "though there is an organization of that name again");
}

#[tokio::test]
async fn a_token_is_good_for_nothing_where_users_sign_in() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let program = org.access_token(SUPER_ROLE).await;
    // It must not be found among the credentials that were accepted lately either.
    assert!(!is_refused(&program).await);
    let (_, secret) = program.token.split_once('.').unwrap();
    let actor = UserId::from_uuid(Uuid::parse(&program.token_id).unwrap()).as_member().to_string();
    let basic = |name: &str, password: &str| {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        vec![("authorization", format!("Basic {pair}"))]
    };
    let key = |secret: &str, key_id: &str, user_id: &str| {
        vec![
            ("x-api-key", secret.to_owned()),
            ("x-api-key-id", key_id.to_owned()),
            ("x-user-id", user_id.to_owned()),
        ]
    };
    let member = &org.created.member_id;
    let key_id = org.created.api_key_id.to_string();
    for headers in [
        vec![("authorization", program.token.clone())],
        vec![("authorization", format!("Bearer {}", program.token))],
        vec![("authorization", format!("Bearer {secret}"))],
        vec![("authorization", format!("Bearer {}", program.token)), ("x-org-id", "acme".to_owned())],
        basic(&format!("acme_{actor}"), &program.token),
        basic(&format!("acme_{member}"), &program.token),
        key(secret, &program.token_id, member),
        key(secret, &program.token_id, &actor),
        key(secret, &key_id, member),
        key(&program.token, &key_id, member),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for path in ["/v1/acme/user/", "/v1/acme/organization/api_key/", "/admin/v1/acme/jobs"] {
            assert_eq!(server.call("GET", path, &headers, None).await.status, 401, "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn tokens_are_kept_as_hashes() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let program = org.access_token(ADMINISTRATOR_ROLE).await;
    let (_, secret) = program.token.split_once('.').unwrap();
    let kept =
        server.store().read(org.key_in_store().await, denizen_store::access_tokens::list).await.unwrap();
    let token = kept.iter().find(|token| token.token_id.to_string() == program.token_id).unwrap();
    assert_eq!(token.secret_hash, denizen_directory::hash_secret(secret));
    assert_eq!(token.expires_at, None::<Timestamp>);
}
