//! Each order of memories has its index, as PostgreSQL's planner tells, behind the wall and with the plan that serves
//! every value; what a caller may read is looked up for one memory after the other.

use denizen_domain::ids::ObjectId;
use denizen_domain::permission::{Filter, Test, TestOp};
use denizen_store::keyset::After;
use denizen_store::memories::{self, MemoryQuery, SortField, SortKey};
use denizen_store::{Conn, Statement, Value};
use tokio_postgres::Client;

use super::plans::{assert_direct, planner, statement_plan};
use crate::support::{ORG, TestStore, user_id};

/// Memories of few users and the messages that they were drawn from, written past the store because they are only to be
/// planned with.
const RECORDS: &str = "
    INSERT INTO message (org_id, message_id, conversation_id, user_id, sender, content, digest, created_at, updated_at)
    SELECT 1, decode(lpad(to_hex(n), 24, '0'), 'hex'), decode(lpad(to_hex(n / 10), 24, '0'), 'hex'),
        decode(lpad(to_hex(n % 10), 32, '0'), 'hex'), 'user', 'm', decode(repeat('00', 16), 'hex'), n, n
    FROM generate_series(1, 20000) AS n;
    INSERT INTO memory (org_id, memory_id, user_id, position, conversation_id, content, context, digest, created_at,
        updated_at)
    SELECT 1, message_id, user_id, created_at, conversation_id, 'c', '', digest, created_at, 0 FROM message;
    INSERT INTO memory_reference (org_id, memory_id, ordinal, message_id)
    SELECT 1, message_id, 0, message_id FROM message;
    ANALYZE";

async fn recorded(test: &TestStore) -> Client {
    let client = planner(test).await;
    client.batch_execute(RECORDS).await.unwrap();
    client
}

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

/// With every kind of test that a filter can make.
fn some_messages() -> Filter {
    let test = |attribute: &str, op: fn(denizen_domain::permission::Scalar) -> TestOp| Test {
        attribute: attribute.to_owned(),
        op: op("65f000000000000000000001".into()),
    };
    Filter {
        allow: vec![vec![test("user_id", TestOp::Eq), test("conversation_id", TestOp::Ne)]],
        deny: vec![vec![test("message_id", TestOp::Eq)]],
    }
}

async fn statement(test: &TestStore, query: &MemoryQuery) -> Statement {
    let query = query.clone();
    test.store.read(ORG, move |conn: &Conn<'_>| memories::page_statement(conn, &query)).await.unwrap()
}

#[tokio::test]
async fn a_page_of_memories_walks_the_index_of_its_order_however_deep() {
    let Some(test) = TestStore::postgres() else { return };
    let client = recorded(&test).await;
    for readable in [Filter::always(), some_messages()] {
        let plain = MemoryQuery { readable: readable.clone(), ..memories() };
        for (sort, index, value) in [
            (None, "memory_by_position", None),
            (Some(SortField::Conversation), "memory_by_conversation", Some(Value::Blob(vec![1; 12]))),
            (Some(SortField::CreatedAt), "memory_by_creation", Some(Value::Int(1))),
        ] {
            for descending in [false, true] {
                let sort: Vec<SortKey> =
                    sort.into_iter().map(|field| SortKey { field, descending }).collect();
                let first = MemoryQuery { sort, ..plain.clone() };
                let values: Vec<Value> = value.clone().into_iter().collect();
                let entry = if values.is_empty() { "\"position\" > " } else { "ROW(" };
                let next = MemoryQuery { after: Some(After { position: 7, values }), ..first.clone() };
                for (query, entry) in [(first, ""), (next, entry)] {
                    let plan = statement_plan(&client, &statement(&test, &query).await).await;
                    // The references of one memory are put in their order where they are gathered.
                    let (walk, _) = plan.split_once("SubPlan").unwrap();
                    assert_direct(walk);
                    assert!(!plan.contains("Seq Scan") && !plan.contains("Hash"), "{plan}");
                    assert!(walk.contains(index) && walk.contains(entry), "it enters deep:\n{plan}");
                    let looks_up = plan.contains("memory_reference_pkey") && plan.contains("message_pkey");
                    assert!(readable.is_always() || looks_up, "{plan}");
                }
            }
        }
    }
}

#[tokio::test]
async fn named_memories_and_conversations_are_looked_up_whatever_the_order() {
    let Some(test) = TestStore::postgres() else { return };
    let client = recorded(&test).await;
    for sort in [vec![], vec![SortKey { field: SortField::CreatedAt, descending: true }]] {
        let ids = Some(vec![ObjectId([1; 12]); 3]);
        let named = MemoryQuery { ids, sort: sort.clone(), ..memories() };
        let plan = statement_plan(&client, &statement(&test, &named).await).await;
        assert!(plan.contains("memory_pkey") && !plan.contains("Seq Scan"), "{plan}");
        let conversation_ids = Some(vec![ObjectId([1; 12])]);
        let plan = statement_plan(
            &client,
            &statement(&test, &MemoryQuery { conversation_ids, sort, ..memories() }).await,
        )
        .await;
        assert!(plan.contains("memory_by_conversation") && !plan.contains("Seq Scan"), "{plan}");
    }
}
