//! Creating, changing and deleting users (contract sections 6 to 8).

use denizen_testkit::{Answer, PASSWORD};
use serde_json::{Value, json};

use super::scene::{Scene, Side, bot, environment, refusal, take_in};

fn path_of(created: &Answer) -> String {
    format!("/{}", created.str_at("/uuid"))
}

#[tokio::test]
async fn a_user_is_created_with_environments_and_bots_and_written_to_in_the_chosen_language() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let mut languages = Vec::new();
    for (index, (headers, query)) in [
        (&[][..], ""),
        (&[("language", "en")][..], ""),
        (&[("language", "ES")][..], "?language=ja"),
        (&[][..], "?language=ja"),
        (&[("language", "pt")][..], ""),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("new{index}@acme.example");
        let body = side.new_user(" Eve Lee ", &email);
        let made = side.admin.call_with("POST", query, headers, Some(&body)).await.expect(201);
        let expected = json!({
            "uuid": made.str_at("/uuid"), "orgUUID": side.id("{orgUUID}"), "name": "Eve Lee", "email": email,
            "company": null, "image": null, "admin": false,
            "environments": [{"role": "EDITOR",
                "environment": {"uuid": side.id("{environment}"), "name": "Live"},
                "bots": [{"uuid": side.id("{bot}"), "name": "Alpha"}]}],
            "createdAt": "2026-01-01T12:00:00.000Z", "rules": {"deletable": true},
        });
        assert_eq!(made.json(), expected);
        assert_eq!(side.admin.get(&path_of(&made)).await.expect(200).json(), expected);
        let mails = scene.server.run_jobs().await;
        assert_eq!(mails.len(), 1, "{index}");
        languages.push(mails[0].language.clone().unwrap());
    }
    assert_eq!(languages, ["en", "en", "es", "ja", "pt"]);
    let bad = [("language", "de")];
    let body = side.new_user("Eve", "bad@acme.example");
    let refused = side.admin.call_with("POST", "?language=en", &bad, Some(&body)).await;
    assert_eq!(refusal(&refused), (400, "language: must be one of en, es, ja and pt".to_owned()));
    let refused = side.admin.post("/password?language=e", &body).await;
    assert_eq!(refusal(&refused), (400, "language: must be one of en, es, ja and pt".to_owned()));
    assert_eq!(scene.server.run_jobs().await.len(), 0);
}

#[tokio::test]
async fn a_password_lets_the_user_sign_in_and_is_shown_nowhere() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let mut number = 0;
    for path in ["", "/password"] {
        for name in ["passwordConfirmation", "confirmPassword", "passwordConfirm"] {
            number += 1;
            let email = format!("p{number}@acme.example");
            let mut body = side.new_user("Pat", &email);
            body["password"] = json!("Secret-Word1");
            body[name] = json!("Secret-Word1");
            let made = side.admin.post(path, &body).await.expect(201);
            assert!(!made.text().contains("Secret-Word1") && made.json().get("password").is_none());
            side.org.operator_tokens(&email, "Secret-Word1").await.unwrap();
        }
    }
    let mails = format!("{:?}", scene.server.run_jobs().await);
    assert!(!mails.contains("Secret-Word1"));
    let mut all = side.new_user("Pat", "all@acme.example");
    for name in ["password", "passwordConfirmation", "confirmPassword", "passwordConfirm"] {
        all[name] = json!(PASSWORD);
    }
    side.admin.post("/password", &all).await.expect(201);
}

/// What is wrong with a body, of creating and of updating.
fn wrong_bodies(side: &Side) -> Vec<(&'static str, Value, &'static str)> {
    let entry = |role: Value, environment: Value, bots: Value| json!([{"role": role, "environment": environment, "bots": bots}]);
    let (live, second) = (json!({"uuid": side.id("{environment}")}), json!({"uuid": side.id("{second}")}));
    let (alpha, gamma) = (json!({"uuid": side.id("{bot}")}), json!({"uuid": side.id("{gamma}")}));
    let two = json!([{"role": "EDITOR", "environment": live, "bots": [alpha]},
        {"role": "VIEWER", "environment": second, "bots": [gamma]}]);
    vec![
        ("name", json!(null), "name: "),
        ("name", json!(" "), "name: "),
        ("name", json!("x".repeat(256)), "name: "),
        ("name", json!("a\u{0}b"), "name: "),
        ("name", json!(7), "name: "),
        ("email", json!(null), "email: "),
        ("email", json!("nobody"), "email: "),
        ("email", json!(format!("{}@acme.example", "x".repeat(250))), "email: "),
        ("company", json!("x".repeat(256)), "company: "),
        ("company", json!(7), "company: "),
        ("image", json!("x".repeat((256 << 10) + 1)), "image: "),
        ("admin", json!("maybe"), "admin: "),
        ("environments", json!([]), "environments: "),
        ("environments", json!({}), "environments: "),
        ("environments", json!([7]), "environments[0]: "),
        (
            "environments",
            entry(json!("OWNER"), live.clone(), json!([alpha])),
            "environments[0].role: must be",
        ),
        (
            "environments",
            entry(json!("ADMIN"), live.clone(), json!([alpha])),
            "environments[0].role: must be",
        ),
        (
            "environments",
            entry(json!(null), live.clone(), json!([alpha])),
            "environments[0].role: is missing",
        ),
        (
            "environments",
            entry(json!("EDITOR"), json!(null), json!([alpha])),
            "environments[0].environment: is missing",
        ),
        (
            "environments",
            entry(json!("EDITOR"), json!({}), json!([alpha])),
            "environments[0].environment: must",
        ),
        ("environments", entry(json!("EDITOR"), json!("x"), json!([alpha])), "environments: "),
        ("environments", entry(json!("EDITOR"), live.clone(), json!([])), "environments: "),
        ("environments", entry(json!("VIEWER"), live.clone(), json!(null)), "environments: "),
        ("environments", entry(json!("EDITOR"), live.clone(), json!([gamma])), "environments: "),
        ("environments", entry(json!("EDITOR"), live.clone(), json!(["x"])), "environments: "),
        ("environments", entry(json!("EDITOR"), live, json!([null])), "environments[0].bots[0]: must"),
        ("environments", two, "environments: "),
        ("password", json!(PASSWORD), "passwordConfirmation: is missing"),
        ("passwordConfirmation", json!(PASSWORD), "password: is missing"),
        ("confirmPassword", json!(PASSWORD), "password: is missing"),
    ]
}

#[tokio::test]
async fn a_body_that_breaks_a_rule_is_refused_and_changes_nothing() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let before = side.state().await;
    let one = format!("/{}", side.editor.id);
    let mut faults = Vec::new();
    for (field, value, beginning) in wrong_bodies(side) {
        let mut body = side.new_user("New", "new@acme.example");
        body[field] = value;
        for (method, path) in [("POST", ""), ("PUT", one.as_str())] {
            let answer = side.admin.call(method, path, Some(&body)).await;
            if answer.status != 400 || !refusal(&answer).1.starts_with(beginning) {
                faults.push(format!("{field}, {beginning:?}: {answer}"));
            }
        }
    }
    assert_eq!(faults, [""; 0], "{faults:#?}");
    for (password, confirmation, beginning) in [
        (json!("Short1"), json!("Short2"), "passwordConfirmation: must be the same"),
        (json!("abc12"), json!("abc12"), "password: "),
        (json!("alllower1"), json!("alllower1"), "password: "),
        (json!("ALLUPPER1"), json!("ALLUPPER1"), "password: "),
        (json!("OnlyLetters"), json!("OnlyLetters"), "password: "),
        (json!(""), json!(""), "password: "),
        (json!(null), json!(null), "password: is missing"),
        (json!(12_345_678), json!("Passw0rd"), "password: "),
    ] {
        let mut body = side.new_user("New", "new@acme.example");
        body["password"] = password;
        body["passwordConfirmation"] = confirmation;
        let (status, message) = refusal(&side.admin.post("/password", &body).await);
        assert!(status == 400 && message.starts_with(beginning), "{body}: {status} {message}");
    }
    assert_eq!(side.state().await, before);
    assert_eq!(scene.server.run_jobs().await.len(), 0);
}

#[tokio::test]
async fn an_email_is_one_users_in_an_organization_in_any_letter_case() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let taken = (409, "A user with this email already exists".to_owned());
    let made = side.admin.post("", &side.new_user("One", "One@acme.example")).await.expect(201);
    assert_eq!(refusal(&side.admin.post("", &side.new_user("Two", "oNE@ACME.example")).await), taken);
    let mut body = side.new_user("Two", "one@acme.example");
    body["password"] = json!(PASSWORD);
    body["passwordConfirmation"] = json!(PASSWORD);
    assert_eq!(refusal(&side.admin.post("/password", &body).await), taken);
    let one = format!("/{}", side.editor.id);
    let body = json!({"name": "Ed", "email": "ONE@acme.example"});
    assert_eq!(refusal(&side.admin.put(&one, &body).await), taken);
    // The own one in other letters, the same in another organization, and one that is free again.
    let own = json!({"name": "One", "email": "ONE@acme.example"});
    assert_eq!(side.admin.put(&path_of(&made), &own).await.expect(200).str_at("/email"), "ONE@acme.example");
    let theirs = scene.theirs.new_user("One", "one@acme.example");
    scene.theirs.admin.post("", &theirs).await.expect(201);
    side.admin.delete(&path_of(&made)).await.expect(204);
    side.admin.post("", &side.new_user("Two", "one@acme.example")).await.expect(201);
}

#[tokio::test]
async fn an_update_keeps_what_is_absent_clears_what_is_null_and_replaces_lists() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let mut body = side.new_user("One", "one@acme.example");
    body["company"] = json!("Initech");
    body["image"] = json!("data:image/png;base64,AAAA");
    let made = side.admin.post("", &body).await.expect(201);
    let path = path_of(&made);
    let mut expected = made.json();
    let update = async |body: Value| side.admin.put(&path, &body).await.expect(200).json();

    let lenient = json!({"name": "Uno", "email": "uno@acme.example", "uuid": "other", "orgUUID": 7,
        "createdAt": null, "rules": [], "environments": null, "admin": null, "password": null, "more": {}});
    expected["name"] = json!("Uno");
    expected["email"] = json!("uno@acme.example");
    assert_eq!(update(lenient).await, expected);
    let usual = json!({"name": "Uno", "email": "uno@acme.example"});
    let with = |field: &str, value: Value| {
        let mut body = usual.clone();
        body[field] = value;
        body
    };
    expected["company"] = json!(null);
    assert_eq!(update(with("company", json!(null))).await, expected);
    expected["image"] = json!(null);
    assert_eq!(update(with("image", json!(null))).await, expected);

    // Texts for objects, the same environment twice, and a name that does not count.
    let (live, second) = (side.id("{environment}"), side.id("{second}"));
    let entries = json!([
        {"role": "viewer", "environment": live, "bots": [side.id("{beta}")]},
        {"role": "Viewer", "environment": {"uuid": second, "name": "Wrong"}, "bots": [side.id("{gamma}")]},
        {"role": "VIEWER", "environment": {"uuid": live}, "bots": [{"uuid": side.id("{bot}"), "name": "x"}]},
    ]);
    expected["environments"] = json!([
        {"role": "VIEWER", "environment": {"uuid": live, "name": "Live"},
            "bots": [{"uuid": side.id("{bot}"), "name": "Alpha"}, {"uuid": side.id("{beta}"), "name": "Beta"}]},
        {"role": "VIEWER", "environment": {"uuid": second, "name": "Test"},
            "bots": [{"uuid": side.id("{gamma}"), "name": "Gamma"}]},
    ]);
    assert_eq!(update(with("environments", entries)).await, expected);
    let supervisor = json!([{"role": "SUPERVISOR", "environment": {"uuid": second}}]);
    expected["environments"] =
        json!([{"role": "SUPERVISOR", "environment": {"uuid": second, "name": "Test"}, "bots": []}]);
    assert_eq!(update(with("environments", supervisor)).await, expected);
    // An administrator has none, whatever was sent.
    let mut admin = with("admin", json!(true));
    admin["environments"] = json!([{"role": "ADMIN", "environment": null}]);
    expected["environments"] = json!([]);
    expected["admin"] = json!(true);
    assert_eq!(update(admin).await, expected);
    let demoted = refusal(&side.admin.put(&path, &with("admin", json!(false))).await);
    assert_eq!(demoted.0, 400, "{demoted:?}");
    assert_eq!(side.admin.get(&path).await.expect(200).json(), expected);
    assert_eq!(scene.server.run_jobs().await.len(), 1, "nobody is written to about a change");
}

#[tokio::test]
async fn what_was_got_can_be_sent_back_and_changes_nothing() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let before = side.state().await;
    for user in side.admin.get("?linesPerPage=100").await.expect(200).each("content", "uuid") {
        let path = format!("/{user}");
        let got = side.admin.get(&path).await.expect(200).json();
        assert_eq!(side.admin.put(&path, &got).await.expect(200).json(), got);
    }
    assert_eq!(side.state().await, before);
}

#[tokio::test]
async fn what_is_not_active_is_neither_shown_nor_given_and_comes_back() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let (live, alpha) = (side.id("{environment}"), side.id("{bot}"));
    let path = format!("/{}", side.editor.id);
    let before = side.admin.get(&path).await.expect(200).json();
    let environments = async || side.admin.get(&path).await.expect(200).json()["environments"].clone();
    take_in(&side.member, &[bot(alpha, live, "Alpha", false)]).await;
    assert_eq!(environments().await[0]["bots"], json!([]));
    assert_eq!(refusal(&side.admin.post("", &side.new_user("N", "n@acme.example")).await).0, 400);
    take_in(&side.member, &[bot(alpha, live, "Alpha", true), environment(live, "Live", false)]).await;
    assert_eq!(environments().await, json!([]));
    assert_eq!(refusal(&side.admin.post("", &side.new_user("N", "n@acme.example")).await).0, 400);
    take_in(&side.member, &[environment(live, "Live", true)]).await;
    assert_eq!(side.admin.get(&path).await.expect(200).json(), before);
    side.admin.post("", &side.new_user("N", "n@acme.example")).await.expect(201);
}

#[tokio::test]
async fn things_of_another_organization_cannot_be_given() {
    let scene = Scene::set().await;
    let before = (scene.ours.state().await, scene.theirs.state().await);
    let theirs = scene.theirs.new_user("New", "new@acme.example");
    assert_eq!(refusal(&scene.ours.admin.post("", &theirs).await).0, 400);
    let mut mixed = scene.ours.new_user("New", "new@acme.example");
    mixed["environments"][0]["bots"] = json!([scene.ours.id("{bot}"), scene.theirs.id("{bot}")]);
    assert_eq!(refusal(&scene.ours.admin.post("", &mixed).await).0, 400);
    assert_eq!((scene.ours.state().await, scene.theirs.state().await), before);
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_the_own_account_stays() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let own = format!("/{}", side.admin.id);
    let refused = (403, "Nobody can delete the own account".to_owned());
    assert_eq!(refusal(&side.admin.delete(&own).await), refused);
    let path = format!("/{}", side.editor.id);
    let gone = side.admin.delete(&path).await.expect(204);
    assert!(gone.body.is_empty());
    for answer in [side.admin.delete(&path).await, side.admin.get(&path).await] {
        assert_eq!(refusal(&answer), (404, "User not found".to_owned()));
    }
    assert_eq!(refusal(&side.editor.get("/me").await).0, 401);
    scene.server.run_jobs().await;
    scene.server.assert_consistent().await;
}
