//! From the engine's things to the vendor's.

use denizen_directory::Listed;
use denizen_directory::anonymizations::{AnonymizationRequest, AnonymizationTarget};
use denizen_directory::attributes::{Attribute, AttributeDefinition};
use denizen_directory::contacts::{Contact, ListedContact};
use denizen_domain::contact::{AttributeEntity, AttributeInput, AttributeValue, SelectOption};

use super::wire::{self, Id, Seconds, ZonedMillis};

pub(super) fn contact(contact: &Contact, attributes: Vec<Attribute>) -> wire::EndUser<'_> {
    end_user(contact, attributes, |text| text, |list| wire::Words::Apart(list))
}

/// As lists have them, in their order.
pub(super) fn contacts(
    contacts: &Listed<ListedContact>,
    attributes: Vec<Vec<Attribute>>,
) -> Vec<wire::EndUser<'_>> {
    let texts = &contacts.texts;
    let end_user = |(contact, attributes)| {
        end_user(contact, attributes, |text| texts.get(*text), |list| wire::Words::Listed(texts, *list))
    };
    contacts.rows.iter().zip(attributes).map(end_user).collect()
}

/// About the bytes of these contacts as JSON: the names of the members of one are most of it.
pub(super) fn size_of_contacts(contacts: &Listed<ListedContact>) -> usize {
    contacts.texts.size() + (contacts.rows.len() + 1) * 320
}

fn end_user<'c, T, L>(
    contact: &'c Contact<T, L>,
    noted: Vec<Attribute>,
    text: impl Fn(&'c T) -> &'c str,
    list: impl Fn(&'c L) -> wire::Words<'c>,
) -> wire::EndUser<'c> {
    let profile = &contact.profile;
    wire::EndUser {
        id: Id(contact.id()),
        created_at: Seconds(contact.created_at),
        display_name: profile.display_name.as_ref().map(&text),
        email: profile.email.as_ref().map(&text),
        phone_number: profile.phone.as_ref().map(&text),
        additional_emails: list(&profile.additional_emails),
        additional_phone_numbers: list(&profile.additional_phones),
        first_name: profile.first_name.as_ref().map(&text),
        last_name: profile.last_name.as_ref().map(&text),
        middle_names: list(&profile.middle_names),
        avatar_url: profile.avatar_url.as_ref().map(&text),
        external_id: profile.external_id.as_ref().map(&text),
        custom_attributes: attributes(noted),
    }
}

pub(super) fn attributes(attributes: Vec<Attribute>) -> Vec<wire::CustomAttribute> {
    let attribute = |attribute: Attribute| wire::CustomAttribute {
        id: Id(attribute.definition_id),
        name: attribute.label,
        identifier: attribute.identifier,
        value: match attribute.value {
            AttributeValue::Text(text) => wire::AttributeValue::Text(text),
            AttributeValue::Options(options) => wire::AttributeValue::Options(options),
        },
    };
    attributes.into_iter().map(attribute).collect()
}

pub(super) fn definition(definition: AttributeDefinition) -> wire::CustomAttributeDefinition {
    wire::CustomAttributeDefinition {
        id: Id(definition.definition_id),
        entity_type: match definition.entity {
            AttributeEntity::Contact => wire::DefinitionEntity::Contact,
            AttributeEntity::Conversation => wire::DefinitionEntity::Conversation,
        },
        identifier: definition.identifier,
        label: definition.label,
        input_definition: match definition.input {
            AttributeInput::Text { placeholder } => {
                wire::CustomAttributeInputDefinition::Text(wire::TextInput {
                    kind: wire::TextType,
                    placeholder,
                })
            }
            AttributeInput::Select { options } => {
                wire::CustomAttributeInputDefinition::Select(wire::SelectInput {
                    kind: wire::SelectType,
                    options: options.into_iter().map(option).collect(),
                })
            }
        },
        description: definition.description,
        created_at: ZonedMillis(definition.created_at),
        updated_at: definition.updated_at.map(ZonedMillis),
        is_required: definition.is_required,
        is_archived: definition.is_archived,
        is_deactivated: definition.is_deactivated,
    }
}

fn option(option_: SelectOption) -> wire::SelectOption {
    wire::SelectOption {
        id: Id(option_.id),
        label: option_.label,
        value: option_.value,
        nested_options: option_.nested_options.into_iter().map(option).collect(),
        is_deactivated: option_.is_deactivated,
        order_index: option_.order_index,
    }
}

pub(super) fn anonymization(request: &AnonymizationRequest) -> wire::AnonymizationRequestStatus {
    let (kind, entity_type, target_entity_id) = match request.target {
        AnonymizationTarget::Contact(id) => {
            (wire::AnonymizationType::User, wire::DeprecatedAnonymizationType::User, id.to_string())
        }
        AnonymizationTarget::Conversation(id) => (
            wire::AnonymizationType::Conversation,
            wire::DeprecatedAnonymizationType::Conversation,
            id.to_string(),
        ),
        AnonymizationTarget::Message { conversation_id, message_id } => (
            wire::AnonymizationType::Message,
            wire::DeprecatedAnonymizationType::Message,
            format!("{conversation_id}_{message_id}"),
        ),
    };
    wire::AnonymizationRequestStatus {
        id: Id(request.request_id),
        entity_type,
        kind,
        initiated_at: ZonedMillis(request.initiated_at),
        target_entity_id,
        requested_by: Id(request.requested_by),
        processed_at: request.processed_at.map(ZonedMillis),
    }
}
