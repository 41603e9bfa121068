//! Limits of size, time and number.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use denizen_http::kernel::HttpSettings;

use crate::support::{Answer, Server};

fn wrong(answer: &Answer) -> String {
    answer.json()["wrong"].as_str().unwrap().to_owned()
}

/// A body that arrives in pieces with pauses, and perhaps never ends.
fn pieces(count: usize, size: usize, ends: bool) -> Body {
    struct Pieces {
        left: usize,
        size: usize,
        ends: bool,
    }
    impl axum::body::HttpBody for Pieces {
        type Data = Bytes;
        type Error = std::io::Error;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
            if self.left > 0 {
                self.left -= 1;
                return std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(
                    vec![b' '; self.size].into(),
                ))));
            }
            if self.ends { std::task::Poll::Ready(None) } else { std::task::Poll::Pending }
        }
    }
    Body::new(Pieces { left: count, size, ends })
}

#[tokio::test]
async fn a_body_has_a_largest_size_whether_it_is_declared_or_not() {
    let server = Server::with(HttpSettings { body_bytes: 1000, ..HttpSettings::default() }).await;
    let declared = |length: usize| {
        let request = Request::post("/v1/acme/picture").header("content-length", length);
        request.body(pieces(1, 10, false)).unwrap()
    };
    let answer = server.send(declared(8001)).await;
    assert_eq!((answer.status, wrong(&answer).as_str()), (413, "The body must have at most 8000 bytes"));
    assert_eq!(answer.header("connection"), Some("close"));

    assert_eq!(server.post("/v1/acme/picture", pieces(80, 100, true)).await.text(), "8000");
    assert_eq!(server.post("/v1/acme/picture", pieces(81, 100, false)).await.status, 413);
    assert_eq!(server.post("/v1/acme/thing/", pieces(11, 100, false)).await.status, 413);
    assert_eq!(server.post("/v1/acme/thing/", vec![b' '; 1000]).await.status, 422);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let server = Server::with(HttpSettings { body_read_seconds: 1, ..HttpSettings::default() }).await;
    let begun = Instant::now();
    let answer = server.post("/v1/acme/thing/", pieces(1, 10, false)).await;
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert_eq!(wrong(&answer), "The body did not arrive within 1 s");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // An operation that takes no body does not wait for one.
    assert_eq!(server.call(Method::GET, "/v1/acme/thing/", pieces(1, 10, false)).await.status, 200);
}

#[tokio::test]
async fn a_slow_operation_is_given_up_and_a_write_is_said_to_be_uncertain() {
    let server = Server::with(HttpSettings { request_seconds: 1, ..HttpSettings::default() }).await;
    let read = server.get("/v1/acme/slow").await;
    assert_eq!(read.status, 503);
    assert!(!wrong(&read).contains("unknown"));
    let write = server.call(Method::PUT, "/v1/acme/slow", Body::empty()).await;
    assert_eq!(write.status, 503);
    assert!(wrong(&write).contains("the outcome is unknown"));
}

#[tokio::test]
async fn a_head_has_a_largest_size_and_number_of_lines() {
    let settings = HttpSettings { header_bytes: 1024, header_count: 10, ..HttpSettings::default() };
    let server = Server::with(settings).await;
    let with = |name: &str, value: String| {
        Request::get("/v1/acme/thing/").header(name, value).body(Body::empty()).unwrap()
    };
    assert_eq!(server.send(with("x", "x".repeat(900))).await.status, 200);
    let large = server.send(with("x", "x".repeat(1024))).await;
    assert_eq!((large.status, large.header("connection")), (431, Some("close")));
    assert!(wrong(&large).contains("1024 bytes and 10 header lines"));
    let long = server.get(&format!("/v1/acme/nothing?{}", "x".repeat(1024))).await;
    assert_eq!((long.status, long.json()["wrong"].is_string()), (431, true));
    let many = (0..11).fold(Request::get("/v1/acme/thing/"), |request, _| request.header("x", "y"));
    assert_eq!(server.send(many.body(Body::empty()).unwrap()).await.status, 431);
}

#[tokio::test]
async fn requests_beyond_the_number_are_turned_away_and_the_place_is_free_again() {
    let server = Server::with(HttpSettings { concurrent_requests: 2, ..HttpSettings::default() }).await;
    let held = async {
        let slow = || server.get("/v1/acme/slow");
        tokio::select! { _ = slow() => {}, _ = slow() => {}, () = tokio::time::sleep(Duration::from_millis(300)) => {} }
    };
    let asked = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let refused = server.get("/v1/acme/thing/").await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        assert_eq!(wrong(&refused), "The service is busy, try again");
        // A busy process is alive.
        assert_eq!(server.get("/livez").await.status, 200);
    };
    tokio::join!(held, asked);
    assert_eq!(server.get("/v1/acme/thing/").await.status, 200);
    let metrics = server.get("/metrics").await;
    assert!(metrics.text().contains(r#"denizen_http_requests_refused_total{reason="overloaded"} 1"#));
}

#[tokio::test]
async fn json_has_a_greatest_depth() {
    let server = Server::with(HttpSettings { json_depth: 8, ..HttpSettings::default() }).await;
    let nested = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let fits = server.post("/v1/acme/thing/", nested(7)).await;
    assert_eq!(fits.places()[0], ("body.name".to_owned(), "missing".to_owned()));
    for depth in [8, 200_000] {
        let answer = server.post("/v1/acme/thing/", nested(depth)).await;
        assert_eq!(answer.places(), [("body.12".to_owned(), "json_invalid".to_owned())]);
        assert_eq!(answer.json()["wrong"][0]["ctx"]["error"], "nested more than 8 levels deep");
    }
}
