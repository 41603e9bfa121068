//! Clearing a contact: its row stays, and says nothing any more.

use denizen_domain::contact::AttributeValue;
use denizen_domain::ids::Uuid;
use denizen_domain::member::Directory;
use denizen_store::contacts::{self, Contact, Profile};
use denizen_store::{Tx, holdings};

use super::{contact_id, find, insert, later, nobody, plain_contact, search, text};
use crate::support::{ORG, TestStore};

fn full(number: u64) -> Contact {
    let mut contact = plain_contact(number);
    contact.profile = Profile {
        first_name: text("Ann"),
        last_name: text("Lee"),
        middle_names: vec!["Mae".to_owned()],
        avatar_url: text("https://pictures.example/1.png"),
        ..contact.profile
    };
    contact.attributes = [(Uuid([1; 16]), AttributeValue::Text("gold".to_owned()))].into();
    contact
}

async fn clear(test: &TestStore, number: u64, seconds: i64) {
    let clear = move |tx: &Tx<'_>| {
        contacts::clear(tx, contact_id(number), later(seconds))?;
        holdings::erase_small(tx, Directory::Contacts, contact_id(number))
    };
    test.store.write(ORG, clear).await.unwrap();
}

#[tokio::test]
async fn of_a_cleared_contact_the_id_and_the_times_are_left() {
    let test = TestStore::empty();
    insert(&test.store, ORG, vec![full(1), full(2)]).await.unwrap();
    clear(&test, 1, 5).await;
    let left = Contact { anonymized_at: Some(later(5)), ..nobody(1) };
    assert_eq!(find(&test.store, ORG, contact_id(1)).await, Some(left.clone()));
    assert_eq!(find(&test.store, ORG, contact_id(2)).await, Some(full(2)));
    assert_eq!(search(&test.store, ORG, "ann").await, [contact_id(2)]);
    assert_eq!(search(&test.store, ORG, "").await, [contact_id(2)]);
    assert_eq!(test.store.read(ORG, contacts::count).await, Ok(2), "its row counts");
    assert_eq!(test.store.check().await, Ok(vec![]));

    clear(&test, 1, 9).await;
    assert_eq!(find(&test.store, ORG, contact_id(1)).await, Some(left), "the first time stays");
    insert(&test.store, ORG, vec![Contact { profile: full(1).profile, ..nobody(3) }]).await.unwrap();
    assert_eq!(test.store.check().await, Ok(vec![]), "what it was reached by is another's now");
}
