//! Every operation has a case, and every published place of it answers as it should to whoever may not have what it asks
//! for.

use std::collections::BTreeSet;

use denizen_domain::ids::Uuid;
use denizen_http::dixa::dialect;
use denizen_testkit::{Answer, TestServer};

use super::cases::{CASES, Case};
use super::scene::{Scene, Side, guess, refusal, send};

const UNAUTHORIZED: (u16, &str) = (401, "Unauthorized");
const NOT_FOUND: (u16, &str) = (404, "The requested resource could not be found");
const NOT_AUTHORIZED: &str = "User is unauthorized to perform an underlying operation";

/// Every published place with the case of its operation.
fn places() -> Vec<(&'static Case, String, &'static str)> {
    let mut places = Vec::new();
    for operation in (dialect().operations)() {
        let case = CASES.iter().find(|case| case.id == operation.id);
        let case = case.unwrap_or_else(|| panic!("{} has no case in `cases.rs`", operation.id));
        places.extend(operation.places().map(|(method, path)| (case, method.to_string(), path)));
    }
    places
}

/// The parameters of a path.
fn params(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter(|part| part.starts_with('{'))
}

/// Ids of the right form that name nothing, and texts that are no ids.
fn strange_values(param: &str) -> (&'static [&'static str], &'static [&'static str]) {
    const UUIDS: &[&str] = &["01234567-89ab-4def-8123-456789abcdef", "00000000-0000-0000-0000-000000000000"];
    match param {
        "{conversationId}" => (
            &["7", "0", "-1", "9223372036854775807"],
            &[
                "abc",
                "9223372036854775808",
                "1.0",
                "0x1",
                "1%20",
                "%00",
                "7%00",
                "%ff",
                "01234567-89ab-4def-8123-456789abcdef",
            ],
        ),
        _ => (
            UUIDS,
            &[
                "7",
                "bulkx",
                "01234567-89ab-4def-8123-456789abcde",
                "0123456789ab4def8123456789abcdef",
                "%20",
                "%00",
                "01234567-89ab-4def-8123-456789abcdef%00",
                "%FF",
                "ann@acme.example",
            ],
        ),
    }
}

/// Collects what is wrong, so that one run tells all of it.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    #[track_caller]
    fn note(&mut self, column: &str, answer: &Answer, expected: (u16, &str)) {
        let told = refusal(answer);
        if (told.0, told.1.as_str()) != expected {
            self.0.push(format!("{column}: {answer}, not {expected:?}"));
        }
    }

    #[track_caller]
    fn assert_none(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

#[test]
fn every_operation_has_one_case_and_every_case_an_operation() {
    let published: BTreeSet<&str> = (dialect().operations)().iter().map(|operation| operation.id).collect();
    let cases: BTreeSet<&str> = CASES.iter().map(|case| case.id).collect();
    assert_eq!(published, cases);
    assert_eq!((cases.len(), CASES.len()), (20, 20), "an operation has two cases");
    let paths: Vec<&str> = places().iter().map(|(_, _, path)| *path).collect();
    assert_eq!(paths.len(), 40);
    for path in &paths {
        let twin = path.strip_prefix("/v1").map(|rest| format!("/beta{rest}"));
        assert!(twin.is_none_or(|twin| paths.contains(&twin.as_str())), "{path} is not below /beta");
    }
}

#[tokio::test]
async fn whoever_shows_no_valid_token_is_refused_at_every_place_in_the_same_words() {
    let scene = Scene::set().await;
    let before = scene.ours.state().await;
    let directory = scene.server.directory();
    let revoked = scene.ours.org.access_token("DefaultUserRole").await;
    directory.revoke_access_token("acme", Uuid::parse(&revoked.token_id).unwrap()).await.unwrap();
    let expires_at = Some(directory.now().plus_seconds(60));
    let expired = directory.create_access_token("acme", "DefaultUserRole", None, expires_at).await.unwrap();
    scene.server.advance_seconds(60);

    let token = &scene.ours.program.token;
    let secret = token.split_once('.').unwrap().1;
    let other_secret = guess(token);
    let values = [
        String::new(),
        "Bearer".to_owned(),
        "nothing".to_owned(),
        secret.to_owned(),
        format!("globex.{secret}"),
        format!("nowhere.{secret}"),
        other_secret.clone(),
        format!("Bearer {other_secret}"),
        format!("Basic {token}"),
        format!("Bearer Bearer {token}"),
        scene.ours.admin.token.clone(),
        format!("Bearer {}", scene.ours.admin.token),
        revoked.token.clone(),
        format!("Bearer {}", revoked.token),
        expired.token.clone(),
    ];
    let mut faults = Faults::default();
    for (case, method, path) in places() {
        let answer = send(&scene.server, case, (&method, path), &scene.ours.things, &[]).await;
        faults.note("no token", &answer, UNAUTHORIZED);
        for value in &values {
            let headers = [("authorization", value.as_str())];
            let answer = send(&scene.server, case, (&method, path), &scene.ours.things, &headers).await;
            faults.note(value, &answer, UNAUTHORIZED);
        }
    }
    faults.assert_none();
    assert_eq!(scene.ours.state().await, before);
}

#[tokio::test]
async fn a_token_is_taken_alone_and_behind_bearer_in_any_letter_case() {
    let scene = Scene::set().await;
    let token = &scene.ours.program.token;
    for value in [
        token.clone(),
        format!(" {token} "),
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER  {token}"),
    ] {
        let headers = [("authorization", value.as_str())];
        scene.server.call("GET", "/v1/organization", &headers, None).await.expect(200);
    }
}

#[tokio::test]
async fn a_token_with_every_permission_but_the_needed_one_is_refused() {
    let scene = Scene::set().await;
    let mut faults = Faults::default();
    for permission in ["Directory:ReadContact", "Directory:WriteContact", "Directory:AnonymizeContact"] {
        let program = scene.ours.program_without(permission).await;
        let headers = [("authorization", program.token.as_str())];
        let before = scene.ours.state().await;
        let needing = places().into_iter().filter(|(case, ..)| case.permission == Some(permission));
        for (case, method, path) in needing {
            let answer = send(&scene.server, case, (&method, path), &scene.ours.things, &headers).await;
            faults.note(permission, &answer, (case.forbidden, NOT_AUTHORIZED));
        }
        assert_eq!(scene.ours.state().await, before, "{permission}");
    }
    faults.assert_none();
    let nobody = scene.ours.org.access_token_with(&serde_json::json!([])).await;
    for path in ["/v1/organization", "/beta/organization"] {
        nobody.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn an_id_that_names_nothing_is_not_found_and_one_of_no_form_is_wrong() {
    let scene = Scene::set().await;
    let headers = [("authorization", scene.ours.program.token.as_str())];
    let before = scene.ours.state().await;
    let mut faults = Faults::default();
    let mut tried = 0;
    for (case, method, path) in places() {
        for param in params(path) {
            let name = param.trim_matches(['{', '}']);
            let (unknown, malformed) = strange_values(param);
            for value in unknown {
                let things = scene.ours.things_with(param, value);
                // In the path only: a body about another thing is another matter.
                let answer = send(&scene.server, case, (&method, path), &things, &headers).await;
                faults.note(&format!("unknown {param} {value}"), &answer, NOT_FOUND);
                tried += 1;
            }
            let reason = if name == "conversationId" { "a whole number" } else { "a UUID" };
            let expected = format!("Invalid value for: path parameter {name} (must be {reason})");
            for value in malformed {
                let things = scene.ours.things_with(param, value);
                let answer = send(&scene.server, case, (&method, path), &things, &headers).await;
                faults.note(&format!("malformed {param}"), &answer, (400, &expected));
            }
        }
    }
    faults.assert_none();
    assert!(tried > 50, "{tried}");
    assert_eq!(scene.ours.state().await, before);
}

/// Asks one organization at a place, and says whether that has changed anything in it. Nothing changes in the other.
async fn succeeds(
    server: &TestServer,
    side: &Side,
    other: &Side,
    case: &Case,
    method: &str,
    path: &str,
) -> bool {
    let headers = [("authorization", side.program.token.as_str())];
    let before = (side.state().await, other.state().await);
    let mut spellings = vec![path.to_owned()];
    if !case.writes {
        spellings.extend([format!("{path}/"), format!("/{path}")]);
    }
    for path in &spellings {
        let answer = send(server, case, (method, path), &side.things, &headers).await;
        assert_eq!(answer.status, case.success, "{answer}");
        assert!(answer.json()["data"].is_object() || answer.json()["data"].is_array(), "{answer}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    server.run_jobs().await;
    assert_eq!(other.state().await, before.1, "{method} {path}");
    side.state().await != before.0
}

#[tokio::test]
async fn a_program_that_may_everything_succeeds_at_every_place() {
    Box::pin(everything_succeeds(Scene::set)).await;
}

#[tokio::test]
async fn the_same_where_one_organization_lives_in_another_cluster() {
    Box::pin(everything_succeeds(Scene::set_far)).await;
}

async fn everything_succeeds(set: impl AsyncFn() -> Scene) {
    let reading = set().await;
    for operation in (dialect().operations)() {
        let case = CASES.iter().find(|case| case.id == operation.id).unwrap();
        let own = if case.writes { Some(set().await) } else { None };
        let Scene { server, ours, theirs } = own.as_ref().unwrap_or(&reading);
        // Each place in an organization of its own.
        for ((side, other), (method, path)) in
            [(ours, theirs), (theirs, ours)].into_iter().zip(operation.places())
        {
            let changed = succeeds(server, side, other, case, method.as_str(), path).await;
            assert_eq!(changed, case.writes, "{method} {path}");
        }
        assert_eq!(operation.places().count(), 2);
        server.assert_consistent().await;
    }
}
