//! Bodies that are read and answered as they arrive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Response};
use denizen_http::kernel::HttpSettings;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::answers::all_logged;
use crate::support::{Server, limits};

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A body that is written by hand, and whether it was looked at.
#[derive(Clone, Default)]
struct Sender {
    state: Arc<Mutex<State>>,
    was_asked: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    pieces: Vec<Bytes>,
    has_ended: bool,
    waker: Option<Waker>,
}

impl Sender {
    fn send(&self, piece: &'static str) {
        self.change(|state| state.pieces.push(piece.into()));
    }

    fn end(&self) {
        self.change(|state| state.has_ended = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

impl HttpBody for Sender {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        self.was_asked.store(true, Ordering::SeqCst);
        let mut state = self.state.lock().unwrap();
        if !state.pieces.is_empty() {
            return Poll::Ready(Some(Ok(hyper::body::Frame::data(state.pieces.remove(0)))));
        }
        state.waker = Some(context.waker().clone());
        if state.has_ended { Poll::Ready(None) } else { Poll::Pending }
    }
}

fn request(sender: &Sender) -> Request<Body> {
    Request::post("/v1/acme/stream").body(Body::new(sender.clone())).unwrap()
}

async fn open(server: &Server, request: Request<Body>) -> Response<Body> {
    server.router.clone().oneshot(request).await.unwrap()
}

async fn next(body: &mut Body) -> Option<String> {
    let frame = tokio::time::timeout(PATIENCE, body.frame()).await.expect("nothing comes")?;
    Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

async fn metric(server: &Server, name: &str) -> String {
    let metrics = server.get("/metrics").await;
    let found = metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_default().to_owned()
}

const ANSWERED: &str = "denizen_http_requests_total{dialect=\"test\",operation=\"stream\",status=\"2xx\"}";
const FAILED: &str = "denizen_http_requests_total{dialect=\"test\",operation=\"stream\",status=\"5xx\"}";
const IN_FLIGHT: &str = "denizen_http_requests_in_flight";
const ABANDONED: &str = "denizen_http_requests_abandoned_total";

#[tokio::test]
async fn what_has_arrived_is_answered_before_the_rest_is_sent() {
    let server = Server::start().await;
    let sender = Sender::default();
    let response = open(&server, request(&sender)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let mut body = response.into_body();
    for piece in ["one", "two"] {
        sender.send(piece);
        assert_eq!(next(&mut body).await.as_deref(), Some(piece));
    }
    // The request for the metrics is worked on as well.
    assert_eq!(metric(&server, IN_FLIGHT).await, "2");
    assert_eq!(metric(&server, ANSWERED).await, "0");
    sender.end();
    assert_eq!(next(&mut body).await.as_deref(), Some("end"));
    assert_eq!(next(&mut body).await, None);
    drop(body);
    assert_eq!(metric(&server, IN_FLIGHT).await, "1");
    assert_eq!(metric(&server, ANSWERED).await, "1");
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body_and_closes_the_connection() {
    let server = Server::start().await;
    let sender = Sender::default();
    let mut refused = request(&sender);
    refused.headers_mut().insert("authorization", "x".parse().unwrap());
    let response = open(&server, refused).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["connection"]),
        (401, &"close".parse().unwrap())
    );
    assert!(!sender.was_asked.load(Ordering::SeqCst), "a sender who waits would be told to begin");
}

#[tokio::test]
async fn a_sender_who_waits_to_be_asked_is_asked_before_the_answer_begins() {
    let server = Server::start().await;
    for waits in [false, true] {
        let sender = Sender::default();
        let mut asking = request(&sender);
        if waits {
            asking.headers_mut().insert("expect", "100-continue".parse().unwrap());
            sender.send("at once");
        }
        let response = open(&server, asking).await;
        assert_eq!(sender.was_asked.load(Ordering::SeqCst), waits);
        sender.end();
        let whole = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(whole, if waits { "at onceend" } else { "end" });
    }
}

#[tokio::test]
async fn neither_its_size_nor_its_time_is_limited_but_a_pause_of_the_sender_is() {
    let settings =
        HttpSettings { body_bytes: 10, request_seconds: 1, body_read_seconds: 1, ..HttpSettings::default() };
    let server = Server::with(settings).await;
    let sender = Sender::default();
    let mut declared = request(&sender);
    declared.headers_mut().insert("content-length", "1000000".parse().unwrap());
    let mut body = open(&server, declared).await.into_body();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_500) {
        sender.send("0123456789");
        assert_eq!(next(&mut body).await.as_deref(), Some("0123456789"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(next(&mut body).await.as_deref(), Some("The body did not arrive within 1 s"));
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn a_stop_ends_streams_at_their_next_good_moment() {
    let server = Server::start().await;
    let sender = Sender::default();
    let mut body = open(&server, request(&sender)).await.into_body();
    sender.send("one");
    assert_eq!(next(&mut body).await.as_deref(), Some("one"));
    server.app.end_streams();
    assert_eq!(next(&mut body).await.as_deref(), Some("stopped"));
    assert_eq!(next(&mut body).await, None);
    // One that comes later is told so as well.
    let mut late = open(&server, request(&Sender::default())).await.into_body();
    assert_eq!(next(&mut late).await.as_deref(), Some("stopped"));
}

#[tokio::test]
async fn a_panic_breaks_the_stream_off_and_is_counted() {
    let server = Server::start().await;
    let sender = Sender::default();
    let mut body = open(&server, request(&sender)).await.into_body();
    sender.send("panic");
    let broken = tokio::time::timeout(PATIENCE, body.frame()).await.unwrap().unwrap();
    assert_eq!(broken.unwrap_err().to_string(), "the answer broke off");
    assert!(body.frame().await.is_none());
    drop(body);
    assert_eq!(
        (metric(&server, FAILED).await, metric(&server, IN_FLIGHT).await),
        ("1".to_owned(), "1".to_owned())
    );
    assert_eq!(metric(&server, ABANDONED).await, "0");
}

#[tokio::test]
async fn a_stream_is_logged_at_its_end_or_when_its_client_goes() {
    let lines = all_logged(async || {
        let server = Server::start().await;
        for ends in [true, false] {
            let sender = Sender::default();
            let mut body = open(&server, request(&sender)).await.into_body();
            sender.send("four");
            next(&mut body).await;
            if ends {
                sender.end();
                while next(&mut body).await.is_some() {}
            }
        }
        assert_eq!(metric(&server, ABANDONED).await, "1");
    })
    .await;
    let streams: Vec<_> = lines
        .iter()
        .map(|line| &line["fields"])
        .filter(|fields| fields["route"] == "/v1/{organization}/stream")
        .map(|fields| (fields["status"].as_u64().unwrap(), fields["bytes"].as_u64().unwrap()))
        .collect();
    assert_eq!(streams, [(200, 7), (499, 4)]);
}

#[tokio::test]
async fn streams_are_counted_per_minute_and_against_what_is_worked_on_at_once() {
    let settings = HttpSettings {
        rate_limits: Some(limits(&[("stream", 3)])),
        concurrent_requests: 2,
        ..HttpSettings::default()
    };
    let server = Server::with(settings).await;
    let mut held = Vec::new();
    for status in [200, 200, 503] {
        let response = open(&server, request(&Sender::default())).await;
        assert_eq!(response.status(), status);
        held.push(response);
    }
    held.clear();
    for status in [200, 429] {
        assert_eq!(open(&server, request(&Sender::default())).await.status(), status);
    }
}
