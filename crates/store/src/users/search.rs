//! Substring search over the folded search text, within one organization.
//!
//! The index holds every window of three characters, padded at the end of the text, so that each character begins a
//! window. A needle of three or more characters is the conjunction of its windows; a needle of one or two is a prefix
//! of a window. Candidates are checked against the text itself, for windows can come from different places.
//!
//! The index never looks at another organization's part: on SQLite its keys begin with the organization, on PostgreSQL a
//! window's word does. `sqlite/postings` says how the windows lie on SQLite, `windows` how they do on PostgreSQL.

use std::ops::ControlFlow;

use denizen_domain::fold::fold;
use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;
use denizen_domain::permission::Filter;

use super::page::{among_ids, listed_columns, push_walk, users_named_by};
use super::{ListedUser, Position, WindowQuery, count, keep_user, listed};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::{Dialect, Row, Statement, Value};
use crate::sqlite::postings::{Found, candidates};
use crate::texts::{Gathered, Listed, listed_with};
use crate::visibility::{USERS, push_filter};

/// A search over one directory.
#[derive(Debug, Clone)]
pub struct UserSearch {
    pub directory: Directory,
    /// As the caller sent it; folded here. An empty needle matches every user.
    pub needle: String,
    /// Only these users.
    pub ids: Option<Vec<UserId>>,
    pub is_verified: Option<bool>,
    /// What the caller may see; tests of `org_id` are already gone from it.
    pub visible: Filter,
    /// The most users to answer, in the order of their creation.
    pub limit: i64,
}

/// The only users that can be answered, when the caller or the caller's grants name them.
fn named_users(search: &UserSearch) -> Option<Vec<UserId>> {
    match (&search.ids, users_named_by(&search.visible)) {
        (Some(ids), Some(named)) => Some(ids.iter().filter(|id| named.contains(id)).copied().collect()),
        (Some(ids), None) => Some(ids.clone()),
        (None, named) => named,
    }
}

/// Users that PostgreSQL looks through in their order before the index is asked: who has no more of them needs no index,
/// and many matches among them mean that the first ones are near. Each costs a microsecond, whatever is looked for.
pub(crate) const WALKED_FIRST: i64 = 128;

/// How the users of a search are come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// They are named.
    LookUp,
    /// The index names candidates.
    Index,
    /// All users, in their order, until there are enough.
    Walk,
    /// Only the first so many users, in their order.
    WalkFirst,
    /// All users behind a position, in their order, until there are enough: those who are not in SQLite's index.
    WalkFrom(Position),
}

/// The statement of [`search`] by one route; public for the tests that prepare it and read query plans.
pub fn search_statement(conn: &Conn<'_>, search: &UserSearch, route: Route) -> Statement {
    // Control characters are dropped by folding, as they are from the text.
    let needle = fold(&search.needle);
    let directory = search.directory;
    let mut statement = Statement::new("SELECT ");
    statement.push(listed_columns(conn.dialect()));
    match (route, conn.dialect()) {
        (Route::Index, Dialect::Sqlite) => {
            // A candidate, which changes from run to run.
            statement.push(" FROM users WHERE position = ").bind(Value::Int(0));
            statement.push(" AND +org_id = ").bind(Value::Int(conn.org.0));
        }
        (Route::LookUp, dialect) => {
            let ids = named_users(search).unwrap_or_default();
            statement.push(" FROM users WHERE org_id = ").bind(Value::Int(conn.org.0));
            statement.push(among_ids(dialect)).bind(Value::Int(directory.number()));
            statement
                .push(" AND user_id IN ")
                .bind_list(ids.iter().map(|id| Value::Blob(id.0.to_vec())).collect());
        }
        (Route::Index, Dialect::Postgres) => {
            // Engine: the candidates are found first and looked up one by one. In any other form the planner, which does
            // not know how few they are, would read all users of the organization, or all search entries of it: so the
            // organization is asked for in a way that no index serves.
            statement.push(
                " FROM (WITH found AS MATERIALIZED (SELECT position AS candidate FROM user_search WHERE ",
            );
            let query = WindowQuery::new(conn, directory, &needle);
            statement.push("windows @@ CAST(").bind(Value::Text(query.text));
            statement.push("::text AS tsquery) AND org_id + 0 = ").bind(Value::Int(conn.org.0));
            statement.push(") SELECT candidate FROM found ORDER BY candidate) AS found CROSS JOIN LATERAL ");
            statement.push("(SELECT * FROM users WHERE org_id = ").bind(Value::Int(conn.org.0));
            statement.push(" AND directory = ").bind(Value::Int(directory.number()));
            statement.push(" AND position = candidate OFFSET 0) AS users WHERE TRUE");
        }
        (Route::Walk | Route::WalkFrom(_), _) => {
            let after = if let Route::WalkFrom(after) = route { after } else { Position::START };
            statement.push(" FROM users WHERE ");
            push_walk(&mut statement, conn, directory, after);
        }
        (Route::WalkFirst, _) => {
            statement.push(" FROM (SELECT * FROM users WHERE ");
            push_walk(&mut statement, conn, directory, Position::START);
            statement.push(" ORDER BY position LIMIT ").bind(Value::Int(WALKED_FIRST));
            statement.push(") AS users WHERE TRUE");
        }
    }
    if !needle.is_empty() {
        // Engine: unlike LIKE these know no wildcards, and take needles of any length.
        let function = if conn.dialect() == Dialect::Sqlite { "instr" } else { "strpos" };
        statement.push(" AND ").push(function).push("(search_text, ").bind(Value::Text(needle)).push(") > 0");
    }
    if let Some(verified) = search.is_verified {
        statement.push(" AND is_verified = ").bind(Value::Int(verified.into()));
    }
    push_filter(&mut statement, &USERS, &search.visible);
    statement.push(match (route, conn.dialect()) {
        // There is one at most.
        (Route::Index, Dialect::Sqlite) => return statement,
        // The plus keeps the order from luring SQLite's planner into a walk.
        (Route::LookUp, Dialect::Sqlite) => " ORDER BY +position LIMIT ",
        // They are in this order already, and said so the search ends with the last one that is wanted.
        (Route::Index, Dialect::Postgres) => " ORDER BY candidate LIMIT ",
        _ => " ORDER BY position LIMIT ",
    });
    statement.bind(Value::Int(search.limit));
    statement
}

/// The users whose first name, last name, "first last" or address contains the needle, case and accents aside.
pub fn search(conn: &Conn<'_>, search: &UserSearch) -> Result<Listed<ListedUser>> {
    if search.visible.is_never() {
        return Ok(Listed::default());
    }
    let needle = fold(&search.needle);
    // A few named users are looked up; walking through the organization's part of the index would cost more.
    let route = if named_users(search).is_some() {
        Route::LookUp
    } else if needle.is_empty() {
        Route::Walk
    } else if conn.dialect() == Dialect::Sqlite {
        let statement = |route, limit| search_statement(conn, &UserSearch { limit, ..search.clone() }, route);
        let mut texts = Gathered::default();
        let keep = |row: &Row<'_>| keep_user(row, &mut texts);
        let rows = search_index(conn, (search.directory, &needle, search.limit), statement, keep)?;
        return listed_with(rows, texts);
    } else if WindowQuery::new(conn, search.directory, &needle).is_rare {
        Route::Index
    } else {
        let first = listed(conn, &search_statement(conn, search, Route::WalkFirst))?;
        let found = i64::try_from(first.rows.len()).unwrap_or(i64::MAX);
        if found >= search.limit {
            return Ok(first);
        }
        // What is not among the first is rare, or nowhere: whatever their number, the index knows.
        if found == 0 {
            Route::Index
        } else {
            let users = count(conn, search.directory)?;
            if users <= WALKED_FIRST {
                return Ok(first);
            }
            cheaper_route(users, found, search.limit)
        }
    };
    listed(conn, &search_statement(conn, search, route))
}

/// On SQLite: those of the candidates of the index, and then of everybody behind them, whom a statement finds, in the order of
/// creation. `statement` is made for a route and a limit; the needle is folded and not empty.
pub(crate) fn search_index<T>(
    conn: &Conn<'_>,
    (directory, needle, limit): (Directory, &str, i64),
    statement: impl Fn(Route, i64) -> Statement,
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    if most == 0 {
        return Ok(found);
    }
    conn.in_snapshot(|| {
        let mut look_up = conn.look_up(&statement(Route::Index, 1))?;
        let seen = candidates(conn, directory, needle, |row| {
            found.extend(look_up.find(row, &mut read)?);
            Ok(if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        if let Found::AllUpTo(position) = seen {
            let rest = limit - i64::try_from(found.len()).unwrap_or(i64::MAX);
            found.extend(conn.all_of(&statement(Route::WalkFrom(position), rest), &mut read)?);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Engine: PostgreSQL's index names its candidates in no order, so all of them have to be found before the first `limit`
/// are known; a walk in order ends as soon as it has as many. Which is cheaper depends on how many matches there are, and
/// the first users tell about that. What is compared are measured costs, in tenths of a microsecond: a user that is walked
/// past, a candidate that is found, and one that is looked up. So the number of users that are looked at grows with the
/// root of the directory's size.
pub(crate) fn cheaper_route(users: i64, found_first: i64, limit: i64) -> Route {
    const WALKED: i64 = 10;
    const FOUND: i64 = 8;
    const LOOKED_UP: i64 = 30;
    let matches = users.saturating_mul(found_first.max(1)) / WALKED_FIRST;
    let missing = limit - found_first;
    let walked = (users - WALKED_FIRST).min(missing.saturating_mul(WALKED_FIRST) / found_first.max(1));
    if walked * WALKED <= matches * FOUND + matches.min(limit) * LOOKED_UP {
        Route::Walk
    } else {
        Route::Index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_matches_are_walked_to_and_few_are_looked_up() {
        assert_eq!(cheaper_route(400_000, 0, 1_000), Route::Index);
        assert_eq!(cheaper_route(400_000, 1, 1_000), Route::Index);
        assert_eq!(cheaper_route(400_000, 900, 1_000), Route::Walk);
        assert_eq!(cheaper_route(400_000, 2_000, 10_000), Route::Walk);
    }
}
