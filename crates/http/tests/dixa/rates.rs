//! How often a token may call.

use denizen_http::TokenRate;

use super::scene::{guess, program, refusal, server_with};

const RATE: TokenRate = TokenRate { per_second: 10, burst: 4 };

#[tokio::test]
async fn a_token_has_a_burst_and_then_a_turn_in_each_tenth_of_a_second() {
    let server = server_with(|settings| settings.rate = Some(RATE)).await;
    let program = program(&server, "acme").await;
    for _ in 0..4 {
        program.get("/v1/organization").await.expect(200);
    }
    let refused = program.get("/v1/endusers").await;
    assert_eq!(refusal(&refused), (429, "Too Many Requests".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("x-ratelimit-limit"), None);
    server.clock().advance_micros(99_999);
    program.get("/v1/endusers").await.expect(429);
    server.clock().advance_micros(1);
    program.get("/v1/endusers").await.expect(200);
    program.get("/v1/endusers").await.expect(429);
    // Sustained, exactly.
    for _ in 0..50 {
        server.clock().advance_micros(100_000);
        program.get("/beta/organization").await.expect(200);
        program.get("/beta/organization").await.expect(429);
    }
    server.advance_seconds(3_600);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(program.get("/v1/organization").await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429]);
    let metrics = server.anonymous("GET", "/metrics", None).await;
    assert!(metrics.text().contains(r#"denizen_http_requests_refused_total{reason="rate_limit"} 55"#));
}

#[tokio::test]
async fn tokens_are_counted_apart_and_invalid_ones_use_nothing_up() {
    let server = server_with(|settings| settings.rate = Some(TokenRate { per_second: 1, burst: 2 })).await;
    let first = program(&server, "acme").await;
    let second = program(&server, "globex").await;
    let guess = guess(&first.token);
    for _ in 0..20 {
        for headers in [&[("authorization", guess.as_str())][..], &[]] {
            let answer = server.call("GET", "/v1/endusers", headers, None).await;
            assert_eq!(refusal(&answer), (401, "Unauthorized".to_owned()));
        }
    }
    for _ in 0..2 {
        first.get("/v1/endusers").await.expect(200);
    }
    first.get("/v1/endusers").await.expect(429);
    for _ in 0..2 {
        second.get("/v1/endusers").await.expect(200);
    }
    // Whoever may not do it has called all the same, and so has whoever asks for nothing that can be read.
    server.advance_seconds(2);
    first.get("/v1/endusers/nobody").await.expect(400);
    first.get("/v1/endusers?pageKey=x").await.expect(400);
    first.get("/v1/endusers").await.expect(429);
    // Nothing is written by who is refused.
    let body = serde_json::json!({"displayName": "Too many"});
    first.post("/v1/endusers", &body).await.expect(429);
    server.advance_seconds(2);
    assert_eq!(first.get("/v1/endusers").await.expect(200).json()["data"], serde_json::json!([]));
}

#[tokio::test]
async fn two_spellings_of_a_token_are_one_token() {
    let server = server_with(|settings| settings.rate = Some(TokenRate { per_second: 1, burst: 2 })).await;
    let program = program(&server, "acme").await;
    let bearer = format!("Bearer {}", program.token);
    program.get("/v1/organization").await.expect(200);
    server.call("GET", "/v1/organization", &[("authorization", &bearer)], None).await.expect(200);
    program.get("/v1/organization").await.expect(429);
    server.call("GET", "/v1/organization", &[("authorization", &bearer)], None).await.expect(429);
}

#[tokio::test]
async fn each_process_counts_by_itself_and_without_a_limit_nothing_is_counted() {
    let first = server_with(|settings| settings.rate = Some(TokenRate { per_second: 1, burst: 1 })).await;
    let program_ = program(&first, "acme").await;
    let second = first.another_process().await;
    program_.get("/v1/organization").await.expect(200);
    program_.get("/v1/organization").await.expect(429);
    program_.at(&second).get("/v1/organization").await.expect(200);
    program_.at(&second).get("/v1/organization").await.expect(429);
    let unlimited = server_with(|_| {}).await;
    let program = program(&unlimited, "acme").await;
    for _ in 0..50 {
        program.get("/v1/organization").await.expect(200);
    }
}
