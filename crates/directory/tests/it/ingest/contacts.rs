//! Contacts that come as records: which contact is meant, what is kept, and what another contact has.

use denizen_directory::OpContext;
use denizen_directory::contacts::{Contact, ContactFilter, PageFrom};
use denizen_directory::ingest::{ContactRecord, ContactRef, Ingestor, Outcome, Record, Taken};
use denizen_directory::organizations::ADMINISTRATOR_ROLE;
use denizen_domain::ids::UserId;
use denizen_domain::patch::Patch;
use denizen_store::{contacts, holdings};
use denizen_testkit::{NOON, TestOrg, TestServer};

use super::contact_records::{
    contact, contact_id, definition, guid, held, list, noted, of_contact, of_definition, of_held, of_said,
    said, set, text,
};
use super::records::{ingest, time};

async fn reader(org: &TestOrg) -> OpContext {
    org.access_token(ADMINISTRATOR_ROLE).await.context().await
}

async fn contacts_of(org: &TestOrg, filter: ContactFilter) -> Vec<Contact> {
    let ctx = reader(org).await;
    let page = org.server.directory().list_contacts(&ctx, filter, PageFrom::Start, 1_000).await.unwrap();
    page.contacts.apart()
}

async fn get(org: &TestOrg, number: u64) -> Contact {
    let ctx = reader(org).await;
    org.server.directory().get_contact(&ctx, guid(number)).await.unwrap().contact
}

/// The texts of refusals.
async fn texts(org: &TestOrg, records: Vec<Record>) -> Vec<String> {
    let directory = org.server.directory();
    let operator = Ingestor::operator(directory, org.slug()).await.unwrap();
    let all = directory.ingest(&operator, records).await.unwrap();
    let text = |taken: Taken| match taken.outcome {
        Outcome::Refused(error) => error.text,
        other => format!("{other:?}"),
    };
    all.into_iter().map(text).collect()
}

fn external(id: &str) -> ContactRecord {
    ContactRecord { external_id: set(id), ..ContactRecord::default() }
}

#[tokio::test]
async fn a_contact_keeps_the_id_and_the_time_it_came_with() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    assert_eq!(
        ingest(&org, vec![of_contact(contact(1)), of_contact(contact(1))]).await,
        ["created", "unchanged"]
    );
    let found = get(&org, 1).await;
    assert_eq!((found.user_id, found.created_at), (contact_id(1), time(1)));
    assert_eq!(found.profile.email.as_deref(), Some("Ann1@example.org"));
    assert_eq!(found.profile.external_id.as_deref(), Some("crm-1"));
    // Without a time, a new contact is as old as its record, and a known one as old as before.
    let bare = |number| {
        of_contact(ContactRecord { contact_id: Some(contact_id(number)), ..ContactRecord::default() })
    };
    assert_eq!(ingest(&org, vec![bare(2), bare(1)]).await, ["created", "unchanged"]);
    assert_eq!(get(&org, 2).await.created_at, server.directory().now());
}

#[tokio::test]
async fn what_is_absent_is_kept_and_what_is_cleared_goes() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let full = ContactRecord {
        first_name: set("Ann"),
        last_name: set("Lee"),
        middle_names: list(&["Mae"]),
        additional_emails: list(&["ann@work.example"]),
        additional_phones: list(&["+49 151 2000-0000"]),
        avatar_url: set("https://pictures.example/ann.png"),
        attributes: Patch::Set(noted([(1, text("gold"))])),
        ..contact(1)
    };
    let records = vec![of_definition(definition(1)), of_contact(full)];
    assert_eq!(ingest(&org, records).await, ["created"; 2]);
    let before = get(&org, 1).await;
    let one =
        |change: ContactRecord| vec![of_contact(ContactRecord { contact_id: Some(contact_id(1)), ..change })];
    assert_eq!(ingest(&org, one(ContactRecord::default())).await, ["unchanged"]);
    assert_eq!(
        ingest(&org, one(ContactRecord { last_name: set("Li"), ..ContactRecord::default() })).await,
        ["updated"]
    );
    let mut expected = before.clone();
    expected.profile.last_name = Some("Li".to_owned());
    assert_eq!(get(&org, 1).await, expected);
    let cleared = ContactRecord {
        contact_id: None,
        external_id: Patch::Clear,
        display_name: Patch::Clear,
        first_name: Patch::Clear,
        last_name: Patch::Clear,
        middle_names: Patch::Clear,
        email: Patch::Clear,
        additional_emails: Patch::Clear,
        phone: Patch::Clear,
        additional_phones: Patch::Clear,
        avatar_url: Patch::Clear,
        attributes: Patch::Clear,
        created_at: None,
    };
    assert_eq!(ingest(&org, one(cleared.clone())).await, ["updated"]);
    let expected = Contact { profile: contacts::Profile::default(), attributes: [].into(), ..before };
    assert_eq!(get(&org, 1).await, expected);
    assert_eq!(ingest(&org, one(cleared)).await, ["unchanged"]);
    // What it had is free.
    assert_eq!(
        ingest(&org, vec![of_contact(ContactRecord { contact_id: Some(contact_id(2)), ..contact(1) })]).await,
        ["created"]
    );
    server.assert_consistent().await;
}

#[tokio::test]
async fn an_external_id_says_which_contact_is_meant_as_long_as_one_has_it() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let named = |id: &str, name: &str| of_contact(ContactRecord { display_name: set(name), ..external(id) });
    // A new one gets an id; from then on it is that one, in the same batch and in later ones.
    assert_eq!(ingest(&org, vec![named("crm-9", "Ann"), named("crm-9", "Bo")]).await, ["created", "updated"]);
    assert_eq!(ingest(&org, vec![named("crm-9", "Bo")]).await, ["unchanged"]);
    let found = contacts_of(&org, ContactFilter::ExternalId("crm-9".to_owned())).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].profile.display_name.as_deref(), Some("Bo"));
    // A second one makes the id ambiguous, and a third one changes nothing about that.
    let second = |number| of_contact(ContactRecord { external_id: set("crm-9"), ..contact(number) });
    let ambiguous = "refused InvalidField external_id";
    let records = vec![second(1), named("crm-9", "Bo"), second(2), named("crm-9", "Bo")];
    assert_eq!(ingest(&org, records).await, ["created", ambiguous, "created", ambiguous]);
    // As those leave, it means the one who is left, even in the batch in which they do.
    let leaving = |number| {
        of_contact(ContactRecord {
            external_id: set("other"),
            contact_id: Some(contact_id(number)),
            ..ContactRecord::default()
        })
    };
    let records =
        vec![leaving(1), named("crm-9", "Bo"), leaving(2), named("crm-9", "Cy"), named("other", "Di")];
    assert_eq!(ingest(&org, records).await, ["updated", ambiguous, "updated", "updated", ambiguous]);
    assert_eq!(
        texts(&org, vec![named("other", "Di")]).await,
        ["Several contacts have this id: say which of them by its contact_id"]
    );
    let found = contacts_of(&org, ContactFilter::All).await;
    let names: Vec<_> = found.iter().map(|found| found.profile.display_name.as_deref().unwrap()).collect();
    assert_eq!(names.len(), 3);
    assert!(names.contains(&"Cy"), "{names:?}");
}

#[tokio::test]
async fn contacts_that_come_without_ids_are_listed_in_the_order_of_their_records() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let records: Vec<Record> =
        (0..600).map(|number| of_contact(external(&format!("crm-{number}")))).collect();
    assert_eq!(ingest(&org, records).await, ["created"; 600]);
    let listed = contacts_of(&org, ContactFilter::All).await;
    let ids: Vec<String> = listed.into_iter().map(|contact| contact.profile.external_id.unwrap()).collect();
    assert_eq!(ids, (0..600).map(|number| format!("crm-{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_address_or_number_belongs_to_one_contact_and_is_free_as_soon_as_it_is_left() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let with_email = |number, email: &str| of_contact(ContactRecord { email: set(email), ..contact(number) });
    let with_emails = |number, emails: &[&str]| {
        of_contact(ContactRecord { additional_emails: list(emails), ..contact(number) })
    };
    let with_phone = |number, phone: &str| of_contact(ContactRecord { phone: set(phone), ..contact(number) });
    let with_phones = |number, phones: &[&str]| {
        of_contact(ContactRecord { additional_phones: list(phones), ..contact(number) })
    };
    let records = vec![
        of_contact(contact(1)),
        with_email(2, "ANN1@example.ORG"),
        with_emails(2, &["x@example.org", "ann1@example.org"]),
        with_phone(2, "+49 (151) 10000001"),
        with_phones(2, &["+4915110000001"]),
        with_emails(1, &["second@example.org"]),
        with_email(2, "second@example.org"),
        with_email(1, "moved@example.org"),
        with_email(2, "ann1@example.org"),
        with_phone(1, "+4915119999999"),
        with_phone(2, "+4915110000001"),
    ];
    let expected = [
        "created",
        "refused EmailTaken email",
        "refused EmailTaken additional_emails",
        "refused PhoneTaken phone",
        "refused PhoneTaken additional_phones",
        "updated",
        "refused EmailTaken email",
        "updated",
        "created",
        // Every other record about the first one says its first address, which is now another's.
        "refused EmailTaken email",
        "refused PhoneTaken phone",
    ];
    assert_eq!(ingest(&org, records).await, expected);
    assert_eq!(
        texts(&org, vec![with_email(3, "ann1@example.org"), with_phone(3, "+4915110000001")]).await,
        ["Another contact has this address", "Another contact has this number"]
    );
    server.assert_consistent().await;
}

#[tokio::test]
async fn what_is_no_address_number_or_name_is_refused_with_its_field() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let long = "x".repeat(1_001);
    let many: Vec<String> = (0..=100).map(|number| format!("a{number}@example.org")).collect();
    let base = || contact(1);
    let mut refused: Vec<(ContactRecord, &str)> = Vec::new();
    for email in ["", "ann", "a b@example.org", "ann@"] {
        refused.push((ContactRecord { email: set(email), ..base() }, "email"));
        refused.push((
            ContactRecord { additional_emails: list(&["a@b.c", email]), ..base() },
            "additional_emails",
        ));
    }
    refused.push((ContactRecord { additional_emails: Patch::Set(many), ..base() }, "additional_emails"));
    for phone in ["", "0151", "+123456", "+1234567890123456", "+49x151"] {
        refused.push((ContactRecord { phone: set(phone), ..base() }, "phone"));
        refused.push((ContactRecord { additional_phones: list(&[phone]), ..base() }, "additional_phones"));
    }
    for bad in [long.as_str(), "a\0b", "a\nb"] {
        refused.push((ContactRecord { display_name: set(bad), ..base() }, "display_name"));
        refused.push((ContactRecord { first_name: set(bad), ..base() }, "first_name"));
        refused.push((ContactRecord { last_name: set(bad), ..base() }, "last_name"));
        refused.push((ContactRecord { middle_names: list(&[bad]), ..base() }, "middle_names"));
        refused.push((ContactRecord { avatar_url: set(bad), ..base() }, "avatar_url"));
        for contact_id in [None, base().contact_id] {
            refused.push((ContactRecord { contact_id, external_id: set(bad), ..base() }, "external_id"));
        }
    }
    refused.push((ContactRecord { external_id: set(""), ..base() }, "external_id"));
    refused.push((ContactRecord { contact_id: None, external_id: Patch::Keep, ..base() }, "contact_id"));
    refused.push((ContactRecord { contact_id: None, external_id: Patch::Clear, ..base() }, "contact_id"));
    refused.push((
        ContactRecord { created_at: Some(time(0).plus_seconds(-3_000_000_000)), ..base() },
        "created_at",
    ));
    let (records, fields): (Vec<_>, Vec<_>) = refused.into_iter().unzip();
    let expected: Vec<String> = fields.iter().map(|field| format!("refused InvalidField {field}")).collect();
    assert_eq!(ingest(&org, records.into_iter().map(of_contact).collect()).await, expected);
    assert_eq!(contacts_of(&org, ContactFilter::All).await, []);
}

#[tokio::test]
async fn nothing_is_taken_in_about_who_was_anonymized() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let records = vec![
        of_contact(contact(1)),
        of_held(held(1, 1)),
        of_said(said(1, 1)),
        of_held(held(2, 1)),
        of_contact(contact(2)),
        of_held(held(3, 2)),
        of_said(said(3, 3)),
        of_held(held(4, 2)),
        of_said(said(4, 4)),
    ];
    assert_eq!(ingest(&org, records.clone()).await, ["created"; 9]);
    let key = org.key_in_store().await;
    let cleared = server.store().write(key, |tx| {
        contacts::clear(tx, contact_id(1), NOON)?;
        holdings::erase_small(tx, denizen_domain::member::Directory::Contacts, contact_id(1))?;
        holdings::clear_contact_conversation(tx, 3, NOON)?;
        holdings::clear_contact_message(tx, guid(4), NOON)
    });
    cleared.await.unwrap();
    let expected = [
        "refused InvalidField contact_id",
        "refused InvalidField contact_id",
        "refused InvalidField conversation_id",
        "refused InvalidField contact_id",
        "unchanged",
        "refused InvalidField conversation_id",
        "refused InvalidField conversation_id",
        "unchanged",
        "refused InvalidField message_id",
    ];
    assert_eq!(ingest(&org, records.clone()).await, expected);
    let expected = [
        "The contact was anonymized",
        "The contact was anonymized",
        "The conversation was anonymized",
        "The contact was anonymized",
        "Unchanged",
        "The conversation was anonymized",
        "The conversation was anonymized",
        "Unchanged",
        "The message was anonymized",
    ];
    assert_eq!(texts(&org, records).await, expected);
    // Nor is anything new about them.
    let records = vec![of_held(held(9, 1)), of_said(said(9, 1)), of_said(said(9, 3)), of_said(said(9, 4))];
    let expected = [
        "refused InvalidField contact_id",
        "refused InvalidField conversation_id",
        "refused InvalidField conversation_id",
        "created",
    ];
    assert_eq!(ingest(&org, records).await, expected);
    // What the contact had, another one may have, who is another one also with the same external id.
    let other = ContactRecord { contact_id: None, ..contact(1) };
    assert_eq!(ingest(&org, vec![of_contact(other)]).await, ["created"]);
}

#[tokio::test]
async fn a_contact_of_whom_only_the_receipt_is_left_is_refused() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.key_in_store().await;
    let directory = denizen_domain::member::Directory::Contacts;
    let noted =
        server.store().write(key, move |tx| denizen_store::erasures::put(tx, directory, contact_id(1), NOON));
    noted.await.unwrap();
    let records = vec![of_contact(contact(1)), of_held(held(1, 1)), of_contact(contact(2))];
    let refused = "refused InvalidField contact_id";
    assert_eq!(ingest(&org, records).await, [refused, refused, "created"]);
}

#[tokio::test]
async fn a_conversation_finds_its_contact_by_either_id_if_it_is_there_and_one() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let by = |number, contact: ContactRef| {
        let mut record = held(number, 0);
        record.contact = contact;
        of_held(record)
    };
    let external = |id: &str| ContactRef::ExternalId(id.to_owned());
    let id = |number| ContactRef::Id(contact_id(number));
    let twin = ContactRecord { external_id: set("twin"), ..contact(2) };
    let records = vec![
        by(1, id(1)),
        by(1, external("crm-1")),
        of_contact(contact(1)),
        by(1, id(1)),
        by(1, external("crm-1")),
        by(2, external("crm-1")),
        of_contact(twin),
        by(3, external("twin")),
        of_contact(ContactRecord { external_id: set("twin"), ..contact(3) }),
        by(4, external("twin")),
        by(4, id(3)),
        // It stays with its contact.
        by(4, id(2)),
        by(1, external("none")),
        by(1, external("crm-1\0")),
        by(1, external(&"x".repeat(1_001))),
    ];
    let expected = [
        "refused InvalidField contact_id",
        "refused InvalidField contact_external_id",
        "created",
        "created",
        "unchanged",
        "created",
        "created",
        "created",
        "created",
        "refused InvalidField contact_external_id",
        "created",
        "refused InvalidField contact_id",
        "refused InvalidField contact_external_id",
        "refused InvalidField contact_external_id",
        "refused InvalidField contact_external_id",
    ];
    assert_eq!(ingest(&org, records).await, expected);
    let ctx = reader(&org).await;
    let mut holders: Vec<UserId> = Vec::new();
    for conversation in 1..=4 {
        let view = server.directory().get_contact_conversation(&ctx, conversation).await.unwrap();
        holders.push(view.conversation.user_id);
    }
    assert_eq!(holders, [1, 1, 2, 3].map(contact_id));
}
