//! Pages over a total order: the sort keys, then the position. The cost of a page does not grow with its depth where an
//! index holds the keys in that order.
//!
//! It knows nothing of what is listed: an aggregate gives its table's columns.

use crate::conn::Conn;
use crate::error::{Result, StoreError};
use crate::sql::{Dialect, Row, Statement, Value};

/// How a column's values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Blob,
}

/// A column to sort by. It cannot be NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) column: &'static str,
    pub(crate) kind: Kind,
    pub(crate) descending: bool,
}

/// What a list can be sorted by.
pub(crate) trait SortColumn: Copy {
    fn sort_column(self) -> (&'static str, Kind);
}

/// One of the fields that a list is sorted by; later ones break ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SortKey<F> {
    pub field: F,
    pub descending: bool,
}

pub(crate) fn keys_of<F: SortColumn>(sort: &[SortKey<F>]) -> Vec<Key> {
    let key = |key: &SortKey<F>| {
        let (column, kind) = key.field.sort_column();
        Key { column, kind, descending: key.descending }
    };
    sort.iter().map(key).collect()
}

/// The beginning of a statement for [`values_of`].
pub(crate) fn select_keys(keys: &[Key]) -> Statement {
    let columns: Vec<&str> = keys.iter().map(|key| key.column).collect();
    Statement::new(&format!("SELECT {}", columns.join(", ")))
}

/// The last row of the page before: where this one goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// What a continuation token holds.
    pub position: i64,
    /// What that row was sorted by, one value per sort key.
    pub values: Vec<Value>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Where the next page goes on, when there is more.
    pub next: Option<After>,
    /// Whether there is more than this page holds.
    pub has_more: bool,
}

impl<T> Page<T> {
    pub(crate) fn empty() -> Self {
        Self { rows: Vec::new(), next: None, has_more: false }
    }
}

/// In which order, from where, and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'q> {
    pub(crate) keys: &'q [Key],
    pub(crate) after: Option<&'q After>,
    pub(crate) limit: usize,
}

impl Walk<'_> {
    /// `position` and the keys, which stand at the beginning of what [`page`] selects.
    pub(crate) fn select(&self) -> Statement {
        let mut statement = Statement::new("SELECT position");
        for key in self.keys {
            statement.push(", ").push(key.column);
        }
        statement
    }
}

/// One page of `statement`, which was begun by [`Walk::select`] and ends in its last condition. `read` is given the
/// number of its first column. Reads one row more than asked for, to know whether there is more.
pub(crate) fn page<T>(
    conn: &Conn<'_>,
    mut statement: Statement,
    walk: &Walk<'_>,
    mut read: impl FnMut(&Row<'_>, usize) -> Result<T>,
) -> Result<Page<T>> {
    push_rest(&mut statement, conn.dialect(), walk)?;
    let first = 1 + walk.keys.len();
    let mut places = Vec::new();
    let mut rows = conn.all_of(&statement, |row| {
        places.push(After { position: row.int(0)?, values: read_values(row, 1, walk.keys)? });
        read(row, first)
    })?;
    let has_more = rows.len() > walk.limit;
    rows.truncate(walk.limit);
    let next = if has_more && !rows.is_empty() { Some(places.swap_remove(rows.len() - 1)) } else { None };
    Ok(Page { rows, next, has_more })
}

pub(crate) fn push_rest(statement: &mut Statement, dialect: Dialect, walk: &Walk<'_>) -> Result<()> {
    if let Some(after) = walk.after {
        if after.values.len() != walk.keys.len() {
            return Err(StoreError::Internal(
                "a page goes on after other keys than it is sorted by".to_owned(),
            ));
        }
        push_after(statement, walk.keys, &after.values, after.position);
    } else {
        push_whole_range(statement, dialect, walk.keys);
    }
    push_order(statement, walk.keys);
    let limit = i64::try_from(walk.limit.saturating_add(1)).unwrap_or(i64::MAX);
    statement.push(" LIMIT ").bind(Value::Int(limit));
    Ok(())
}

/// What the row of `statement` is sorted by now, which selects the columns of `keys`; `None` when it is gone.
pub(crate) fn values_of(conn: &Conn<'_>, statement: &Statement, keys: &[Key]) -> Result<Option<Vec<Value>>> {
    Ok(conn.all_of(statement, |row| read_values(row, 0, keys))?.pop())
}

fn read_values(row: &Row<'_>, first: usize, keys: &[Key]) -> Result<Vec<Value>> {
    let read = |(at, key): (usize, &Key)| {
        Ok(match key.kind {
            Kind::Int => Value::Int(row.int(first + at)?),
            Kind::Text => Value::Text(row.text(first + at)?),
            Kind::Blob => Value::Blob(row.blob(first + at)?.to_owned()),
        })
    };
    keys.iter().enumerate().map(read).collect()
}

pub(crate) fn beyond(descending: bool) -> &'static str {
    if descending { " < " } else { " > " }
}

/// The position breaks ties in the direction of the first key, so that an index can be read in one direction.
fn ties_descend(keys: &[Key]) -> bool {
    keys.first().is_some_and(|key| key.descending)
}

pub(crate) fn push_order(statement: &mut Statement, keys: &[Key]) {
    let direction = |descending: bool| if descending { " DESC" } else { "" };
    statement.push(" ORDER BY ");
    for key in keys {
        statement.push(key.column).push(direction(key.descending)).push(", ");
    }
    statement.push("position").push(direction(ties_descend(keys)));
}

/// A bound on the first of several keys that every value keeps.
///
/// Engine: SQLite's planner sorts all rows unless it sees a bound, where it could walk the index of the first key and
/// sort the few rows that share a value. Its numbers stand before its texts, and those before its bytes.
pub(crate) fn push_whole_range(statement: &mut Statement, dialect: Dialect, keys: &[Key]) {
    let ([key, _, ..], Dialect::Sqlite) = (keys, dialect) else { return };
    statement.push(" AND ").push(key.column).push(match (key.kind, key.descending) {
        (Kind::Int, false) => " >= -9e999",
        (Kind::Int, true) => " <= 9e999",
        (Kind::Text, false) => " >= ''",
        (Kind::Text, true) => " <= x''",
        (Kind::Blob, false) => " >= x''",
        // No id is as long as this.
        (Kind::Blob, true) => " <= x'ffffffffffffffffffffffffffffffffff'",
    });
}

/// Everything after a row. With one key, `(a, position) > (x, p)`. With several, whose directions may differ,
/// `(a > x) OR (a = x AND b < y) OR (a = x AND b = y AND position > p)`, and `a >= x` once more alone, so that the
/// index is entered at the first row with that key.
pub(crate) fn push_after(statement: &mut Statement, keys: &[Key], values: &[Value], place: i64) {
    match (keys, values) {
        ([key], [value]) => {
            statement.push(" AND (").push(key.column).push(", position)").push(beyond(key.descending));
            statement.push("(").bind(value.clone()).push(", ").bind(Value::Int(place)).push(")");
            return;
        }
        ([key, ..], [value, ..]) => {
            statement.push(" AND ").push(key.column).push(if key.descending { " <= " } else { " >= " });
            statement.bind(value.clone());
        }
        _ => {}
    }
    statement.push(" AND (");
    for (at, (key, value)) in keys.iter().zip(values).enumerate() {
        push_equal_keys(statement, &keys[..at], values);
        statement.push(key.column).push(beyond(key.descending)).bind(value.clone()).push(" OR ");
    }
    push_equal_keys(statement, keys, values);
    statement.push("position").push(beyond(ties_descend(keys))).bind(Value::Int(place)).push(")");
}

fn push_equal_keys(statement: &mut Statement, keys: &[Key], values: &[Value]) {
    for (key, value) in keys.iter().zip(values) {
        statement.push(key.column).push(" = ").bind(value.clone()).push(" AND ");
    }
}
