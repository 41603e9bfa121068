//! Pages against a sorted model, while nothing changes and while everything does.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use denizen_domain::fold::fold;
use denizen_domain::ids::UserId;
use denizen_domain::permission::model::Rng;
use denizen_store::users::{self, SortField, SortKey, User, UserQuery};

use crate::support::{
    ORG, TestStore, add, add_role, bytes, count, delete, new_user, page, plain_user, query, user_id,
};

/// Users with many ties in everything they can be sorted by.
async fn crowd(test: &TestStore, rng: &mut Rng, size: u64) -> Vec<User> {
    add_role(&test.store, ORG).await;
    for number in 0..size {
        let first = rng.pick(&["ada", "Ada", "Åda", "Zoë", "", "ß", "李"]);
        let last = rng.pick(&["b", "B", "c", "ü", "\u{10ffff}"]);
        add(
            &test.store,
            ORG,
            new_user(number, first, last, &format!("{}{number}@b.org", rng.pick(&["x", "Y"]))),
        )
        .await;
    }
    // The statistics have no writer yet.
    let outside = test.outside().await;
    for number in 0..size {
        let figures =
            [rng.below(3), rng.below(2), rng.below(3)].map(|figure| i64::try_from(figure).unwrap() * 1_000);
        let [conversations, messages, last] = figures;
        let id = bytes(&outside, &user_id(number).0);
        let update = format!(
            "UPDATE users SET num_conversations = {conversations}, num_messages = {messages},
             last_message_at = {last} WHERE user_id = {id}"
        );
        outside.run(&update).await;
    }
    let everyone = page(&test.store, ORG, &UserQuery { limit: 100_000, ..query() }).await;
    assert!(!everyone.has_more);
    everyone.users
}

fn compare(field: SortField, a: &User, b: &User) -> Ordering {
    let last = |user: &User| user.stats.last_message_at.map_or(0, |at| at.0);
    match field {
        SortField::FirstName => fold(&a.first_name).cmp(&fold(&b.first_name)),
        SortField::LastName => fold(&a.last_name).cmp(&fold(&b.last_name)),
        SortField::Email => a.email.to_lowercase().cmp(&b.email.to_lowercase()),
        SortField::Conversations => a.stats.conversations.cmp(&b.stats.conversations),
        SortField::Messages => a.stats.messages.cmp(&b.stats.messages),
        SortField::LastMessage => last(a).cmp(&last(b)),
    }
}

fn sorted(mut users: Vec<User>, sort: &[SortKey]) -> Vec<UserId> {
    users.sort_by(|a, b| {
        let by_keys = sort.iter().fold(Ordering::Equal, |order, key| {
            let by_key = compare(key.field, a, b);
            order.then(if key.descending { by_key.reverse() } else { by_key })
        });
        let by_position = a.position.cmp(&b.position);
        let ties_descend = sort.first().is_some_and(|key| key.descending);
        by_keys.then(if ties_descend { by_position.reverse() } else { by_position })
    });
    users.into_iter().map(|user| user.user_id).collect()
}

/// Reads every page, each of a random size.
async fn walk(test: &TestStore, rng: &mut Rng, mut query: UserQuery) -> Vec<UserId> {
    let mut seen = Vec::new();
    loop {
        query.limit = 1 + rng.below(40);
        let page = page(&test.store, ORG, &query).await;
        assert!(page.users.len() <= query.limit);
        assert_eq!(page.next.is_some(), page.has_more);
        seen.extend(page.users.iter().map(|user| user.user_id));
        if !page.has_more {
            return seen;
        }
        query.after = page.next;
    }
}

fn random_sort(rng: &mut Rng) -> Vec<SortKey> {
    (0..rng.below(4))
        .map(|_| SortKey { field: *rng.pick(&SortField::ALL), descending: rng.chance(50) })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_size_in_any_order_are_the_sorted_whole() {
    let test = TestStore::empty();
    let mut rng = Rng::new(21);
    let everyone = crowd(&test, &mut rng, 250).await;
    let mut sorts: Vec<Vec<SortKey>> = vec![vec![]];
    for field in SortField::ALL {
        sorts.extend([false, true].map(|descending| vec![SortKey { field, descending }]));
    }
    sorts.extend((0..150).map(|_| random_sort(&mut rng)));
    for sort in sorts {
        let mut query = UserQuery { sort: sort.clone(), ..query() };
        let mut model = everyone.clone();
        if rng.chance(40) {
            query.is_verified = Some(rng.chance(50));
            model.retain(|user| Some(user.is_verified) == query.is_verified);
        }
        if rng.chance(30) {
            let ids: Vec<UserId> = (0..rng.below(80)).map(|_| user_id(rng.below(300) as u64)).collect();
            model.retain(|user| ids.contains(&user.user_id));
            query.ids = Some(ids);
        }
        if rng.chance(30) {
            let keys: Vec<String> = (0..rng.below(80))
                .map(|_| format!("{}{}@b.org", rng.pick(&["x", "y"]), rng.below(300)))
                .collect();
            model.retain(|user| keys.contains(&user.email.to_lowercase()));
            query.email_keys = Some(keys);
        }
        let seen = walk(&test, &mut rng, query.clone()).await;
        assert_eq!(seen, sorted(model, &sort), "{query:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_there_all_along_is_seen_exactly_once() {
    let test = TestStore::empty();
    let mut rng = Rng::new(22);
    let everyone = crowd(&test, &mut rng, 150).await;
    let mut fleeting: Vec<User> = Vec::new();
    let mut number = 10_000;
    for _ in 0..25 {
        let sort = random_sort(&mut rng);
        let mut query = UserQuery { sort, ..query() };
        let mut seen = BTreeMap::<UserId, u32>::new();
        loop {
            query.limit = 1 + rng.below(30);
            let page = page(&test.store, ORG, &query).await;
            for user in &page.users {
                *seen.entry(user.user_id).or_default() += 1;
            }
            if !page.has_more {
                break;
            }
            // Even the user at whom the page ended may go meanwhile.
            query.after = page.next;
            for _ in 0..rng.below(4) {
                number += 1;
                let first = rng.pick(&["ada", "zoe", "m"]);
                fleeting.push(
                    add(&test.store, ORG, new_user(number, first, "b", &format!("z{number}@b.org"))).await,
                );
            }
            while fleeting.len() > 10 || (!fleeting.is_empty() && rng.chance(30)) {
                let at = rng.below(fleeting.len());
                delete(&test.store, ORG, fleeting.swap_remove(at)).await.unwrap();
            }
        }
        for user in &everyone {
            assert_eq!(seen.get(&user.user_id), Some(&1), "{:?}", query.sort);
        }
        assert!(seen.values().all(|times| *times == 1), "nobody is seen twice");
    }
}

#[tokio::test]
async fn a_page_of_none_says_whether_there_is_anybody() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let none = UserQuery { limit: 0, ..query() };
    assert!(!page(&test.store, ORG, &none).await.has_more);
    add(&test.store, ORG, plain_user(1)).await;
    let found = page(&test.store, ORG, &none).await;
    assert!(found.has_more && found.users.is_empty() && found.next.is_none());
    assert_eq!(count(&test.store, ORG).await, 1);
}

#[tokio::test]
async fn a_cursor_that_does_not_fit_its_order_is_an_error_and_no_panic() {
    let test = TestStore::empty();
    let after = users::After { position: users::Position(1), values: vec![] };
    let sort = vec![SortKey { field: SortField::Email, descending: false }];
    let query = UserQuery { sort, after: Some(after), ..query() };
    let result = test.store.read(ORG, move |conn| users::page(conn, &query)).await;
    assert!(matches!(result, Err(denizen_store::StoreError::Internal(_))));
}
