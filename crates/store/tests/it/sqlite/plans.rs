//! The statements that run often go by the index that was made for them, as SQLite's planner tells.

use denizen_store::users::{self, After, Route, SortField, SortKey, UserQuery};
use denizen_store::{Conn, Statement, StoreError, Value};

use crate::support::{NOW, ORG, TestStore, add_role, needle, page, plain_user, query, user_id};

pub(super) fn plan(test: &TestStore, sql: &str) -> Vec<String> {
    let outside = test.file();
    let mut statement = outside.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // What is not bound is NULL, which the planner does not look at.
    let lines = statement.raw_query().mapped(|row| row.get::<_, String>(3));
    lines.collect::<Result<_, _>>().unwrap()
}

async fn page_plan(test: &TestStore, query: &UserQuery) -> String {
    let statement = page_statement(test, query).await;
    plan(test, statement.text()).join("\n")
}

async fn page_statement(test: &TestStore, query: &UserQuery) -> Statement {
    let query = query.clone();
    test.store.read(ORG, move |conn| Ok::<_, StoreError>(users::page_statement(conn, &query))).await.unwrap()
}

pub(super) fn assert_direct(plan: &str) {
    assert!(!plan.contains("SCAN"), "a full scan:\n{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "a sort:\n{plan}");
}

fn after(sort: &[SortKey]) -> After {
    let value = |key: &SortKey| match key.field {
        SortField::FirstName | SortField::LastName | SortField::Email => Value::Text("x".to_owned()),
        _ => Value::Int(0),
    };
    After { position: users::Position::START, values: sort.iter().map(value).collect() }
}

#[tokio::test]
async fn a_page_by_one_key_walks_its_index_however_deep() {
    let test = TestStore::sqlite();
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
                let plan = page_plan(&test, &first).await;
                assert_direct(&plan);
                assert!(plan.contains(index), "{plan}");
                let plan = page_plan(&test, &UserQuery { after: Some(after(&sort)), ..first }).await;
                assert_direct(&plan);
                assert_eq!(plan.matches(index).count(), 2, "{plan}");
                // Nobody shares an address.
                let enters = plan.contains("rowid") || field == SortField::Email;
                assert!(enters, "the tie is entered at its place:\n{plan}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_without_an_order_is_a_range_of_the_table() {
    let test = TestStore::sqlite();
    for after in [None, Some(after(&[]))] {
        let plan = page_plan(&test, &UserQuery { after, ..query() }).await;
        assert_direct(&plan);
        assert!(plan.contains("INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), "{plan}");
    }
}

#[tokio::test]
async fn a_look_up_goes_by_id_or_address_and_not_through_the_directory() {
    let test = TestStore::sqlite();
    for sort in [vec![], vec![SortKey { field: SortField::Messages, descending: true }]] {
        for after in [None, Some(after(&sort))] {
            let plain = UserQuery { sort: sort.clone(), after, ..query() };
            // Of many the planner thinks otherwise than of few.
            for many in [1, 2, 8, 30, 500] {
                let by_id = UserQuery { ids: Some((0..many).map(user_id).collect()), ..plain.clone() };
                let plan = page_plan(&test, &by_id).await;
                assert!(plan.contains("user_by_id (org_id=? AND user_id=?)"), "{many}: {plan}");
                let keys = (0..many).map(|number| format!("a{number}@b.c")).collect();
                let by_email = UserQuery { email_keys: Some(keys), ..plain.clone() };
                let plan = page_plan(&test, &by_email).await;
                let access = "user_by_email (org_id=? AND directory=? AND email_key=?)";
                assert!(plan.contains(access), "{many}: {plan}");
            }
        }
    }
}

#[tokio::test]
async fn users_that_a_file_brings_in_are_looked_up_by_their_keys() {
    let test = TestStore::sqlite();
    for (name, access) in [
        ("user.find_many", "user_by_id (org_id=? AND user_id=?)"),
        ("user.find_places", "user_by_id (org_id=? AND user_id=?)"),
        ("user.find_owners", "user_by_email (org_id=? AND directory=? AND email_key=?)"),
    ] {
        let sql = denizen_store::statements().find(|sql| sql.name == name).expect("a registered statement");
        let plan = plan(&test, sql.sqlite()).join("\n");
        assert!(plan.contains(access), "{name}:\n{plan}");
    }
}

#[tokio::test]
async fn a_search_looks_up_each_candidate_and_walks_only_behind_the_index() {
    let test = TestStore::sqlite();
    for text in ["a", "ab", "abc", "a long needle"] {
        let behind = Route::WalkFrom(users::Position(7));
        for (route, access) in [(Route::Index, "(rowid=?)"), (behind, "(rowid>? AND rowid<?)")] {
            let build = move |conn: &Conn<'_>| {
                Ok::<_, StoreError>(users::search_statement(conn, &needle(text), route))
            };
            let statement = test.store.read(ORG, build).await.unwrap();
            let plan = plan(&test, statement.text());
            assert_eq!(plan, [format!("SEARCH users USING INTEGER PRIMARY KEY {access}")]);
        }
    }
}

#[tokio::test]
async fn the_search_index_is_entered_at_the_window_that_is_asked_for() {
    let test = TestStore::sqlite();
    let place = "(org_id=? AND directory=? AND ";
    for (name, table, access) in [
        ("postings.mark", "search_mark", "(org_id=? AND directory=?)".to_owned()),
        ("postings.stamp", "search_block", format!("{place}block=?)")),
        ("postings.delete_stamps", "search_block", format!("{place}block>?)")),
        ("postings.seek_set", "user_window", format!("{place}(block,letters)>(?,?))")),
        ("postings.sets_from", "user_window", format!("{place}block=? AND letters>? AND letters<?)")),
        ("postings.texts_from", "user_text", format!("{place}chunk>? AND chunk<?)")),
        ("postings.find_set", "user_window", format!("{place}block=? AND letters=?)")),
        ("postings.update_set", "user_window", format!("{place}block=? AND letters=?)")),
        ("postings.delete_set", "user_window", format!("{place}block=? AND letters=?)")),
        ("postings.delete_blocks", "user_window", format!("{place}block>?)")),
        ("postings.find_texts", "user_text", format!("{place}chunk=?)")),
        ("postings.delete_texts", "user_text", format!("{place}chunk>? AND chunk<?)")),
        ("postings.behind", "counter", "((org_id,directory)>(?,?))".to_owned()),
    ] {
        let sql = denizen_store::statements().find(|sql| sql.name == name).expect("a registered statement");
        let plan = plan(&test, sql.sqlite());
        let index =
            if table == "user_window" { "INDEX sqlite_autoindex_user_window_1" } else { "PRIMARY KEY" };
        assert_eq!(plan[0], format!("SEARCH {table} USING {index} {access}"), "{name}: {plan:?}");
        assert!(!plan.iter().any(|line| line.contains("SCAN") || line.contains("TEMP")), "{name}: {plan:?}");
    }
    let texts = denizen_store::statements().find(|sql| sql.name == "postings.read_texts").unwrap();
    assert_direct(&plan(&test, texts.sqlite()).join("\n"));
}

#[tokio::test]
async fn the_statements_of_every_request_go_by_a_unique_key() {
    let test = TestStore::sqlite();
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
            "access_token.find_by_hash",
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
            "organization.erase_users",
            "organization.erase_contacts",
            "organization.erase_operators",
            "attribute_definition.find",
            "contact_conversation.find",
            "contact_conversation.from",
            "contact_conversation.until",
            "contact_conversation.has_open",
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

#[tokio::test]
async fn a_deep_page_among_equals_costs_what_the_first_one_costs() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    let insert = |tx: &denizen_store::Tx<'_>| {
        (0..20_000).try_for_each(|number| users::insert(tx, &plain_user(number), NOW).map(drop))
    };
    test.store.write(ORG, insert).await.unwrap();
    for descending in [false, true] {
        let sort = vec![SortKey { field: SortField::Messages, descending }];
        let first = UserQuery { sort, limit: 10, ..query() };
        let mut deep = first.clone();
        for _ in 0..19 {
            deep.after = page(&test.store, ORG, &UserQuery { limit: 1_000, ..deep.clone() }).await.next;
        }
        let (shallow, deep) = (steps_of(&test, &first).await, steps_of(&test, &deep).await);
        assert!(deep < shallow * 5 + 1_000, "{shallow} steps for the first page, {deep} for a deep one");
    }
}

async fn steps_of(test: &TestStore, query: &UserQuery) -> i32 {
    steps(test, &page_statement(test, query).await, query.limit + 1)
}

/// Steps of SQLite's machine for a page of so many rows: a time that no other load disturbs.
pub(super) fn steps(test: &TestStore, statement: &Statement, rows_wanted: usize) -> i32 {
    let outside = test.file();
    let mut prepared = outside.prepare(&statement.text().replace('$', "?")).unwrap();
    for (at, value) in statement.values().iter().enumerate() {
        match value {
            Value::Int(value) => prepared.raw_bind_parameter(at + 1, value).unwrap(),
            Value::Text(value) => prepared.raw_bind_parameter(at + 1, value).unwrap(),
            Value::Blob(value) => prepared.raw_bind_parameter(at + 1, value).unwrap(),
            Value::Words(_) => panic!("SQLite has no lists of words"),
        }
    }
    let mut rows = prepared.raw_query();
    let mut found = 0;
    while rows.next().unwrap().is_some() {
        found += 1;
    }
    assert_eq!(found, rows_wanted);
    drop(rows);
    prepared.get_status(rusqlite::StatementStatus::VmStep)
}
