//! Conversations of contacts and their messages: pages in both directions, what is open, what decides about a record that
//! comes again.

use std::collections::BTreeMap;

use denizen_domain::contact::{AttributeValue, Attributes};
use denizen_domain::ids::{OrgKey, UserId, Uuid};
use denizen_domain::permission::model::Rng;
use denizen_domain::time::Timestamp;
use denizen_store::contact_conversations::{
    self as conversations, Assignment, Browser, Channel, ContactConversation, ConversationDetails,
    ConversationKind, ConversationLink, ConversationState, Direction, LinkKind, Queue, StoredConversation,
    TwitterType,
};
use denizen_store::contact_messages::{self as messages, ContactMessage, StoredMessage};
use denizen_store::contacts::{self, Contact, Profile};
use denizen_store::{Conn, StoreError};

use crate::support::{NOW, ORG, TestStore};

const DIGEST: [u8; 16] = [5; 16];

fn contact_id(number: u8) -> UserId {
    UserId([number; 16])
}

fn contact(number: u8) -> Contact {
    Contact {
        user_id: contact_id(number),
        profile: Profile { external_id: Some(format!("crm-{}", number % 2)), ..Profile::default() },
        attributes: Attributes::new(),
        created_at: NOW,
        anonymized_at: None,
    }
}

async fn with_contacts(numbers: &[u8]) -> TestStore {
    let test = TestStore::empty();
    let all: Vec<Contact> = numbers.iter().copied().map(contact).collect();
    test.store.write(ORG, move |tx| contacts::insert(tx, &all, NOW)).await.unwrap();
    test
}

/// A conversation with nothing that it need not have.
fn plain(conversation_id: i64, contact: u8) -> ContactConversation {
    ContactConversation {
        conversation_id,
        user_id: contact_id(contact),
        kind: ConversationKind::Generic,
        channel: Channel::Voicemail,
        direction: None,
        state: None,
        state_changed_at: None,
        assignment: None,
        queue: None,
        link: None,
        transport_expires_at: None,
        details: ConversationDetails::default(),
        attributes: Attributes::new(),
        created_at: NOW,
        anonymized_at: None,
    }
}

/// A conversation with all that there is.
fn full(conversation_id: i64, contact: u8) -> ContactConversation {
    let text = |text: &str| Some(text.to_owned());
    ContactConversation {
        kind: ConversationKind::Twitter,
        channel: Channel::Twitter,
        direction: Some(Direction::Outbound),
        state: Some(ConversationState::AwaitingPending),
        state_changed_at: Some(Timestamp(3)),
        assignment: Some(Assignment { agent_id: Uuid([8; 16]), assigned_at: 4 }),
        queue: Some(Queue { id: Uuid([9; 16]), queued_at: None }),
        link: Some(ConversationLink { parent_id: i64::MAX, kind: LinkKind::SideConversation }),
        transport_expires_at: Some(Timestamp(5)),
        details: ConversationDetails {
            browser: Some(Browser {
                name: "Lynx".to_owned(),
                version: None,
                ip_address: text("192.0.2.1"),
                originating_url: text("https://example.com/?q=\"é\""),
            }),
            language: text("en"),
            subject: text("Hello"),
            from_email: text("a@example.com"),
            to_email: text("b@example.com"),
            integration_email: text("c@example.com"),
            from_contact_point_id: text("1"),
            to_contact_point_id: text("2"),
            from_number: text("+3"),
            to_number: text("+4"),
            twitter_type: Some(TwitterType::Tweet),
            contact_point_twitter_id: text("5"),
            end_user_twitter_id: text("6"),
        },
        attributes: noted(1),
        ..plain(conversation_id, contact)
    }
}

fn noted(number: u8) -> Attributes {
    Attributes::from([
        (Uuid([number; 16]), AttributeValue::Text("a \"text\"".to_owned())),
        (Uuid([99; 16]), AttributeValue::Options(vec!["one".to_owned(), "two".to_owned()])),
    ])
}

async fn add(test: &TestStore, conversation: ContactConversation) {
    let insert = move |tx: &denizen_store::Tx<'_>| conversations::insert(tx, &conversation, &DIGEST, NOW);
    test.store.write(ORG, insert).await.unwrap();
}

async fn find(test: &TestStore, id: i64) -> Option<ContactConversation> {
    test.store.read(ORG, move |conn| conversations::find(conn, id)).await.unwrap()
}

#[tokio::test]
async fn a_conversation_is_read_as_it_was_written_and_written_over_as_a_whole() {
    let test = with_contacts(&[1, 2]).await;
    add(&test, full(1, 1)).await;
    add(&test, plain(i64::MAX, 1)).await;
    assert_eq!(find(&test, 1).await, Some(full(1, 1)));
    assert_eq!(find(&test, i64::MAX).await, Some(plain(i64::MAX, 1)));
    assert_eq!(find(&test, 2).await, None);
    for after in [plain(1, 2), full(1, 1)] {
        let written = after.clone();
        let update = move |tx: &denizen_store::Tx<'_>| conversations::update(tx, &written, &DIGEST, NOW);
        test.store.write(ORG, update).await.unwrap();
        assert_eq!(find(&test, 1).await, Some(after));
    }
    let elsewhere = test.store.read(OrgKey(2), |conn| conversations::find(conn, 1)).await.unwrap();
    assert_eq!(elsewhere, None);
}

#[tokio::test]
async fn pages_of_a_contact_hold_the_nearest_in_the_order_of_their_ids() {
    let test = with_contacts(&[1, 2, 3]).await;
    let mut rng = Rng::new(7_919);
    let mut ids: BTreeMap<i64, u8> = BTreeMap::from([(0, 1), (i64::MAX, 1)]);
    while ids.len() < 60 {
        ids.insert(i64::try_from(rng.below(1_000)).unwrap(), if rng.chance(50) { 1 } else { 2 });
    }
    for (id, contact) in &ids {
        add(&test, plain(*id, *contact)).await;
    }
    for contact in 1..=3 {
        let own: Vec<i64> = ids.iter().filter(|(_, whose)| **whose == contact).map(|(id, _)| *id).collect();
        for _ in 0..40 {
            let any = i64::try_from(rng.below(1_000)).unwrap();
            let bound = *rng.pick(&[0, i64::MIN, i64::MAX, any]);
            let limit = rng.below(12);
            let read = move |conn: &Conn<'_>| {
                let on = conversations::page_from(conn, contact_id(contact), bound, limit)?;
                let back = conversations::page_until(conn, contact_id(contact), bound, limit)?;
                Ok::<_, StoreError>([on, back])
            };
            let pages = test.store.read(ORG, read).await.unwrap();
            let [on, back] = pages.map(|page| page.iter().map(|one| one.conversation_id).collect::<Vec<_>>());
            let expected: Vec<i64> = own.iter().copied().filter(|id| *id >= bound).take(limit).collect();
            assert_eq!(on, expected, "{limit} from {bound}");
            let mut expected: Vec<i64> =
                own.iter().rev().copied().filter(|id| *id <= bound).take(limit).collect();
            expected.reverse();
            assert_eq!(back, expected, "{limit} until {bound}");
        }
    }
}

#[tokio::test]
async fn what_is_not_closed_is_open_unless_nobody_says_how_far_it_is() {
    let test = with_contacts(&[1, 2]).await;
    let is_open = async |contact: u8| {
        let read = move |conn: &Conn<'_>| conversations::has_open(conn, contact_id(contact));
        test.store.read(ORG, read).await.unwrap()
    };
    add(&test, plain(1, 1)).await;
    add(&test, ContactConversation { state: Some(ConversationState::Closed), ..plain(2, 1) }).await;
    assert!(!is_open(1).await);
    let states = ConversationState::ALL.iter().filter(|state| **state != ConversationState::Closed);
    for (id, state) in (3..).zip(states) {
        let open = ContactConversation { state: Some(*state), ..plain(id, 1) };
        add(&test, open.clone()).await;
        assert!(is_open(1).await, "{state:?}");
        assert!(!is_open(2).await);
        let close = move |tx: &denizen_store::Tx<'_>| conversations::close(tx, id, Timestamp(7));
        test.store.write(ORG, close).await.unwrap();
        assert!(!is_open(1).await, "{state:?}");
        let closed = ContactConversation {
            state: Some(ConversationState::Closed),
            state_changed_at: Some(Timestamp(7)),
            ..open
        };
        assert_eq!(find(&test, id).await, Some(closed));
    }
    // What was closed before keeps its time.
    let close = |tx: &denizen_store::Tx<'_>| conversations::close(tx, 2, Timestamp(7));
    test.store.write(ORG, close).await.unwrap();
    assert_eq!(find(&test, 2).await.unwrap().state_changed_at, None);
}

#[tokio::test]
async fn closing_all_of_a_contact_leaves_others_and_says_that_records_bring_news_again() {
    let test = with_contacts(&[1, 2]).await;
    let open =
        |id, contact| ContactConversation { state: Some(ConversationState::Pending), ..plain(id, contact) };
    for conversation in [open(1, 1), open(2, 1), plain(3, 1), open(4, 2)] {
        add(&test, conversation).await;
    }
    let close = |tx: &denizen_store::Tx<'_>| conversations::close_all(tx, contact_id(1), Timestamp(7));
    test.store.write(ORG, close).await.unwrap();
    let mut states = Vec::new();
    for id in 1..=4 {
        states.push(find(&test, id).await.unwrap().state);
    }
    let closed = Some(ConversationState::Closed);
    assert_eq!(states, [closed, closed, None, Some(ConversationState::Pending)]);
    let read = |conn: &Conn<'_>| conversations::find_many(conn, &[1, 2, 3, 4, 5]);
    let mut stored = test.store.read(ORG, read).await.unwrap();
    stored.sort_by_key(|row| row.conversation_id);
    let digests: Vec<_> = stored.iter().map(|row| row.digest).collect();
    assert_eq!(digests, [None, None, Some(DIGEST), Some(DIGEST)]);
}

#[tokio::test]
async fn what_decides_about_a_record_is_found_for_many_at_once() {
    let test = with_contacts(&[1, 2]).await;
    for conversation in [full(1, 1), plain(2, 2), plain(i64::MAX, 1)] {
        add(&test, conversation).await;
    }
    let set = |tx: &denizen_store::Tx<'_>| {
        contacts::clear(tx, contact_id(2), NOW)?;
        conversations::set_attributes(tx, 1, &noted(4), NOW)?;
        conversations::set_attributes(tx, i64::MAX, &Attributes::new(), NOW)
    };
    test.store.write(ORG, set).await.unwrap();
    let ids = [i64::MAX, 2, 1, 7, -1];
    let mut found = test.store.read(ORG, move |conn| conversations::find_many(conn, &ids)).await.unwrap();
    found.sort_by_key(|row| row.conversation_id);
    let row = |conversation_id, contact, is_anonymized| StoredConversation {
        conversation_id,
        user_id: contact_id(contact),
        digest: Some(DIGEST),
        is_anonymized,
    };
    assert_eq!(found, [row(1, 1, false), row(2, 2, true), row(i64::MAX, 1, false)]);
    let noted_of = test.store.read(ORG, move |conn| conversations::attributes(conn, &ids)).await.unwrap();
    assert_eq!(noted_of, [(1, noted(4))].into());
}

#[tokio::test]
async fn messages_are_found_by_their_ids_with_what_decides_about_them() {
    let test = with_contacts(&[1]).await;
    add(&test, plain(1, 1)).await;
    let message = |number: u8, content: &str| ContactMessage {
        message_id: Uuid([number; 16]),
        conversation_id: 1,
        sender: "agent".to_owned(),
        content: content.to_owned(),
        created_at: NOW,
    };
    let [first, second] = [message(1, "Hello"), message(2, "")];
    let retold = message(1, "Good day");
    let write = move |tx: &denizen_store::Tx<'_>| {
        messages::insert(tx, &first, contact_id(1), &DIGEST, NOW)?;
        messages::insert(tx, &second, contact_id(1), &DIGEST, NOW)?;
        messages::update(tx, &retold, contact_id(1), &[6; 16], NOW)
    };
    test.store.write(ORG, write).await.unwrap();
    let ids = [1, 2, 3].map(|number| Uuid([number; 16]));
    let mut found = test.store.read(ORG, move |conn| messages::find_many(conn, &ids)).await.unwrap();
    found.sort_by_key(|row| row.message_id);
    let row = |number, digest| StoredMessage {
        message_id: Uuid([number; 16]),
        conversation_id: 1,
        user_id: contact_id(1),
        digest: Some(digest),
        anonymized_at: None,
    };
    assert_eq!(found, [row(1, [6; 16]), row(2, DIGEST)]);
    let outside = test.outside().await;
    let contents = outside.texts("SELECT content FROM contact_message ORDER BY message_id").await;
    assert_eq!(contents, ["Good day", ""]);
}

#[tokio::test]
async fn a_conversation_needs_its_contact_and_a_message_its_conversation() {
    let test = with_contacts(&[1]).await;
    let stray = |tx: &denizen_store::Tx<'_>| conversations::insert(tx, &plain(1, 2), &DIGEST, NOW);
    let error = test.store.write(ORG, stray).await.unwrap_err();
    assert!(matches!(error, StoreError::Constraint(_)), "{error}");
    let stray = |tx: &denizen_store::Tx<'_>| {
        let message = ContactMessage {
            message_id: Uuid([1; 16]),
            conversation_id: 1,
            sender: "agent".to_owned(),
            content: "Hello".to_owned(),
            created_at: NOW,
        };
        messages::insert(tx, &message, contact_id(1), &DIGEST, NOW)
    };
    let error = test.store.write(ORG, stray).await.unwrap_err();
    assert!(matches!(error, StoreError::Constraint(_)), "{error}");
}

#[tokio::test]
async fn a_sample_of_the_contacts_with_an_external_id_is_bounded() {
    let test = with_contacts(&[1, 2, 3, 5, 7]).await;
    for (most, expected) in [(1, [1, 1]), (2, [1, 2]), (9, [1, 4])] {
        let read =
            move |conn: &Conn<'_>| contacts::sample_by_external_ids(conn, &["crm-0", "crm-1", "crm-2"], most);
        let sample = test.store.read(ORG, read).await.unwrap();
        let count = |id: &str| sample.iter().filter(|(found, _)| found == id).count();
        assert_eq!([count("crm-0"), count("crm-1")], expected);
        assert_eq!(sample.len(), expected.iter().sum::<usize>());
        assert!(sample.iter().all(|(id, user)| *id == format!("crm-{}", user.0[0] % 2)));
    }
}
