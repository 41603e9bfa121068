//! The contacts of a help desk: made, changed, listed, and what is noted of them.

use std::collections::BTreeMap;

use denizen_domain::contact::AttributeValue;
use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;
pub use denizen_store::contacts::{Contact, Profile};

use crate::attributes::Attribute;
use crate::context::OpContext;
use crate::error::{Error, Result};
use crate::handle::Directory;

/// Contacts that are made or changed in one call, at most.
pub const MAX_ITEMS: usize = 1_000;

/// What a caller says of a new contact, or of one that is to be replaced. Nothing of it was looked at yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactInput {
    pub display_name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub middle_names: Vec<String>,
    pub email: Option<String>,
    pub additional_emails: Vec<String>,
    pub phone: Option<String>,
    pub additional_phones: Vec<String>,
    pub external_id: Option<String>,
    pub avatar_url: Option<String>,
}

/// A change of a contact: what is `None` stays, a list replaces the whole list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactPatch {
    pub display_name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub middle_names: Option<Vec<String>>,
    pub email: Option<String>,
    pub additional_emails: Option<Vec<String>>,
    pub phone: Option<String>,
    pub additional_phones: Option<Vec<String>>,
    pub external_id: Option<String>,
    pub avatar_url: Option<String>,
}

/// A contact with its attributes as they are shown: in the order of their labels, archived ones left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactView {
    pub contact: Contact,
    pub attributes: Vec<Attribute>,
}

/// Why one contact was not made or changed, while others of the same call may have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactProblem {
    /// There is no such contact, or it was anonymized.
    NotFound,
    /// Nothing was said that could be changed.
    EmptyPatch,
    /// Everything that is wrong with it.
    Refused(Vec<Refusal>),
    /// The database does not take it; the log has the cause. Nothing of it was done.
    Failed(Error),
}

/// What is wrong with a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Another contact has the address, as its primary or an additional one.
    EmailExists,
    /// Another contact has the number, as its primary or an additional one.
    PhoneNumberExists,
    InvalidEmail,
    InvalidPhoneNumber,
    /// A text that is too long or has control characters, or a list that is too long.
    InvalidDisplayName,
    InvalidFirstName,
    InvalidLastName,
    InvalidMiddleNames,
    InvalidExternalId,
    InvalidAvatarUrl,
}

/// One outcome for each contact of a call, in the order of the call.
pub type ContactOutcome = std::result::Result<ContactView, ContactProblem>;

/// Which contacts are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactFilter {
    All,
    /// The contact with this address, primary or additional, in any letter case; none when it is no address.
    Email(String),
    /// The contact with this number, primary or additional; none when it is no number.
    Phone(String),
    ExternalId(String),
}

/// The place of a contact in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactPlace {
    pub created_at: Timestamp,
    pub id: Uuid,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFrom<P> {
    Start,
    /// Right after this place.
    After(P),
    /// So that the page ends right before this place.
    Before(P),
}

/// A page, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether something comes before the first item, and after the last.
    pub has_before: bool,
    pub has_after: bool,
}

impl Directory {
    /// Makes contacts: permission `Directory:WriteContact`. Each by itself is made whole or not at all, later ones see
    /// earlier ones; all are one transaction. At most [`MAX_ITEMS`].
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`], and those of the store; then none was made.
    pub async fn create_contacts(
        &self,
        ctx: &OpContext,
        items: Vec<ContactInput>,
    ) -> Result<Vec<ContactOutcome>> {
        todo!("{} {}", ctx.request_id, items.len())
    }

    /// Changes contacts: permission `Directory:WriteContact`. As [`Directory::create_contacts`].
    ///
    /// # Errors
    /// As [`Directory::create_contacts`].
    pub async fn patch_contacts(
        &self,
        ctx: &OpContext,
        items: Vec<(Uuid, ContactPatch)>,
    ) -> Result<Vec<ContactOutcome>> {
        todo!("{} {}", ctx.request_id, items.len())
    }

    /// Replaces contacts but for their ids, times of creation and attributes: permission `Directory:WriteContact`. As
    /// [`Directory::create_contacts`].
    ///
    /// # Errors
    /// As [`Directory::create_contacts`].
    pub async fn replace_contacts(
        &self,
        ctx: &OpContext,
        items: Vec<(Uuid, ContactInput)>,
    ) -> Result<Vec<ContactOutcome>> {
        todo!("{} {}", ctx.request_id, items.len())
    }

    /// A contact: permission `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ContactNotFound`].
    pub async fn get_contact(&self, ctx: &OpContext, id: Uuid) -> Result<ContactView> {
        todo!("{} {id}", ctx.request_id)
    }

    /// A page of at most `limit` contacts in the order of their creation, then of their ids: permission
    /// `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`].
    pub async fn list_contacts(
        &self,
        ctx: &OpContext,
        filter: ContactFilter,
        from: PageFrom<ContactPlace>,
        limit: usize,
    ) -> Result<Page<ContactView>> {
        todo!("{} {filter:?} {from:?} {limit}", ctx.request_id)
    }

    /// Notes attributes of a contact, all or none of them; `None` takes one away. Permission `Directory:WriteContact`.
    /// The answer is all that is then noted.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ContactNotFound`]; [`crate::ErrorCode::InvalidField`] when a definition is not there, not of
    /// contacts, archived or deactivated, when a value is not of its type or none of its options, and when a required one
    /// is taken away.
    pub async fn patch_contact_attributes(
        &self,
        ctx: &OpContext,
        id: Uuid,
        changes: BTreeMap<Uuid, Option<AttributeValue>>,
    ) -> Result<Vec<Attribute>> {
        todo!("{} {id} {}", ctx.request_id, changes.len())
    }
}
