//! What a body has to be before it is read: JSON of a bounded size and depth, and of the type that it says.

use axum::body::Body;
use axum::http::Request;

use super::scene::{Scene, Side, refusal};
use denizen_testkit::Answer;

async fn post(side: &Side, content_type: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::post(side.admin.path("")).header("authorization", side.admin.authorization());
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    side.admin.server.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_body_of_another_type_is_refused_and_one_of_no_type_is_taken_as_json() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let wrong = (415, "The body must be application/json".to_owned());
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json"]
    {
        assert_eq!(refusal(&post(side, Some(kind), "{}").await), wrong, "{kind}");
    }
    for (index, kind) in [
        None,
        Some("application/json"),
        Some("APPLICATION/JSON"),
        Some("application/json;charset=UTF-8"),
        Some("application/merge-patch+json"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = side.new_user("New", &format!("new{index}@acme.example")).to_string();
        post(side, kind, body).await.expect(201);
    }
}

#[tokio::test]
async fn bodies_are_held_to_their_form_their_depth_and_their_size() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let deep = |levels: usize| format!("{{\"x\": {}1{}}}", "[".repeat(levels), "]".repeat(levels));
    for (body, message) in [
        (String::new(), "The body is not valid: not JSON: EOF while parsing a value, at byte 0"),
        ("{".to_owned(), "The body is not valid: not JSON: EOF while parsing an object, at byte 1"),
        ("[]".to_owned(), "The body is not valid: invalid type: sequence, expected a JSON object"),
        ("null".to_owned(), "The body is not valid: invalid type: null, expected a JSON object"),
        ("{}".to_owned(), "name: is missing"),
        (r#"{"name": "a", "name": "b"}"#.to_owned(), "name: is there twice"),
        (deep(40), "The body is not valid: nested more than 32 levels deep, at byte 37"),
        (deep(100_000), "The body is not valid: nested more than 32 levels deep, at byte 37"),
    ] {
        let answer = post(side, Some("application/json"), body).await;
        assert_eq!(refusal(&answer), (400, message.to_owned()));
    }
    let bytes = post(side, Some("application/json"), &b"{\"name\": \"\xff\"}"[..]).await;
    assert_eq!(refusal(&bytes), (400, "The body is not valid: not UTF-8, at byte 11".to_owned()));
    let long = post(side, Some("application/json"), vec![b' '; (1 << 20) + 1]).await;
    assert_eq!(refusal(&long), (413, "The body must have at most 1048576 bytes".to_owned()));
}
