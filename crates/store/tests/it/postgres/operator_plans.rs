//! What is asked of operators goes by the index that was made for it, as PostgreSQL's planner tells: behind the wall, and
//! with the plan that serves every value.

use denizen_store::operators::{self, OperatorOrder, OperatorQuery};
use denizen_store::users::Route;
use denizen_store::{Conn, StoreError};
use tokio_postgres::Client;

use super::plans::{plan, planner, statement_plan};
use crate::operators::all_with;
use crate::support::{ORG, TestStore};

/// Operators and what they reach, written past the store because they are only to be planned with.
const OPERATORS: &str = "
    INSERT INTO operator (org_id, user_id, position, email, email_key, name, name_key, company, company_key, is_admin, role,
        credential_version, search_text, created_at, updated_at)
    SELECT 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), 30000 + n, n || '@x.org', n || '@x.org', 'Ann ' || n % 500,
        'ann ' || n % 500, 'Acme', 'acme ' || n % 9, 0, 'viewer', 1, 'ann', n / 100, 0
    FROM generate_series(1, 8000) AS n;
    INSERT INTO environment (org_id, environment_id, name, is_active, created_at, updated_at)
    SELECT 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), 'place', 1, 0, 0 FROM generate_series(1, 500) AS n;
    INSERT INTO bot (org_id, bot_id, environment_id, name, is_active, created_at, updated_at)
    SELECT 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), decode(lpad(to_hex(1 + n % 500), 32, '0'), 'hex'), 'bot', 1, 0, 0
    FROM generate_series(1, 5000) AS n;
    INSERT INTO operator_environment (org_id, user_id, environment_id)
    SELECT 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), decode(lpad(to_hex(1 + n % 500), 32, '0'), 'hex')
    FROM generate_series(1, 8000) AS n;
    INSERT INTO operator_bot (org_id, user_id, bot_id)
    SELECT 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), decode(lpad(to_hex(1 + n % 5000), 32, '0'), 'hex')
    FROM generate_series(1, 8000) AS n;
    INSERT INTO operator_configuration (org_id, user_id, key, bot_id, value, updated_at)
    SELECT 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), 'theme', '', 'dark', 0 FROM generate_series(1, 8000) AS n;
    INSERT INTO operator_link (org_id, secret_hash, user_id, language, expires_at)
    SELECT 1, decode(lpad(to_hex(n), 64, '0'), 'hex'), decode(lpad(to_hex(n), 32, '0'), 'hex'), 'en', 0
    FROM generate_series(1, 8000) AS n;
    INSERT INTO user_search (org_id, position, windows)
    SELECT 1, 30000 + n, array_to_tsvector(ARRAY['v' || n % 5000, 'u' || n % 777, 't' || n % 91])
    FROM generate_series(1, 8000) AS n;
    ANALYZE";

#[tokio::test]
async fn what_is_asked_of_operators_goes_by_the_index_that_was_made_for_it() {
    let Some(test) = TestStore::postgres() else { return };
    // Filling the tables takes longer than all that is asked of them.
    let client = planner(&test).await;
    client.batch_execute(OPERATORS).await.unwrap();
    a_page_walks_the_index_of_its_order_from_either_end(&test, &client).await;
    operators_and_what_belongs_to_them_are_looked_up_by_their_keys(&client).await;
    a_search_is_driven_by_the_index_and_looks_its_candidates_up_one_by_one(&test, &client).await;
}

async fn a_page_walks_the_index_of_its_order_from_either_end(test: &TestStore, client: &Client) {
    for (order, index) in [
        (OperatorOrder::CreatedAt, "operator_by_creation"),
        (OperatorOrder::Name, "operator_by_name"),
        (OperatorOrder::Email, "operator_by_email"),
        (OperatorOrder::Company, "operator_by_company"),
        (OperatorOrder::Admin, "operator_by_admin"),
        (OperatorOrder::Id, "operator_pkey"),
    ] {
        for is_descending in [false, true] {
            let query = OperatorQuery { needle: None, order, is_descending, offset: 5, limit: 10 };
            let build = move |conn: &Conn<'_>| Ok::<_, StoreError>(operators::page_statements(conn, &query));
            for statement in test.store.read(ORG, build).await.unwrap() {
                let (text, plan) = (statement.text(), statement_plan(client, &statement).await);
                assert!(!plan.contains("Seq Scan on operator"), "{text}:\n{plan}");
                assert!(plan.contains(index), "{text}:\n{plan}");
                assert!(
                    plan.contains("Index Only Scan") || !text.starts_with("SELECT user_id FROM"),
                    "it goes to the rows that it passes:\n{text}:\n{plan}"
                );
                // Only equals are sorted, and only where the ids are to rise in a list that falls, or the other way round.
                let sorts_equals = is_descending
                    && [OperatorOrder::CreatedAt, OperatorOrder::Name, OperatorOrder::Company]
                        .contains(&order);
                assert_eq!(plan.contains("Incremental Sort"), sorts_equals, "{text}:\n{plan}");
                assert_eq!(plan.contains("Sort"), sorts_equals, "{text}:\n{plan}");
            }
        }
    }
}

async fn a_search_is_driven_by_the_index_and_looks_its_candidates_up_one_by_one(
    test: &TestStore,
    client: &Client,
) {
    // The entries of 40,000 are read whole as fast; those of a million are not.
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    for text in ["a", "ab", "abc", "a long needle"] {
        let build = move |conn: &Conn<'_>| {
            Ok::<_, StoreError>(operators::search_statement(conn, &all_with(text), text, Route::Index))
        };
        let plan = statement_plan(client, &test.store.read(ORG, build).await.unwrap()).await;
        assert!(plan.contains("Bitmap Index Scan on user_by_window"), "{plan}");
        assert!(!plan.contains("user_search_pkey"), "it reads all entries of the organization:\n{plan}");
        assert!(plan.contains("operator_by_position") && plan.contains("\"position\" = "), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
    for (order, index) in [
        (OperatorOrder::CreatedAt, "operator_by_creation"),
        (OperatorOrder::Name, "operator_by_name"),
        (OperatorOrder::Email, "operator_by_email"),
        (OperatorOrder::Company, "operator_by_company"),
        (OperatorOrder::Id, "operator_pkey"),
    ] {
        for is_descending in [false, true] {
            let near = OperatorQuery { order, is_descending, offset: 40, limit: 20, ..all_with("a") };
            let build = move |conn: &Conn<'_>| {
                Ok::<_, StoreError>(operators::search_statement(conn, &near, "a", Route::Walk))
            };
            let plan = statement_plan(client, &test.store.read(ORG, build).await.unwrap()).await;
            let (_, near) = plan.split_once("CTE near").expect("the first of those that match");
            let walk = near.lines().find(|line| line.contains("Scan")).expect("where they come from");
            assert!(walk.contains(index), "{plan}");
        }
    }
    let sample = |conn: &Conn<'_>| Ok::<_, StoreError>(operators::sample_statement(conn, "a"));
    let plan = statement_plan(client, &test.store.read(ORG, sample).await.unwrap()).await;
    assert!(plan.contains("operator_by_position") && !plan.contains("Sort"), "{plan}");
}

async fn operators_and_what_belongs_to_them_are_looked_up_by_their_keys(client: &Client) {
    let expected = [
        ("operator.find", 2, "operator_pkey"),
        ("operator.find_many", 2, "operator_pkey"),
        ("operator.reached", 2, "operator_bot_pkey"),
        ("operator.credentials", 2, "operator_pkey"),
        ("operator.credentials_by_email", 2, "operator_by_email"),
        ("operator.taken", 2, "operator_by_email"),
        ("operator.places", 2, "operator_environment_pkey"),
        ("operator.bots", 2, "operator_bot_pkey"),
        ("operator.update", 13, "operator_pkey"),
        ("operator.update_windows", 3, "user_search_pkey"),
        ("operator.set_password", 5, "operator_pkey"),
        ("operator.delete", 2, "user_search_pkey"),
        ("operator.keep_environments", 3, "operator_environment_pkey"),
        ("operator.keep_bots", 3, "operator_bot_pkey"),
        ("operator.count_administrators", 1, "operator_by_admin"),
        ("operator.suggest", 4, "operator_by_name"),
        ("operator_configuration.find", 4, "operator_configuration_pkey"),
        ("operator_configuration.count", 2, "operator_configuration_pkey"),
        ("operator_link.find", 2, "operator_link_by_secret"),
        ("operator_link.delete_of", 2, "operator_link_pkey"),
        ("operator_link.delete_expired", 3, "operator_link_pkey"),
        ("bot.list_of", 4, "bot_by_environment"),
        ("organization.erase_operators", 2, "operator_pkey"),
        ("organization.erase_bots", 2, "bot_pkey"),
        ("organization.erase_environments", 2, "environment_pkey"),
    ];
    for (name, values, index) in expected {
        let sql = denizen_store::statements().find(|sql| sql.name == name).expect("a registered statement");
        let plan = plan(client, sql.postgres(), values).await;
        // There are few environments and bots beside operators: reading all of them may be cheaper.
        assert!(!plan.contains("Seq Scan on operator"), "{name}:\n{plan}");
        assert!(plan.contains(index), "{name}:\n{plan}");
    }
    let suggest = denizen_store::statements().find(|sql| sql.name == "operator.suggest").unwrap();
    let plan = plan(client, suggest.postgres(), 4).await;
    assert!(plan.contains("ROW("), "it goes on behind the name that it has:\n{plan}");
}
