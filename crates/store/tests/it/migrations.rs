//! The schema is made once, by whoever comes first, and never by a denizen that is too old for it.

use std::path::{Path, PathBuf};

use denizen_domain::ids::{ObjectId, OrgKey, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::operator::{Access, MailLanguage, OperatorRole};
use denizen_domain::permission::{Condition, Grant, Placeholders, names};
use denizen_store::operators::{self, Operator, OperatorOrder, OperatorQuery};
use denizen_store::{
    Conn, Store, StoreError, api_keys, contacts, control, holdings, operator_configuration, operator_imports,
    operator_links, organizations, roles, users,
};

use crate::checking::findings_but;
use crate::engine::TestDatabase;
use crate::support::{
    NOW, ORG, Outside, TestStore, add, bytes, count, find, needle, page, plain_user, query, search, user_id,
};

async fn steps(outside: &Outside) -> Vec<String> {
    let text = match outside {
        Outside::Sqlite(_) => "hex(checksum)",
        Outside::Postgres(_) => "encode(checksum, 'hex')",
    };
    let query = format!(
        "SELECT version || ' ' || name || ' ' || applied_at || ' ' || {text} FROM schema_migration ORDER BY version"
    );
    outside.texts(&query).await
}

/// A database in which nothing is, not even a schema.
async fn bare() -> TestDatabase {
    let database = TestDatabase::new();
    if let outside @ Outside::Postgres(_) = Outside::of(&database).await {
        // On PostgreSQL a test's database is a copy of one that was migrated.
        outside.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    }
    database
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    let database = bare().await;
    let first = database.open(NOW);
    let outside = Outside::of(&database).await;
    let before = steps(&outside).await;
    let at = format!(" {} ", NOW.0);
    assert!(!before.is_empty() && before.iter().all(|step| step.contains(&at)), "{before:?}");
    let again = database.open(NOW.plus_seconds(1));
    assert_eq!(steps(&outside).await, before);
    again.close();
    first.close();
}

#[tokio::test]
async fn a_step_that_was_edited_afterwards_is_refused() {
    let test = TestStore::empty();
    test.store.close();
    let outside = test.outside().await;
    let other = bytes(&outside, &[0]);
    outside.run(&format!("UPDATE schema_migration SET checksum = {other} WHERE version = 1")).await;
    let refused = Store::open(test.database.options(), NOW).err();
    let Some(StoreError::Corrupt(text)) = refused else { panic!("{refused:?}") };
    assert_eq!(text, "schema step 1 (foundation) was applied from another text than this denizen has");
}

#[tokio::test]
async fn a_schema_of_a_newer_denizen_is_left_alone() {
    let test = TestStore::empty();
    test.store.close();
    let outside = test.outside().await;
    let checksum = bytes(&outside, &[0]);
    outside.run(&format!("INSERT INTO schema_migration VALUES (9000, 'future', {checksum}, 0)")).await;
    let before = steps(&outside).await;
    let refused = Store::open(test.database.options(), NOW).err();
    assert!(matches!(refused, Some(StoreError::TooNew { found: 9000, .. })), "{refused:?}");
    assert!(refused.unwrap().to_string().contains("schema version 9000"));
    assert_eq!(steps(&outside).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_migrate_once() {
    for _ in 0..20 {
        let database = bare().await;
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for number in 0..4 {
                let (database, start) = (&database, &start);
                scope.spawn(move || {
                    start.wait();
                    database.open(NOW.plus_seconds(number)).close();
                });
            }
        });
        let outside = Outside::of(&database).await;
        assert_eq!(steps(&outside).await.len(), files(&outside, "migrations").len());
    }
}

/// The SQL files of an engine, in order.
fn files(outside: &Outside, folder: &str) -> Vec<PathBuf> {
    let engine = match outside {
        Outside::Sqlite(_) => "sqlite",
        Outside::Postgres(_) => "postgres",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(engine);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Brings a bare database to schema version `newest` as the denizen of that time did, with rows that were written at
/// each version on the way.
async fn migrate_by_hand(outside: &Outside, newest: usize) {
    let (integer, blob) = match outside {
        Outside::Sqlite(_) => ("INTEGER", "BLOB"),
        Outside::Postgres(_) => ("BIGINT", "BYTEA"),
    };
    if let Outside::Sqlite(_) = outside {
        outside.run("PRAGMA foreign_keys = 0").await;
    }
    outside
        .run(&format!(
            "CREATE TABLE schema_migration (version {integer} PRIMARY KEY, name TEXT NOT NULL,
             checksum {blob} NOT NULL, applied_at {integer} NOT NULL)"
        ))
        .await;
    let (steps, rows) = (files(outside, "migrations"), files(outside, "tests/it/rows"));
    assert_eq!(steps.len(), rows.len(), "there are rows for each version");
    for (step, rows) in steps.iter().zip(&rows).take(newest) {
        assert_eq!(step.file_name(), rows.file_name());
        let text = std::fs::read_to_string(step).unwrap();
        outside.run(&text).await;
        let sum = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let sum = bytes(outside, sum.as_ref());
        let (number, name) = step.file_stem().unwrap().to_str().unwrap().split_once('_').unwrap();
        let version: i64 = number.parse().unwrap();
        outside.run(&format!("INSERT INTO schema_migration VALUES ({version}, '{name}', {sum}, 0)")).await;
        outside.enter(ORG).await;
        outside.run(&std::fs::read_to_string(rows).unwrap()).await;
    }
}

#[tokio::test]
async fn every_earlier_schema_is_brought_up_to_date_with_the_data_in_it() {
    let newest = files(&Outside::of(&bare().await).await, "migrations").len();
    for version in 1..=newest {
        let database = bare().await;
        let outside = Outside::of(&database).await;
        migrate_by_hand(&outside, version).await;
        let store = database.open(NOW);
        assert_eq!(steps(&outside).await.len(), newest);

        let listed = store.read(OrgKey::CONTROL, control::list_organizations).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].org, listed[0].slug.as_str()), (ORG, "acme"));
        let profile = store.read(ORG, organizations::find_profile).await.unwrap().unwrap();
        assert_eq!((&*profile.name, profile.verify_at_creation), ("Acme", true));
        let key = store.read(ORG, |conn| api_keys::find(conn, Uuid([5; 16]))).await;
        assert!(key.unwrap().is_some());
        let ada = find(&store, ORG, user_id(1)).await.unwrap();
        assert_eq!((&*ada.first_name, &*ada.email, ada.is_verified), ("Ada", "Ada@example.com", true));
        let role = store.read(ORG, move |conn| roles::find(conn, ada.role_id)).await.unwrap();
        assert_eq!(role.unwrap().name, "Agent");
        assert_eq!(search(&store, ORG, &needle("lovel")).await, [user_id(1)]);
        assert_eq!(findings_but(&store, &["figures", "position", "undone"]).await, [""; 0]);

        // What was there goes on as what is new does.
        let bob = add(&store, ORG, plain_user(2)).await;
        let lost = users::NewUser { role_id: ObjectId([99; 12]), ..plain_user(3) };
        let lost = store.write(ORG, move |tx| users::insert(tx, &lost, NOW)).await;
        assert!(lost.is_err(), "a user has a role of the organization");
        assert!(bob.position > ada.position);
        assert_eq!(page(&store, ORG, &query()).await.users, [ada.clone(), bob]);
        assert_eq!(count(&store, ORG).await, 2);
        let renamed = users::User { first_name: "Augusta".to_owned(), ..ada };
        let written = renamed.clone();
        store.write(ORG, move |tx| users::update(tx, Directory::Members, &written, true, NOW)).await.unwrap();
        assert_eq!(search(&store, ORG, &needle("augusta")).await, [user_id(1)]);
        let forget = |tx: &denizen_store::Tx<'_>| {
            holdings::erase_small(tx, Directory::Members, user_id(1))?;
            holdings::erase_batch(tx, Directory::Members, user_id(1), 100)
        };
        assert!(store.write(ORG, forget).await.unwrap());
        crate::support::delete(&store, ORG, renamed).await.unwrap();
        assert_eq!(search(&store, ORG, &needle("lovel")).await, [user_id(2)]);
        assert_eq!(count(&store, ORG).await, 1);
        assert_eq!(findings_but(&store, &["figures", "position", "undone"]).await, [""; 0]);
        if version >= 4 {
            contacts_go_on(&store).await;
        }
        if version >= 5 {
            operators_go_on(&store).await;
        }
        store.close();
    }
}

/// What was there of contacts goes on, too.
async fn contacts_go_on(store: &Store) {
    let found = store.read(ORG, |conn| contacts::search(conn, "ANN@", 10)).await.unwrap();
    assert_eq!(found.len(), 1);
    let ann = found[0].clone();
    assert_eq!(ann.profile.external_id.as_deref(), Some("crm-1"));
    let identifier = contacts::Identifier::phone("+4915112345679");
    let known = store.read(ORG, move |conn| contacts::find_by_identifier(conn, &identifier)).await.unwrap();
    assert_eq!(known.apart(), std::slice::from_ref(&ann));
    let mut after = ann.clone();
    after.profile.display_name = Some("Annika".to_owned());
    let change = contacts::Change { before: ann.clone(), after: after.clone() };
    store.write(ORG, move |tx| contacts::update(tx, std::slice::from_ref(&change), NOW)).await.unwrap();
    assert_eq!(store.read(ORG, |conn| contacts::search(conn, "nnika", 10)).await.unwrap(), [after]);
    let bob = contacts::Contact {
        user_id: user_id(90),
        profile: contacts::Profile { display_name: Some("Bob".to_owned()), ..Default::default() },
        attributes: [].into(),
        ..ann
    };
    store.write(ORG, move |tx| contacts::insert(tx, std::slice::from_ref(&bob), NOW)).await.unwrap();
    assert_eq!(store.read(ORG, contacts::count).await, Ok(2));
    assert_eq!(findings_but(store, &["figures", "position", "undone"]).await, [""; 0]);
}

/// And what was there of operators.
async fn operators_go_on(store: &Store) {
    let named = |needle: &str| OperatorQuery {
        needle: Some(needle.to_owned()),
        order: OperatorOrder::Name,
        is_descending: false,
        offset: 0,
        limit: 10,
    };
    let query = named("gine");
    let page = store.read(ORG, move |conn| operators::page(conn, &query)).await.unwrap();
    assert_eq!((page.operators.rows.len(), page.total), (1, 1));
    let id = page.operators.rows[0].user_id;
    let ada = store.read(ORG, move |conn| operators::find(conn, id)).await.unwrap().unwrap();
    let [open, closed, bot, gone] = [0x30, 0x31, 0x32, 0x33].map(|byte| Uuid([byte; 16]));
    let environments = [(open, [bot, gone].into()), (closed, [].into())].into();
    assert_eq!(ada.access, Access::Environments { role: OperatorRole::Editor, environments });
    let places = store.read(ORG, move |conn| operators::places(conn, &[id], true)).await.unwrap();
    let place = operators::Place {
        environment_id: open,
        name: "Production".to_owned(),
        bots: vec![(bot, "Concierge".to_owned())],
    };
    assert_eq!(places, [(id, vec![place])].into());
    let find = |conn: &Conn<'_>| operators::find_credentials_by_email(conn, "ada.l@example.org");
    assert_eq!(store.read(ORG, find).await.unwrap().map(|found| found.version), Some(3));
    let value = move |bot| {
        store.read(ORG, move |conn: &Conn<'_>| operator_configuration::find(conn, id, "theme", bot))
    };
    assert_eq!(value(None).await.unwrap().as_deref(), Some("dark"));
    assert_eq!(value(Some(bot)).await.unwrap().as_deref(), Some("light"));
    let link = store.read(ORG, |conn| operator_links::find(conn, &[0x34; 32])).await.unwrap().unwrap();
    assert_eq!((link.user_id, link.language), (id, MailLanguage::Portuguese));
    let import = store.read(ORG, |conn| operator_imports::find(conn, Uuid([0x35; 16]))).await.unwrap();
    assert_eq!(import.map(|import| (import.entries_done, import.errors_bytes)), Some((700, 4_096)));

    let boss = Operator { user_id: user_id(91), email: "boss@example.org".to_owned(), ..ada };
    let boss = Operator { access: Access::Administrator, ..boss };
    store.write(ORG, move |tx| operators::insert(tx, &[(boss.clone(), None)])).await.unwrap();
    assert_eq!(store.read(ORG, operators::count).await, Ok(2));
    assert_eq!(findings_but(store, &["figures", "position", "undone"]).await, [""; 0]);
}

#[tokio::test]
async fn administrators_of_earlier_organizations_may_use_the_native_api() {
    let database = bare().await;
    let outside = Outside::of(&database).await;
    migrate_by_hand(&outside, 2).await;
    let (yes, no) = match outside {
        Outside::Sqlite(_) => ("1", "0"),
        Outside::Postgres(_) => ("TRUE", "FALSE"),
    };
    let read = r#"[{"permission_name":"Role:GetRole","action":"Allow","conditions":{}}]"#;
    for (number, name, is_super) in
        [(21, "DefaultAdministratorRole", no), (22, "DefaultSuperAdministratorRole", yes), (23, "Mine", no)]
    {
        let id = bytes(&outside, &[number; 12]);
        outside
            .run(&format!(
                "INSERT INTO role (org_id, role_id, name, description, frontend_view, grants, is_super, created_at,
                 updated_at) VALUES (1, {id}, '{name}', '', 'admin', '{read}', {is_super}, 0, 0)"
            ))
            .await;
    }
    let store = database.open(NOW);
    let grants = async |number: u8| {
        let role = store.read(ORG, move |conn| roles::find(conn, ObjectId([number; 12]))).await.unwrap();
        role.unwrap().grants.0.clone()
    };
    let [own, any] = [21, 22].map(grants);
    let (own, any) = (own.await, any.await);
    let native = [
        names::DIRECTORY_INGEST_RECORDS,
        names::DIRECTORY_LINK_ACCOUNT,
        names::DIRECTORY_GET_JOB,
        names::DIRECTORY_READ_CONTACT,
        names::DIRECTORY_WRITE_CONTACT,
        names::DIRECTORY_ANONYMIZE_CONTACT,
        names::DIRECTORY_READ_OPERATOR,
        names::DIRECTORY_WRITE_OPERATOR,
    ];
    let expected = |in_own: bool| {
        let native = native.iter().cloned().map(Grant::allow);
        let native = native.map(|grant| if in_own { grant.when("org_id", own_org()) } else { grant });
        std::iter::once(Grant::allow(names::ROLE_GET_ROLE)).chain(native).collect::<Vec<_>>()
    };
    assert_eq!(own, expected(true));
    assert_eq!(any, expected(false));
    assert_eq!(grants(23).await, [Grant::allow(names::ROLE_GET_ROLE)]);
}

fn own_org() -> Condition {
    Condition::Equals(Placeholders::SELF_ORG_ID.into())
}
