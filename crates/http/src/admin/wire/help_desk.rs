//! The records of a help desk as they stand on the wire.

use std::fmt;

use denizen_directory::contact_conversations::{
    Channel, ConversationKind, ConversationState, Direction, LinkKind, TwitterType,
};
use denizen_directory::ingest::limits;
use denizen_domain::contact::{self, AttributeEntity, MAX_EXTERNAL_ID, MAX_LIST, MAX_NAME};
use denizen_domain::patch::Patch;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::patch;
use crate::admin::fields::{DefinitionId, DeskTime, Guid, Vocabulary, Word};
use crate::kernel::Object;

/// The value of `type` in a record of this kind. It is looked at before the rest is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::admin) enum ContactType {
    Contact,
}

/// The value of `type` in a record of this kind. It is looked at before the rest is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::admin) enum AttributeDefinitionType {
    AttributeDefinition,
}

/// The value of `type` in a record of this kind. It is looked at before the rest is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::admin) enum ContactConversationType {
    ContactConversation,
}

/// The value of `type` in a record of this kind. It is looked at before the rest is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::admin) enum ContactMessageType {
    ContactMessage,
}

/// Somebody who writes to the organization or calls it. What is absent is kept of a contact who is there; `null` is
/// taken away, a list or map replaces the whole one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ContactRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: ContactType,
    /// The id that the contact has had elsewhere. Without one, `external_id` says which contact it is; where nobody
    /// has it, there is a new contact, and where several have it, the record is refused.
    pub(in crate::admin) contact_id: Option<Guid>,
    /// The id of the contact in another system; several contacts may have the same. Required without `contact_id`.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>", length(min = 1, max = MAX_EXTERNAL_ID))]
    pub(in crate::admin) external_id: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>", length(max = MAX_NAME))]
    pub(in crate::admin) display_name: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>", length(max = MAX_NAME))]
    pub(in crate::admin) first_name: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>", length(max = MAX_NAME))]
    pub(in crate::admin) last_name: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<Vec<String>>", length(max = MAX_LIST))]
    pub(in crate::admin) middle_names: Patch<Vec<String>>,
    /// The primary address. An address is one contact's only, case aside.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>")]
    pub(in crate::admin) email: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<Vec<String>>", length(max = MAX_LIST))]
    pub(in crate::admin) additional_emails: Patch<Vec<String>>,
    /// The primary number: `+` and 7 to 15 digits; spaces, dashes, dots and parentheses are dropped. A number is one
    /// contact's only.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>")]
    pub(in crate::admin) phone: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<Vec<String>>", length(max = MAX_LIST))]
    pub(in crate::admin) additional_phones: Patch<Vec<String>>,
    /// The address of a picture; it is kept as it is.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<String>", length(max = MAX_NAME))]
    pub(in crate::admin) avatar_url: Patch<String>,
    /// What is noted of the contact. The definitions have to be there, and be of contacts.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<Attributes>")]
    pub(in crate::admin) attributes: Patch<Attributes>,
    /// When the contact began; of a new one, the time of arrival where it is absent. `[GMT]` or `[UTC]` may stand behind
    /// the `Z`; so also in the other times of a help desk's records.
    pub(in crate::admin) created_at: Option<DeskTime>,
}

/// By the id of their definition.
pub(in crate::admin) struct Attributes(pub(in crate::admin) contact::Attributes);

/// A text, or the values of the chosen options, outer ones before those nested in them.
struct AttributeValue(contact::AttributeValue);

const VALUE_FORM: &str = "must be a text or a list of texts";

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;
        impl<'de> Visitor<'de> for Value {
            type Value = AttributeValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(VALUE_FORM)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<AttributeValue, E> {
                Ok(AttributeValue(contact::AttributeValue::Text(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AttributeValue, A::Error> {
                let mut options = Vec::new();
                while let Some(option) = list.next_element()? {
                    options.push(option);
                }
                Ok(AttributeValue(contact::AttributeValue::Options(options)))
            }
        }
        deserializer.deserialize_any(Value)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Attributes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Attributes, A::Error> {
                let mut attributes = contact::Attributes::new();
                while let Some((DefinitionId(id), AttributeValue(value))) = members.next_entry()? {
                    if attributes.insert(id, value).is_some() {
                        return Err(A::Error::custom(format_args!("{id} is there twice")));
                    }
                }
                Ok(Attributes(attributes))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl JsonSchema for Attributes {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Attributes".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": generator.subschema_for::<Guid>(),
            "additionalProperties": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            },
        })
    }
}

/// What can be noted of contacts or conversations. The whole definition is replaced, but for `created_at` where that is
/// absent; `entity` and the type of `input` stay as they are.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct AttributeDefinitionRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: AttributeDefinitionType,
    pub(in crate::admin) definition_id: Guid,
    /// What it is noted of.
    pub(in crate::admin) entity: Word<AttributeEntity>,
    /// The word by which programs know it: of one definition of the entity only, archived ones aside.
    #[schemars(length(min = 1, max = limits::IDENTIFIER))]
    pub(in crate::admin) identifier: String,
    #[schemars(length(min = 1, max = limits::TITLE))]
    pub(in crate::admin) label: String,
    #[schemars(length(max = limits::DESCRIPTION))]
    pub(in crate::admin) description: Option<String>,
    pub(in crate::admin) input: Object<AttributeInput>,
    /// Whether it cannot be taken away from what has it. Default false.
    pub(in crate::admin) is_required: Option<bool>,
    /// Whether nothing is noted under it any more, and it is not shown. Default false.
    pub(in crate::admin) is_archived: Option<bool>,
    /// Whether nothing new is noted under it. Default false.
    pub(in crate::admin) is_deactivated: Option<bool>,
    /// Kept where it is absent; of a new one, the time of arrival.
    pub(in crate::admin) created_at: Option<DeskTime>,
    /// When it was last changed where it comes from, if it was.
    pub(in crate::admin) updated_at: Option<DeskTime>,
}

/// How an attribute is filled in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) enum InputType {
    Text,
    Select,
}

/// How an attribute is filled in: with a text, or by choosing options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct AttributeInput {
    pub(in crate::admin) r#type: Word<InputType>,
    /// Of the type `text` only.
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) placeholder: Option<String>,
    /// Of the type `select`, which needs it. At most 1,000 in all levels together, and at most 5 levels.
    pub(in crate::admin) options: Option<Vec<Object<SelectOption>>>,
}

/// A choice, and those that it opens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct SelectOption {
    /// Unique among all options of the definition.
    pub(in crate::admin) id: Guid,
    #[schemars(length(min = 1, max = limits::TITLE))]
    pub(in crate::admin) label: String,
    /// What is noted when it is chosen.
    #[schemars(length(min = 1, max = limits::TITLE))]
    pub(in crate::admin) value: String,
    /// Whether it cannot be chosen anew. Default false.
    pub(in crate::admin) is_deactivated: Option<bool>,
    /// Its place in the list where it is absent, from 0 on.
    pub(in crate::admin) order_index: Option<i32>,
    #[serde(default)]
    pub(in crate::admin) nested_options: Vec<Object<SelectOption>>,
}

/// A conversation of a contact with the help desk. The whole conversation is replaced, but for `attributes` where
/// they are absent. Of whom it is stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ContactConversationRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind_of_record: ContactConversationType,
    #[schemars(range(min = 0))]
    pub(in crate::admin) conversation_id: i64,
    /// The contact who holds it, and who has to be there. Either this or `contact_external_id` is required.
    pub(in crate::admin) contact_id: Option<Guid>,
    /// The `external_id` of one contact, and of no other.
    #[schemars(length(min = 1, max = MAX_EXTERNAL_ID))]
    pub(in crate::admin) contact_external_id: Option<String>,
    /// What the conversation is, which decides what `details` it has.
    pub(in crate::admin) kind: Word<ConversationKind>,
    pub(in crate::admin) channel: Word<Channel>,
    pub(in crate::admin) direction: Option<Word<Direction>>,
    /// Every state but `Closed` keeps the contact from being anonymized, unless that is forced.
    pub(in crate::admin) state: Option<Word<ConversationState>>,
    pub(in crate::admin) state_changed_at: Option<DeskTime>,
    pub(in crate::admin) assignment: Option<Object<ConversationAssignment>>,
    pub(in crate::admin) queue: Option<Object<ConversationQueue>>,
    pub(in crate::admin) link: Option<Object<ConversationLink>>,
    pub(in crate::admin) transport_expires_at: Option<DeskTime>,
    pub(in crate::admin) details: Option<Object<ConversationDetails>>,
    /// What is noted of the conversation. The definitions have to be there, and be of conversations.
    pub(in crate::admin) attributes: Option<Attributes>,
    pub(in crate::admin) created_at: DeskTime,
}

/// Who of the help desk talks with the contact.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ConversationAssignment {
    pub(in crate::admin) agent_id: Guid,
    pub(in crate::admin) assigned_at: DeskTime,
}

/// Where a conversation waits.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ConversationQueue {
    pub(in crate::admin) id: Guid,
    pub(in crate::admin) queued_at: Option<DeskTime>,
}

/// The conversation from which another one came; it need not be there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ConversationLink {
    pub(in crate::admin) parent_id: i64,
    pub(in crate::admin) kind: Word<LinkKind>,
}

/// What the kinds of conversations have of their own; what a kind does not have is refused.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ConversationDetails {
    /// Of `Chat` and `Messenger`.
    pub(in crate::admin) browser: Option<Object<Browser>>,
    /// Of `Chat`, `Messenger`, `ContactForm` and `Email`.
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) language: Option<String>,
    /// Of `ContactForm` and `Email`.
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) subject: Option<String>,
    /// Of `ContactForm` and `Email`, which need it.
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) from_email: Option<String>,
    /// Of `Email`, which needs it, and `ContactForm`.
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) to_email: Option<String>,
    /// Of `Email`, which needs it, and `ContactForm`.
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) integration_email: Option<String>,
    /// Of `Generic`; so also the next field.
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) from_contact_point_id: Option<String>,
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) to_contact_point_id: Option<String>,
    /// Of `Sms`; so also the next field.
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) from_number: Option<String>,
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) to_number: Option<String>,
    /// Of `Twitter`, which needs it.
    pub(in crate::admin) twitter_type: Option<Word<TwitterType>>,
    /// Of `Twitter`; so also the next field.
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) contact_point_twitter_id: Option<String>,
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) end_user_twitter_id: Option<String>,
}

/// The browser from which a contact writes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Browser {
    #[schemars(length(min = 1, max = limits::TITLE))]
    pub(in crate::admin) name: String,
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) version: Option<String>,
    #[schemars(length(max = limits::TITLE))]
    pub(in crate::admin) ip_address: Option<String>,
    #[schemars(length(max = limits::URL))]
    pub(in crate::admin) originating_url: Option<String>,
}

/// A message of a contact's conversation, in which it stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ContactMessageRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: ContactMessageType,
    pub(in crate::admin) message_id: Guid,
    /// The conversation has to be there.
    #[schemars(range(min = 0))]
    pub(in crate::admin) conversation_id: i64,
    /// Who has written it, in the platform's words.
    #[schemars(length(min = 1, max = limits::SENDER))]
    pub(in crate::admin) sender: String,
    #[schemars(length(max = limits::CONTENT))]
    pub(in crate::admin) content: String,
    pub(in crate::admin) created_at: DeskTime,
}

impl Vocabulary for AttributeEntity {
    const ALL: &'static [Self] = &[Self::Contact, Self::Conversation];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Vocabulary for InputType {
    const ALL: &'static [Self] = &[Self::Text, Self::Select];
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Select => "select",
        }
    }
}

impl Vocabulary for ConversationKind {
    const ALL: &'static [Self] = Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Vocabulary for Channel {
    const ALL: &'static [Self] = Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Vocabulary for Direction {
    const ALL: &'static [Self] = Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Vocabulary for ConversationState {
    const ALL: &'static [Self] = Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Vocabulary for LinkKind {
    const ALL: &'static [Self] = Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Vocabulary for TwitterType {
    const ALL: &'static [Self] = Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}
