//! Each order of the lists of events and temporary grants has its index, as PostgreSQL's planner tells, behind the wall
//! and with the plan that serves every value.

use denizen_domain::ids::ObjectId;
use denizen_domain::permission::Filter;
use denizen_store::external_events::{self, EventQuery};
use denizen_store::keyset::After;
use denizen_store::temporary_grants::{self, GrantQuery, Visible};
use denizen_store::{Conn, Statement, Value};
use tokio_postgres::Client;

use super::plans::{assert_direct, plan, planner, statement_plan};
use crate::support::{NOW, ORG, TestStore, user_id};

/// Events of few users, and grants to many, written past the store because they are only to be planned with.
const RECORDS: &str = "
    INSERT INTO external_event (org_id, event_id, user_id, position, type, starts_at, ends_at, description, digest,
        created_at, updated_at)
    SELECT 1, decode(lpad(to_hex(n), 24, '0'), 'hex'), decode(lpad(to_hex(n % 10), 32, '0'), 'hex'), n,
        'type' || n % 20, n % 1000, n % 1000, 'd', decode(repeat('00', 16), 'hex'), 0, 0
    FROM generate_series(1, 20000) AS n;
    INSERT INTO temporary_grant (org_id, grant_id, position, user_id, permission_name, permission_grant, justification,
        creator_org_id, creator_user_id, created_at, expires_at)
    SELECT 1, decode(lpad(to_hex(n), 24, '0'), 'hex'), n, user_id, 'P:' || n % 20, '{}', 'j', 1, user_id, 0, n % 1000
    FROM (SELECT user_id, row_number() OVER () AS n FROM users) AS numbered;
    ANALYZE";

async fn recorded(test: &TestStore) -> Client {
    let client = planner(test).await;
    client.batch_execute(RECORDS).await.unwrap();
    client
}

fn events() -> EventQuery {
    EventQuery {
        user_id: user_id(1),
        ids: None,
        visible: Filter::always(),
        sort: Vec::new(),
        after: None,
        limit: 10,
    }
}

fn grants() -> GrantQuery {
    GrantQuery {
        ids: None,
        user_ids: None,
        creators: None,
        permission_name: None,
        is_expired: None,
        now: NOW,
        tags: Vec::new(),
        visible: Visible { users: Filter::always(), roles: Filter::always() },
        sort: Vec::new(),
        after: None,
        limit: 10,
    }
}

async fn event_statement(test: &TestStore, query: &EventQuery) -> Statement {
    let query = query.clone();
    let build = move |conn: &Conn<'_>| external_events::page_statement(conn, &query);
    test.store.read(ORG, build).await.unwrap()
}

async fn grant_statement(test: &TestStore, query: &GrantQuery) -> Statement {
    let query = query.clone();
    let build = move |conn: &Conn<'_>| temporary_grants::page_statement(conn, &query);
    test.store.read(ORG, build).await.unwrap()
}

fn after(value: Option<Value>) -> After {
    After { position: 7, values: value.into_iter().collect() }
}

fn assert_walks(plan: &str, index: &str, entry: &str) {
    assert_direct(plan);
    assert!(plan.contains(index), "{index}:\n{plan}");
    assert!(plan.contains("Index Cond") && plan.contains(entry), "it enters deep:\n{plan}");
}

#[tokio::test]
async fn a_page_of_events_walks_the_index_of_its_order_however_deep() {
    use external_events::{SortField, SortKey};
    let Some(test) = TestStore::postgres() else { return };
    let client = recorded(&test).await;
    let plain = EventQuery { after: Some(after(None)), ..events() };
    let plan = statement_plan(&client, &event_statement(&test, &plain).await).await;
    assert_walks(&plan, "external_event_by_position", "\"position\" >");
    for (field, index, value) in [
        (SortField::Type, "external_event_by_type", Value::Text("x".to_owned())),
        (SortField::StartsAt, "external_event_by_start", Value::Int(1)),
        (SortField::EndsAt, "external_event_by_end", Value::Int(1)),
    ] {
        for descending in [false, true] {
            let sort = vec![SortKey { field, descending }];
            let query = EventQuery { sort, after: Some(after(Some(value.clone()))), ..events() };
            let plan = statement_plan(&client, &event_statement(&test, &query).await).await;
            assert_walks(&plan, index, "ROW(");
        }
    }
    let named = EventQuery { ids: Some(vec![ObjectId([1; 12]); 3]), ..plain };
    let plan = statement_plan(&client, &event_statement(&test, &named).await).await;
    assert!(plan.contains("external_event_pkey") && !plan.contains("Seq Scan"), "{plan}");
}

#[tokio::test]
async fn a_page_of_temporary_grants_walks_the_index_of_its_order_however_deep() {
    use temporary_grants::{SortField, SortKey};
    let Some(test) = TestStore::postgres() else { return };
    let client = recorded(&test).await;
    let plain = GrantQuery { after: Some(after(None)), ..grants() };
    let plan = statement_plan(&client, &grant_statement(&test, &plain).await).await;
    assert_walks(&plan, "temporary_grant_by_position", "\"position\" >");
    for (field, index, value) in [
        (SortField::UserId, "temporary_grant_by_user", Value::Blob(vec![1; 16])),
        (SortField::ExpiresAt, "temporary_grant_by_expiry", Value::Int(1)),
        (SortField::PermissionName, "temporary_grant_by_permission", Value::Text("x".to_owned())),
    ] {
        for descending in [false, true] {
            let sort = vec![SortKey { field, descending }];
            let query = GrantQuery { sort, after: Some(after(Some(value.clone()))), ..grants() };
            let plan = statement_plan(&client, &grant_statement(&test, &query).await).await;
            assert_walks(&plan, index, "ROW(");
        }
    }
}

#[tokio::test]
async fn what_a_caller_may_see_is_looked_up_user_by_user() {
    let Some(test) = TestStore::postgres() else { return };
    let client = recorded(&test).await;
    let verified = denizen_domain::permission::Test {
        attribute: "is_verified".to_owned(),
        op: denizen_domain::permission::TestOp::Eq(true.into()),
    };
    let users = Filter { allow: vec![vec![verified]], deny: Vec::new() };
    let visible = Visible { users, ..grants().visible };
    let query = GrantQuery { visible, after: Some(after(None)), ..grants() };
    let plan = statement_plan(&client, &grant_statement(&test, &query).await).await;
    assert_walks(&plan, "temporary_grant_by_position", "\"position\" >");
    assert!(plan.contains("users_pkey"), "{plan}");
}

#[tokio::test]
async fn what_a_user_has_now_goes_by_the_ends() {
    let Some(test) = TestStore::postgres() else { return };
    let client = recorded(&test).await;
    let sql = denizen_store::statements().find(|sql| sql.name == "temporary_grant.active").unwrap();
    let plan = plan(&client, sql.postgres(), 3).await;
    assert_direct(&plan);
    assert!(plan.contains("temporary_grant_by_end") && plan.contains("expires_at >"), "{plan}");
}
