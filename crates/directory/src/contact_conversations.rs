//! Conversations of contacts with the help desk.

use std::collections::BTreeMap;

use denizen_domain::contact::{AttributeEntity, AttributeValue, Attributes, MAX_CONVERSATION_BYTES};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::permission::names;
use denizen_store::{Conn, contact_conversations as stored, contacts};

pub use denizen_store::contact_conversations::{
    Assignment, Browser, Channel, ContactConversation, ConversationDetails, ConversationKind,
    ConversationLink, ConversationState, Direction, LinkKind, Queue, TwitterType,
};

use crate::attributes::{Attribute, Definitions, Headings};
use crate::contacts::{Page, PageFrom};
use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

/// A conversation with its attributes as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationView {
    pub conversation: ContactConversation,
    pub attributes: Vec<Attribute>,
}

impl Directory {
    /// A page of at most `limit` conversations of a contact, and at least one where there is one, in the order of their
    /// ids: permission `Directory:ReadContact`. Their attributes are not made ready to be shown.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ContactNotFound`].
    pub async fn list_contact_conversations(
        &self,
        ctx: &OpContext,
        contact: Uuid,
        from: PageFrom<i64>,
        limit: usize,
    ) -> Result<Page<ContactConversation>> {
        ctx.require(&names::DIRECTORY_READ_CONTACT)?;
        let (contact, limit) = (UserId::from_uuid(contact), limit.max(1));
        self.read_recent(ctx.org(), move |conn| {
            contacts::find(conn, contact)?.ok_or(ErrorCode::ContactNotFound)?;
            Ok(page(conn, contact, from, limit)?)
        })
        .await
    }

    /// A conversation: permission `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ConversationNotFound`].
    pub async fn get_contact_conversation(&self, ctx: &OpContext, id: i64) -> Result<ConversationView> {
        ctx.require(&names::DIRECTORY_READ_CONTACT)?;
        self.read_recent(ctx.org(), move |conn| {
            let conversation = stored::find(conn, id)?.ok_or(ErrorCode::ConversationNotFound)?;
            let attributes =
                Headings::read(conn, [&conversation.attributes])?.shown(&conversation.attributes);
            Ok(ConversationView { conversation, attributes })
        })
        .await
    }

    /// Notes attributes of a conversation, as [`Directory::patch_contact_attributes`] does of a contact.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ConversationNotFound`], also when it was anonymized; otherwise as there.
    pub async fn patch_conversation_attributes(
        &self,
        ctx: &OpContext,
        id: i64,
        changes: BTreeMap<Uuid, Option<AttributeValue>>,
    ) -> Result<Vec<Attribute>> {
        ctx.require(&names::DIRECTORY_WRITE_CONTACT)?;
        let now = ctx.now;
        self.write(ctx.org(), move |tx| {
            let found = stored::find(tx, id)?.filter(|found| found.anonymized_at.is_none());
            let found = found.ok_or(ErrorCode::ConversationNotFound)?;
            let before = found.attributes;
            let mut attributes = before.clone();
            let definitions = Definitions::read(tx, changes.keys())?;
            definitions.patch(AttributeEntity::Conversation, &mut attributes, &changes)?;
            if is_too_large(Some((&found.details, &before)), (&found.details, &attributes)) {
                let text =
                    format!("a conversation has at most {MAX_CONVERSATION_BYTES} bytes with its attributes");
                return Err(Error::field(&[], text));
            }
            if attributes != before {
                stored::set_attributes(tx, id, &attributes, now)?;
            }
            Ok(Headings::read(tx, [&attributes])?.shown(&attributes))
        })
        .await
    }
}

/// Whether a change makes more of a conversation than is held of one. What was held before may stay, and shrink.
pub(crate) fn is_too_large(
    before: Option<(&ConversationDetails, &Attributes)>,
    (details, attributes): (&ConversationDetails, &Attributes),
) -> bool {
    let size = stored::size(details, attributes);
    let grows = |(details, attributes)| size > stored::size(details, attributes);
    size > MAX_CONVERSATION_BYTES && before.is_none_or(grows)
}

/// One more is read than is asked for, to know whether there is more; and one on the other side.
fn page(
    conn: &Conn<'_>,
    contact: UserId,
    from: PageFrom<i64>,
    limit: usize,
) -> denizen_store::Result<Page<ContactConversation>> {
    let is_there = |found: Vec<ContactConversation>| !found.is_empty();
    if let PageFrom::Before(place) = from {
        let mut items = match place.checked_sub(1) {
            Some(last) => stored::page_until(conn, contact, last, limit + 1)?,
            None => Vec::new(),
        };
        let has_before = items.len() > limit;
        items.drain(..items.len().saturating_sub(limit));
        let has_after = is_there(stored::page_from(conn, contact, place, 1)?);
        return Ok(Page { items, has_before, has_after });
    }
    let (first, has_before) = match from {
        PageFrom::After(place) => {
            (place.checked_add(1), is_there(stored::page_until(conn, contact, place, 1)?))
        }
        PageFrom::Start | PageFrom::Before(_) => (Some(i64::MIN), false),
    };
    let mut items = match first {
        Some(first) => stored::page_from(conn, contact, first, limit + 1)?,
        None => Vec::new(),
    };
    let has_after = items.len() > limit;
    items.truncate(limit);
    Ok(Page { items, has_before, has_after })
}
