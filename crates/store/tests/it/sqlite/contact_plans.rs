//! What is asked of contacts goes by the index that was made for it, as SQLite's planner tells.

use denizen_domain::ids::Uuid;
use denizen_store::contacts::{self, ContactPlace, ContactQuery, PageFrom};
use denizen_store::users::Route;
use denizen_store::{Conn, StoreError};

use super::plans::{assert_direct, plan};
use crate::support::{NOW, ORG, TestStore};

#[tokio::test]
async fn a_page_of_contacts_walks_the_index_of_its_order_and_enters_it_deep() {
    let test = TestStore::sqlite();
    let shapes = |conn: &Conn<'_>| Ok::<_, StoreError>(contacts::example_statements(conn));
    let shapes = test.store.read(ORG, shapes).await.unwrap();
    assert_eq!(shapes.len(), 18);
    for statement in shapes {
        let plan = plan(&test, statement.text()).join("\n");
        assert_direct(&plan);
        let (index, keys) = if statement.text().contains("external_id = ") {
            ("contact_by_external_id", "org_id=? AND external_id=?")
        } else {
            ("contact_by_creation", "org_id=?")
        };
        let text = statement.text();
        let place = match (text.contains("(created_at, user_id) <"), text.contains("(created_at, user_id) >"))
        {
            (true, _) => " AND (created_at,user_id)<(?,?)",
            (_, true) => " AND (created_at,user_id)>(?,?)",
            _ => "",
        };
        assert!(plan.contains(&format!("{index} ({keys}{place})")), "{text}:\n{plan}");
    }
}

#[tokio::test]
async fn a_search_for_contacts_looks_up_each_candidate() {
    let test = TestStore::sqlite();
    let statement = |text: &'static str, route| {
        let build =
            move |conn: &Conn<'_>| Ok::<_, StoreError>(contacts::search_statement(conn, text, 10, route));
        test.store.read(ORG, build)
    };
    for text in ["a", "ab", "abc", "a long needle"] {
        let plan = plan(&test, statement(text, Route::Index).await.unwrap().text());
        assert_eq!(plan, ["SEARCH contact USING INTEGER PRIMARY KEY (rowid=?)"]);
    }
    let plan = plan(&test, statement("", Route::Walk).await.unwrap().text()).join("\n");
    assert_direct(&plan);
    assert!(plan.contains("INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), "{plan}");
}

#[tokio::test]
async fn contacts_and_owners_are_looked_up_by_their_keys() {
    let test = TestStore::sqlite();
    let expected = [
        ("contact.find", vec!["contact_by_id (org_id=? AND user_id=?)"]),
        ("contact.find_many", vec!["contact_by_id (org_id=? AND user_id=?)"]),
        (
            "contact.find_by_identifier",
            vec!["contact_by_id (org_id=? AND user_id=?)", "PRIMARY KEY (org_id=? AND kind=? AND key=?)"],
        ),
        ("contact.update", vec!["contact_by_id (org_id=? AND user_id=?)"]),
        ("contact.search_text", vec!["contact_by_id (org_id=? AND user_id=?)"]),
        ("contact.set_attributes", vec!["contact_by_id (org_id=? AND user_id=?)"]),
        ("contact.clear", vec!["contact_by_id (org_id=? AND user_id=?)"]),
        ("contact_identifier.find_owners", vec!["PRIMARY KEY (org_id=? AND kind=? AND key=?)"]),
        ("contact_identifier.find_beginning", vec!["PRIMARY KEY (org_id=? AND kind=? AND key>? AND key<?)"]),
        ("contact_identifier.delete", vec!["PRIMARY KEY (org_id=? AND kind=? AND key=?)"]),
    ];
    for (name, accesses) in expected {
        let sql = denizen_store::statements().find(|sql| sql.name == name).expect("a registered statement");
        let plan = plan(&test, sql.sqlite()).join("\n");
        for access in accesses {
            assert!(plan.contains(access), "{name}: {access}:\n{plan}");
        }
        assert!(!plan.contains("SCAN contact"), "{name}:\n{plan}");
    }
}

#[tokio::test]
async fn a_deep_page_of_contacts_costs_what_the_first_one_costs() {
    let test = TestStore::sqlite();
    // All of one time: what a bulk call makes.
    let contacts = (0..20_000).map(crate::contacts::nobody).collect();
    crate::contacts::insert(&test.store, ORG, contacts).await.unwrap();
    let last = crate::contacts::contact_id(19_000).as_uuid();
    let cost = async |from| {
        let query = ContactQuery { external_id: None, from, limit: 10 };
        let build = move |conn: &Conn<'_>| Ok::<_, StoreError>(contacts::page_statement(conn, &query));
        super::plans::steps(&test, &test.store.read(ORG, build).await.unwrap(), 11)
    };
    let place = |id: Uuid| ContactPlace { created_at: NOW, id };
    let first = cost(PageFrom::Start).await;
    for from in [PageFrom::After(place(last)), PageFrom::Before(place(last))] {
        let deep = cost(from).await;
        // A row costs some steps more, being compared with the place.
        assert!(deep < 2 * first, "{from:?}: {deep} steps, and {first} for the first page");
    }
}
