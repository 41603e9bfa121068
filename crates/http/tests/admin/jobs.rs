//! The jobs of an organization.

use denizen_testkit::TestServer;
use serde_json::json;

#[tokio::test]
async fn jobs_are_shown_until_they_are_done_oldest_first_and_no_payload_with_them() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    assert_eq!(admin.admin("GET", "/jobs", None).await.expect(200).json(), json!({"jobs": []}));
    for _ in 0..3 {
        let mut body = org.invitation("DefaultUserRole");
        body["login_link"] = "https://elsewhere.example/".into();
        admin.post("/user/", &body).await.expect(201);
        server.advance_seconds(1);
    }
    let listed = admin.admin("GET", "/jobs", None).await.expect(200);
    assert_eq!(listed.each("jobs", "kind"), ["mail.invitation"; 3]);
    assert!(!listed.text().contains("elsewhere.example"), "{listed}");
    let first = &listed.json()["jobs"][0];
    assert_eq!(first["state"], "waiting");
    assert_eq!((&first["attempts"], &first["last_error"]), (&json!(0), &json!(null)));
    let two = admin.admin("GET", "/jobs?limit=2", None).await.expect(200);
    assert_eq!(two.each("jobs", "job_id"), listed.each("jobs", "job_id")[..2]);
    for wrong in ["0", "1001", "x"] {
        let refused = admin.admin("GET", &format!("/jobs?limit={wrong}"), None).await.expect(422);
        assert_eq!(refused.json()["errors"][0]["field"], json!(["query", "limit"]));
    }
    server.run_jobs().await;
    assert_eq!(admin.admin("GET", "/jobs", None).await.json(), json!({"jobs": []}));
}
