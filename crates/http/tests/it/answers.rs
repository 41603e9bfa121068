//! What every answer carries, and what is written down of it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use denizen_domain::ids::Uuid;
use serde_json::Value;

use crate::support::Server;

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_or_the_callers() {
    let server = Server::start().await;
    let first = server.get("/livez").await;
    let second = server.get("/nothing").await;
    let made = [&first, &second].map(|answer| answer.header("x-request-id").unwrap());
    assert_ne!(made[0], made[1]);
    for id in made {
        assert_eq!(Uuid::parse(id).unwrap().to_string(), id);
    }
    for (given, kept) in
        [("trace-1.A_z", true), ("a:b/c+d=e~", true), ("no spaces", false), (&*"x".repeat(129), false)]
    {
        let request =
            Request::get("/v1/acme/thing/1").header("X-Request-Id", given).body(Body::empty()).unwrap();
        let answer = server.send(request).await;
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(id == given, kept, "{given}");
        assert_eq!(answer.json()["request_id"], id);
    }
}

#[tokio::test]
async fn answers_are_neither_kept_nor_guessed_at() {
    let server = Server::start().await;
    for path in ["/v1/acme/thing/", "/v1/acme/nothing", "/livez"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

#[tokio::test]
async fn a_panic_is_answered_in_the_dialects_form_and_the_process_goes_on() {
    let server = Server::start().await;
    let answer = server.get("/v1/acme/panic").await;
    assert_eq!((answer.status, answer.json()["wrong"].as_str()), (500, Some("Internal error")));
    assert_eq!(server.get("/v1/acme/thing/").await.status, 200);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Lines of the access log during some requests.
async fn logged(requests: impl AsyncFnOnce()) -> Vec<Value> {
    let mut lines = all_logged(requests).await;
    lines.retain(|line| line["target"] == "denizen::access");
    lines
}

/// Lines of the log during some requests, down to level `info`.
pub(crate) async fn all_logged(requests: impl AsyncFnOnce()) -> Vec<Value> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    requests().await;
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_failure_of_the_store_is_told_with_its_request_and_an_outage_not_by_each_request() {
    let server = Server::start().await;
    let lines = all_logged(async || {
        for failure in ["refused", "unreachable", "busy"] {
            server.get(&format!("/v1/acme/broken/{failure}")).await;
        }
    })
    .await;
    let failures: Vec<&Value> =
        lines.iter().filter(|line| line["fields"]["message"] == "the store failed").collect();
    let [failure] = failures[..] else { panic!("{lines:?}") };
    assert_eq!(failure["level"], "ERROR");
    let fields = &failure["fields"];
    assert!(fields["error"].as_str().unwrap().contains("permission denied for table users"), "{fields}");
    assert_eq!(fields["route"], "/v1/{organization}/broken/{failure}");
    let answered = lines.iter().find(|line| line["target"] == "denizen::access").unwrap();
    assert_eq!(fields["request_id"], answered["fields"]["request_id"]);
}

#[tokio::test]
async fn what_is_asked_all_day_is_no_line_of_the_log_unless_it_fails() {
    let server = Server::start().await;
    let lines = logged(async || {
        for path in ["/livez", "/readyz", "/metrics"] {
            server.get(path).await;
        }
        server.app.leave();
        server.get("/readyz").await;
    })
    .await;
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        (line["fields"]["route"].as_str(), line["fields"]["status"].as_u64()),
        (Some("/readyz"), Some(503))
    );
}

#[tokio::test]
async fn a_line_of_the_log_names_the_route_and_nobodys_data() {
    let server = Server::start().await;
    let lines = logged(async || {
        server.get("/v1/acme/thing/65f0c0ffee/part?email=ada%40example.com").await;
        server.get("/v1/ada@example.com/thing/").await;
        server.get("/v1/acme/ada@example.com/secret").await;
    })
    .await;
    let fields = |line: &Value| line["fields"].clone();
    assert_eq!(lines.len(), 3);
    let first = fields(&lines[0]);
    assert_eq!(first["route"], "/v1/{organization}/thing/{owner_id}/part");
    assert_eq!((first["organization"].as_str(), first["status"].as_u64()), (Some("acme"), Some(200)));
    assert!(first["micros"].as_u64().is_some() && first["bytes"].as_u64().is_some_and(|bytes| bytes > 10));
    assert!(first["request_id"].as_str().is_some_and(|id| !id.is_empty()));
    let all = lines.iter().map(Value::to_string).collect::<String>();
    for personal in ["65f0", "ada", "example.com", "secret"] {
        assert!(!all.contains(personal), "{personal} in {all}");
    }
}

#[tokio::test]
async fn a_request_whose_caller_goes_away_is_written_down_too() {
    let server = Server::start().await;
    let lines = logged(async || {
        let call = server.get("/v1/acme/slow");
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), call).await.is_err());
    })
    .await;
    assert_eq!((lines.len(), lines[0]["fields"]["status"].as_u64()), (1, Some(499)));
    assert!(server.get("/metrics").await.text().contains("denizen_http_requests_abandoned_total 1"));
    assert!(server.get("/metrics").await.text().contains("denizen_http_requests_in_flight 1"));
}
