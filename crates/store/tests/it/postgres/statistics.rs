//! Users sorted by their statistics, of which half have none: a deep page costs what the first one costs.

use denizen_store::users::{self, SortField, SortKey, UserQuery};
use denizen_store::{Conn, Statement, StoreError, Value};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::plans::planner;
use crate::support::{ORG, TestStore, page, query};

const STATISTICS: &str = "
    UPDATE users SET num_conversations = position % 10, num_messages = (position * 7919) % 1000,
        last_message_at = (position * 7907) % 100003 + 1 WHERE position % 2 = 0;
    ANALYZE";

/// How many blocks are looked at: a time that no other load disturbs.
async fn blocks(client: &Client, statement: &Statement) -> u64 {
    let value = |value: &Value| match value {
        Value::Int(value) => value.to_string(),
        other => panic!("no value of these statements: {other:?}"),
    };
    let values: Vec<String> = statement.values().iter().map(value).collect();
    let explain = format!(
        "DEALLOCATE ALL; PREPARE one AS {}; EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) EXECUTE one({})",
        statement.text(),
        values.join(", ")
    );
    let lines = client.simple_query(&explain).await.unwrap();
    let line = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    // The first of these lines is of the whole plan: `Buffers: shared hit=1 read=2`.
    let buffers = lines.iter().filter_map(line).find(|line| line.contains("Buffers: shared ")).unwrap();
    let counts = buffers.split_whitespace().filter_map(|word| {
        let (kind, count) = word.split_once('=')?;
        ["hit", "read"].contains(&kind).then(|| count.parse::<u64>().unwrap())
    });
    counts.sum()
}

#[tokio::test]
async fn a_deep_page_by_any_statistic_costs_what_the_first_one_costs() {
    let Some(test) = TestStore::postgres() else { return };
    let client = planner(&test).await;
    client.batch_execute(STATISTICS).await.unwrap();
    for field in [SortField::Conversations, SortField::Messages, SortField::LastMessage] {
        for descending in [false, true] {
            let first = UserQuery { sort: vec![SortKey { field, descending }], limit: 10, ..query() };
            let mut deep = first.clone();
            let mut cost = Vec::new();
            for depth in 0..20 {
                if depth % 6 == 0 {
                    let asked = deep.clone();
                    let build =
                        move |conn: &Conn<'_>| Ok::<_, StoreError>(users::page_statement(conn, &asked));
                    cost.push(blocks(&client, &test.store.read(ORG, build).await.unwrap()).await);
                }
                deep.after = page(&test.store, ORG, &UserQuery { limit: 1_000, ..deep.clone() }).await.next;
            }
            assert!(deep.after.is_none(), "all users were read");
            // Old versions of rows are met here and there.
            let most = cost[0] * 3 + 30;
            assert!(cost.iter().all(|deep| *deep < most), "{field:?} {descending}: {cost:?} blocks");
        }
    }
}
