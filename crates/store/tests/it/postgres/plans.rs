//! The statements that run often go by the index that was made for them, as PostgreSQL's planner tells: behind the wall,
//! with the plan that serves every value, on a directory that is worth an index.

use denizen_store::users::{self, After, Position, Route, SortField, SortKey, UserQuery};
use denizen_store::{Conn, Statement, StoreError, Value};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::{ORG, TestStore, add_role, connect, needle, query, user_id};

/// A directory of 20,000, written past the store because it is only to be planned with.
const USERS: &str = "
    INSERT INTO users (org_id, directory, user_id, position, email, email_key, first_name, last_name, first_key,
        last_key, search_text, role_id, is_verified, preferences, open_variables, secret_variables,
        additional_context, created_at, updated_at)
    SELECT 1, 0, decode(lpad(to_hex(n), 32, '0'), 'hex'), n, n || '@example.com', n || '@example.com', 'Ada', 'L',
        'ada' || n % 100, 'l' || n % 1000, 'ada l', role_id, n % 2 = 0, '{}', '{}', '{}', '[]', 0, 0
    FROM role, generate_series(1, 20000) AS n;
    INSERT INTO user_search (org_id, position, windows)
    SELECT 1, n, array_to_tsvector(ARRAY['w' || n % 5000, 'x' || n % 777, 'y' || n % 91])
    FROM generate_series(1, 20000) AS n;
    ANALYZE";

pub(super) async fn planner(test: &TestStore) -> Client {
    add_role(&test.store, ORG).await;
    let client = connect(test.url()).await;
    client
        .batch_execute("SET denizen.org_id = '1'; SET plan_cache_mode = force_generic_plan; SET jit = off")
        .await
        .unwrap();
    client.batch_execute(USERS).await.unwrap();
    client
}

pub(super) async fn plan(client: &Client, text: &str, values: usize) -> String {
    let nulls = if values == 0 { String::new() } else { format!("({})", vec!["NULL"; values].join(", ")) };
    let explain = format!("DEALLOCATE ALL; PREPARE one AS {text}; EXPLAIN (COSTS OFF) EXECUTE one{nulls}");
    let lines = client.simple_query(&explain).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let line = |message: SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    lines.into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

async fn page_plan(test: &TestStore, client: &Client, query: &UserQuery) -> String {
    let query = query.clone();
    let build = move |conn: &Conn<'_>| Ok::<_, StoreError>(users::page_statement(conn, &query));
    statement_plan(client, &test.store.read(ORG, build).await.unwrap()).await
}

pub(super) async fn statement_plan(client: &Client, statement: &Statement) -> String {
    plan(client, statement.text(), statement.values().len()).await
}

pub(super) fn assert_direct(plan: &str) {
    assert!(!plan.contains("Seq Scan"), "a full scan:\n{plan}");
    assert!(!plan.contains("Sort"), "a sort:\n{plan}");
}

fn after(sort: &[SortKey]) -> After {
    let value = |key: &SortKey| match key.field {
        SortField::FirstName | SortField::LastName | SortField::Email => Value::Text("x".to_owned()),
        _ => Value::Int(0),
    };
    After { position: Position::START, values: sort.iter().map(value).collect() }
}

#[tokio::test]
async fn a_page_walks_the_index_of_its_order_however_deep() {
    let Some(test) = TestStore::postgres() else { return };
    let client = planner(&test).await;
    for after in [None, Some(after(&[]))] {
        let plan = page_plan(&test, &client, &UserQuery { after, ..query() }).await;
        assert_direct(&plan);
        assert!(plan.contains("user_by_position") && plan.contains("\"position\" >"), "{plan}");
    }
    let indexes = [
        (SortField::FirstName, "user_by_first_name"),
        (SortField::LastName, "user_by_last_name"),
        (SortField::Conversations, "user_by_conversations"),
        (SortField::Messages, "user_by_messages"),
        (SortField::LastMessage, "user_by_last_message"),
    ];
    for (field, index) in indexes {
        for descending in [false, true] {
            for is_verified in [None, Some(true)] {
                let sort = vec![SortKey { field, descending }];
                let first = UserQuery { is_verified, sort: sort.clone(), ..query() };
                let plan = page_plan(&test, &client, &first).await;
                assert_direct(&plan);
                assert!(plan.contains(index), "{plan}");
                let plan = page_plan(&test, &client, &UserQuery { after: Some(after(&sort)), ..first }).await;
                assert_direct(&plan);
                assert!(plan.contains("Index Cond") && plan.contains("ROW("), "it enters deep:\n{plan}");
            }
        }
    }
}

#[tokio::test]
async fn a_look_up_goes_by_id_or_address_and_not_through_the_directory() {
    let Some(test) = TestStore::postgres() else { return };
    let client = planner(&test).await;
    for sort in [vec![], vec![SortKey { field: SortField::Messages, descending: true }]] {
        for after in [None, Some(after(&sort))] {
            let plain = UserQuery { sort: sort.clone(), after, ..query() };
            let by_id = UserQuery { ids: Some(vec![user_id(1), user_id(2)]), ..plain.clone() };
            let plan = page_plan(&test, &client, &by_id).await;
            assert!(plan.contains("users_pkey") && !plan.contains("Seq Scan"), "{plan}");
            let by_email = UserQuery { email_keys: Some(vec!["a@b.c".to_owned()]), ..plain };
            let plan = page_plan(&test, &client, &by_email).await;
            assert!(plan.contains("user_by_email") && !plan.contains("Seq Scan"), "{plan}");
        }
    }
}

#[tokio::test]
async fn search_is_driven_by_the_index_and_looks_its_candidates_up_one_by_one() {
    let Some(test) = TestStore::postgres() else { return };
    let client = planner(&test).await;
    // The entries of 20,000 are read whole as fast; those of a million are not.
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    for text in ["a", "ab", "abc", "a long needle"] {
        let by_index = move |conn: &Conn<'_>| {
            Ok::<_, StoreError>(users::search_statement(conn, &needle(text), Route::Index))
        };
        let plan = statement_plan(&client, &test.store.read(ORG, by_index).await.unwrap()).await;
        assert!(plan.contains("Bitmap Index Scan on user_by_window"), "{plan}");
        assert!(!plan.contains("user_search_pkey"), "it reads all entries of the organization:\n{plan}");
        assert!(plan.contains("user_by_position") && plan.contains("\"position\" = "), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
    let walk =
        |conn: &Conn<'_>| Ok::<_, StoreError>(users::search_statement(conn, &needle("a"), Route::WalkFirst));
    let plan = statement_plan(&client, &test.store.read(ORG, walk).await.unwrap()).await;
    assert_direct(&plan);
    assert!(plan.contains("user_by_position"), "{plan}");
}

#[tokio::test]
async fn the_statements_of_every_request_can_go_by_a_key() {
    let Some(test) = TestStore::postgres() else { return };
    let client = planner(&test).await;
    // Most tables of a test are so small that reading them whole is cheaper; what counts is that nothing has to.
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    let often = [
        ("user.find", 3),
        ("user.find_by_email", 3),
        ("user.count", 2),
        ("user.sort_values", 3),
        ("user.is_buried", 2),
        ("user.delete", 2),
        ("role.find", 2),
        ("role.find_by_name", 2),
        ("api_key.find", 2),
        ("api_key.list", 1),
        ("link.find", 2),
        ("link.delete", 2),
        ("organization.get", 1),
        ("control.find_by_slug", 1),
        ("control.find_by_key", 1),
        ("job.due", 2),
        ("job.list", 2),
        ("organization.erase_users", 2),
        ("organization.erase_contacts", 2),
        ("attribute_definition.find", 2),
        ("attribute_definition.find_many", 2),
        ("attribute_definition.headings", 2),
        ("contact_conversation.find", 2),
        ("contact_conversation.from", 4),
        ("contact_conversation.until", 4),
        ("contact_conversation.find_many", 2),
        ("contact_conversation.has_open", 2),
        ("contact_message.find_many", 2),
        ("contact.sample_by_external_ids", 3),
    ];
    for (name, values) in often {
        let sql = denizen_store::statements().find(|sql| sql.name == name).expect("a registered statement");
        let plan = plan(&client, sql.postgres(), values).await;
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
    }
}
