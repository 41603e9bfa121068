//! What the keys of the schema keep out.

use denizen_domain::ids::UserId;
use denizen_store::links::{Link, LinkPurpose};
use denizen_store::{Dialect, StoreError, links, users};

use crate::support::{NOW, ORG, TestStore, add_role, plain_user};

#[tokio::test]
async fn a_row_that_refers_to_nothing_is_refused() {
    let test = TestStore::empty();
    let no_role = test.store.write(ORG, |tx| users::insert(tx, &plain_user(1), NOW)).await;
    assert!(matches!(no_role, Err(StoreError::Constraint(_))), "{no_role:?}");

    add_role(&test.store, ORG).await;
    let link = Link {
        secret_hash: [1; 32],
        user_id: UserId([9; 16]),
        purpose: LinkPurpose::Verify,
        redirect: String::new(),
        expires_at: NOW,
    };
    let no_user = test.store.write(ORG, move |tx| links::insert(tx, &link, NOW)).await;
    assert!(matches!(no_user, Err(StoreError::Constraint(_))), "{no_user:?}");
}

#[tokio::test]
async fn a_role_of_another_organization_is_no_role() {
    let test = TestStore::empty();
    add_role(&test.store, denizen_domain::ids::OrgKey(2)).await;
    let foreign = test.store.write(ORG, |tx| users::insert(tx, &plain_user(1), NOW)).await;
    assert!(matches!(foreign, Err(StoreError::Constraint(_))), "{foreign:?}");
}

#[tokio::test]
async fn a_unique_key_is_named_in_the_error() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let twice = test
        .store
        .write(ORG, |tx| {
            users::insert(tx, &plain_user(1), NOW)?;
            let same_id = denizen_store::users::NewUser { user_id: plain_user(1).user_id, ..plain_user(2) };
            users::insert(tx, &same_id, NOW)
        })
        .await;
    let name = match test.dialect().await {
        Dialect::Sqlite => "users.org_id, users.user_id",
        Dialect::Postgres => "users_pkey",
    };
    assert_eq!(twice, Err(StoreError::Constraint(name.to_owned())));
}
