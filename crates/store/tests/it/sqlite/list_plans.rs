//! Each order of the lists of events and temporary grants has its index, as SQLite's planner tells, and a deep page costs
//! what the first one costs.

use denizen_domain::ids::ObjectId;
use denizen_domain::permission::Filter;
use denizen_domain::time::Timestamp;
use denizen_store::external_events::{self, EventQuery, ExternalEvent};
use denizen_store::keyset::After;
use denizen_store::temporary_grants::{self, GrantQuery, Visible};
use denizen_store::{Conn, Statement, StoreError, Tx, Value};

use super::plans::{assert_direct, plan, steps};
use crate::support::{NOW, ORG, TestStore, user_id};

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

/// The page goes by this index, and enters it at its place when it goes on behind a row.
fn assert_walks(test: &TestStore, statement: &Statement, index: &str, entry: Option<&str>) {
    let plan = plan(test, statement.text()).join("\n");
    assert_direct(&plan);
    assert!(plan.contains(index), "{index}:\n{plan}");
    if let Some(entry) = entry {
        assert!(plan.contains(entry), "it enters deep:\n{plan}");
    }
}

fn after(value: Option<Value>) -> After {
    After { position: 7, values: value.into_iter().collect() }
}

#[tokio::test]
async fn a_page_of_events_walks_the_index_of_its_order_however_deep() {
    use external_events::{SortField, SortKey};
    let test = TestStore::sqlite();
    let next = EventQuery { after: Some(after(None)), ..events() };
    let index = "external_event_by_position";
    assert_walks(&test, &event_statement(&test, &events()).await, index, None);
    let entry = Some("(org_id=? AND user_id=? AND position>?)");
    assert_walks(&test, &event_statement(&test, &next).await, index, entry);
    for (field, index, column, value) in [
        (SortField::Type, "external_event_by_type", "type", Value::Text("x".to_owned())),
        (SortField::StartsAt, "external_event_by_start", "starts_at", Value::Int(1)),
        (SortField::EndsAt, "external_event_by_end", "ends_at", Value::Int(1)),
    ] {
        for (descending, sign) in [(false, '>'), (true, '<')] {
            let first = EventQuery { sort: vec![SortKey { field, descending }], ..events() };
            assert_walks(&test, &event_statement(&test, &first).await, index, None);
            let next = EventQuery { after: Some(after(Some(value.clone()))), ..first };
            let entry = format!("(org_id=? AND user_id=? AND ({column},position){sign}(?,?))");
            assert_walks(&test, &event_statement(&test, &next).await, index, Some(&entry));
        }
    }
}

#[tokio::test]
async fn named_events_are_looked_up_whatever_the_order() {
    use external_events::{SortField, SortKey};
    let test = TestStore::sqlite();
    for sort in [vec![], vec![SortKey { field: SortField::EndsAt, descending: true }]] {
        let named = EventQuery { ids: Some(vec![ObjectId([1; 12]); 3]), sort, ..events() };
        let plan = plan(&test, event_statement(&test, &named).await.text()).join("\n");
        assert!(plan.contains("(org_id=? AND event_id=?)"), "{plan}");
    }
}

#[tokio::test]
async fn a_page_of_temporary_grants_walks_the_index_of_its_order_however_deep() {
    use temporary_grants::{SortField, SortKey};
    let test = TestStore::sqlite();
    let next = GrantQuery { after: Some(after(None)), ..grants() };
    let index = "temporary_grant_by_position";
    assert_walks(&test, &grant_statement(&test, &grants()).await, index, None);
    assert_walks(&test, &grant_statement(&test, &next).await, index, Some("(org_id=? AND position>?)"));
    for (field, index, column, value) in [
        (SortField::UserId, "temporary_grant_by_user", "user_id", Value::Blob(vec![1; 16])),
        (SortField::ExpiresAt, "temporary_grant_by_expiry", "expires_at", Value::Int(1)),
        (
            SortField::PermissionName,
            "temporary_grant_by_permission",
            "permission_name",
            Value::Text("x".into()),
        ),
    ] {
        for (descending, sign) in [(false, '>'), (true, '<')] {
            let first = GrantQuery { sort: vec![SortKey { field, descending }], ..grants() };
            assert_walks(&test, &grant_statement(&test, &first).await, index, None);
            let next = GrantQuery { after: Some(after(Some(value.clone()))), ..first };
            let entry = format!("(org_id=? AND ({column},position){sign}(?,?))");
            assert_walks(&test, &grant_statement(&test, &next).await, index, Some(&entry));
        }
    }
}

fn many_events(tx: &Tx<'_>) -> Result<(), StoreError> {
    for number in 0..10_000_u32 {
        let mut event_id = [0; 12];
        event_id[..4].copy_from_slice(&number.to_be_bytes());
        let event = ExternalEvent {
            event_id: ObjectId(event_id),
            user_id: user_id(1),
            event_type: "visit".to_owned(),
            starts_at: NOW,
            ends_at: Timestamp(i64::from(number % 3)),
            description: "d".to_owned(),
            transcript: None,
        };
        external_events::insert(tx, &event, &event.digest(), NOW)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_deep_page_of_equal_events_costs_what_the_first_one_costs() {
    use external_events::{SortField, SortKey};
    let test = TestStore::sqlite();
    test.store.write(ORG, many_events).await.unwrap();
    for field in SortField::ALL {
        let first = EventQuery { sort: vec![SortKey { field, descending: true }], ..events() };
        let mut deep = first.clone();
        for _ in 0..9 {
            let query = EventQuery { limit: 1_000, ..deep.clone() };
            let page = test.store.read(ORG, move |conn| external_events::page(conn, &query)).await.unwrap();
            deep.after = page.next;
        }
        let shallow = steps(&test, &event_statement(&test, &first).await, 11);
        let deep = steps(&test, &event_statement(&test, &deep).await, 11);
        assert!(deep < shallow * 3, "{field:?}: {shallow} steps for the first page, {deep} for a deep one");
    }
}

#[test]
fn what_a_user_has_now_does_not_cost_what_the_user_once_had() {
    let test = TestStore::sqlite();
    let sql = denizen_store::statements().find(|sql| sql.name == "temporary_grant.active").unwrap();
    let plan = plan(&test, sql.sqlite()).join("\n");
    assert_direct(&plan);
    assert!(plan.contains("temporary_grant_by_end (org_id=? AND user_id=? AND expires_at>?)"), "{plan}");
}
