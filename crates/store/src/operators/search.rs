//! Search for operators within one organization, in the index that users lie in, which `users::search` describes.
//!
//! A list of operators tells how long it is, so all that match are found, whatever part of them is wanted.

use std::ops::ControlFlow;

use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;

use super::count;
use super::page::{OperatorQuery, bound, push_columns, push_order};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::{Dialect, Statement, Value, to_json};
use crate::sqlite::postings::{Found, candidates};
use crate::users::{Position, Route, WALKED_FIRST, window_query};

/// Of so many operators at least one matches, where looking through all of them is cheaper than finding those that match in
/// the index and looking them up one by one.
const WALK_SHARE: u64 = 4;

/// Puts whether the text of an operator has the needle.
fn push_match(statement: &mut Statement, conn: &Conn<'_>, needle: &str) {
    // Engine: unlike LIKE these know no wildcards, and take needles of any length.
    let function = if conn.dialect() == Dialect::Sqlite { "instr" } else { "strpos" };
    statement.push(function).push("(search_text, ").bind(Value::Text(needle.to_owned())).push(") > 0");
}

/// Whom SQLite's index names: the rows of those who may match, and behind whom nobody is in it.
struct Named {
    rows: Vec<i64>,
    up_to: Position,
}

/// The statement that finds a page among those that match by one route; each row has the number of all of these, and an id
/// but where the page is empty. Public for the tests that prepare it and read query plans. A walk goes through everybody.
pub fn search_statement(conn: &Conn<'_>, query: &OperatorQuery, needle: &str, route: Route) -> Statement {
    statement(conn, query, needle, route, &Named { rows: Vec::new(), up_to: Position::START })
}

fn statement(conn: &Conn<'_>, query: &OperatorQuery, needle: &str, route: Route, named: &Named) -> Statement {
    let (org, directory) = (Value::Int(conn.org.0), Directory::Operators);
    let place = |position: Position| Value::Int(position.in_column(conn.dialect(), conn.org, directory));
    let mut statement = Statement::new("WITH found AS MATERIALIZED (SELECT user_id");
    push_columns(&mut statement, query);
    match (route, conn.dialect()) {
        (Route::Index, Dialect::Sqlite) => {
            statement.push(" FROM operator WHERE position IN (SELECT value FROM json_each(");
            statement.bind(Value::Text(to_json(&named.rows))).push(")) AND +org_id = ").bind(org.clone());
            statement.push(" AND ");
            push_match(&mut statement, conn, needle);
            statement.push(" UNION ALL SELECT user_id");
            push_columns(&mut statement, query);
            statement.push(" FROM operator WHERE position > ").bind(place(named.up_to));
            statement.push(" AND position <= ").bind(place(Position::END));
            statement.push(" AND +org_id = ").bind(org);
        }
        (Route::Index, Dialect::Postgres) => {
            // Engine: the candidates are found first and looked up one by one, as those of users are.
            statement.push(
                " FROM (WITH candidates AS MATERIALIZED (SELECT position AS candidate FROM user_search ",
            );
            statement.push("WHERE windows @@ CAST(");
            statement.bind(Value::Text(window_query(conn.org, directory, needle)));
            statement.push("::text AS tsquery) AND org_id + 0 = ").bind(org.clone());
            statement.push(") SELECT candidate FROM candidates ORDER BY candidate) AS candidates ");
            statement.push("CROSS JOIN LATERAL (SELECT * FROM operator WHERE org_id = ").bind(org);
            statement.push(" AND position = candidate OFFSET 0) AS operator WHERE TRUE");
        }
        (_, Dialect::Sqlite) => {
            statement.push(" FROM operator WHERE position > ").bind(place(Position::START));
            statement.push(" AND position <= ").bind(place(Position::END));
            statement.push(" AND +org_id = ").bind(org);
        }
        (_, Dialect::Postgres) => {
            statement.push(" FROM operator WHERE org_id = ").bind(org);
        }
    }
    statement.push(" AND ");
    push_match(&mut statement, conn, needle);
    statement.push("), chosen AS (SELECT * FROM found");
    push_order(&mut statement, query, false);
    let limit = u64::try_from(query.limit).unwrap_or(u64::MAX);
    statement.push(" LIMIT ").bind(bound(limit)).push(" OFFSET ").bind(bound(query.offset));
    statement.push(") SELECT matches, user_id FROM (SELECT count(*) AS matches FROM found) AS counted ");
    statement.push("LEFT JOIN chosen ON TRUE");
    push_order(&mut statement, query, false);
    statement
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
    let found = conn.all_of(&sample_statement(conn, needle), |row| row.int(0))?;
    let found: u64 = found.into_iter().map(|found| u64::try_from(found).unwrap_or(0)).sum();
    let is_common = found.saturating_mul(WALK_SHARE) >= WALKED_FIRST.unsigned_abs();
    Ok(if is_common { Route::Walk } else { Route::Index })
}

/// Whom SQLite's index names; `None` when they are so many that looking through all operators is cheaper.
fn named(conn: &Conn<'_>, needle: &str) -> Result<Option<Named>> {
    let all = u64::try_from(count(conn)?).unwrap_or(0);
    let mut rows = Vec::new();
    let seen = candidates(conn, Directory::Operators, needle, |row| {
        rows.push(row);
        let is_common = (rows.len() as u64).saturating_mul(WALK_SHARE) >= all;
        Ok(if is_common { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(match seen {
        Found::Enough => None,
        Found::AllUpTo(up_to) => Some(Named { rows, up_to }),
    })
}

/// The ids of a page of those that match, and how many match. The needle is folded and not empty.
pub(super) fn found(conn: &Conn<'_>, query: &OperatorQuery, needle: &str) -> Result<(Vec<UserId>, u64)> {
    conn.in_snapshot(|| {
        let statement = match conn.dialect() {
            Dialect::Postgres => search_statement(conn, query, needle, route(conn, needle)?),
            Dialect::Sqlite => match named(conn, needle)? {
                Some(named) => statement(conn, query, needle, Route::Index, &named),
                None => search_statement(conn, query, needle, Route::Walk),
            },
        };
        let (mut ids, mut total) = (Vec::new(), 0);
        conn.all_of(&statement, |row| {
            total = u64::try_from(row.int(0)?).unwrap_or(0);
            if row.optional_blob(1)?.is_some() {
                ids.push(row.id(1, UserId::from_column)?);
            }
            Ok(())
        })?;
        Ok((ids, total))
    })
}
