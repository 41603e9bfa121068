//! One line of the stream: from its bytes to a record of the rules.

use std::borrow::Cow;

use denizen_directory::ingest::{
    ConversationRecord, ExternalEventRecord, MemoryRecord, MessageRecord, Record, UserModelRecord, UserRecord,
};
use denizen_directory::linked_accounts::google_account;
use denizen_domain::member::{Preferences, UserDimension};
use denizen_domain::patch::Patch;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::{help_desk, registry};
use crate::admin::errors;
use crate::admin::strict::parse;
use crate::admin::wire::{self, LineProblem};
use crate::kernel::Object;

/// The longest id that is repeated in the answer to a line that was refused, in bytes.
const LONGEST_ID: usize = 64;

/// What a line says, or why it says nothing; its type and id as far as they could be read.
pub(super) struct Read {
    pub(super) kind: Option<&'static str>,
    pub(super) id: Option<String>,
    pub(super) record: Result<Record, LineProblem>,
}

/// What is looked at first: the type decides what else there may be.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head<'l> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    kind: Option<Cow<'l, str>>,
    #[serde(borrow, deserialize_with = "text")]
    user_id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    conversation_id: Named<'l>,
    #[serde(borrow, deserialize_with = "text")]
    message_id: Option<Cow<'l, str>>,
    #[serde(borrow, deserialize_with = "text")]
    memory_id: Option<Cow<'l, str>>,
    #[serde(borrow, deserialize_with = "text")]
    user_model_id: Option<Cow<'l, str>>,
    #[serde(borrow, deserialize_with = "text")]
    external_event_id: Option<Cow<'l, str>>,
    #[serde(borrow, deserialize_with = "text")]
    contact_id: Option<Cow<'l, str>>,
    #[serde(borrow, deserialize_with = "text")]
    definition_id: Option<Cow<'l, str>>,
    #[serde(borrow, deserialize_with = "text")]
    environment_id: Option<Cow<'l, str>>,
    #[serde(borrow, deserialize_with = "text")]
    bot_id: Option<Cow<'l, str>>,
}

/// The id of a conversation: a text, or a number where it is one of a contact.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named<'l> {
    Text(#[serde(borrow)] Cow<'l, str>),
    Number(i64),
    Other(IgnoredAny),
}

impl Default for Named<'_> {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

impl<'l> Named<'l> {
    fn text(self) -> Option<Cow<'l, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Other(_) => None,
        }
    }

    fn number(self) -> Option<Cow<'l, str>> {
        match self {
            Self::Number(number) => Some(number.to_string().into()),
            Self::Text(_) | Self::Other(_) => None,
        }
    }
}

/// A text; whatever else stands there is none, and is complained of later.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Any<'a> {
        Text(#[serde(borrow)] Cow<'a, str>),
        Other(IgnoredAny),
    }
    Ok(match Any::deserialize(deserializer)? {
        Any::Text(text) => Some(text),
        Any::Other(_) => None,
    })
}

/// Reads a line without its end. Transcripts may have this many bytes.
pub(super) fn read(line: &[u8], transcript_bytes: usize) -> Read {
    // What is no object, or no JSON, fails again below, where it gets its words.
    let head: Head<'_> = serde_json::from_slice(line).unwrap_or_default();
    let (kind, id, record) = match head.kind.as_deref() {
        Some("user") => ("user", head.user_id, parse(line).and_then(user)),
        Some("conversation") => ("conversation", head.conversation_id.text(), parse(line).map(conversation)),
        Some("message") => ("message", head.message_id, parse(line).map(message)),
        Some("memory") => ("memory", head.memory_id, parse(line).map(memory)),
        Some("user_model") => ("user_model", head.user_model_id, parse(line).map(user_model)),
        Some("external_event") => (
            "external_event",
            head.external_event_id,
            parse(line).and_then(|event| external_event(event, transcript_bytes)),
        ),
        Some("contact") => ("contact", head.contact_id, parse(line).map(help_desk::contact)),
        Some("attribute_definition") => (
            "attribute_definition",
            head.definition_id,
            parse(line).and_then(help_desk::attribute_definition),
        ),
        Some("contact_conversation") => (
            "contact_conversation",
            head.conversation_id.number(),
            parse(line).and_then(help_desk::conversation),
        ),
        Some("contact_message") => ("contact_message", head.message_id, parse(line).map(help_desk::message)),
        Some("environment") => ("environment", head.environment_id, parse(line).map(registry::environment)),
        Some("bot") => ("bot", head.bot_id, parse(line).map(registry::bot)),
        other => return Read { kind: None, id: None, record: Err(without_type(line, other)) },
    };
    let id = id.filter(|id| id.len() <= LONGEST_ID).map(Cow::into_owned);
    Read { kind: Some(kind), id, record }
}

const TYPES: [&str; 12] = [
    "user",
    "conversation",
    "message",
    "memory",
    "user_model",
    "external_event",
    "contact",
    "attribute_definition",
    "contact_conversation",
    "contact_message",
    "environment",
    "bot",
];

/// From this likeness on (0 to 1) a type is taken for a slip of another.
const NEAR: f64 = 0.6;

/// The type that a word comes nearest to, where one is near. A word that is very long is none, and costs time.
fn nearest_type(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let likeness = |known: &'static str| (strsim::normalized_damerau_levenshtein(&word, known), known);
    let near = TYPES.into_iter().filter(|_| word.len() <= LONGEST_ID).map(likeness);
    let nearest = near.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.filter(|(likeness, _)| *likeness >= NEAR).map(|(_, known)| known)
}

fn without_type(line: &[u8], given: Option<&str>) -> LineProblem {
    #[derive(Deserialize)]
    struct Anything {}
    if let Err(problem) = parse::<Anything>(line) {
        return problem;
    }
    let [others @ .., last] = TYPES;
    let mut message = format!("must be {} or {last}", others.join(", "));
    if let Some(near) = given.and_then(nearest_type) {
        message.push_str("; the nearest is ");
        message.push_str(near);
    }
    let code = if given.is_some() { "unknown_type" } else { "invalid_field" };
    LineProblem { code, message, field: vec!["type".to_owned()] }
}

fn user(record: wire::UserRecord) -> Result<Record, LineProblem> {
    let account = match record.google_account {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(Object(account)) => {
            let account = google_account(&account.account_id, account.tenant.as_deref());
            Patch::Set(account.map_err(|mut error| {
                error.field.insert(0, "google_account".to_owned());
                errors::of_line(error)
            })?)
        }
    };
    Ok(Record::User(Box::new(UserRecord {
        user_id: record.user_id.0,
        email: record.email.0,
        first_name: record.first_name,
        last_name: record.last_name,
        role_name: record.role_name,
        is_verified: record.is_verified,
        preferences: record.preferences.map(|Object(given)| preferences(given)),
        open_variables: record.nonsensitive_variables,
        secret_variables: record.sensitive_variables,
        additional_context: record.additional_context,
        created_at: record.created_at.map(|time| time.0),
        google_account: account,
    })))
}

fn preferences(given: wire::Preferences) -> Preferences {
    let defaults = Preferences::default();
    Preferences {
        enable_response_recommendation: given
            .enable_response_recommendation
            .unwrap_or(defaults.enable_response_recommendation),
        preferred_language: given.preferred_language,
        conversations_visible_to_admins: given
            .conversations_visible_to_admins
            .unwrap_or(defaults.conversations_visible_to_admins),
        user_model_visible_to_admins: given
            .user_model_visible_to_admins
            .unwrap_or(defaults.user_model_visible_to_admins),
        timezone: given.timezone,
        audio_keyterms: given.audio_keyterms.unwrap_or_default(),
    }
}

fn conversation(record: wire::ConversationRecord) -> Record {
    Record::Conversation(ConversationRecord {
        conversation_id: record.conversation_id.0,
        user_id: record.user_id.0,
        started_at: record.started_at.0,
        ended_at: record.ended_at.map(|time| time.0),
        title: record.title,
    })
}

fn message(record: wire::MessageRecord) -> Record {
    Record::Message(MessageRecord {
        message_id: record.message_id.0,
        conversation_id: record.conversation_id.0,
        user_id: record.user_id.0,
        created_at: record.created_at.0,
        sender: record.sender,
        content: record.content,
    })
}

fn memory(record: wire::MemoryRecord) -> Record {
    Record::Memory(MemoryRecord {
        memory_id: record.memory_id.0,
        user_id: record.user_id.0,
        conversation_id: record.conversation_id.0,
        created_at: record.created_at.0,
        references: record.references.into_iter().map(|id| id.0).collect(),
        content: record.content,
        context: record.context,
    })
}

fn user_model(record: wire::UserModelRecord) -> Record {
    let dimension = |Object(dimension): Object<wire::Dimension>| UserDimension {
        description: dimension.description,
        tags: dimension.tags,
    };
    Record::UserModel(UserModelRecord {
        user_model_id: record.user_model_id.0,
        user_id: record.user_id.0,
        content: record.content,
        insight_ids: record.insight_ids,
        dimensions: record.dimensions.into_iter().map(dimension).collect(),
        created_at: record.created_at.map(|time| time.0),
    })
}

fn external_event(record: wire::ExternalEventRecord, transcript_bytes: usize) -> Result<Record, LineProblem> {
    if record.transcript.as_ref().is_some_and(|transcript| transcript.len() > transcript_bytes) {
        let message = format!("must have at most {transcript_bytes} bytes");
        return Err(LineProblem { code: "invalid_field", message, field: vec!["transcript".to_owned()] });
    }
    Ok(Record::ExternalEvent(ExternalEventRecord {
        external_event_id: record.external_event_id.0,
        user_id: record.user_id.0,
        event_type: record.event_type,
        starts_at: record.starts_at.0,
        ends_at: record.ends_at.0,
        description: record.description,
        transcript: record.transcript,
    }))
}
