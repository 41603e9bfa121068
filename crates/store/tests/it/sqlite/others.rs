//! Whether others have written: told by SQLite, and not mistaken for what this process does by itself.

use std::time::Duration;

use denizen_domain::time::Timestamp;
use denizen_store::{Clusters, Mark, SqliteOptions, StoreError, rest, roles, users};

use crate::support::{NOW, ORG, ROLE, TestStore, add, add_role, find, plain_user, user_id};

/// A store that is looked at by a clock of the test's own.
struct Watched {
    test: TestStore,
    clusters: Clusters,
    now: Timestamp,
}

impl Watched {
    async fn new() -> Self {
        // Small, so that the log is copied again and again.
        let test = TestStore::sqlite_with(|options| SqliteOptions { checkpoint_pages: 50, ..options });
        add_role(&test.store, ORG).await;
        let clusters = Clusters::from(test.store.clone());
        Self { test, clusters, now: NOW }
    }

    async fn mark(&self) -> Mark {
        self.clusters.mark(ORG).await.unwrap()
    }

    /// Goes on until it has been looked after this was called.
    async fn look(&mut self) {
        self.now = self.now.plus_seconds(2);
        for _ in 0..10_000 {
            if self.mark().await.holds_on(self.now) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("nobody looks");
    }
}

#[tokio::test]
async fn what_this_process_writes_copies_and_clears_is_not_taken_for_what_others_have_written() {
    let mut watched = Watched::new().await;
    watched.look().await;
    let mark = watched.mark().await;
    for number in 0..200 {
        add(&watched.test.store, ORG, plain_user(number)).await;
    }
    watched.look().await;
    assert!(mark.holds_on(watched.now) && mark.holds());
    watched.test.store.scrub().await.unwrap();
    assert_eq!(watched.test.store.check().await, Ok(Vec::new()));
    watched.look().await;
    assert!(mark.holds_on(watched.now) && mark.holds());
    // Somebody who only reads.
    let outside = watched.test.file();
    let count: i64 = outside.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 200);
    watched.look().await;
    assert!(mark.holds_on(watched.now));
}

#[tokio::test]
async fn what_another_connection_commits_is_noticed_and_what_it_undoes_is_not() {
    let mut watched = Watched::new().await;
    watched.look().await;
    let outside = watched.test.file();
    for round in 0..3 {
        let mark = watched.mark().await;
        outside.execute_batch("BEGIN; UPDATE role SET description = 'undone'; ROLLBACK").unwrap();
        watched.look().await;
        assert!(mark.holds_on(watched.now));
        outside.execute("UPDATE role SET description = ?1", [round]).unwrap();
        // A write of our own looks as well, and must not swallow what it finds.
        if round == 1 {
            add(&watched.test.store, ORG, plain_user(1)).await;
        }
        watched.look().await;
        assert!(!mark.holds_on(watched.now), "round {round}");
        assert!(mark.holds(), "it was nobody in this process");
    }
}

#[tokio::test]
async fn another_process_is_noticed_and_what_is_read_after_that_is_new() {
    let mut watched = Watched::new().await;
    watched.look().await;
    let other = watched.test.another_process();
    // From here on this thread reads from snapshots that last.
    rest();
    for number in 0..50 {
        assert_eq!(find(&watched.test.store, ORG, user_id(number)).await, None);
        let mark = watched.mark().await;
        let user = add(&other, ORG, plain_user(number)).await;
        while mark.holds_on(watched.now) {
            watched.look().await;
        }
        assert_eq!(find(&watched.test.store, ORG, user_id(number)).await, Some(user));
    }
    other.close();
}

#[tokio::test]
async fn what_a_closure_alters_ends_marks_from_before_and_what_it_adds_does_not() {
    let watched = Watched::new().await;
    let store = &watched.test.store;
    let of_user = async |number| watched.mark().await.with_user(ORG, user_id(number));
    let (one, two) = (of_user(1).await, of_user(2).await);
    let added = add(store, ORG, plain_user(1)).await;
    assert!(one.holds() && two.holds());
    let update = move |tx: &denizen_store::Tx<'_>| {
        users::update(tx, denizen_domain::member::Directory::Members, &added, false, NOW)
    };
    store.write(ORG, update).await.unwrap();
    assert!(!one.holds() && two.holds() && watched.mark().await.holds());
    let change = |tx: &denizen_store::Tx<'_>| {
        let role = roles::find(tx, ROLE)?.ok_or(StoreError::Interrupted)?;
        roles::update(tx, &role, NOW)
    };
    store.write(ORG, change).await.unwrap();
    assert!(!two.holds());
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_is_noted_if_it_is_done() {
    let watched = Watched::new().await;
    let store = &watched.test.store;
    for round in 0..100 {
        let mark = watched.mark().await;
        let text = format!("round {round}");
        let change = {
            let text = text.clone();
            move |tx: &denizen_store::Tx<'_>| {
                let mut role = roles::find(tx, ROLE)?.ok_or(StoreError::Interrupted)?;
                role.description.clone_from(&text);
                roles::update(tx, &role, NOW)
            }
        };
        // The first poll sends it; whether the writer is faster than the end of this line is left to chance.
        let _ = futures_util::FutureExt::now_or_never(Box::pin(store.write::<_, StoreError, _>(ORG, change)));
        // Comes behind it.
        let role = store.write::<_, StoreError, _>(ORG, |tx| roles::find(tx, ROLE)).await.unwrap().unwrap();
        assert_eq!(mark.holds(), role.description != text, "round {round}");
    }
}

#[tokio::test]
async fn a_write_that_could_go_on_goes_on_for_long_until_others_write() {
    let long = Duration::from_mins(10);
    let test = TestStore::sqlite_with(|options| SqliteOptions { spare_time: long, ..options });
    add_role(&test.store, ORG).await;
    let goes_on = async || {
        let write = |tx: &denizen_store::Tx<'_>| {
            std::thread::sleep(Duration::from_millis(150));
            Ok::<_, StoreError>(tx.has_time())
        };
        test.store.write(ORG, write).await.unwrap()
    };
    assert!(goes_on().await && goes_on().await);
    test.file().execute("UPDATE role SET description = 'another'", []).unwrap();
    assert!(!goes_on().await && !goes_on().await);
}
