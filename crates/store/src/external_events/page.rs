//! Pages of the events of one user.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::permission::{Filter, Scalar, Test, TestOp};

use super::{ExternalEvent, read_event};
use crate::conn::Conn;
use crate::error::Result;
use crate::keyset::{self, After, Key, Kind, Page, SortColumn, Walk, keys_of};
use crate::sql::{Dialect, Statement, Value};
use crate::visibility::{Target, push_filter};

/// What events can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortField {
    Type,
    StartsAt,
    EndsAt,
}

impl SortField {
    pub const ALL: [Self; 3] = [Self::Type, Self::StartsAt, Self::EndsAt];
}

pub type SortKey = keyset::SortKey<SortField>;

impl SortColumn for SortField {
    fn sort_column(self) -> (&'static str, Kind) {
        match self {
            Self::Type => ("type", Kind::Text),
            Self::StartsAt => ("starts_at", Kind::Int),
            Self::EndsAt => ("ends_at", Kind::Int),
        }
    }
}

/// Which events of a user, in which order, from where.
#[derive(Debug, Clone)]
pub struct EventQuery {
    pub user_id: UserId,
    pub ids: Option<Vec<ObjectId>>,
    /// What the caller may see; tests of the user's attributes are already gone from it.
    pub visible: Filter,
    pub sort: Vec<SortKey>,
    pub after: Option<After>,
    pub limit: usize,
}

impl EventQuery {
    /// Whether the page is a look-up or a short range, and not a walk through all that is known about the user.
    pub fn is_short(&self) -> bool {
        let looks_up = self.ids.as_ref().is_some_and(|ids| ids.len() <= 16);
        looks_up || (self.sort.len() <= 1 && self.ids.is_none() && self.visible.is_always())
    }
}

static EVENTS: Target = Target { column: event_column, value: event_value };

fn event_column(attribute: &str) -> Option<&'static str> {
    match attribute {
        "external_event_id" => Some("event_id"),
        "type" => Some("type"),
        _ => None,
    }
}

fn event_value(attribute: &str, scalar: &Scalar) -> Option<Value> {
    match (attribute, scalar) {
        ("external_event_id", Scalar::Text(text)) => {
            ObjectId::parse(text).map(|id| Value::Blob(id.0.to_vec()))
        }
        ("type", Scalar::Text(text)) => Some(Value::Text(text.clone())),
        _ => None,
    }
}

/// One page. Reads one event more than asked for, to know whether there is more.
pub fn page(conn: &Conn<'_>, query: &EventQuery) -> Result<Page<ExternalEvent>> {
    if query.visible.is_never() {
        return Ok(Page::empty());
    }
    let keys = keys_of(&query.sort);
    let walk = Walk { keys: &keys, after: query.after.as_ref(), limit: query.limit };
    keyset::page(conn, matching(conn, query, &walk), &walk, read_event)
}

/// What the event at `position` is sorted by now; `None` when it is gone, or when the caller may not see it.
pub fn sort_values(
    conn: &Conn<'_>,
    user: UserId,
    position: i64,
    sort: &[SortKey],
    visible: &Filter,
) -> Result<Option<Vec<Value>>> {
    if visible.is_never() {
        return Ok(None);
    }
    let keys = keys_of(sort);
    keyset::values_of(conn, &sort_values_statement(conn, user, position, &keys, visible), &keys)
}

/// Everything of a page's statement but where it begins, in which order, and where it ends.
fn matching(conn: &Conn<'_>, query: &EventQuery, walk: &Walk<'_>) -> Statement {
    let mut statement = walk.select();
    statement.push(", event_id, user_id, type, starts_at, ends_at, description, transcript");
    statement.push(" FROM external_event WHERE org_id = ").bind(Value::Int(conn.org.0));
    let user_id = Value::Blob(query.user_id.0.to_vec());
    match &query.ids {
        None => {
            statement.push(" AND user_id = ").bind(user_id);
        }
        // Engine: the look-up goes by id. An expression keeps SQLite's planner from walking in order instead.
        Some(ids) => {
            statement.push(match conn.dialect() {
                Dialect::Sqlite => " AND +user_id = ",
                Dialect::Postgres => " AND user_id = ",
            });
            statement.bind(user_id).push(" AND event_id IN ");
            statement.bind_list(ids.iter().map(|id| Value::Blob(id.0.to_vec())).collect());
        }
    }
    push_filter(&mut statement, &EVENTS, &query.visible);
    statement
}

fn sort_values_statement(
    conn: &Conn<'_>,
    user: UserId,
    position: i64,
    keys: &[Key],
    visible: &Filter,
) -> Statement {
    let mut statement = keyset::select_keys(keys);
    statement.push(" FROM external_event WHERE org_id = ");
    statement.bind(Value::Int(conn.org.0)).push(" AND user_id = ").bind(Value::Blob(user.0.to_vec()));
    statement.push(" AND position = ").bind(Value::Int(position));
    push_filter(&mut statement, &EVENTS, visible);
    statement
}

/// The statement of [`page`]; public for the tests that read query plans.
pub fn page_statement(conn: &Conn<'_>, query: &EventQuery) -> Result<Statement> {
    let keys = keys_of(&query.sort);
    let walk = Walk { keys: &keys, after: query.after.as_ref(), limit: query.limit };
    let mut statement = matching(conn, query, &walk);
    keyset::push_rest(&mut statement, conn.dialect(), &walk)?;
    Ok(statement)
}

/// A filter with every attribute and every comparison.
fn example_filter() -> Filter {
    let test = |attribute: &str, op| Test { attribute: attribute.to_owned(), op };
    let id = || Scalar::from("65f000000000000000000001");
    Filter {
        allow: vec![
            vec![
                test("external_event_id", TestOp::In(vec![id(), id()])),
                test("type", TestOp::Eq("x".into())),
            ],
            vec![test("external_event_id", TestOp::Ne(id())), test("type", TestOp::Ne("x".into()))],
        ],
        deny: vec![vec![test("external_event_id", TestOp::Eq("no id".into()))]],
    }
}

/// Every shape of statement that [`page`] and [`sort_values`] can make, for the test that prepares them.
pub fn example_statements(conn: &Conn<'_>) -> Result<Vec<Statement>> {
    let plain = EventQuery {
        user_id: UserId([1; 16]),
        ids: None,
        visible: Filter::always(),
        sort: Vec::new(),
        after: None,
        limit: 10,
    };
    let value = |key: &SortKey| match key.field {
        SortField::Type => Value::Text("x".to_owned()),
        SortField::StartsAt | SortField::EndsAt => Value::Int(1),
    };
    let mut sorts = vec![Vec::new()];
    for descending in [false, true] {
        let [kind, start, end] = SortField::ALL.map(|field| SortKey { field, descending });
        sorts.extend([vec![kind], vec![start], vec![end], vec![kind, end, start]]);
    }
    let mut statements = Vec::new();
    for sort in sorts {
        let after = Some(After { position: 1, values: sort.iter().map(value).collect() });
        for visible in [Filter::always(), example_filter()] {
            let first = EventQuery { sort: sort.clone(), visible: visible.clone(), ..plain.clone() };
            let next = EventQuery { after: after.clone(), ..first.clone() };
            let named = EventQuery { ids: Some(vec![ObjectId([1; 12]); 3]), ..next.clone() };
            for query in [first, next, named] {
                statements.push(page_statement(conn, &query)?);
            }
            if !sort.is_empty() {
                statements.push(sort_values_statement(conn, plain.user_id, 1, &keys_of(&sort), &visible));
            }
        }
    }
    Ok(statements)
}
