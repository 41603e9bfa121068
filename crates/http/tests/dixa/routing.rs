//! Paths of two dialects beside each other, and what is answered where no operation is meant.

use denizen_domain::permission::model::Rng;
use denizen_http::kernel::{Dialect, Operation};
use denizen_http::{amigo, dixa, router};
use denizen_testkit::TestServer;
use tower::ServiceExt as _;

use super::scene::{program, refusal, server_with};

/// Names that organizations may have and that are words of this dialect's paths.
const NAMES: &[&str] = &[
    "conversations",
    "organization",
    "anonymization",
    "custom-attributes",
    "messages",
    "anonymize",
    "bulk",
    "request",
];

fn places(dialect: &Dialect) -> Vec<(String, &'static str)> {
    let operations = (dialect.operations)();
    let places = operations.iter().flat_map(Operation::places);
    places.map(|(method, path)| (method.to_string(), path)).collect()
}

/// In which dialect's form a router answers a request without credentials.
async fn form(router: &axum::Router, method: &str, path: &str) -> &'static str {
    let request = axum::http::Request::builder().method(method).uri(path).body(axum::body::Body::empty());
    let response = router.clone().oneshot(request.unwrap()).await.unwrap();
    let status = response.status().as_u16();
    assert!(![404, 405].contains(&status) || path.contains("/link/"), "{method} {path}: {status}");
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    if body["message"].is_string() { "dixa" } else { "amigo" }
}

#[tokio::test]
async fn organizations_whose_names_are_words_of_this_dialect_keep_all_their_paths() {
    let server = TestServer::start().await;
    server.org("acme").await;
    for name in NAMES {
        server.org(name).await;
    }
    let dialects = [amigo::dialect(), dixa::dialect(), denizen_http::admin::dialect()];
    // In whichever order they are registered.
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0]] {
        let dialects = order.map(|at| dialects[at].clone());
        let router = router(std::sync::Arc::clone(server.app()), &dialects);
        for name in NAMES.iter().chain(&["acme"]) {
            for (method, path) in places(&amigo::dialect()) {
                let path = path.replace("{organization}", name).replace(['{', '}'], "");
                assert_eq!(form(&router, &method, &path).await, "amigo", "{method} {path}");
            }
        }
        for (method, path) in places(&dixa::dialect()) {
            for id in ["7", "01234567-89ab-4def-8123-456789abcdef", "search", "memory"] {
                let path: Vec<&str> =
                    path.split('/').map(|part| if part.starts_with('{') { id } else { part }).collect();
                let path = path.join("/");
                assert_eq!(form(&router, &method, &path).await, "dixa", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn an_organization_with_the_name_of_a_path_is_used_in_both_dialects() {
    let server = TestServer::start().await;
    let org = server.org("conversations").await;
    let admin = org.admin().await;
    admin.get("/user/").await.expect(200);
    admin.get("/organization/").await.expect(200);
    admin.get("/role/").await.expect(200);
    let program = org.access_token("DefaultAdministratorRole").await;
    program.get("/v1/conversations/7").await.expect(404);
    let answer = program.get("/v1/conversations/other").await;
    assert_eq!(
        refusal(&answer).1,
        "Invalid value for: path parameter conversationId (must be a whole number)"
    );
}

#[tokio::test]
async fn what_means_no_operation_is_answered_in_the_form_of_the_dialect() {
    let server = TestServer::start().await;
    let not_found = (404, "The requested resource could not be found".to_owned());
    for path in [
        "/v1/endusers/a/b",
        "/v1/endusers//conversations",
        "/v1/conversations",
        "/v1/anonymization/request",
        "/v1/custom-attributes/a/b",
        "/v1/organization/x",
        "/beta",
        "/beta/",
        "/beta/nothing",
        "/beta/acme/user/",
        "/v1/agents",
        "/v1/teams/1",
    ] {
        let answer = server.anonymous("GET", path, None).await;
        assert_eq!(refusal(&answer), not_found, "{path}");
    }
    for (method, path, allow) in [
        ("DELETE", "/v1/endusers", "GET, HEAD, PATCH, POST, PUT"),
        ("DELETE", "/v1/endusers/01234567-89ab-4def-8123-456789abcdef", "GET, HEAD, PATCH, PUT"),
        ("POST", "/beta/endusers/x/anonymize/", "PATCH"),
        ("GET", "/v1/anonymization", "POST"),
        ("PUT", "/v1/organization", "GET, HEAD"),
    ] {
        let answer = server.anonymous(method, path, None).await;
        assert_eq!(refusal(&answer), (405, "Method Not Allowed".to_owned()), "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    // Words that are not this dialect's are the other one's.
    for path in ["/v1/acme/nothing", "/v1/endusersx", "/v1/enduser/x"] {
        let answer = server.anonymous("GET", path, None).await.expect(404);
        assert_eq!(answer.json()["detail"], "Not Found", "{path}");
    }
}

#[tokio::test]
async fn bulk_is_an_id_that_is_none_unless_the_settings_say_otherwise() {
    let wrong = (400, "Invalid value for: path parameter userId (must be a UUID)".to_owned());
    let body = serde_json::json!({"data": []});
    for is_on in [false, true] {
        let server = server_with(|settings| settings.bulk_alias = is_on).await;
        let program = program(&server, "acme").await;
        for prefix in ["/v1", "/beta"] {
            for method in ["PATCH", "PUT"] {
                // Not through the test server, which holds every answer to the published description: this place is
                // in none.
                let request =
                    axum::http::Request::builder().method(method).uri(format!("{prefix}/endusers/bulk"));
                let request = request
                    .header("authorization", &program.token)
                    .body(axum::body::Body::from(body.to_string()))
                    .unwrap();
                let answer = server.router().oneshot(request).await.unwrap();
                let status = answer.status().as_u16();
                let answer = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
                let expected = serde_json::json!({"message": wrong.1}).to_string();
                let expected = if is_on { (200, r#"{"data":[]}"#) } else { (400, expected.as_str()) };
                assert_eq!((status, std::str::from_utf8(&answer).unwrap()), expected, "{method} {prefix}");
            }
            let answer = program.get(&format!("{prefix}/endusers/bulk")).await;
            assert_eq!(refusal(&answer), wrong, "{answer}");
            program.post(&format!("{prefix}/endusers/bulk"), &body).await.expect(201);
        }
    }
}

/// A published place: its dialect, method and parts.
struct Place {
    dialect: &'static str,
    method: String,
    parts: Vec<&'static str>,
}

fn is_param(part: &str) -> bool {
    part.starts_with('{')
}

impl Place {
    fn covers(&self, path: &[&str]) -> bool {
        self.parts.len() == path.len()
            && self.parts.iter().zip(path).all(|(part, asked)| is_param(part) || part == asked)
    }

    /// Words before parameters, from the left on.
    fn nearness(&self) -> Vec<bool> {
        self.parts.iter().map(|part| is_param(part)).collect()
    }

    /// Whether another place, which covers the same path, covers less.
    fn is_hidden_by(&self, other: &Self) -> bool {
        let covers = |(own, theirs): (&&str, &&str)| is_param(own) || own == theirs;
        self.dialect == other.dialect
            && self.nearness() != other.nearness()
            && self.parts.iter().zip(&other.parts).all(covers)
    }

    /// Whether its parameters can be what others have as words.
    fn fits(&self, path: &[&str], all: &[&Self], fits: fn(&str, &str) -> bool) -> bool {
        (0..path.len()).filter(|at| is_param(self.parts[*at])).all(|at| {
            let is_word = all.iter().any(|other| !is_param(other.parts[at]));
            !is_word || fits(self.parts[at].trim_matches(['{', '}']), path[at])
        })
    }
}

/// What a request means, found by looking at every published place: a dialect and the methods that it allows there.
fn meant(places: &[Place], path: &[&str]) -> Option<(&'static str, Vec<String>)> {
    let mut all: Vec<&Place> = places.iter().filter(|place| place.covers(path)).collect();
    all.sort_by_key(|place| place.nearness());
    let nearest = all.first()?.dialect;
    let is_hidden = |place: &Place| all.iter().any(|other| place.is_hidden_by(other));
    let counts = |place: &&&Place| match place.dialect {
        "dixa" => is_hidden(place) || place.fits(path, &all, dixa::dialect().fits),
        _ => !is_hidden(place) && place.fits(path, &all, amigo::dialect().fits),
    };
    let mut chosen: Vec<&&Place> = all.iter().filter(counts).collect();
    if chosen.is_empty() {
        chosen = all.iter().filter(|place| place.dialect == nearest && !is_hidden(place)).collect();
    }
    let dialect = chosen[0].dialect;
    assert!(chosen.iter().all(|place| place.dialect == dialect), "two dialects mean {path:?}");
    let mut methods: Vec<String> = chosen.iter().map(|place| place.method.clone()).collect();
    if methods.contains(&"GET".to_owned()) {
        methods.push("HEAD".to_owned());
    }
    methods.sort();
    methods.dedup();
    Some((dialect, methods))
}

#[tokio::test]
async fn a_path_of_any_words_means_what_the_nearest_published_path_means() {
    let server = TestServer::start().await;
    let mut all = Vec::new();
    for (name, dialect) in [("amigo", amigo::dialect()), ("dixa", dixa::dialect())] {
        for (method, path) in places(&dialect) {
            let parts = path.split('/').filter(|part| !part.is_empty()).collect();
            all.push(Place { dialect: name, method, parts });
        }
    }
    let mut words: Vec<&str> = all.iter().flat_map(|place| place.parts.iter().copied()).collect();
    words.retain(|word| !is_param(word));
    words.extend(["acme", "7", "01234567-89ab-4def-8123-456789abcdef", "Ann"]);
    words.sort_unstable();
    words.dedup();
    let mut random = Rng::new(5);
    let (mut found, mut both) = (0, 0);
    for _ in 0..6_000 {
        // A published path with some of its parts changed, so that most mean something.
        let mut path = random.pick(&all).parts.clone();
        for part in path.iter_mut().skip(1) {
            if is_param(part) || random.chance(25) {
                *part = *random.pick(&words);
            }
        }
        let target = format!("/{}", path.join("/"));
        let expected = meant(&all, &path);
        let covering = all.iter().filter(|place| place.covers(&path));
        both += usize::from(
            covering.map(|place| place.dialect).collect::<std::collections::BTreeSet<_>>().len() == 2,
        );
        // No published place has this method, so every path that means something says what it allows.
        let answer = server.anonymous("TRACE", &target, None).await;
        let body = answer.json();
        let form = if body["message"].is_string() { "dixa" } else { "amigo" };
        match expected {
            Some((dialect, methods)) => {
                assert_eq!(
                    (answer.status, form, answer.header("allow")),
                    (405, dialect, Some(&*methods.join(", "))),
                    "{answer}"
                );
                found += 1;
            }
            None => assert_eq!(answer.status, 404, "{answer}"),
        }
    }
    assert!(found > 3_000 && both > 100, "{found} {both}");
}
