//! Mailed links: single use, short-lived, to allowed origins, and silent about who is known.

use denizen_directory::organizations::OrganizationChanges;
use denizen_domain::mail::{Mail, MailContent};
use denizen_domain::text::Origin;
use denizen_testkit::{Answer, ORIGIN, TestOrg, TestServer};
use serde_json::json;

async fn ask(org: &TestOrg, email: &str) -> Answer {
    let body = json!({"email": email, "redirect_link": format!("{ORIGIN}/in?x=1")});
    org.server.anonymous("POST", &org.path("/user/signin"), Some(&body)).await
}

/// The path of the link in a mail that signs in.
fn path_of(mail: &Mail) -> String {
    let MailContent::MagicLink { link, minutes: 15 } = &mail.content else { panic!("{mail:?}") };
    link.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned()
}

async fn known(server: &TestServer) -> (TestOrg, String) {
    let org = server.org("acme").await;
    let user_id = org.member("DefaultUserRole").await;
    let email = org.admin().await.get(&format!("/user/?user_id={user_id}")).await.str_at("/users/0/email");
    (org, email)
}

#[tokio::test]
async fn a_magic_link_signs_in_once() {
    let server = TestServer::start().await;
    let (org, email) = known(&server).await;
    ask(&org, &email.to_uppercase()).await.expect(200);
    let mail = server.run_jobs().await.remove(0);
    assert_eq!((mail.to.as_str(), mail.organization_name.as_str()), (email.as_str(), "The acme company"));
    let path = path_of(&mail);
    // Looking does not use it up, however often.
    for _ in 0..3 {
        let page = server.anonymous("GET", &path, None).await.expect(200);
        assert!(page.text().contains("<form method=\"post\">"));
        assert!(
            page.header("content-security-policy").unwrap().contains(&format!("form-action 'self' {ORIGIN}"))
        );
    }
    let used = server.anonymous("POST", &path, None).await.expect(303);
    let (address, rest) = used.header("location").unwrap().split_once("#id_token=").unwrap();
    assert_eq!(address, format!("{ORIGIN}/in?x=1"));
    let (token, expires_at) = rest.split_once("&expires_at=").unwrap();
    assert_eq!(expires_at, "2026-01-01T13:00:00Z");
    let bearer = format!("Bearer {token}");
    let seen = server.call("GET", &org.path("/user/"), &[("authorization", &bearer)], None).await.expect(200);
    assert_eq!(seen.each("users", "email"), [email]);

    server.anonymous("POST", &path, None).await.expect(404);
    server.anonymous("GET", &path, None).await.expect(404);
}

#[tokio::test]
async fn a_magic_link_lives_fifteen_minutes() {
    let server = TestServer::start().await;
    let (org, email) = known(&server).await;
    ask(&org, &email).await;
    let path = path_of(&server.run_jobs().await[0]);
    server.advance_seconds(15 * 60 - 1);
    server.anonymous("GET", &path, None).await.expect(200);
    server.advance_seconds(1);
    server.anonymous("GET", &path, None).await.expect(404);
    server.anonymous("POST", &path, None).await.expect(404);
}

#[tokio::test]
async fn known_unknown_and_unverified_addresses_are_answered_alike_and_cause_the_same_rows() {
    let server = TestServer::start().await;
    let (org, email) = known(&server).await;
    org.unverified_member("DefaultUserRole").await;
    let unverified = org.admin().await.get("/user/?is_verified=false").await.str_at("/users/0/email");
    let mut seen = Vec::new();
    for address in [email.as_str(), "nobody@acme.example", &unverified] {
        let answer = ask(&org, address).await.expect(200);
        let headers: Vec<String> =
            answer.headers.keys().map(ToString::to_string).filter(|name| name != "x-request-id").collect();
        let jobs = server.directory().list_jobs("acme", 100).await.unwrap();
        let kinds: Vec<(String, &str, i64)> =
            jobs.into_iter().map(|job| (job.kind, job.state, job.attempts)).collect();
        seen.push((answer.body, headers, kinds));
        server.advance_seconds(1);
        let mails = server.run_jobs().await;
        assert_eq!(mails.len(), usize::from(address == email), "{address}");
        assert_eq!(server.directory().list_jobs("acme", 100).await.unwrap().len(), 0);
    }
    assert_eq!(seen[0].2.len(), 1);
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn nobody_has_more_than_five_open_links() {
    let server = TestServer::start().await;
    let (org, email) = known(&server).await;
    for _ in 0..8 {
        ask(&org, &email).await.expect(200);
    }
    let mails = server.run_jobs().await;
    assert_eq!(mails.len(), 5);
    // One that is used makes room for another; all of them do when they expire.
    server.anonymous("POST", &path_of(&mails[0]), None).await.expect(303);
    for _ in 0..2 {
        ask(&org, &email).await.expect(200);
    }
    assert_eq!(server.run_jobs().await.len(), 1);
    server.advance_seconds(15 * 60);
    ask(&org, &email).await.expect(200);
    assert_eq!(server.run_jobs().await.len(), 1);
}

#[tokio::test]
async fn links_lead_to_allowed_origins_only() {
    let server = TestServer::start().await;
    let (org, email) = known(&server).await;
    for redirect in [
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "http://app.example.com/",
        "https://app.example.com:444/",
        "https://evil.example/?https://app.example.com",
        "javascript:alert(1)",
        "//app.example.com/",
    ] {
        let body = json!({"email": email, "redirect_link": redirect});
        let refused = server.anonymous("POST", &org.path("/user/signin"), Some(&body)).await.expect(422);
        assert_eq!(refused.json()["detail"][0]["loc"], json!(["body", "redirect_link"]), "{redirect}");
    }
    let body = json!({"email": email, "redirect_link": "HTTPS://APP.example.com:443/in"});
    server.anonymous("POST", &org.path("/user/signin"), Some(&body)).await.expect(200);
    let path = path_of(&server.run_jobs().await[0]);

    // An origin that is not allowed any more gets no token, though the link was sent before.
    org.disallow_origin().await;
    server.anonymous("POST", &path, None).await.expect(404);
    ask(&org, &email).await.expect(422);
    let add_origins = vec![Origin::of(ORIGIN).unwrap()];
    org.set(OrganizationChanges { add_origins, ..OrganizationChanges::default() }).await;
    ask(&org, &email).await.expect(200);
}

#[tokio::test]
async fn a_link_of_another_organization_or_of_a_deleted_user_is_gone() {
    let server = TestServer::start().await;
    let (org, email) = known(&server).await;
    server.org("globex").await;
    ask(&org, &email).await;
    let path = path_of(&server.run_jobs().await[0]);
    server.anonymous("POST", &path.replace("acme", "globex"), None).await.expect(404);
    let admin = org.admin().await;
    let user_id =
        admin.get(&format!("/user/?email={}", email.replace('@', "%40"))).await.str_at("/users/0/user_id");
    admin.delete(&format!("/user/{user_id}")).await.expect(200);
    server.anonymous("POST", &path, None).await.expect(404);
    // The job of a deleted user has nothing to do.
    ask(&org, &email).await.expect(200);
    assert_eq!(server.run_jobs().await, []);
    server.assert_consistent().await;
}

#[tokio::test]
async fn an_invitation_is_mailed_and_its_links_verify_once_each() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let mut body = org.invitation("DefaultUserRole");
    body["login_link"] = "https://elsewhere.example/start".into();
    body["user_preferences"] = json!({"preferred_language": "spa"});
    let invited = admin.post("/user/", &body).await.expect(201);
    let user_id = invited.str_at("/user_id");
    let answered = invited.str_at("/verify_link");
    let mail = server.run_jobs().await.remove(0);
    assert_eq!(mail.language.as_deref(), Some("spa"));
    let MailContent::Invitation { login_link, verify_link: Some(mailed), verify_days: 7 } = mail.content
    else {
        panic!("{mail:?}")
    };
    assert_eq!(login_link, "https://elsewhere.example/start");
    assert_ne!(mailed, answered, "the mail's secret is drawn when it is sent");
    let path = |link: &str| link.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned();

    // Two days later it still opens; the origin of the login link is not allowed, so nobody is sent there.
    server.advance_seconds(2 * 86_400);
    let page = server.anonymous("GET", &path(&mailed), None).await.expect(200);
    assert!(page.text().contains("lang=\"es\""));
    let used = server.anonymous("POST", &path(&mailed), None).await.expect(200);
    assert!(used.text().contains("confirmada"), "{used}");
    let user = org.admin().await.get(&format!("/user/?user_id={user_id}")).await.json();
    assert_eq!(user["users"][0]["is_verified"], true);
    server.anonymous("POST", &path(&mailed), None).await.expect(404);
    // The other one is open still, until it expires.
    server.anonymous("POST", &path(&answered), None).await.expect(200);
}

#[tokio::test]
async fn a_verify_link_lives_seven_days_and_signs_nobody_in() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let mut links = Vec::new();
    for _ in 0..2 {
        let mut body = org.invitation("DefaultUserRole");
        body["login_link"] = format!("{ORIGIN}/start").into();
        let link = admin.post("/user/", &body).await.expect(201).str_at("/verify_link");
        links.push(link.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned());
    }
    let used = server.anonymous("POST", &links[0], None).await.expect(303);
    assert_eq!(used.header("location"), Some("https://app.example.com/start"));
    server.advance_seconds(7 * 86_400);
    server.anonymous("POST", &links[1], None).await.expect(404);
}

#[tokio::test]
async fn without_a_login_link_nothing_is_mailed() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let invited = org.admin().await.post("/user/", &org.invitation("DefaultUserRole")).await.expect(201);
    assert!(invited.json()["verify_link"].is_null());
    assert_eq!(server.run_jobs().await, []);
}

#[tokio::test]
async fn the_language_of_a_mail_falls_back_to_the_organization_s() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let defaults = json!({"default_user_preferences": {"preferred_language": "ja"}});
    org.admin().await.post("/organization/", &defaults).await.expect(204);
    let mut body = org.invitation("DefaultUserRole");
    body["login_link"] = "https://elsewhere.example/".into();
    body["user_preferences"] = json!({});
    org.admin().await.post("/user/", &body).await.expect(201);
    assert_eq!(server.run_jobs().await[0].language.as_deref(), Some("ja"));
}
