//! Row-level security, the second wall between organizations: these tests take the engine's own filter away and look
//! what is left to be seen.

use std::collections::BTreeSet;

use denizen_domain::ids::{ObjectId, OrgKey, Uuid};
use denizen_domain::member::Directory;
use denizen_store::api_keys::ApiKey;
use denizen_store::links::{Link, LinkPurpose};
use denizen_store::organizations::{ImageKind, OrganizationProfile};
use denizen_store::{Conn, Statement, StoreError, Tx, api_keys, jobs, links, organizations, permits, users};

use crate::support::{NOW, ORG, ROLE, TestStore, add, add_role, connect, plain_user, user_id};

const OTHER: OrgKey = OrgKey(2);

/// Tables with an `org_id` that stand outside the walls, each with the reason.
const OUTSIDE: [(&str, &str); 4] = [
    ("organization", "the control store: read before the organization is known"),
    ("organization_gate", "the look for due jobs leaves out whom it shuts, over all organizations"),
    ("organization_move", "the control store"),
    (
        "user_search",
        "behind a wall no query could use its index; it holds hashes, and leads nowhere but to `users`, `contact` and `operator`",
    ),
];

/// The tables behind walls, in an order in which they can be emptied.
async fn walled(test: &TestStore) -> Vec<String> {
    let mut tables = test
        .outside()
        .await
        .texts(
            "SELECT relname::text FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
             WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND attname = 'org_id'
             AND NOT attisdropped",
        )
        .await;
    for (table, _) in OUTSIDE {
        assert!(tables.iter().any(|found| found == table), "{table} is an exception and no table");
    }
    tables.retain(|table| !OUTSIDE.iter().any(|(outside, _)| outside == table));
    assert!(tables.len() >= 9, "{tables:?}");
    tables.sort_by_key(|table| match &**table {
        "access_token"
        | "contact_identifier"
        | "contact_message"
        | "link"
        | "linked_account"
        | "memory_reference"
        | "operator_bot"
        | "operator_configuration"
        | "operator_environment"
        | "operator_link"
        | "temporary_grant_tag" => 0,
        "users" | "contact" | "operator" | "bot" => 2,
        "role" | "organization_profile" | "environment" => 3,
        _ => 1,
    });
    tables
}

fn profile() -> OrganizationProfile {
    OrganizationProfile {
        name: "Acme".to_owned(),
        title: String::new(),
        main_description: String::new(),
        sub_description: String::new(),
        onboarding: vec![],
        user_dimensions: vec![],
        default_preferences: None,
        verify_at_creation: false,
        unverified_sign_in: false,
        allowed_origins: vec![],
    }
}

/// Something in every table, for two organizations.
async fn furnished() -> Option<TestStore> {
    let test = TestStore::postgres()?;
    for org in [ORG, OTHER] {
        add_role(&test.store, org).await;
        let gone = add(&test.store, org, plain_user(1)).await;
        for number in 2..5 {
            add(&test.store, org, plain_user(number)).await;
        }
        let furnish = move |tx: &Tx<'_>| {
            users::delete(tx, Directory::Members, gone.user_id, true, NOW)?;
            organizations::put_profile(tx, &profile(), NOW)?;
            organizations::put_image(tx, ImageKind::Logo, b"image")?;
            jobs::insert(tx, ObjectId([1; 12]), "mail", Some(user_id(2)), "{}", NOW)?;
            let link = Link {
                secret_hash: [1; 32],
                user_id: user_id(2),
                purpose: LinkPurpose::Verify,
                redirect: String::new(),
                expires_at: NOW,
            };
            links::insert(tx, &link, NOW)?;
            permits::take(tx, b"calls", 1, 10, 1)?;
            let key = ApiKey {
                key_id: Uuid([1; 16]),
                record_id: ObjectId([1; 12]),
                name: None,
                role_id: ROLE,
                creator_org: org,
                creator: user_id(2),
                created_at: NOW,
                updated_at: NOW,
                expires_at: NOW,
                secret_hash: [1; 32],
            };
            api_keys::insert(tx, &key)
        };
        test.store.write(org, furnish).await.unwrap();
        let outside = test.outside().await;
        outside.enter(org).await;
        let knowledge = include_str!("../rows/postgres/0003_knowledge.sql")
            .replace("VALUES (1,", &format!("VALUES ({},", org.0))
            .replace("0000000000000001", "0000000000000002");
        let contacts = include_str!("../rows/postgres/0004_contacts.sql")
            .replace("VALUES (1,", &format!("VALUES ({},", org.0));
        outside.run(&knowledge).await;
        let operators = include_str!("../rows/postgres/0005_operators.sql")
            .replace("VALUES (1,", &format!("VALUES ({},", org.0));
        outside.run(&contacts).await;
        outside.run(&operators).await;
    }
    Some(test)
}

/// The organizations whose rows a statement without a filter meets.
fn met(conn: &Conn<'_>, text: &str) -> Result<BTreeSet<i64>, StoreError> {
    Ok(conn.all_of(&Statement::new(text), |row| row.int(0))?.into_iter().collect())
}

/// How many rows each table has behind the wall of an organization.
async fn rows(test: &TestStore, org: OrgKey) -> Vec<i64> {
    let outside = test.outside().await;
    outside.enter(org).await;
    let mut rows = Vec::new();
    for table in walled(test).await {
        rows.push(outside.int(&format!("SELECT count(*) FROM {table}")).await);
    }
    rows
}

#[tokio::test]
async fn every_table_of_organizations_stands_behind_a_wall_that_its_owner_does_not_climb() {
    let Some(test) = TestStore::postgres() else { return };
    let outside = test.outside().await;
    for table in walled(&test).await {
        let forced = format!(
            "SELECT count(*) FROM pg_class WHERE oid = '{table}'::regclass AND relrowsecurity AND relforcerowsecurity"
        );
        assert_eq!(outside.int(&forced).await, 1, "{table}");
        // For every command and every role; what is not said of new rows is taken from what is said of old ones.
        let policies = outside
            .texts(&format!(
                "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = '{table}'::regclass
                 AND polcmd = '*' AND polroles = '{{0}}' AND polwithcheck IS NULL"
            ))
            .await;
        assert_eq!(policies.len(), 1, "{table}");
        assert!(policies[0].contains("current_setting('denizen.org_id'"), "{policies:?}");
        let all = format!("SELECT count(*) FROM pg_policy WHERE polrelid = '{table}'::regclass");
        assert_eq!(
            outside.int(&all).await,
            1,
            "{table} has a second policy, which opens what the first one closes"
        );
    }
}

#[tokio::test]
async fn the_store_connects_as_a_role_for_which_walls_stand() {
    let Some(test) = TestStore::postgres() else { return };
    let role = |conn: &Conn<'_>| {
        let text =
            "SELECT (rolsuper OR rolbypassrls)::int::bigint FROM pg_roles WHERE rolname = current_user";
        met(conn, text)
    };
    assert_eq!(test.store.read(ORG, role).await, Ok([0].into()));
}

#[tokio::test]
async fn a_query_without_a_filter_sees_one_organization() {
    let Some(test) = furnished().await else { return };
    for table in walled(&test).await {
        for org in [ORG, OTHER] {
            let text = format!("SELECT org_id FROM {table}");
            let (read, scan, write) = (text.clone(), text.clone(), text);
            let own: Result<BTreeSet<i64>, StoreError> = Ok([org.0].into());
            assert_eq!(test.store.read(org, move |conn| met(conn, &read)).await, own, "{table}");
            assert_eq!(test.store.scan(org, move |conn| met(conn, &scan)).await, own, "{table}");
            assert_eq!(test.store.write(org, move |tx| met(tx, &write)).await, own, "{table}");
        }
    }
}

#[tokio::test]
async fn a_change_without_a_filter_touches_one_organization() {
    let Some(test) = furnished().await else { return };
    let before = rows(&test, OTHER).await;
    assert!(before.iter().all(|rows| *rows > 0), "{before:?}");
    for table in walled(&test).await {
        let update = format!("UPDATE {table} SET org_id = org_id RETURNING org_id");
        let changed = test.store.write(ORG, move |tx| met(tx, &update)).await;
        assert_eq!(changed, Ok([ORG.0].into()), "{table}");
    }
    for table in walled(&test).await {
        let delete = format!("DELETE FROM {table} RETURNING org_id");
        let deleted = test.store.write(ORG, move |tx| met(tx, &delete)).await;
        assert_eq!(deleted, Ok([ORG.0].into()), "{table}");
    }
    assert!(rows(&test, ORG).await.iter().all(|rows| *rows == 0));
    assert_eq!(rows(&test, OTHER).await, before);
}

#[tokio::test]
async fn a_row_cannot_be_put_or_moved_behind_another_wall() {
    let Some(test) = furnished().await else { return };
    let before = rows(&test, OTHER).await;
    for table in walled(&test).await {
        for org in [3, OTHER.0] {
            let foreign = format!(
                "INSERT INTO {table} SELECT (jsonb_populate_record(own, '{{\"org_id\": {org}}}')).* FROM {table} AS own
                 RETURNING org_id"
            );
            let moved = format!("UPDATE {table} SET org_id = {org} RETURNING org_id");
            for text in [foreign, moved] {
                let shown = text.clone();
                let refused = test.store.write(ORG, move |tx| met(tx, &text)).await;
                let Err(StoreError::Refused(text)) = refused else { panic!("{shown}: {refused:?}") };
                assert!(text.contains("row-level security"), "{shown}: {text}");
            }
        }
    }
    assert_eq!(rows(&test, OTHER).await, before);
}

#[tokio::test]
async fn who_names_no_organization_sees_nothing_and_writes_nothing() {
    let Some(test) = furnished().await else { return };
    let nobody = connect(test.url()).await;
    for table in walled(&test).await {
        let seen = nobody.query(&format!("SELECT FROM {table}"), &[]).await.unwrap();
        assert_eq!(seen.len(), 0, "{table}");
        let changed = nobody.execute(&format!("UPDATE {table} SET org_id = org_id"), &[]).await.unwrap();
        assert_eq!(changed, 0, "{table}");
    }
    let insert = "INSERT INTO user_tombstone (org_id, user_id, directory, deleted_at) VALUES (1, 'x', 0, 0)";
    let refused = nobody.execute(insert, &[]).await.unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("row-level security"), "{refused:?}");
}

#[tokio::test]
async fn a_transaction_that_goes_over_to_another_organization_goes_behind_its_wall() {
    let Some(test) = furnished().await else { return };
    let text = "SELECT org_id FROM users";
    let there_and_back = move |tx: &Tx<'_>| {
        let seen =
            [met(tx, text)?, met(&tx.of(OTHER), text)?, met(&tx.of(OrgKey::CONTROL), text)?, met(tx, text)?];
        // What is sent later is sent behind the wall that it belongs to.
        users::set_additional_context(&tx.of(OTHER), user_id(2), &["of the other".to_owned()], NOW)?;
        users::set_additional_context(tx, user_id(2), &["of the first".to_owned()], NOW)?;
        Ok::<_, StoreError>(seen)
    };
    let seen = test.store.write(ORG, there_and_back).await.unwrap();
    assert_eq!(seen, [[1].into(), [2].into(), [].into(), [1].into()]);
    for (org, text) in [(ORG, "of the first"), (OTHER, "of the other")] {
        let context = test.store.read(org, |conn| users::additional_context(conn, user_id(2))).await;
        assert_eq!(context, Ok(vec![text.to_owned()]));
    }
}

#[tokio::test]
async fn the_worker_sees_every_job_and_an_organization_its_own() {
    let Some(test) = furnished().await else { return };
    let text = "SELECT org_id FROM job";
    let worker = test.store.read(OrgKey::CONTROL, move |conn| met(conn, text)).await;
    assert_eq!(worker, Ok([1, 2].into()));
    // The worker's organization is no way into anything else but what it sweeps away: permits, which are hashes and
    // numbers.
    let served = ["job", "rate_permit"];
    for table in walled(&test).await.into_iter().filter(|table| !served.contains(&&**table)) {
        let text = format!("SELECT org_id FROM {table}");
        assert_eq!(
            test.store.read(OrgKey::CONTROL, move |conn| met(conn, &text)).await,
            Ok([].into()),
            "{table}"
        );
    }
}
