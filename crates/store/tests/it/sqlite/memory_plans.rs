//! Each order of memories has its index, as SQLite's planner tells; what a caller may read is looked up for one memory
//! after the other, and a deep page costs what the first one costs.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::permission::{Filter, Test, TestOp};
use denizen_domain::time::Timestamp;
use denizen_store::keyset::After;
use denizen_store::memories::{self, Memory, MemoryQuery, SortField, SortKey};
use denizen_store::messages::{self, Message};
use denizen_store::{Conn, Statement, StoreError, Tx, Value};

use super::plans::{assert_direct, plan, steps};
use crate::support::{NOW, ORG, TestStore, user_id};

fn memories() -> MemoryQuery {
    MemoryQuery {
        user_id: user_id(1),
        ids: None,
        conversation_ids: None,
        readable: Filter::always(),
        sort: Vec::new(),
        after: None,
        limit: 10,
    }
}

/// Only the messages that somebody holds.
fn held_by(user: UserId) -> Filter {
    let op = TestOp::Eq(user.as_member().to_string().as_str().into());
    Filter { allow: vec![vec![Test { attribute: "user_id".to_owned(), op }]], deny: Vec::new() }
}

async fn statement(test: &TestStore, query: &MemoryQuery) -> Statement {
    let query = query.clone();
    test.store.read(ORG, move |conn: &Conn<'_>| memories::page_statement(conn, &query)).await.unwrap()
}

/// How the memories themselves are found: the references of one memory are put in their order by a sort of their own.
async fn walk(test: &TestStore, query: &MemoryQuery) -> String {
    let lines = plan(test, statement(test, query).await.text());
    lines.into_iter().filter(|line| !line.contains("group_concat")).collect::<Vec<_>>().join("\n")
}

fn by(field: SortField, descending: bool) -> Vec<SortKey> {
    vec![SortKey { field, descending }]
}

#[tokio::test]
async fn a_page_of_memories_walks_the_index_of_its_order_however_deep() {
    let test = TestStore::sqlite();
    for readable in [Filter::always(), held_by(user_id(1))] {
        let plain = MemoryQuery { readable, ..memories() };
        let after = Some(After { position: 7, values: Vec::new() });
        let found = walk(&test, &MemoryQuery { after, ..plain.clone() }).await;
        assert_direct(&found);
        assert!(found.contains("memory_by_position (org_id=? AND user_id=? AND position>?)"), "{found}");
        for (field, index, column, value) in [
            (SortField::Conversation, "memory_by_conversation", "conversation_id", Value::Blob(vec![1; 12])),
            (SortField::CreatedAt, "memory_by_creation", "created_at", Value::Int(1)),
        ] {
            for (descending, sign) in [(false, '>'), (true, '<')] {
                let first = MemoryQuery { sort: by(field, descending), ..plain.clone() };
                let found = walk(&test, &first).await;
                assert_direct(&found);
                assert!(found.contains(&format!("{index} (org_id=? AND user_id=?)")), "{found}");
                let after = Some(After { position: 7, values: vec![value.clone()] });
                let found = walk(&test, &MemoryQuery { after, ..first }).await;
                assert_direct(&found);
                let entry = format!("{index} (org_id=? AND user_id=? AND ({column},position){sign}(?,?))");
                assert!(found.contains(&entry), "it enters deep:\n{found}");
            }
        }
    }
}

#[tokio::test]
async fn named_memories_and_conversations_are_looked_up_whatever_the_order() {
    let test = TestStore::sqlite();
    for sort in [vec![], by(SortField::CreatedAt, true)] {
        let ids = Some(vec![ObjectId([1; 12]); 3]);
        let found = walk(&test, &MemoryQuery { ids, sort: sort.clone(), ..memories() }).await;
        assert!(found.contains("(org_id=? AND memory_id=?)"), "{found}");
        for several in [1, 3] {
            let conversation_ids = Some(vec![ObjectId([1; 12]); several]);
            let found =
                walk(&test, &MemoryQuery { conversation_ids, sort: sort.clone(), ..memories() }).await;
            let entry = "memory_by_conversation (org_id=? AND user_id=? AND conversation_id=?";
            assert!(found.contains(entry), "{found}");
        }
    }
}

#[tokio::test]
async fn the_messages_of_a_memory_are_looked_up_by_their_ids() {
    let test = TestStore::sqlite();
    let found = walk(&test, &MemoryQuery { readable: held_by(user_id(1)), ..memories() }).await;
    assert!(found.contains("SEARCH reference USING PRIMARY KEY (org_id=? AND memory_id=?)"), "{found}");
    assert!(found.contains("SEARCH message USING INDEX sqlite_autoindex_message_1"), "{found}");
}

const MANY: u32 = 5_000;

fn numbered(number: u32) -> ObjectId {
    let mut id = [0; 12];
    id[..4].copy_from_slice(&number.to_be_bytes());
    ObjectId(id)
}

/// Memories of one user, each drawn from a message that the user holds.
fn many_memories(tx: &Tx<'_>) -> Result<(), StoreError> {
    for number in 0..MANY {
        let (conversation_id, user_id) = (numbered(number % 7), user_id(1));
        let message = Message {
            message_id: numbered(number),
            conversation_id,
            user_id,
            created_at: NOW,
            sender: "user".to_owned(),
            content: "m".to_owned(),
        };
        messages::insert(tx, &message, &[0; 16], NOW)?;
        let memory = Memory {
            memory_id: numbered(number),
            user_id,
            conversation_id,
            created_at: Timestamp(i64::from(number % 3)),
            references: vec![message.message_id],
            content: "c".to_owned(),
            context: String::new(),
        };
        memories::insert(tx, &memory, &[0; 16], NOW)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_deep_page_of_equal_memories_costs_what_the_first_one_costs() {
    let test = TestStore::sqlite();
    test.store.write(ORG, many_memories).await.unwrap();
    for readable in [Filter::always(), held_by(user_id(1))] {
        for sort in [vec![], by(SortField::Conversation, true), by(SortField::CreatedAt, true)] {
            let first = MemoryQuery { sort, readable: readable.clone(), ..memories() };
            let mut deep = first.clone();
            for _ in 0..9 {
                let query = MemoryQuery { limit: 500, ..deep.clone() };
                let page = test.store.read(ORG, move |conn| memories::page(conn, &query)).await.unwrap();
                deep.after = page.next;
            }
            let shallow = steps(&test, &statement(&test, &first).await, 11);
            let deep = steps(&test, &statement(&test, &deep).await, 11);
            assert!(deep < shallow * 2, "{shallow} steps for the first page, {deep} for a deep one");
        }
    }
}

/// What cannot be bounded: who may read nothing of a user pays for a look at each memory, and at no more than the first
/// of its messages that cannot be read.
#[tokio::test]
async fn a_caller_who_may_read_nothing_pays_for_one_look_at_each_memory() {
    let test = TestStore::sqlite();
    test.store.write(ORG, many_memories).await.unwrap();
    let nothing = MemoryQuery { readable: held_by(user_id(2)), ..memories() };
    let steps = steps(&test, &statement(&test, &nothing).await, 0);
    let most = 60 * i32::try_from(MANY).unwrap();
    assert!(steps < most, "{steps} steps for {MANY} memories");
}

#[tokio::test]
async fn a_page_by_two_keys_sorts_only_what_shares_the_first_of_them() {
    let test = TestStore::sqlite();
    let spread = |tx: &Tx<'_>| {
        for number in 0..MANY {
            let memory = Memory {
                memory_id: numbered(number),
                user_id: user_id(1),
                conversation_id: numbered(number / 10),
                created_at: Timestamp(i64::from(number / 5)),
                references: Vec::new(),
                content: "c".to_owned(),
                context: String::new(),
            };
            memories::insert(tx, &memory, &[0; 16], NOW)?;
        }
        Ok::<_, StoreError>(())
    };
    test.store.write(ORG, spread).await.unwrap();
    for (first, second) in
        [(SortField::Conversation, SortField::CreatedAt), (SortField::CreatedAt, SortField::Conversation)]
    {
        for descending in [false, true] {
            let mut sort = by(first, descending);
            sort.extend(by(second, !descending));
            let query = MemoryQuery { sort, ..memories() };
            let steps = steps(&test, &statement(&test, &query).await, 11);
            assert!(steps < 3_000, "{first:?} {descending}: {steps} steps");
        }
    }
}
