//! Permits: whoever draws, the sum is never more than the limit.

use denizen_domain::ids::OrgKey;
use denizen_store::Store;
use denizen_store::permits::{self, Drawn};

use crate::support::{ORG, TestStore, all};

const MINUTE: i64 = 29_454_480;

async fn take(store: &Store, org: OrgKey, key: &'static [u8], minute: i64, limit: i64, want: i64) -> Drawn {
    store.write(org, move |tx| permits::take(tx, key, minute, limit, want)).await.unwrap()
}

#[tokio::test]
async fn a_draw_is_a_sixteenth_of_what_is_left_and_in_the_end_one() {
    let test = TestStore::empty();
    let mut granted = Vec::new();
    loop {
        let drawn = take(&test.store, ORG, b"k", MINUTE, 64, 1).await;
        granted.push(drawn.granted);
        assert_eq!(drawn.taken, granted.iter().sum::<i64>());
        if drawn.granted == 0 {
            break;
        }
    }
    assert_eq!(granted[..4], [4, 3, 3, 3]);
    assert_eq!(granted[granted.len() - 4..], [1, 1, 1, 0]);
    assert_eq!(granted.iter().sum::<i64>(), 64);
}

#[tokio::test]
async fn whoever_needs_more_gets_it_while_there_is_so_much() {
    let test = TestStore::empty();
    for (want, granted) in [(1, 1), (6, 6), (6, 3), (6, 0)] {
        assert_eq!(take(&test.store, ORG, b"k", MINUTE, 10, want).await.granted, granted);
    }
    // A process that was set to less hears that it is too late.
    assert_eq!(take(&test.store, ORG, b"k", MINUTE, 5, 1).await, Drawn { granted: 0, taken: 10 });
    assert_eq!(take(&test.store, ORG, b"k", MINUTE, 11, 1).await, Drawn { granted: 1, taken: 11 });
}

#[tokio::test]
async fn organizations_keys_and_minutes_are_counted_apart() {
    let test = TestStore::empty();
    for (org, key, minute) in
        [(ORG, &b"k"[..], MINUTE), (OrgKey(2), b"k", MINUTE), (ORG, b"l", MINUTE), (ORG, b"k", MINUTE + 1)]
    {
        assert_eq!(take(&test.store, org, key, minute, 1, 1).await.granted, 1);
        assert_eq!(take(&test.store, org, key, minute, 1, 1).await.granted, 0);
    }
}

#[tokio::test]
async fn what_is_given_back_can_be_drawn_again_and_past_minutes_go() {
    let test = TestStore::empty();
    assert_eq!(take(&test.store, ORG, b"k", MINUTE, 5, 5).await.granted, 5);
    test.store.write(ORG, |tx| permits::give_back(tx, b"k", MINUTE, 2)).await.unwrap();
    assert_eq!(take(&test.store, ORG, b"k", MINUTE, 5, 5).await, Drawn { granted: 2, taken: 5 });
    take(&test.store, OrgKey(2), b"k", MINUTE + 1, 5, 1).await;
    let delete = async |minute: i64| {
        test.store.write(OrgKey::CONTROL, move |tx| permits::delete_past(tx, minute)).await.unwrap()
    };
    assert_eq!((delete(MINUTE).await, delete(MINUTE + 1).await, delete(MINUTE + 1).await), (0, 1, 0));
    assert_eq!(delete(MINUTE + 2).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_draw_at_once_all_together_get_the_limit() {
    let test = TestStore::empty();
    let draws = (0..64)
        .map(|_| {
            let store = test.store.clone();
            async move {
                let mut granted = 0;
                loop {
                    match take(&store, ORG, b"k", MINUTE, 300, 1).await.granted {
                        0 => return granted,
                        more => granted += more,
                    }
                }
            }
        })
        .collect();
    assert_eq!(all(draws).await.into_iter().sum::<i64>(), 300);
}
