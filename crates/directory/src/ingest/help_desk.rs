//! What a batch says of a help desk: contacts, what can be noted, conversations and messages. Contacts are written
//! together at the end, and then what belongs to them.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use denizen_domain::contact::{AttributeEntity, Attributes, MAX_CONVERSATION_BYTES};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::permission::names;
use denizen_domain::time::Timestamp;
use denizen_store::attribute_definitions::{self, Extent, Identifier, input_bytes};
use denizen_store::contact_conversations::{self, StoredConversation};
use denizen_store::contact_messages::{self, StoredMessage};
use denizen_store::records::Digest;
use denizen_store::{Conn, Tx};

use super::batch::Item;
use super::contact_record::{AttributeDefinitionRecord, ContactConversationRecord, ContactMessageRecord};
use super::contacts::{ContactItem, Contacts, in_attributes};
use super::record::limits;
use super::{Ingestor, Outcome, Taken};
use crate::attributes::{AttributeDefinition, Definitions};
use crate::contact_conversations::ContactConversation;
use crate::error::{Error, ErrorCode, Result};

/// What is there of what the batch names: first as it was read, then as the batch has changed it.
pub(super) struct HelpDesk<'b> {
    now: Timestamp,
    contacts: Contacts,
    definitions: Definitions,
    /// Read where a definition comes.
    extent: Option<Extent>,
    /// Of the definitions that are not archived; also read where one comes.
    identifiers: BTreeMap<(AttributeEntity, String), Uuid>,
    /// Whether contacts may come and definitions may change.
    may_write: Result<()>,
    conversations: BTreeMap<i64, StoredConversation>,
    /// What is noted of those that come; not of those that only get messages.
    noted: BTreeMap<i64, Attributes>,
    messages: BTreeMap<Uuid, StoredMessage>,
    /// In their order.
    writes: Vec<Write<'b>>,
}

/// What is to be written when the contacts are.
enum Write<'b> {
    Conversation { conversation: Box<ContactConversation>, digest: &'b Digest, is_new: bool },
    Message { message: &'b ContactMessageRecord, contact: UserId, digest: &'b Digest, is_new: bool },
}

impl<'b> HelpDesk<'b> {
    /// Nothing is asked about what the batch does not name.
    pub(super) fn read(conn: &Conn<'_>, items: &'b [Item], by: &Ingestor, now: Timestamp) -> Result<Self> {
        let (mut definitions, mut conversations, mut messages) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut coming = BTreeSet::new();
        let mut has_definitions = false;
        for item in items {
            match item {
                Item::Contact(contact) => {
                    definitions.extend(contact.attributes().into_iter().flatten().map(id));
                }
                Item::AttributeDefinition(record) => {
                    has_definitions = true;
                    definitions.insert(record.definition_id);
                }
                Item::ContactConversation(record, _) => {
                    conversations.insert(record.conversation_id);
                    coming.insert(record.conversation_id);
                    definitions.extend(record.attributes.iter().flatten().map(id));
                }
                Item::ContactMessage(record, _) => {
                    conversations.insert(record.conversation_id);
                    messages.insert(record.message_id);
                }
                _ => {}
            }
        }
        let conversations: Vec<i64> = conversations.into_iter().collect();
        let conversations = match conversations.as_slice() {
            [] => Vec::new(),
            ids => contact_conversations::find_many(conn, ids)?,
        };
        let coming: Vec<i64> = coming.into_iter().collect();
        let messages: Vec<Uuid> = messages.into_iter().collect();
        let messages = match messages.as_slice() {
            [] => Vec::new(),
            ids => contact_messages::find_many(conn, ids)?,
        };
        let identifiers =
            if has_definitions { attribute_definitions::identifiers(conn)? } else { Vec::new() };
        let of_one = |Identifier { definition_id, entity, identifier }| ((entity, identifier), definition_id);
        Ok(Self {
            now,
            contacts: Contacts::read(conn, items)?,
            definitions: Definitions::read(conn, &definitions)?,
            extent: has_definitions.then(|| attribute_definitions::extent(conn)).transpose()?,
            identifiers: identifiers.into_iter().map(of_one).collect(),
            may_write: by.require(&names::DIRECTORY_WRITE_CONTACT),
            conversations: conversations.into_iter().map(|row| (row.conversation_id, row)).collect(),
            noted: contact_conversations::attributes(conn, &coming)?,
            messages: messages.into_iter().map(|row| (row.message_id, row)).collect(),
            writes: Vec::new(),
        })
    }

    pub(super) fn take_contact(&mut self, item: &ContactItem) -> Taken {
        // Also of one that would change nothing: that nothing changes confirms what was guessed, as does what is refused
        // because of what is there.
        if let Err(error) = &self.may_write {
            return Outcome::Refused(error.clone()).into();
        }
        self.contacts.take(item, &self.definitions, self.now)
    }

    pub(super) fn take_definition(
        &mut self,
        tx: &Tx<'_>,
        record: &AttributeDefinitionRecord,
    ) -> Result<Outcome> {
        let refused = |field: &str, text: &str| Ok(Outcome::Refused(Error::field(&[field], text)));
        let before = self.definitions.find(record.definition_id);
        if before.is_some_and(|before| before.entity != record.entity) {
            return refused("entity", "The attribute is defined of other things, which cannot change");
        }
        if before.is_some_and(|before| discriminant(&before.input) != discriminant(&record.input)) {
            return refused("input", "The attribute is of another type, which cannot change");
        }
        let definition = definition_of(record, before, self.now);
        if before == Some(&definition) {
            return Ok(Outcome::Unchanged);
        }
        if let Err(error) = &self.may_write {
            return Ok(Outcome::Refused(error.clone()));
        }
        // Two of the same name could not be told apart by programs. An archived one is not shown, and keeps its name.
        let name = (definition.entity, definition.identifier.clone());
        let has_other = |owner: &Uuid| *owner != definition.definition_id;
        if !definition.is_archived && self.identifiers.get(&name).is_some_and(has_other) {
            let text = "Another definition that is not archived has this identifier";
            return refused("identifier", text);
        }
        let extent = match grown(self.extent, before, &definition) {
            Ok(extent) => extent,
            Err(error) => return Ok(Outcome::Refused(error)),
        };
        let outcome = if before.is_some() {
            attribute_definitions::update(tx, &definition)?;
            Outcome::Updated
        } else {
            attribute_definitions::insert(tx, &definition)?;
            Outcome::Created
        };
        self.extent = Some(extent);
        self.identifiers.retain(|_, owner| *owner != definition.definition_id);
        if !definition.is_archived {
            self.identifiers.insert(name, definition.definition_id);
        }
        self.definitions.put(definition);
        Ok(outcome)
    }

    pub(super) fn take_conversation(
        &mut self,
        record: &'b ContactConversationRecord,
        digest: &'b Digest,
    ) -> Outcome {
        match self.decide_conversation(record, digest) {
            Err(error) => Outcome::Refused(error),
            Ok((_, None)) => Outcome::Unchanged,
            Ok((contact, Some(attributes))) => {
                let row = StoredConversation {
                    conversation_id: record.conversation_id,
                    user_id: contact,
                    digest: Some(*digest),
                    is_anonymized: false,
                };
                self.noted.insert(record.conversation_id, attributes.clone());
                let is_new = self.conversations.insert(record.conversation_id, row).is_none();
                let conversation = Box::new(conversation_of(record, contact, attributes));
                self.writes.push(Write::Conversation { conversation, digest, is_new });
                if is_new { Outcome::Created } else { Outcome::Updated }
            }
        }
    }

    /// Whose the conversation is, and what is to be noted of it; nothing when nothing changes.
    fn decide_conversation(
        &self,
        record: &ContactConversationRecord,
        digest: &Digest,
    ) -> Result<(UserId, Option<Attributes>)> {
        let contact = self.contacts.find(&record.contact)?;
        let before = self.conversations.get(&record.conversation_id);
        if before.is_some_and(|before| before.is_anonymized) {
            return Err(Error::field(&["conversation_id"], CONVERSATION_ANONYMIZED));
        }
        if before.is_some_and(|before| before.user_id != contact) {
            let text = "The conversation is another contact's, and stays so";
            return Err(Error::field(&[record.contact.field()], text));
        }
        let nothing = Attributes::new();
        let noted = self.noted.get(&record.conversation_id).unwrap_or(&nothing);
        let attributes = match &record.attributes {
            Some(attributes) => {
                if noted != attributes {
                    self.definitions
                        .check(AttributeEntity::Conversation, attributes)
                        .map_err(in_attributes)?;
                }
                attributes.clone()
            }
            None => noted.clone(),
        };
        let is_known = before.is_some_and(|before| before.digest == Some(*digest));
        if is_known && *noted == attributes {
            return Ok((contact, None));
        }
        if contact_conversations::size(&record.details, &attributes) > MAX_CONVERSATION_BYTES {
            let text =
                format!("A conversation has at most {MAX_CONVERSATION_BYTES} bytes with its attributes");
            return Err(Error::with_text(ErrorCode::LimitReached, text));
        }
        Ok((contact, Some(attributes)))
    }

    pub(super) fn take_message(&mut self, message: &'b ContactMessageRecord, digest: &'b Digest) -> Outcome {
        let refused = |field: &str, text: &str| Outcome::Refused(Error::field(&[field], text));
        let before = self.messages.get(&message.message_id);
        if before.is_some_and(|before| before.anonymized_at.is_some()) {
            return refused("message_id", "The message was anonymized");
        }
        if before.is_some_and(|before| before.conversation_id != message.conversation_id) {
            return refused("conversation_id", "The message is of another conversation, and stays so");
        }
        let contact = match self.conversations.get(&message.conversation_id) {
            None => return refused("conversation_id", "There is no such conversation of a contact"),
            Some(found) if found.is_anonymized => return refused("conversation_id", CONVERSATION_ANONYMIZED),
            Some(found) => found.user_id,
        };
        if before.is_some_and(|before| before.digest == Some(*digest)) {
            return Outcome::Unchanged;
        }
        let row = StoredMessage {
            message_id: message.message_id,
            conversation_id: message.conversation_id,
            user_id: contact,
            digest: Some(*digest),
            anonymized_at: None,
        };
        let is_new = self.messages.insert(message.message_id, row).is_none();
        self.writes.push(Write::Message { message, contact, digest, is_new });
        if is_new { Outcome::Created } else { Outcome::Updated }
    }

    /// Writes what was decided.
    pub(super) fn finish(self, tx: &Tx<'_>) -> Result<()> {
        let now = self.now;
        self.contacts.write(tx, now)?;
        for write in &self.writes {
            match write {
                Write::Conversation { conversation, digest, is_new: true } => {
                    contact_conversations::insert(tx, conversation, digest, now)?;
                }
                Write::Conversation { conversation, digest, is_new: false } => {
                    contact_conversations::update(tx, conversation, digest, now)?;
                }
                Write::Message { message, contact, digest, is_new: true } => {
                    contact_messages::insert(tx, message, *contact, digest, now)?;
                }
                Write::Message { message, contact, digest, is_new: false } => {
                    contact_messages::update(tx, message, *contact, digest, now)?;
                }
            }
        }
        Ok(())
    }
}

const CONVERSATION_ANONYMIZED: &str = "The conversation was anonymized";

fn id<V>((id, _): (&Uuid, V)) -> Uuid {
    *id
}

fn definition_of(
    record: &AttributeDefinitionRecord,
    before: Option<&AttributeDefinition>,
    now: Timestamp,
) -> AttributeDefinition {
    let record = record.clone();
    AttributeDefinition {
        definition_id: record.definition_id,
        entity: record.entity,
        identifier: record.identifier,
        label: record.label,
        description: record.description,
        input: record.input,
        is_required: record.is_required,
        is_archived: record.is_archived,
        is_deactivated: record.is_deactivated,
        created_at: record.created_at.or(before.map(|before| before.created_at)).unwrap_or(now),
        updated_at: record.updated_at,
    }
}

/// How much there is of definitions with this one.
fn grown(
    extent: Option<Extent>,
    before: Option<&AttributeDefinition>,
    definition: &AttributeDefinition,
) -> Result<Extent> {
    let extent = extent.ok_or(ErrorCode::Internal)?;
    let bytes_before = before.map_or(0, |before| input_bytes(&before.input));
    let bytes = input_bytes(&definition.input);
    let grown = Extent {
        definitions: extent.definitions + usize::from(before.is_none()),
        input_bytes: (extent.input_bytes + bytes).saturating_sub(bytes_before),
    };
    let limit = |text: String| Err(Error::with_text(ErrorCode::LimitReached, text));
    if before.is_none() && extent.definitions >= limits::DEFINITIONS {
        return limit(format!("An organization has at most {} definitions", limits::DEFINITIONS));
    }
    if bytes > bytes_before && grown.input_bytes > limits::DEFINITION_BYTES {
        let mib = limits::DEFINITION_BYTES >> 20;
        return limit(format!("The options of an organization's definitions have at most {mib} MiB"));
    }
    Ok(grown)
}

fn conversation_of(
    record: &ContactConversationRecord,
    user_id: UserId,
    attributes: Attributes,
) -> ContactConversation {
    let record = record.clone();
    ContactConversation {
        conversation_id: record.conversation_id,
        user_id,
        kind: record.kind,
        channel: record.channel,
        direction: record.direction,
        state: record.state,
        state_changed_at: record.state_changed_at,
        assignment: record.assignment,
        queue: record.queue,
        link: record.link,
        transport_expires_at: record.transport_expires_at,
        details: record.details,
        attributes,
        created_at: record.created_at,
        anonymized_at: None,
    }
}
