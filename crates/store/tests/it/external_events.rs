//! External events: pages against a sorted model, what a caller may see of them against the rule of permissions, and
//! events that come again.

use std::cmp::Ordering;

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::permission::model::{Rng, Target, Universe, allows};
use denizen_domain::permission::{Filter, Scalar, names};
use denizen_domain::time::Timestamp;
use denizen_store::external_events::{self, EventQuery, ExternalEvent, SortField, SortKey};
use denizen_store::keyset::Page;
use denizen_store::records::Stored;
use denizen_store::{StoreError, Tx};

use crate::support::{NOW, ORG, TestStore};

fn id(number: u64) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    ObjectId(bytes)
}

/// Ids of users as members have them: 12 bytes.
fn user(number: u64) -> UserId {
    UserId::from_object_id(id(number))
}

fn event(number: u64, event_type: &str, starts_at: i64, ends_at: i64) -> ExternalEvent {
    ExternalEvent {
        event_id: id(number),
        user_id: user(1),
        event_type: event_type.to_owned(),
        starts_at: Timestamp(starts_at),
        ends_at: Timestamp(ends_at),
        description: format!("event {number}"),
        transcript: number.is_multiple_of(2).then(|| "hello".to_owned()),
    }
}

async fn add(test: &TestStore, org: OrgKey, events: &[ExternalEvent]) {
    let events = events.to_vec();
    let write = move |tx: &Tx<'_>| {
        events.iter().try_for_each(|event| external_events::insert(tx, event, &event.digest(), NOW))
    };
    test.store.write(org, write).await.unwrap();
}

fn query() -> EventQuery {
    EventQuery {
        user_id: user(1),
        ids: None,
        visible: Filter::always(),
        sort: Vec::new(),
        after: None,
        limit: 100,
    }
}

async fn page(test: &TestStore, query: &EventQuery) -> Page<ExternalEvent> {
    let query = query.clone();
    test.store.scan(ORG, move |conn| external_events::page(conn, &query)).await.unwrap()
}

async fn find(test: &TestStore, event: ObjectId) -> Option<ExternalEvent> {
    test.store.read(ORG, move |conn| external_events::find(conn, event)).await.unwrap()
}

/// Reads every page, each of a random size.
async fn walk(test: &TestStore, rng: &mut Rng, mut query: EventQuery) -> Vec<ExternalEvent> {
    let mut seen = Vec::new();
    loop {
        query.limit = 1 + rng.below(30);
        let page = page(test, &query).await;
        assert!(page.rows.len() <= query.limit);
        assert_eq!(page.next.is_some(), page.has_more);
        seen.extend(page.rows);
        if !page.has_more {
            return seen;
        }
        query.after = page.next;
    }
}

/// In this order; they were added in the order of their ids.
fn sorted(mut events: Vec<ExternalEvent>, sort: &[SortKey]) -> Vec<ExternalEvent> {
    events.sort_by(|a, b| {
        let by_keys = sort.iter().fold(Ordering::Equal, |order, key| {
            let by_key = match key.field {
                SortField::Type => a.event_type.cmp(&b.event_type),
                SortField::StartsAt => a.starts_at.cmp(&b.starts_at),
                SortField::EndsAt => a.ends_at.cmp(&b.ends_at),
            };
            order.then(if key.descending { by_key.reverse() } else { by_key })
        });
        let by_position = a.event_id.cmp(&b.event_id);
        let ties_descend = sort.first().is_some_and(|key| key.descending);
        by_keys.then(if ties_descend { by_position.reverse() } else { by_position })
    });
    events
}

/// Events of the first user with many ties, among those of another user and another organization.
async fn diary(test: &TestStore, rng: &mut Rng, size: u64) -> Vec<ExternalEvent> {
    let time = |rng: &mut Rng| i64::try_from(rng.below(5)).unwrap() - 2;
    let events: Vec<ExternalEvent> = (0..size)
        .map(|number| {
            let kind = *rng.pick(&["visit", "Visit", "call", "ärztin", "\u{10ffff}"]);
            event(number, kind, time(rng), time(rng))
        })
        .collect();
    add(test, ORG, &events).await;
    add(test, OrgKey(2), &events).await;
    let others = (0..size).map(|number| ExternalEvent {
        user_id: user(2),
        event_id: id(1_000_000 + number),
        ..events[0].clone()
    });
    add(test, ORG, &others.collect::<Vec<_>>()).await;
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_size_in_any_order_are_the_sorted_whole() {
    let test = TestStore::empty();
    let mut rng = Rng::new(51);
    let events = diary(&test, &mut rng, 120).await;
    let mut sorts = vec![vec![]];
    for field in SortField::ALL {
        sorts.extend([false, true].map(|descending| vec![SortKey { field, descending }]));
    }
    sorts.extend((0..60).map(|_| {
        let key = |_| SortKey { field: *rng.pick(&SortField::ALL), descending: rng.chance(50) };
        (0..3).map(key).collect()
    }));
    for sort in sorts {
        let mut query = EventQuery { sort: sort.clone(), ..query() };
        let mut model = events.clone();
        if rng.chance(40) {
            let ids: Vec<ObjectId> = (0..rng.below(80)).map(|_| id(rng.below(150) as u64)).collect();
            model.retain(|event| ids.contains(&event.event_id));
            query.ids = Some(ids);
        }
        let seen = walk(&test, &mut rng, query.clone()).await;
        assert_eq!(seen, sorted(model, &sort), "{query:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_shows_exactly_the_events_that_the_grants_allow() {
    let test = TestStore::empty();
    let mut rng = Rng::new(52);
    let events = diary(&test, &mut rng, 40).await;
    // What is known of the user is taken out of a filter before it comes to the store.
    let known =
        [("org_id", "demo"), ("user_id", "u"), ("email", "a@b.c"), ("role_id", "r"), ("role_name", "R")];
    let known = known.map(|(name, value)| (name, Scalar::from(value)));
    let target = |event: &ExternalEvent| -> Target {
        let own = [
            ("external_event_id", Scalar::from(event.event_id.to_string())),
            ("type", Scalar::from(event.event_type.as_str())),
            ("is_verified", Scalar::from(true)),
        ];
        known.clone().into_iter().chain(own).map(|(name, value)| (name.to_owned(), value)).collect()
    };
    let targets: Vec<Target> = events.iter().map(target).collect();
    let permission = names::USER_GET_EXTERNAL_EVENT;
    let mut universe = Universe::of(permission.clone()).unwrap();
    for attribute in &mut universe.attributes {
        attribute.values = targets.iter().take(6).map(|target| target[&attribute.name].clone()).collect();
        attribute.values.dedup();
    }
    let (mut some, mut none, mut all) = (0, 0, 0);
    for case in 0..1_000 {
        let (grants, who) = (universe.grants(&mut rng), universe.who(&mut rng));
        let whole = grants.filter(&permission, &who).assume("is_verified", &true.into());
        let visible = known.iter().fold(whole, |filter, (name, value)| filter.assume(name, value));
        let expected: Vec<ObjectId> = events
            .iter()
            .zip(&targets)
            .filter(|(_, target)| allows(&grants, &permission, &who, target))
            .map(|(event, _)| event.event_id)
            .collect();
        match expected.len() {
            0 => none += 1,
            40 => all += 1,
            _ => some += 1,
        }
        let found = page(&test, &EventQuery { visible, ..query() }).await;
        let found: Vec<ObjectId> = found.rows.iter().map(|event| event.event_id).collect();
        assert_eq!(found, expected, "case {case}: {grants:?}");
    }
    assert!(some > 100 && none > 50 && all > 50, "the cases show little: {some} {none} {all}");
}

#[tokio::test]
async fn an_event_that_comes_again_is_written_over_and_keeps_its_place() {
    let test = TestStore::empty();
    let events = [event(1, "a", 1, 2), event(2, "b", 1, 2), event(3, "c", 1, 2)];
    add(&test, ORG, &events).await;
    let changed = ExternalEvent { event_type: "z".to_owned(), transcript: None, ..events[0].clone() };
    let write = changed.clone();
    test.store.write(ORG, move |tx| external_events::update(tx, &write, &write.digest(), NOW)).await.unwrap();
    assert_eq!(page(&test, &query()).await.rows, [changed.clone(), events[1].clone(), events[2].clone()]);

    let ids = [id(3), id(1), id(9)];
    let found = test.store.read(ORG, move |conn| external_events::find_many(conn, &ids)).await.unwrap();
    let stored =
        |event: &ExternalEvent| Stored { id: event.event_id, user_id: event.user_id, digest: event.digest() };
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&stored(&changed)) && found.contains(&stored(&events[2])), "{found:?}");
}

#[tokio::test]
async fn an_event_that_goes_to_another_user_stands_last_there() {
    let test = TestStore::empty();
    let theirs = ExternalEvent { user_id: user(2), ..event(9, "a", 1, 2) };
    add(&test, ORG, &[event(1, "a", 1, 2), event(2, "b", 1, 2), theirs.clone()]).await;
    let moved = ExternalEvent { user_id: user(2), ..event(1, "a", 1, 2) };
    let write = moved.clone();
    test.store.write(ORG, move |tx| external_events::update(tx, &write, &write.digest(), NOW)).await.unwrap();
    assert_eq!(page(&test, &query()).await.rows, [event(2, "b", 1, 2)]);
    let mut there = page(&test, &EventQuery { user_id: user(2), ..query() }).await.rows;
    there.sort_by_key(|event| event.event_id);
    assert_eq!(there, [moved, theirs]);
}

#[tokio::test]
async fn a_removed_event_is_gone_and_only_that_one() {
    let test = TestStore::empty();
    let events = [event(1, "a", 1, 2), event(2, "b", 1, 2)];
    add(&test, ORG, &events).await;
    for _ in 0..2 {
        test.store.write(ORG, |tx| external_events::delete(tx, id(1))).await.unwrap();
        assert_eq!(find(&test, id(1)).await, None);
    }
    assert_eq!(find(&test, id(2)).await, Some(events[1].clone()));
}

#[tokio::test]
async fn a_list_goes_on_behind_an_event_that_may_be_seen_and_no_other() {
    let test = TestStore::empty();
    add(&test, ORG, &[event(1, "a", 1, 2), event(2, "b", 1, 2)]).await;
    let sort = vec![SortKey { field: SortField::Type, descending: false }];
    let first = page(&test, &EventQuery { sort: sort.clone(), limit: 1, ..query() }).await.next.unwrap();
    let values = async |user_id: UserId, position: i64, visible: Filter| {
        let sort = sort.clone();
        let read = move |conn: &denizen_store::Conn<'_>| {
            external_events::sort_values(conn, user_id, position, &sort, &visible)
        };
        test.store.read(ORG, read).await.unwrap()
    };
    assert_eq!(values(user(1), first.position, Filter::always()).await, Some(first.values.clone()));
    assert_eq!(values(user(1), first.position, Filter::never()).await, None);
    assert_eq!(values(user(2), first.position, Filter::always()).await, None);
    assert_eq!(values(user(1), first.position + 1_000, Filter::always()).await, None);
}

#[test]
fn events_that_differ_in_anything_have_different_digests() {
    let plain = event(1, "ab", 1, 2);
    let mut digests = vec![plain.digest()];
    for other in [
        ExternalEvent { event_id: id(2), ..plain.clone() },
        ExternalEvent { user_id: user(2), ..plain.clone() },
        ExternalEvent { event_type: "a".to_owned(), description: "bevent 1".to_owned(), ..plain.clone() },
        ExternalEvent { starts_at: Timestamp(2), ends_at: Timestamp(1), ..plain.clone() },
        ExternalEvent { description: "x".to_owned(), ..plain.clone() },
        ExternalEvent { transcript: Some(String::new()), ..plain.clone() },
        ExternalEvent { transcript: Some("x".to_owned()), ..plain.clone() },
    ] {
        digests.push(other.digest());
    }
    assert_eq!(plain.digest(), plain.clone().digest());
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[tokio::test]
async fn a_page_of_none_says_whether_there_is_anything() {
    let test = TestStore::empty();
    let none = EventQuery { limit: 0, ..query() };
    assert!(!page(&test, &none).await.has_more);
    add(&test, ORG, &[event(1, "a", 1, 2)]).await;
    let found = page(&test, &none).await;
    assert!(found.has_more && found.rows.is_empty() && found.next.is_none());
    let two = [SortField::Type, SortField::EndsAt].map(|field| SortKey { field, descending: false });
    let after = Some(denizen_store::keyset::After { position: 1, values: vec![] });
    let unfit = EventQuery { sort: two.to_vec(), after, ..query() };
    let result = test.store.read(ORG, move |conn| external_events::page(conn, &unfit)).await;
    assert!(matches!(result, Err(StoreError::Internal(_))));
}
