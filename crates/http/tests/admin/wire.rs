//! Records of every type, as a platform would send them.

use serde_json::{Value, json};

pub(crate) const USER: &str = "65f000000000000000000001";
pub(crate) const OTHER_USER: &str = "65f000000000000000000002";
pub(crate) const CONVERSATION: &str = "65f0000000000000000000c1";

/// One record of each type, with every field; the sixth refers to none of the others.
pub(crate) fn records() -> [Value; 6] {
    [
        json!({
            "type": "user", "user_id": USER, "email": "ada@acme.example", "first_name": "Ada",
            "last_name": "Lovelace", "role_name": "DefaultUserRole", "is_verified": true,
            "preferences": {
                "enable_response_recommendation": true, "preferred_language": "eng",
                "conversations_visible_to_admins": false, "user_model_visible_to_admins": true,
                "timezone": "Europe/London", "audio_keyterms": ["blood sugar"]
            },
            "nonsensitive_variables": {"plan": "gold"}, "sensitive_variables": {"pin_code": "1234"},
            "additional_context": ["likes mathematics"], "created_at": "2024-03-12T08:00:00+01:00",
            "google_account": {"account_id": "g-1", "tenant": "t-1"}
        }),
        json!({
            "type": "conversation", "conversation_id": CONVERSATION, "user_id": USER,
            "started_at": "2024-03-12T09:00:00Z", "ended_at": "2024-03-12T09:30:00Z", "title": "First words"
        }),
        message(1, "Hello"),
        json!({
            "type": "memory", "memory_id": "65f0000000000000000000e1", "user_id": USER,
            "conversation_id": CONVERSATION, "created_at": "2024-03-12T09:31:00",
            "references": [message_id(1)], "content": "Greets politely", "context": "At the beginning"
        }),
        json!({
            "type": "user_model", "user_model_id": "65f0000000000000000000d1", "user_id": USER,
            "content": "Polite", "insight_ids": ["i-1"],
            "dimensions": [{"description": "Manners", "tags": ["polite"]}], "created_at": "2024-03-12T10:00:00Z"
        }),
        json!({
            "type": "external_event", "external_event_id": "65f0000000000000000000f1", "user_id": OTHER_USER,
            "event_type": "visit", "starts_at": "2024-03-12T09:00:00Z", "ends_at": "2024-03-12T10:00:00Z",
            "description": "Came in", "transcript": "Hello?"
        }),
    ]
}

pub(crate) fn message_id(number: u64) -> String {
    format!("65f1{number:020x}")
}

pub(crate) fn message(number: u64, content: &str) -> Value {
    json!({
        "type": "message", "message_id": message_id(number), "conversation_id": CONVERSATION, "user_id": USER,
        "created_at": "2024-03-12T09:00:01Z", "sender": "user", "content": content
    })
}

/// The records, one in each line.
pub(crate) fn lines(records: &[Value]) -> String {
    records.iter().flat_map(|record| [record.to_string(), "\n".to_owned()]).collect()
}
