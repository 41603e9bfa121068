//! Paths and methods.

use axum::body::Body;
use axum::http::Method;

use crate::support::Server;

#[tokio::test]
async fn slashes_at_both_ends_are_tolerated_and_empty_segments_within_are_not() {
    let server = Server::start().await;
    for path in ["/v1/acme/thing/", "/v1/acme/thing", "//v1/acme/thing/", "///v1/acme/thing"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    for path in ["/v1/acme/thing//", "/v1//thing/", "/v1/acme//thing", "/v1/acme/thing//part"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    assert_eq!(server.call(Method::DELETE, "/v1/acme/thing//", Body::empty()).await.status, 404);
}

#[tokio::test]
async fn words_of_the_path_come_before_parameters() {
    let server = Server::start().await;
    assert_eq!(server.get("/v1/acme/thing/search?query=x").await.json(), "x");
    assert_eq!(server.get("/v1/acme/thing/search/?query=a&query=b").await.json(), "b");
    assert_eq!(server.get("/v1/acme/thing/other").await.json()["organization"], "acme");
    // `search` is also somebody's id where the path goes on.
    assert_eq!(server.get("/v1/acme/thing/search/part?owner").await.json()["owner"], "search");
}

#[tokio::test]
async fn parameters_are_percent_decoded_and_keep_the_name_of_their_own_path() {
    let server = Server::start().await;
    let answer = server.get("/v1/a%2Fb/thing/%C3%A4%20%25/part?owner=").await;
    assert_eq!(
        (answer.json()["organization"].as_str(), answer.json()["owner"].as_str()),
        (Some("a/b"), Some("ä %"))
    );
    // Neither what is not UTF-8 nor a NUL character can be part of a name.
    for path in ["/v1/acme/thing/%FF/part", "/v1/acme/thing/a%00/part", "/v1/%00/thing/a/part"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found_in_the_form_of_whose_it_is() {
    let server = Server::start().await;
    for path in ["/v1/", "/v1/acme", "/v1/acme/nothing", "//v1/acme/thing/a/b/c"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.json()["wrong"].as_str()), (404, Some("Not Found")), "{path}");
    }
    for path in ["/v2/acme", "/livez/x"] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.status, answer.text()),
            (404, r#"{"detail":"Not Found","message":"Not Found"}"#),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start().await;
    for (method, path, allow) in [
        (Method::PATCH, "/v1/acme/thing", "GET, HEAD, POST"),
        (Method::POST, "/v1/acme/thing/1", "DELETE, GET, HEAD"),
        (Method::GET, "/v1/acme/signin/", "POST"),
        (Method::OPTIONS, "/v1/acme/thing/new", "PUT"),
    ] {
        let answer = server.call(method, path, Body::empty()).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{path}");
        assert_eq!(answer.json()["wrong"], "Method Not Allowed");
    }
}

#[tokio::test]
async fn head_is_answered_like_get_without_its_body() {
    let server = Server::start().await;
    let get = server.get("/v1/acme/thing/").await;
    let head = server.call(Method::HEAD, "/v1/acme/thing/", Body::empty()).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(&*get.body.len().to_string()));
    assert_eq!(head.header("content-type"), get.header("content-type"));
}

#[tokio::test]
async fn an_alias_is_the_same_operation() {
    let server = Server::start().await;
    let body = r#"{"name":"a","email":"a@example.com"}"#;
    let answer = server.call(Method::PUT, "/v1/acme/thing/new/", body).await;
    assert_eq!((answer.status, answer.json()["name"].as_str()), (201, Some("a")));
}
