//! What the log says of a call whose path names no organization.

use std::io::Write;
use std::sync::{Arc, Mutex};

use denizen_testkit::TestServer;
use serde_json::{Value, json};

use super::scene::{guess, program};

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

#[tokio::test]
async fn a_line_names_the_tokens_organization_and_the_route_and_nothing_personal() {
    let server = TestServer::start().await;
    let program = program(&server, "acme").await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let body =
        json!({"email": "ann@personal.example", "phoneNumber": "+4520123456", "displayName": "Ann Lee"});
    let id = program.post("/v1/endusers", &body).await.expect(201).str_at("/data/id");
    program.post("/v1/endusers", &body).await.expect(400);
    program.get("/v1/endusers?email=ann%40personal.example&externalId=x").await.expect(400);
    program.get(&format!("/beta/endusers/{id}")).await.expect(200);
    program.get("/v1/endusers/ann@personal.example").await.expect(400);
    let wrong = guess(&program.token);
    server.call("GET", "/v1/endusers", &[("authorization", &wrong)], None).await.expect(401);
    drop(guard);

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let told: Vec<(Value, Value, Value)> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["target"] == "denizen::access")
        .map(|line| {
            let fields = &line["fields"];
            assert_eq!(fields["dialect"], "dixa");
            (fields["organization"].clone(), fields["route"].clone(), fields["status"].clone())
        })
        .collect();
    let line = |organization: Value, route: &str, status: u16| (organization, json!(route), json!(status));
    assert_eq!(
        told,
        [
            line(json!("acme"), "/v1/endusers", 201),
            line(json!("acme"), "/v1/endusers", 400),
            line(json!("acme"), "/v1/endusers", 400),
            line(json!("acme"), "/beta/endusers/{userId}", 200),
            line(json!("acme"), "/v1/endusers/{userId}", 400),
            line(Value::Null, "/v1/endusers", 401),
        ]
    );
    let secret = program.token.split_once('.').unwrap().1;
    for personal in ["personal.example", "4520123456", "Ann", &id, secret] {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
}
