//! How much is held of one contact.

use std::collections::BTreeMap;

use denizen_directory::ErrorCode;
use denizen_directory::contacts::{ContactInput, ContactPatch, Refusal};
use denizen_domain::contact::{AttributeValue, MAX_CONTACT_BYTES};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::patch::Patch;
use denizen_store::contacts;

use super::{Desk, refused, text};
use crate::ingest::contact_records::{contact, definition, guid, list, of_contact, of_definition};
use crate::ingest::records::ingest;

/// Of exactly so many bytes: each name in a list takes three more than it has letters, and the list one.
fn of_size(bytes: usize) -> ContactInput {
    let left = bytes - 1;
    let whole = left / 1_000;
    let mut middle_names = vec!["m".repeat(997); whole - 1];
    middle_names.push("m".repeat(left - (whole - 1) * 1_000 - 3 - 1_000));
    ContactInput { middle_names, last_name: Some("x".repeat(1_000)), ..ContactInput::default() }
}

fn named(name: &str) -> ContactPatch {
    ContactPatch { first_name: text(name), ..ContactPatch::default() }
}

#[tokio::test]
async fn a_contact_has_so_many_bytes_and_not_one_more() {
    let desk = Desk::new().await;
    let too_large = || Err(refused(&[Refusal::TooLarge]));
    assert_eq!(desk.create(of_size(MAX_CONTACT_BYTES + 1)).await, too_large());
    let made = desk.create(of_size(MAX_CONTACT_BYTES)).await.unwrap().contact;
    assert_eq!(made.size(), MAX_CONTACT_BYTES);
    let id = made.id();
    assert_eq!(desk.patch(id, named("x")).await, too_large());
    assert_eq!(desk.replace(id, of_size(MAX_CONTACT_BYTES + 1)).await, too_large());
    assert_eq!(desk.get(id).await.unwrap().contact, made);
    // What is wrong beside is told, too.
    let input = ContactInput { email: text("no address"), ..of_size(MAX_CONTACT_BYTES + 1) };
    assert_eq!(desk.create(input).await, Err(refused(&[Refusal::InvalidEmail, Refusal::TooLarge])));
    assert!(desk.replace(id, of_size(MAX_CONTACT_BYTES - 1)).await.is_ok());
    assert!(desk.patch(id, named("x")).await.is_ok());
}

#[tokio::test]
async fn attributes_count_with_the_rest_wherever_they_come_from() {
    let desk = Desk::new().await;
    let definitions = (1..=40).map(|number| of_definition(definition(number))).collect();
    assert_eq!(ingest(&desk.org, definitions).await, ["created"; 40]);
    let id = desk.create(of_size(MAX_CONTACT_BYTES - 5_000)).await.unwrap().contact.id();
    let directory = desk.server.directory();
    let note = async |numbers: std::ops::Range<u64>, size: usize| {
        let value = Some(AttributeValue::Text("n".repeat(size)));
        let changes: BTreeMap<_, _> = numbers.map(|number| (guid(number), value.clone())).collect();
        let noted = directory.patch_contact_attributes(&desk.ctx, id, changes).await;
        noted.map(|noted| noted.len()).map_err(|error| (error.code, error.text))
    };
    let text = "a contact has at most 32768 bytes with its attributes".to_owned();
    assert_eq!(note(1..7, 1_000).await, Err((ErrorCode::InvalidField, text)));
    assert_eq!(note(1..5, 1_000).await, Ok(4));
    // Then there is no room for a name of that length.
    assert_eq!(desk.patch(id, named(&"x".repeat(1_000))).await, Err(refused(&[Refusal::TooLarge])));
    assert!(desk.patch(id, named(&"x".repeat(500))).await.is_ok());
    let before = desk.get(id).await.unwrap();

    // Records make no more of a contact, either.
    let mut record = contact(7);
    record.contact_id = Some(UserId::from_uuid(id));
    record.attributes =
        Patch::Set((1..=40).map(|number| (guid(number), AttributeValue::Text("n".repeat(1_000)))).collect());
    let mut new = record.clone();
    new.contact_id = Some(UserId::from_uuid(guid(8)));
    let names = vec!["m".repeat(1_000); 40];
    let mut named = contact(9);
    named.middle_names = list(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = "refused LimitReached";
    let records = [record, new, named, contact(10)].map(of_contact).to_vec();
    assert_eq!(ingest(&desk.org, records).await, [refused, refused, refused, "created"]);
    assert_eq!(desk.get(id).await.unwrap(), before);
    assert!(desk.get(guid(8)).await.is_none());
}

#[tokio::test]
async fn a_contact_that_is_too_large_already_is_read_and_may_shrink() {
    let desk = Desk::new().await;
    let made = desk.create(ContactInput::default()).await.unwrap().contact;
    let mut large = made.clone();
    large.profile.middle_names = vec!["m".repeat(1_000); 50];
    let change = contacts::Change { before: made, after: large.clone() };
    let (key, now) = (desk.org.key_in_store().await, desk.ctx.now);
    let write = move |tx: &denizen_store::Tx<'_>| contacts::update(tx, std::slice::from_ref(&change), now);
    desk.server.store().write(key, write).await.unwrap();
    let id: Uuid = large.id();
    assert_eq!(desk.get(id).await.unwrap().contact, large);
    assert_eq!(desk.patch(id, named("x")).await, Err(refused(&[Refusal::TooLarge])));
    let fewer = |names: usize| ContactPatch {
        middle_names: Some(vec!["m".repeat(1_000); names]),
        ..ContactPatch::default()
    };
    for (names, may) in [(51, false), (50, true), (49, true), (50, false), (10, true)] {
        assert_eq!(desk.patch(id, fewer(names)).await.is_ok(), may, "{names} names");
    }
    assert!(desk.patch(id, named("x")).await.is_ok());
}
