//! The seam: what the aggregates see of a database. One connection, bound to one organization, inside one closure.
//!
//! Invariant: a closure's only side effect is its SQL, and it reads neither clock nor randomness, so an engine may
//! run it again.

use std::cell::RefCell;
use std::ops::Deref;

use denizen_domain::ids::OrgKey;

use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql, Statement};

/// A connection that reads.
pub struct Conn<'c> {
    pub(crate) engine: Engine<'c>,
    /// The organization that every statement of this closure is bound to.
    pub org: OrgKey,
}

/// The engines. SQLite today; PostgreSQL is the second arm.
#[derive(Clone, Copy)]
pub(crate) enum Engine<'c> {
    Sqlite(&'c rusqlite::Connection),
}

impl<'c> Conn<'c> {
    pub(crate) fn new(engine: Engine<'c>, org: OrgKey) -> Self {
        Self { engine, org }
    }

    /// The organization's key as a parameter: the first of nearly every statement.
    pub fn org_param(&self) -> Param<'static> {
        Param::Int(self.org.0)
    }

    /// The first row, if there is one.
    pub fn optional<T>(
        &self,
        sql: &Sql,
        params: &[Param<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        match self.engine {
            Engine::Sqlite(connection) => sqlite_optional(connection, sql.sqlite(), params, read),
        }
    }

    /// Every row.
    pub fn all<T>(
        &self,
        sql: &Sql,
        params: &[Param<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self.engine {
            Engine::Sqlite(connection) => sqlite_all(connection, sql.sqlite(), params, read),
        }
    }

    /// Every row of a statement that was put together at run time.
    pub fn all_of<T>(
        &self,
        statement: &Statement,
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self.engine {
            Engine::Sqlite(connection) => {
                sqlite_all(connection, &statement.sqlite(), &statement.params(), read)
            }
        }
    }
}

fn sqlite_optional<T>(
    connection: &rusqlite::Connection,
    text: &str,
    params: &[Param<'_>],
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    rows.next()?.map(|inner| read(&Row { inner })).transpose()
}

fn sqlite_all<T>(
    connection: &rusqlite::Connection,
    text: &str,
    params: &[Param<'_>],
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    let mut found = Vec::new();
    while let Some(inner) = rows.next()? {
        found.push(read(&Row { inner })?);
    }
    Ok(found)
}

/// A change to the search index, kept back until the transaction ends.
///
/// Engine: FTS5 writes its pending terms to disk at every savepoint, so a group of closures would make as many tiny
/// segments. The writer applies the changes of the whole group at once, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexChange {
    pub(crate) position: i64,
    /// The search text that the index holds of the user, if it holds any.
    pub(crate) before: Option<String>,
    /// The search text that it has to hold.
    pub(crate) after: Option<String>,
}

/// A connection inside a write transaction.
pub struct Tx<'c> {
    conn: Conn<'c>,
    index: &'c RefCell<Vec<IndexChange>>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(conn: Conn<'c>, index: &'c RefCell<Vec<IndexChange>>) -> Self {
        Self { conn, index }
    }

    /// The same transaction, bound to another organization: for the control store and for a parent organization.
    #[must_use]
    pub fn of(&self, org: OrgKey) -> Tx<'c> {
        Tx { conn: Conn::new(self.conn.engine, org), index: self.index }
    }

    /// Runs a statement and says how many rows it changed.
    pub fn execute(&self, sql: &Sql, params: &[Param<'_>]) -> Result<usize> {
        match self.conn.engine {
            Engine::Sqlite(connection) => {
                // Engine: a full disk can end the whole transaction; what a closure that goes on regardless would
                // write then would be committed alone.
                if connection.is_autocommit() {
                    return Err(StoreError::Io("the transaction was rolled back by the database".to_owned()));
                }
                Ok(connection.prepare_cached(sql.sqlite())?.execute(rusqlite::params_from_iter(params))?)
            }
        }
    }

    pub(crate) fn index(&self, change: IndexChange) {
        self.index.borrow_mut().push(change);
    }
}

impl<'c> Deref for Tx<'c> {
    type Target = Conn<'c>;
    fn deref(&self) -> &Conn<'c> {
        &self.conn
    }
}
