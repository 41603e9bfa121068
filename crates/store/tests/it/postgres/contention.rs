//! A long write beside writers who never rest: it comes to its end, and looks at no table as a whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use denizen_domain::member::Directory;
use denizen_store::{Statement, StoreError, Tx, contacts, holdings, users};

use crate::contacts::plain_contact;
use crate::support::{NOW, ORG, TestStore, add, add_role, plain_user, user_id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_meets_another_one_on_every_attempt_goes_first_in_the_end() {
    let Some(test) = TestStore::postgres() else { return };
    add_role(&test.store, ORG).await;
    let one = add(&test.store, ORG, plain_user(1)).await;
    let two = add(&test.store, ORG, plain_user(2)).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let runs = Arc::new(AtomicU32::new(0));
    let beside = async {
        let mut writes = 0;
        while !is_over.load(Ordering::SeqCst) {
            let (one, two) = (one.clone(), two.user_id);
            let quick = move |tx: &Tx<'_>| {
                users::find(tx, Directory::Members, two)?;
                users::update(tx, Directory::Members, &one, false, NOW)
            };
            test.store.write(ORG, quick).await.unwrap();
            writes += 1;
        }
        writes
    };
    let long = async {
        let (one, two, counted) = (one.user_id, two.clone(), Arc::clone(&runs));
        let slow = move |tx: &Tx<'_>| {
            counted.fetch_add(1, Ordering::SeqCst);
            users::find(tx, Directory::Members, one)?;
            // Some of the other writes begin and end meanwhile.
            std::thread::sleep(Duration::from_millis(60));
            users::update(tx, Directory::Members, &two, false, NOW)
        };
        let result = test.store.write(ORG, slow).await;
        is_over.store(true, Ordering::SeqCst);
        result
    };
    let (writes, result) = tokio::join!(beside, long);
    result.unwrap();
    assert!(writes > 5, "{writes} writes were beside it");
    assert!(runs.load(Ordering::SeqCst) > 1, "nothing was in its way");
}

#[tokio::test]
async fn erasing_reads_no_table_as_a_whole_however_small_it_is() {
    let Some(test) = TestStore::postgres() else { return };
    // The planner knows then that there is nothing in the tables, and would rather read them than an index.
    test.outside().await.run("ANALYZE").await;
    let dialect = test.dialect().await;
    let explain = move |tx: &Tx<'_>| {
        let mut plans = Vec::new();
        for example in holdings::example_statements(dialect) {
            // Each `$` stands for the next value.
            let mut pieces = example.text().split('$');
            let mut statement = Statement::new("EXPLAIN (COSTS OFF) ");
            statement.push(pieces.next().unwrap());
            for (value, piece) in example.values().iter().zip(pieces) {
                statement.bind(value.clone()).push(piece.trim_start_matches(|c: char| c.is_ascii_digit()));
            }
            plans.push(tx.all_of(&statement, |row| row.text(0))?.join("\n"));
        }
        Ok::<_, StoreError>(plans)
    };
    let plans = test.store.write(ORG, explain).await.unwrap();
    assert!(plans.len() > 15, "{} plans", plans.len());
    for plan in plans {
        assert!(plan.contains("Index") && !plan.contains("Seq Scan"), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_that_are_made_at_the_same_time_do_not_undo_one_another() {
    let Some(test) = TestStore::postgres() else { return };
    let runs = Arc::new(AtomicU32::new(0));
    let make = |first: u64| {
        let counted = Arc::clone(&runs);
        test.store.write(ORG, move |tx: &Tx<'_>| {
            counted.fetch_add(1, Ordering::SeqCst);
            for number in [first, first + 2] {
                contacts::insert(tx, &[plain_contact(number)], NOW)?;
                // Sends it; then the other one goes on.
                users::find(tx, Directory::Members, user_id(1))?;
                std::thread::sleep(Duration::from_millis(60));
            }
            Ok::<_, StoreError>(())
        })
    };
    let (one, two) = tokio::join!(make(1), make(2));
    assert_eq!((one, two), (Ok(()), Ok(())));
    assert_eq!(runs.load(Ordering::SeqCst), 2, "each was run once");
    assert_eq!(test.store.read(ORG, contacts::count).await, Ok(4));
}
