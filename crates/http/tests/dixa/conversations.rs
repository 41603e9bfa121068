//! Conversations: eleven variants, each with its own members and no other.

use std::collections::BTreeMap;

use denizen_testkit::{TestProgram, TestServer};
use serde_json::{Value, json};

use super::scene::{definition, take_in};

const CONTACT: &str = "00000001-0000-4000-8000-000000000001";
const ATTRIBUTE: &str = "00000001-0000-4000-8000-000000000002";
const AGENT: &str = "00000001-0000-4000-8000-000000000003";

/// The `_type` of the conversations of a kind, the kind, the details that they come with, and what is shown of these, in
/// order.
type Kind = (&'static str, &'static str, Value, Vec<(&'static str, Value)>);

fn kinds() -> Vec<Kind> {
    let browser = json!({"name": "Chrome 9", "version": "91.0", "ip_address": "127.0.0.1",
        "originating_url": "https://acme.example/help"});
    let browser_info = json!({"name": "Chrome 9", "version": "91.0", "ipAddress": "127.0.0.1",
        "originatingUrl": "https://acme.example/help"});
    vec![
        (
            "ChatConversation",
            "Chat",
            json!({"browser": browser, "language": "en"}),
            vec![("browserInfo", browser_info.clone()), ("language", json!("en"))],
        ),
        (
            "MessengerConversation",
            "Messenger",
            json!({"browser": {"name": "Firefox"}, "language": "da"}),
            vec![("browserInfo", json!({"name": "Firefox"})), ("language", json!("da"))],
        ),
        (
            "ContactFormConversation",
            "ContactForm",
            json!({"from_email": "a@x.example", "to_email": "b@x.example", "integration_email": "c@x.example",
                "language": "en", "subject": "S"}),
            vec![
                ("fromEmail", json!("a@x.example")),
                ("toEmail", json!("b@x.example")),
                ("integrationEmail", json!("c@x.example")),
                ("language", json!("en")),
                ("subject", json!("S")),
            ],
        ),
        (
            "EmailConversation",
            "Email",
            json!({"from_email": "a@x.example", "to_email": "b@x.example", "integration_email": "c@x.example",
                "language": "en", "subject": "S"}),
            vec![
                ("toEmail", json!("b@x.example")),
                ("fromEmail", json!("a@x.example")),
                ("integrationEmail", json!("c@x.example")),
                ("language", json!("en")),
                ("subject", json!("S")),
            ],
        ),
        (
            "GenericConversation",
            "Generic",
            json!({"from_contact_point_id": "f", "to_contact_point_id": "t"}),
            vec![("fromContactPointId", json!("f")), ("toContactPointId", json!("t"))],
        ),
        (
            "SmsConversation",
            "Sms",
            json!({"from_number": "+4520123456", "to_number": "+4520123457"}),
            vec![("fromNumber", json!("+4520123456")), ("toNumber", json!("+4520123457"))],
        ),
        (
            "TwitterConversation",
            "Twitter",
            json!({"twitter_type": "DirectMessage", "contact_point_twitter_id": "c", "end_user_twitter_id": "e"}),
            vec![
                ("conversationType", json!("DirectMessage")),
                ("contactPointTwitterId", json!("c")),
                ("endUserTwitterId", json!("e")),
            ],
        ),
        ("FacebookMessengerConversation", "FacebookMessenger", json!({}), vec![]),
        ("PstnPhoneConversation", "PstnPhone", json!({}), vec![]),
        ("WhatsAppConversation", "WhatsApp", json!({}), vec![]),
    ]
}

fn record(id: i64, kind: &str, details: &Value) -> Value {
    json!({
        "type": "contact_conversation", "conversation_id": id, "contact_id": CONTACT, "kind": kind,
        "channel": "Voicemail", "direction": "Internal", "state": "AwaitingPending",
        "state_changed_at": "2026-01-01T11:00:00.999Z",
        "assignment": {"agent_id": AGENT, "assigned_at": "2026-01-01T11:00:01.5Z"},
        "queue": {"id": AGENT, "queued_at": "2026-01-01T11:00:02.5Z"}, "link": {"parent_id": 9_007_199_254_740_993_i64, "kind": "FollowUp"},
        "transport_expires_at": "2026-01-02T11:00:00Z", "details": details, "attributes": {ATTRIBUTE: "prices"},
        "created_at": "2026-01-01T10:00:00.123456Z"
    })
}

/// What all conversations made by [`record`] show.
fn common(id: i64, kind: &str) -> BTreeMap<String, Value> {
    let all = json!({
        "id": id, "requesterId": CONTACT, "channel": "Voicemail", "createdAt": "2026-01-01T10:00:00Z",
        "direction": "Internal", "state": "AwaitingPending", "stateUpdatedAt": "2026-01-01T11:00:00Z",
        "assignment": {"agentId": AGENT, "assignedAt": "2026-01-01T11:00:01Z"},
        "queue": {"id": AGENT, "queuedAt": "2026-01-01T11:00:02Z"},
        "link": {"parentId": 9_007_199_254_740_993_i64, "_type": "FollowUp"},
        "transportExpiresAt": "2026-01-02T11:00:00Z", "_type": kind
    });
    serde_json::from_value(all).unwrap()
}

fn members(conversation: &Value) -> BTreeMap<String, Value> {
    serde_json::from_value(conversation.clone()).unwrap()
}

async fn desk(records: &[Value]) -> (TestServer, TestProgram) {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut all = vec![
        definition(ATTRIBUTE, "conversation", "topic"),
        json!({"type": "contact", "contact_id": CONTACT, "display_name": "Ann"}),
    ];
    all.extend_from_slice(records);
    take_in(&org.admin().await, &all).await;
    let program = org.access_token("DefaultAdministratorRole").await;
    (server, program)
}

#[tokio::test]
async fn each_kind_has_the_common_members_and_its_own() {
    let kinds = kinds();
    let records: Vec<Value> = (1..).zip(&kinds).map(|(id, kind)| record(id, kind.1, &kind.2)).collect();
    let (_, program) = desk(&records).await;
    let listed = program.get(&format!("/v1/endusers/{CONTACT}/conversations")).await.expect(200).json();
    for (at, (name, _, _, own)) in kinds.iter().enumerate() {
        let id = i64::try_from(at).unwrap() + 1;
        let mut expected = common(id, name);
        expected.extend(own.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        assert_eq!(members(&listed["data"][at]), expected, "{name}");
        // Alone it has its attributes, too.
        let attribute =
            json!([{"id": ATTRIBUTE, "name": "The topic", "identifier": "topic", "value": "prices"}]);
        expected.insert("customAttributes".to_owned(), attribute);
        let alone = program.get(&format!("/v1/conversations/{id}")).await.expect(200);
        assert_eq!(members(&alone.json()["data"]), expected, "{name}");
        // The members of a kind stand in the published order, and `_type` at the end.
        let places: Vec<usize> =
            own.iter().map(|(name, _)| alone.text().find(&format!("\"{name}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{alone}");
        assert!(alone.text().starts_with(&format!(r#"{{"data":{{"id":{id},"requesterId":"#)), "{alone}");
        assert!(
            alone
                .text()
                .ends_with(&format!(r#""transportExpiresAt":"2026-01-02T11:00:00Z","_type":"{name}"}}}}"#)),
            "{alone}"
        );
    }
    assert_eq!(listed["data"].as_array().unwrap().len(), kinds.len());
}

#[tokio::test]
async fn the_published_example_comes_back_byte_for_byte() {
    let example = json!({
        "type": "contact_conversation", "conversation_id": 1, "contact_id": CONTACT, "kind": "Chat",
        "channel": "WidgetChat", "direction": "Outbound", "state": "Open", "state_changed_at": "2020-12-16T09:41:43Z",
        "assignment": {"agent_id": AGENT, "assigned_at": "2020-12-16T11:00:34Z"},
        "queue": {"id": AGENT, "queued_at": "2020-12-16T10:40:40Z"},
        "details": {"browser": {"name": "Chrome 9", "version": "91.0.4472.114", "ip_address": "127.0.0.1"}, "language": "en"},
        "link": {"parent_id": 1234, "kind": "SideConversation"}, "created_at": "2020-12-16T09:41:43Z"
    });
    let (_, program) = desk(&[example]).await;
    let answer = program.get(&format!("/beta/endusers/{CONTACT}/conversations/")).await.expect(200);
    let expected = format!(
        r#"{{"data":[{{"id":1,"requesterId":"{CONTACT}","channel":"WidgetChat","createdAt":"2020-12-16T09:41:43Z","direction":"Outbound","state":"Open","stateUpdatedAt":"2020-12-16T09:41:43Z","assignment":{{"agentId":"{AGENT}","assignedAt":"2020-12-16T11:00:34Z"}},"queue":{{"id":"{AGENT}","queuedAt":"2020-12-16T10:40:40Z"}},"browserInfo":{{"name":"Chrome 9","version":"91.0.4472.114","ipAddress":"127.0.0.1"}},"language":"en","link":{{"parentId":1234,"_type":"SideConversation"}},"_type":"ChatConversation"}}]}}"#
    );
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn what_is_not_set_is_left_out_and_nothing_is_null() {
    let bare = json!({"type": "contact_conversation", "conversation_id": i64::MAX, "contact_id": CONTACT,
        "kind": "PstnPhone", "channel": "Callback", "created_at": "2026-01-01T10:00:00Z"});
    let (_, program) = desk(&[bare]).await;
    let answer = program.get(&format!("/v1/conversations/{}", i64::MAX)).await.expect(200);
    let expected = format!(
        r#"{{"data":{{"id":9223372036854775807,"requesterId":"{CONTACT}","channel":"Callback","createdAt":"2026-01-01T10:00:00Z","customAttributes":[],"_type":"PstnPhoneConversation"}}}}"#
    );
    assert_eq!(answer.text(), expected);
    let nobodys = program.post("/v1/endusers", &json!({})).await.expect(201).str_at("/data/id");
    let answer = program.get(&format!("/v1/endusers/{nobodys}/conversations")).await.expect(200);
    assert_eq!(answer.text(), r#"{"data":[]}"#);
}

#[tokio::test]
async fn an_anonymous_one_keeps_what_is_nobodys() {
    let kinds = kinds();
    let records: Vec<Value> = (1..).zip(&kinds).map(|(id, kind)| record(id, kind.1, &kind.2)).collect();
    let (server, program) = desk(&records).await;
    server.advance_seconds(60);
    let path = format!("/v1/endusers/{CONTACT}/anonymize?force=true");
    program.call("PATCH", &path, None).await.expect(202);
    server.run_jobs().await;
    let listed = program.get(&format!("/v1/endusers/{CONTACT}/conversations")).await.expect(200).json();
    for (at, conversation) in listed["data"].as_array().unwrap().iter().enumerate() {
        let mut expected = common(i64::try_from(at).unwrap() + 1, "AnonymizedConversation");
        expected.remove("assignment");
        expected.remove("queue");
        expected.insert("state".to_owned(), json!("Closed"));
        expected.insert("stateUpdatedAt".to_owned(), json!("2026-01-01T12:01:00Z"));
        expected.insert("anonymizedAt".to_owned(), json!("2026-01-01T12:01:00Z"));
        assert_eq!(members(conversation), expected);
    }
    assert_eq!(listed["data"].as_array().unwrap().len(), kinds.len());
    let alone = program.get("/v1/conversations/1").await.expect(200).json();
    assert_eq!(alone["data"]["_type"], "AnonymizedConversation");
    assert_eq!(alone["data"]["customAttributes"], json!([]));
}
