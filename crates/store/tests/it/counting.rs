//! Totals are kept, never counted: they must follow every insert, delete and rollback.

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;
use denizen_domain::permission::model::Rng;
use denizen_store::{StoreError, organizations, users};

use crate::support::{NOW, ORG, TestStore, add, add_role, all, count, delete, find, plain_user, user_id};

async fn counted(test: &TestStore, org: i64) -> i64 {
    let outside = test.outside().await;
    outside.enter(OrgKey(org)).await;
    outside.int(&format!("SELECT count(*) FROM users WHERE org_id = {org}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_counter_is_the_number_of_users_whatever_happens() {
    let test = TestStore::empty();
    for org in 1..=3 {
        add_role(&test.store, OrgKey(org)).await;
    }
    let callers = (0..24u64)
        .map(|caller| {
            let store = test.store.clone();
            async move {
                let mut rng = Rng::new(caller + 1);
                for _ in 0..60 {
                    let org = OrgKey(1 + i64::try_from(rng.below(3)).unwrap());
                    // Few numbers, so that callers meet: taken addresses, users who are gone already.
                    let number = rng.below(40) as u64;
                    let (fails, removes) = (rng.chance(25), rng.chance(45));
                    let stale = find(&store, org, user_id(number)).await;
                    let result = store
                        .write(org, move |tx| {
                            match &stale {
                                Some(user) if removes => {
                                    users::delete(tx, Directory::Members, user.user_id, false, NOW)?;
                                }
                                _ => drop(users::insert(tx, &plain_user(number), NOW)?),
                            }
                            if fails { Err(StoreError::Interrupted) } else { Ok(()) }
                        })
                        .await;
                    assert_eq!(result.is_err(), fails);
                }
            }
        })
        .collect();
    all(callers).await;
    for org in 1..=3 {
        assert_eq!(count(&test.store, OrgKey(org)).await, counted(&test, org).await);
        assert!(counted(&test, org).await > 5);
    }
    assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn deleting_twice_counts_once() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    add(&test.store, ORG, plain_user(1)).await;
    let user = add(&test.store, ORG, plain_user(2)).await;
    for _ in 0..2 {
        delete(&test.store, ORG, user.clone()).await.unwrap();
    }
    assert_eq!(count(&test.store, ORG).await, 1);
    // Neither does writing to a user who is gone bring the search entry back.
    test.store.write(ORG, move |tx| users::update(tx, Directory::Members, &user, true, NOW)).await.unwrap();
    assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_place_is_never_given_twice() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let first = add(&test.store, ORG, plain_user(1)).await;
    delete(&test.store, ORG, first.clone()).await.unwrap();
    let second = add(&test.store, ORG, plain_user(1)).await;
    assert!(second.position > first.position);
}

#[tokio::test]
async fn a_tombstone_can_be_written_again() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    for _ in 0..2 {
        let user = add(&test.store, ORG, plain_user(1)).await;
        test.store
            .write(ORG, move |tx| users::delete(tx, Directory::Members, user.user_id, true, NOW))
            .await
            .unwrap();
        assert_eq!(test.store.read(ORG, |conn| users::is_buried(conn, user_id(1))).await, Ok(true));
    }
}

#[tokio::test]
async fn an_organization_is_erased_step_by_step_and_leaves_nothing() {
    let test = TestStore::empty();
    for org in [ORG, OrgKey(2)] {
        add_role(&test.store, org).await;
        for number in 0..50 {
            add(&test.store, org, plain_user(number)).await;
        }
    }
    let mut left = 50;
    while left > 0 {
        let erased = test.store.write(ORG, |tx| organizations::erase_users(tx, 7)).await.unwrap();
        left -= i64::try_from(erased).unwrap();
        assert_eq!(count(&test.store, ORG).await, left);
        assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new(), "consistent on the way too");
    }
    test.store.write(ORG, organizations::erase_rest).await.unwrap();
    assert_eq!(count(&test.store, OrgKey(2)).await, 50);
    let outside = test.outside().await;
    for table in ["users", "role", "directory_counter", "link", "job", "api_key", "user_tombstone"] {
        let rows = outside.int(&format!("SELECT count(*) FROM {table} WHERE org_id = 1")).await;
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test]
async fn the_key_of_a_deleted_organization_is_not_given_to_the_next_one() {
    use denizen_domain::ids::Uuid;
    use denizen_domain::text::{ClusterName, Slug};
    use denizen_store::control;
    let test = TestStore::empty();
    let insert = async |number: u8| {
        let slug = Slug::parse(&format!("org-{number}")).unwrap();
        let insert = move |tx: &denizen_store::Tx<'_>| {
            control::insert_organization(tx, Uuid([number; 16]), &slug, &ClusterName::MAIN, None, NOW)
        };
        test.store.write(OrgKey::CONTROL, insert).await.unwrap().unwrap()
    };
    let first = insert(1).await;
    assert!(
        test.store.write(OrgKey::CONTROL, move |tx| control::delete_organization(tx, first)).await.unwrap()
    );
    assert!(insert(2).await > first);
}
