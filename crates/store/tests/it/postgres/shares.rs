//! Searches that know how frequent words are: they ask for the rarest, and find what they found before.

use denizen_domain::ids::UserId;
use denizen_domain::permission::model::Rng;
use denizen_store::users::{self, Route, UserSearch};
use denizen_store::{Conn, StoreError, Tx, Value};

use crate::support::{NOW, ORG, TestStore, add_role, name, needle, new_user, search};

const USERS: u64 = 400;

/// How many words of the index a search asks for.
async fn asked(test: &TestStore, text: &'static str) -> usize {
    let build = move |conn: &Conn<'_>| {
        Ok::<_, StoreError>(users::search_statement(conn, &needle(text), Route::Index))
    };
    let statement = test.store.scan(ORG, build).await.unwrap();
    let texts = statement.values().iter().filter_map(|value| match value {
        Value::Text(text) if text.starts_with('\'') => Some(text.split(" & ").count()),
        _ => None,
    });
    texts.sum()
}

async fn search_long(test: &TestStore, search: UserSearch) -> Vec<UserId> {
    let found = test.store.scan(ORG, move |conn| users::search(conn, &search)).await.unwrap();
    found.rows.into_iter().map(|user| user.user_id).collect()
}

#[tokio::test]
async fn the_rarest_words_are_asked_for_once_it_is_known_which_they_are() {
    let Some(test) = TestStore::postgres_with(|options| options.long_read_connections = 1) else { return };
    add_role(&test.store, ORG).await;
    let mut rng = Rng::new(1);
    let users: Vec<_> = (0..USERS)
        .map(|number| new_user(number, &name(&mut rng), &name(&mut rng), &format!("u{number}@example.com")))
        .collect();
    let needles: Vec<String> = users
        .iter()
        .step_by(8)
        .flat_map(|user| {
            [
                format!("{} {}", user.first_name, user.last_name),
                user.first_name.clone(),
                user.email.as_str().to_owned(),
            ]
        })
        .chain(["example.com", "example.net", "le.com", "a", "e@", "1@example"].map(str::to_owned))
        .collect();
    let insert = move |tx: &Tx<'_>| users.iter().try_for_each(|user| users::insert(tx, user, NOW).map(drop));
    test.store.write::<(), StoreError, _>(ORG, insert).await.unwrap();
    test.outside().await.run("ANALYZE user_search").await;
    // Every third of twelve, and the last one.
    assert_eq!(asked(&test, "u1@example.com").await, 5);
    // The one connection for long reads looks behind what it is asked first.
    search_long(&test, needle("ada")).await;
    assert_eq!(asked(&test, "u1@example.com").await, 4);
    for text in needles {
        for limit in [1, 7, 1_000] {
            let wanted = UserSearch { limit, ..needle(&text) };
            assert_eq!(
                search_long(&test, wanted.clone()).await,
                search(&test.store, ORG, &wanted).await,
                "{text}"
            );
        }
    }
}
