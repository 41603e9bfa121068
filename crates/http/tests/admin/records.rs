//! What records say, and how they are refused.

use denizen_testkit::{TestCaller, TestServer};
use serde_json::{Value, json};

use crate::wire::{USER, lines, message, message_id, records};

async fn admin() -> TestCaller {
    TestServer::start().await.org("acme").await.admin().await
}

/// The results of all lines but the last, which must be a summary of them.
#[track_caller]
pub(crate) fn results(lines: Vec<Value>) -> Vec<Value> {
    let mut lines = lines;
    let summary = lines.pop().expect("there is a last line")["summary"].clone();
    let count = |result: &str| lines.iter().filter(|line| line["result"] == result).count();
    let counted = json!({
        "lines": lines.len(), "created": count("created"), "updated": count("updated"),
        "unchanged": count("unchanged"), "refused": count("refused")
    });
    assert_eq!(summary, counted);
    lines
}

pub(crate) fn words(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["result"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn records_of_every_type_are_taken_in_and_the_same_again_changes_nothing() {
    let admin = admin().await;
    let first = results(admin.ingest(lines(&records())).await.expect(200).lines());
    assert_eq!(words(&first), ["created"; 6]);
    let of_a_line = |at: usize, field: &str| first[at][field].clone();
    assert_eq!(of_a_line(0, "line"), 1);
    assert_eq!(of_a_line(2, "type"), "message");
    assert_eq!(of_a_line(2, "id"), message_id(1));
    assert_eq!(of_a_line(5, "id"), "65f0000000000000000000f1");

    let seen = admin.get(&format!("/user/?user_id={USER}")).await.json()["users"][0].clone();
    assert_eq!((&seen["email"], &seen["is_verified"]), (&json!("ada@acme.example"), &json!(true)));
    assert_eq!(seen["preferences"]["timezone"], "Europe/London");
    assert_eq!(seen["nonsensitive_variables"], json!({"plan": "gold"}));
    assert_eq!(seen["sensitive_variables"], json!(["pin_code"]));
    assert_eq!(seen["user_stats"]["num_messages"], 1);
    let account = admin.admin("GET", &format!("/user/{USER}/google_account"), None).await.expect(200);
    assert_eq!(account.json(), json!({"account_id": "g-1", "tenant": "t-1"}));

    let again = results(admin.ingest(lines(&records())).await.expect(200).lines());
    assert_eq!(words(&again), ["unchanged"; 6]);
    let mut changed = records();
    changed.reverse();
    changed[0]["description"] = "Came in late".into();
    assert_eq!(
        words(&results(admin.ingest(lines(&changed)).await.lines())),
        ["updated", "unchanged", "unchanged", "unchanged", "unchanged", "unchanged"]
    );
    admin.server.assert_consistent().await;
}

#[tokio::test]
async fn an_account_is_kept_when_it_is_absent_and_forgotten_when_it_is_null() {
    let admin = admin().await;
    let path = format!("/user/{USER}/google_account");
    let mut user = records()[0].clone();
    admin.ingest(lines(&[user.clone()])).await.expect(200);
    user.as_object_mut().unwrap().remove("google_account");
    user["first_name"] = "Augusta".into();
    assert_eq!(words(&results(admin.ingest(lines(&[user.clone()])).await.lines())), ["updated"]);
    admin.admin("GET", &path, None).await.expect(200);
    user["google_account"] = Value::Null;
    assert_eq!(words(&results(admin.ingest(lines(&[user])).await.lines())), ["updated"]);
    admin.admin("GET", &path, None).await.expect(404);
}

#[tokio::test]
async fn a_user_needs_four_fields_only() {
    let admin = admin().await;
    let user = json!({
        "type": "user", "user_id": USER, "email": "a@acme.example", "first_name": "A", "last_name": "B"
    });
    assert_eq!(words(&results(admin.ingest(lines(&[user])).await.lines())), ["created"]);
    let seen = admin.get(&format!("/user/?user_id={USER}")).await.json()["users"][0].clone();
    assert_eq!(seen["is_verified"], false);
    let roles = admin.get("/role/?name=DefaultUserRole").await;
    assert_eq!(seen["role"], roles.json()["roles"][0]["id"]);
}

#[tokio::test]
async fn a_user_keeps_what_a_record_does_not_speak_of() {
    let admin = admin().await;
    let mut full = records()[0].clone();
    let role = json!({
        "role_name": "Reader", "description": "Reads", "frontend_view": "client", "permission_grants": []
    });
    admin.post("/role/", &role).await.expect(201);
    full["role_name"] = "Reader".into();
    assert_eq!(words(&results(admin.ingest(lines(&[full.clone()])).await.lines())), ["created"]);
    let before = admin.get(&format!("/user/?user_id={USER}")).await.json();
    assert_eq!(before["users"][0]["is_verified"], true);

    let needed = ["type", "user_id", "email", "first_name", "last_name"];
    let named = |kept: &dyn Fn(&str) -> Option<Value>| -> Value {
        let members = full.as_object().unwrap().keys();
        members.filter_map(|name| Some((name.clone(), kept(name)?))).collect::<serde_json::Map<_, _>>().into()
    };
    let absent = named(&|name| needed.contains(&name).then(|| full[name].clone()));
    let null = named(&|name| match name {
        "google_account" => None,
        name if needed.contains(&name) => Some(full[name].clone()),
        _ => Some(Value::Null),
    });
    for record in [absent, null] {
        let answered = results(admin.ingest(record.to_string()).await.lines());
        assert_eq!(words(&answered), ["unchanged"], "{record}");
    }
    assert_eq!(admin.get(&format!("/user/?user_id={USER}")).await.json(), before);
}

/// What is wrong with a line: its code, its field and a part of the message.
pub(crate) type Wrong = (&'static str, &'static str, &'static str);

pub(crate) fn changed(mut record: Value, field: &str, value: Value) -> String {
    let (name, inner) = field.split_once('.').unwrap_or((field, ""));
    if inner.is_empty() {
        record[name] = value;
    } else {
        record[name][inner] = value;
    }
    record.to_string()
}

#[tokio::test]
async fn a_line_that_cannot_be_taken_in_is_refused_with_its_place_and_harms_no_other() {
    let admin = admin().await;
    let [user, conversation, message, memory, model, event] = records();
    let number = Value::from(1_735_689_600);
    let long = "x".repeat(2_000);
    let cases: Vec<(String, Wrong)> = vec![
        ("{".to_owned(), ("invalid_json", "", "is not JSON: EOF")),
        ("nonsense".to_owned(), ("invalid_json", "", "at byte 2")),
        ("[]".to_owned(), ("invalid_field", "", "must be a JSON object")),
        ("\"user\"".to_owned(), ("invalid_field", "", "must be a JSON object")),
        ("{}".to_owned(), ("invalid_field", "type", "must be user, conversation")),
        (r#"{"type": 5}"#.to_owned(), ("invalid_field", "type", "must be user, conversation")),
        (r#"{"type": "agent"}"#.to_owned(), ("unknown_type", "type", "or bot")),
        (
            r#"{"type": "contact_messages"}"#.to_owned(),
            ("unknown_type", "type", "or bot; the nearest is contact_message"),
        ),
        (r#"{"type": "Users"}"#.to_owned(), ("unknown_type", "type", "; the nearest is user")),
        (format!("{message} {message}"), ("invalid_json", "", "trailing characters")),
        (
            message.to_string().replacen('{', "{\"content\": \"twice\", ", 1),
            ("invalid_field", "content", "is there twice"),
        ),
        (
            changed(message.clone(), "colour", "red".into()),
            ("invalid_field", "colour", "unknown field `colour`"),
        ),
        (changed(message.clone(), "content", 5.into()), ("invalid_field", "content", "must be a text")),
        (changed(message.clone(), "content", Value::Null), ("invalid_field", "content", "must be a text")),
        (changed(message.clone(), "content", "\u{0}".into()), ("invalid_field", "content", "NUL")),
        (changed(message.clone(), "sender", " ".into()), ("invalid_field", "sender", "empty")),
        (
            changed(message.clone(), "message_id", "65f1".into()),
            ("invalid_field", "message_id", "24 lower-case hexadecimal"),
        ),
        (
            changed(message.clone(), "user_id", "nobody".into()),
            ("invalid_field", "user_id", "24 lower-case hexadecimal"),
        ),
        (
            changed(message.clone(), "created_at", "yesterday".into()),
            ("invalid_field", "created_at", "a time such as"),
        ),
        (
            changed(conversation.clone(), "started_at", number.clone()),
            ("invalid_field", "started_at", "must be a time such as"),
        ),
        (
            changed(conversation.clone(), "ended_at", "2024-03-12T08:59:59Z".into()),
            ("invalid_field", "ended_at", "must not be before started_at"),
        ),
        (
            changed(conversation.clone(), "user_id", number.clone()),
            ("invalid_field", "user_id", "must be an id of 24 lower-case"),
        ),
        (
            changed(conversation.clone(), "user_id", USER.replace('f', "F").into()),
            ("invalid_field", "user_id", "must be an id of 24 lower-case"),
        ),
        (changed(user.clone(), "email", number), ("invalid_field", "email", "must be an e-mail address")),
        (changed(memory.clone(), "content", "".into()), ("invalid_field", "content", "empty")),
        (
            changed(event.clone(), "description", "x".repeat(10_001).into()),
            ("invalid_field", "description", "at most 10000 characters"),
        ),
        (
            changed(message, "created_at", "1969-01-01T00:00:00Z".into()),
            ("invalid_field", "created_at", "1970"),
        ),
        (
            changed(conversation.clone(), "title", long.into()),
            ("invalid_field", "title", "at most 1000 characters"),
        ),
        (
            conversation.to_string().replace("\"user_id\":", "\"owner\":"),
            ("invalid_field", "owner", "unknown field"),
        ),
        (
            changed(memory.clone(), "references", json!([USER, 7])),
            ("invalid_field", "references.1", "must be an id"),
        ),
        (changed(memory, "references", json!(vec![USER; 1_001])), ("invalid_field", "references", "at most")),
        (
            changed(model, "dimensions", json!([{"description": "d", "tags": []}, {"tags": []}])),
            ("invalid_field", "dimensions.1.description", "is missing"),
        ),
        (changed(event, "ends_at", "2024-03-12T08:00:00Z".into()), ("invalid_field", "ends_at", "before")),
        (changed(user.clone(), "email", "nobody".into()), ("invalid_field", "email", "")),
        (changed(user.clone(), "role_name", "NoSuchRole".into()), ("role_not_found", "role_name", "")),
        (changed(user.clone(), "email", "admin@acme.example".into()), ("email_taken", "email", "")),
        (
            changed(user.clone(), "preferences.timezone", 5.into()),
            ("invalid_field", "preferences.timezone", "must be a text"),
        ),
        (
            changed(user.clone(), "google_account.account_id", "".into()),
            ("invalid_field", "google_account.account_id", "1 to 128"),
        ),
        (
            changed(user.clone(), "google_account", json!(["a", "t"])),
            ("invalid_field", "google_account", "must be a JSON object"),
        ),
        (
            changed(user, "nonsensitive_variables", json!({"Plan": "x"})),
            ("invalid_field", "nonsensitive_variables.Plan", ""),
        ),
    ];
    let good = crate::wire::message(77, "in the middle").to_string();
    let mut text = format!("{good}\n");
    for (line, _) in &cases {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(&crate::wire::message(78, "at the end").to_string());
    let answered = results(admin.ingest(text).await.expect(200).lines());
    assert_eq!(answered.len(), cases.len() + 2);
    assert_eq!(
        (&answered[0]["result"], &answered.last().unwrap()["result"]),
        (&json!("created"), &json!("created"))
    );
    for (at, (line, (code, field, message))) in cases.iter().enumerate() {
        let answer = &answered[at + 1];
        assert_eq!(
            (&answer["line"], &answer["result"]),
            (&json!(at + 2), &json!("refused")),
            "{line}: {answer}"
        );
        let problem = &answer["problem"];
        assert_eq!(problem["code"], *code, "{line}: {answer}");
        assert!(problem["message"].as_str().unwrap().contains(message), "{line}: {answer}");
        let path: Vec<&str> = problem["field"]
            .as_array()
            .map(|path| path.iter().map(|step| step.as_str().unwrap()).collect())
            .unwrap_or_default();
        assert_eq!(path.join("."), *field, "{line}: {answer}");
    }
    // Nothing of them was taken in.
    assert_eq!(admin.get(&format!("/user/?user_id={USER}")).await.json()["users"], json!([]));
    admin.server.assert_consistent().await;
}

#[tokio::test]
async fn a_refused_line_names_its_type_and_id_and_not_its_values() {
    let admin = admin().await;
    let mut wrong = message(5, "private");
    wrong["created_at"] = "ada@private.example".into();
    let odd_id = format!(r#"{{"type":"message","message_id":"{}"}}"#, "9".repeat(200));
    let answer = admin.ingest(format!("{wrong}\n{odd_id}\n")).await.expect(200);
    let answered = results(answer.lines());
    assert_eq!((&answered[0]["type"], &answered[0]["id"]), (&json!("message"), &json!(message_id(5))));
    assert_eq!((&answered[1]["type"], answered[1].get("id")), (&json!("message"), None));
    assert!(!answer.text().contains("private"), "{answer}");
}

#[tokio::test]
async fn lines_end_and_begin_as_systems_have_it_and_empty_ones_count() {
    let admin = admin().await;
    let [a, b, c] = [message(1, "a"), message(2, "b"), message(3, "c")];
    let text = format!("\u{feff}{a}\r\n\r\n\n  \t\n{b}\r\n\n{c}");
    let answered = results(admin.ingest(text).await.expect(200).lines());
    assert_eq!(words(&answered), ["created"; 3]);
    let numbers: Vec<_> = answered.iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 5, 7]);
    for nothing in ["", "\n\n\r\n", "\u{feff}"] {
        assert_eq!(results(admin.ingest(nothing).await.expect(200).lines()), Vec::<Value>::new());
    }
    // A mark in the middle is part of a line, and no JSON.
    let marked = results(admin.ingest(format!("{a}\n\u{feff}{b}\n")).await.lines());
    assert_eq!(words(&marked), ["unchanged", "refused"]);
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_refused() {
    let admin = admin().await;
    let mut bytes = lines(&[message(1, "a"), message(2, "%"), message(3, "c")]).into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'%').unwrap();
    bytes[at] = 0xff;
    let answered = admin.ingest(bytes).await.expect(200).lines();
    assert_eq!(words(&answered[..3]), ["created", "refused", "created"]);
    assert_eq!(answered[1]["problem"]["code"], "invalid_json");
    let message = answered[1]["problem"]["message"].as_str().unwrap();
    assert!(message.starts_with("is not UTF-8, at byte "), "{message}");
}

#[tokio::test]
async fn only_what_was_refused_is_answered_on_demand() {
    let admin = admin().await;
    let text = format!("{}\nnonsense\n{}\n", message(1, "a"), message(2, "b"));
    let path = "/admin/v1/acme/ingest?results=refused";
    let headers = admin.headers();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut builder = axum::http::Request::post(path);
    for (name, value) in &headers {
        builder = builder.header(*name, *value);
    }
    let answer = admin.server.send(builder.body(text.into()).unwrap()).await.expect(200);
    let lines = answer.lines();
    assert_eq!((lines.len(), &lines[0]["line"]), (2, &json!(2)));
    assert_eq!(
        lines[1]["summary"],
        json!({"lines": 3, "created": 2, "updated": 0, "unchanged": 0, "refused": 1})
    );
    let refused = admin.admin("POST", "/ingest?results=some", None).await.expect(422);
    assert_eq!(refused.json()["errors"][0]["field"], json!(["query", "results"]));
}

#[tokio::test]
async fn a_caller_cannot_make_users_who_stand_above_the_caller() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let caller = org
        .caller_with(&json!([
            {"permission_name": "Directory:IngestRecords", "conditions": {}},
            {"permission_name": "User:GetUserInfo", "conditions": {}},
        ]))
        .await;
    let mut user = records()[0].clone();
    user["role_name"] = "DefaultSuperAdministratorRole".into();
    let answered = results(caller.ingest(lines(&[user.clone()])).await.expect(200).lines());
    assert_eq!(answered[0]["problem"]["code"], "forbidden", "{answered:?}");
}
