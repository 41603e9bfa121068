//! The seam: what the aggregates see of a database. One connection, bound to one organization, inside one closure.
//!
//! Invariant: a closure's only side effect is its SQL, and it reads neither clock nor randomness, so an engine may
//! run it again.

use std::cell::RefCell;
use std::ops::{ControlFlow, Deref};
use std::sync::Arc;

use denizen_domain::ids::OrgKey;

use crate::changes::{Alters, Slot};
use crate::error::{Result, StoreError};
use crate::postgres::ahead::Kind;
use crate::postgres::readers::Replay;
use crate::postgres::session::Session;
use crate::postgres::shares::WordShares;
use crate::sql::{Dialect, Many, Param, Row, Sql, Statement};

/// A connection that reads.
pub struct Conn<'c> {
    pub(crate) engine: Engine<'c>,
    /// The organization that every statement of this closure is bound to.
    pub org: OrgKey,
}

/// The engines.
#[derive(Clone, Copy)]
pub(crate) enum Engine<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c RefCell<Session>),
    /// PostgreSQL, where the closure is run again after each answer.
    Replay(&'c RefCell<Replay>),
}

impl<'c> Conn<'c> {
    pub(crate) fn new(engine: Engine<'c>, org: OrgKey) -> Self {
        Self { engine, org }
    }

    /// The connection to SQLite, for what only that engine does.
    pub(crate) fn sqlite(&self) -> Result<&'c rusqlite::Connection> {
        match self.engine {
            Engine::Sqlite(connection) => Ok(connection),
            Engine::Postgres(_) | Engine::Replay(_) => {
                Err(StoreError::Internal("a connection of another engine".to_owned()))
            }
        }
    }

    /// How the engine writes what the two write differently.
    pub fn dialect(&self) -> Dialect {
        match self.engine {
            Engine::Sqlite(_) => Dialect::Sqlite,
            Engine::Postgres(_) | Engine::Replay(_) => Dialect::Postgres,
        }
    }

    /// How frequent the words of PostgreSQL's search index are, where that is known. Not where the closure is run again, which
    /// has to ask the same.
    pub(crate) fn word_shares(&self) -> Option<Arc<WordShares>> {
        match self.engine {
            Engine::Postgres(session) => session.borrow().word_shares(),
            Engine::Sqlite(_) | Engine::Replay(_) => None,
        }
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
            Engine::Postgres(session) => {
                let rows = session.borrow_mut().query(self.org, sql.postgres(), params)?;
                rows.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
            Engine::Replay(replay) => {
                let rows = replay.borrow_mut().ask(self.org, sql.postgres().into(), params)?;
                rows.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
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
            Engine::Postgres(session) => {
                let rows = session.borrow_mut().query(self.org, sql.postgres(), params)?;
                postgres_all(&rows, read)
            }
            Engine::Replay(replay) => {
                let rows = replay.borrow_mut().ask(self.org, sql.postgres().into(), params)?;
                postgres_all(&rows, read)
            }
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
            Engine::Postgres(session) => {
                let rows = session.borrow_mut().query(self.org, statement.text(), &statement.params())?;
                postgres_all(&rows, read)
            }
            Engine::Replay(replay) => {
                let text = statement.text().to_owned().into();
                let rows = replay.borrow_mut().ask(self.org, text, &statement.params())?;
                postgres_all(&rows, read)
            }
        }
    }

    /// On SQLite: prepares a statement that finds one row, to be run for one after the other.
    pub(crate) fn look_up(&self, statement: &Statement) -> Result<LookUp<'c>> {
        let mut prepared = self.sqlite()?.prepare_cached(&statement.sqlite())?;
        for (at, value) in statement.params().into_iter().enumerate() {
            prepared.raw_bind_parameter(at + 1, value)?;
        }
        Ok(LookUp(prepared))
    }

    /// Whether reads can be made to see the same state: not those of a few rows on PostgreSQL, each of which sees its own.
    pub fn has_snapshot(&self) -> bool {
        !matches!(self.engine, Engine::Replay(_))
    }

    /// Runs reads that have to see the same state. On PostgreSQL they do so by themselves where [`Self::has_snapshot`].
    pub(crate) fn in_snapshot<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        match self.engine {
            Engine::Sqlite(connection) if connection.is_autocommit() => {
                let snapshot = connection.unchecked_transaction()?;
                let result = read();
                // There is nothing to commit.
                drop(snapshot);
                result
            }
            _ => read(),
        }
    }

    /// The rows of a statement that was put together at run time, one after the other, until `read` says that they are
    /// enough.
    pub(crate) fn each_of(
        &self,
        statement: &Statement,
        mut read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if let Engine::Sqlite(connection) = self.engine {
            let mut prepared = connection.prepare_cached(&statement.sqlite())?;
            let mut rows = prepared.query(rusqlite::params_from_iter(statement.params()))?;
            while let Some(row) = rows.next()? {
                if read(&Row::Sqlite(row))?.is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let mut is_enough = false;
        self.all_of(statement, |row| {
            is_enough = is_enough || read(row)?.is_break();
            Ok(())
        })
        .map(drop)
    }
}

/// A statement on SQLite that is run for many rows, which are named by its first value.
pub(crate) struct LookUp<'c>(rusqlite::CachedStatement<'c>);

impl LookUp<'_> {
    pub(crate) fn find<T>(
        &mut self,
        row: i64,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.0.raw_bind_parameter(1, row)?;
        let mut rows = self.0.raw_query();
        rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
    }
}

fn postgres_all<T>(
    rows: &[tokio_postgres::Row],
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    rows.iter().map(|row| read(&Row::Postgres(row))).collect()
}

fn sqlite_optional<T>(
    connection: &rusqlite::Connection,
    text: &str,
    params: &[Param<'_>],
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
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
    while let Some(row) = rows.next()? {
        found.push(read(&Row::Sqlite(row))?);
    }
    Ok(found)
}

/// A change to SQLite's search index, kept back until the transaction ends: the writer applies the changes of the whole group
/// of closures at once, so that what several of them change is written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexChange {
    /// The row id of the user.
    pub(crate) row: i64,
    /// The search text that the index holds of the user, if it holds any.
    pub(crate) before: Option<String>,
    /// The search text that it has to hold.
    pub(crate) after: Option<String>,
}

/// What a transaction on SQLite leaves for its end.
#[derive(Default)]
pub(crate) struct AtEnd {
    pub(crate) index: RefCell<Vec<IndexChange>>,
    /// What it alters of what is remembered. That of a closure that is undone stays: it only forgets too much.
    pub(crate) altered: RefCell<Vec<Slot>>,
}

/// Whether a write is let through a gate that is shut; see [`crate::gate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The seam looks, and refuses.
    Asked,
    /// Who writes has shut the gate, or does what is done behind it.
    Given,
    /// Who writes changes a gate and nothing else.
    ///
    /// Engine: every writer has looked at its organization's gate, and SERIALIZABLE would have whoever changes it give way to
    /// them, for as long as they come. The statements on gates need no snapshot: each does its step, or finds it done.
    Gatekeeper,
}

/// A connection inside a write transaction.
pub struct Tx<'c> {
    conn: Conn<'c>,
    /// SQLite only.
    at_end: Option<&'c AtEnd>,
    /// SQLite only.
    has_time: Option<&'c dyn Fn() -> bool>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(conn: Conn<'c>, at_end: Option<&'c AtEnd>) -> Self {
        Self { conn, at_end, has_time: None }
    }

    /// With what tells whether the transaction may last longer.
    pub(crate) fn with_time(self, has_time: &'c dyn Fn() -> bool) -> Self {
        Self { has_time: Some(has_time), ..self }
    }

    /// The same transaction, bound to another organization: for the control store and for a parent organization.
    #[must_use]
    pub fn of(&self, org: OrgKey) -> Tx<'c> {
        Tx { conn: Conn::new(self.conn.engine, org), at_end: self.at_end, has_time: self.has_time }
    }

    /// Whether a closure that has more to do may do more of it in this transaction: nobody waits for the writer, and it
    /// has not lasted long. What was left to do has to be the same in the end, whatever the answer.
    ///
    /// Engine: always `false` on PostgreSQL, where nobody can tell who waits for a lock.
    pub fn has_time(&self) -> bool {
        self.has_time.is_some_and(|has_time| has_time())
    }

    /// The first row of a statement that may write, if there is one.
    pub fn optional<T>(
        &self,
        sql: &Sql,
        params: &[Param<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.must_be_open()?;
        self.note(sql.alters(), params);
        self.conn.optional(sql, params, read)
    }

    /// Every row of a statement that may write.
    pub fn all<T>(
        &self,
        sql: &Sql,
        params: &[Param<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.note(sql.alters(), params);
        self.conn.all(sql, params, read)
    }

    /// As [`Self::all`], of a statement that was put together at run time.
    pub fn all_of<T>(
        &self,
        statement: &Statement,
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.note(Alters::of(statement.text()), &[]);
        self.conn.all_of(statement, read)
    }

    /// Leaves for the end of the transaction what a statement alters of what is remembered.
    fn note(&self, alters: Alters, params: &[Param<'_>]) {
        let Some(slot) = alters.slot(self.org, params) else { return };
        match (self.conn.engine, self.at_end) {
            (Engine::Postgres(session), _) => session.borrow_mut().note_altered(slot),
            (_, Some(at_end)) => at_end.altered.borrow_mut().push(slot),
            (_, None) => {}
        }
    }

    /// Engine: a full disk can end SQLite's whole transaction; what a closure that goes on regardless would write then
    /// would be committed alone.
    fn must_be_open(&self) -> Result<()> {
        match self.conn.engine {
            Engine::Sqlite(connection) if connection.is_autocommit() => {
                Err(StoreError::Io("the transaction was rolled back by the database".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Runs a statement and says how many rows it changed.
    pub fn execute(&self, sql: &Sql, params: &[Param<'_>]) -> Result<usize> {
        self.must_be_open()?;
        self.note(sql.alters(), params);
        match self.conn.engine {
            Engine::Sqlite(connection) => {
                Ok(connection.prepare_cached(sql.sqlite())?.execute(rusqlite::params_from_iter(params))?)
            }
            Engine::Replay(_) => Err(StoreError::Internal("a read that writes".to_owned())),
            Engine::Postgres(session) => {
                let changed = session.borrow_mut().execute(self.org, sql.postgres(), params)?;
                Ok(usize::try_from(changed).unwrap_or(usize::MAX))
            }
        }
    }

    /// Runs a statement of which nothing is to be learnt but whether it failed, and that may come out later: on
    /// PostgreSQL it travels with the next statement or the commit, which saves waiting for an answer.
    pub fn write(&self, sql: &Sql, params: &[Param<'_>]) -> Result<()> {
        match self.conn.engine {
            Engine::Sqlite(_) | Engine::Replay(_) => self.execute(sql, params).map(drop),
            Engine::Postgres(session) => {
                self.note(sql.alters(), params);
                session.borrow_mut().defer(self.org, sql.postgres(), params)
            }
        }
    }

    /// As [`Self::write`], for a statement that adds a row, which refers to no row that another such statement adds. On
    /// PostgreSQL its text takes the organization and then an array for each column: rows of one statement travel together.
    pub(crate) fn add_row(&self, sql: &Sql, params: &[Param<'_>]) -> Result<()> {
        self.write_row(Kind::Parents, sql, params)
    }

    /// As [`Self::add_row`], for a row that may refer to what [`Self::add_row`] has added.
    pub(crate) fn add_child_row(&self, sql: &Sql, params: &[Param<'_>]) -> Result<()> {
        self.write_row(Kind::Children, sql, params)
    }

    /// As [`Self::add_row`], for a statement that changes a row: only those that follow one another travel together, and
    /// each has to be of another row.
    pub(crate) fn change_row(&self, sql: &Sql, params: &[Param<'_>]) -> Result<()> {
        self.write_row(Kind::Changes, sql, params)
    }

    fn write_row(&self, kind: Kind, sql: &Sql, params: &[Param<'_>]) -> Result<()> {
        match self.conn.engine {
            Engine::Sqlite(_) | Engine::Replay(_) => self.execute(sql, params).map(drop),
            Engine::Postgres(session) => {
                self.note(sql.alters(), params);
                session.borrow_mut().defer_row(self.org, kind, sql.postgres(), params)
            }
        }
    }

    /// Whether what is rarely in the way has to be looked for before it is written. On PostgreSQL a closure is first run
    /// in the hope that nothing is, and again, looking, when a key or a reference says otherwise: looking is waiting there.
    pub fn looks_first(&self) -> bool {
        match self.conn.engine {
            Engine::Sqlite(_) | Engine::Replay(_) => true,
            Engine::Postgres(session) => session.borrow().looks_first(),
        }
    }

    /// As [`Self::write`], a statement that was put together at run time.
    pub(crate) fn write_of(&self, statement: &Statement) -> Result<()> {
        self.note(Alters::of(statement.text()), &[]);
        match self.conn.engine {
            Engine::Sqlite(connection) => {
                self.must_be_open()?;
                let params = rusqlite::params_from_iter(statement.params());
                connection.prepare_cached(&statement.sqlite())?.execute(params)?;
                Ok(())
            }
            Engine::Replay(_) => Err(StoreError::Internal("a read that writes".to_owned())),
            Engine::Postgres(session) => {
                session.borrow_mut().defer(self.org, statement.text(), &statement.params())
            }
        }
    }

    /// On PostgreSQL: runs a statement that takes the organization and then arrays, one for each column of many rows.
    pub(crate) fn insert_many(&self, text: &str, columns: &[Many<'_>]) -> Result<()> {
        self.note(Alters::of(text), &[]);
        match self.conn.engine {
            Engine::Postgres(session) => session.borrow_mut().insert_many(self.org, text, columns),
            Engine::Sqlite(_) | Engine::Replay(_) => {
                Err(StoreError::Internal("arrays for an engine that has none".to_owned()))
            }
        }
    }

    /// On SQLite: runs a statement once for each row.
    pub(crate) fn execute_each<'r>(
        &self,
        text: &str,
        rows: impl Iterator<Item = impl AsRef<[Param<'r>]>>,
    ) -> Result<()> {
        self.must_be_open()?;
        self.note(Alters::of(text), &[]);
        let mut statement = self.conn.sqlite()?.prepare_cached(text)?;
        for row in rows {
            statement.execute(rusqlite::params_from_iter(row.as_ref()))?;
        }
        Ok(())
    }

    /// The row of a spread counter that this connection changes.
    pub(crate) fn slot(&self) -> i64 {
        match self.conn.engine {
            Engine::Sqlite(_) | Engine::Replay(_) => 0,
            Engine::Postgres(session) => session.borrow().slot(),
        }
    }

    pub(crate) fn index(&self, change: IndexChange) {
        if let Some(at_end) = self.at_end {
            at_end.index.borrow_mut().push(change);
        }
    }
}

impl<'c> Deref for Tx<'c> {
    type Target = Conn<'c>;
    fn deref(&self) -> &Conn<'c> {
        &self.conn
    }
}
