//! Records of a help desk, made from numbers.

use denizen_directory::contact_conversations::{
    Channel, ConversationDetails, ConversationKind, ConversationState,
};
use denizen_directory::ingest::{
    AttributeDefinitionRecord, ContactConversationRecord, ContactMessageRecord, ContactRecord, ContactRef,
    Record,
};
use denizen_domain::contact::{AttributeEntity, AttributeInput, AttributeValue, Attributes, SelectOption};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::patch::Patch;

use super::records::time;

pub(crate) fn guid(number: u64) -> Uuid {
    let mut bytes = [0xab; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Uuid(bytes)
}

pub(crate) fn contact_id(number: u64) -> UserId {
    UserId::from_uuid(guid(number))
}

pub(crate) fn set(text: &str) -> Patch<String> {
    Patch::Set(text.to_owned())
}

pub(crate) fn list(texts: &[&str]) -> Patch<Vec<String>> {
    Patch::Set(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// A contact with an id, and the external id `crm-{number}`.
pub(crate) fn contact(number: u64) -> ContactRecord {
    ContactRecord {
        contact_id: Some(contact_id(number)),
        external_id: set(&format!("crm-{number}")),
        display_name: set(&format!("Ann {number}")),
        email: set(&format!("Ann{number}@example.org")),
        phone: set(&format!("+4915110000{number:03}")),
        created_at: Some(time(number)),
        ..ContactRecord::default()
    }
}

/// Of contacts, with a text.
pub(crate) fn definition(number: u64) -> AttributeDefinitionRecord {
    AttributeDefinitionRecord {
        definition_id: guid(number),
        entity: AttributeEntity::Contact,
        identifier: format!("attribute_{number}"),
        label: format!("Attribute {number}"),
        description: None,
        input: AttributeInput::Text { placeholder: None },
        is_required: false,
        is_archived: false,
        is_deactivated: false,
        created_at: Some(time(number)),
        updated_at: None,
    }
}

/// Options by their values; an option and those that are nested in it.
pub(crate) fn option(number: u64, value: &str, nested_options: Vec<SelectOption>) -> SelectOption {
    SelectOption {
        id: guid(number),
        label: value.to_uppercase(),
        value: value.to_owned(),
        is_deactivated: false,
        order_index: 0,
        nested_options,
    }
}

pub(crate) fn selecting(number: u64, options: Vec<SelectOption>) -> AttributeDefinitionRecord {
    AttributeDefinitionRecord { input: AttributeInput::Select { options }, ..definition(number) }
}

pub(crate) fn of_conversations(definition: AttributeDefinitionRecord) -> AttributeDefinitionRecord {
    AttributeDefinitionRecord { entity: AttributeEntity::Conversation, ..definition }
}

pub(crate) fn held(number: i64, contact: u64) -> ContactConversationRecord {
    ContactConversationRecord {
        conversation_id: number,
        contact: ContactRef::Id(contact_id(contact)),
        kind: ConversationKind::Chat,
        channel: Channel::WidgetChat,
        direction: None,
        state: Some(ConversationState::Open),
        state_changed_at: None,
        assignment: None,
        queue: None,
        link: None,
        transport_expires_at: None,
        details: ConversationDetails::default(),
        attributes: None,
        created_at: time(1),
    }
}

pub(crate) fn said(number: u64, conversation: i64) -> ContactMessageRecord {
    ContactMessageRecord {
        message_id: guid(number),
        conversation_id: conversation,
        sender: "contact".to_owned(),
        content: format!("Text {number}"),
        created_at: time(number),
    }
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

pub(crate) fn options(options: &[&str]) -> AttributeValue {
    AttributeValue::Options(options.iter().map(|option| (*option).to_owned()).collect())
}

pub(crate) fn noted<const N: usize>(values: [(u64, AttributeValue); N]) -> Attributes {
    values.into_iter().map(|(number, value)| (guid(number), value)).collect()
}

pub(crate) fn of_contact(record: ContactRecord) -> Record {
    Record::Contact(Box::new(record))
}

pub(crate) fn of_definition(record: AttributeDefinitionRecord) -> Record {
    Record::AttributeDefinition(Box::new(record))
}

pub(crate) fn of_held(record: ContactConversationRecord) -> Record {
    Record::ContactConversation(Box::new(record))
}

pub(crate) fn of_said(record: ContactMessageRecord) -> Record {
    Record::ContactMessage(record)
}
