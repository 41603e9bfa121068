//! What the planner knows of tables is kept up with what is written.

use std::time::Duration;

use denizen_store::{Tx, users};

use crate::support::{NOW, ORG, TestStore, add, add_role, plain_user};

#[tokio::test]
async fn a_table_that_grows_is_analysed_while_it_is_written() {
    let Some(test) = TestStore::postgres() else { return };
    add_role(&test.store, ORG).await;
    let outside = test.outside().await;
    let known = async || {
        let pages = "SELECT relpages::text FROM pg_class WHERE oid = 'users'::regclass";
        outside.texts(pages).await[0].parse::<u32>().unwrap()
    };
    let before = known().await;
    let many = |tx: &Tx<'_>| (1..=600).try_for_each(|n| users::add(tx, &plain_user(n), NOW).map(drop));
    test.store.write(ORG, many).await.unwrap();
    let mut number = 600;
    // Long before autovacuum comes by.
    while known().await == before && number < 700 {
        number += 1;
        add(&test.store, ORG, plain_user(number)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(known().await > before.max(8), "{before} pages are all that is known");
}
