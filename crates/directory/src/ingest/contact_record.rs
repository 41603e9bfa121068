//! The records of a help desk: contacts, what can be noted of them, their conversations and messages. What can be
//! said of each by itself is said here.

use std::collections::BTreeSet;

use denizen_domain::contact::{
    AttributeEntity, AttributeInput, AttributeValue, Attributes, MAX_EXTERNAL_ID, SelectOption,
    is_external_id,
};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::patch::Patch;
use denizen_domain::time::Timestamp;

use super::check::{filled, in_time, text, too_many};
use super::record::limits;
use crate::contact_conversations::{
    Assignment, Browser, Channel, ConversationDetails, ConversationKind, ConversationLink, ConversationState,
    Direction, Queue,
};
use crate::error::{Error, Result};

pub use denizen_store::contact_messages::ContactMessage as ContactMessageRecord;

/// A contact. What is kept is as it is, or empty for a new one; what is cleared is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactRecord {
    /// The id that the contact has had elsewhere, and keeps. Without one, the external id says which contact it is; a
    /// new one then gets an id.
    pub contact_id: Option<UserId>,
    pub external_id: Patch<String>,
    pub display_name: Patch<String>,
    pub first_name: Patch<String>,
    pub last_name: Patch<String>,
    pub middle_names: Patch<Vec<String>>,
    pub email: Patch<String>,
    pub additional_emails: Patch<Vec<String>>,
    pub phone: Patch<String>,
    pub additional_phones: Patch<Vec<String>>,
    pub avatar_url: Patch<String>,
    /// Replaces all of them.
    pub attributes: Patch<Attributes>,
    pub created_at: Option<Timestamp>,
}

/// What can be noted. It replaces the whole definition but for `created_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeDefinitionRecord {
    pub definition_id: Uuid,
    pub entity: AttributeEntity,
    pub identifier: String,
    pub label: String,
    pub description: Option<String>,
    pub input: AttributeInput,
    pub is_required: bool,
    pub is_archived: bool,
    pub is_deactivated: bool,
    /// `None` keeps it; a new one is of the time at which it arrives.
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}

/// Which contact is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContactRef {
    Id(UserId),
    /// Of one contact only, or it says nothing.
    ExternalId(String),
}

impl ContactRef {
    /// The field of a record that names the contact.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::Id(_) => "contact_id",
            Self::ExternalId(_) => "contact_external_id",
        }
    }
}

/// A conversation. It replaces the whole conversation, but for the attributes when it has none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactConversationRecord {
    pub conversation_id: i64,
    /// The contact who holds it, and has to be there.
    pub contact: ContactRef,
    pub kind: ConversationKind,
    pub channel: Channel,
    pub direction: Option<Direction>,
    pub state: Option<ConversationState>,
    pub state_changed_at: Option<Timestamp>,
    pub assignment: Option<Assignment>,
    pub queue: Option<Queue>,
    pub link: Option<ConversationLink>,
    pub transport_expires_at: Option<Timestamp>,
    pub details: ConversationDetails,
    /// Replaces all of them.
    pub attributes: Option<Attributes>,
    pub created_at: Timestamp,
}

/// Choosing none of the options is noting nothing.
pub(super) fn without_empty(attributes: &mut Attributes) {
    attributes.retain(|_, value| *value != AttributeValue::Options(Vec::new()));
}

fn external_id(field: &str, id: &str) -> Result<()> {
    if is_external_id(id) {
        return Ok(());
    }
    Err(Error::field(
        &[field],
        format!("must have at most {MAX_EXTERNAL_ID} bytes and no control characters"),
    ))
}

/// Names, addresses and numbers are judged with what is there of the contact.
pub(super) fn check_contact(record: &ContactRecord) -> Result<()> {
    match &record.external_id {
        Patch::Set(id) if id.is_empty() => return Err(Error::field(&["external_id"], "must not be empty")),
        Patch::Set(id) => external_id("external_id", id)?,
        Patch::Keep | Patch::Clear if record.contact_id.is_some() => {}
        Patch::Keep | Patch::Clear => {
            return Err(Error::field(&["contact_id"], "must be there, or else external_id"));
        }
    }
    record.created_at.map_or(Ok(()), |time| in_time("created_at", time))
}

pub(super) fn check_definition(record: &AttributeDefinitionRecord) -> Result<()> {
    filled("identifier", &record.identifier, limits::IDENTIFIER)?;
    filled("label", &record.label, limits::TITLE)?;
    if let Some(description) = &record.description {
        text("description", description, limits::DESCRIPTION)?;
    }
    match &record.input {
        AttributeInput::Text { placeholder: None } => {}
        AttributeInput::Text { placeholder: Some(placeholder) } => {
            text("input", placeholder, limits::TITLE)?;
        }
        AttributeInput::Select { options } => check_options(options, 1, &mut BTreeSet::new())?,
    }
    record.created_at.map_or(Ok(()), |time| in_time("created_at", time))?;
    record.updated_at.map_or(Ok(()), |time| in_time("updated_at", time))
}

/// `seen` are the ids of the options before them.
fn check_options(options: &[SelectOption], depth: usize, seen: &mut BTreeSet<Uuid>) -> Result<()> {
    if depth > limits::OPTION_DEPTH && !options.is_empty() {
        let text = format!("must have at most {} levels of options", limits::OPTION_DEPTH);
        return Err(Error::field(&["input"], text));
    }
    let mut values = BTreeSet::new();
    for option in options {
        filled("input", &option.label, limits::TITLE)?;
        filled("input", &option.value, limits::TITLE)?;
        // What is noted would not tell which of them was chosen.
        if !values.insert(&option.value) {
            return Err(Error::field(&["input"], "has two options with the same value beside each other"));
        }
        if !seen.insert(option.id) {
            return Err(Error::field(&["input"], "has two options with the same id"));
        }
        if seen.len() > limits::OPTIONS {
            return Err(Error::field(&["input"], too_many(limits::OPTIONS)));
        }
        check_options(&option.nested_options, depth + 1, seen)?;
    }
    Ok(())
}

pub(super) fn check_contact_conversation(record: &ContactConversationRecord) -> Result<()> {
    if record.conversation_id < 0 {
        return Err(Error::field(&["conversation_id"], "must not be negative"));
    }
    if let ContactRef::ExternalId(id) = &record.contact {
        external_id(record.contact.field(), id)?;
    }
    let times = [
        ("created_at", Some(record.created_at)),
        ("state_changed_at", record.state_changed_at),
        ("transport_expires_at", record.transport_expires_at),
        ("assignment", record.assignment.as_ref().map(|assignment| Timestamp(assignment.assigned_at))),
        ("queue", record.queue.as_ref().and_then(|queue| queue.queued_at).map(Timestamp)),
    ];
    for (field, time) in times {
        time.map_or(Ok(()), |time| in_time(field, time))?;
    }
    check_details(record.kind, &record.details)
}

/// The details that conversations of a kind cannot be without, and those that they may have (contract section 5.5).
fn details_of(kind: ConversationKind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        ConversationKind::Chat | ConversationKind::Messenger => (&[], &["browser", "language"]),
        ConversationKind::ContactForm => {
            (&["from_email"], &["to_email", "integration_email", "language", "subject"])
        }
        ConversationKind::Email => {
            (&["from_email", "to_email", "integration_email"], &["language", "subject"])
        }
        ConversationKind::Generic => (&[], &["from_contact_point_id", "to_contact_point_id"]),
        ConversationKind::Sms => (&[], &["from_number", "to_number"]),
        ConversationKind::Twitter => {
            (&["twitter_type"], &["contact_point_twitter_id", "end_user_twitter_id"])
        }
        ConversationKind::FacebookMessenger | ConversationKind::PstnPhone | ConversationKind::WhatsApp => {
            (&[], &[])
        }
    }
}

fn check_details(kind: ConversationKind, details: &ConversationDetails) -> Result<()> {
    let (required, optional) = details_of(kind);
    let twitter_type = details.twitter_type.map(|kind| kind.as_str().to_owned());
    let browser = details.browser.as_ref().map(|browser| browser.name.clone());
    let given = [
        ("browser", &browser),
        ("language", &details.language),
        ("subject", &details.subject),
        ("from_email", &details.from_email),
        ("to_email", &details.to_email),
        ("integration_email", &details.integration_email),
        ("from_contact_point_id", &details.from_contact_point_id),
        ("to_contact_point_id", &details.to_contact_point_id),
        ("from_number", &details.from_number),
        ("to_number", &details.to_number),
        ("twitter_type", &twitter_type),
        ("contact_point_twitter_id", &details.contact_point_twitter_id),
        ("end_user_twitter_id", &details.end_user_twitter_id),
    ];
    let refused = |name: &str, text: String| Err(Error::field(&["details", name], text));
    for (name, value) in given {
        let is_required = required.contains(&name);
        let Some(value) = value else {
            if is_required {
                return refused(name, format!("must be there for the kind {}", kind.as_str()));
            }
            continue;
        };
        if !is_required && !optional.contains(&name) {
            return refused(name, format!("must not be there for the kind {}", kind.as_str()));
        }
        let bound = if is_required { filled } else { text };
        bound(name, value, limits::TITLE).or_else(|error| refused(name, error.text))?;
    }
    details.browser.as_ref().map_or(Ok(()), check_browser)
}

fn check_browser(browser: &Browser) -> Result<()> {
    let parts = [
        ("version", &browser.version, limits::TITLE),
        ("ip_address", &browser.ip_address, limits::TITLE),
        ("originating_url", &browser.originating_url, limits::URL),
    ];
    let within = |name: &str, error: Error| Error::field(&["details", "browser", name], error.text);
    filled("name", &browser.name, limits::TITLE).map_err(|error| within("name", error))?;
    for (name, value, longest) in parts {
        let Some(value) = value else { continue };
        text(name, value, longest).map_err(|error| within(name, error))?;
    }
    Ok(())
}

pub(super) fn check_contact_message(record: &ContactMessageRecord) -> Result<()> {
    in_time("created_at", record.created_at)?;
    filled("sender", &record.sender, limits::SENDER)?;
    text("content", &record.content, limits::CONTENT)
}
