//! The records that `denizen ingest` is given: members, contacts, and what is known of those who have talked.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::people::{As, Person, contact_id, member_id, person, random, rising};

/// Takes one record after the other.
pub(crate) type Line<'a> = dyn FnMut(Value) -> anyhow::Result<()> + 'a;

/// Messages of a conversation.
pub(crate) const MEMBER_MESSAGES: usize = 10;
pub(crate) const CONTACT_MESSAGES: usize = 5;
/// Messages that a memory was drawn from.
const REFERENCES: usize = 4;
/// The definition of the attribute that contacts have.
const PLAN: usize = 1;

/// A time in the year 2024.
fn time(number: usize) -> String {
    let seconds = number % (28 * 86_400);
    let (day, rest) = (seconds / 86_400, seconds % 86_400);
    let month = number / (28 * 86_400) % 12;
    format!("2024-{:02}-{:02}T{:02}:{:02}:{:02}Z", month + 1, day + 1, rest / 3600, rest / 60 % 60, rest % 60)
}

/// Two hundred characters of made-up words.
fn said(number: usize) -> String {
    let mut text = String::new();
    for at in 0.. {
        let Person { first_name, last_name, .. } = person(As::Operator, 1 << 20, number * 64 + at);
        let _ = write!(text, "{first_name} {last_name} ");
        if text.chars().count() >= 200 {
            break;
        }
    }
    text.chars().take(200).collect()
}

pub(crate) fn member(organization: usize, number: usize) -> Value {
    let person = person(As::Member, organization, number);
    json!({
        "type": "user", "user_id": member_id(organization, number), "email": person.email,
        "first_name": person.first_name, "last_name": person.last_name,
        "is_verified": !number.is_multiple_of(5), "nonsensitive_variables": {"plan": "gold"},
    })
}

/// What contacts' attributes are, which has to come before them.
pub(crate) fn attribute(organization: usize) -> Value {
    json!({
        "type": "attribute_definition", "definition_id": random(8, organization, PLAN).to_string(),
        "entity": "contact", "identifier": "plan", "label": "Plan",
        "input": {"type": "text", "placeholder": "gold or silver"},
    })
}

pub(crate) fn contact(organization: usize, number: usize) -> Value {
    let Person { first_name, last_name, email } = person(As::Contact, organization, number);
    json!({
        "type": "contact", "contact_id": contact_id(organization, number).to_string(),
        "external_id": format!("crm-{number}"), "display_name": format!("{first_name} {last_name}"),
        "first_name": first_name, "last_name": last_name, "email": email,
        "phone": format!("+49{number:010}"), "created_at": time(number),
    })
}

/// With the attribute that [`attribute`] defines.
pub(crate) fn contact_with_attribute(organization: usize, number: usize) -> Value {
    let mut record = contact(organization, number);
    record["attributes"] = json!({ random(8, organization, PLAN).to_string(): "gold" });
    record
}

/// A member's conversation, with messages and a memory of them.
pub(crate) fn talk_of_member(
    organization: usize,
    member: usize,
    number: usize,
    write: &mut Line<'_>,
) -> anyhow::Result<()> {
    let user = member_id(organization, member);
    let conversation = rising(3, organization, number);
    write(json!({
        "type": "conversation", "conversation_id": conversation, "user_id": user,
        "started_at": time(number), "ended_at": time(number + 1), "title": "How was the week?",
    }))?;
    let messages: Vec<String> =
        (0..MEMBER_MESSAGES).map(|at| rising(4, organization, number * MEMBER_MESSAGES + at)).collect();
    for (at, message) in messages.iter().enumerate() {
        write(json!({
            "type": "message", "message_id": message, "conversation_id": conversation, "user_id": user,
            "created_at": time(number), "sender": if at % 2 == 0 { "user" } else { "agent" },
            "content": said(number * MEMBER_MESSAGES + at),
        }))?;
    }
    let mut memory = memory(organization, member, number);
    memory["references"] = json!(&messages[..REFERENCES]);
    write(memory)
}

/// A memory of no message that is known.
pub(crate) fn memory(organization: usize, member: usize, number: usize) -> Value {
    json!({
        "type": "memory", "memory_id": rising(5, organization, number), "user_id": member_id(organization, member),
        "conversation_id": rising(3, organization, number), "created_at": time(number), "references": [],
        "content": said(number), "context": "from a conversation",
    })
}

pub(crate) fn event(organization: usize, member: usize, number: usize) -> Value {
    json!({
        "type": "external_event", "external_event_id": rising(7, organization, number),
        "user_id": member_id(organization, member), "event_type": "visit", "starts_at": time(number),
        "ends_at": time(number + 1), "description": "Came in", "transcript": said(number),
    })
}

/// A contact's conversation with its messages.
pub(crate) fn talk_of_contact(
    organization: usize,
    contact: usize,
    number: usize,
    write: &mut Line<'_>,
) -> anyhow::Result<()> {
    write(json!({
        "type": "contact_conversation", "conversation_id": number,
        "contact_id": contact_id(organization, contact).to_string(), "kind": "Email", "channel": "Email",
        "direction": "Inbound", "state": "Closed", "state_changed_at": time(number),
        "details": {
            "from_email": person(As::Contact, organization, contact).email, "to_email": "help@example.net",
            "integration_email": "inbox@example.net", "subject": "A question about a bill",
        },
        "created_at": time(number),
    }))?;
    for at in 0..CONTACT_MESSAGES {
        let message = number * CONTACT_MESSAGES + at;
        write(json!({
            "type": "contact_message", "message_id": random(6, organization, message).to_string(),
            "conversation_id": number, "sender": if at % 2 == 0 { "contact" } else { "agent" },
            "content": said(message), "created_at": time(number),
        }))?;
    }
    Ok(())
}
