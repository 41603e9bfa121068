//! The native API's structs as they stand on the wire, and nothing else.

#![expect(clippy::struct_field_names, reason = "the names are those of the columns that platforms have")]

pub(super) mod contacts;
pub(super) mod help_desk;
pub(super) mod registry;

use std::collections::BTreeMap;

use denizen_directory::ingest::limits;
use denizen_directory::linked_accounts::{MAX_ACCOUNT_ID, MAX_TENANT_ID};
use denizen_directory::members::{MAX_ADDITIONAL_CONTEXT, MAX_CONTEXT_LENGTH};
use denizen_domain::member::MAX_VARIABLES;
use denizen_domain::patch::Patch;
use denizen_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::fields::{Email, Id, Time, User};
use crate::kernel::Object;

// ---- problems ----

/// RFC 9457: what went wrong with a request.
#[derive(Serialize, JsonSchema)]
pub(super) struct ProblemBody {
    /// Always `about:blank`: `code` tells problems apart.
    pub(super) r#type: &'static str,
    /// What the status means.
    pub(super) title: &'static str,
    pub(super) status: u16,
    /// Names the problem, such as `user_not_found`.
    pub(super) code: &'static str,
    /// For people.
    pub(super) detail: String,
    /// The fields that were refused, if it is about fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<FieldError>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct FieldError {
    /// The way to the field, from `body`, `query` or `header` on.
    pub(super) field: Vec<String>,
    pub(super) message: String,
}

// ---- records ----

/// One line of the stream.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the line for the documentation")]
pub(super) enum Record {
    User(UserRecord),
    Conversation(ConversationRecord),
    Message(MessageRecord),
    Memory(MemoryRecord),
    UserModel(UserModelRecord),
    ExternalEvent(ExternalEventRecord),
    Contact(help_desk::ContactRecord),
    AttributeDefinition(help_desk::AttributeDefinitionRecord),
    ContactConversation(help_desk::ContactConversationRecord),
    ContactMessage(help_desk::ContactMessageRecord),
    Environment(registry::EnvironmentRecord),
    Bot(registry::BotRecord),
}

/// The value of `type` in the record of a user.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UserType {
    User,
}

/// The value of `type` in the record of a conversation.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConversationType {
    Conversation,
}

/// The value of `type` in the record of a message.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MessageType {
    Message,
}

/// The value of `type` in the record of a memory.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MemoryType {
    Memory,
}

/// The value of `type` in the record of a user model.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UserModelType {
    UserModel,
}

/// The value of `type` in the record of an external event.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ExternalEventType {
    ExternalEvent,
}

/// A user, with the id that the user has had elsewhere. What is absent or `null` is kept of a user who is there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: UserType,
    pub(super) user_id: User,
    /// Unique in the organization, case aside.
    pub(super) email: Email,
    #[schemars(length(min = 1, max = limits::TITLE))]
    pub(super) first_name: String,
    #[schemars(length(min = 1, max = limits::TITLE))]
    pub(super) last_name: String,
    /// The name of a role of the organization; a new user without has `DefaultUserRole`. To make a user of the role or
    /// give it to one, the caller needs greater privileges than it.
    pub(super) role_name: Option<String>,
    /// A new user without is not.
    pub(super) is_verified: Option<bool>,
    /// All of them together; a new user without has those that the organization has for new users.
    pub(super) preferences: Option<Object<Preferences>>,
    /// All of them together; names `^[a-z_][a-z0-9_]+$`, values of 1 to 255 characters.
    #[schemars(extend("maxProperties" = MAX_VARIABLES))]
    pub(super) nonsensitive_variables: Option<BTreeMap<String, String>>,
    /// All of them together. The values are never given out again.
    #[schemars(extend("maxProperties" = MAX_VARIABLES))]
    pub(super) sensitive_variables: Option<BTreeMap<String, String>>,
    /// All of it together.
    #[schemars(length(max = MAX_ADDITIONAL_CONTEXT), inner(length(min = 1, max = MAX_CONTEXT_LENGTH)))]
    pub(super) additional_context: Option<Vec<String>>,
    /// When the user began; the time of arrival where it is absent.
    pub(super) created_at: Option<Time>,
    /// `null` forgets the account, absent keeps it.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<GoogleAccount>")]
    pub(super) google_account: Patch<Object<GoogleAccount>>,
}

/// Tells `null` from absent.
fn patch<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Patch<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map_or(Patch::Clear, Patch::Set))
}

/// What a user prefers. What is absent or `null` has its default, whatever the user preferred before.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Preferences {
    /// Default false.
    pub(super) enable_response_recommendation: Option<bool>,
    /// Two letters, or a code of ISO 639-3.
    pub(super) preferred_language: Option<String>,
    /// Default true.
    pub(super) conversations_visible_to_admins: Option<bool>,
    /// Default true.
    pub(super) user_model_visible_to_admins: Option<bool>,
    /// An IANA name.
    pub(super) timezone: Option<String>,
    /// Each one to three words of `a-z` and `-`.
    #[schemars(length(max = 20))]
    pub(super) audio_keyterms: Option<Vec<String>>,
}

/// An account at Google Identity Platform.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GoogleAccount {
    /// The account's `localId`.
    #[schemars(length(min = 1, max = MAX_ACCOUNT_ID))]
    pub(super) account_id: String,
    /// The tenant of the project, where the account is one of a tenant.
    #[schemars(length(min = 1, max = MAX_TENANT_ID))]
    pub(super) tenant: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConversationRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: ConversationType,
    pub(super) conversation_id: Id,
    /// Whose conversation it is. The user may arrive later; so also in the records below.
    pub(super) user_id: User,
    pub(super) started_at: Time,
    /// Absent while it goes on; not before `started_at`.
    pub(super) ended_at: Option<Time>,
    #[schemars(length(max = limits::TITLE))]
    pub(super) title: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: MessageType,
    pub(super) message_id: Id,
    /// The conversation may arrive later.
    pub(super) conversation_id: Id,
    /// Who holds the conversation, whoever has written the message.
    pub(super) user_id: User,
    pub(super) created_at: Time,
    /// Who has written it: `user`, `agent`, or the platform's own word.
    #[schemars(length(min = 1, max = limits::SENDER))]
    pub(super) sender: String,
    #[schemars(length(max = limits::CONTENT))]
    pub(super) content: String,
}

/// What was concluded from messages. Who may not read all of them does not see it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemoryRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: MemoryType,
    pub(super) memory_id: Id,
    pub(super) user_id: User,
    pub(super) conversation_id: Id,
    pub(super) created_at: Time,
    /// The messages that it was drawn from; they may arrive later. There may be none.
    #[schemars(length(max = limits::REFERENCES))]
    pub(super) references: Vec<Id>,
    #[schemars(length(min = 1, max = limits::CONTENT))]
    pub(super) content: String,
    #[schemars(length(max = limits::CONTENT))]
    pub(super) context: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserModelRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: UserModelType,
    pub(super) user_model_id: Id,
    pub(super) user_id: User,
    #[schemars(length(max = limits::CONTENT))]
    pub(super) content: String,
    #[serde(default)]
    #[schemars(length(max = limits::INSIGHTS), inner(length(min = 1, max = limits::INSIGHT_ID)))]
    pub(super) insight_ids: Vec<String>,
    #[serde(default)]
    #[schemars(length(max = limits::DIMENSIONS))]
    pub(super) dimensions: Vec<Object<Dimension>>,
    /// The time of arrival where it is absent.
    pub(super) created_at: Option<Time>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Dimension {
    #[schemars(length(max = limits::CONTENT))]
    pub(super) description: String,
    #[schemars(length(max = limits::TAGS), inner(length(max = limits::TITLE)))]
    pub(super) tags: Vec<String>,
}

/// Something that happened to a user outside of conversations.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExternalEventRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: ExternalEventType,
    pub(super) external_event_id: Id,
    pub(super) user_id: User,
    /// What kind of event it is, in the platform's words.
    #[schemars(length(min = 1, max = limits::EVENT_TYPE))]
    pub(super) event_type: String,
    pub(super) starts_at: Time,
    /// Not before `starts_at`.
    pub(super) ends_at: Time,
    #[schemars(length(min = 1, max = limits::EVENT_DESCRIPTION))]
    pub(super) description: String,
    /// At most 1 MiB, or what `amigo.transcript_bytes` says.
    pub(super) transcript: Option<String>,
}

// ---- what became of them ----

/// One line of the answer.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Line {
    Taken(LineResult),
    End { summary: Summary },
    Stop { stopped: Stopped },
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LineResult {
    /// The number of the line, from 1 on; empty lines count and are not answered.
    pub line: u64,
    /// The record's type and id, as far as they could be read; the contact's id, where a contact came without one.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub result: RecordResult,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<LineProblem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordResult {
    Created,
    Updated,
    /// It says nothing that was not known.
    Unchanged,
    /// It was not taken in, and has changed nothing.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LineProblem {
    /// Names the problem, such as `invalid_json`.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// The way to the field, if it is about one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub field: Vec<String>,
}

/// The last line when every line was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Summary {
    /// Lines that are not empty: the sum of the others.
    pub lines: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub refused: u64,
}

/// The last line when the stream had to end before.
#[derive(Serialize, JsonSchema)]
pub(super) struct Stopped {
    /// Names the problem, such as `invalid_credentials`, `unavailable` or `stopping`.
    pub(super) code: &'static str,
    /// For people.
    pub(super) message: String,
    /// The first line that nothing was done about: begin again with it.
    pub(super) line: u64,
}

// ---- jobs ----

#[derive(Serialize, JsonSchema)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Job>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Job {
    pub(super) job_id: String,
    /// What it does, such as `user.erase`.
    pub(super) kind: String,
    /// `waiting`, `running` or `failed`; one that has failed is not tried again.
    pub(super) state: &'static str,
    /// How often it was begun.
    pub(super) attempts: i64,
    /// When it is tried next.
    #[schemars(with = "DateTime")]
    pub(super) run_at: Timestamp,
    #[schemars(with = "DateTime")]
    pub(super) created_at: Timestamp,
    /// Why the last attempt failed.
    pub(super) last_error: Option<String>,
    /// Why it waits though nothing went wrong, where that can be told.
    pub(super) waits_for: Option<&'static str>,
}

/// A time in RFC 3339 form with its zone.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(super) struct DateTime(
    #[expect(dead_code, reason = "only the schema is used")]
    #[schemars(extend("format" = "date-time"))]
    String,
);
