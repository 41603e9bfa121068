//! Finding contacts of a help desk.

use denizen_testkit::TestServer;
use serde_json::{Value, json};

use crate::wire::lines;

const ANN: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const BEA: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3302";
const PLAN: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3303";

fn records() -> [Value; 3] {
    [
        json!({"type": "attribute_definition", "definition_id": PLAN, "entity": "contact", "identifier": "plan",
            "label": "Plan", "input": {"type": "text"}, "created_at": "2026-01-01T00:00:00Z"}),
        json!({"type": "contact", "contact_id": ANN, "display_name": "Ann Löwe", "email": "Ann@acme.example",
            "phone": "+49 151 1234567", "attributes": {PLAN: "gold"}}),
        json!({"type": "contact", "contact_id": BEA, "display_name": "Bea", "last_name": "Annis",
            "additional_emails": ["bea@acme.example"]}),
    ]
}

#[tokio::test]
async fn contacts_are_found_by_address_number_and_name() {
    let server = TestServer::start().await;
    let admin = server.org("acme").await.admin().await;
    admin.ingest(lines(&records())).await.expect(200);
    let found = async |query: &str| {
        let answer = admin.admin("GET", &format!("/contacts?query={query}"), None).await.expect(200);
        answer.each("contacts", "contact_id")
    };
    for (query, expected) in [
        ("ann%40acme.example", vec![ANN]),
        ("BEA%40", vec![BEA]),
        ("%2B49151", vec![ANN]),
        ("lowe", vec![ANN]),
        ("ann", vec![ANN, BEA]),
        ("nobody", vec![]),
        ("", vec![ANN, BEA]),
    ] {
        let mut found = found(query).await;
        found.sort();
        assert_eq!(found, expected, "{query}");
    }
    // Control characters are in no name; they must not reach a database that takes none.
    admin.admin("GET", "/contacts?query=a%00%01", None).await.expect(200);
    let one = admin.admin("GET", "/contacts?query=ann&limit=1", None).await.expect(200);
    assert_eq!(
        one.json()["contacts"][0]["attributes"],
        json!([{"definition_id": PLAN, "identifier": "plan", "label": "Plan", "value": "gold"}])
    );
    assert_eq!(one.json()["contacts"].as_array().unwrap().len(), 1);
    for wrong in ["/contacts", "/contacts?query=a&limit=0", "/contacts?query=a&limit=101"] {
        admin.admin("GET", wrong, None).await.expect(422);
    }
}

#[tokio::test]
async fn contacts_are_found_by_those_only_who_may_read_them_and_in_their_organization_only() {
    let server = TestServer::start().await;
    let (org, other) = (server.org("acme").await, server.org("globex").await);
    org.admin().await.ingest(lines(&records())).await.expect(200);
    let listed = other.admin().await.admin("GET", "/contacts?query=ann", None).await.expect(200);
    assert_eq!(listed.json(), json!({"contacts": []}));
    let nobody = org.caller("DefaultUserRole").await;
    nobody.admin("GET", "/contacts?query=ann", None).await.expect(403);
    let reading = json!([{"permission_name": "Directory:ReadContact", "conditions": {}}]);
    let reader = org.caller_with(&reading).await;
    reader.admin("GET", "/contacts?query=ann", None).await.expect(200);
}
