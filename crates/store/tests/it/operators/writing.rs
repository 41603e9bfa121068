//! Adding, changing and deleting operators, and with what they sign in.

use std::collections::BTreeSet;

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;
use denizen_domain::operator::{Access, OperatorRole};
use denizen_domain::text::Email;
use denizen_store::operators::{self, Credentials, Operator};
use denizen_store::{Conn, StoreError, Tx, users};

use super::{
    access, administrator, delete, environment_id, find, furnish, insert, later, operator_id, plain_operator,
    search, update,
};
use crate::support::{ORG, TestStore};

async fn count(test: &TestStore, org: OrgKey) -> i64 {
    test.store.read(org, operators::count).await.unwrap()
}

async fn credentials(test: &TestStore, number: u64) -> Option<Credentials> {
    test.store.read(ORG, move |conn| operators::find_credentials(conn, operator_id(number))).await.unwrap()
}

#[tokio::test]
async fn operators_are_found_as_they_were_written() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    let full = Operator {
        company: Some("Acme GmbH".to_owned()),
        image: Some(format!("data:image/png;base64,{}", "A".repeat(300_000))),
        access: access(OperatorRole::Editor, [(1, &[1, 3]), (2, &[2])]),
        created_at: later(-5),
        ..administrator(1)
    };
    let supervisor = Operator { access: access(OperatorRole::Supervisor, [(3, &[])]), ..administrator(2) };
    let all = [full, supervisor, administrator(3)];
    let hashed: Vec<_> = all
        .iter()
        .cloned()
        .zip([Some("$argon2id$1".to_owned()), None, Some("$argon2id$3".to_owned())])
        .collect();
    test.store.write(ORG, move |tx| operators::insert(tx, &hashed)).await.unwrap();
    for operator in &all {
        assert_eq!(find(&test.store, ORG, operator.user_id).await.as_ref(), Some(operator));
    }
    assert_eq!(find(&test.store, ORG, operator_id(4)).await, None);
    let first = Credentials {
        user_id: operator_id(1),
        password_hash: Some("$argon2id$1".to_owned()),
        version: 1,
        is_admin: false,
    };
    assert_eq!(credentials(&test, 1).await.as_ref(), Some(&first));
    assert_eq!(credentials(&test, 2).await.unwrap().password_hash, None);
    assert!(credentials(&test, 3).await.unwrap().is_admin);
    assert_eq!(credentials(&test, 4).await, None);
    let by_email = |key: &'static str| {
        test.store.read(ORG, move |conn: &Conn<'_>| operators::find_credentials_by_email(conn, key))
    };
    assert_eq!(by_email("ann1@example.org").await, Ok(Some(first)));
    assert_eq!(by_email("Ann1@Example.org").await, Ok(None), "it is asked for by its key");
    assert_eq!(count(&test, ORG).await, 3);
}

#[tokio::test]
async fn a_thousand_are_added_at_once_and_so_are_some_with_large_pictures() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    insert(&test.store, ORG, vec![]).await.unwrap();
    insert(&test.store, ORG, (0..1_000).map(plain_operator).collect()).await.unwrap();
    // More than goes into one parameter.
    let pictured = |number| Operator { image: Some("p".repeat(256 << 10)), ..plain_operator(number) };
    insert(&test.store, ORG, (1_000..1_009).map(pictured).collect()).await.unwrap();
    assert_eq!(count(&test, ORG).await, 1_009);
    assert_eq!(search(&test.store, ORG, "ann").await.len(), 1_009);
    assert_eq!(find(&test.store, ORG, operator_id(999)).await, Some(plain_operator(999)));
    assert_eq!(find(&test.store, ORG, operator_id(1_008)).await, Some(pictured(1_008)));
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn who_reaches_what_is_not_there_or_has_a_taken_address_is_not_added_and_nobody_with_them() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    insert(&test.store, ORG, vec![administrator(1)]).await.unwrap();
    let elsewhere = Operator { access: access(OperatorRole::Supervisor, [(9, &[])]), ..administrator(3) };
    let no_bot = Operator { access: access(OperatorRole::Viewer, [(1, &[9])]), ..administrator(3) };
    let taken = Operator { email: "ANN1@example.ORG".to_owned(), ..administrator(3) };
    let same_id = Operator { email: "else@example.org".to_owned(), ..administrator(1) };
    for refused in [elsewhere, no_bot, taken, same_id] {
        let result = insert(&test.store, ORG, vec![plain_operator(2), refused]).await;
        assert!(matches!(result, Err(StoreError::Constraint(_))), "{result:?}");
        assert_eq!(find(&test.store, ORG, operator_id(2)).await, None);
        assert_eq!(count(&test, ORG).await, 1);
    }
    // What another organization has is not there.
    let foreign = insert(&test.store, OrgKey(2), vec![plain_operator(1)]).await;
    assert!(matches!(foreign, Err(StoreError::Constraint(_))), "{foreign:?}");
    // And its addresses and ids are free here.
    insert(&test.store, OrgKey(2), vec![administrator(1)]).await.unwrap();
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn what_a_failed_change_did_is_undone_in_the_counter_and_in_the_index() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    insert(&test.store, ORG, vec![plain_operator(1)]).await.unwrap();
    let fail = |tx: &Tx<'_>| {
        operators::insert(tx, &[(plain_operator(2), None)])?;
        let before = plain_operator(1);
        operators::update(tx, &before, &Operator { name: "Zoe".to_owned(), ..before.clone() }, later(1))?;
        Err::<(), _>(StoreError::Internal("undone".to_owned()))
    };
    assert!(test.store.write(ORG, fail).await.is_err());
    assert_eq!(count(&test, ORG).await, 1);
    assert_eq!(search(&test.store, ORG, "zoe").await, []);
    assert_eq!(search(&test.store, ORG, "ann").await, [operator_id(1)]);
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn taken_addresses_are_told_and_a_deleted_operator_frees_the_address() {
    let test = TestStore::empty();
    insert(&test.store, ORG, vec![administrator(1), administrator(2)]).await.unwrap();
    insert(&test.store, OrgKey(2), vec![administrator(3)]).await.unwrap();
    let taken = async |emails: &[&str]| {
        let keys: Vec<String> = emails.iter().map(|email| Email::key_of(email)).collect();
        let find = move |conn: &Conn<'_>| {
            operators::find_taken(conn, &keys.iter().map(String::as_str).collect::<Vec<_>>())
        };
        test.store.read(ORG, find).await.unwrap()
    };
    let asked = ["ANN1@example.org", "ann2@example.org", "ann3@example.org", "ann4@example.org"];
    let both: BTreeSet<String> = ["ann1@example.org", "ann2@example.org"].map(str::to_owned).into();
    assert_eq!(taken(&asked).await, both);
    assert_eq!(taken(&[]).await, BTreeSet::new());
    delete(&test.store, ORG, operator_id(1)).await.unwrap();
    assert_eq!(taken(&asked).await, ["ann2@example.org".to_owned()].into());
    insert(&test.store, ORG, vec![Operator { user_id: operator_id(9), ..administrator(1) }]).await.unwrap();
}

#[tokio::test]
async fn a_change_writes_all_but_the_password_and_the_time_of_creation() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    let before =
        Operator { access: access(OperatorRole::Editor, [(1, &[1, 2]), (2, &[1])]), ..administrator(1) };
    let new = [(before.clone(), Some("$argon2id$1".to_owned())), (plain_operator(2), None)];
    test.store.write(ORG, move |tx| operators::insert(tx, &new)).await.unwrap();
    let after = Operator {
        email: "zoe@example.org".to_owned(),
        name: "Zoë".to_owned(),
        company: Some("Zeta".to_owned()),
        image: Some("https://example.org/zoe.png".to_owned()),
        access: access(OperatorRole::Viewer, [(1, &[2, 3]), (3, &[1])]),
        created_at: later(99),
        ..before.clone()
    };
    update(&test.store, ORG, before.clone(), after.clone()).await.unwrap();
    let mut known = find(&test.store, ORG, operator_id(1)).await.unwrap();
    assert_eq!(known.created_at, before.created_at);
    known.created_at = after.created_at;
    assert_eq!(known, after);
    let kept = credentials(&test, 1).await.unwrap();
    assert_eq!((kept.password_hash.as_deref(), kept.version), (Some("$argon2id$1"), 1));
    assert_eq!(
        find(&test.store, ORG, operator_id(2)).await,
        Some(plain_operator(2)),
        "the other is as before"
    );

    let promoted = Operator { access: Access::Administrator, ..after.clone() };
    update(&test.store, ORG, after.clone(), promoted.clone()).await.unwrap();
    assert!(find(&test.store, ORG, operator_id(1)).await.unwrap().access.is_administrator());
    assert_eq!(test.store.check().await, Ok(vec![]));
    update(&test.store, ORG, promoted, after.clone()).await.unwrap();
    assert_eq!(find(&test.store, ORG, operator_id(1)).await.unwrap().access, after.access);

    let taken = Operator { email: plain_operator(2).email, ..after.clone() };
    let refused = update(&test.store, ORG, after.clone(), taken).await;
    assert!(matches!(refused, Err(StoreError::Constraint(_))), "{refused:?}");
    let nowhere = Operator { access: access(OperatorRole::Supervisor, [(9, &[])]), ..after.clone() };
    let refused = update(&test.store, ORG, after.clone(), nowhere).await;
    assert!(matches!(refused, Err(StoreError::Constraint(_))), "{refused:?}");
    assert!(matches!(&find(&test.store, ORG, operator_id(1)).await.unwrap().access,
        Access::Environments { environments, .. } if environments.contains_key(&environment_id(3))));
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn another_password_raises_the_version_and_a_better_hash_of_the_same_does_not() {
    let test = TestStore::empty();
    insert(&test.store, ORG, vec![administrator(1), administrator(2)]).await.unwrap();
    insert(&test.store, OrgKey(2), vec![administrator(1)]).await.unwrap();
    let set = async |number, hash: &'static str, is_other| {
        let set =
            move |tx: &Tx<'_>| operators::set_password(tx, operator_id(number), hash, is_other, later(1));
        test.store.write(ORG, set).await.unwrap()
    };
    for (hash, is_other, version) in [("$a", true, 2), ("$b", false, 2), ("$c", true, 3)] {
        assert!(set(1, hash, is_other).await);
        let found = credentials(&test, 1).await.unwrap();
        assert_eq!((found.password_hash.as_deref(), found.version), (Some(hash), version));
    }
    assert!(!set(7, "$a", true).await, "there is no such operator");
    assert_eq!(credentials(&test, 2).await.unwrap().version, 1);
    let foreign = |conn: &Conn<'_>| operators::find_credentials(conn, operator_id(1));
    assert_eq!(test.store.read(OrgKey(2), foreign).await.unwrap().unwrap().password_hash, None);
}

#[tokio::test]
async fn who_is_deleted_is_gone_once_and_leaves_nothing() {
    let test = TestStore::empty();
    for org in [ORG, OrgKey(2)] {
        furnish(&test.store, org).await;
        insert(&test.store, org, vec![plain_operator(1), plain_operator(2)]).await.unwrap();
    }
    for _ in 0..2 {
        delete(&test.store, ORG, operator_id(1)).await.unwrap();
        assert_eq!(count(&test, ORG).await, 1);
    }
    assert_eq!(find(&test.store, ORG, operator_id(1)).await, None);
    let held =
        |conn: &Conn<'_>| denizen_store::holdings::count_rows(conn, Directory::Operators, operator_id(1));
    let held = test.store.read(ORG, held).await.unwrap();
    let tables: Vec<&str> = held.iter().map(|(table, _)| *table).collect();
    for table in
        ["operator", "operator_environment", "operator_bot", "operator_configuration", "operator_link"]
    {
        assert!(tables.contains(&table), "{table}");
    }
    assert!(held.iter().all(|(_, rows)| *rows == 0), "{held:?}");
    assert_eq!(test.store.read(ORG, |conn| users::is_buried(conn, operator_id(1))).await, Ok(false));
    assert_eq!(find(&test.store, ORG, operator_id(2)).await, Some(plain_operator(2)));
    assert_eq!(find(&test.store, OrgKey(2), operator_id(1)).await, Some(plain_operator(1)));
    assert_eq!(count(&test, OrgKey(2)).await, 2);
    assert_eq!(test.store.check().await, Ok(vec![]));
    // Somebody whom something refers to is not deleted.
    let alone = test.store.write(ORG, |tx| operators::delete(tx, operator_id(2))).await;
    assert!(matches!(alone, Err(StoreError::Constraint(_))), "{alone:?}");
    assert_eq!(find(&test.store, ORG, operator_id(2)).await, Some(plain_operator(2)));
}
