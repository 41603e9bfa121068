//! Contacts: one row each, with the addresses and numbers that only one of them can have.

use denizen_domain::contact::Attributes;
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;

/// A contact as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub user_id: UserId,
    pub profile: Profile,
    /// What is noted of the contact.
    pub attributes: Attributes,
    pub created_at: Timestamp,
    /// When everything above but the id was forgotten.
    pub anonymized_at: Option<Timestamp>,
}

/// What can be said of a contact in one go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    pub display_name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub middle_names: Vec<String>,
    /// The primary address.
    pub email: Option<String>,
    /// Other addresses, without the primary one and without repetitions.
    pub additional_emails: Vec<String>,
    /// The primary number.
    pub phone: Option<String>,
    /// Other numbers, without the primary one and without repetitions.
    pub additional_phones: Vec<String>,
    /// The id of the contact elsewhere; several contacts may have the same.
    pub external_id: Option<String>,
    pub avatar_url: Option<String>,
}

impl Contact {
    pub fn id(&self) -> Uuid {
        self.user_id.as_uuid()
    }
}
