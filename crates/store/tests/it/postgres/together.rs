//! Writes that share a transaction: nothing of it shows but the transaction.

use std::sync::mpsc;

use denizen_domain::ids::{ObjectId, OrgKey, Uuid};
use denizen_domain::time::Timestamp;
use denizen_store::gate::{self, Closing, GateState};
use denizen_store::links::{Link, LinkPurpose};
use denizen_store::{Store, StoreError, Tx, jobs, links, users};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::proxy::{Proxy, Wire};
use crate::support::{NOW, ORG, TestStore, add_role, count, find, plain_user, query, user_id};

/// Everything that is sent meanwhile waits, for there is one connection.
async fn while_the_connection_is_taken<T>(
    store: &Store,
    writes: Vec<impl Future<Output = Result<T, StoreError>>>,
) -> Vec<Result<T, StoreError>> {
    let (entered, is_inside) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let stand_still = move |tx: &Tx<'_>| {
        users::count(tx, query().directory)?;
        entered.send(()).unwrap();
        told.recv().unwrap();
        Err::<(), _>(StoreError::Busy)
    };
    let mut standing = Box::pin(store.write(ORG, stand_still));
    assert!((&mut standing).now_or_never().is_none());
    is_inside.recv().unwrap();
    let mut writes = Box::pin(join_all(writes));
    assert!((&mut writes).now_or_never().is_none());
    go_on.send(()).unwrap();
    assert_eq!(standing.await, Err(StoreError::Busy));
    writes.await
}

const OTHER: OrgKey = OrgKey(2);

fn one_connection() -> Option<TestStore> {
    TestStore::postgres_with(|options| options.write_connections = 1)
}

fn adding(store: &Store, org: OrgKey, number: u64) -> impl Future<Output = Result<bool, StoreError>> {
    store.write_together(org, move |tx| users::add(tx, &plain_user(number), NOW))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_at_the_same_time_shares_a_transaction_whatever_the_organization() {
    let Some(test) = one_connection() else { return };
    add_role(&test.store, ORG).await;
    add_role(&test.store, OTHER).await;
    let org = |number: u64| if number.is_multiple_of(3) { OTHER } else { ORG };
    let writes = (0..30).map(|number| adding(&test.store, org(number), number)).collect();
    let written = while_the_connection_is_taken(&test.store, writes).await;
    assert!(written.iter().all(|added| *added == Ok(true)), "{written:?}");
    assert_eq!(test.outside().await.int("SELECT count(DISTINCT xmin::text) FROM user_search").await, 1);
    assert_eq!((count(&test.store, ORG).await, count(&test.store, OTHER).await), (20, 10));
    for number in 0..30 {
        assert!(find(&test.store, org(number), user_id(number)).await.is_some(), "{number}");
    }
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_the_address_taken_is_told_and_the_others_are_added() {
    let Some(test) = one_connection() else { return };
    add_role(&test.store, ORG).await;
    assert_eq!(adding(&test.store, ORG, 3).await, Ok(true));
    // Number 3 was there before, and of the two of number 7 one comes first.
    let writes = [1, 3, 7, 5, 7].map(|number| adding(&test.store, ORG, number)).into();
    let written = while_the_connection_is_taken(&test.store, writes).await;
    assert_eq!(written, [Ok(true), Ok(false), Ok(true), Ok(true), Ok(false)]);
    assert_eq!(count(&test.store, ORG).await, 4);
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_or_panics_after_it_has_written_leaves_nothing_and_takes_nobody_along() {
    let Some(test) = one_connection() else { return };
    add_role(&test.store, ORG).await;
    let write = |number: u64| {
        test.store.write_together(ORG, move |tx| {
            users::add(tx, &plain_user(number), NOW)?;
            assert!(number != 2, "this one panics, as the test wants it");
            if number == 1 { Err(StoreError::Busy) } else { Ok(()) }
        })
    };
    let written = while_the_connection_is_taken(&test.store, (0..4).map(write).collect()).await;
    assert_eq!(written[..2], [Ok(()), Err(StoreError::Busy)]);
    assert!(matches!(written[2], Err(StoreError::Internal(_))), "{written:?}");
    assert_eq!(written[3], Ok(()));
    for (number, is_there) in [(0, true), (1, false), (2, false), (3, true)] {
        assert_eq!(find(&test.store, ORG, user_id(number)).await.is_some(), is_there, "{number}");
    }
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_gate_is_shut_is_refused_and_the_others_are_let_in() {
    const OWNER: Uuid = Uuid([7; 16]);
    const UNTIL: Timestamp = Timestamp(NOW.0 + 30 * Timestamp::MICROS_PER_SECOND);
    let Some(test) = one_connection() else { return };
    add_role(&test.store, ORG).await;
    add_role(&test.store, OTHER).await;
    let take = |tx: &Tx<'_>| gate::take(tx, (GateState::Draining, OWNER, UNTIL), false, NOW);
    assert!(test.store.write_gate(OTHER, take).await.unwrap());
    let close = |tx: &Tx<'_>| gate::close_drained(tx, OWNER, UNTIL, NOW);
    assert_eq!(test.store.write_gate(OTHER, close).await.unwrap(), Closing::Done);
    let writes = [(ORG, 1), (OTHER, 2), (ORG, 3), (OTHER, 4)]
        .map(|(org, number)| adding(&test.store, org, number))
        .into();
    let written = while_the_connection_is_taken(&test.store, writes).await;
    assert_eq!(written, [Ok(true), Err(StoreError::Barred), Ok(true), Err(StoreError::Barred)]);
    assert_eq!((count(&test.store, ORG).await, count(&test.store, OTHER).await), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_outcome_of_their_commit_is_unknown_each_is_told_so() {
    let Some(test) = TestStore::postgres() else { return };
    let proxy = Proxy::before(test.url());
    let mut options = denizen_store::PostgresOptions::parse(&proxy.url(test.url())).unwrap();
    options.write_connections = 1;
    let store = Store::open(options, NOW).unwrap();
    add_role(&store, ORG).await;
    for (cut, are_there) in [(Wire::CutBeforeCommit, 0), (Wire::CutAfterCommit, 4)] {
        let writes = (0..4).map(|number| adding(&store, ORG, number)).collect();
        proxy.set(cut);
        let written = while_the_connection_is_taken(&store, writes).await;
        proxy.set(Wire::Whole);
        assert!(
            written.iter().all(|one| matches!(one, Err(StoreError::OutcomeUnknown(_)))),
            "{cut:?}: {written:?}"
        );
        assert_eq!(count(&test.store, ORG).await, are_there, "{cut:?}");
    }
    store.close();
}

#[tokio::test]
async fn rows_that_travel_together_come_behind_what_they_refer_to() {
    let Some(test) = TestStore::postgres() else { return };
    add_role(&test.store, ORG).await;
    assert_eq!(adding(&test.store, ORG, 1).await, Ok(true));
    let link = |number: u64| Link {
        secret_hash: [u8::try_from(number).unwrap(); 32],
        user_id: user_id(number),
        purpose: LinkPurpose::Verify,
        redirect: String::new(),
        expires_at: NOW,
    };
    let write = move |tx: &Tx<'_>| {
        links::insert_first(tx, &link(1))?;
        for number in 2..5 {
            assert!(users::add(tx, &plain_user(number), NOW)?, "the address is new");
            links::insert_first(tx, &link(number))?;
            jobs::insert(tx, ObjectId([2; 12]), "mail", None, "{}", NOW)?;
            jobs::delete_all(tx)?;
        }
        Ok::<_, StoreError>(())
    };
    assert_eq!(test.store.write_together(ORG, write).await, Ok(()));
    for number in 1..5 {
        let found =
            test.store.read(ORG, move |conn| links::find(conn, &link(number).secret_hash)).await.unwrap();
        assert_eq!(found.map(|link| link.user_id), Some(user_id(number)));
    }
    let jobs = test.store.read(ORG, |conn| jobs::list(conn, 10)).await.unwrap();
    assert_eq!(jobs.len(), 0, "each was deleted behind its insertion");
}
