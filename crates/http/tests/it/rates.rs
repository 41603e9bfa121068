//! Rate limits.

use axum::body::Body;
use axum::http::Request;
use denizen_http::kernel::HttpSettings;

use crate::support::{Answer, NOON, Server, limits};

fn standing(answer: &Answer) -> (Option<&str>, Option<&str>, Option<&str>) {
    let header = |name| answer.header(name);
    (header("x-ratelimit-limit"), header("x-ratelimit-remaining"), header("x-ratelimit-reset"))
}

async fn limited(pairs: &[(&str, u32)]) -> Server {
    Server::with(HttpSettings { rate_limits: Some(limits(pairs)), ..HttpSettings::default() }).await
}

#[tokio::test]
async fn a_limit_counts_down_refuses_and_begins_anew_with_the_minute() {
    let server = limited(&[("list", 2)]).await;
    server.advance(15);
    let end = (NOON + 60).to_string();
    for remaining in ["1", "0"] {
        let answer = server.get("/v1/acme/thing/").await;
        assert_eq!((answer.status, standing(&answer)), (200, (Some("2"), Some(remaining), Some(&*end))));
        assert_eq!(answer.header("retry-after"), None);
    }
    let refused = server.get("/v1/acme/thing/").await;
    assert_eq!((refused.status, standing(&refused)), (429, (Some("2"), Some("0"), Some(&*end))));
    assert_eq!(refused.header("retry-after"), Some("45"));
    assert_eq!(refused.json()["wrong"], "Rate limit of 2 requests per minute exceeded");
    server.advance(45);
    assert_eq!(server.get("/v1/acme/thing/").await.status, 200);
}

#[tokio::test]
async fn organizations_and_operations_are_counted_apart() {
    let server = limited(&[("list", 1), ("create", 1)]).await;
    assert_eq!(server.get("/v1/acme/thing/").await.status, 200);
    assert_eq!(server.get("/v1/acme/thing/").await.status, 429);
    assert_eq!(server.get("/v1/other/thing/").await.status, 200);
    // An answer that refuses the input counts and says so too.
    let refused = server.post("/v1/acme/thing/", "{}").await;
    assert_eq!((refused.status, standing(&refused).1), (422, Some("0")));
    assert_eq!(server.post("/v1/acme/thing/", "{}").await.status, 429);
}

#[tokio::test]
async fn callers_without_credentials_do_not_use_an_organizations_share_up() {
    let server = limited(&[("list", 1)]).await;
    for _ in 0..10 {
        let request = Request::get("/v1/acme/thing/").header("authorization", "Bearer wrong");
        let answer = server.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, standing(&answer).1), (401, Some("1")));
    }
    assert_eq!(server.get("/v1/acme/thing/").await.status, 200);
    assert_eq!(server.get("/v1/acme/thing/").await.status, 429);
}

#[tokio::test]
async fn sign_ins_are_counted_for_each_key_and_failures_count() {
    let server = limited(&[("signin", 2)]).await;
    let sign_in = async |key: &str| {
        let request = Request::post("/v1/acme/signin").header("x-api-key-id", key);
        server.send(request.body(Body::empty()).unwrap()).await.status
    };
    assert_eq!((sign_in("wrong").await, sign_in("wrong").await, sign_in("wrong").await), (401, 401, 429));
    assert_eq!((sign_in("right").await, sign_in("right").await, sign_in("right").await), (200, 200, 429));
}

#[tokio::test]
async fn without_limits_there_are_no_headers_and_zero_means_unlimited() {
    for server in [Server::start().await, limited(&[("list", 0)]).await] {
        for _ in 0..5 {
            let answer = server.get("/v1/acme/thing/").await;
            assert_eq!((answer.status, standing(&answer)), (200, (None, None, None)));
        }
    }
}
