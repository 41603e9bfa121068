//! Properties of what is taken in of a help desk, tried with records from seeds.

use denizen_directory::contact_conversations::{ConversationDetails, ConversationKind, ConversationState};
use denizen_directory::ingest::{
    AttributeDefinitionRecord, ContactConversationRecord, ContactMessageRecord, ContactRecord, ContactRef,
    Record,
};
use denizen_domain::contact::Attributes;
use denizen_domain::patch::Patch;
use denizen_domain::permission::model::Rng;
use denizen_testkit::{TestOrg, TestServer};

use super::contact_records::{
    contact, contact_id, definition, held, noted, of_contact, of_conversations, of_definition, of_held,
    of_said, option, options, said, selecting, set, text,
};
use super::random::{cut, shuffle};
use super::records::{conversation, ingest, message, of_user, time, user};
use super::tables::{assert_coherent, tables};

fn number(rng: &mut Rng, most: u64) -> u64 {
    rng.next_u64() % most
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}

/// A file in which nothing contradicts anything, in the order that it needs: definitions, contacts, conversations, messages.
fn consistent_file(rng: &mut Rng) -> [Vec<Record>; 4] {
    let definitions = vec![
        of_definition(definition(1)),
        of_definition(selecting(2, vec![option(21, "a", vec![option(22, "b", Vec::new())])])),
        of_definition(of_conversations(definition(3))),
    ];
    let contacts = (0..12).map(|number| {
        let mut record = contact(number);
        if rng.chance(50) {
            record.contact_id = None;
        }
        if rng.chance(50) {
            record.attributes = Patch::Set(noted([(1, text("gold")), (2, options(&["a", "b"]))]));
        }
        of_contact(record)
    });
    let contacts: Vec<Record> = contacts.collect();
    let conversations = (0..20).map(|place| {
        let mut record = held(signed(place), place % 12);
        record.contact = ContactRef::ExternalId(format!("crm-{}", place % 12));
        record.attributes = rng.chance(50).then(|| noted([(3, text("urgent"))]));
        of_held(record)
    });
    let conversations: Vec<Record> = conversations.collect();
    let messages = (0..60).map(|place| of_said(said(place, signed(number(rng, 20))))).collect();
    [definitions, contacts, conversations, messages]
}

#[tokio::test]
async fn a_file_of_a_help_desk_leaves_the_same_however_it_is_cut_and_however_often_it_comes() {
    let server = TestServer::start().await;
    for seed in 1..=4 {
        let mut rng = Rng::new(seed * 6_961);
        let mut parts = consistent_file(&mut rng);
        let mut expected = None;
        for turn in 0..3 {
            let org = server.org(&format!("org-{seed}-{turn}")).await;
            for part in &mut parts {
                shuffle(&mut rng, part);
            }
            let file = parts.concat();
            for batch in cut(&mut rng, file.clone()) {
                for outcome in ingest(&org, batch).await {
                    assert_eq!(outcome, "created", "seed {seed}");
                }
            }
            let first = tables(&org).await;
            // Everything is there now, so the order does not matter any more.
            let mut again = file;
            shuffle(&mut rng, &mut again);
            for batch in cut(&mut rng, again) {
                for outcome in ingest(&org, batch).await {
                    assert_eq!(outcome, "unchanged", "seed {seed}");
                }
            }
            assert_eq!(tables(&org).await, first, "seed {seed}");
            assert_eq!(*expected.get_or_insert_with(|| first.clone()), first, "seed {seed}, turn {turn}");
        }
        server.assert_consistent().await;
    }
}

fn patch<T>(rng: &mut Rng, value: impl FnOnce(&mut Rng) -> T) -> Patch<T> {
    match rng.below(4) {
        0 => Patch::Clear,
        1 => Patch::Keep,
        _ => Patch::Set(value(rng)),
    }
}

fn any_email(rng: &mut Rng) -> String {
    (*rng.pick(&[
        "a@x.example",
        "A@X.example",
        "b@x.example",
        "c@x.example",
        "d@x.example",
        "no address",
        "a\0@x.example",
    ]))
    .to_owned()
}

fn any_phone(rng: &mut Rng) -> String {
    (*rng.pick(&[
        "+491511111111",
        "+49 151 111-1111",
        "+491512222222",
        "+491513333333",
        "no number",
        "+49151111\0",
    ]))
    .to_owned()
}

fn any_external_id(rng: &mut Rng) -> String {
    if rng.chance(5) { "crm-\0".to_owned() } else { format!("crm-{}", number(rng, 4)) }
}

/// Now and then with a character that PostgreSQL neither stores nor can be asked for.
fn any_text(rng: &mut Rng, text: &str) -> String {
    if rng.chance(4) { format!("{text}\0") } else { text.to_owned() }
}

fn any_attributes(rng: &mut Rng) -> Attributes {
    let value = match rng.below(4) {
        0 => options(&["a"]),
        1 => options(&["a", &any_text(rng, "b")]),
        2 => options(&[]),
        _ => text(&any_text(rng, "gold")),
    };
    noted([(number(rng, 4), value)])
}

fn any_contact(rng: &mut Rng) -> ContactRecord {
    let has_id = rng.chance(60);
    let external_id = any_external_id(rng);
    let name = format!("Name {}", number(rng, 3));
    ContactRecord {
        contact_id: has_id.then(|| contact_id(number(rng, 4))),
        external_id: if has_id { patch(rng, |_| external_id) } else { Patch::Set(external_id) },
        // Those of a new contact do not depend on anything that is drawn.
        display_name: Patch::Set(any_text(rng, &name)),
        first_name: patch(rng, |rng| any_text(rng, "Ann")),
        last_name: patch(rng, |rng| any_text(rng, "Lee")),
        middle_names: patch(rng, |rng| vec![any_text(rng, "Mae")]),
        avatar_url: patch(rng, |rng| any_text(rng, "https://pictures.example/ann.png")),
        email: patch(rng, any_email),
        additional_emails: patch(rng, |rng| (0..rng.below(3)).map(|_| any_email(rng)).collect()),
        phone: patch(rng, any_phone),
        additional_phones: patch(rng, |rng| (0..rng.below(3)).map(|_| any_phone(rng)).collect()),
        attributes: if rng.chance(50) { Patch::Keep } else { patch(rng, any_attributes) },
        created_at: Some(time(number(rng, 3))),
    }
}

fn any_definition(rng: &mut Rng) -> AttributeDefinitionRecord {
    let number = number(rng, 4);
    let mut record = if number.is_multiple_of(2) || rng.chance(10) {
        definition(number)
    } else {
        let inner = any_text(rng, "b");
        let nested = if rng.chance(50) { vec![option(101, &inner, Vec::new())] } else { Vec::new() };
        selecting(number, vec![option(100, "a", nested)])
    };
    record.identifier = any_text(rng, &record.identifier);
    record.label = any_text(rng, &record.label);
    record.description = rng.chance(30).then(|| any_text(rng, "What it is for"));
    if rng.chance(20) {
        "shared".clone_into(&mut record.identifier);
    }
    record.is_archived = rng.chance(20);
    record.is_deactivated = rng.chance(20);
    if number == 3 || rng.chance(10) { of_conversations(record) } else { record }
}

fn any_conversation(rng: &mut Rng) -> ContactConversationRecord {
    let mut record = held(signed(number(rng, 6)), 0);
    record.contact = if rng.chance(60) {
        ContactRef::Id(contact_id(number(rng, 4)))
    } else {
        ContactRef::ExternalId(any_external_id(rng))
    };
    record.kind = *rng.pick(&[ConversationKind::Chat, ConversationKind::Generic, ConversationKind::Email]);
    record.state = rng.chance(50).then_some(ConversationState::Closed);
    record.attributes = rng.chance(40).then(|| any_attributes(rng));
    record.details =
        ConversationDetails { language: rng.chance(30).then(|| any_text(rng, "en")), ..record.details };
    record
}

/// Any record, of few contacts, addresses, definitions and conversations, so that they often meet.
fn any_record(rng: &mut Rng) -> Record {
    match rng.below(20) {
        0..=7 => of_contact(any_contact(rng)),
        8..=9 => of_definition(any_definition(rng)),
        10..=14 => of_held(any_conversation(rng)),
        15..=17 => {
            let content = *rng.pick(&["Hello", "Good day"]);
            let content = any_text(rng, content);
            let record = said(number(rng, 8), signed(number(rng, 6)));
            let sender = any_text(rng, &record.sender);
            of_said(ContactMessageRecord { content, sender, created_at: time(1), ..record })
        }
        18 => of_user(user(number(rng, 3))),
        _ if rng.chance(50) => Record::Conversation(conversation(number(rng, 3), number(rng, 3))),
        _ => Record::Message(message(number(rng, 3), number(rng, 3), number(rng, 3))),
    }
}

#[tokio::test]
async fn a_batch_about_a_help_desk_does_what_its_records_do_one_after_the_other() {
    let server = TestServer::start().await;
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for seed in 1..=8 {
        let mut rng = Rng::new(seed * 86_243);
        let (batched, single) =
            (server.org(&format!("batched-{seed}")).await, server.org(&format!("single-{seed}")).await);
        for step in 0..12 {
            let records: Vec<Record> = (0..=rng.below(30)).map(|_| any_record(&mut rng)).collect();
            let mut one_by_one = Vec::new();
            for record in &records {
                one_by_one.extend(ingest(&single, vec![record.clone()]).await);
            }
            let at_once = ingest(&batched, records.clone()).await;
            assert_eq!(at_once, one_by_one, "seed {seed}, step {step}: {records:#?}");
            assert_eq!(tables(&batched).await, tables(&single).await, "seed {seed}, step {step}");
            for outcome in at_once {
                *seen.entry(outcome).or_default() += 1;
            }
        }
        assert_coherent(&batched).await;
        assert_coherent(&single).await;
    }
    // The records meet in every way that matters here.
    for outcome in [
        "created",
        "updated",
        "unchanged",
        "refused EmailTaken email",
        "refused PhoneTaken additional_phones",
        "refused InvalidField external_id",
        "refused InvalidField contact_external_id",
        "refused InvalidField conversation_id",
        "refused InvalidField entity",
        "refused InvalidField input",
        "refused InvalidField identifier",
    ] {
        assert!(seen.contains_key(outcome), "{outcome} is not among {seen:#?}");
    }
}

#[tokio::test]
async fn batches_about_a_help_desk_at_the_same_time_leave_what_is_coherent() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let here = server.org("acme").await;
    let mut there: TestOrg = here.clone();
    there.server = other;
    let mut rng = Rng::new(15_485_867);
    for _ in 0..15 {
        let mut batch = || (0..20).map(|_| any_record(&mut rng)).collect::<Vec<Record>>();
        let (first, second, third) = (batch(), batch(), batch());
        tokio::join!(ingest(&here, first), ingest(&there, second), ingest(&here, third));
        assert_coherent(&here).await;
    }
    let names = tables(&here).await;
    assert!(
        names.iter().any(|(table, lines)| *table == "contact_message" && !lines.is_empty()),
        "{names:#?}"
    );
    // Somebody new who comes to both at once with the same external id is one contact.
    for round in 0..10 {
        let new = || {
            vec![of_contact(ContactRecord {
                external_id: set(&format!("new-{round}")),
                ..ContactRecord::default()
            })]
        };
        let (mut one, other) = tokio::join!(ingest(&here, new()), ingest(&there, new()));
        one.extend(other);
        one.sort();
        assert_eq!(one, ["created", "unchanged"], "round {round}");
    }
}
