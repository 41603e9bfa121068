//! Clearing: rows stay, and what is personal in them goes, in steps that hold nobody up.

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::time::Timestamp;
use denizen_store::contacts::{self, Contact, Profile};
use denizen_store::holdings::{self, Cleared};
use denizen_store::{Store, StoreError, Tx, contact_conversations, contact_messages, users};

use crate::support::{NOW, ORG, Outside, TestStore, bytes, user_id};
use contact_conversations::{
    Channel, ContactConversation, ConversationDetails, ConversationKind, ConversationState,
};
use contact_messages::ContactMessage;

const LATER: Timestamp = Timestamp(NOW.0 + 5);

async fn add_contact(store: &Store, user: UserId) {
    let profile = Profile { display_name: Some("Ann".to_owned()), ..Profile::default() };
    let contact =
        Contact { user_id: user, profile, attributes: [].into(), created_at: NOW, anonymized_at: None };
    store.write(ORG, move |tx| contacts::insert(tx, std::slice::from_ref(&contact), NOW)).await.unwrap();
}

fn conversation(user: UserId, id: i64, subject: &str) -> ContactConversation {
    ContactConversation {
        conversation_id: id,
        user_id: user,
        kind: ConversationKind::Email,
        channel: Channel::Email,
        direction: None,
        state: Some(ConversationState::Closed),
        state_changed_at: None,
        assignment: None,
        queue: None,
        link: None,
        transport_expires_at: None,
        details: ConversationDetails { subject: Some(subject.to_owned()), ..ConversationDetails::default() },
        attributes: [].into(),
        created_at: NOW,
        anonymized_at: None,
    }
}

fn message(conversation: i64, number: u8) -> ContactMessage {
    ContactMessage {
        message_id: Uuid([number; 16]),
        conversation_id: conversation,
        sender: "Ann".to_owned(),
        content: format!("message {number}"),
        created_at: NOW,
    }
}

async fn converse(store: &Store, conversations: Vec<ContactConversation>) {
    let insert = move |tx: &Tx<'_>| {
        conversations.iter().try_for_each(|one| contact_conversations::insert(tx, one, &[1; 16], NOW))
    };
    store.write(ORG, insert).await.unwrap();
}

/// How many conversations of a contact still have something personal.
async fn uncleared(outside: &Outside, user: UserId) -> i64 {
    let id = bytes(outside, &user.0);
    let held = "details IS NOT NULL AND digest IS NOT NULL AND anonymized_at IS NULL";
    let either = "details IS NOT NULL OR digest IS NOT NULL OR anonymized_at IS NULL";
    let count = async |condition: &str| {
        let of = format!("org_id = 1 AND user_id = {id} AND ({condition})");
        outside.int(&format!("SELECT count(*) FROM contact_conversation WHERE {of}")).await
    };
    let whole = count(held).await;
    assert_eq!(count(either).await, whole, "a row is cleared whole or not at all");
    whole
}

/// Clears everything of a contact, step by step; how many rows were left after each step.
async fn clear(test: &TestStore, user: UserId, most: i64) -> Vec<i64> {
    let outside = test.outside().await;
    let (mut steps, mut cleared) = (Vec::new(), Some(Cleared::NOTHING));
    while let Some(from) = cleared {
        let step = move |tx: &Tx<'_>| holdings::clear_batch(tx, Directory::Contacts, user, from, most, LATER);
        cleared = test.store.write(ORG, step).await.unwrap();
        steps.push(uncleared(&outside, user).await);
    }
    steps
}

#[tokio::test]
async fn no_transaction_clears_more_than_it_may_and_together_they_clear_all() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let (gone, stays) = (user_id(1), user_id(2));
    for user in [gone, stays] {
        add_contact(&test.store, user).await;
    }
    // Theirs lie between one another, and the first key is the least that there is.
    let id = |number: i64| if number == 0 { i64::MIN + 1 } else { number };
    converse(
        &test.store,
        (0..460)
            .map(|number| conversation(if number % 2 == 0 { gone } else { stays }, id(number), "s"))
            .collect(),
    )
    .await;
    assert_eq!(clear(&test, gone, 50).await, [180, 130, 80, 30, 0, 0]);
    assert_eq!(uncleared(&outside, stays).await, 230);
    // Once more, as after a kill: what is cleared keeps its time.
    let again = move |tx: &Tx<'_>| {
        let later = Timestamp(LATER.0 + 5);
        holdings::clear_batch(tx, Directory::Contacts, gone, Cleared::NOTHING, 50, later)
    };
    assert_eq!(test.store.write(ORG, again).await.unwrap(), None);
    let times = format!("SELECT count(*) FROM contact_conversation WHERE anonymized_at = {}", LATER.0);
    assert_eq!(outside.int(&times).await, 230);
}

#[tokio::test]
async fn a_transaction_clears_few_large_rows_or_many_small_ones() {
    let test = TestStore::empty();
    let user = user_id(1);
    add_contact(&test.store, user).await;
    for number in 0..30 {
        converse(&test.store, vec![conversation(user, number, &"s".repeat(1 << 20))]).await;
    }
    let steps = clear(&test, user, 1_000).await;
    let mut before = 30;
    for after in &steps[..steps.len() - 1] {
        assert!((1..=9).contains(&(before - after)), "{steps:?}");
        before = *after;
    }
    assert_eq!(before, 0, "{steps:?}");
}

#[tokio::test]
async fn clearing_goes_on_where_it_was_by_the_index_of_the_contact_or_conversation() {
    let test = TestStore::sqlite();
    let statements = holdings::example_statements(test.dialect().await);
    let clearing: Vec<_> = statements.iter().filter(|one| one.text().contains("ORDER BY")).collect();
    let walks = [
        "contact_conversation_by_user (org_id=? AND user_id=? AND conversation_id>?)",
        "contact_message_by_conversation (org_id=? AND conversation_id=? AND message_id>?)",
    ];
    assert_eq!(clearing.len(), walks.len());
    let file = test.file();
    for (statement, walk) in clearing.iter().zip(walks) {
        let mut plan =
            file.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.text().replace('$', "?"))).unwrap();
        let lines = plan.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>();
        let lines = lines.unwrap().join("\n");
        assert!(lines.contains(walk), "{lines}");
        assert!(!lines.contains("SCAN contact_") && !lines.contains("ORDER BY"), "{lines}");
    }
}

#[tokio::test]
async fn a_conversation_and_a_message_are_cleared_by_themselves() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let user = user_id(1);
    add_contact(&test.store, user).await;
    converse(&test.store, vec![conversation(user, 7, "cleared"), conversation(user, 8, "kept")]).await;
    let say = move |tx: &Tx<'_>| {
        for number in 0..20 {
            let one = message(if number < 15 { 7 } else { 8 }, number);
            contact_messages::insert(tx, &one, user, &[2; 16], NOW)?;
        }
        holdings::clear_contact_message(tx, Uuid([16; 16]), LATER)?;
        holdings::clear_contact_conversation(tx, 7, LATER)
    };
    test.store.write(ORG, say).await.unwrap();
    let count =
        async |of: &str| outside.int(&format!("SELECT count(*) FROM contact_{of} AND org_id = 1")).await;
    assert_eq!(count("conversation WHERE details IS NULL AND digest IS NULL").await, 1);
    assert_eq!(count(&format!("conversation WHERE anonymized_at = {}", LATER.0)).await, 1);
    let cleared = "message WHERE content IS NULL AND sender IS NULL AND digest IS NULL";
    assert_eq!(count(cleared).await, 1);
    assert_eq!(count(&format!("message WHERE anonymized_at = {}", LATER.0)).await, 1);

    // Again, later: the first time counts.
    let again = move |tx: &Tx<'_>| {
        holdings::clear_contact_message(tx, Uuid([16; 16]), NOW)?;
        holdings::clear_contact_conversation(tx, 7, NOW)
    };
    test.store.write(ORG, again).await.unwrap();
    assert_eq!(count(&format!("conversation WHERE anonymized_at = {}", LATER.0)).await, 1);
    assert_eq!(count(&format!("message WHERE anonymized_at = {}", LATER.0)).await, 1);
}

#[tokio::test]
async fn the_messages_of_a_conversation_are_cleared_in_steps_and_stay() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let user = user_id(1);
    add_contact(&test.store, user).await;
    converse(&test.store, vec![conversation(user, 7, "cleared"), conversation(user, 8, "kept")]).await;
    // Theirs lie between one another, and the first id is the least that there is.
    let say = move |tx: &Tx<'_>| {
        for number in 0..20 {
            let one = message(if number % 4 == 3 { 8 } else { 7 }, number);
            contact_messages::insert(tx, &one, user, &[2; 16], NOW)?;
        }
        holdings::clear_contact_message(tx, Uuid([6; 16]), NOW)
    };
    test.store.write(ORG, say).await.unwrap();
    let count = async |condition: String| {
        let of = format!("SELECT count(*) FROM contact_message WHERE org_id = 1 AND {condition}");
        outside.int(&of).await
    };
    let cleared = async || {
        let empty = "content IS NULL AND sender IS NULL AND digest IS NULL";
        count(format!("{empty} AND anonymized_at = {}", LATER.0)).await
    };
    let mut last = None;
    for steps in [4, 8, 12, 14, 14] {
        let clear = move |tx: &Tx<'_>| holdings::clear_contact_messages(tx, 7, last, 4, LATER);
        last = test.store.write(ORG, clear).await.unwrap();
        assert_eq!(cleared().await, steps);
    }
    assert_eq!(last, None);
    assert_eq!(count("conversation_id = 7 AND content IS NOT NULL".to_owned()).await, 0);
    assert_eq!(
        count(format!("anonymized_at = {}", NOW.0)).await,
        1,
        "what was cleared before keeps its time"
    );
    assert_eq!(count("conversation_id = 7".to_owned()).await, 15);
    assert_eq!(count("conversation_id = 8 AND content IS NOT NULL".to_owned()).await, 5);
    // Once more, as after a kill.
    let again = move |tx: &Tx<'_>| holdings::clear_contact_messages(tx, 7, None, 4, NOW);
    assert_eq!(test.store.write(ORG, again).await, Ok(None));
    assert_eq!(cleared().await, 14);
}

#[tokio::test]
async fn few_large_messages_are_cleared_at_once() {
    let test = TestStore::empty();
    let user = user_id(1);
    add_contact(&test.store, user).await;
    converse(&test.store, vec![conversation(user, 7, "s")]).await;
    for number in 0..30 {
        let one = ContactMessage { content: "c".repeat(1 << 20), ..message(7, number) };
        let say = move |tx: &Tx<'_>| contact_messages::insert(tx, &one, user, &[2; 16], NOW);
        test.store.write(ORG, say).await.unwrap();
    }
    let (mut last, mut steps) = (None, 0);
    loop {
        let clear = move |tx: &Tx<'_>| holdings::clear_contact_messages(tx, 7, last, 1_000, LATER);
        last = test.store.write(ORG, clear).await.unwrap();
        if last.is_none() {
            break;
        }
        steps += 1;
    }
    assert!((4..=6).contains(&steps), "{steps}");
}

#[tokio::test]
async fn a_row_counts_as_long_as_something_personal_is_in_it() {
    let test = TestStore::empty();
    let user = user_id(1);
    add_contact(&test.store, user).await;
    converse(&test.store, (0..5).map(|id| conversation(user, id, "s")).collect()).await;
    let say = move |tx: &Tx<'_>| {
        (0..3).try_for_each(|number| contact_messages::insert(tx, &message(0, number), user, &[2; 16], NOW))
    };
    test.store.write(ORG, say).await.unwrap();
    let rows = async || {
        let count =
            move |conn: &denizen_store::Conn<'_>| holdings::count_rows(conn, Directory::Contacts, user);
        let mut rows = test.store.read(ORG, count).await.unwrap();
        assert!(rows.iter().all(|(table, _)| *table != "message"), "what contacts cannot have: {rows:?}");
        rows.retain(|(_, rows)| *rows > 0);
        rows
    };
    assert_eq!(rows().await, [("contact", 1), ("contact_message", 3), ("contact_conversation", 5)]);
    let some = move |tx: &Tx<'_>| {
        holdings::clear_contact_message(tx, Uuid([0; 16]), LATER)?;
        holdings::clear_batch(tx, Directory::Contacts, user, Cleared::NOTHING, 4, LATER)
    };
    test.store.write(ORG, some).await.unwrap();
    assert_eq!(rows().await, [("contact", 1), ("contact_message", 2), ("contact_conversation", 1)]);
    let rest = move |tx: &Tx<'_>| {
        contacts::clear(tx, user, LATER)?;
        assert!(holdings::erase_batch(tx, Directory::Contacts, user, 100)?);
        holdings::clear_batch(tx, Directory::Contacts, user, Cleared::NOTHING, 100, LATER)?;
        Ok::<_, StoreError>(())
    };
    test.store.write(ORG, rest).await.unwrap();
    assert_eq!(rows().await, []);
    assert_eq!(test.store.read(ORG, |conn| users::count(conn, Directory::Contacts)).await, Ok(1));
    assert_eq!(test.store.check().await, Ok(vec![]));
}
