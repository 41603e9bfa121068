//! Databases and roles that are not as denizen needs them: refused at the opening, in words that say why.

use denizen_store::{PostgresOptions, Store, StoreError};

use crate::support::{NOW, ORG, TestStore, connect, plain_user, query};

/// A database beside the one of a test, which is gone when it is dropped.
struct Beside<'t> {
    test: &'t TestStore,
    name: String,
}

impl Beside<'_> {
    async fn made<'t>(test: &'t TestStore, with: &str) -> Beside<'t> {
        let (_, own) = test.url().split('?').next().unwrap().rsplit_once('/').unwrap();
        let name = format!("{own}_beside");
        let outside = test.outside().await;
        outside.run(&format!("CREATE DATABASE \"{name}\" {with}")).await;
        Beside { test, name }
    }

    fn url(&self) -> String {
        let own = self.name.strip_suffix("_beside").unwrap();
        self.test.url().replace(own, &self.name)
    }

    /// Nobody holds on to it: the server waits for sessions that are ending, and ends autovacuum's workers.
    async fn remove(self) {
        self.test.outside().await.run(&format!("DROP DATABASE \"{}\"", self.name)).await;
    }
}

/// The failure of an opening, which blocks.
async fn refused(url: String) -> Option<StoreError> {
    let opened = tokio::task::spawn_blocking(move || {
        Store::open(PostgresOptions::parse(&url).unwrap(), NOW).map(|store| store.close())
    });
    opened.await.unwrap().err()
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused_before_anything_is_made_in_it() {
    let Some(test) = TestStore::postgres() else { return };
    let beside = Beside::made(&test, "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0").await;
    let refused = refused(beside.url()).await;
    assert!(
        matches!(&refused, Some(StoreError::Refused(text)) if text.contains("SQL_ASCII") && text.contains("UTF8")),
        "{refused:?}"
    );
    let found = connect(&beside.url())
        .await
        .query("SELECT FROM pg_class WHERE relname = 'schema_migration'", &[])
        .await;
    assert_eq!(found.unwrap().len(), 0);
    beside.remove().await;
}

#[tokio::test]
async fn a_role_without_rights_is_no_outage() {
    let Some(test) = TestStore::postgres() else { return };
    test.outside().await.run("REVOKE ALL ON users FROM current_user").await;
    let read = test.store.read(ORG, |conn| denizen_store::users::count(conn, query().directory)).await;
    assert_eq!(read, Ok(0), "the count is kept elsewhere");
    let denied = |result: &Result<bool, StoreError>| matches!(result, Err(StoreError::Refused(text)) if text.contains("permission denied for table users"));
    let write = test
        .store
        .write(ORG, |tx| denizen_store::users::insert(tx, &plain_user(1), NOW).map(|at| at.is_some()))
        .await;
    assert!(denied(&write), "{write:?}");
    let find = |conn: &denizen_store::Conn<'_>| {
        denizen_store::users::find(conn, query().directory, plain_user(1).user_id).map(|user| user.is_some())
    };
    let read = test.store.read(ORG, find).await;
    assert!(denied(&read), "{read:?}");
    let scan = test.store.scan(ORG, find).await;
    assert!(denied(&scan), "{scan:?}");
}

#[tokio::test]
async fn a_plain_role_is_nothing_to_warn_of() {
    let Some(test) = TestStore::postgres() else { return };
    assert!(test.store.warnings().is_empty());
}
