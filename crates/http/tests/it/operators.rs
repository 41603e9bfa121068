//! What operators ask of a process.

use denizen_http::kernel::{HttpSettings, JobCount};

use crate::support::{Server, limits};

#[tokio::test]
async fn a_process_says_that_it_lives_and_is_ready() {
    let server = Server::start().await;
    for path in ["/livez", "/readyz"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.text()), (200, "ok"), "{path}");
    }
}

#[tokio::test]
async fn a_process_that_is_about_to_stop_is_not_ready_and_answers_all_the_same() {
    let server = Server::start().await;
    server.app.leave();
    assert_eq!(server.get("/readyz").await.status, 503);
    assert_eq!(server.get("/livez").await.status, 200);
    assert_eq!(server.get("/v1/acme/thing/").await.status, 200);
}

#[tokio::test]
async fn the_public_keys_are_published() {
    let server = Server::start().await;
    let keys = server.get("/.well-known/jwks.json").await;
    assert_eq!((keys.status, keys.header("content-type")), (200, Some("application/json")));
    assert_eq!(keys.text(), server.app.directory.jwks_json().await.unwrap());
    assert!(keys.json()["keys"].is_array());
}

#[tokio::test]
async fn metrics_count_answers_by_operation_and_class_of_status() {
    let settings = HttpSettings { rate_limits: Some(limits(&[("create", 1)])), ..HttpSettings::default() };
    let server = Server::with(settings).await;
    server.get("/v1/acme/thing/").await;
    server.get("/v1/other/thing/?limit=x").await;
    server.post("/v1/acme/thing/", "{}").await;
    server.post("/v1/acme/thing/", "{}").await;
    server.get("/v1/acme/nothing").await;
    server.app.metrics().set_job_counts([JobCount { kind: "mail".into(), state: "failed".into(), count: 3 }]);
    server.app.metrics().set_job_ages([("mail".to_owned(), 90)]);
    let answer = server.get("/metrics").await;
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        r#"denizen_http_requests_total{dialect="test",operation="list-things",status="2xx"} 1"#,
        r#"denizen_http_requests_total{dialect="test",operation="list-things",status="4xx"} 1"#,
        r#"denizen_http_requests_total{dialect="test",operation="create-thing",status="4xx"} 2"#,
        r#"denizen_http_requests_total{dialect="test",operation="none",status="4xx"} 1"#,
        r#"denizen_http_request_duration_seconds_count{dialect="test",operation="list-things"} 2"#,
        r#"denizen_http_requests_refused_total{reason="rate_limit"} 1"#,
        r#"denizen_jobs{kind="mail",state="failed"} 3"#,
        r#"denizen_jobs_oldest_age_seconds{kind="mail"} 90"#,
        "denizen_http_requests_in_flight 1",
        "# EOF",
    ] {
        assert!(answer.text().lines().any(|present| present == line), "{line} in\n{}", answer.text());
    }
    assert!(!answer.text().contains("acme"));
    // What no operation answers has no series, and the one that redirects has.
    assert!(!answer.text().contains("1xx") && !answer.text().contains("3xx"), "{}", answer.text());
    server.get("/").await;
    let line = r#"denizen_http_requests_total{dialect="docs",operation="root",status="3xx"} 1"#;
    assert!(server.get("/metrics").await.text().lines().any(|present| present == line));
    server.app.metrics().set_job_counts([]);
    assert!(!server.get("/metrics").await.text().contains("denizen_jobs{"));
}
