//! Accounts at Google Identity Platform: how access is got, and what each answer means.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_courier::{AccountDeletion, Courier, DeliveryError, Google, GoogleSettings};
use denizen_domain::time::Timestamp;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{date, settings as mail_settings};
use crate::web_server::{Asked, KEY, WebServer};

const ACCOUNT: &str = "ada_account_1";

fn settings(url: &str) -> GoogleSettings {
    GoogleSettings {
        project: Some("demo-users".to_owned()),
        credentials: None,
        url: url.to_owned(),
        timeout: Duration::from_secs(5),
    }
}

fn google(settings: &GoogleSettings) -> Google {
    Google::new(settings).unwrap().expect("a project is set")
}

fn deleted() -> (u16, String) {
    (200, json!({"kind": "identitytoolkit#DeleteAccountResponse"}).to_string())
}

fn error(status: u16, message: &str) -> (u16, String) {
    (status, json!({"error": {"code": status, "message": message, "errors": []}}).to_string())
}

fn token(name: &str, seconds: i64) -> (u16, String) {
    (200, json!({"access_token": name, "expires_in": seconds, "token_type": "Bearer"}).to_string())
}

/// Asks a fresh server for one deletion; it has no credentials, like the emulator's users.
async fn delete_at(server: &WebServer) -> Result<AccountDeletion, DeliveryError> {
    google(&settings(&server.url())).delete_account(None, ACCOUNT, date()).await
}

/// Settings with the key file of a service account, whose tokens come from the same server.
fn with_service_account(server: &WebServer) -> (TempDir, GoogleSettings) {
    let folder = tempfile::tempdir().unwrap();
    let key = json!({
        "type": "service_account",
        "project_id": "demo-users",
        "private_key_id": "key-1",
        "private_key": KEY,
        "client_email": "denizen@demo-users.example",
        "token_uri": format!("{}/token", server.url()),
    });
    let credentials = write(folder.path(), &key.to_string());
    let settings =
        GoogleSettings { project: None, credentials: Some(credentials), ..settings(&server.url()) };
    (folder, settings)
}

fn write(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("key.json");
    std::fs::write(&file, text).unwrap();
    file
}

fn later(seconds: i64) -> Timestamp {
    date().plus_seconds(seconds)
}

fn paths(server: &WebServer) -> Vec<String> {
    server.asked().iter().map(|asked| asked.line.split(' ').nth(1).unwrap().to_owned()).collect()
}

fn authorization(asked: &Asked) -> Option<&str> {
    asked.headers.iter().find_map(|header| header.strip_prefix("authorization: "))
}

#[tokio::test]
async fn an_account_is_deleted_by_one_request_in_its_project_or_tenant() {
    let server = WebServer::start(vec![deleted(), deleted()]);
    let google = google(&settings(&format!("{}/base/", server.url())));
    for tenant in [None, Some("acme-x1")] {
        let done = google.delete_account(tenant, ACCOUNT, date()).await;
        assert_eq!(done, Ok(AccountDeletion::Deleted));
    }
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /base/v1/projects/demo-users/accounts:delete HTTP/1.1");
    assert_eq!(asked[1].line, "POST /base/v1/projects/demo-users/tenants/acme-x1/accounts:delete HTTP/1.1");
    for asked in &asked {
        assert_eq!(authorization(asked), Some("Bearer owner"));
        assert!(asked.headers.contains(&"content-type: application/json".to_owned()));
        assert_eq!(serde_json::from_str::<Value>(&asked.body).unwrap(), json!({"localId": ACCOUNT}));
    }
}

#[tokio::test]
async fn a_service_account_signs_an_assertion_and_deletes_with_the_token_that_it_gets() {
    let server = WebServer::start(vec![token("t0ken", 3600), deleted()]);
    let (_folder, settings) = with_service_account(&server);
    let done = google(&settings).delete_account(None, ACCOUNT, date()).await;
    assert_eq!(done, Ok(AccountDeletion::Deleted));

    let asked = server.asked();
    assert_eq!(paths(&server), ["/token", "/v1/projects/demo-users/accounts:delete"]);
    assert_eq!((authorization(&asked[0]), authorization(&asked[1])), (None, Some("Bearer t0ken")));

    let form: HashMap<_, _> = form_urlencoded::parse(asked[0].body.as_bytes()).into_owned().collect();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (signed, signature) = form["assertion"].rsplit_once('.').unwrap();
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key())
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .expect("the assertion is signed with the account's key");
    let parts: Vec<Value> = signed
        .split('.')
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    let now = date().unix_seconds();
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
    assert_eq!(
        parts[1],
        json!({
            "iss": "denizen@demo-users.example",
            "scope": "https://www.googleapis.com/auth/identitytoolkit",
            "aud": format!("{}/token", server.url()),
            "iat": now,
            "exp": now + 3600,
        })
    );
}

#[tokio::test]
async fn a_token_serves_until_five_minutes_before_its_end() {
    let server =
        WebServer::start(vec![token("first", 3600), deleted(), deleted(), token("second", 3600), deleted()]);
    let (_folder, settings) = with_service_account(&server);
    let google = google(&settings);
    for after in [0, 3299, 3300] {
        google.delete_account(None, ACCOUNT, later(after)).await.unwrap();
    }
    let used: Vec<_> =
        server.asked().iter().filter_map(|asked| authorization(asked).map(str::to_owned)).collect();
    assert_eq!(used, ["Bearer first", "Bearer first", "Bearer second"]);
}

#[tokio::test]
async fn a_token_that_is_not_accepted_any_more_is_replaced_at_the_next_attempt() {
    let refused = error(401, "Request had invalid authentication credentials.");
    let server = WebServer::start(vec![token("old", 3600), refused, token("new", 3600), deleted()]);
    let (_folder, settings) = with_service_account(&server);
    let google = google(&settings);
    let failed = google.delete_account(None, ACCOUNT, date()).await.unwrap_err();
    assert!(failed.text.contains("401") && !failed.permanent, "{failed}");
    assert_eq!(google.delete_account(None, ACCOUNT, later(5)).await, Ok(AccountDeletion::Deleted));
    assert_eq!(authorization(&server.asked()[3]), Some("Bearer new"));
}

#[tokio::test]
async fn an_account_that_is_not_there_is_one_that_is_gone() {
    for message in ["USER_NOT_FOUND", "USER_NOT_FOUND : no such account"] {
        assert_eq!(
            delete_at(&WebServer::start(vec![error(400, message)])).await,
            Ok(AccountDeletion::NotThere)
        );
    }
}

#[tokio::test]
async fn every_other_answer_is_tried_again_and_leaves_no_id_in_the_reason() {
    let told = format!("account {ACCOUNT} of ada@example.com");
    for (status, body, reason) in [
        (400, error(400, "TENANT_NOT_FOUND").1, "400 TENANT_NOT_FOUND"),
        (400, error(400, &format!("INVALID_LOCAL_ID : {told}")).1, "400 INVALID_LOCAL_ID"),
        (400, error(400, &told).1, "400"),
        (
            403,
            json!({"error": {"message": told, "status": "PERMISSION_DENIED"}}).to_string(),
            "403 PERMISSION_DENIED; the service account needs the permission firebaseauth.users.delete",
        ),
        (404, error(404, "USER_NOT_FOUND").1, "404 USER_NOT_FOUND; does identity.google_url lead"),
        (
            429,
            json!({"error": {"message": told, "status": "RESOURCE_EXHAUSTED"}}).to_string(),
            "429 RESOURCE_EXHAUSTED",
        ),
        (500, told.clone(), "500"),
        (503, String::new(), "503"),
        // A page that somebody in between answers with.
        (200, format!("<html>{told}</html>"), "200; does identity.google_url lead"),
        (204, String::new(), "204"),
        (200, "x".repeat(100_000), "gave no whole answer"),
    ] {
        let server = WebServer::start(vec![(status, body)]);
        let failed = delete_at(&server).await.expect_err(reason);
        assert!(failed.text.contains(reason) && !failed.permanent, "{status}: {failed}");
        assert!(!failed.text.contains("ada"), "{failed}");
    }
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let server = WebServer::start(vec![(status, String::new()), deleted()]);
        let failed = delete_at(&server).await.unwrap_err();
        assert!(failed.text.contains(&status.to_string()), "{failed}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_ends_the_connection_before_anything_is_sent() {
    let server = WebServer::start_tls(vec![deleted()]);
    let (_folder, settings) = with_service_account(&WebServer::start(vec![token("t0ken", 3600)]));
    let url = format!("https://localhost:{}", server.address.port());
    let failed =
        google(&GoogleSettings { url, ..settings }).delete_account(None, ACCOUNT, date()).await.unwrap_err();
    let at = server.address.port();
    let expected = format!(
        "no encrypted connection to Google's Identity Toolkit at localhost:{at}: invalid peer certificate"
    );
    assert!(failed.text.starts_with(&expected) && !failed.permanent, "{failed}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_a_failure_that_passes() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    let url = format!("http://{address}");
    drop(nobody);
    let failed = google(&settings(&url)).delete_account(None, ACCOUNT, date()).await.unwrap_err();
    let expected = format!("no connection to Google's Identity Toolkit at {address}: connection refused");
    assert_eq!(failed.text, expected);

    let silent = WebServer::start(vec![]);
    let hasty = GoogleSettings { timeout: Duration::from_millis(300), ..settings(&silent.url()) };
    let begun = Instant::now();
    let failed = google(&hasty).delete_account(None, ACCOUNT, date()).await.unwrap_err();
    let expected =
        format!("Google's Identity Toolkit at {} did not finish within 0.3 seconds", silent.address);
    assert_eq!(failed.text, expected);
    assert!(begun.elapsed() < Duration::from_secs(3) && !failed.permanent);
}

#[tokio::test]
async fn one_deletion_that_waited_in_vain_spares_the_next_ones_the_same_wait() {
    let server = WebServer::start(vec![]);
    let google = google(&GoogleSettings { timeout: Duration::from_secs(1), ..settings(&server.url()) });
    let waited = google.delete_account(None, ACCOUNT, date()).await.unwrap_err();
    let spared = google.delete_account(None, ACCOUNT, later(1)).await.unwrap_err();
    assert_eq!((spared, server.asked().len()), (waited, 1));
    google.delete_account(None, ACCOUNT, later(2)).await.unwrap_err();
    assert_eq!(server.asked().len(), 2, "it is tried again when as much time has passed");
}

#[tokio::test]
async fn a_token_server_that_gives_none_is_told_apart_and_nothing_is_asked_to_be_deleted() {
    for (status, body, reason) in [
        (
            400,
            json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
            "400 invalid_grant; the key was revoked",
        ),
        (503, json!(null), "gave no access token: 503"),
        (200, json!({"access_token": "t0ken"}), "without access token and its time"),
        (200, json!({"access_token": "t0\nken", "expires_in": 3600}), "without access token and its time"),
    ] {
        let server = WebServer::start(vec![(status, body.to_string()), deleted()]);
        let (_folder, settings) = with_service_account(&server);
        let failed = google(&settings).delete_account(None, ACCOUNT, date()).await.unwrap_err();
        assert!(failed.text.contains(reason) && !failed.permanent, "{failed}");
        assert!(!failed.text.contains("t0"), "{failed}");
        assert_eq!(paths(&server), ["/token"]);
    }
}

#[tokio::test]
async fn a_tenant_that_would_lead_elsewhere_is_not_asked_for() {
    let server = WebServer::start(vec![deleted()]);
    for tenant in ["..", "", "a/b", "a?b", "a%2fb", "ä"] {
        let failed =
            google(&settings(&server.url())).delete_account(Some(tenant), ACCOUNT, date()).await.unwrap_err();
        assert_eq!(failed.text, "the tenant's id is malformed");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn without_a_project_a_deletion_says_what_to_set() {
    let nothing = GoogleSettings { project: None, ..settings("https://identitytoolkit.googleapis.com") };
    let folder = tempfile::tempdir().unwrap();
    let courier =
        Courier::new(&mail_settings(folder.path())).unwrap().with_google(Google::new(&nothing).unwrap());
    let failed = courier.delete_google_account(None, ACCOUNT, date()).await.unwrap_err();
    assert!(failed.text.contains("identity.google_credentials") && !failed.permanent, "{failed}");
}

/// What is said of settings that cannot be used.
fn refusal(settings: &GoogleSettings) -> String {
    Google::new(settings).err().expect("should have been refused").to_string()
}

#[test]
fn settings_that_cannot_be_used_are_refused_by_name() {
    for (url, reason) in [
        ("identitytoolkit.googleapis.com", "is not a web address"),
        ("ftp://127.0.0.1", "must begin with https://"),
        ("http://identitytoolkit.googleapis.com", "must begin with https:// unless it leads to this machine"),
        ("https://ada:s3cret@google.example", "must not hold a user"),
        ("https://google.example/?key=s3cret", "must not have a query"),
    ] {
        let said = refusal(&settings(url));
        assert!(said.starts_with(&format!("identity.google_url {reason}")), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    let said = refusal(&GoogleSettings { project: None, ..settings("http://127.0.0.1:9099/x") });
    assert_eq!(said, "identity.google_url leads to 127.0.0.1:9099: set identity.google_project, too");
    let said = refusal(&settings("https://identitytoolkit.googleapis.com"));
    assert!(said.starts_with("identity.google_credentials is missing"), "{said}");
    for project in ["a/b", "..", "", "a b", "a?b"] {
        let project = Some(project.to_owned());
        let said = refusal(&GoogleSettings { project, ..settings("http://127.0.0.1:1") });
        assert!(said.starts_with("identity.google_project must be"), "{said}");
    }
}

#[test]
fn a_key_file_that_cannot_be_used_is_refused_without_its_contents() {
    let good = json!({
        "type": "service_account",
        "private_key": KEY,
        "client_email": "s3cret@example.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    let changed = |member: &str, value: Value| {
        let mut key = good.clone();
        key[member] = value;
        key.to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    for (text, reason) in [
        ("s3cret".to_owned(), "which is not JSON"),
        (changed("type", json!("authorized_user")), "which is not the key of a service account"),
        (changed("private_key", json!("s3cret")), "whose \"private_key\" is not an RSA key"),
        (changed("private_key", json!(null)), "which has no \"private_key\""),
        (changed("client_email", json!("")), "which has no \"client_email\""),
        (
            changed("token_uri", json!("http://s3cret.example/token")),
            "whose \"token_uri\" must begin with https://",
        ),
        (good.to_string(), "the credentials name no project"),
    ] {
        let credentials = Some(write(folder.path(), &text));
        let said =
            refusal(&GoogleSettings { project: None, credentials, ..settings("https://google.example") });
        assert!(said.starts_with("identity.google_") && said.contains(reason), "{said}");
        assert!(!said.contains("s3cret") && !said.contains("BEGIN"), "{said}");
    }
    let credentials = Some(folder.path().join("nothing.json"));
    let said = refusal(&GoogleSettings { credentials, ..settings("https://google.example") });
    assert!(
        said.starts_with("identity.google_credentials names ") && said.contains("cannot be read"),
        "{said}"
    );
}
