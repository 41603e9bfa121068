//! Reads that follow one another on a thread share a snapshot: what that spares must not be noticed by anybody.
//!
//! The thread of a test says that it rests, which a worker of the server does before it sleeps, and then never again.

use std::time::{Duration, Instant};

use denizen_store::{Store, rest, users};
use rusqlite::Connection;

use crate::support::{NOW, ORG, TestStore, add, add_role, delete, find, plain_user, user_id};

/// Whether nobody holds the log: then it can be emptied.
fn can_be_emptied(outside: &Connection) -> bool {
    let is_busy = outside.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    is_busy.unwrap() == 0
}

#[tokio::test]
async fn a_thread_that_rests_holds_nothing_and_one_that_reads_on_keeps_its_snapshot() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    add(&test.store, ORG, plain_user(1)).await;
    let outside = test.file();
    outside.busy_timeout(Duration::ZERO).unwrap();

    assert!(find(&test.store, ORG, user_id(1)).await.is_some());
    assert!(can_be_emptied(&outside), "of this thread nobody has said yet that it rests");
    // Otherwise the log is empty, and a reader of the database itself is in nobody's way.
    add(&test.store, ORG, plain_user(2)).await;
    rest();
    assert!(find(&test.store, ORG, user_id(1)).await.is_some());
    assert!(!can_be_emptied(&outside), "the snapshot was not kept");
    rest();
    assert!(can_be_emptied(&outside));
}

#[tokio::test]
async fn the_log_is_emptied_though_a_thread_neither_reads_nor_rests() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    rest();
    let user = add(&test.store, ORG, plain_user(1)).await;
    assert_eq!(find(&test.store, ORG, user_id(1)).await.as_ref(), Some(&user));
    test.store.scrub().await.unwrap();
    assert_eq!(find(&test.store, ORG, user_id(1)).await, Some(user));
}

#[tokio::test]
async fn what_was_acknowledged_is_seen_by_the_next_read() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    rest();
    for number in 0..200 {
        let user = add(&test.store, ORG, plain_user(number)).await;
        assert_eq!(find(&test.store, ORG, user.user_id).await.as_ref(), Some(&user));
        if number.is_multiple_of(2) {
            delete(&test.store, ORG, user.clone()).await.unwrap();
            assert_eq!(find(&test.store, ORG, user.user_id).await, None);
        }
    }
}

#[test]
fn workers_that_rest_see_what_another_one_has_written() {
    let test = TestStore::sqlite();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).on_thread_park(rest).build().unwrap();
    let write_and_read = |store: Store, caller: u64| async move {
        for number in 0..100 {
            let user = plain_user(caller * 1_000 + number);
            let id = user.user_id;
            store.write(ORG, move |tx| users::insert(tx, &user, NOW)).await.unwrap();
            // The worker that goes on here is not always the one that sent the write.
            assert!(find(&store, ORG, id).await.is_some(), "{caller} {number}");
        }
    };
    runtime.block_on(add_role(&test.store, ORG));
    let callers: Vec<_> =
        (0..8).map(|caller| runtime.spawn(write_and_read(test.store.clone(), caller))).collect();
    for caller in callers {
        runtime.block_on(caller).unwrap();
    }
}

#[tokio::test]
async fn what_another_process_writes_is_seen_though_the_thread_reads_on_and_on() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    let other = test.another_process();
    rest();
    assert_eq!(find(&test.store, ORG, user_id(1)).await, None);
    other.write(ORG, |tx| users::insert(tx, &plain_user(1), NOW)).await.unwrap();
    let begun = Instant::now();
    while find(&test.store, ORG, user_id(1)).await.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is never seen");
    }
}

#[tokio::test]
async fn a_user_is_found_wherever_an_earlier_one_of_the_same_id_was() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    let first = add(&test.store, ORG, plain_user(1)).await;
    assert_eq!(find(&test.store, ORG, user_id(1)).await, Some(first.clone()));
    delete(&test.store, ORG, first.clone()).await.unwrap();
    assert_eq!(find(&test.store, ORG, user_id(1)).await, None);
    let other = add(&test.store, ORG, plain_user(2)).await;
    let second = add(&test.store, ORG, plain_user(1)).await;
    assert_ne!(first.position, second.position);
    assert_eq!(find(&test.store, ORG, user_id(1)).await, Some(second));
    assert_eq!(find(&test.store, ORG, user_id(2)).await, Some(other));
}

#[test]
fn a_remembered_row_is_read_without_an_index() {
    let test = TestStore::sqlite();
    let by_place: Vec<_> = denizen_store::statements().filter(|sql| sql.name.ends_with(".find_at")).collect();
    assert_eq!(by_place.len(), 3);
    for sql in by_place {
        let plan = super::plans::plan(&test, sql.sqlite());
        assert!(plan.len() == 1 && plan[0].contains("INTEGER PRIMARY KEY"), "{}: {plan:?}", sql.name);
    }
}
