//! What is asked of operators goes by the index that was made for it, as SQLite's planner tells.

use denizen_store::operators::{self, OperatorOrder, OperatorQuery};
use denizen_store::users::Route;
use denizen_store::{Conn, StoreError};

use super::plans::plan;
use crate::operators::all_with;
use crate::support::{ORG, TestStore};

fn query(order: OperatorOrder, is_descending: bool) -> OperatorQuery {
    OperatorQuery { needle: None, order, is_descending, offset: 5, limit: 10 }
}

#[tokio::test]
async fn a_page_of_operators_walks_the_index_of_its_order_from_either_end() {
    let test = TestStore::sqlite();
    for (order, index) in [
        (OperatorOrder::CreatedAt, "operator_by_creation (org_id=?)"),
        (OperatorOrder::Name, "operator_by_name (org_id=?)"),
        (OperatorOrder::Email, "operator_by_email (org_id=?)"),
        (OperatorOrder::Company, "operator_by_company (org_id=?)"),
        (OperatorOrder::Admin, "operator_by_admin (org_id=?"),
        (OperatorOrder::Id, "operator_by_id (org_id=?)"),
    ] {
        for is_descending in [false, true] {
            let query = query(order, is_descending);
            let build = move |conn: &Conn<'_>| Ok::<_, StoreError>(operators::page_statements(conn, &query));
            for statement in test.store.read(ORG, build).await.unwrap() {
                let (text, plan) = (statement.text(), plan(&test, statement.text()).join("\n"));
                assert!(!plan.contains("SCAN"), "{text}:\n{plan}");
                assert!(plan.contains(index), "{text}:\n{plan}");
                // Only equals are sorted, and only where the ids are to rise in a list that falls, or the other way round.
                let sorts_equals = is_descending
                    && [OperatorOrder::CreatedAt, OperatorOrder::Name, OperatorOrder::Company]
                        .contains(&order);
                assert_eq!(plan.contains("LAST TERM OF ORDER BY"), sorts_equals, "{text}:\n{plan}");
                assert_eq!(plan.contains("TEMP B-TREE"), sorts_equals, "{text}:\n{plan}");
            }
        }
    }
}

#[tokio::test]
async fn a_search_for_operators_looks_up_the_candidates_and_walks_only_behind_the_index() {
    let test = TestStore::sqlite();
    for text in ["a", "ab", "abc", "a long needle"] {
        let build = move |conn: &Conn<'_>| {
            let mut statements = operators::sqlite_search_statements(conn, text).to_vec();
            statements.push(operators::search_statement(conn, &all_with(text), text, Route::Index));
            Ok::<_, StoreError>(statements)
        };
        let mut plans = Vec::new();
        for statement in test.store.read(ORG, build).await.unwrap() {
            plans.push(plan(&test, statement.text()).remove(0));
        }
        let access = ["(rowid=?)", "(rowid>? AND rowid<?)", "(rowid=?)", "(rowid=?)"];
        assert_eq!(plans, access.map(|access| format!("SEARCH operator USING INTEGER PRIMARY KEY {access}")));
    }
}

#[tokio::test]
async fn what_goes_with_an_operator_is_found_by_the_operator() {
    let test = TestStore::sqlite();
    let mut seen = 0;
    for statement in denizen_store::holdings::example_statements(denizen_store::Dialect::Sqlite) {
        let text = statement.text();
        if text.starts_with("DELETE FROM operator_") && !text.contains("LIMIT") {
            let plan = plan(&test, text).join("\n");
            assert!(plan.contains("PRIMARY KEY (org_id=? AND user_id=?)"), "{text}:\n{plan}");
            seen += 1;
        }
    }
    assert_eq!(seen, 4);
}

#[tokio::test]
async fn operators_and_what_belongs_to_them_are_looked_up_by_their_keys() {
    let test = TestStore::sqlite();
    let expected = [
        ("operator.find", "operator_by_id (org_id=? AND user_id=?)"),
        ("operator.find_many", "operator_by_id (org_id=? AND user_id=?)"),
        ("operator.reached", "entrusted USING PRIMARY KEY (org_id=? AND user_id=?)"),
        ("operator.credentials", "operator_by_id (org_id=? AND user_id=?)"),
        ("operator.credentials_by_email", "operator_by_email (org_id=? AND email_key=?)"),
        ("operator.taken", "operator_by_email (org_id=? AND email_key=?)"),
        ("operator.places", "placed USING PRIMARY KEY (org_id=? AND user_id=?)"),
        ("operator.bots", "entrusted USING PRIMARY KEY (org_id=? AND user_id=?)"),
        ("operator.walk", "operator_by_id (org_id=? AND user_id>?)"),
        ("operator.walk_environments", "PRIMARY KEY (org_id=? AND user_id>? AND user_id<?)"),
        ("operator.walk_bots", "entrusted USING PRIMARY KEY (org_id=? AND user_id>? AND user_id<?)"),
        ("operator.update", "operator_by_id (org_id=? AND user_id=?)"),
        ("operator.search_text", "operator_by_id (org_id=? AND user_id=?)"),
        ("operator.set_password", "operator_by_id (org_id=? AND user_id=?)"),
        ("operator.delete", "operator_by_id (org_id=? AND user_id=?)"),
        ("operator.keep_environments", "PRIMARY KEY (org_id=? AND user_id=?"),
        ("operator.keep_bots", "PRIMARY KEY (org_id=? AND user_id=?"),
        ("operator.count_administrators", "operator_by_admin (org_id=? AND is_admin=?)"),
        ("operator.suggest", "operator_by_name (org_id=? AND (name_key,name,user_id)>(?,?,?))"),
        ("operator_configuration.find", "PRIMARY KEY (org_id=? AND user_id=? AND key=? AND bot_id=?)"),
        ("operator_configuration.count", "PRIMARY KEY (org_id=? AND user_id=?)"),
        ("operator_link.find", "operator_link_by_secret (org_id=? AND secret_hash=?)"),
        ("operator_link.delete_of", "PRIMARY KEY (org_id=? AND user_id=?)"),
        ("operator_link.delete_expired", "PRIMARY KEY (org_id=? AND user_id=?)"),
        ("environment.find_many", "PRIMARY KEY (org_id=? AND environment_id=?)"),
        ("environment.list", "PRIMARY KEY (org_id=? AND environment_id>?)"),
        ("bot.find_many", "PRIMARY KEY (org_id=? AND bot_id=?)"),
        ("bot.list", "PRIMARY KEY (org_id=? AND bot_id>?)"),
        ("bot.list_of", "bot_by_environment (org_id=? AND environment_id=? AND bot_id>?)"),
        ("organization.erase_operators", "operator_by_id (org_id=?)"),
        ("organization.erase_bots", "PRIMARY KEY (org_id=?"),
        ("organization.erase_environments", "PRIMARY KEY (org_id=?"),
    ];
    for (name, access) in expected {
        let sql = denizen_store::statements().find(|sql| sql.name == name).expect("a registered statement");
        let plan = plan(&test, sql.sqlite()).join("\n");
        assert!(plan.contains(access), "{name}: {access}:\n{plan}");
        for table in ["operator", "placed", "entrusted", "environment", "bot"] {
            assert!(!plan.contains(&format!("SCAN {table}")), "{name}:\n{plan}");
        }
        // The suggestions themselves are sorted, which are as many as are wanted.
        assert!(!plan.contains("TEMP B-TREE") || name == "operator.suggest", "{name}:\n{plan}");
    }
}
