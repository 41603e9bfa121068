//! Every published place has a case, and every case a place; each column of each case is as the table says.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_http::amigo::dialect;
use denizen_http::kernel::Security;
use denizen_testkit::TestServer;

use super::cases::{Auth, CASES, Case, Expect};
use super::scene::{Credentials, Scene, send};

/// Ids that name nothing: of the right form, and of none.
pub(crate) fn unknown_values(token: &str) -> &'static [&'static str] {
    match token {
        "{user_id}" | "{requested_user_id}" => &["65f000000000000000000001", "nobody", "ÀÖ%2F", "65F0"],
        "{api_key_id}" => &["01234567-89ab-4def-8123-456789abcdef", "nothing", "65f000000000000000000001"],
        // One of another form is 422.
        "{external_event_id}" => &["65f000000000000000000001"],
        "{role_name}" => &["NoSuchRole", "defaultuserrole"],
        "{email}" => &["nobody@acme.example"],
        "{secret}" => &["nothing", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
        _ => panic!("the tests know no unknown {token}"),
    }
}

#[test]
fn every_published_place_has_one_case_and_every_case_a_place() {
    let mut published = BTreeSet::new();
    for operation in (dialect().operations)() {
        for (method, path) in operation.places() {
            published.insert(format!("{method} {path}"));
        }
    }
    let cases: BTreeSet<String> = CASES.iter().map(Case::name).collect();
    let without_case: Vec<_> = published.difference(&cases).collect();
    let without_place: Vec<_> = cases.difference(&published).collect();
    assert!(without_case.is_empty(), "places without a case in `cases.rs`: {without_case:#?}");
    assert!(without_place.is_empty(), "cases of places that do not exist: {without_place:#?}");
    assert_eq!(cases.len(), CASES.len(), "a place has two cases");
}

#[test]
fn a_column_is_left_out_of_public_operations_only_and_every_id_of_a_path_is_tried() {
    for operation in (dialect().operations)() {
        for (method, path) in operation.places() {
            let case = CASES.iter().find(|case| case.method == method.as_str() && case.path == path).unwrap();
            let auth = match operation.security {
                Security::None => Auth::Public,
                Security::All(_) => Auth::Key,
                Security::Default => Auth::Token,
            };
            assert!(case.auth == auth, "{}", case.name());
            for column in
                [case.anonymous, case.wrong_organization, case.wrong_organization_named, case.lacking.1]
            {
                if let Expect::Skip(reason) = column {
                    assert!(auth == Auth::Public, "{}: {reason}", case.name());
                    assert_eq!(reason, case.reason_of_public());
                }
            }
            for param in path.split('/').filter(|part| part.starts_with('{') && *part != "{organization}") {
                let tried = case.unknown_ids.iter().any(|(token, _)| *token == param);
                assert!(tried, "{} is never tried with an unknown {param}", case.name());
            }
        }
    }
}

/// Collects what is wrong, so that one run tells all of it.
#[derive(Default)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    pub(crate) fn note(&mut self, column: &str, expect: Expect, answer: &denizen_testkit::Answer) {
        self.0.extend(expect.fault(answer).map(|fault| format!("{column}: {fault}")));
    }

    pub(crate) fn push(&mut self, fault: String) {
        self.0.push(fault);
    }

    #[track_caller]
    pub(crate) fn assert_none(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

#[tokio::test]
async fn whoever_shows_no_valid_credentials_is_refused_by_every_operation_in_the_same_words() {
    let scene = Scene::set().await;
    let before = scene.ours.state().await;
    let mut faults = Faults::default();
    // Another user's name under the same signature.
    let parts: Vec<&str> = scene.ours.admin.token.split('.').collect();
    let body = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let forged = body.replace(&scene.ours.admin.user_id, &scene.ours.things["{user_id}"]);
    assert_ne!(body, forged);
    let tampered = format!("Bearer {}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(forged), parts[2]);
    let wrong_secret = Credentials::key(
        &denizen_testkit::Key { secret: "wrong".to_owned(), ..scene.ours.key.clone() },
        &scene.ours.things["{user_id}"],
    );
    let bad = [
        Credentials::default(),
        Credentials::header("authorization", "Bearer nothing"),
        Credentials::header("authorization", &tampered),
        Credentials::header("authorization", "Bearer"),
        Credentials::header("authorization", "Digest x"),
        Credentials::header("authorization", "Basic !"),
        Credentials::header("authorization", "Basic YTpi"),
        Credentials::header("x-api-key", "alone"),
        wrong_secret,
    ];
    for case in CASES {
        // Sign-in tells absent headers from wrong ones.
        let tried = if case.auth == Auth::Key { &bad[..1] } else { &bad[..] };
        for credentials in tried {
            if !matches!(case.anonymous, Expect::Skip(_)) {
                let answer = send(&scene.server, case, &scene.ours.things, credentials).await;
                faults.note("no credentials", case.anonymous, &answer);
            }
        }
    }
    faults.assert_none();
    assert_eq!(scene.ours.state().await, before);
}

#[tokio::test]
async fn a_super_administrator_of_another_organization_gets_nowhere() {
    let scene = Scene::set().await;
    let before = scene.ours.state().await;
    let mut faults = Faults::default();
    for case in CASES {
        let credentials = scene.theirs.strongest(case);
        if !matches!(case.wrong_organization, Expect::Skip(_)) {
            let answer = send(&scene.server, case, &scene.ours.things, &credentials).await;
            faults.note("wrong organization", case.wrong_organization, &answer);
            let named = credentials.naming("globex");
            let answer = send(&scene.server, case, &scene.ours.things, &named).await;
            faults.note("wrong organization, named", case.wrong_organization_named, &answer);
        }
    }
    faults.assert_none();
    assert_eq!(scene.ours.state().await, before);
}

#[tokio::test]
async fn a_caller_with_every_permission_but_the_needed_one_is_refused() {
    let scene = Scene::set().await;
    let weak_key = scene.ours.org.key(&scene.ours.things["{role_name}"]).await;
    let mut faults = Faults::default();
    for case in CASES {
        let (permission, expect) = case.lacking;
        if matches!(expect, Expect::Skip(_)) {
            continue;
        }
        let credentials = match case.auth {
            Auth::Key => Credentials::key(&weak_key, &scene.ours.things["{user_id}"]),
            Auth::Token | Auth::Public => Credentials::of(&scene.ours.caller_without(permission).await),
        };
        let before = scene.ours.state().await;
        let answer = send(&scene.server, case, &scene.ours.things, &credentials).await;
        faults.note(permission, expect, &answer);
        if before != scene.ours.state().await {
            faults.push(format!("{answer} has changed something"));
        }
    }
    faults.assert_none();
}

#[tokio::test]
async fn an_id_that_names_nothing_is_not_found() {
    let scene = Scene::set().await;
    let before = scene.ours.state().await;
    let mut faults = Faults::default();
    for case in CASES {
        for (token, expect) in case.unknown_ids {
            for unknown in unknown_values(token) {
                let things = scene.ours.things_with(token, &encoded(case, token, unknown));
                let credentials = credentials_with(&scene, case, token, unknown);
                let answer = send(&scene.server, case, &things, &credentials).await;
                faults.note(&format!("unknown {token}"), *expect, &answer);
            }
        }
    }
    faults.assert_none();
    assert_eq!(scene.ours.state().await, before);
}

/// As it stands in a path, where it stands there.
fn encoded(case: &Case, token: &str, value: &str) -> String {
    if case.path.contains(token) {
        value.chars().map(|c| if c.is_ascii() { c.to_string() } else { "%C3%80".to_owned() }).collect()
    } else {
        value.to_owned()
    }
}

/// The credentials that the id is part of, where a case has no other place for it.
pub(crate) fn credentials_with(scene: &Scene, case: &Case, token: &str, value: &str) -> Credentials {
    let ours = &scene.ours;
    match (case.auth, token) {
        (Auth::Key, "{user_id}") if value.is_ascii() => Credentials::key(&ours.key, value),
        (Auth::Key, "{api_key_id}") => {
            let key = denizen_testkit::Key { key_id: value.to_owned(), ..ours.key.clone() };
            Credentials::key(&key, &ours.things["{user_id}"])
        }
        (Auth::Key, _) => Credentials::key(&ours.key, "nobody"),
        _ => ours.strongest(case),
    }
}

#[tokio::test]
async fn an_organization_that_does_not_exist_is_not_found() {
    let scene = Scene::set().await;
    let mut faults = Faults::default();
    let things = scene.ours.things_with("{organization}", "nowhere");
    for case in CASES {
        if matches!(case.unknown_organization, Expect::Skip(_)) {
            continue;
        }
        let credentials = scene.ours.strongest(case);
        // Without the header the token would have to be the unknown organization's own.
        if case.auth == Auth::Token {
            let answer = send(&scene.server, case, &things, &credentials).await;
            faults.note("unknown organization", Expect::Refused(401, "Invalid credentials"), &answer);
        }
        let answer = send(&scene.server, case, &things, &credentials.naming("acme")).await;
        faults.note("unknown organization, named", case.unknown_organization, &answer);
    }
    faults.assert_none();
}

#[tokio::test]
async fn a_caller_who_may_everything_succeeds_with_every_operation() {
    for case in CASES {
        succeeds(&Scene::set().await, case).await;
    }
}

#[tokio::test]
async fn the_same_in_an_organization_of_another_cluster() {
    let reading = Scene::set_far().await;
    for case in CASES {
        let own = if case.method == "GET" { None } else { Some(Scene::set_far().await) };
        succeeds(own.as_ref().unwrap_or(&reading), case).await;
    }
}

async fn succeeds(scene: &Scene, case: &Case) {
    let makes = case.method == "PUT";
    let things = scene.ours.things_with("{organization}", if makes { "newborn" } else { "acme" });
    let credentials = scene.ours.strongest(case);
    let credentials = if makes { credentials.naming("acme") } else { credentials };
    let answer = send(&scene.server, case, &things, &credentials).await;
    assert_eq!(answer.status, case.success, "{answer}");
    scene.server.assert_consistent().await;
}

#[tokio::test]
async fn a_path_that_means_no_operation_is_answered_in_the_form_of_the_dialect() {
    let server = TestServer::start().await;
    let answer = server.anonymous("GET", "/v1/acme/nothing", None).await;
    assert_eq!(answer.refusal(), (404, "Not Found".to_owned()));
    let answer = server.anonymous("PATCH", "/v1/acme/user/", None).await;
    assert_eq!(answer.refusal(), (405, "Method Not Allowed".to_owned()));
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
}
