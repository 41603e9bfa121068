//! A batch of records in one transaction: what is there is read for all of them at once, then each is decided upon in its
//! turn, in memory, so that what one record changes holds for the next; what is to be written leaves without being
//! waited for.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::time::Timestamp;
use denizen_store::external_events::ExternalEvent;
use denizen_store::messages::StoredMessage;
use denizen_store::records::{Digest, Stored};
use denizen_store::{
    Conn, Tx, awaited_users, conversations, erasures, external_events, memories, messages, user_models, users,
};

use super::contact_record::{
    AttributeDefinitionRecord, ContactConversationRecord, ContactMessageRecord, without_empty,
};
use super::contacts::ContactItem;
use super::help_desk::HelpDesk;
use super::members::Members;
use super::record::{ConversationRecord, MemoryRecord, MessageRecord, Record, UserModelRecord, UserRecord};
use super::registry::{BotRecord, EnvironmentRecord, Registry};
use super::{Ingestor, Outcome, Taken, digest};
use crate::error::{Error, ErrorCode, Result};
use crate::jobs;

/// A record that was looked at by itself.
pub(super) enum Item {
    User(Box<UserRecord>),
    Conversation(ConversationRecord, Digest),
    Message(MessageRecord, Digest),
    Memory(MemoryRecord, Digest),
    UserModel(UserModelRecord, Digest),
    ExternalEvent(ExternalEvent, Digest),
    Contact(Box<ContactItem>),
    AttributeDefinition(Box<AttributeDefinitionRecord>),
    ContactConversation(Box<ContactConversationRecord>, Digest),
    ContactMessage(ContactMessageRecord, Digest),
    Environment(EnvironmentRecord),
    Bot(BotRecord),
    /// Not to be taken in, whatever is there.
    Refused(Error),
}

impl Item {
    /// `draw_id` is for a contact who comes without an id.
    pub(super) fn new(record: Record, draw_id: impl FnOnce() -> UserId) -> Self {
        if let Err(error) = record.check() {
            return Self::Refused(error);
        }
        match record {
            Record::User(mut record) => {
                for name in [&mut record.first_name, &mut record.last_name] {
                    *name = name.trim().to_owned();
                }
                Self::User(record)
            }
            Record::Conversation(record) => {
                let digest = digest::conversation(&record);
                Self::Conversation(record, digest)
            }
            Record::Message(record) => {
                let digest = digest::message(&record);
                Self::Message(record, digest)
            }
            Record::Memory(record) => {
                let digest = digest::memory(&record);
                Self::Memory(record, digest)
            }
            Record::UserModel(record) => {
                let digest = digest::user_model(&record);
                Self::UserModel(record, digest)
            }
            Record::ExternalEvent(record) => {
                let event = ExternalEvent {
                    event_id: record.external_event_id,
                    user_id: record.user_id,
                    event_type: record.event_type,
                    starts_at: record.starts_at,
                    ends_at: record.ends_at,
                    description: record.description,
                    transcript: record.transcript,
                };
                let digest = event.digest();
                Self::ExternalEvent(event, digest)
            }
            Record::Contact(record) => Self::Contact(Box::new(ContactItem::new(*record, draw_id))),
            Record::AttributeDefinition(record) => Self::AttributeDefinition(record),
            Record::ContactConversation(mut record) => {
                record.attributes.iter_mut().for_each(without_empty);
                let digest = digest::contact_conversation(&record);
                Self::ContactConversation(record, digest)
            }
            Record::ContactMessage(record) => {
                let digest = digest::contact_message(&record);
                Self::ContactMessage(record, digest)
            }
            Record::Environment(record) => Self::Environment(record),
            Record::Bot(record) => Self::Bot(record),
        }
    }

    /// The member whom the record is about.
    fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User(record) => Some(record.user_id),
            Self::Conversation(record, _) => Some(record.user_id),
            Self::Message(record, _) => Some(record.user_id),
            Self::Memory(record, _) => Some(record.user_id),
            Self::UserModel(record, _) => Some(record.user_id),
            Self::ExternalEvent(event, _) => Some(event.user_id),
            Self::Contact(_)
            | Self::AttributeDefinition(_)
            | Self::ContactConversation(..)
            | Self::ContactMessage(..)
            | Self::Environment(_)
            | Self::Bot(_)
            | Self::Refused(_) => None,
        }
    }

    pub(super) fn as_user(&self) -> Option<&UserRecord> {
        match self {
            Self::User(record) => Some(record),
            _ => None,
        }
    }

    /// The conversation that the record is, or is a message of.
    fn conversation_id(&self) -> Option<ObjectId> {
        match self {
            Self::Conversation(record, _) => Some(record.conversation_id),
            Self::Message(record, _) => Some(record.conversation_id),
            _ => None,
        }
    }
}

/// What the outcomes depend on beside the database.
pub(super) struct Terms {
    pub(super) by: Ingestor,
    pub(super) now: Timestamp,
    /// When a user is to be erased of whom something arrives now and who does not come.
    pub(super) awaited_until: Timestamp,
    /// Whether accounts may be linked in the organization.
    pub(super) accounts: Result<()>,
}

/// Takes the records in; one answer for each.
pub(super) fn take_in(tx: &Tx<'_>, terms: &Terms, items: &[Item]) -> Result<Vec<Taken>> {
    let mut state = State::read(tx, terms, items)?;
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        all.push(match item {
            Item::Contact(contact) => state.help_desk.take_contact(contact),
            item => state.take(tx, item)?.into(),
        });
    }
    state.finish(tx)?;
    Ok(all)
}

/// What is there of what the batch names: first as it was read, then as the batch has changed it.
struct State<'b> {
    terms: &'b Terms,
    members: Members<'b>,
    erased: BTreeSet<UserId>,
    awaited: BTreeSet<UserId>,
    conversations: BTreeMap<ObjectId, (UserId, Digest)>,
    holders: BTreeMap<ObjectId, Holder>,
    messages: BTreeMap<ObjectId, StoredMessage>,
    memories: BTreeMap<ObjectId, (UserId, Digest)>,
    user_models: BTreeMap<ObjectId, (UserId, Digest)>,
    external_events: BTreeMap<ObjectId, (UserId, Digest)>,
    figures: Figures,
    help_desk: HelpDesk<'b>,
    registry: Registry,
}

/// What the users' figures change by, and of whom something arrived who is not there.
#[derive(Default)]
struct Figures {
    /// Conversations and messages that came or went.
    changes: BTreeMap<UserId, (i64, i64)>,
    strangers: BTreeSet<UserId>,
}

impl Figures {
    fn change(&mut self, user: UserId, conversations: i64, messages: i64) {
        let (sum_of_conversations, sum_of_messages) = self.changes.entry(user).or_default();
        *sum_of_conversations += conversations;
        *sum_of_messages += messages;
    }
}

/// Whose the messages of a conversation are. They are all of one user.
#[derive(Default)]
struct Holder {
    user: Option<UserId>,
    /// Some of them.
    known: BTreeSet<ObjectId>,
    /// There may be more than those that are known.
    has_more: bool,
}

impl Holder {
    fn add(&mut self, row: &StoredMessage) {
        self.user = Some(row.stored.user_id);
        self.known.insert(row.stored.id);
        self.has_more = self.known.len() >= messages::SAMPLE;
    }

    /// Whether there is a message other than this one, as far as is known.
    fn has_other(&self, message: Option<ObjectId>) -> bool {
        self.known.iter().any(|known| Some(*known) != message)
    }
}

fn by_id(stored: Vec<Stored>) -> BTreeMap<ObjectId, (UserId, Digest)> {
    stored.into_iter().map(|row| (row.id, (row.user_id, row.digest))).collect()
}

/// Reads what is there of the ids that `id` finds in the items; nothing is asked when there are none.
fn find<T>(
    conn: &Conn<'_>,
    items: &[Item],
    id: impl Fn(&Item) -> Option<ObjectId>,
    find_many: impl FnOnce(&Conn<'_>, &[ObjectId]) -> denizen_store::Result<Vec<T>>,
) -> Result<Vec<T>> {
    let ids: Vec<ObjectId> = items.iter().filter_map(id).collect::<BTreeSet<_>>().into_iter().collect();
    if ids.is_empty() { Ok(Vec::new()) } else { Ok(find_many(conn, &ids)?) }
}

/// What a record brings, compared with what is there; then it is what is there.
fn settle(
    present: &mut BTreeMap<ObjectId, (UserId, Digest)>,
    id: ObjectId,
    user: UserId,
    digest: &Digest,
) -> Outcome {
    match present.insert(id, (user, *digest)) {
        None => Outcome::Created,
        Some((_, before)) if before == *digest => Outcome::Unchanged,
        Some(_) => Outcome::Updated,
    }
}

impl<'b> State<'b> {
    fn read(conn: &Conn<'_>, terms: &'b Terms, items: &'b [Item]) -> Result<Self> {
        let named: Vec<UserId> =
            items.iter().filter_map(Item::user_id).collect::<BTreeSet<_>>().into_iter().collect();
        let places = users::find_places(conn, &named)?;
        let absent: Vec<UserId> = named.iter().copied().filter(|user| !places.contains_key(user)).collect();
        let (mut awaited, mut erased) = (BTreeSet::new(), BTreeSet::new());
        if !absent.is_empty() {
            awaited = awaited_users::find_many(conn, &absent)?;
            erased = erasures::is_erased_many(conn, UserDirectory::Members, &absent)?;
        }
        let members = Members::read(conn, terms, items, places)?;

        let conversations = by_id(find(conn, items, Item::conversation_id, conversations::find_many)?);
        // Where a conversation is not there to say whose it is, its messages do.
        let unsettled = |item: &Item| {
            let conversation = item.conversation_id()?;
            let holder = conversations.get(&conversation).map(|(user, _)| *user);
            (holder != item.user_id()).then_some(conversation)
        };
        let mut holders = BTreeMap::<ObjectId, Holder>::new();
        for row in find(conn, items, unsettled, messages::sample_of_conversations)? {
            holders.entry(row.conversation_id).or_default().add(&row);
        }
        let message_id = |item: &Item| match item {
            Item::Message(record, _) => Some(record.message_id),
            _ => None,
        };
        let memory_id = |item: &Item| match item {
            Item::Memory(record, _) => Some(record.memory_id),
            _ => None,
        };
        let user_model_id = |item: &Item| match item {
            Item::UserModel(record, _) => Some(record.user_model_id),
            _ => None,
        };
        let event_id = |item: &Item| match item {
            Item::ExternalEvent(event, _) => Some(event.event_id),
            _ => None,
        };
        let messages = find(conn, items, message_id, messages::find_many)?;
        Ok(Self {
            terms,
            members,
            erased,
            awaited,
            conversations,
            holders,
            messages: messages.into_iter().map(|row| (row.stored.id, row)).collect(),
            memories: by_id(find(conn, items, memory_id, memories::find_many)?),
            user_models: by_id(find(conn, items, user_model_id, user_models::find_many)?),
            external_events: by_id(find(conn, items, event_id, external_events::find_many)?),
            figures: Figures::default(),
            help_desk: HelpDesk::read(conn, items, &terms.by, terms.now)?,
            registry: Registry::read(conn, items, &terms.by, terms.now)?,
        })
    }

    fn take(&mut self, tx: &Tx<'_>, item: &'b Item) -> Result<Outcome> {
        let desk = &mut self.help_desk;
        let user = match item {
            Item::Refused(error) => return Ok(Outcome::Refused(error.clone())),
            Item::AttributeDefinition(record) => return desk.take_definition(tx, record),
            Item::ContactConversation(record, digest) => return Ok(desk.take_conversation(record, digest)),
            Item::ContactMessage(record, digest) => return Ok(desk.take_message(record, digest)),
            Item::Environment(record) => return self.registry.take_environment(tx, record),
            Item::Bot(record) => return self.registry.take_bot(tx, record),
            item => item.user_id().ok_or(ErrorCode::Internal)?,
        };
        if self.erased.contains(&user) {
            return Ok(Outcome::Refused(Error::field(&["user_id"], "The user was erased")));
        }
        if self.members.is_elsewhere(user) {
            let text = "The id belongs to a user of another directory";
            return Ok(Outcome::Refused(Error::field(&["user_id"], text)));
        }
        let outcome = match item {
            Item::User(record) => return self.members.take(tx, record),
            Item::Conversation(record, digest) => self.take_conversation(tx, record, digest)?,
            Item::Message(record, digest) => self.take_message(tx, record, digest)?,
            Item::Memory(record, digest) => self.take_memory(tx, record, digest)?,
            Item::UserModel(record, digest) => self.take_user_model(tx, record, digest)?,
            Item::ExternalEvent(event, digest) => self.take_external_event(tx, event, digest)?,
            _ => unreachable!("it was answered above"),
        };
        if matches!(outcome, Outcome::Created | Outcome::Updated) && !self.members.is_here(user) {
            self.figures.strangers.insert(user);
        }
        Ok(outcome)
    }

    fn take_conversation(
        &mut self,
        tx: &Tx<'_>,
        record: &ConversationRecord,
        digest: &Digest,
    ) -> Result<Outcome> {
        let id = record.conversation_id;
        let before = self.conversations.get(&id).map(|(user, _)| *user);
        if before != Some(record.user_id) {
            let holder = self.holder_of_messages(tx, id, None)?;
            if holder.is_some_and(|holder| holder != record.user_id) {
                let text = "Messages of the conversation belong to another user";
                return Ok(Outcome::Refused(Error::field(&["user_id"], text)));
            }
        }
        let outcome = settle(&mut self.conversations, id, record.user_id, digest);
        match outcome {
            Outcome::Created => conversations::insert(tx, record, digest, self.terms.now)?,
            Outcome::Updated => conversations::update(tx, record, digest, self.terms.now)?,
            _ => return Ok(outcome),
        }
        if before != Some(record.user_id) {
            if let Some(before) = before {
                self.figures.change(before, -1, 0);
            }
            self.figures.change(record.user_id, 1, 0);
        }
        Ok(outcome)
    }

    /// Whose the messages of a conversation are, other than the one that is about to be written.
    fn holder_of_messages(
        &mut self,
        conn: &Conn<'_>,
        conversation: ObjectId,
        besides: Option<ObjectId>,
    ) -> Result<Option<UserId>> {
        let Some(holder) = self.holders.get_mut(&conversation) else { return Ok(None) };
        // Those that were known have gone elsewhere in this batch.
        if holder.has_more && !holder.has_other(besides) {
            *holder = Holder::default();
            for row in messages::sample_of_conversations(conn, &[conversation])? {
                holder.add(&row);
            }
        }
        Ok(holder.user.filter(|_| holder.has_other(besides)))
    }

    fn take_message(&mut self, tx: &Tx<'_>, record: &MessageRecord, digest: &Digest) -> Result<Outcome> {
        let (id, conversation) = (record.message_id, record.conversation_id);
        let holder = match self.conversations.get(&conversation) {
            Some((user, _)) => Some(*user),
            None => self.holder_of_messages(tx, conversation, Some(id))?,
        };
        if holder.is_some_and(|holder| holder != record.user_id) {
            let text = "The conversation belongs to another user";
            return Ok(Outcome::Refused(Error::field(&["conversation_id"], text)));
        }
        let present = StoredMessage {
            stored: Stored { id, user_id: record.user_id, digest: *digest },
            conversation_id: conversation,
        };
        let before = self.messages.insert(id, present);
        match before {
            Some(before) if before.stored.digest == *digest => return Ok(Outcome::Unchanged),
            Some(before) => {
                messages::update(tx, record, digest, self.terms.now)?;
                if let Some(holder) = self.holders.get_mut(&before.conversation_id) {
                    holder.known.remove(&id);
                }
                // Even one that stays its user's may have moved in time.
                self.figures.change(before.stored.user_id, 0, -1);
            }
            None => messages::insert(tx, record, digest, self.terms.now)?,
        }
        let holder = self.holders.entry(conversation).or_default();
        holder.user = Some(record.user_id);
        holder.known.insert(id);
        self.figures.change(record.user_id, 0, 1);
        Ok(if before.is_some() { Outcome::Updated } else { Outcome::Created })
    }

    fn take_memory(&mut self, tx: &Tx<'_>, record: &MemoryRecord, digest: &Digest) -> Result<Outcome> {
        let outcome = settle(&mut self.memories, record.memory_id, record.user_id, digest);
        match outcome {
            Outcome::Created => memories::insert(tx, record, digest, self.terms.now)?,
            Outcome::Updated => memories::update(tx, record, digest, self.terms.now)?,
            _ => {}
        }
        Ok(outcome)
    }

    fn take_user_model(&mut self, tx: &Tx<'_>, record: &UserModelRecord, digest: &Digest) -> Result<Outcome> {
        let outcome = settle(&mut self.user_models, record.user_model_id, record.user_id, digest);
        match outcome {
            Outcome::Created => user_models::insert(tx, record, digest, self.terms.now)?,
            Outcome::Updated => user_models::update(tx, record, digest, self.terms.now)?,
            _ => {}
        }
        Ok(outcome)
    }

    fn take_external_event(
        &mut self,
        tx: &Tx<'_>,
        event: &ExternalEvent,
        digest: &Digest,
    ) -> Result<Outcome> {
        let outcome = settle(&mut self.external_events, event.event_id, event.user_id, digest);
        match outcome {
            Outcome::Created => external_events::insert(tx, event, digest, self.terms.now)?,
            Outcome::Updated => external_events::update(tx, event, digest, self.terms.now)?,
            _ => {}
        }
        Ok(outcome)
    }

    /// Lets the figures of the users follow, and awaits those who are not there.
    fn finish(self, tx: &Tx<'_>) -> Result<()> {
        self.help_desk.finish(tx)?;
        let mut is_first = true;
        for user in self.figures.strangers.iter().filter(|user| !self.members.is_here(**user)) {
            if self.awaited.contains(user) {
                continue;
            }
            awaited_users::insert(tx, *user, self.terms.now)?;
            if std::mem::take(&mut is_first) {
                jobs::enqueue_awaited(tx, self.terms.awaited_until, self.terms.now)?;
            }
        }
        for user in self.members.created() {
            if self.awaited.contains(user) {
                awaited_users::delete(tx, *user)?;
            }
            // Who was neither awaited nor spoken of in this batch has had no conversation.
            if self.awaited.contains(user) || self.figures.changes.contains_key(user) {
                users::recount_stats(tx, *user)?;
            }
        }
        for (user, (conversations, messages)) in self.figures.changes {
            if !self.members.created().contains(&user) {
                users::add_to_stats(tx, user, conversations, messages)?;
            }
        }
        Ok(())
    }
}
