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
