//! Pages of users over a total order: the sort keys, then the position.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::Directory;
use denizen_domain::permission::{Filter, Scalar, TestOp};

use super::{COLUMNS, ListedUser, Position, Route, User, UserSearch, find_kept, keep_user, search_statement};
use crate::conn::Conn;
use crate::error::{Result, StoreError};
use crate::keyset::{self, Kind, SortColumn, beyond, keys_of, push_after, push_order, push_whole_range};
use crate::sql::{Dialect, Param, Row, Sql, Statement, Value};
use crate::texts::{Gathered, Listed, listed_with, room_for};
use crate::visibility::{USERS, push_filter};

/// What users can be sorted by. Names are compared folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortField {
    FirstName,
    LastName,
    Email,
    Conversations,
    Messages,
    LastMessage,
}

impl SortField {
    pub const ALL: [Self; 6] = [
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::Conversations,
        Self::Messages,
        Self::LastMessage,
    ];

    fn column(self) -> &'static str {
        match self {
            Self::FirstName => "first_key",
            Self::LastName => "last_key",
            Self::Email => "email_key",
            Self::Conversations => "num_conversations",
            Self::Messages => "num_messages",
            Self::LastMessage => "last_message_at",
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Self::FirstName | Self::LastName | Self::Email)
    }

    fn read(self, row: &Row<'_>, column: usize) -> Result<Value> {
        Ok(if self.is_text() { Value::Text(row.text(column)?) } else { Value::Int(row.int(column)?) })
    }
}

pub type SortKey = keyset::SortKey<SortField>;

impl SortColumn for SortField {
    fn sort_column(self) -> (&'static str, Kind) {
        (self.column(), if self.is_text() { Kind::Text } else { Kind::Int })
    }
}

/// The last user of the page before: where this one goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    pub position: Position,
    /// What that user was sorted by, one value per sort key.
    pub values: Vec<Value>,
}

/// Which users, in which order, from where.
#[derive(Debug, Clone)]
pub struct UserQuery {
    pub directory: Directory,
    pub ids: Option<Vec<UserId>>,
    pub email_keys: Option<Vec<String>>,
    pub is_verified: Option<bool>,
    /// What the caller may see; tests of `org_id` are already gone from it.
    pub visible: Filter,
    pub sort: Vec<SortKey>,
    pub after: Option<After>,
    pub limit: usize,
}

impl UserQuery {
    /// Whether the page is a look-up or a short range, and not a search through the organization.
    pub fn is_short(&self) -> bool {
        let looks_up = self.ids.as_ref().is_some_and(|ids| ids.len() <= 16);
        let plain = self.sort.is_empty()
            && self.is_verified.is_none()
            && self.email_keys.is_none()
            && self.visible.is_always()
            && self.limit <= 100;
        looks_up || plain
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPage {
    pub users: Listed<ListedUser>,
    /// Where the next page goes on, when there is more.
    pub next: Option<After>,
    /// Whether there is more than this page holds.
    pub has_more: bool,
}

/// The users that a filter can admit at most, when it names them itself.
///
/// A caller who sees but a few users (usually only themselves) must not pay for a walk through the organization.
pub(super) fn users_named_by(filter: &Filter) -> Option<Vec<UserId>> {
    let mut named = Vec::new();
    for conjunction in &filter.allow {
        let test = conjunction.iter().find(|test| test.attribute == "user_id")?;
        let ids = match &test.op {
            TestOp::Eq(id) => std::slice::from_ref(id),
            TestOp::In(ids) => ids,
            TestOp::Ne(_) => return None,
        };
        named.extend(ids.iter().filter_map(|id| match id {
            Scalar::Text(text) => UserId::parse_member(text),
            _ => None,
        }));
    }
    Some(named)
}

/// One page. Reads one user more than asked for, to know whether there is more.
pub fn page(conn: &Conn<'_>, query: &UserQuery) -> Result<UserPage> {
    page_by(conn, query, &RoleNames::default())
}

/// As [`page`], by names of roles that may have been read before.
pub fn page_by(conn: &Conn<'_>, query: &UserQuery, roles: &RoleNames) -> Result<UserPage> {
    if query.visible.is_never() {
        return Ok(UserPage { users: Listed::default(), next: None, has_more: false });
    }
    if query.after.as_ref().is_some_and(|after| after.values.len() != query.sort.len()) {
        return Err(StoreError::Internal("a page goes on after other keys than it is sorted by".to_owned()));
    }
    if let Some(found) = look_up_one(conn, query, roles)? {
        return Ok(found);
    }
    let most = query.limit.saturating_add(1);
    let (mut rows, mut texts) = (room_for(most), Gathered::with_room(most));
    let mut last_sorted_by = Vec::new();
    conn.all_of(&page_statement(conn, query), |row| {
        rows.push(keep_user(row, &mut texts)?);
        if rows.len() == query.limit {
            for (at, key) in query.sort.iter().enumerate() {
                last_sorted_by.push(key.field.read(row, SORT_COLUMNS_START + at)?);
            }
        }
        Ok(())
    })?;
    let has_more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = match rows.last() {
        Some(last) if has_more => Some(After { position: last.position, values: last_sorted_by }),
        _ => None,
    };
    Ok(UserPage { users: listed_with(rows, texts)?, next, has_more })
}

/// The usual way to get one user: by id and nothing else. What the caller may see is decided on the loaded user, which
/// costs a fraction of the same decision inside a page's statement.
fn look_up_one(conn: &Conn<'_>, query: &UserQuery, roles: &RoleNames) -> Result<Option<UserPage>> {
    let (Some([id]), None) = (query.ids.as_deref(), &query.email_keys) else {
        return Ok(None);
    };
    if query.limit == 0 || query.after.is_some() {
        return Ok(None);
    }
    let mut texts = Gathered::default();
    let found = find_kept(conn, query.directory, *id, &mut texts)?;
    let mut users = listed_with(found.into_iter().collect(), texts)?;
    if let Some(user) = users.rows.first()
        && !(query.is_verified.is_none_or(|wanted| user.is_verified == wanted)
            && admits_by(conn, &query.visible, user, users.texts.get(user.email), roles)?)
    {
        users.rows.clear();
    }
    Ok(Some(UserPage { users, next: None, has_more: false }))
}

/// Names of an organization's roles, as far as they were needed. A role keeps its name. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct RoleNames(Arc<Mutex<BTreeMap<ObjectId, String>>>);

impl RoleNames {
    fn find(&self, conn: &Conn<'_>, role: ObjectId) -> Result<Option<String>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&role).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let found =
            conn.optional(&ROLE_NAME, &[conn.org_param(), Param::Blob(&role.0)], |row| row.text(0))?;
        if let Some(name) = &found {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(role, name.clone());
        }
        Ok(found)
    }
}

/// Whether a filter admits a user of this organization: what [`push_filter`] says in SQL, for one loaded user.
pub fn admits(conn: &Conn<'_>, filter: &Filter, user: &User) -> Result<bool> {
    admits_by(conn, filter, user, &user.email, &RoleNames::default())
}

/// As [`admits`], by names of roles that may have been read before.
fn admits_by<T, M>(
    conn: &Conn<'_>,
    filter: &Filter,
    user: &User<T, M>,
    email: &str,
    roles: &RoleNames,
) -> Result<bool> {
    if filter.is_always() {
        return Ok(true);
    }
    let mut tests = filter.allow.iter().chain(&filter.deny).flatten();
    let role_name =
        if tests.any(|test| test.attribute == "role_name") { roles.find(conn, user.role_id)? } else { None };
    let texts = user.attribute_texts_with(email, role_name);
    Ok(filter.admits(&|name| user.attribute(&texts, name)))
}

static ROLE_NAME: Sql =
    Sql::new("user.role_name", "SELECT name FROM role WHERE org_id = $1 AND role_id = $2");

/// [`COLUMNS`] of a list.
///
/// Engine: PostgreSQL takes longer to put a value into its answer than to compare it, and of a row most are what they are with
/// most users, which NULL stands for. SQLite takes as long for either.
pub(super) fn listed_columns(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => COLUMNS,
        Dialect::Postgres => {
            "position, user_id, email, first_name, last_name, role_id, is_verified, nullif(preferences, '{}'), \
             nullif(open_variables, '{}'), nullif(secret_variables, '{}'), nullif(num_conversations, 0), \
             nullif(num_messages, 0), nullif(last_message_at, 0), nullif(created_api_key, FALSE), created_at"
        }
    }
}

/// [`listed_columns`] has so many; the sort keys stand behind them.
const SORT_COLUMNS_START: usize = 15;

/// The statement of [`page`]; public for the test that reads query plans.
pub fn page_statement(conn: &Conn<'_>, query: &UserQuery) -> Statement {
    let mut ids = query.ids.clone();
    if let Some(named) = users_named_by(&query.visible) {
        ids = Some(match ids {
            Some(ids) => ids.into_iter().filter(|id| named.contains(id)).collect(),
            None => named,
        });
    }
    let mut statement = Statement::new("");
    // Engine: a look-up is done before anything is sorted, or the planner would be lured into a walk by the order.
    let looks_up = ids.is_some() || query.email_keys.is_some();
    if looks_up {
        statement.push("WITH named AS MATERIALIZED (SELECT * FROM users WHERE org_id = ");
        statement.bind(Value::Int(conn.org.0));
        statement.push(if ids.is_some() { among_ids(conn.dialect()) } else { " AND directory = " });
        statement.bind(Value::Int(query.directory.number()));
        push_names(&mut statement, query, ids);
        statement.push(") ");
    }
    let from = if looks_up { "named AS users" } else { "users" };
    push_matching(&mut statement, conn, query, from);
    match (&query.after, query.sort.as_slice()) {
        (Some(after), [key]) if conn.dialect() == Dialect::Sqlite => {
            push_after_tie(&mut statement, conn, query, *key, after);
            statement.push(" UNION ALL ");
            push_matching(&mut statement, conn, query, from);
            statement.push(" AND ").push(key.field.column()).push(beyond(key.descending));
            statement.bind(after.values[0].clone());
        }
        (Some(_), []) => {}
        (None, _) if looks_up => {}
        (None, _) => push_whole_range(&mut statement, conn.dialect(), &keys_of(&query.sort)),
        (Some(after), _) => {
            let place = after.position.in_column(conn.dialect(), conn.org, query.directory);
            push_after(&mut statement, &keys_of(&query.sort), &after.values, place);
        }
    }
    push_order(&mut statement, &keys_of(&query.sort));
    statement
        .push(" LIMIT ")
        .bind(Value::Int(i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX)));
    statement
}

/// How the directory of users who are named by ids is asked for. Engine: of eight ids or more SQLite's planner would think
/// that an index which begins with the directory leads to fewer users, and walk through all of it; the plus keeps it away.
pub(super) fn among_ids(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => " AND +directory = ",
        Dialect::Postgres => " AND directory = ",
    }
}

/// Which users are named, by id or address.
fn push_names(statement: &mut Statement, query: &UserQuery, ids: Option<Vec<UserId>>) {
    if let Some(ids) = ids {
        statement
            .push(" AND user_id IN ")
            .bind_list(ids.iter().map(|id| Value::Blob(id.0.to_vec())).collect());
    }
    if let Some(keys) = &query.email_keys {
        statement.push(" AND email_key IN ").bind_list(keys.iter().cloned().map(Value::Text).collect());
    }
}

/// Everything of the query but who is named, where it begins, in which order, and where it ends.
fn push_matching(statement: &mut Statement, conn: &Conn<'_>, query: &UserQuery, from: &str) {
    statement.push("SELECT ").push(listed_columns(conn.dialect()));
    for key in &query.sort {
        statement.push(", ").push(key.field.column());
    }
    statement.push(" FROM ").push(from).push(" WHERE ");
    let after = query.after.as_ref().map(|after| after.position);
    if query.sort.is_empty() {
        push_walk(statement, conn, query.directory, after.unwrap_or(Position::START));
    } else {
        push_directory(statement, conn, query.directory);
    }
    if let Some(verified) = query.is_verified {
        statement.push(" AND is_verified = ").bind(Value::Int(verified.into()));
    }
    push_filter(statement, &USERS, &query.visible);
}

fn push_directory(statement: &mut Statement, conn: &Conn<'_>, directory: Directory) {
    statement.push("org_id = ").bind(Value::Int(conn.org.0));
    statement.push(" AND directory = ").bind(Value::Int(directory.number()));
}

/// The users of a directory behind a position, so that they are read in their order.
pub(super) fn push_walk(statement: &mut Statement, conn: &Conn<'_>, directory: Directory, after: Position) {
    let place = |position: Position| Value::Int(position.in_column(conn.dialect(), conn.org, directory));
    match conn.dialect() {
        Dialect::Sqlite => {
            statement.push("position > ").bind(place(after));
            statement.push(" AND position <= ").bind(place(Position::END));
            // The plus keeps the planner from another index.
            statement.push(" AND +org_id = ").bind(Value::Int(conn.org.0));
        }
        Dialect::Postgres => {
            push_directory(statement, conn, directory);
            statement.push(" AND position > ").bind(place(after));
        }
    }
}

/// The first half of everything after a user in an order by one key: the users who share that key and lie behind. The
/// other half is united with it.
///
/// Engine: SQLite enters an index at a key *and* a row id only for an equal key; compared as a row, or with OR, it would
/// walk through all who share the key, and most users share "no message yet".
fn push_after_tie(
    statement: &mut Statement,
    conn: &Conn<'_>,
    query: &UserQuery,
    key: SortKey,
    after: &After,
) {
    statement.push(" AND ").push(key.field.column()).push(" = ").bind(after.values[0].clone());
    let place = after.position.in_column(conn.dialect(), conn.org, query.directory);
    statement.push(" AND position").push(beyond(key.descending)).bind(Value::Int(place));
}

static SORT_VALUES: Sql = Sql::new(
    "user.sort_values",
    "SELECT first_key, last_key, email_key, num_conversations, num_messages, last_message_at FROM users
     WHERE org_id = $1 AND directory = $2 AND position = $3",
);

pub(crate) const STATEMENTS: &[&Sql] = &[&SORT_VALUES, &ROLE_NAME];

/// What the user at `position` is sorted by now; `None` when there is no such user any more.
pub fn sort_values(
    conn: &Conn<'_>,
    directory: Directory,
    position: Position,
    sort: &[SortKey],
) -> Result<Option<Vec<Value>>> {
    let place = position.in_column(conn.dialect(), conn.org, directory);
    let params = [conn.org_param(), Param::Int(directory.number()), Param::Int(place)];
    conn.optional(&SORT_VALUES, &params, |row| {
        sort.iter()
            .map(|key| {
                let column = SortField::ALL.iter().position(|field| *field == key.field).unwrap_or_default();
                key.field.read(row, column)
            })
            .collect()
    })
}

/// Every shape of statement that [`page`] and [`super::search`] can make, for the test that prepares them.
pub fn example_statements(conn: &Conn<'_>) -> Vec<Statement> {
    let plain = UserQuery {
        directory: Directory::Members,
        ids: None,
        email_keys: None,
        is_verified: None,
        visible: Filter::always(),
        sort: Vec::new(),
        after: None,
        limit: 10,
    };
    let mut queries = vec![plain.clone()];
    let after = |sort: &[SortKey]| After {
        position: Position(1),
        values: sort
            .iter()
            .map(|key| if key.field.is_text() { Value::Text("x".to_owned()) } else { Value::Int(1) })
            .collect(),
    };
    for field in SortField::ALL {
        for descending in [false, true] {
            let one = vec![SortKey { field, descending }];
            let two =
                vec![SortKey { field, descending }, SortKey { field: SortField::Email, descending: false }];
            for sort in [one, two] {
                queries.push(UserQuery { sort: sort.clone(), ..plain.clone() });
                queries.push(UserQuery { after: Some(after(&sort)), sort, ..plain.clone() });
            }
        }
    }
    queries.push(UserQuery {
        ids: Some(vec![UserId([1; 16]); 3]),
        email_keys: Some(vec!["a@b.c".to_owned()]),
        is_verified: Some(true),
        visible: crate::visibility::example_filter(),
        after: Some(after(&[])),
        ..plain
    });
    let mut statements: Vec<Statement> = queries.iter().map(|query| page_statement(conn, query)).collect();
    for (needle, route) in [
        ("", Route::Walk),
        ("a", Route::Index),
        ("abcd", Route::Index),
        ("ab", Route::Walk),
        ("abc", Route::WalkFirst),
        ("abc", Route::LookUp),
    ] {
        let search = UserSearch {
            directory: Directory::Members,
            needle: needle.to_owned(),
            ids: Some(vec![UserId([1; 16])]),
            is_verified: Some(false),
            visible: crate::visibility::example_filter(),
            limit: 10,
        };
        statements.push(search_statement(conn, &search, route));
    }
    statements
}
