//! The records that are taken in, and how long their parts may be.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::{Preferences, Variables};
use denizen_domain::patch::Patch;
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;

use crate::linked_accounts::LinkedAccount;

pub use super::contact_record::{
    AttributeDefinitionRecord, ContactConversationRecord, ContactMessageRecord, ContactRecord, ContactRef,
};
pub use super::registry::{BotRecord, EnvironmentRecord};
pub use denizen_store::conversations::Conversation as ConversationRecord;
pub use denizen_store::memories::Memory as MemoryRecord;
pub use denizen_store::messages::Message as MessageRecord;
pub use denizen_store::user_models::UserModel as UserModelRecord;

/// How long the parts of a record may be: texts in characters, lists in entries. A record as a whole is bounded by
/// whoever reads it.
pub mod limits {
    /// A message's content, a memory's content and context, a model's content and the descriptions of its dimensions.
    pub const CONTENT: usize = 1 << 20;
    /// The title of a conversation; also a user's names, the words of attributes and options, and the details of a
    /// contact's conversation.
    pub const TITLE: usize = denizen_domain::text::MAX_LINE;
    /// Who has written a message, in the platform's words.
    pub const SENDER: usize = 256;
    /// The messages that a memory refers to.
    pub const REFERENCES: usize = 1_000;
    /// The insights that a model names …
    pub const INSIGHTS: usize = 1_000;
    /// … and each of their ids.
    pub const INSIGHT_ID: usize = 256;
    /// The dimensions of a model …
    pub const DIMENSIONS: usize = 1_000;
    /// … and the tags of each.
    pub const TAGS: usize = 1_000;
    /// The type of an event, by which events are sorted: it has to fit into an index.
    pub const EVENT_TYPE: usize = crate::external_events::MAX_TYPE;
    /// What an event was.
    pub const EVENT_DESCRIPTION: usize = crate::external_events::MAX_DESCRIPTION;
    /// The key terms of a user's preferences.
    pub const KEYTERMS: usize = 20;
    /// The value of a variable.
    pub const VARIABLE: usize = 255;
    /// The definitions of attributes that an organization has …
    pub const DEFINITIONS: usize = 1_000;
    /// … and the bytes of all their options, as the store keeps them: all definitions are listed at once.
    pub const DEFINITION_BYTES: usize = 16 << 20;
    /// The word by which programs know an attribute.
    pub const IDENTIFIER: usize = 256;
    /// What an attribute is for.
    pub const DESCRIPTION: usize = 10_000;
    /// The options of an attribute, in all their levels …
    pub const OPTIONS: usize = 1_000;
    /// … and how many levels there are.
    pub const OPTION_DEPTH: usize = 5;
    /// The address of the page from which a contact wrote, or of the picture of a bot.
    pub const URL: usize = 10_000;
    /// The name of an environment or a bot.
    pub const PLACE_NAME: usize = denizen_domain::operator::MAX_OPERATOR_LINE;
}

/// The role of a new member whose record names none.
pub(super) const NEW_MEMBERS_ROLE: &str = "DefaultUserRole";

/// One record; its id says which row it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    User(Box<UserRecord>),
    Conversation(ConversationRecord),
    Message(MessageRecord),
    Memory(MemoryRecord),
    UserModel(UserModelRecord),
    ExternalEvent(ExternalEventRecord),
    Contact(Box<ContactRecord>),
    AttributeDefinition(Box<AttributeDefinitionRecord>),
    ContactConversation(Box<ContactConversationRecord>),
    ContactMessage(ContactMessageRecord),
    Environment(EnvironmentRecord),
    Bot(BotRecord),
}

/// A member. What is `None` is kept as it is, or as it is for new members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The id that the member has had elsewhere, and keeps.
    pub user_id: UserId,
    pub email: Email,
    pub first_name: String,
    pub last_name: String,
    /// A new member has [`NEW_MEMBERS_ROLE`].
    pub role_name: Option<String>,
    /// A new member is not.
    pub is_verified: Option<bool>,
    /// Replaces all of them; a new member without has the organization's.
    pub preferences: Option<Preferences>,
    /// Replaces all variables of this kind; so also the next field.
    pub open_variables: Option<Variables>,
    pub secret_variables: Option<Variables>,
    /// Replaces the whole list.
    pub additional_context: Option<Vec<String>>,
    pub created_at: Option<Timestamp>,
    /// The account at Google Identity Platform, from [`crate::linked_accounts::google_account`].
    pub google_account: Patch<LinkedAccount>,
}

/// Something that happened to a member outside of conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalEventRecord {
    pub external_event_id: ObjectId,
    pub user_id: UserId,
    pub event_type: String,
    pub starts_at: Timestamp,
    /// Not before `starts_at`.
    pub ends_at: Timestamp,
    pub description: String,
    /// Bounded by whoever reads the record.
    pub transcript: Option<String>,
}
