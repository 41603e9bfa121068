//! From the engine's things to the vendor's.

use denizen_directory::anonymizations::{AnonymizationRequest, AnonymizationTarget};
use denizen_directory::attributes::{Attribute, AttributeDefinition};
use denizen_directory::contacts::ContactView;
use denizen_domain::contact::{AttributeEntity, AttributeInput, AttributeValue, SelectOption};

use super::wire::{self, Id, Seconds, ZonedMillis};

pub(super) fn contact(view: ContactView) -> wire::EndUser {
    let profile = view.contact.profile;
    wire::EndUser {
        id: Id(view.contact.user_id.as_uuid()),
        created_at: Seconds(view.contact.created_at),
        display_name: profile.display_name,
        email: profile.email,
        phone_number: profile.phone,
        additional_emails: profile.additional_emails,
        additional_phone_numbers: profile.additional_phones,
        first_name: profile.first_name,
        last_name: profile.last_name,
        middle_names: profile.middle_names,
        avatar_url: profile.avatar_url,
        external_id: profile.external_id,
        custom_attributes: attributes(view.attributes),
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
