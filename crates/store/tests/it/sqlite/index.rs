//! What is erased leaves SQLite's search index too.

use denizen_domain::member::Directory;
use denizen_store::users;

use crate::support::{NOW, ORG, TestStore, add, add_role, delete, find, new_user, plain_user, user_id};

#[tokio::test]
async fn the_words_of_an_erased_user_leave_the_index() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    for number in 0..300 {
        add(&test.store, ORG, plain_user(number)).await;
    }
    let erased = add(&test.store, ORG, new_user(999, "Xyzzyvor", "Quuxwick", "xyzzy@qwtzk.org")).await;
    let mut renamed = add(&test.store, ORG, new_user(1_000, "Vrbtskl", "Smith", "s@example.com")).await;
    delete(&test.store, ORG, erased).await.unwrap();
    renamed.first_name = "Ann".to_owned();
    let after = renamed.clone();
    test.store.write(ORG, move |tx| users::update(tx, Directory::Members, &after, true, NOW)).await.unwrap();
    assert_eq!(find(&test.store, ORG, user_id(1_000)).await, Some(renamed));
    // The index says itself which words it holds, deleted ones included while they are not merged away.
    let outside = test.file();
    outside
        .execute_batch("CREATE VIRTUAL TABLE temp.words USING fts5vocab('main', 'user_search', 'row')")
        .unwrap();
    let gone: i64 = outside
        .query_row(
            "SELECT count(*) FROM temp.words WHERE term IN ('xyz', 'zzy', 'yvo', 'quu', 'wtz', 'vrb', 'tsk')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(gone, 0, "what is erased can still be read in the search index");
}
