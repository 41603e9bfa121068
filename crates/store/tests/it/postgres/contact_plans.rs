//! What is asked of contacts goes by the index that was made for it, as PostgreSQL's planner tells: behind the wall, and
//! with the plan that serves every value.

use denizen_store::users::Route;
use denizen_store::{Conn, StoreError, contacts};
use tokio_postgres::Client;

use super::plans::{assert_direct, plan, planner, statement_plan};
use crate::support::{ORG, TestStore};

/// Contacts, written past the store because they are only to be planned with.
const CONTACTS: &str = "
    INSERT INTO contact (org_id, user_id, position, display_name, external_id, search_text, created_at, updated_at)
    SELECT 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), 30000 + n, 'Ann', 'crm-' || n % 1000, 'ann', n / 100, 0
    FROM generate_series(1, 20000) AS n;
    INSERT INTO contact_identifier (org_id, kind, key, user_id)
    SELECT 1, kind, kind || n, decode(lpad(to_hex(n), 32, '0'), 'hex')
    FROM generate_series(1, 20000) AS n, (VALUES ('email'), ('phone')) AS kinds (kind);
    INSERT INTO user_search (org_id, position, windows)
    SELECT 1, 30000 + n, array_to_tsvector(ARRAY['v' || n % 5000, 'u' || n % 777, 't' || n % 91])
    FROM generate_series(1, 20000) AS n;
    ANALYZE";

async fn recorded(test: &TestStore) -> Client {
    let client = planner(test).await;
    client.batch_execute(CONTACTS).await.unwrap();
    client
}

#[tokio::test]
async fn a_page_of_contacts_walks_the_index_of_its_order_and_enters_it_deep() {
    let Some(test) = TestStore::postgres() else { return };
    let client = recorded(&test).await;
    let shapes = |conn: &Conn<'_>| Ok::<_, StoreError>(contacts::example_statements(conn));
    let shapes = test.store.read(ORG, shapes).await.unwrap();
    assert_eq!(shapes.len(), 18);
    for statement in shapes {
        let (text, plan) = (statement.text(), statement_plan(&client, &statement).await);
        let index =
            if text.contains("external_id = ") { "contact_by_external_id" } else { "contact_by_creation" };
        assert_direct(&plan);
        assert!(plan.contains(index), "{text}:\n{plan}");
        let is_deep = text.contains("(created_at, user_id)");
        assert!(!is_deep || plan.contains("Index Cond") && plan.contains("ROW("), "{text}:\n{plan}");
    }
}

#[tokio::test]
async fn a_search_for_contacts_is_driven_by_the_index_and_looks_its_candidates_up_one_by_one() {
    let Some(test) = TestStore::postgres() else { return };
    let client = recorded(&test).await;
    // The entries of 40,000 are read whole as fast; those of a million are not.
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    let statement = |text: &'static str, route| {
        let build =
            move |conn: &Conn<'_>| Ok::<_, StoreError>(contacts::search_statement(conn, text, 10, route));
        test.store.read(ORG, build)
    };
    for text in ["a", "ab", "abc", "a long needle"] {
        let plan = statement_plan(&client, &statement(text, Route::Index).await.unwrap()).await;
        assert!(plan.contains("Bitmap Index Scan on user_by_window"), "{plan}");
        assert!(!plan.contains("user_search_pkey"), "it reads all entries of the organization:\n{plan}");
        assert!(plan.contains("contact_by_position") && plan.contains("\"position\" = "), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
    for route in [Route::Walk, Route::WalkFirst] {
        let plan = statement_plan(&client, &statement("a", route).await.unwrap()).await;
        assert_direct(&plan);
        assert!(plan.contains("contact_by_position"), "{plan}");
    }
}

#[tokio::test]
async fn contacts_and_owners_are_looked_up_by_their_keys() {
    let Some(test) = TestStore::postgres() else { return };
    let client = recorded(&test).await;
    let expected = [
        ("contact.find", 2, "contact_pkey"),
        ("contact.find_many", 2, "contact_pkey"),
        ("contact.find_by_identifier", 3, "contact_identifier_pkey"),
        ("contact.update", 16, "contact_pkey"),
        ("contact.update_windows", 3, "user_search_pkey"),
        ("contact.set_attributes", 4, "contact_pkey"),
        ("contact.clear", 3, "user_search_pkey"),
        ("contact_identifier.find_owners", 3, "contact_identifier_pkey"),
        ("contact_identifier.find_beginning", 5, "contact_identifier_pkey"),
        ("contact_identifier.delete", 3, "contact_identifier_pkey"),
    ];
    for (name, values, index) in expected {
        let sql = denizen_store::statements().find(|sql| sql.name == name).expect("a registered statement");
        let plan = plan(&client, sql.postgres(), values).await;
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
        assert!(plan.contains(index), "{name}:\n{plan}");
    }
}
