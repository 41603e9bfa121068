//! Gates, where several write at the same time.

use std::sync::mpsc;
use std::time::Duration;

use denizen_domain::ids::{ObjectId, Uuid};
use denizen_domain::time::Timestamp;
use denizen_store::gate::{self, Closing, GateState};
use denizen_store::{Tx, jobs};

use crate::support::{NOW, ORG, TestStore};

const OWNER: Uuid = Uuid([7; 16]);
const UNTIL: Timestamp = Timestamp(NOW.0 + 30 * Timestamp::MICROS_PER_SECOND);

/// A writer that stands still inside its transaction, and how it is told to go on.
fn stand_still()
-> (mpsc::Receiver<()>, mpsc::Sender<()>, impl FnMut(&Tx<'_>) -> Result<(), denizen_store::StoreError> + Send)
{
    let (entered, is_inside) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let closure = move |tx: &Tx<'_>| {
        jobs::insert(tx, ObjectId([1; 12]), "mail", None, "{}", NOW)?;
        // Whose answer is waited for, and so it is inside.
        jobs::list(tx, 1)?;
        entered.send(()).unwrap();
        told.recv().unwrap();
        Ok(())
    };
    (is_inside, go_on, closure)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "both tasks are joined")]
async fn whoever_was_let_in_is_waited_for() {
    let Some(test) = TestStore::postgres() else { return };
    for is_asked in [true, false] {
        let (is_inside, go_on, closure) = stand_still();
        let store = test.store.clone();
        let writer = tokio::spawn(async move {
            if is_asked { store.write(ORG, closure).await } else { store.write_barred(ORG, closure).await }
        });
        tokio::task::spawn_blocking(move || is_inside.recv().unwrap()).await.unwrap();
        let take = |tx: &Tx<'_>| gate::take(tx, (GateState::Draining, OWNER, UNTIL), false, NOW);
        assert!(test.store.write_gate(ORG, take).await.unwrap());
        let close = |tx: &Tx<'_>| gate::close_drained(tx, OWNER, UNTIL, NOW);
        assert_eq!(test.store.write_gate(ORG, close).await.unwrap(), Closing::Done);
        let store = test.store.clone();
        let mut waiting = tokio::spawn(async move { store.write_gate(ORG, gate::wait_for_writers).await });
        let early = tokio::time::timeout(Duration::from_millis(700), &mut waiting).await;
        assert!(early.is_err(), "who is inside was not waited for");
        go_on.send(()).unwrap();
        writer.await.unwrap().unwrap();
        waiting.await.unwrap().unwrap();
        assert!(test.store.write_gate(ORG, |tx| gate::open(tx, OWNER)).await.unwrap());
        test.store.write(ORG, jobs::delete_all).await.unwrap();
    }
}
