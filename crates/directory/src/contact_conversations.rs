//! Conversations of contacts with the help desk.

use std::collections::BTreeMap;

use denizen_domain::contact::AttributeValue;
use denizen_domain::ids::Uuid;
pub use denizen_store::contact_conversations::{
    Assignment, Browser, Channel, ContactConversation, ConversationDetails, ConversationKind,
    ConversationLink, ConversationState, Direction, LinkKind, Queue, TwitterType,
};

use crate::attributes::Attribute;
use crate::contacts::{Page, PageFrom};
use crate::context::OpContext;
use crate::error::Result;
use crate::handle::Directory;

/// A conversation with its attributes as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationView {
    pub conversation: ContactConversation,
    pub attributes: Vec<Attribute>,
}

impl Directory {
    /// A page of at most `limit` conversations of a contact, in the order of their ids: permission
    /// `Directory:ReadContact`. Attributes are left out.
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
        todo!("{} {contact} {from:?} {limit}", ctx.request_id)
    }

    /// A conversation: permission `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ConversationNotFound`].
    pub async fn get_contact_conversation(&self, ctx: &OpContext, id: i64) -> Result<ConversationView> {
        todo!("{} {id}", ctx.request_id)
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
        todo!("{} {id} {}", ctx.request_id, changes.len())
    }
}
