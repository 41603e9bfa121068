//! Lines about a help desk: from what stands on the wire to records of the rules.

use denizen_directory::contact_conversations::{
    Assignment, Browser, ConversationDetails, ConversationLink, Queue,
};
use denizen_directory::ingest::{
    AttributeDefinitionRecord, ContactConversationRecord, ContactMessageRecord, ContactRecord, ContactRef,
    Record,
};
use denizen_domain::contact::{AttributeInput, SelectOption};
use denizen_domain::ids::UserId;
use denizen_domain::patch::Patch;

use crate::admin::wire::LineProblem;
use crate::admin::wire::help_desk::{self as wire, InputType};
use crate::kernel::Object;

fn refused(field: &[&str], message: &str) -> LineProblem {
    let field = field.iter().map(|part| (*part).to_owned()).collect();
    LineProblem { code: "invalid_field", message: message.to_owned(), field }
}

pub(super) fn contact(record: wire::ContactRecord) -> Record {
    Record::Contact(Box::new(ContactRecord {
        contact_id: record.contact_id.map(|id| UserId::from_uuid(id.0)),
        external_id: record.external_id,
        display_name: record.display_name,
        first_name: record.first_name,
        last_name: record.last_name,
        middle_names: record.middle_names,
        email: record.email,
        additional_emails: record.additional_emails,
        phone: record.phone,
        additional_phones: record.additional_phones,
        avatar_url: record.avatar_url,
        attributes: match record.attributes {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(attributes) => Patch::Set(attributes.0),
        },
        created_at: record.created_at.map(|time| time.0),
    }))
}

pub(super) fn attribute_definition(record: wire::AttributeDefinitionRecord) -> Result<Record, LineProblem> {
    let Object(input) = record.input;
    let input = match (input.r#type.0, input.placeholder, input.options) {
        (InputType::Text, placeholder, None) => AttributeInput::Text { placeholder },
        (InputType::Select, None, Some(given)) => AttributeInput::Select { options: options(given) },
        (InputType::Text, _, Some(_)) => {
            return Err(refused(&["input", "options"], "must not be there for the type text"));
        }
        (InputType::Select, Some(_), _) => {
            return Err(refused(&["input", "placeholder"], "must not be there for the type select"));
        }
        (InputType::Select, None, None) => {
            return Err(refused(&["input", "options"], "must be there for the type select"));
        }
    };
    Ok(Record::AttributeDefinition(Box::new(AttributeDefinitionRecord {
        definition_id: record.definition_id.0,
        entity: record.entity.0,
        identifier: record.identifier,
        label: record.label,
        description: record.description,
        input,
        is_required: record.is_required.unwrap_or(false),
        is_archived: record.is_archived.unwrap_or(false),
        is_deactivated: record.is_deactivated.unwrap_or(false),
        created_at: record.created_at.map(|time| time.0),
        updated_at: record.updated_at.map(|time| time.0),
    })))
}

fn options(given: Vec<Object<wire::SelectOption>>) -> Vec<SelectOption> {
    let option = |(place, Object(option)): (i32, Object<wire::SelectOption>)| SelectOption {
        id: option.id.0,
        label: option.label,
        value: option.value,
        is_deactivated: option.is_deactivated.unwrap_or(false),
        order_index: option.order_index.unwrap_or(place),
        nested_options: options(option.nested_options),
    };
    (0..).zip(given).map(option).collect()
}

pub(super) fn conversation(record: wire::ContactConversationRecord) -> Result<Record, LineProblem> {
    let contact = match (record.contact_id, record.contact_external_id) {
        (Some(id), None) => ContactRef::Id(UserId::from_uuid(id.0)),
        (None, Some(id)) => ContactRef::ExternalId(id),
        (None, None) => {
            return Err(refused(&["contact_id"], "must be there, or else contact_external_id"));
        }
        (Some(_), Some(_)) => {
            return Err(refused(&["contact_external_id"], "must not be there beside contact_id"));
        }
    };
    Ok(Record::ContactConversation(Box::new(ContactConversationRecord {
        conversation_id: record.conversation_id,
        contact,
        kind: record.kind.0,
        channel: record.channel.0,
        direction: record.direction.map(|word| word.0),
        state: record.state.map(|word| word.0),
        state_changed_at: record.state_changed_at.map(|time| time.0),
        assignment: record.assignment.map(|Object(assignment)| Assignment {
            agent_id: assignment.agent_id.0,
            assigned_at: assignment.assigned_at.0.0,
        }),
        queue: record
            .queue
            .map(|Object(queue)| Queue { id: queue.id.0, queued_at: queue.queued_at.map(|time| time.0.0) }),
        link: record
            .link
            .map(|Object(link)| ConversationLink { parent_id: link.parent_id, kind: link.kind.0 }),
        transport_expires_at: record.transport_expires_at.map(|time| time.0),
        details: record.details.map(|Object(given)| details(given)).unwrap_or_default(),
        attributes: record.attributes.map(|attributes| attributes.0),
        created_at: record.created_at.0,
    })))
}

fn details(given: wire::ConversationDetails) -> ConversationDetails {
    ConversationDetails {
        browser: given.browser.map(|Object(browser)| Browser {
            name: browser.name,
            version: browser.version,
            ip_address: browser.ip_address,
            originating_url: browser.originating_url,
        }),
        language: given.language,
        subject: given.subject,
        from_email: given.from_email,
        to_email: given.to_email,
        integration_email: given.integration_email,
        from_contact_point_id: given.from_contact_point_id,
        to_contact_point_id: given.to_contact_point_id,
        from_number: given.from_number,
        to_number: given.to_number,
        twitter_type: given.twitter_type.map(|word| word.0),
        contact_point_twitter_id: given.contact_point_twitter_id,
        end_user_twitter_id: given.end_user_twitter_id,
    }
}

pub(super) fn message(record: wire::ContactMessageRecord) -> Record {
    Record::ContactMessage(ContactMessageRecord {
        message_id: record.message_id.0,
        conversation_id: record.conversation_id,
        sender: record.sender,
        content: record.content,
        created_at: record.created_at.0,
    })
}
