//! Search for contacts within one organization: by parts of their names, in the index that users lie in, which
//! `users::search` describes, and by what their addresses and numbers begin with.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::contact::Phone;
use denizen_domain::fold::fold;
use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;

use super::identifiers::find_beginning;
use super::{COLUMNS, Contact, Identifier, count, find_many, read_contact};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::{Dialect, Statement, Value};
use crate::users::{Position, Route, WALKED_FIRST, WindowQuery, cheaper_route, search_index};

/// The statement that searches the names by one route; public for the tests that prepare it and read query plans. Nobody
/// names contacts that are to be searched: [`Route::LookUp`] is a walk.
pub fn search_statement(conn: &Conn<'_>, needle: &str, limit: i64, route: Route) -> Statement {
    // Control characters are dropped by folding, as they are from the text.
    let needle = fold(needle);
    let (org, directory) = (Value::Int(conn.org.0), Directory::Contacts);
    let mut statement = Statement::new("SELECT ");
    statement.push(COLUMNS);
    match (route, conn.dialect()) {
        (Route::Index, Dialect::Sqlite) => {
            // A candidate, which changes from run to run.
            statement.push(" FROM contact WHERE position = ").bind(Value::Int(0));
            statement.push(" AND +org_id = ").bind(org);
        }
        (Route::Index, Dialect::Postgres) => {
            // Engine: the candidates are found first and looked up one by one, as those of users are.
            statement.push(
                " FROM (WITH found AS MATERIALIZED (SELECT position AS candidate FROM user_search WHERE ",
            );
            let query = WindowQuery::new(conn, directory, &needle);
            statement.push("windows @@ CAST(").bind(Value::Text(query.text));
            statement.push("::text AS tsquery) AND org_id + 0 = ").bind(org.clone());
            statement.push(") SELECT candidate FROM found ORDER BY candidate) AS found CROSS JOIN LATERAL ");
            statement.push("(SELECT * FROM contact WHERE org_id = ").bind(org);
            statement.push(" AND position = candidate OFFSET 0) AS contact WHERE TRUE");
        }
        (Route::Walk | Route::LookUp | Route::WalkFrom(_), _) => {
            let after = if let Route::WalkFrom(after) = route { after } else { Position::START };
            statement.push(" FROM contact WHERE ");
            push_walk(&mut statement, conn, after);
        }
        (Route::WalkFirst, _) => {
            statement.push(" FROM (SELECT * FROM contact WHERE ");
            push_walk(&mut statement, conn, Position::START);
            statement.push(" ORDER BY position LIMIT ").bind(Value::Int(WALKED_FIRST));
            statement.push(") AS contact WHERE TRUE");
        }
    }
    // An anonymized contact has no text, and nothing finds it.
    let function = if conn.dialect() == Dialect::Sqlite { "instr" } else { "strpos" };
    statement.push(" AND ").push(function).push("(search_text, ").bind(Value::Text(needle)).push(") > 0");
    statement.push(match (route, conn.dialect()) {
        // There is one at most.
        (Route::Index, Dialect::Sqlite) => return statement,
        (Route::Index, Dialect::Postgres) => " ORDER BY candidate LIMIT ",
        _ => " ORDER BY position LIMIT ",
    });
    statement.bind(Value::Int(limit));
    statement
}

/// All contacts behind a position, in the order of their positions.
fn push_walk(statement: &mut Statement, conn: &Conn<'_>, after: Position) {
    let place =
        |position: Position| Value::Int(position.in_column(conn.dialect(), conn.org, Directory::Contacts));
    match conn.dialect() {
        Dialect::Sqlite => {
            statement.push("position > ").bind(place(after));
            statement.push(" AND position <= ").bind(place(Position::END));
            statement.push(" AND +org_id = ").bind(Value::Int(conn.org.0));
        }
        Dialect::Postgres => {
            statement.push("org_id = ").bind(Value::Int(conn.org.0));
        }
    }
}

/// At most `limit` contacts: first those with an address or number that begins with the needle, in the order of these, then
/// those with a name that contains it, case and accents aside, in the order in which they were added. An empty needle
/// matches every contact that was not anonymized.
pub fn search(conn: &Conn<'_>, needle: &str, limit: i64) -> Result<Vec<Contact>> {
    let mut found = reached_by(conn, needle, limit)?;
    let rest = limit - i64::try_from(found.len()).unwrap_or(i64::MAX);
    if rest > 0 {
        let known: BTreeSet<UserId> = found.iter().map(|contact| contact.user_id).collect();
        let mut named = named(conn, needle, limit)?;
        named.retain(|contact| !known.contains(&contact.user_id));
        named.truncate(usize::try_from(rest).unwrap_or(usize::MAX));
        found.append(&mut named);
    }
    Ok(found)
}

/// Those with an address or number that begins with the needle.
fn reached_by(conn: &Conn<'_>, needle: &str, limit: i64) -> Result<Vec<Contact>> {
    let needle = needle.trim();
    let beginnings = [
        // Nobody has an address with a control character, and PostgreSQL refuses to be asked for NUL.
        (!needle.is_empty() && !needle.contains(char::is_control)).then(|| Identifier::email(needle)),
        Phone::beginning(needle).map(|number| Identifier::phone(&number)),
    ];
    let limit = usize::try_from(limit).unwrap_or_default();
    let mut users: Vec<UserId> = Vec::new();
    for beginning in beginnings.into_iter().flatten() {
        for user in find_beginning(conn, &beginning, limit)? {
            if !users.contains(&user) {
                users.push(user);
            }
        }
    }
    users.truncate(limit);
    let mut contacts: BTreeMap<UserId, Contact> =
        find_many(conn, &users)?.into_iter().map(|contact| (contact.user_id, contact)).collect();
    Ok(users.iter().filter_map(|user| contacts.remove(user)).collect())
}

fn named(conn: &Conn<'_>, needle: &str, limit: i64) -> Result<Vec<Contact>> {
    let folded = fold(needle);
    let route = if folded.is_empty() {
        Route::Walk
    } else if conn.dialect() == Dialect::Sqlite {
        let statement = |route, limit| search_statement(conn, needle, limit, route);
        return search_index(conn, (Directory::Contacts, &folded, limit), statement, read_contact);
    } else if WindowQuery::new(conn, Directory::Contacts, &folded).is_rare {
        Route::Index
    } else {
        let first = conn.all_of(&search_statement(conn, needle, limit, Route::WalkFirst), read_contact)?;
        let found = i64::try_from(first.len()).unwrap_or(i64::MAX);
        if found >= limit {
            return Ok(first);
        }
        // As for users.
        if found == 0 {
            Route::Index
        } else {
            let contacts = count(conn)?;
            if contacts <= WALKED_FIRST {
                return Ok(first);
            }
            cheaper_route(contacts, found, limit)
        }
    };
    conn.all_of(&search_statement(conn, needle, limit, route), read_contact)
}
