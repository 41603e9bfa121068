//! Contacts in the store: what is written of them, how they are found, and what is left of one that was cleared.

mod clearing;
mod pages;
mod random;
mod searching;
mod writing;

use denizen_domain::contact::Attributes;
use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::time::Timestamp;
use denizen_store::contacts::{self, Change, Contact, Profile};
use denizen_store::{Store, StoreError};

use crate::support::{NOW, ORG};

/// The id of a contact: as a UUID it fills all bytes.
pub(crate) fn contact_id(number: u64) -> UserId {
    let mut bytes = [0xc0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    UserId(bytes)
}

/// A contact of whom nothing is known.
pub(crate) fn nobody(number: u64) -> Contact {
    Contact {
        user_id: contact_id(number),
        profile: Profile::default(),
        attributes: Attributes::new(),
        created_at: NOW,
        anonymized_at: None,
    }
}

/// A contact of whom nothing matters but the number.
pub(crate) fn plain_contact(number: u64) -> Contact {
    let profile = Profile {
        display_name: text("Ann Lee"),
        email: text(&format!("Ann{number}@Example.org")),
        additional_emails: vec![format!("ann{number}@work.example")],
        phone: text(&format!("+49151{number:07}")),
        additional_phones: vec![format!("+49152{number:07}")],
        external_id: text(&format!("crm-{}", number / 3)),
        ..Profile::default()
    };
    Contact { profile, ..nobody(number) }
}

#[allow(clippy::unnecessary_wraps, reason = "a profile takes it so")]
pub(crate) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(crate) async fn insert(store: &Store, org: OrgKey, contacts: Vec<Contact>) -> Result<(), StoreError> {
    store.write(org, move |tx| contacts::insert(tx, &contacts, NOW)).await
}

pub(crate) async fn find(store: &Store, org: OrgKey, user: UserId) -> Option<Contact> {
    store.read(org, move |conn| contacts::find(conn, user)).await.unwrap()
}

async fn update(store: &Store, changes: Vec<Change>) -> Result<(), StoreError> {
    store.write(ORG, move |tx| contacts::update(tx, &changes, NOW)).await
}

async fn search(store: &Store, org: OrgKey, needle: &str) -> Vec<UserId> {
    let needle = needle.to_owned();
    let found = store.read(org, move |conn| contacts::search(conn, &needle, 100_000)).await.unwrap();
    found.into_iter().map(|contact| contact.user_id).collect()
}

fn later(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}
