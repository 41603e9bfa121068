//! Reading bodies and queries.

use serde_json::{Value, json};

use crate::support::Server;

const VALID: &str = r#"{"name":" Ada ","email":"ada@Example.com"}"#;

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(place, kind)| ((*place).to_owned(), (*kind).to_owned())).collect()
}

#[tokio::test]
async fn a_valid_body_is_read_and_unknown_fields_are_ignored() {
    let server = Server::start().await;
    let answer = server.post("/v1/acme/thing/?unknown=1", VALID).await;
    assert_eq!(answer.status, 201);
    assert_eq!((&answer.json()["name"], &answer.json()["email"]), (&json!("Ada"), &json!("ada@Example.com")));
    let all = json!({
        "name": "x", "email": "a@example.com", "flag": "yes", "tags": [" a "], "words": {"k": " v"},
        "owner": {"name": "o"}, "parts": [{"name": "p"}, {"name": "q"}], "unknown": {"deep": [1]}
    });
    let answer = server.post("/v1/acme/thing/", all.to_string()).await.json();
    assert_eq!(answer["flag"], true);
    assert_eq!(answer["tags"], json!(["a"]));
    assert_eq!(answer["words"], json!({"k": " v"}));
    assert_eq!((answer["owner"].as_str(), &answer["parts"]), (Some("o"), &json!(["p", "q"])));
}

#[tokio::test]
async fn a_field_that_can_be_erased_has_three_ways() {
    let server = Server::start().await;
    for (sent, read) in [
        (None, "Keep"),
        (Some(json!({})), "Keep"),
        (Some(Value::Null), "Clear"),
        (Some(json!("Lo")), r#"Set("Lo")"#),
    ] {
        let mut body: Value = serde_json::from_str(VALID).unwrap();
        if let Some(sent) = sent {
            body["nickname"] = sent;
        }
        assert_eq!(server.post("/v1/acme/thing/", body.to_string()).await.json()["nickname"], read);
    }
    let refused = json!({"name": "x", "email": "a@example.com", "nickname": {"no": 1}}).to_string();
    assert_eq!(
        server.post("/v1/acme/thing/", refused).await.places(),
        pairs(&[("body.nickname", "string_type")])
    );
}

#[tokio::test]
async fn all_problems_of_a_request_are_reported_at_once() {
    let server = Server::start().await;
    let body = json!({
        "name": "  ", "email": "ada", "nickname": "far too long", "flag": "maybe", "tags": ["a", "", 3],
        "words": {"a": 1}, "owner": {"name": null}, "parts": [{"name": "p"}, {}, 5]
    });
    let answer = server.post("/v1/acme/thing/?limit=10", body.to_string()).await;
    let expected = [
        ("query.limit", "less_than_equal"),
        ("body.name", "string_too_short"),
        ("body.email", "value_error"),
        ("body.nickname", "string_too_long"),
        ("body.flag", "bool_parsing"),
        ("body.tags", "too_long"),
        ("body.words.a", "string_type"),
        ("body.owner.name", "string_type"),
        ("body.parts", "too_long"),
    ];
    assert_eq!(answer.places(), pairs(&expected));
    let body = json!({"tags": ["", 3], "parts": [{}, 5], "owner": [], "words": []});
    let answer = server.post("/v1/acme/thing/", body.to_string()).await;
    let expected = [
        ("body.name", "missing"),
        ("body.email", "missing"),
        ("body.tags.0", "string_too_short"),
        ("body.tags.1", "string_type"),
        ("body.words", "dict_type"),
        ("body.owner", "model_attributes_type"),
        ("body.parts.0.name", "missing"),
        ("body.parts.1", "model_attributes_type"),
    ];
    assert_eq!(answer.places(), pairs(&expected));
}

#[tokio::test]
async fn problems_have_the_words_of_pydantic() {
    let server = Server::start().await;
    let answer = server.post("/v1/acme/thing/", r#"{"name":"","email":"x@y"}"#).await.json();
    assert_eq!(
        answer["wrong"][0],
        json!({
            "type": "string_too_short", "loc": ["body", "name"], "msg": "String should have at least 1 character",
            "ctx": {"min_length": 1}
        })
    );
    let email = answer["wrong"][1]["msg"].as_str().unwrap();
    assert!(email.starts_with("value is not a valid email address: "), "{email}");
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let server = Server::start().await;
    for (body, place, kind) in [
        (&b""[..], "body", "missing"),
        (b"null", "body", "missing"),
        (b"[]", "body", "model_attributes_type"),
        (b"{", "body.1", "json_invalid"),
        (b"{\n\"a\": }", "body.7", "json_invalid"),
        (b"\xff\xfe", "body.0", "json_invalid"),
        (b"{\"a\":1} x", "body.8", "json_invalid"),
    ] {
        let answer = server.post("/v1/acme/thing/", body.to_vec()).await;
        assert_eq!(answer.places(), pairs(&[(place, kind)]), "{body:?}");
    }
    for body in [br#"{"a":"\ud800"}"#.to_vec(), b"{\"a\":\"\xff\"}".to_vec()] {
        let places = server.post("/v1/acme/thing/", body).await.places();
        assert_eq!((places.len(), places[0].1.as_str()), (1, "json_invalid"));
    }
}

#[tokio::test]
async fn a_query_is_decoded_and_repeated_keys_are_kept() {
    let server = Server::start().await;
    let answer = server.get("/v1/acme/thing/?id=a%2Bb&id=c+d&limit=5&limit=7&checked=ON&even=2&even=4").await;
    assert_eq!(answer.json(), json!({"ids": ["a+b", "c d"], "limit": 7, "checked": true, "even": [2, 4]}));
    assert_eq!(server.get("/v1/acme/thing/").await.json()["limit"], 10);
}

#[tokio::test]
async fn problems_of_a_query_name_the_parameter_and_the_index() {
    let server = Server::start().await;
    let answer = server.get("/v1/acme/thing/?limit=x&checked=&even=2&even=3").await;
    let expected =
        [("query.limit", "int_parsing"), ("query.checked", "bool_parsing"), ("query.even.1", "value_error")];
    assert_eq!(answer.places(), pairs(&expected));
    assert_eq!(
        server.get("/v1/acme/thing/?limit=0").await.places(),
        pairs(&[("query.limit", "greater_than_equal")])
    );
    assert_eq!(server.get("/v1/acme/thing/search").await.places(), pairs(&[("query.query", "missing")]));
    assert_eq!(
        server.post("/v1/acme/signin", "").await.places(),
        pairs(&[("header.x-api-key-id", "missing")])
    );
}
