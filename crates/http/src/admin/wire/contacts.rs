//! Contacts as they are found.

use denizen_domain::contact::AttributeValue;
use denizen_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::DateTime;

#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct Contacts {
    pub(in crate::admin) contacts: Vec<Contact>,
}

/// What is held of a contact, conversations aside.
#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct Contact {
    pub(in crate::admin) contact_id: String,
    pub(in crate::admin) display_name: Option<String>,
    pub(in crate::admin) first_name: Option<String>,
    pub(in crate::admin) middle_names: Vec<String>,
    pub(in crate::admin) last_name: Option<String>,
    /// The primary address.
    pub(in crate::admin) email: Option<String>,
    pub(in crate::admin) additional_emails: Vec<String>,
    /// The primary number.
    pub(in crate::admin) phone: Option<String>,
    pub(in crate::admin) additional_phones: Vec<String>,
    pub(in crate::admin) external_id: Option<String>,
    pub(in crate::admin) avatar_url: Option<String>,
    /// What is noted of the contact.
    pub(in crate::admin) attributes: Vec<ContactAttribute>,
    #[schemars(with = "DateTime")]
    pub(in crate::admin) created_at: Timestamp,
}

/// What is noted under one attribute.
#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct ContactAttribute {
    pub(in crate::admin) definition_id: String,
    pub(in crate::admin) identifier: String,
    pub(in crate::admin) label: String,
    pub(in crate::admin) value: NotedValue,
}

/// A text, or the chosen options.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::admin) enum NotedValue {
    Text(String),
    Options(Vec<String>),
}

impl From<AttributeValue> for NotedValue {
    fn from(value: AttributeValue) -> Self {
        match value {
            AttributeValue::Text(text) => Self::Text(text),
            AttributeValue::Options(options) => Self::Options(options),
        }
    }
}
