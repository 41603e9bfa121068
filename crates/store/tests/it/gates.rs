//! Gates: who is shut out writes nothing, from the moment at which the gate is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use denizen_domain::ids::{ObjectId, OrgKey, Uuid};
use denizen_domain::time::Timestamp;
use denizen_store::gate::{self, Closing, GateState};
use denizen_store::{Store, StoreError, Tx, jobs};

use crate::support::{NOW, ORG, TestStore, all};

const OTHER: OrgKey = OrgKey(2);
const OWNER: Uuid = Uuid([7; 16]);
const STRANGER: Uuid = Uuid([8; 16]);
const UNTIL: Timestamp = Timestamp(NOW.0 + 30 * Timestamp::MICROS_PER_SECOND);

/// A step of the gate.
async fn step<T: Send + 'static>(
    store: &Store,
    step: impl FnMut(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.write_gate(ORG, step).await.unwrap()
}

/// Brings a gate that is open, or the owner's, into a state.
async fn shut(store: &Store, state: GateState) {
    match state {
        GateState::Deleted => assert!(step(store, |tx| gate::set_deleted(tx, NOW)).await),
        GateState::Moved => {
            Box::pin(shut(store, GateState::Closed)).await;
            assert!(step(store, |tx| gate::set_moved(tx, OWNER)).await);
        }
        state => assert!(step(store, move |tx| gate::take(tx, (state, OWNER, UNTIL), false, NOW)).await),
    }
}

async fn close(store: &Store, owner: Uuid) -> Closing {
    step(store, move |tx| gate::close_drained(tx, owner, UNTIL, NOW)).await
}

/// Writes something that can be counted.
async fn write(store: &Store, org: OrgKey, number: u64) -> Result<(), StoreError> {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&number.to_be_bytes());
    store.write(org, move |tx| jobs::insert(tx, ObjectId(id), "mail", None, "{}", NOW)).await
}

async fn written(store: &Store, org: OrgKey) -> usize {
    store.read(org, |conn| jobs::list(conn, 100_000)).await.unwrap().len()
}

#[tokio::test]
async fn a_shut_gate_keeps_out_the_writes_of_its_organization_and_of_no_other() {
    let test = TestStore::empty();
    for (number, state) in (0..).zip([GateState::Closed, GateState::Moved, GateState::Deleted]) {
        // What has moved away comes back first.
        step(&test.store, |tx| gate::take(tx, (GateState::Closed, OWNER, UNTIL), true, NOW)).await;
        assert!(step(&test.store, |tx| gate::open(tx, OWNER)).await);
        shut(&test.store, state).await;
        assert_eq!(write(&test.store, ORG, number).await, Err(StoreError::Barred), "{state:?}");
        assert_eq!(write(&test.store, OTHER, number).await, Ok(()), "{state:?}");
    }
    assert_eq!((written(&test.store, ORG).await, written(&test.store, OTHER).await), (0, 3));
}

#[tokio::test]
async fn writes_go_on_while_a_gate_is_draining() {
    let test = TestStore::empty();
    shut(&test.store, GateState::Draining).await;
    assert_eq!(write(&test.store, ORG, 1).await, Ok(()));
}

#[tokio::test]
async fn whoever_shut_the_gate_goes_on_writing() {
    let test = TestStore::empty();
    shut(&test.store, GateState::Closed).await;
    let write = |tx: &Tx<'_>| jobs::insert(tx, ObjectId([1; 12]), "mail", None, "{}", NOW);
    assert_eq!(test.store.write_barred(ORG, write).await, Ok(()));
    assert_eq!(written(&test.store, ORG).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_written_after_the_gate_was_closed_and_its_writers_were_waited_for() {
    let test = TestStore::empty();
    let beside = test.another_process();
    let (is_over, number) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers = (0..12)
        .map(|writer| {
            let store = if writer % 2 == 0 { test.store.clone() } else { beside.clone() };
            let (is_over, number) = (Arc::clone(&is_over), Arc::clone(&number));
            async move {
                let mut refused = 0;
                while !is_over.load(Ordering::SeqCst) {
                    match write(&store, ORG, number.fetch_add(1, Ordering::SeqCst)).await {
                        Ok(()) => {}
                        Err(StoreError::Barred) => refused += 1,
                        Err(other) => panic!("{other}"),
                    }
                }
                assert!(refused > 0, "each writer has met the gate");
            }
        })
        .collect();
    let mover = async {
        for _ in 0..5 {
            shut(&test.store, GateState::Draining).await;
            assert_eq!(close(&test.store, OWNER).await, Closing::Done);
            step(&test.store, gate::wait_for_writers).await;
            let before = written(&test.store, ORG).await;
            tokio::time::sleep(std::time::Duration::from_millis(40)).await;
            assert_eq!(written(&test.store, ORG).await, before);
            assert!(step(&test.store, |tx| gate::open(tx, OWNER)).await);
            let opened = number.load(Ordering::SeqCst);
            while number.load(Ordering::SeqCst) < opened + 50 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
        is_over.store(true, Ordering::SeqCst);
    };
    tokio::join!(all(writers), mover);
    assert!(written(&test.store, ORG).await > 0);
    drop(beside);
}

#[tokio::test]
async fn a_gate_is_not_closed_while_a_worker_holds_a_job_and_no_more_are_given_out() {
    let test = TestStore::empty();
    let store = &test.store;
    write(store, ORG, 1).await.unwrap();
    let lease = async || {
        let until = NOW.plus_seconds(20);
        store.write_barred(OrgKey::CONTROL, move |tx| jobs::lease_due(tx, NOW, until, 9)).await.unwrap()
    };
    let held = lease().await.remove(0);
    shut(store, GateState::Draining).await;
    write(store, ORG, 2).await.unwrap();
    write(store, OTHER, 3).await.unwrap();
    let leased = lease().await;
    assert_eq!(leased.iter().map(|job| job.org).collect::<Vec<_>>(), [OTHER]);
    assert_eq!(close(store, OWNER).await, Closing::Waits(1));
    let finish = move |tx: &Tx<'_>| jobs::finish(tx, &held.lease());
    assert!(store.write_barred(ORG, finish).await.unwrap());
    assert_eq!(close(store, STRANGER).await, Closing::Lost);
    assert_eq!(close(store, OWNER).await, Closing::Done);
    let next = store.read(OrgKey::CONTROL, jobs::next_due).await.unwrap();
    assert_eq!(next, Some(NOW.plus_seconds(20)), "only the other organization's is looked for");
}

#[tokio::test]
async fn what_erases_a_deleted_organization_is_still_given_out() {
    let test = TestStore::empty();
    write(&test.store, ORG, 1).await.unwrap();
    shut(&test.store, GateState::Deleted).await;
    let lease = |tx: &Tx<'_>| jobs::lease_due(tx, NOW, NOW.plus_seconds(20), 9);
    assert_eq!(test.store.write_barred(OrgKey::CONTROL, lease).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_gate_whose_owner_is_not_heard_of_opens_and_the_owner_can_do_no_more() {
    let test = TestStore::empty();
    let store = &test.store;
    shut(store, GateState::Closed).await;
    let open_lapsed = async |now| step(store, move |tx| gate::open_lapsed(tx, now)).await;
    assert!(!open_lapsed(UNTIL).await);
    let later = UNTIL.plus_seconds(30);
    assert!(step(store, move |tx| gate::renew(tx, OWNER, later)).await);
    assert!(!open_lapsed(UNTIL.plus_seconds(1)).await, "it was heard of");
    assert!(open_lapsed(later.plus_seconds(1)).await);
    assert_eq!(write(store, ORG, 1).await, Ok(()));
    assert!(!step(store, move |tx| gate::renew(tx, OWNER, later)).await);
    assert!(!step(store, |tx| gate::set_moved(tx, OWNER)).await);
}

#[tokio::test]
async fn a_gate_that_somebody_holds_is_nobody_elses() {
    let test = TestStore::empty();
    let store = &test.store;
    shut(store, GateState::Draining).await;
    let take = async |now| {
        let wanted = (GateState::Draining, STRANGER, UNTIL.plus_seconds(60));
        step(store, move |tx| gate::take(tx, wanted, false, now)).await
    };
    assert!(!take(NOW).await);
    assert!(!step(store, |tx| gate::set_deleted(tx, NOW)).await, "what moves is not deleted");
    assert!(take(UNTIL.plus_seconds(1)).await, "its owner was not heard of");
    assert!(!step(store, |tx| gate::open(tx, OWNER)).await);
    assert_eq!(close(store, OWNER).await, Closing::Lost);
}

#[tokio::test]
async fn what_has_moved_does_not_come_back_by_itself() {
    let test = TestStore::empty();
    let store = &test.store;
    shut(store, GateState::Closed).await;
    assert!(!step(store, |tx| gate::set_moved(tx, STRANGER)).await);
    assert!(step(store, |tx| gate::set_moved(tx, OWNER)).await);
    assert!(!step(store, |tx| gate::open_lapsed(tx, Timestamp(i64::MAX))).await);
    assert_eq!(write(store, ORG, 1).await, Err(StoreError::Barred));
    let found = store.read(OrgKey::CONTROL, |conn| gate::find(conn, ORG)).await.unwrap().unwrap();
    assert_eq!((found.state, found.owner, found.until), (GateState::Moved, Some(OWNER), None));
    let take =
        |comes_back| move |tx: &Tx<'_>| gate::take(tx, (GateState::Closed, STRANGER, UNTIL), comes_back, NOW);
    assert!(!step(store, take(false)).await);
    assert!(!step(store, |tx| gate::open(tx, OWNER)).await, "not even for its owner");
    assert!(step(store, take(true)).await, "whoever brings it back takes the gate");
}
