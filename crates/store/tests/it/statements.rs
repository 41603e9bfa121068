//! Every SQL text is registered, and the engine understands it.

use std::collections::BTreeSet;
use std::path::Path;

use denizen_store::operators::{self, OperatorOrder, OperatorQuery};
use denizen_store::users::{self, Route, UserSearch};
use denizen_store::{
    Conn, Statement, StoreError, check, contacts, external_events, memories, relocation, temporary_grants,
};

use crate::support::{ORG, Outside, TestStore, needle, user_id};

#[test]
fn every_statement_has_a_name_of_its_own_and_an_engine_that_runs_it() {
    let mut names = BTreeSet::new();
    for sql in denizen_store::statements() {
        assert!(names.insert(sql.name), "two statements are named {}", sql.name);
        let is_run = !sql.sqlite().is_empty() || !sql.postgres().is_empty();
        assert!(is_run, "{} is empty on every engine", sql.name);
    }
}

async fn assert_understood(outside: &Outside, name: &str, text: &str) {
    match outside {
        Outside::Sqlite(connection) => {
            let connection = connection.lock().unwrap();
            if let Err(error) = connection.prepare(text) {
                panic!("{name}: {error}: {text}");
            }
        }
        Outside::Postgres(client) => {
            if let Err(error) = client.prepare(text).await {
                panic!("{name}: {:?}: {text}", error.as_db_error());
            }
        }
    }
}

#[tokio::test]
async fn every_statement_is_understood_by_the_engine() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let mut prepared = 0;
    for sql in denizen_store::statements() {
        let text = match &outside {
            Outside::Sqlite(_) => sql.sqlite(),
            Outside::Postgres(_) => sql.postgres(),
        };
        if !text.is_empty() {
            assert_understood(&outside, sql.name, text).await;
            prepared += 1;
        }
    }
    assert!(prepared > 50, "{prepared} statements");
}

#[tokio::test]
async fn every_shape_of_a_page_is_understood_by_the_engine() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let shapes = |conn: &Conn<'_>| {
        let mut shapes = users::example_statements(conn);
        shapes.extend(contacts::example_statements(conn));
        for order in OperatorOrder::ALL {
            for is_descending in [false, true] {
                let query = OperatorQuery { needle: None, order, is_descending, offset: 5, limit: 10 };
                shapes.extend(operators::page_statements(conn, &query));
            }
        }
        shapes.extend(memories::example_statements(conn)?);
        shapes.extend(external_events::example_statements(conn)?);
        shapes.extend(temporary_grants::example_statements(conn)?);
        shapes.extend(relocation::example_statements(conn)?);
        shapes.extend(check::example_statements(conn.dialect()));
        Ok::<_, StoreError>(shapes)
    };
    let shapes = test.store.read(ORG, shapes).await.unwrap();
    assert!(shapes.len() > 30);
    for shape in shapes {
        assert_understood(&outside, "page", shape.text()).await;
    }
}

#[tokio::test]
async fn every_route_of_a_search_is_understood_by_the_engine() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let shapes = |conn: &Conn<'_>| {
        let mut shapes: Vec<Statement> = Vec::new();
        for route in
            [Route::LookUp, Route::Index, Route::Walk, Route::WalkFirst, Route::WalkFrom(users::Position(7))]
        {
            for text in ["", "a", "ab", "abc", "a long needle"] {
                // An index has to be asked for something.
                if route == Route::Index && text.is_empty() {
                    continue;
                }
                shapes.push(contacts::search_statement(conn, text, 10, route));
                shapes.push(operators::sample_statement(conn, text));
                for order in OperatorOrder::ALL {
                    let query =
                        OperatorQuery { needle: None, order, is_descending: true, offset: 5, limit: 10 };
                    shapes.push(operators::search_statement(conn, &query, text, route));
                }
                for is_verified in [None, Some(true)] {
                    let ids = (route == Route::LookUp).then(|| vec![user_id(1), user_id(2)]);
                    let search = UserSearch { ids, is_verified, ..needle(text) };
                    shapes.push(users::search_statement(conn, &search, route));
                }
            }
        }
        Ok::<_, StoreError>(shapes)
    };
    for shape in test.store.read(ORG, shapes).await.unwrap() {
        assert_understood(&outside, "search", shape.text()).await;
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
