//! Every operation has a case, and both published places of it answer as they should to whoever may not have what it asks
//! for.

use std::collections::BTreeSet;

use denizen_http::eva::dialect;
use denizen_testkit::{Answer, PASSWORD};
use serde_json::json;

use super::cases::{CASES, Case};
use super::scene::{Scene, Side, UNKNOWN, refusal, send};

const UNAUTHORIZED: (u16, &str) = (401, "Invalid credentials");
const FORBIDDEN: (u16, &str) = (403, "Missing permission");
const NOT_FOUND: (u16, &str) = (404, "User not found");

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

/// Texts that are no UUIDs.
const MALFORMED: [&str; 8] = [
    "7",
    "mex",
    "01234567-89ab-4def-8123-456789abcde",
    "0123456789ab4def8123456789abcdef",
    "%20",
    "%00",
    "01234567-89ab-4def-8123-456789abcdef%00",
    "%FF",
];

/// Collects what is wrong, so that one run tells all of it.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    #[track_caller]
    fn note(&mut self, column: &str, answer: &Answer, expected: (u16, &str)) {
        if answer.status != expected.0 {
            return self.0.push(format!("{column}: {answer}, not {expected:?}"));
        }
        let told = refusal(answer);
        if told.1 != expected.1 {
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
    assert_eq!(cases.len(), CASES.len(), "an operation has two cases");
    let paths: Vec<&str> = places().iter().map(|(_, _, path)| *path).collect();
    assert_eq!(paths.len(), 2 * CASES.len());
    for path in &paths {
        let twin = path.strip_prefix("/eva-user");
        assert!(twin.is_none_or(|twin| paths.contains(&twin)), "{path} is not at the root");
    }
}

#[tokio::test]
async fn whoever_shows_no_valid_token_is_refused_at_every_place_in_the_same_words() {
    let scene = Scene::set().await;
    let ours = &scene.ours;
    let before = ours.state().await;
    let deleted = ours.org.operator_admin().await;
    ours.admin.delete(&format!("/{}", deleted.id)).await.expect(204);
    let changed = ours.org.operator_admin().await;
    let body = json!({"name": "A", "email": changed.email, "password": "0therWord",
        "passwordConfirmation": "0therWord"});
    ours.admin.put(&format!("/{}", changed.id), &body).await.expect(200);
    ours.admin.delete(&format!("/{}", changed.id)).await.expect(204);

    let token = &ours.admin.token;
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (_, claims) = head.split_once('.').unwrap();
    let (_, their_signature) = scene.theirs.admin.token.rsplit_once('.').unwrap();
    // The same claims without a signature, as a library would write them.
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
    let mut values: Vec<String> = [
        "",
        "Bearer",
        "Bearer ",
        "nothing",
        token,
        &format!("Basic {token}"),
        &format!("Bearer Bearer {token}"),
        &format!("Bearer {head}"),
        &format!("Bearer {head}."),
        &format!("Bearer {head}.{their_signature}"),
        &format!("Bearer {claims}.{signature}"),
        &format!("Bearer {unsigned}"),
        &format!("Bearer {}", ours.admin.refresh_token),
        &format!("Bearer {}", ours.member.token),
        &deleted.authorization(),
        &changed.authorization(),
    ]
    .map(str::to_owned)
    .to_vec();
    let program = ours.org.access_token("DefaultAdministratorRole").await;
    values.extend([program.token.clone(), format!("Bearer {}", program.token)]);

    let mut faults = Faults::default();
    for (case, method, path) in places() {
        let place = (method.as_str(), path);
        faults.note("none", &send(&scene.server, case, place, &ours.things, None).await, UNAUTHORIZED);
        for value in &values {
            let answer = send(&scene.server, case, place, &ours.things, Some(value)).await;
            faults.note(value, &answer, UNAUTHORIZED);
        }
    }
    assert_eq!(ours.state().await, before);
    scene.server.advance_seconds(300);
    let expired = ours.admin.authorization();
    for (case, method, path) in places() {
        let answer = send(&scene.server, case, (&method, path), &ours.things, Some(&expired)).await;
        faults.note("expired", &answer, UNAUTHORIZED);
    }
    faults.assert_none();
}

#[tokio::test]
async fn who_is_no_administrator_is_refused_where_users_are_managed() {
    let scene = Scene::set().await;
    let ours = &scene.ours;
    let before = ours.state().await;
    let authorization = ours.editor.authorization();
    let mut faults = Faults::default();
    for (case, method, path) in places() {
        if case.is_for_administrators {
            let answer = send(&scene.server, case, (&method, path), &ours.things, Some(&authorization)).await;
            faults.note("editor", &answer, FORBIDDEN);
            // Before anything of the request is looked at.
            let broken = Case { query: "?page=x&limit=x", body: "{", ..*case };
            let things = ours.things_with("{userUUID}", "7");
            let answer = send(&scene.server, &broken, (&method, path), &things, Some(&authorization)).await;
            faults.note("editor, broken", &answer, FORBIDDEN);
        }
    }
    faults.assert_none();
    assert_eq!(ours.state().await, before);
}

#[tokio::test]
async fn any_organization_but_the_own_is_forbidden_be_there_one_or_not() {
    let scene = Scene::set().await;
    let before = (scene.ours.state().await, scene.theirs.state().await);
    let mut faults = Faults::default();
    for (case, method, path) in places().into_iter().filter(|(case, ..)| case.is_at_home) {
        for caller in [&scene.ours.admin, &scene.ours.editor] {
            let authorization = caller.authorization();
            let strangers = [scene.theirs.id("{orgUUID}"), UNKNOWN, "acme", "globex"];
            for value in strangers.into_iter().chain(MALFORMED) {
                // With our things and with theirs.
                for things in
                    [scene.ours.things_with("{orgUUID}", value), scene.theirs.things_with("{orgUUID}", value)]
                {
                    let answer =
                        send(&scene.server, case, (&method, path), &things, Some(&authorization)).await;
                    faults.note(value, &answer, FORBIDDEN);
                }
            }
        }
    }
    faults.assert_none();
    assert_eq!((scene.ours.state().await, scene.theirs.state().await), before);
}

#[tokio::test]
async fn a_user_who_is_not_in_the_organization_is_not_found() {
    let scene = Scene::set().await;
    let before = (scene.ours.state().await, scene.theirs.state().await);
    let gone = scene.ours.org.operator_admin().await;
    scene.ours.admin.delete(&format!("/{}", gone.id)).await.expect(204);
    let authorization = scene.ours.admin.authorization();
    let mut faults = Faults::default();
    let mut tried = 0;
    for (case, method, path) in places().into_iter().filter(|(_, _, path)| path.contains("{userUUID}")) {
        let nobody = [scene.theirs.id("{userUUID}"), &scene.theirs.admin.id, &gone.id, UNKNOWN];
        for value in nobody.into_iter().chain(MALFORMED) {
            let things = scene.ours.things_with("{userUUID}", value);
            let answer = send(&scene.server, case, (&method, path), &things, Some(&authorization)).await;
            faults.note(value, &answer, NOT_FOUND);
            tried += 1;
        }
    }
    faults.assert_none();
    assert_eq!(tried, 2 * 3 * 12);
    assert_eq!((scene.ours.state().await, scene.theirs.state().await), before);
}

/// Asks at a place as an administrator, and says whether that has changed anything. Nothing changes in the other
/// organization.
async fn succeeds(
    scene: &Scene,
    [side, other]: [&Side; 2],
    case: &Case,
    method: &str,
    path: &str,
    number: usize,
) -> bool {
    // Somebody who may be deleted, and an address that is still free.
    let mut spare = side.org.new_operator("Spare", &side.org.new_email());
    spare.password = None;
    let mut things =
        side.things_with("{userUUID}", &side.org.make_operator(spare).await.operator.id().to_string());
    things.insert("{email}", format!("new{number}@{}.example", side.org.slug()));
    let before = (side.state().await, other.state().await);
    let mut spellings = vec![path.to_owned()];
    if !case.writes {
        spellings.extend([format!("{path}/"), format!("/{path}")]);
    }
    let authorization = side.admin.authorization();
    for path in &spellings {
        let answer = send(&scene.server, case, (method, path), &things, Some(&authorization)).await;
        assert_eq!(answer.status, case.success, "{answer}");
        let kind = (case.success != 204).then_some("application/json");
        assert_eq!(answer.header("content-type"), kind, "{answer}");
        assert_eq!(answer.body.is_empty(), case.success == 204, "{answer}");
    }
    assert_eq!(other.state().await, before.1, "{method} {path}");
    side.state().await != before.0
}

#[tokio::test]
async fn an_administrator_succeeds_at_every_place() {
    Box::pin(everything_succeeds(Scene::set().await)).await;
}

#[tokio::test]
async fn the_same_where_one_organization_lives_in_another_cluster() {
    Box::pin(everything_succeeds(Scene::set_far().await)).await;
}

async fn everything_succeeds(scene: Scene) {
    for (number, (case, method, path)) in places().into_iter().enumerate() {
        // Each place of an operation in an organization of its own.
        let sides = [&scene.ours, &scene.theirs];
        let sides = [sides[number % 2], sides[(number + 1) % 2]];
        let changed = succeeds(&scene, sides, case, &method, path, number).await;
        assert_eq!(changed, case.writes, "{method} {path}");
    }
    scene.server.run_jobs().await;
    scene.server.assert_consistent().await;
}

#[tokio::test]
async fn what_is_for_everybody_is_for_an_editor_too_and_about_the_caller() {
    let scene = Scene::set().await;
    let ours = &scene.ours;
    let authorization = ours.editor.authorization();
    for (case, method, path) in places().into_iter().filter(|(case, ..)| !case.is_for_administrators) {
        let answer = send(&scene.server, case, (&method, path), &ours.things, Some(&authorization)).await;
        assert_eq!(answer.status, case.success, "{answer}");
    }
    assert_eq!(ours.editor.get("/me").await.str_at("/uuid"), ours.editor.id);
    assert_eq!(ours.admin.get("/me").await.str_at("/uuid"), ours.admin.id);
    let value = |answer: Answer| answer.expect(200).str_at("/value");
    assert_eq!(value(ours.editor.get("/configuration?key=theme").await), "new@acme.example");
    assert_eq!(value(ours.admin.get("/configuration?key=theme").await), "dark");
}

#[tokio::test]
async fn rights_are_felt_at_once() {
    let scene = Scene::set().await;
    let ours = &scene.ours;
    let second = ours.org.operator_admin().await;
    second.get("").await.expect(200);
    let mut body = ours.new_user("Second", &second.email);
    body["admin"] = json!(false);
    ours.admin.put(&format!("/{}", second.id), &body).await.expect(200);
    assert_eq!(refusal(&second.get("").await).0, 403);
    second.get("/me").await.expect(200);
    let body = json!({"name": "Second", "email": second.email, "admin": true});
    ours.admin.put(&format!("/{}", second.id), &body).await.expect(200);
    second.get("").await.expect(200);
    // Nobody deletes the own account, so somebody is left who may.
    assert_eq!(refusal(&second.delete(&format!("/{}", second.id)).await).0, 403);
    ours.admin.delete(&format!("/{}", second.id)).await.expect(204);
    assert_eq!(refusal(&second.get("/me").await), (401, "Invalid credentials".to_owned()));
    assert!(ours.org.operator_tokens(&second.email, PASSWORD).await.is_err());
}

#[tokio::test]
async fn the_word_bearer_and_the_organization_are_taken_in_any_letter_case() {
    let scene = Scene::set().await;
    let admin = scene.ours.admin.in_org(&scene.ours.id("{orgUUID}").to_uppercase());
    for value in [format!("bearer {}", admin.token), format!(" BEARER   {} ", admin.token)] {
        let headers = [("authorization", value.as_str())];
        scene.server.call("GET", &admin.path("/me"), &headers, None).await.expect(200);
    }
    let spare = scene.ours.id("{userUUID}").to_uppercase();
    assert_eq!(admin.get(&format!("/{spare}")).await.expect(200).str_at("/uuid"), spare.to_lowercase());
}
