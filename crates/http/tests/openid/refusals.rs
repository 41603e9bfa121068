//! Who is refused, and that the answer does not tell why.

use denizen_http::openid::dialect;
use denizen_testkit::{Answer, TestServer, TestSettings};

use super::scene::{ADA, PASSWORD, Scene, TOKEN, add, form, password_grant, raw};

const WRONG: &str = r#"{"error":"invalid_grant","error_description":"Invalid user credentials"}"#;

/// Every published place, with a realm in it.
fn places(realm: &str) -> Vec<(String, String)> {
    let operations = (dialect().operations)();
    let places = operations.iter().flat_map(denizen_http::kernel::Operation::places);
    places.map(|(method, path)| (method.to_string(), path.replace("{realm}", realm))).collect()
}

#[test]
fn every_place_is_there_with_and_without_the_older_beginning() {
    let all = places("acme");
    assert_eq!(all.len(), 8);
    for (_, path) in &all {
        let twin = path.strip_prefix("/auth").map_or_else(|| format!("/auth{path}"), str::to_owned);
        assert!(all.iter().any(|(_, other)| *other == twin), "{path}");
    }
}

#[tokio::test]
async fn a_realm_that_is_not_there_is_not_found_at_any_place() {
    let scene = Scene::set().await;
    for realm in
        ["nobody", "ACME", "01234567-89ab-4def-8123-456789abcdef", "%20", "%00", "%FF", "a%2Fb", "x.y"]
    {
        for (method, path) in places(realm) {
            let answer = if method == "POST" {
                form(&scene.server, &path, &password_grant(ADA, PASSWORD), &[]).await
            } else {
                scene.get(&path).await
            };
            let body = answer.expect(404).json();
            let known = ["realm_not_found", "not_found"].contains(&body["error"].as_str().unwrap());
            assert!(known, "{realm}: {body}");
        }
    }
    scene.get("/auth/realms/acme/protocol/openid-connect/auth").await.expect(404);
    let answer = scene.get(&format!("/realms/acme{TOKEN}")).await.expect(405);
    assert_eq!(answer.header("allow"), Some("POST"));
}

#[tokio::test]
async fn whatever_is_wrong_with_name_or_password_the_answer_and_its_cost_are_the_same() {
    let scene = Scene::set().await;
    let hashes = || scene.server.directory().passwords().hashes_made();
    scene.server.org("globex").await;
    add(&scene.server, "globex", "eve@globex.example", Some(PASSWORD)).await;
    add(&scene.server, "acme", "new@acme.example", None).await;
    add(&scene.server, "acme", "gone@acme.example", Some(PASSWORD)).await;
    let gone = scene.sign_in("gone@acme.example", PASSWORD).await.expect(200).json();
    let tokens = scene.tokens().await;
    let path = format!(
        "/org/{}/users/{}",
        scene.uuid(),
        super::scene::part(&gone["access_token"], 1)["sub"].as_str().unwrap()
    );
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    scene.server.call("DELETE", &path, &[("authorization", &bearer)], None).await.expect(204);

    let long = format!("{PASSWORD}{}", "x".repeat(2_000));
    let mut answers: Vec<Answer> = Vec::new();
    for (user_name, password) in [
        (ADA, "passw0rd"),
        (ADA, &long),
        (ADA, " "),
        ("nobody@acme.example", PASSWORD),
        ("new@acme.example", PASSWORD),
        ("gone@acme.example", PASSWORD),
        ("eve@globex.example", PASSWORD),
        ("not an address", PASSWORD),
        ("\u{0}", PASSWORD),
        (&long, PASSWORD),
        // A member's address.
        ("ada@example.com", PASSWORD),
    ] {
        let before = hashes();
        answers.push(scene.sign_in(user_name, password).await);
        assert_eq!(hashes(), before + 1, "{user_name}");
    }
    for answer in answers {
        assert_eq!((answer.status, answer.text()), (401, WRONG));
        let names: Vec<_> = answer.headers.keys().map(axum::http::HeaderName::as_str).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    // One hash as well for who is let in.
    let before = hashes();
    scene.tokens().await;
    assert_eq!(hashes(), before + 1);
}

#[tokio::test]
async fn a_form_that_is_not_as_it_should_be_is_told_what_is_wrong() {
    let scene = Scene::set().await;
    let path = format!("/auth/realms/acme{TOKEN}");
    let content = "application/x-www-form-urlencoded";
    let good = "grant_type=password&client_id=c&username=u&password=p";
    let cases = [
        ("", "invalid_request", "grant_type is missing"),
        ("grant_type=", "invalid_request", "grant_type is missing"),
        ("grant_type=client_credentials&client_id=c", "unsupported_grant_type", "Unsupported grant_type"),
        ("grant_type=password&client_id=c&password=p", "invalid_request", "username is missing"),
        ("grant_type=password&client_id=c&username=u", "invalid_request", "password is missing"),
        ("grant_type=password&username=u&password=p", "invalid_request", "client_id is missing"),
        ("grant_type=refresh_token&client_id=c", "invalid_request", "refresh_token is missing"),
        ("grant_type=password&grant_type=password", "invalid_request", "there is a field twice: grant_type"),
        ("grant_type=%ff", "invalid_request", "the value of a field is not UTF-8: grant_type"),
    ];
    for (body, error, description) in cases {
        let answer = raw(&scene.server, &path, body, &[("content-type", content)]).await.expect(400);
        assert_eq!(answer.json()["error"], error, "{body}");
        assert_eq!(answer.json()["error_description"], description, "{body}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    for other in ["application/json", "multipart/form-data; boundary=x", "text/plain", ""] {
        let answer = raw(&scene.server, &path, good, &[("content-type", other)]).await.expect(400);
        assert_eq!(answer.json()["error"], "invalid_request", "{other}");
    }
    let basic = [("content-type", content), ("authorization", "Bearer x")];
    raw(&scene.server, &path, good, &basic).await.expect(400);
    let long = format!("{good}{}", "x".repeat(2 << 20));
    raw(&scene.server, &path, &long, &[("content-type", content)]).await.expect(413);
    // It is the form alone that was wrong.
    let named = "application/x-www-form-urlencoded; charset=UTF-8";
    raw(&scene.server, &path, good, &[("content-type", named)]).await.expect(401);
}

#[tokio::test]
async fn userinfo_is_for_the_tokens_of_its_realm() {
    let scene = Scene::set().await;
    scene.server.org("globex").await;
    let tokens = scene.tokens().await;
    let access = tokens["access_token"].as_str().unwrap();
    for (path, token) in [
        ("/realms/globex/protocol/openid-connect/userinfo", access),
        ("/realms/acme/protocol/openid-connect/userinfo", tokens["refresh_token"].as_str().unwrap()),
        ("/realms/acme/protocol/openid-connect/userinfo", "x"),
    ] {
        let answer = scene.bearer(path, token).await.expect(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
    let answer = scene.get("/realms/acme/protocol/openid-connect/userinfo").await.expect(401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn who_comes_when_all_cores_hash_and_the_queue_is_full_is_told_to_come_again() {
    let mut settings = TestSettings::default();
    settings.passwords.queue = 0;
    let server = TestServer::with(settings).await;
    server.org("acme").await;
    let path = format!("/realms/acme{TOKEN}");
    let answer = form(&server, &path, &password_grant(ADA, PASSWORD), &[]).await.expect(503);
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}
