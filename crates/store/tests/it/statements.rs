//! Every SQL text is registered, parses, and the ones that run often go by the index that was made for them.

use std::collections::BTreeSet;
use std::path::Path;

use denizen_store::users::{self, After, SortField, SortKey, UserQuery};
use denizen_store::{StoreError, Value};

use crate::support::{ORG, TestStore, needle, query, user_id};

#[test]
fn every_statement_is_understood_by_the_engine() {
    let test = TestStore::empty();
    let outside = test.outside();
    let mut names = BTreeSet::new();
    for sql in denizen_store::statements() {
        assert!(names.insert(sql.name), "two statements are named {}", sql.name);
        outside.prepare(sql.sqlite()).unwrap_or_else(|error| panic!("{}: {error}", sql.name));
    }
    let shapes = test.store.read(ORG, |conn| Ok::<_, StoreError>(users::example_statements(conn))).unwrap();
    assert!(shapes.len() > 30);
    for shape in shapes {
        outside.prepare(shape.text()).unwrap_or_else(|error| panic!("{}: {error}", shape.text()));
    }
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// What stands between `start` and `end`.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

#[test]
fn every_statement_in_the_sources_is_registered() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let registered: BTreeSet<&str> = denizen_store::statements().map(|sql| sql.name).collect();
    let mut seen = BTreeSet::new();
    for (file, text) in &files {
        let listed: BTreeSet<&str> = between(text, "STATEMENTS: &[&Sql] =", "];")
            .unwrap_or_default()
            .split(['&', ',', '[', ' ', '\n'])
            .filter(|word| !word.is_empty())
            .collect();
        for declared in text.split("static ").skip(1) {
            let Some((name, rest)) = declared.split_once(": Sql") else { continue };
            if name.contains(char::is_whitespace) {
                continue;
            }
            assert!(listed.contains(name), "{file}: {name} is missing from STATEMENTS");
            let title = between(rest, "\"", "\"").unwrap();
            assert!(registered.contains(title), "{file}: its STATEMENTS are missing from statements()");
            seen.insert(title);
        }
    }
    assert_eq!(seen, registered, "the scan of the sources has found each of them");
}

fn plan(test: &TestStore, sql: &str) -> Vec<String> {
    let outside = test.outside();
    let mut statement = outside.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // What is not bound is NULL, which the planner does not look at.
    let lines = statement.raw_query().mapped(|row| row.get::<_, String>(3));
    lines.collect::<Result<_, _>>().unwrap()
}

fn page_plan(test: &TestStore, query: &UserQuery) -> String {
    let statement =
        test.store.read(ORG, |conn| Ok::<_, StoreError>(users::page_statement(conn, query))).unwrap();
    plan(test, statement.text()).join("\n")
}

fn assert_direct(plan: &str) {
    assert!(!plan.contains("SCAN"), "a full scan:\n{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "a sort:\n{plan}");
}

fn after(sort: &[SortKey]) -> After {
    let value = |key: &SortKey| match key.field {
        SortField::FirstName | SortField::LastName | SortField::Email => Value::Text("x".to_owned()),
        _ => Value::Int(0),
    };
    After { position: users::Position(1 << 34), values: sort.iter().map(value).collect() }
}

#[test]
fn a_page_by_one_key_walks_its_index_however_deep() {
    let test = TestStore::empty();
    let indexes = [
        (SortField::FirstName, "user_by_first_name"),
        (SortField::LastName, "user_by_last_name"),
        (SortField::Email, "user_by_email"),
        (SortField::Conversations, "user_by_conversations"),
        (SortField::Messages, "user_by_messages"),
        (SortField::LastMessage, "user_by_last_message"),
    ];
    for (field, index) in indexes {
        for descending in [false, true] {
            for is_verified in [None, Some(true)] {
                let sort = vec![SortKey { field, descending }];
                let first = UserQuery { is_verified, sort: sort.clone(), ..query() };
                let plan = page_plan(&test, &first);
                assert_direct(&plan);
                assert!(plan.contains(index), "{plan}");
                let plan = page_plan(&test, &UserQuery { after: Some(after(&sort)), ..first });
                assert_direct(&plan);
                assert_eq!(plan.matches(index).count(), 2, "{plan}");
                // Nobody shares an address.
                let enters = plan.contains("rowid") || field == SortField::Email;
                assert!(enters, "the tie is entered at its place:\n{plan}");
            }
        }
    }
}

#[test]
fn a_page_without_an_order_is_a_range_of_the_table() {
    let test = TestStore::empty();
    for after in [None, Some(after(&[]))] {
        let plan = page_plan(&test, &UserQuery { after, ..query() });
        assert_direct(&plan);
        assert!(plan.contains("INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), "{plan}");
    }
}

#[test]
fn a_look_up_goes_by_id_or_address_and_not_through_the_directory() {
    let test = TestStore::empty();
    for sort in [vec![], vec![SortKey { field: SortField::Messages, descending: true }]] {
        for after in [None, Some(after(&sort))] {
            let plain = UserQuery { sort: sort.clone(), after, ..query() };
            let by_id = UserQuery { ids: Some(vec![user_id(1), user_id(2)]), ..plain.clone() };
            let plan = page_plan(&test, &by_id);
            assert!(plan.contains("user_by_id (org_id=? AND user_id=?)"), "{plan}");
            let by_email = UserQuery { email_keys: Some(vec!["a@b.c".to_owned()]), ..plain };
            let plan = page_plan(&test, &by_email);
            assert!(plan.contains("user_by_email (org_id=? AND directory=? AND email_key=?)"), "{plan}");
        }
    }
}

#[test]
fn search_is_driven_by_the_index_within_the_rows_of_the_organization() {
    let test = TestStore::empty();
    for text in ["a", "ab", "abc", "a long needle"] {
        let statement = test
            .store
            .read(ORG, |conn| Ok::<_, StoreError>(users::search_statement(conn, &needle(text))))
            .unwrap();
        let plan = plan(&test, statement.text());
        assert_eq!(plan.len(), 2, "{plan:?}");
        // FTS5 says `M` for MATCH, `>` and `<` for bounds of the row id, and sorts by row id by itself.
        assert!(plan[0].starts_with("SCAN user_search VIRTUAL TABLE INDEX"), "{plan:?}");
        assert!(plan[0].contains('M') && plan[0].contains('>') && plan[0].contains('<'), "{plan:?}");
        assert_eq!(plan[1], "SEARCH users USING INTEGER PRIMARY KEY (rowid=?)");
    }
}

#[test]
fn the_statements_of_every_request_go_by_a_unique_key() {
    let test = TestStore::empty();
    for sql in denizen_store::statements() {
        let often = [
            "user.find",
            "user.find_by_email",
            "user.email_taken",
            "user.update",
            "user.delete",
            "user.count",
            "user.sort_values",
            "user.is_buried",
            "role.find",
            "role.find_by_name",
            "api_key.find",
            "api_key.list",
            "link.find",
            "link.delete",
            "link.delete_expired",
            "organization.get",
            "organization.image",
            "control.find_by_slug",
            "control.find_by_key",
            "job.due",
            "job.lease",
            "job.done",
            "job.list",
            "job.delete_by_user",
            "organization.erase_users",
        ];
        if often.contains(&sql.name) {
            let plan = plan(&test, sql.sqlite()).join("\n");
            assert!(plan.contains("SEARCH"), "{}: {plan}", sql.name);
            // `api_key.list` alone sorts: an organization has at most a few keys.
            assert!(!plan.contains("SCAN"), "{}: {plan}", sql.name);
            assert!(sql.name == "api_key.list" || !plan.contains("TEMP B-TREE"), "{}: {plan}", sql.name);
        }
    }
}
