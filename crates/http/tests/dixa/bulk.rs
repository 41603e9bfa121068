//! Many end users in one call: each outcome in its place, whatever became of the others.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use denizen_domain::ids::OrgKey;
use denizen_store::Sql;
use denizen_testkit::{Answer, TestProgram, TestServer};
use hyper::body::Frame;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::scene::{program, refusal, server_with};

const NOBODY: &str = "01234567-89ab-4def-8123-456789abcdef";

async fn desk() -> (TestServer, TestProgram, String) {
    let server = TestServer::start().await;
    let program = program(&server, "acme").await;
    let org = program.get("/v1/organization").await.str_at("/data/id");
    (server, program, org)
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// The name that the end user has then.
    Success(String),
    /// The type and the message of the error, with `ID` in the place of its id.
    Failure { kind: String, message: String },
}

fn outcomes(answer: &Answer) -> Vec<Outcome> {
    let json = answer.json();
    let outcome = |outcome: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let keys: Vec<&String> = outcome.as_object().unwrap().keys().collect();
        if outcome["_type"] == "BulkActionSuccess" {
            assert_eq!(keys, ["_type", "data"]);
            return Outcome::Success(text(&outcome["data"]["displayName"]));
        }
        assert_eq!(
            (keys, &outcome["_type"]),
            (vec![&"_type".to_owned(), &"error".to_owned()], &json!("BulkActionFailure"))
        );
        let error = &outcome["error"];
        let id = text(&error["id"]);
        assert!(text(&error["message"]).contains(&id), "{answer}");
        Outcome::Failure { kind: text(&error["_type"]), message: text(&error["message"]).replace(&id, "ID") }
    };
    json["data"].as_array().unwrap().iter().map(outcome).collect()
}

fn failure(kind: &str, message: String) -> Outcome {
    Outcome::Failure { kind: kind.to_owned(), message }
}

fn success(name: &str) -> Outcome {
    Outcome::Success(name.to_owned())
}

#[tokio::test]
async fn created_ones_stand_in_the_order_of_the_items_and_later_items_see_earlier_ones() {
    let (server, program, org) = desk().await;
    let items = json!({"data": [
        {"displayName": "Ann", "email": "ann@acme.example"},
        {"displayName": "Bea", "email": "ANN@acme.example", "phoneNumber": "1"},
        {"displayName": "Cec", "phoneNumber": "+4520123456"},
        {"displayName": "Dan", "additionalPhoneNumbers": ["+45 20 12 34 56"]},
        {"displayName": "Eve"}
    ]});
    let answer = program.post("/v1/endusers/bulk", &items).await.expect(201);
    let text =
        |errors: &str| format!("Create EndUser [userId=ID] in [orgId={org}] failed with [errors={errors}]");
    let expected = [
        success("Ann"),
        failure("Validation", text("EmailExists, InvalidPhoneNumber")),
        success("Cec"),
        failure("Validation", text("PhoneNumberExists")),
        success("Eve"),
    ];
    assert_eq!(outcomes(&answer), expected);
    assert!(answer.text().starts_with(r#"{"data":[{"data":{"id":""#), "{answer}");
    assert!(answer.text().contains(r#""_type":"Validation"},"_type":"BulkActionFailure"}"#), "{answer}");
    let ids: Vec<String> = (0..5)
        .filter_map(|at| answer.json()["data"][at]["error"]["id"].as_str().map(str::to_owned))
        .collect();
    assert_ne!(ids[0], ids[1], "each failure has an id of its own");
    program.get(&format!("/v1/endusers/{}", ids[0])).await.expect(404);
    assert_eq!(program.get("/v1/endusers").await.each("data", "displayName"), ["Ann", "Cec", "Eve"]);
    server.assert_consistent().await;
}

#[tokio::test]
async fn changed_ones_have_the_published_words_of_their_operation() {
    let (server, program, org) = desk().await;
    let made =
        json!({"data": [{"displayName": "Ann", "phoneNumber": "+4520123456"}, {"displayName": "Bea"}]});
    let made = program.post("/v1/endusers/bulk", &made).await.expect(201);
    let (ann, bea) = (made.str_at("/data/0/data/id"), made.str_at("/data/1/data/id"));
    let items = json!({"data": [
        {"id": bea, "displayName": "B", "phoneNumber": "+4520123456"},
        {"id": NOBODY, "displayName": "N"},
        {"id": ann, "displayName": "A", "phoneNumber": "+4520123457"},
        {"id": bea.to_uppercase(), "displayName": "B", "phoneNumber": "+4520123456"}
    ]});
    let text =
        |errors: &str| format!("Updating EndUser [id=ID] in [org={org}] failed with [errors={errors}]");
    let answer = program.patch("/v1/endusers", &items).await.expect(200);
    let expected = [
        failure("Validation", text("PhoneNumberExists")),
        failure("NotFound", text("NotFound")),
        success("A"),
        success("B"),
    ];
    assert_eq!(outcomes(&answer), expected);
    assert_eq!(answer.str_at("/data/0/error/id"), bea);
    assert_eq!(answer.str_at("/data/1/error/id"), NOBODY);
    let nothing = json!({"data": [{"id": ann}, {"id": ann, "email": null, "x": 1}, {"id": NOBODY}]});
    let answer = program.patch("/v1/endusers", &nothing).await.expect(200);
    let empty = failure("EmptyPatchSet", text("EmptyPatchSet"));
    assert_eq!(outcomes(&answer), [empty.clone(), empty, failure("NotFound", text("NotFound"))]);

    let items = json!({"data": [
        {"id": ann, "displayName": "A2", "phoneNumber": "+4520123456"},
        {"id": NOBODY, "displayName": "N"},
        {"id": bea, "displayName": "B2"},
        {"id": ann, "displayName": "A3", "phoneNumber": "+4520123456"}
    ]});
    let text = |errors: &str| format!("Updating EndUser [id:ID] failed with [errors:{errors}]");
    let answer = program.put("/v1/endusers", &items).await.expect(200);
    let expected = [
        failure("Validation", text("PhoneNumberExists")),
        failure("NotFound", text("NotFound")),
        success("B2"),
        success("A3"),
    ];
    assert_eq!(outcomes(&answer), expected);
    server.assert_consistent().await;
}

#[tokio::test]
async fn a_call_in_which_everything_fails_is_a_success_and_no_items_are_none() {
    let (_, program, _) = desk().await;
    let wrong = json!({"data": [{"email": ""}]});
    assert_eq!(outcomes(&program.post("/v1/endusers/bulk", &wrong).await.expect(201)).len(), 1);
    for none in [json!({}), json!({"data": []}), json!({"data": null}), json!({"x": 1})] {
        assert_eq!(program.post("/v1/endusers/bulk", &none).await.expect(201).text(), r#"{"data":[]}"#);
        assert_eq!(program.patch("/v1/endusers", &none).await.expect(200).text(), r#"{"data":[]}"#);
        assert_eq!(program.put("/v1/endusers", &none).await.expect(200).text(), r#"{"data":[]}"#);
    }
}

#[tokio::test]
async fn one_item_of_no_form_refuses_the_whole_call() {
    let (_, program, _) = desk().await;
    let wrong = |reason: &str| (400, format!("Invalid value for: body ({reason})"));
    let good = json!({"displayName": "Ann"});
    for (item, reason) in [
        (json!({"email": 5}), "invalid type: integer, expected a string at 'data[1].email'"),
        (json!([]), "invalid type: sequence, expected a JSON object at 'data[1]'"),
        (json!(null), "invalid type: null, expected a JSON object at 'data[1]'"),
    ] {
        let answer = program.post("/v1/endusers/bulk", &json!({"data": [good, item]})).await;
        assert_eq!(refusal(&answer), wrong(reason));
    }
    let answer = program.post("/v1/endusers/bulk", &json!({"data": good})).await;
    assert_eq!(refusal(&answer), wrong("invalid type: map, expected a sequence at 'data'"));
    let good = json!({"id": NOBODY, "displayName": "Ann"});
    for (item, reason) in [
        (json!({"displayName": "Ann"}), "is missing at 'data[1].id'"),
        (json!({"id": null, "displayName": "Ann"}), "invalid type: null, expected a string at 'data[1].id'"),
        (json!({"id": "7", "displayName": "Ann"}), "no UUID at 'data[1].id'"),
    ] {
        let body = json!({"data": [good, item]});
        assert_eq!(refusal(&program.patch("/v1/endusers", &body).await), wrong(reason));
        assert_eq!(refusal(&program.put("/v1/endusers", &body).await), wrong(reason));
    }
    let nameless = json!({"data": [good, {"id": NOBODY}]});
    assert_eq!(
        refusal(&program.put("/v1/endusers", &nameless).await),
        wrong("is missing at 'data[1].displayName'")
    );
    program.patch("/v1/endusers", &nameless).await.expect(200);
    assert_eq!(program.get("/v1/endusers").await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_call_has_a_greatest_number_of_items() {
    let (_, program, _) = desk().await;
    let items = |count: usize| json!({"data": vec![json!({"displayName": "Ann"}); count]});
    let answer = program.post("/v1/endusers/bulk", &items(1_000)).await.expect(201);
    assert_eq!(outcomes(&answer), vec![success("Ann"); 1_000]);
    let wrong = (400, "Invalid value for: body (must have at most 1000 items at 'data')".to_owned());
    assert_eq!(refusal(&program.post("/v1/endusers/bulk", &items(1_001)).await), wrong);
    let many = json!({"data": vec![json!({"id": NOBODY, "displayName": "Ann"}); 1_001]});
    assert_eq!(refusal(&program.patch("/v1/endusers", &many).await), wrong);
    assert_eq!(refusal(&program.put("/v1/endusers", &many).await), wrong);

    let server = server_with(|settings| settings.bulk_items = 2).await;
    let program = super::scene::program(&server, "acme").await;
    program.post("/v1/endusers/bulk", &items(2)).await.expect(201);
    let wrong = (400, "Invalid value for: body (must have at most 2 items at 'data')".to_owned());
    assert_eq!(refusal(&program.post("/v1/endusers/bulk", &items(3)).await), wrong);
}

/// A body that nobody may ask for.
struct Untouched;

impl HttpBody for Untouched {
    type Data = Bytes;
    type Error = std::io::Error;
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        panic!("the body was asked for")
    }
}

#[tokio::test]
async fn a_long_body_is_read_for_those_only_who_have_shown_a_token() {
    let (server, program, _) = desk().await;
    let long = |token: &str, framing: (&str, &str), body: Body| {
        let request = Request::post("/v1/endusers/bulk").header("authorization", token);
        request.header(framing.0, framing.1).body(body).unwrap()
    };
    for framing in [("content-length", "5000000"), ("transfer-encoding", "chunked")] {
        let request = long("acme.unknown", framing, Body::new(Untouched));
        let response = server.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 401);
        // What was not read is still on its way.
        assert_eq!(response.headers()["connection"], "close");
    }
    // Beyond the limit it is refused unread, whoever sends it.
    let request = long(&program.token, ("content-length", "50000000"), Body::new(Untouched));
    assert_eq!(server.router().oneshot(request).await.unwrap().status(), 413);

    let name = "x".repeat(2_000);
    let body = json!({"data": vec![json!({"displayName": "Ann", "note": name}); 1_000]}).to_string();
    assert!(body.len() > server.app().settings.body_bytes);
    let length = body.len().to_string();
    for framing in [("content-length", length.as_str()), ("transfer-encoding", "chunked")] {
        let answer = server.send(long(&program.token, framing, Body::from(body.clone()))).await.expect(201);
        assert_eq!(outcomes(&answer), vec![success("Ann"); 1_000]);
    }
}

#[tokio::test]
async fn one_of_whom_there_is_too_much_is_refused_and_harms_no_other() {
    let (_, program, org) = desk().await;
    let large = json!({"displayName": "Ann", "middleNames": vec!["m".repeat(1_000); 40]});
    let answer = program.post("/v1/endusers/bulk", &json!({"data": [large, {"displayName": "Bea"}]})).await;
    let text = format!("Create EndUser [userId=ID] in [orgId={org}] failed with [errors=ContactTooLarge]");
    assert_eq!(outcomes(&answer.expect(201)), [failure("Validation", text), success("Bea")]);
    let alone = (400, "Create EndUser [id:None] failed with [errors:ContactTooLarge]".to_owned());
    assert_eq!(refusal(&program.post("/v1/endusers", &large).await), alone);
}

/// What is nobody's fault: the database fails at contacts of the name `poison`.
static FAILING: Sql = Sql::split(
    "test.failing",
    "CREATE TRIGGER failing BEFORE INSERT ON contact WHEN NEW.display_name = 'poison' BEGIN SELECT json('x'); END",
    "ALTER TABLE contact ADD CONSTRAINT failing
     CHECK (CASE WHEN display_name = 'poison' THEN 1 / (length(display_name) - 6) > 0 ELSE TRUE END)",
);

#[tokio::test]
async fn what_is_left_when_the_database_fails_amid_a_heavy_call_is_told_with_what_was_made() {
    let (server, program, org) = desk().await;
    server.store().write(OrgKey::CONTROL, |tx| tx.execute(&FAILING, &[])).await.unwrap();
    let heavy = |number: usize| {
        let emails: Vec<String> = (0..100).map(|at| format!("a{at}@of{number}.example")).collect();
        json!({"displayName": format!("Ann {number}"), "additionalEmails": emails})
    };
    let mut items: Vec<Value> = (0..60).map(heavy).collect();
    items[59]["displayName"] = json!("poison");
    let answer = program.post("/v1/endusers/bulk", &json!({"data": items})).await.expect(201);
    let text = format!("Create EndUser [userId=ID] in [orgId={org}] failed with [errors=Infrastructure]");
    let outcomes = outcomes(&answer);
    let made = outcomes.iter().take_while(|outcome| matches!(outcome, Outcome::Success(_))).count();
    assert!((20..59).contains(&made), "{made} were made");
    assert_eq!(outcomes[made..], vec![failure("Infrastructure", text); 60 - made]);
    let listed = program.get("/v1/endusers?pageLimit=100").await.each("data", "displayName");
    assert_eq!(listed.len(), made);
}
