//! The contacts of a help desk: made, changed, listed, and what is noted of them.

mod attributes;
mod book;
mod profile;
mod read;
mod write;

pub use denizen_store::contacts::{Contact, ContactPlace, ListedContact, Page, PageFrom, Profile};

use denizen_domain::contact::MAX_CONTACT_BYTES;

use crate::attributes::Attribute;
use crate::error::Error;
use denizen_store::Listed;

pub(crate) use book::Book;
pub(crate) use profile::CheckedPatch;

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

/// A part of the list of contacts, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactList {
    pub contacts: Listed<ListedContact>,
    /// The attributes of each of them, as [`ContactView`] has them.
    pub attributes: Vec<Vec<Attribute>>,
    /// Whether something comes before the first, and after the last.
    pub has_before: bool,
    pub has_after: bool,
}

impl ContactList {
    /// Each contact by itself.
    pub fn views(self) -> Page<ContactView> {
        let contacts = self.contacts.apart().into_iter().zip(self.attributes);
        let items = contacts.map(|(contact, attributes)| ContactView { contact, attributes }).collect();
        Page { items, has_before: self.has_before, has_after: self.has_after }
    }
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
    /// More bytes than are held of a contact, with what is noted of it.
    TooLarge,
}

/// Whether a change makes more of a contact than is held of one. What was held before may stay, and shrink.
pub(crate) fn is_too_large(before: Option<&Contact>, after: &Contact) -> bool {
    let size = after.size();
    size > MAX_CONTACT_BYTES && before.is_none_or(|before| size > before.size())
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
    /// The contacts with this id; none when it cannot be one.
    ExternalId(String),
}
