//! Users sorted by their statistics, of which half have none: a deep page costs what the first one costs.

use denizen_store::users::{self, SortField, SortKey, UserQuery};
use denizen_store::{Conn, StoreError};

use super::plans::steps;
use crate::support::{NOW, ORG, TestStore, add_role, page, plain_user, query};

const USERS: u64 = 20_000;

#[tokio::test]
async fn a_deep_page_by_any_statistic_costs_what_the_first_one_costs() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    let insert = |tx: &denizen_store::Tx<'_>| {
        (0..USERS).try_for_each(|number| users::insert(tx, &plain_user(number), NOW).map(drop))
    };
    test.store.write(ORG, insert).await.unwrap();
    let outside = test.outside().await;
    outside
        .run(
            "UPDATE users SET num_conversations = position % 10, num_messages = (position * 7919) % 1000,
             last_message_at = (position * 7907) % 100003 + 1 WHERE position % 2 = 0",
        )
        .await;
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
                    let statement = test.store.read(ORG, build).await.unwrap();
                    cost.push(steps(&test, &statement, 11));
                }
                deep.after = page(&test.store, ORG, &UserQuery { limit: 1_000, ..deep.clone() }).await.next;
            }
            assert!(deep.after.is_none(), "all users were read");
            let most = cost[0] * 5;
            assert!(cost.iter().all(|deep| *deep < most), "{field:?} {descending}: {cost:?} steps");
        }
    }
}

#[tokio::test]
async fn a_page_by_two_keys_sorts_only_those_who_share_the_first_of_them() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    let insert = |tx: &denizen_store::Tx<'_>| {
        (0..USERS).try_for_each(|number| users::insert(tx, &plain_user(number), NOW).map(drop))
    };
    test.store.write(ORG, insert).await.unwrap();
    let outside = test.outside().await;
    let spread = "num_conversations = position % 2000, num_messages = position % 2003, last_message_at = position % 2011";
    let names = "first_key = 'a' || (position % 2017), last_key = 'b' || (position % 2027)";
    outside.run(&format!("UPDATE users SET {spread}, {names}")).await;
    for field in SortField::ALL {
        for descending in [false, true] {
            let second =
                if field == SortField::Messages { SortField::LastMessage } else { SortField::Messages };
            let sort = vec![SortKey { field, descending }, SortKey { field: second, descending: false }];
            let asked = UserQuery { sort, limit: 10, ..query() };
            let build = move |conn: &Conn<'_>| Ok::<_, StoreError>(users::page_statement(conn, &asked));
            let statement = test.store.read(ORG, build).await.unwrap();
            let steps = steps(&test, &statement, 11);
            assert!(steps < 3_000, "{field:?} {descending}: {steps} steps");
        }
    }
}
