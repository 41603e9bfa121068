//! The values, links and imports beside operators.

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::operator::MailLanguage;
use denizen_store::operator_imports::{self, OperatorImport};
use denizen_store::operator_links::{self, OperatorLink};
use denizen_store::{Conn, StoreError, Tx, operator_configuration};

use super::{administrator, bot_id, insert, later, operator_id};
use crate::support::{NOW, ORG, TestStore};

async fn two_organizations() -> TestStore {
    let test = TestStore::empty();
    for org in [ORG, OrgKey(2)] {
        insert(&test.store, org, vec![administrator(1), administrator(2)]).await.unwrap();
    }
    test
}

#[tokio::test]
async fn a_value_is_of_one_operator_under_one_key_for_one_bot() {
    let test = two_organizations().await;
    let put = async |number, key: &'static str, bot: Option<Uuid>, value: &'static str| {
        let put = move |tx: &Tx<'_>| {
            operator_configuration::put(tx, operator_id(number), key, bot, value, later(1))
        };
        test.store.write(ORG, put).await
    };
    let found = async |org, number, key: &'static str, bot: Option<Uuid>| {
        let find = move |conn: &Conn<'_>| operator_configuration::find(conn, operator_id(number), key, bot);
        test.store.read(org, find).await.unwrap()
    };
    let bot = Some(bot_id(1, 1));
    put(1, "theme", None, "dark").await.unwrap();
    put(1, "theme", bot, "light").await.unwrap();
    put(1, "Theme", None, "").await.unwrap();
    put(2, "theme", None, "blue").await.unwrap();
    put(1, "theme", None, "darker").await.unwrap();
    assert_eq!(found(ORG, 1, "theme", None).await.as_deref(), Some("darker"));
    assert_eq!(found(ORG, 1, "theme", bot).await.as_deref(), Some("light"));
    assert_eq!(found(ORG, 1, "Theme", None).await.as_deref(), Some(""));
    assert_eq!(found(ORG, 2, "theme", None).await.as_deref(), Some("blue"));
    // Falling back is for the rules to decide.
    assert_eq!(found(ORG, 2, "theme", bot).await, None);
    assert_eq!(found(ORG, 1, "theme", Some(bot_id(1, 2))).await, None);
    assert_eq!(found(OrgKey(2), 1, "theme", None).await, None);
    for (number, wanted) in [(1, 3), (2, 1), (3, 0)] {
        let count = move |conn: &Conn<'_>| operator_configuration::count(conn, operator_id(number));
        assert_eq!(test.store.read(ORG, count).await, Ok(wanted));
    }
    let nobody = put(3, "theme", None, "dark").await;
    assert!(matches!(nobody, Err(StoreError::Constraint(_))), "{nobody:?}");
}

fn link(secret: u8, operator: u64, language: MailLanguage, seconds: i64) -> OperatorLink {
    OperatorLink {
        secret_hash: [secret; 32],
        user_id: operator_id(operator),
        language,
        expires_at: later(seconds),
    }
}

async fn found(test: &TestStore, org: OrgKey, secret: u8) -> Option<OperatorLink> {
    test.store.read(org, move |conn| operator_links::find(conn, &[secret; 32])).await.unwrap()
}

#[tokio::test]
async fn a_link_is_used_once_and_expired_ones_go_with_the_next() {
    let test = two_organizations().await;
    let links: Vec<OperatorLink> = (1..)
        .zip(MailLanguage::ALL)
        .map(|(secret, language)| link(secret, 1, language, i64::from(secret) * 10))
        .chain([link(9, 2, MailLanguage::English, 10)])
        .collect();
    for link in links.clone() {
        test.store.write(ORG, move |tx| operator_links::insert(tx, &link, NOW)).await.unwrap();
    }
    for link in &links {
        assert_eq!(found(&test, ORG, link.secret_hash[0]).await.as_ref(), Some(link));
        assert_eq!(found(&test, OrgKey(2), link.secret_hash[0]).await, None);
    }
    let last = link(5, 1, MailLanguage::English, 100);
    test.store.write(ORG, move |tx| operator_links::insert(tx, &last, later(20))).await.unwrap();
    let mut left = Vec::new();
    for secret in 1..=9 {
        left.extend(found(&test, ORG, secret).await.map(|link| link.secret_hash[0]));
    }
    assert_eq!(left, [3, 4, 5, 9], "what expired at that time and before is gone, but not another's");
    for expected in [true, false] {
        let used = test.store.write(ORG, |tx| operator_links::delete(tx, &[3; 32])).await;
        assert_eq!(used, Ok(expected));
    }
    test.store.write(ORG, |tx| operator_links::delete_of(tx, operator_id(1))).await.unwrap();
    for (secret, is_there) in [(4, false), (5, false), (9, true)] {
        assert_eq!(found(&test, ORG, secret).await.is_some(), is_there);
    }
}

#[tokio::test]
async fn how_far_an_import_is_is_known_until_it_is_over() {
    let test = TestStore::empty();
    let begun = OperatorImport {
        import_id: Uuid([5; 16]),
        entries_done: 500,
        created: 480,
        failed: 20,
        errors_bytes: 1_234,
        begun_at: NOW,
        updated_at: NOW,
    };
    let on = OperatorImport {
        entries_done: 1_000,
        created: 979,
        failed: 21,
        errors_bytes: 1_300,
        updated_at: later(1),
        ..begun.clone()
    };
    let known = async |org| {
        test.store.read(org, |conn: &Conn<'_>| operator_imports::find(conn, Uuid([5; 16]))).await.unwrap()
    };
    assert_eq!(known(ORG).await, None);
    for import in [begun, on] {
        let written = import.clone();
        test.store.write(ORG, move |tx| operator_imports::put(tx, &written)).await.unwrap();
        assert_eq!(known(ORG).await, Some(import));
        assert_eq!(known(OrgKey(2)).await, None);
    }
    test.store.write(ORG, |tx| operator_imports::delete(tx, Uuid([5; 16]))).await.unwrap();
    assert_eq!(known(ORG).await, None);
}
