//! Memories: pages against a sorted model, and what a caller may read of them against the rule of permissions.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::permission::model::{Rng, Target, Universe, allows};
use denizen_domain::permission::{Filter, Scalar, names};
use denizen_domain::time::Timestamp;
use denizen_store::keyset::Page;
use denizen_store::memories::{self, Memory, MemoryQuery, SortField, SortKey};
use denizen_store::messages::{self, Message};
use denizen_store::{StoreError, Value};

use crate::support::{NOW, ORG, TestStore};

const ORG_ID: &str = "demo";

fn id(number: u64) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    ObjectId(bytes)
}

/// Ids of users as members have them: 12 bytes.
fn user(number: u64) -> UserId {
    UserId::from_object_id(id(number))
}

fn message(number: u64, conversation: u64, holder: u64) -> Message {
    Message {
        message_id: id(number),
        conversation_id: id(conversation),
        user_id: user(holder),
        created_at: NOW,
        sender: "user".to_owned(),
        content: "I like tea".to_owned(),
    }
}

fn memory(number: u64, conversation: u64, at: i64, references: Vec<ObjectId>) -> Memory {
    Memory {
        memory_id: id(number),
        user_id: user(1),
        conversation_id: id(conversation),
        created_at: Timestamp(at),
        references,
        content: format!("memory {number}"),
        context: String::new(),
    }
}

async fn add(test: &TestStore, org: OrgKey, messages: &[Message], memories: &[Memory]) {
    let (messages, memories) = (messages.to_vec(), memories.to_vec());
    let write = move |tx: &denizen_store::Tx<'_>| {
        messages.iter().try_for_each(|message| messages::insert(tx, message, &[0; 16], NOW))?;
        memories.iter().try_for_each(|memory| memories::insert(tx, memory, &[0; 16], NOW))
    };
    test.store.write(org, write).await.unwrap();
}

fn query() -> MemoryQuery {
    MemoryQuery {
        user_id: user(1),
        ids: None,
        conversation_ids: None,
        readable: Filter::always(),
        sort: Vec::new(),
        after: None,
        limit: 100,
    }
}

async fn page(test: &TestStore, query: &MemoryQuery) -> Page<Memory> {
    let query = query.clone();
    test.store.scan(ORG, move |conn| memories::page(conn, &query)).await.unwrap()
}

/// Reads every page, each of a random size.
async fn walk(test: &TestStore, rng: &mut Rng, mut query: MemoryQuery) -> Vec<Memory> {
    let mut seen = Vec::new();
    loop {
        query.limit = 1 + rng.below(30);
        let page = page(test, &query).await;
        assert!(page.rows.len() <= query.limit);
        assert_eq!(page.next.is_some(), page.has_more);
        seen.extend(page.rows);
        if !page.has_more {
            return seen;
        }
        query.after = page.next;
    }
}

fn sorted(mut memories: Vec<Memory>, sort: &[SortKey]) -> Vec<Memory> {
    // They were added in the order of their ids.
    memories.sort_by(|a, b| {
        let by_keys = sort.iter().fold(Ordering::Equal, |order, key| {
            let by_key = match key.field {
                SortField::Conversation => a.conversation_id.cmp(&b.conversation_id),
                SortField::CreatedAt => a.created_at.cmp(&b.created_at),
            };
            order.then(if key.descending { by_key.reverse() } else { by_key })
        });
        let by_position = a.memory_id.cmp(&b.memory_id);
        let ties_descend = sort.first().is_some_and(|key| key.descending);
        by_keys.then(if ties_descend { by_position.reverse() } else { by_position })
    });
    memories
}

fn random_sort(rng: &mut Rng) -> Vec<SortKey> {
    (0..rng.below(3))
        .map(|_| SortKey { field: *rng.pick(&SortField::ALL), descending: rng.chance(50) })
        .collect()
}

/// Messages of a few users and conversations.
fn talk(rng: &mut Rng) -> Vec<Message> {
    (0..60)
        .map(|number| {
            let conversation = 500 + rng.below(6) as u64;
            message(1_000 + number, conversation, 1 + conversation % 3)
        })
        .collect()
}

/// Memories of the first user with many ties, drawn from these messages, and from some that never came.
fn draw(rng: &mut Rng, size: u64) -> Vec<Memory> {
    (0..size)
        .map(|number| {
            let references = (0..rng.below(4)).map(|_| id(1_000 + rng.below(63) as u64)).collect();
            let at = i64::try_from(rng.below(5)).unwrap();
            memory(10_000 + number, 500 + rng.below(6) as u64, at, references)
        })
        .collect()
}

/// What is known of the messages that a memory was drawn from when it refers to none.
fn source(memory: &Memory) -> Target {
    [
        ("org_id", ORG_ID.to_owned()),
        ("user_id", memory.user_id.as_member().to_string()),
        ("conversation_id", memory.conversation_id.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), Scalar::from(value.as_str())))
    .into()
}

fn target(message: &Message) -> Target {
    [
        ("org_id", ORG_ID.to_owned()),
        ("user_id", message.user_id.as_member().to_string()),
        ("conversation_id", message.conversation_id.to_string()),
        ("message_id", message.message_id.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), Scalar::from(value.as_str())))
    .into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_reads_exactly_the_memories_all_of_whose_messages_the_grants_allow() {
    let test = TestStore::empty();
    let mut rng = Rng::new(51);
    let (messages, memories) = (talk(&mut rng), draw(&mut rng, 200));
    add(&test, ORG, &messages, &memories).await;
    // The same ids elsewhere, where every message has come.
    let theirs: Vec<Message> = (1_000..1_063).map(|number| message(number, 500, 1)).collect();
    add(&test, OrgKey(2), &theirs, &memories).await;

    let targets: BTreeMap<ObjectId, Target> =
        messages.iter().map(|message| (message.message_id, target(message))).collect();
    let mut universe = Universe::of(names::CONVERSATION_GET_MESSAGE).unwrap();
    for attribute in &mut universe.attributes {
        let step = if attribute.name == "message_id" { 6 } else { 1 };
        attribute.values =
            targets.values().step_by(step).map(|target| target[&attribute.name].clone()).collect();
        attribute.values.sort_unstable();
        attribute.values.dedup();
        attribute.values.push("no id".into());
    }
    let (mut some, mut none, mut all) = (0, 0, 0);
    for case in 0..1_500 {
        let grants = universe.grants(&mut rng);
        let who = universe.who(&mut rng);
        let readable = grants.filter(&names::CONVERSATION_GET_MESSAGE, &who).assume("org_id", &ORG_ID.into());
        let may = |reference: &ObjectId| {
            targets
                .get(reference)
                .is_some_and(|target| allows(&grants, &names::CONVERSATION_GET_MESSAGE, &who, target))
        };
        let is_drawn_from_readable = |memory: &Memory| match memory.references.as_slice() {
            [] => allows(&grants, &names::CONVERSATION_GET_MESSAGE, &who, &source(memory)),
            references => references.iter().all(may),
        };
        let mut expected = memories.clone();
        expected.retain(|memory| {
            !readable.is_never() && (readable.is_always() || is_drawn_from_readable(memory))
        });
        match expected.len() {
            0 => none += 1,
            200 => all += 1,
            _ => some += 1,
        }
        let sort = random_sort(&mut rng);
        let mut query = MemoryQuery { readable: readable.clone(), sort: sort.clone(), ..query() };
        if rng.chance(30) {
            let ids: Vec<ObjectId> = (0..rng.below(90)).map(|_| id(10_000 + rng.below(210) as u64)).collect();
            expected.retain(|memory| ids.contains(&memory.memory_id));
            query.ids = Some(ids);
        }
        if rng.chance(30) {
            let ids: Vec<ObjectId> = (0..rng.below(4)).map(|_| id(500 + rng.below(8) as u64)).collect();
            expected.retain(|memory| ids.contains(&memory.conversation_id));
            query.conversation_ids = Some(ids);
        }
        let seen = walk(&test, &mut rng, query.clone()).await;
        assert_eq!(seen, sorted(expected, &sort), "case {case}: {grants:?} {who:?} {query:?}");
    }
    assert!(some > 400 && none > 150 && all > 10, "the cases show little: {some} {none} {all}");
}

#[tokio::test]
async fn a_message_that_has_not_come_hides_its_memory_until_it_comes() {
    let test = TestStore::empty();
    let one = memory(1, 500, 1, vec![id(1_000), id(1_001)]);
    add(&test, ORG, &[message(1_000, 500, 1)], std::slice::from_ref(&one)).await;
    let own = Filter {
        allow: vec![vec![denizen_domain::permission::Test {
            attribute: "user_id".to_owned(),
            op: denizen_domain::permission::TestOp::Eq(user(1).as_member().to_string().as_str().into()),
        }]],
        deny: Vec::new(),
    };
    let seen = async |readable: &Filter| {
        page(&test, &MemoryQuery { readable: readable.clone(), ..query() }).await.rows
    };
    assert_eq!(seen(&own).await, []);
    assert_eq!(seen(&Filter::always()).await, std::slice::from_ref(&one));
    assert_eq!(seen(&Filter::never()).await, []);
    add(&test, ORG, &[message(1_001, 501, 1)], &[]).await;
    assert_eq!(seen(&own).await, [one]);
}

#[tokio::test]
async fn a_memory_without_references_is_read_like_its_conversation() {
    let test = TestStore::empty();
    let one = memory(1, 500, 1, Vec::new());
    add(&test, ORG, &[], std::slice::from_ref(&one)).await;
    let only = |attribute: &str, value: String| {
        vec![vec![denizen_domain::permission::Test {
            attribute: attribute.to_owned(),
            op: denizen_domain::permission::TestOp::Eq(value.as_str().into()),
        }]]
    };
    let member = |number| only("user_id", user(number).as_member().to_string());
    let talk = |number| only("conversation_id", id(number).to_string());
    let named = only("message_id", id(1_000).to_string());
    let but = |deny| Filter { allow: vec![vec![]], deny };
    let allowed = |allow| Filter { allow, deny: Vec::new() };
    let seen = async |readable: Filter| page(&test, &MemoryQuery { readable, ..query() }).await.rows.len();
    for readable in
        [allowed(member(1)), allowed(talk(500)), but(member(2)), but(talk(501)), but(named.clone())]
    {
        assert_eq!(seen(readable.clone()).await, 1, "{readable:?}");
    }
    for readable in [allowed(member(2)), allowed(talk(501)), but(member(1)), but(talk(500)), allowed(named)] {
        assert_eq!(seen(readable.clone()).await, 0, "{readable:?}");
    }
}

#[tokio::test]
async fn another_users_memories_are_found_under_no_id_and_in_no_conversation() {
    let test = TestStore::empty();
    let theirs = Memory { user_id: user(2), ..memory(1, 500, 1, Vec::new()) };
    add(&test, ORG, &[], &[theirs]).await;
    for asked in [
        query(),
        MemoryQuery { ids: Some(vec![id(1)]), ..query() },
        MemoryQuery { conversation_ids: Some(vec![id(500)]), ..query() },
    ] {
        assert_eq!(page(&test, &asked).await.rows, []);
    }
}

#[tokio::test]
async fn a_page_of_none_says_whether_there_is_anything_to_read() {
    let test = TestStore::empty();
    add(&test, ORG, &[], &[memory(1, 500, 1, vec![id(7)])]).await;
    let none = MemoryQuery { limit: 0, ..query() };
    let found = page(&test, &none).await;
    assert!(found.has_more && found.rows.is_empty() && found.next.is_none());
    assert!(!page(&test, &MemoryQuery { readable: Filter::never(), ..none }).await.has_more);
}

#[tokio::test]
async fn what_a_memory_is_sorted_by_is_told_only_to_who_may_read_it() {
    let test = TestStore::empty();
    add(&test, ORG, &[message(1_000, 500, 1)], &[memory(1, 500, 9, vec![id(1_000)])]).await;
    let sort =
        [SortField::CreatedAt, SortField::Conversation].map(|field| SortKey { field, descending: false });
    let first = page(&test, &MemoryQuery { limit: 1, ..query() }).await;
    assert_eq!(first.next, None);
    let position = test.outside().await.int("SELECT position FROM memory").await;
    let of = |conversation: u64| Filter {
        allow: vec![vec![denizen_domain::permission::Test {
            attribute: "conversation_id".to_owned(),
            op: denizen_domain::permission::TestOp::Eq(id(conversation).to_string().as_str().into()),
        }]],
        deny: Vec::new(),
    };
    let values = async |user_id, position, readable: Filter| {
        let read = move |conn: &denizen_store::Conn<'_>| {
            memories::sort_values(conn, user_id, position, &sort, &readable)
        };
        test.store.read(ORG, read).await.unwrap()
    };
    let known = Some(vec![Value::Int(9), Value::Blob(id(500).0.to_vec())]);
    for readable in [Filter::always(), of(500)] {
        assert_eq!(values(user(1), position, readable).await, known);
    }
    for (user_id, position, readable) in [
        (user(1), position, of(501)),
        (user(1), position, Filter::never()),
        (user(2), position, Filter::always()),
        (user(1), position + 1, Filter::always()),
    ] {
        assert_eq!(values(user_id, position, readable).await, None);
    }
}

#[tokio::test]
async fn a_cursor_that_does_not_fit_its_order_is_an_error_and_no_panic() {
    let test = TestStore::empty();
    let after = denizen_store::keyset::After { position: 1, values: vec![] };
    let sort = vec![SortKey { field: SortField::CreatedAt, descending: false }];
    let query = MemoryQuery { sort, after: Some(after), ..query() };
    let result = test.store.read(ORG, move |conn| memories::page(conn, &query)).await;
    assert!(matches!(result, Err(StoreError::Internal(_))));
}
