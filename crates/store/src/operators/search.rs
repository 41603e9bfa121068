//! Search for operators within one organization, in the index that users lie in, which `users::search` describes.
//!
//! A list of operators tells how long it is, so all that match are found, whatever part of them is wanted.

use std::ops::ControlFlow;

use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;

use super::page::{
    OperatorOrder, OperatorPage, OperatorQuery, bound, in_order, in_their_order, push_columns, push_order,
};
use super::{COLUMNS, ListedOperator, count, keep_operator};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::{Dialect, Statement, Value, to_json};
use crate::sqlite::postings::{Matches, matches};
use crate::texts::{Gathered, Listed, listed_with};
use crate::users::{Position, Route, WALKED_FIRST, WindowQuery};

/// Of so many operators at least one matches, where PostgreSQL looks through all of them rather than finding those that match in
/// the index and looking them up one by one.
const WALK_SHARE: u64 = 12;
/// So many of those that match are come to by walking in their order, on PostgreSQL, where many match.
const NEAR: u64 = 100;
/// On SQLite: what it costs to look up and sort an operator, in operators who are passed over in the order that is wanted.
const LOOKED_UP: u64 = 15;

/// Puts whether the text of an operator has the needle.
fn push_match(statement: &mut Statement, conn: &Conn<'_>, needle: &str) {
    // Engine: unlike LIKE these know no wildcards, and take needles of any length.
    let function = if conn.dialect() == Dialect::Sqlite { "instr" } else { "strpos" };
    statement.push(function).push("(search_text, ").bind(Value::Text(needle.to_owned())).push(") > 0");
}

/// The statement that finds, on SQLite, a page among operators who all match, by their rows; on PostgreSQL a page among those
/// that match, by one route, where each row has the number of all of these, and an id but where the page is empty. Public for the
/// tests that prepare it and read query plans. A walk goes through everybody.
pub fn search_statement(conn: &Conn<'_>, query: &OperatorQuery, needle: &str, route: Route) -> Statement {
    match conn.dialect() {
        Dialect::Sqlite => sort_statement(conn, query, &[]),
        Dialect::Postgres => statement(conn, query, needle, route),
    }
}

fn statement(conn: &Conn<'_>, query: &OperatorQuery, needle: &str, route: Route) -> Statement {
    let org = Value::Int(conn.org.0);
    let limit = u64::try_from(query.limit).unwrap_or(u64::MAX);
    if route == Route::Walk && is_near(query, limit) {
        return near_statement(conn, query, needle, limit);
    }
    let mut statement = Statement::new("WITH found AS MATERIALIZED (SELECT user_id");
    push_columns(&mut statement, query);
    if route == Route::Index {
        // Engine: the candidates are found first and looked up one by one, as those of users are.
        statement
            .push(" FROM (WITH candidates AS MATERIALIZED (SELECT position AS candidate FROM user_search ");
        statement.push("WHERE windows @@ CAST(");
        statement.bind(Value::Text(WindowQuery::new(conn, Directory::Operators, needle).text));
        statement.push("::text AS tsquery) AND org_id + 0 = ").bind(org.clone());
        statement.push(") SELECT candidate FROM candidates ORDER BY candidate) AS candidates ");
        statement.push("CROSS JOIN LATERAL (SELECT * FROM operator WHERE org_id = ").bind(org);
        statement.push(" AND position = candidate OFFSET 0) AS operator WHERE TRUE");
    } else {
        statement.push(" FROM operator WHERE org_id = ").bind(org);
    }
    statement.push(" AND ");
    push_match(&mut statement, conn, needle);
    statement.push("), chosen AS (SELECT * FROM found");
    push_order(&mut statement, query, false);
    statement.push(" LIMIT ").bind(bound(limit)).push(" OFFSET ").bind(bound(query.offset));
    statement.push(") SELECT matches, user_id FROM (SELECT count(*) AS matches FROM found) AS counted ");
    statement.push("LEFT JOIN chosen ON TRUE");
    push_order(&mut statement, query, false);
    statement
}

/// Whether the page ends among the first [`NEAR`] that match, in an order that an index has.
fn is_near(query: &OperatorQuery, limit: u64) -> bool {
    query.offset.saturating_add(limit) <= NEAR && query.order != OperatorOrder::Admin
}

/// The page is come to in its order, and those that match are counted beside: they need not be kept, nor sorted.
fn near_statement(conn: &Conn<'_>, query: &OperatorQuery, needle: &str, limit: u64) -> Statement {
    let mut statement = Statement::new("WITH near AS MATERIALIZED (SELECT user_id");
    push_columns(&mut statement, query);
    let push_matching = |statement: &mut Statement| {
        statement.push(" FROM operator WHERE org_id = ").bind(Value::Int(conn.org.0)).push(" AND ");
        push_match(statement, conn, needle);
    };
    push_matching(&mut statement);
    push_order(&mut statement, query, false);
    // Engine: of a number that it does not know the planner thinks that it is a tenth of all, and would sort them.
    statement.push(&format!(" LIMIT {NEAR}), chosen AS (SELECT * FROM near"));
    push_order(&mut statement, query, false);
    statement.push(" LIMIT ").bind(bound(limit)).push(" OFFSET ").bind(bound(query.offset));
    statement.push(") SELECT matches, user_id FROM (SELECT count(*) AS matches");
    push_matching(&mut statement);
    statement.push(") AS counted LEFT JOIN chosen ON TRUE");
    push_order(&mut statement, query, false);
    statement
}

/// On SQLite: a page of the operators in these rows.
fn sort_statement(conn: &Conn<'_>, query: &OperatorQuery, rows: &[i64]) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement.push(COLUMNS).push(" FROM operator WHERE position IN (SELECT value FROM json_each(");
    statement.bind(Value::Text(to_json(&rows))).push(")) AND +org_id = ").bind(Value::Int(conn.org.0));
    push_order(&mut statement, query, false);
    let limit = u64::try_from(query.limit).unwrap_or(u64::MAX);
    statement.push(" LIMIT ").bind(bound(limit)).push(" OFFSET ").bind(bound(query.offset));
    statement
}

/// On SQLite: whether the operator in a row matches. The row comes first.
fn look_statement(conn: &Conn<'_>, needle: &str) -> Statement {
    let mut statement = Statement::new("SELECT 1 FROM operator WHERE position = ");
    statement.bind(Value::Int(0)).push(" AND +org_id = ").bind(Value::Int(conn.org.0)).push(" AND ");
    push_match(&mut statement, conn, needle);
    statement
}

/// On SQLite: who matches of those behind a position, who are not in the index.
fn behind_statement(conn: &Conn<'_>, needle: &str, last: Position) -> Statement {
    let place =
        |position: Position| Value::Int(position.in_column(conn.dialect(), conn.org, Directory::Operators));
    let mut statement = Statement::new("SELECT position FROM operator WHERE position > ");
    statement.bind(place(last)).push(" AND position <= ").bind(place(Position::END));
    statement.push(" AND +org_id = ").bind(Value::Int(conn.org.0)).push(" AND ");
    push_match(&mut statement, conn, needle);
    statement.push(" ORDER BY position");
    statement
}

/// The statements that search on SQLite; public for the tests that prepare them and read query plans.
pub fn sqlite_search_statements(conn: &Conn<'_>, needle: &str) -> [Statement; 3] {
    [look_statement(conn, needle), behind_statement(conn, needle, Position::START), read_statement(conn)]
}

/// The statement that counts how many match of those that PostgreSQL has first; public for the test that prepares it.
pub fn sample_statement(conn: &Conn<'_>, needle: &str) -> Statement {
    let mut statement =
        Statement::new("SELECT count(*) FROM (SELECT search_text FROM operator WHERE org_id = ");
    statement.bind(Value::Int(conn.org.0));
    statement.push(" ORDER BY position LIMIT ").bind(Value::Int(WALKED_FIRST)).push(") AS first WHERE ");
    push_match(&mut statement, conn, needle);
    statement
}

/// How those that match are come by on PostgreSQL.
fn route(conn: &Conn<'_>, needle: &str) -> Result<Route> {
    if WindowQuery::new(conn, Directory::Operators, needle).is_rare {
        return Ok(Route::Index);
    }
    let found = conn.all_of(&sample_statement(conn, needle), |row| row.int(0))?;
    let found: u64 = found.into_iter().map(|found| u64::try_from(found).unwrap_or(0)).sum();
    let is_common = found.saturating_mul(WALK_SHARE) >= WALKED_FIRST.unsigned_abs();
    Ok(if is_common { Route::Walk } else { Route::Index })
}

/// A page of those that match, and how many match. The needle is folded and not empty.
pub(super) fn found(conn: &Conn<'_>, query: &OperatorQuery, needle: &str) -> Result<OperatorPage> {
    match conn.dialect() {
        Dialect::Sqlite => conn.in_snapshot(|| found_in_index(conn, query, needle)),
        Dialect::Postgres => {
            let statement = statement(conn, query, needle, route(conn, needle)?);
            let (mut ids, mut total) = (Vec::new(), 0);
            conn.all_of(&statement, |row| {
                total = u64::try_from(row.int(0)?).unwrap_or(0);
                if row.optional_blob(1)?.is_some() {
                    ids.push(row.id(1, UserId::from_column)?);
                }
                Ok(())
            })?;
            let mut texts = Gathered::default();
            let rows = in_order(conn, &ids, &mut texts)?;
            Ok(OperatorPage { operators: listed_with(rows, texts)?, total })
        }
    }
}

/// On SQLite, where the index tells who matches before anybody's row is looked at.
fn found_in_index(conn: &Conn<'_>, query: &OperatorQuery, needle: &str) -> Result<OperatorPage> {
    let mut look_up = conn.look_up(&look_statement(conn, needle))?;
    let all = matches(
        conn,
        Directory::Operators,
        needle,
        |row| Ok(look_up.find(row, |_| Ok(()))?.is_some()),
        |last| conn.all_of(&behind_statement(conn, needle, last), |row| row.int(0)),
    )?;
    let total = all.len() as u64;
    let wanted = u64::try_from(query.limit).unwrap_or(u64::MAX).min(total.saturating_sub(query.offset));
    if wanted == 0 {
        return Ok(OperatorPage { operators: Listed::default(), total });
    }
    // Of each that is passed over by a walk in the order, from the nearer end of the list, some do not match.
    let passed = (query.offset + wanted).min(total - query.offset);
    let operators = u64::try_from(count(conn)?).unwrap_or(0);
    let walked = passed.saturating_mul(operators) / total;
    let mut texts = Gathered::default();
    let rows = if walked <= total.saturating_mul(LOOKED_UP) {
        walk(conn, query, &all, wanted, &mut texts)?
    } else {
        conn.all_of(&sort_statement(conn, query, &all.rows()), |row| keep_operator(row, &mut texts))?
    };
    Ok(OperatorPage { operators: listed_with(rows, texts)?, total })
}

/// The operators of a page with so many on it, who are come to by walking through everybody in the order that is wanted, from the
/// nearer end.
fn walk(
    conn: &Conn<'_>,
    query: &OperatorQuery,
    all: &Matches,
    wanted: u64,
    texts: &mut Gathered,
) -> Result<Vec<ListedOperator>> {
    let behind = (all.len() as u64).saturating_sub(query.offset).saturating_sub(wanted);
    let from_end = behind < query.offset;
    let mut skipped = if from_end { behind } else { query.offset };
    let mut rows = Vec::new();
    for statement in in_their_order(conn, query, from_end) {
        conn.each_of(&statement, |row| {
            let row = row.int(0)?;
            if all.have(row) {
                if skipped > 0 {
                    skipped -= 1;
                } else {
                    rows.push(row);
                }
            }
            let is_enough = rows.len() as u64 >= wanted;
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if rows.len() as u64 >= wanted {
            break;
        }
    }
    if from_end {
        rows.reverse();
    }
    let mut read = conn.look_up(&read_statement(conn))?;
    let operators = rows.into_iter().map(|row| read.find(row, |row| keep_operator(row, texts)));
    operators.filter_map(Result::transpose).collect()
}

/// The statement that reads the operator in a row, which comes first.
fn read_statement(conn: &Conn<'_>) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement.push(COLUMNS).push(" FROM operator WHERE position = ").bind(Value::Int(0));
    statement.push(" AND +org_id = ").bind(Value::Int(conn.org.0));
    statement
}
