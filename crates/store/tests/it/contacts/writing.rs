//! What is written of a contact is what is read of it, and no two have the same address or number.

use std::collections::BTreeSet;

use denizen_domain::contact::{AttributeValue, Attributes};
use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::member::Directory;
use denizen_store::contacts::{self, Change, Contact, Identifier, Profile};
use denizen_store::{Dialect, StoreError, Tx, holdings};

use super::{contact_id, find, insert, nobody, plain_contact, search, text, update};
use crate::support::{NOW, ORG, TestStore, bytes};

fn whole() -> Contact {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Contact {
        profile: Profile {
            display_name: text("Änne \"O'Brien\" 🚀"),
            first_name: text(""),
            last_name: text("O'Brien"),
            middle_names: texts(&["Mae", "", "Mae"]),
            email: text("Änne@Example.org"),
            additional_emails: texts(&["a@b", "ÖRK@example.org"]),
            phone: text("+4915112345678"),
            additional_phones: texts(&["+4915112345679"]),
            external_id: text("crm \\ 1"),
            avatar_url: text("https://pictures.example/1.png"),
        },
        attributes: [
            (Uuid([1; 16]), AttributeValue::Text("gold".to_owned())),
            (Uuid([2; 16]), AttributeValue::Options(texts(&["a", "b"]))),
        ]
        .into(),
        ..nobody(1)
    }
}

#[tokio::test]
async fn a_contact_is_read_as_it_was_written() {
    let test = TestStore::empty();
    let written = vec![whole(), nobody(2), plain_contact(3)];
    insert(&test.store, ORG, written.clone()).await.unwrap();
    for contact in &written {
        assert_eq!(find(&test.store, ORG, contact.user_id).await.as_ref(), Some(contact));
        for identifier in contact.profile.identifiers() {
            let found =
                test.store.read(ORG, move |conn| contacts::find_by_identifier(conn, &identifier)).await;
            assert_eq!(found.unwrap().apart(), std::slice::from_ref(contact));
        }
    }
    assert_eq!(find(&test.store, ORG, contact_id(4)).await, None);
    assert_eq!(find(&test.store, OrgKey(2), contact_id(1)).await, None);

    let ids = [4, 3, 1, 3].map(contact_id);
    let mut many = test.store.read(ORG, move |conn| contacts::find_many(conn, &ids)).await.unwrap();
    many.sort_by_key(|contact| contact.user_id);
    assert_eq!(many, [written[0].clone(), written[2].clone()]);
    assert_eq!(test.store.read(ORG, contacts::count).await, Ok(3));
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn an_identifier_leads_to_its_owner_by_its_key_and_kind() {
    let test = TestStore::empty();
    insert(&test.store, ORG, vec![whole(), plain_contact(3)]).await.unwrap();
    let asked: BTreeSet<Identifier> = [
        Identifier::email("ÄNNE@example.ORG"),
        Identifier::email("a@B"),
        Identifier::email("+4915112345678"),
        Identifier::email("nobody@example.org"),
        Identifier::phone("+4915112345679"),
        Identifier::phone("+491510000003"),
        Identifier::phone("a@b"),
    ]
    .into();
    let everywhere = asked.clone();
    let owners = test.store.read(ORG, move |conn| contacts::find_owners(conn, &asked)).await.unwrap();
    let expected = [
        (Identifier::email("änne@example.org"), contact_id(1)),
        (Identifier::email("a@b"), contact_id(1)),
        (Identifier::phone("+4915112345679"), contact_id(1)),
        (Identifier::phone("+491510000003"), contact_id(3)),
    ];
    assert_eq!(owners, expected.into());
    let elsewhere =
        test.store.read(OrgKey(2), move |conn| contacts::find_owners(conn, &everywhere)).await.unwrap();
    assert_eq!(elsewhere, [].into());
}

#[tokio::test]
async fn a_change_writes_the_row_its_identifiers_and_its_search_entry() {
    let test = TestStore::empty();
    insert(&test.store, ORG, vec![whole()]).await.unwrap();
    let mut after = whole();
    after.profile.display_name = text("Zoë");
    after.profile.email = None;
    after.profile.additional_emails = vec!["zoe@example.org".to_owned()];
    after.profile.middle_names = Vec::new();
    after.attributes = [].into();
    after.created_at = NOW.plus_seconds(-5);
    update(&test.store, vec![Change { before: whole(), after: after.clone() }]).await.unwrap();
    assert_eq!(find(&test.store, ORG, contact_id(1)).await, Some(after));
    for (needle, is_found) in [
        ("zoë", true),
        ("ZOE@", true),
        ("anne", false),
        ("änne@", false),
        ("a@b", false),
        ("brien", true),
        ("+4915112345678", true),
    ] {
        assert_eq!(!search(&test.store, ORG, needle).await.is_empty(), is_found, "{needle}");
    }
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn contacts_can_give_each_other_what_only_one_can_have() {
    let test = TestStore::empty();
    let before = [plain_contact(1), plain_contact(2), plain_contact(3)];
    insert(&test.store, ORG, before.to_vec()).await.unwrap();
    let mut after = before.clone();
    for (number, contact) in after.iter_mut().enumerate() {
        contact.profile.email.clone_from(&before[(number + 1) % 3].profile.email);
        contact.profile.additional_phones = vec![before[(number + 2) % 3].profile.phone.clone().unwrap()];
        contact.profile.phone = None;
    }
    let pairs = before.into_iter().zip(after.clone());
    update(&test.store, pairs.map(|(before, after)| Change { before, after }).collect()).await.unwrap();
    for contact in after {
        assert_eq!(find(&test.store, ORG, contact.user_id).await.as_ref(), Some(&contact));
        let phone = Identifier::phone(&contact.profile.additional_phones[0]);
        let owner = test.store.read(ORG, move |conn| contacts::find_by_identifier(conn, &phone)).await;
        assert_eq!(owner.unwrap().apart(), [contact]);
    }
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn an_address_of_two_contacts_is_refused_and_leaves_nothing_behind() {
    let test = TestStore::empty();
    insert(&test.store, ORG, vec![plain_contact(1)]).await.unwrap();
    let mut second = plain_contact(2);
    second.profile.additional_emails = vec!["ANN1@example.org".to_owned()];
    let refused = insert(&test.store, ORG, vec![plain_contact(3), second.clone()]).await;
    let name = match test.dialect().await {
        Dialect::Sqlite => "contact_identifier.org_id, contact_identifier.kind, contact_identifier.key",
        Dialect::Postgres => "contact_identifier_pkey",
    };
    assert_eq!(refused, Err(StoreError::Constraint(name.to_owned())));
    let missing = find(&test.store, ORG, contact_id(3)).await;
    assert_eq!(missing, None, "what came with it is not there either");
    insert(&test.store, OrgKey(2), vec![second]).await.unwrap();
    assert_eq!(test.store.read(ORG, contacts::count).await, Ok(1));
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn contacts_that_come_together_are_as_if_they_had_come_one_by_one() {
    let test = TestStore::empty();
    // More than one parameter can hold on PostgreSQL.
    let mut contacts: Vec<Contact> = (0..1_500).map(plain_contact).collect();
    for contact in &mut contacts {
        contact.profile.last_name = Some("long name ".repeat(50));
    }
    insert(&test.store, ORG, contacts.clone()).await.unwrap();
    assert_eq!(test.store.read(ORG, contacts::count).await, Ok(1_500));
    let ids: Vec<_> = contacts.iter().map(|contact| contact.user_id).collect();
    assert_eq!(search(&test.store, ORG, "").await, ids, "they are numbered in their order");
    for number in [0, 749, 1_499] {
        assert_eq!(
            find(&test.store, ORG, contact_id(number)).await,
            contacts.get(usize::try_from(number).unwrap()).cloned()
        );
    }
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn the_longest_contact_can_be_written_and_is_found_by_what_comes_first() {
    let test = TestStore::empty();
    // Letters that fold into many, each time others, so that the search index has as much to hold as it can.
    let mut letters = ('\u{4e00}'..='\u{9fff}').cycle();
    let mut long = |length: usize| letters.by_ref().take(length).collect::<String>();
    let mut contact = plain_contact(1);
    contact.profile.first_name = Some("\u{fdfa}".repeat(1_000));
    contact.profile.middle_names = (0..100).map(|_| long(1_000)).collect();
    contact.profile.additional_emails =
        (0..100).map(|number| format!("{}{number}@{}", long(40), long(40))).collect();
    contact.profile.additional_phones = (0..100).map(|number| format!("+4915210000{number:04}")).collect();
    contact.profile.external_id = Some("x".repeat(1_000));
    insert(&test.store, ORG, vec![contact.clone()]).await.unwrap();
    assert_eq!(find(&test.store, ORG, contact.user_id).await.as_ref(), Some(&contact));
    for needle in ["ann lee", "+49152100000099", &contact.profile.additional_emails[99]] {
        assert_eq!(search(&test.store, ORG, needle).await, [contact.user_id], "{needle}");
    }
    // The first name folds into very many letters, and nothing behind it is held.
    let middle_names = contact.profile.middle_names.clone();
    assert_eq!(search(&test.store, ORG, &middle_names[0]).await, []);
    let mut after = contact.clone();
    after.profile.display_name = text("Bob");
    after.profile.first_name = None;
    update(&test.store, vec![Change { before: contact.clone(), after: after.clone() }]).await.unwrap();
    for (needle, is_found) in [
        ("bob", true),
        (&middle_names[0], true),
        (&middle_names[99], false),
        (after.profile.email.as_deref().unwrap(), true),
        (&after.profile.additional_emails[99], true),
        ("ann lee", false),
    ] {
        assert_eq!(!search(&test.store, ORG, needle).await.is_empty(), is_found, "{needle}");
    }
    let outside = test.outside().await;
    let id = bytes(&outside, &contact.user_id.0);
    let letters = outside
        .int(&format!("SELECT CAST(length(search_text) AS BIGINT) FROM contact WHERE user_id = {id}"))
        .await;
    assert_eq!(letters, 2_000, "each of them costs whoever writes it");
    assert_eq!(test.store.check().await, Ok(vec![]));
    let clear = move |tx: &Tx<'_>| {
        contacts::clear(tx, contact_id(1), NOW)?;
        holdings::erase_small(tx, Directory::Contacts, contact_id(1))
    };
    test.store.write(ORG, clear).await.unwrap();
    assert_eq!(search(&test.store, ORG, "bob").await, []);
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn how_much_there_is_of_contacts_is_told_without_reading_them() {
    let test = TestStore::empty();
    let mut large = plain_contact(1);
    large.profile.middle_names = vec!["é".repeat(100); 3];
    large.attributes = [(Uuid([3; 16]), AttributeValue::Text("gold".to_owned()))].into();
    let contacts = [large, nobody(2), plain_contact(3)];
    insert(&test.store, ORG, contacts.to_vec()).await.unwrap();
    let ids = [1, 2, 3, 4].map(contact_id);
    let weights = test.store.read(ORG, move |conn| contacts::weigh(conn, &ids)).await.unwrap();
    assert_eq!(weights.len(), 3);
    for contact in contacts {
        let weight = weights[&contact.user_id];
        assert_eq!(weight.identifiers, contact.profile.identifiers().len());
        // The primary address and number count as identifiers.
        let of_primary = [&contact.profile.email, &contact.profile.phone];
        let of_primary: usize = of_primary.into_iter().flatten().map(String::len).sum();
        assert_eq!(weight.bytes, contact.size() - of_primary);
    }
    assert_eq!(nobody(2).size(), 0);
}

#[tokio::test]
async fn attributes_are_replaced_and_nothing_else_is() {
    let test = TestStore::empty();
    insert(&test.store, ORG, vec![whole(), plain_contact(2)]).await.unwrap();
    let some = Attributes::from([(Uuid([9; 16]), AttributeValue::Text(String::new()))]);
    for attributes in [some, Attributes::new()] {
        let new = attributes.clone();
        let set = move |tx: &Tx<'_>| contacts::set_attributes(tx, contact_id(1), &new, NOW);
        test.store.write(ORG, set).await.unwrap();
        assert_eq!(find(&test.store, ORG, contact_id(1)).await, Some(Contact { attributes, ..whole() }));
    }
    assert_eq!(find(&test.store, ORG, contact_id(2)).await, Some(plain_contact(2)));
}
