//! Linked accounts: one for each user and provider, and each for one user.

use denizen_domain::ids::OrgKey;
use denizen_store::linked_accounts::{self, LinkedAccount, Provider};
use denizen_store::{Conn, Store, StoreError};

use crate::support::{NOW, ORG, TestStore, add, add_role, all, plain_user, user_id};

fn account(account_id: &str, tenant: Option<&str>) -> LinkedAccount {
    let tenant = tenant.map(str::to_owned);
    LinkedAccount { provider: Provider::Google, tenant, account_id: account_id.to_owned() }
}

async fn with_users(org: OrgKey, count: u64) -> TestStore {
    let test = TestStore::empty();
    add_role(&test.store, org).await;
    for number in 1..=count {
        add(&test.store, org, plain_user(number)).await;
    }
    test
}

async fn link(store: &Store, user: u64, account: &LinkedAccount) -> Result<bool, StoreError> {
    let account = account.clone();
    store.write(ORG, move |tx| linked_accounts::link(tx, user_id(user), &account, NOW)).await
}

async fn find(store: &Store, user: u64) -> Option<LinkedAccount> {
    let find = move |conn: &Conn<'_>| linked_accounts::find(conn, user_id(user), Provider::Google);
    store.read(ORG, find).await.unwrap()
}

async fn unlink(store: &Store, user: u64) -> bool {
    store.write(ORG, move |tx| linked_accounts::unlink(tx, user_id(user), Provider::Google)).await.unwrap()
}

#[tokio::test]
async fn a_user_has_one_account_which_another_one_replaces() {
    let test = with_users(ORG, 1).await;
    assert_eq!(find(&test.store, 1).await, None);
    for account in [account("a", None), account("a", None), account("a", Some("t")), account("b", None)] {
        assert!(link(&test.store, 1, &account).await.unwrap());
        assert_eq!(find(&test.store, 1).await, Some(account));
    }
    assert!(unlink(&test.store, 1).await);
    assert!(!unlink(&test.store, 1).await);
    assert_eq!(find(&test.store, 1).await, None);
}

#[tokio::test]
async fn an_account_of_another_user_is_not_given_away() {
    let test = with_users(ORG, 2).await;
    let wanted = account("a", Some("t"));
    let own = account("b", Some("t"));
    assert!(link(&test.store, 1, &wanted).await.unwrap());
    assert!(!link(&test.store, 2, &wanted).await.unwrap());
    assert_eq!(find(&test.store, 2).await, None);
    assert!(link(&test.store, 2, &own).await.unwrap());
    assert!(!link(&test.store, 2, &wanted).await.unwrap());
    assert_eq!(find(&test.store, 2).await, Some(own));
    // The same id in another tenant is another account.
    assert!(link(&test.store, 2, &account("a", None)).await.unwrap());
    assert!(unlink(&test.store, 1).await);
    assert!(link(&test.store, 2, &wanted).await.unwrap());
}

#[tokio::test]
async fn of_many_users_who_want_one_account_at_once_one_has_it() {
    let test = with_users(ORG, 8).await;
    let wants = (1..=8).map(|user| {
        let store = test.store.clone();
        async move { link(&store, user, &account("a", None)).await.unwrap() }
    });
    let won = all(wants.collect()).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
}

#[tokio::test]
async fn only_a_user_who_exists_has_an_account() {
    let test = with_users(ORG, 1).await;
    let error = link(&test.store, 2, &account("a", None)).await.unwrap_err();
    assert!(matches!(error, StoreError::Constraint(_)), "{error}");
}
