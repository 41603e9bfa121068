//! Which tables move, in which order, and the statements that read and write them; all made from the declarations.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;

use super::rows::Rows;
use crate::conn::Conn;
use crate::error::Result;
use crate::holdings::{Moving, Numbers, TABLES, Table};
use crate::sql::{Dialect, Sql, Statement, Value};
use crate::users::Position;

/// How much is read at once and written in one transaction.
#[derive(Debug, Clone, Copy)]
pub struct Batches {
    /// Rows at most. Reading so many, or writing them, takes some ten milliseconds, and nobody else waits longer for the
    /// writer of the database that they go to.
    pub rows: usize,
    /// Bytes of texts and blobs at most, but for the row that goes beyond them.
    pub bytes: usize,
}

impl Default for Batches {
    fn default() -> Self {
        Self { rows: 2_000, bytes: 4 << 20 }
    }
}

/// The types of PostgreSQL's columns, by table and column.
pub(super) type Types = BTreeMap<(String, String), String>;

static COLUMN_TYPES: Sql = Sql::split(
    "relocation.column_types",
    "",
    "SELECT relname::text, attname::text, format_type(atttypid, NULL) FROM pg_attribute
     JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped",
);

pub(super) const STATEMENTS: &[&Sql] = &[&COLUMN_TYPES];

/// What the columns of the database are; of SQLite nothing has to be known.
pub(super) fn types(conn: &Conn<'_>) -> Result<Types> {
    match conn.dialect() {
        Dialect::Sqlite => Ok(Types::new()),
        Dialect::Postgres => {
            let read =
                conn.all(&COLUMN_TYPES, &[], |row| Ok(((row.text(0)?, row.text(1)?), row.text(2)?)))?;
            Ok(read.into_iter().collect())
        }
    }
}

/// A table that moves.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    /// All columns but the organization's.
    pub(super) columns: Vec<&'static str>,
    /// The places of what a row is named by.
    pub(super) key: Vec<usize>,
    pub(super) numbers: Numbers,
    /// The places of columns that mean something here.
    pub(super) position: Option<usize>,
    pub(super) directory: Option<usize>,
    pub(super) search_text: Option<usize>,
}

/// Every table with rows of an organization that are copied, after those that it refers to.
pub(super) fn plans() -> Vec<Plan> {
    let mut left: Vec<&Table> =
        TABLES.iter().filter(|table| matches!(table.moving, Moving::Copied { .. })).collect();
    let mut plans = Vec::new();
    while !left.is_empty() {
        let waits =
            |table: &Table| table.refers_to.iter().any(|name| left.iter().any(|one| one.name == *name));
        let next =
            left.iter().position(|table| !waits(table)).expect("no table refers to itself by way of others");
        plans.push(Plan::of(left.remove(next)));
    }
    plans
}

impl Plan {
    fn of(table: &Table) -> Self {
        let Moving::Copied { key, numbers } = table.moving else {
            unreachable!("only what is copied has a plan")
        };
        let columns: Vec<&'static str> =
            table.columns.iter().map(|column| column.name).filter(|name| *name != "org_id").collect();
        let place = |name: &str| columns.iter().position(|column| *column == name);
        let is_of_users = matches!(numbers, Numbers::Kept | Numbers::Fresh(_));
        Self {
            name: table.name,
            key: key.iter().map(|name| place(name).expect("the key is of columns")).collect(),
            position: if numbers == Numbers::None { None } else { place("position") },
            directory: if is_of_users { place("directory") } else { None },
            search_text: if is_of_users { place("search_text") } else { None },
            numbers,
            columns,
        }
    }

    /// Whether rows are users, whose place in SQLite's file is their number.
    pub(super) fn is_of_users(&self) -> bool {
        matches!(self.numbers, Numbers::Kept | Numbers::Fresh(_))
    }

    /// Counts the rows.
    pub(super) fn count(&self, conn: &Conn<'_>) -> Result<u64> {
        let mut statement = Statement::new(&format!("SELECT count(*) FROM {} WHERE ", self.name));
        self.push_whose(&mut statement, conn.dialect(), conn.org, None);
        let counts = conn.all_of(&statement, |row| row.int(0))?;
        Ok(u64::try_from(counts.into_iter().sum::<i64>()).unwrap_or_default())
    }

    /// Whether there is a row.
    pub(super) fn has_rows(&self, conn: &Conn<'_>) -> Result<bool> {
        let mut statement = Statement::new(&format!("SELECT 1 FROM {} WHERE ", self.name));
        self.push_whose(&mut statement, conn.dialect(), conn.org, None);
        statement.push(" LIMIT 1");
        Ok(!conn.all_of(&statement, |_| Ok(()))?.is_empty())
    }

    /// Reads the rows behind a key, or the first ones; none when there are no more.
    pub(super) fn read(
        &self,
        conn: &Conn<'_>,
        types: &Types,
        after: Option<&[Value]>,
        most: Batches,
    ) -> Result<Rows> {
        let mut rows = Rows::new(self.columns.len());
        let position = if self.is_of_users() { self.position } else { None };
        conn.each_of(&self.page(conn.dialect(), conn.org, types, after, most), |row| {
            rows.push(row, position)?;
            Ok(if rows.size() >= most.bytes { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(rows)
    }

    /// The statement of [`Self::read`].
    ///
    /// Engine: on SQLite rows are made one by one, and whoever reads stops when they are enough. PostgreSQL sends all that
    /// it was asked for, so it adds up how long they are; for that it does not read what is long.
    pub(super) fn page(
        &self,
        dialect: Dialect,
        org: OrgKey,
        types: &Types,
        after: Option<&[Value]>,
        most: Batches,
    ) -> Statement {
        let number = |number: usize| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let columns = self.columns.join(", ");
        let order = match dialect {
            Dialect::Sqlite if self.is_of_users() => "position".to_owned(),
            _ => self.key.iter().map(|at| self.columns[*at]).collect::<Vec<_>>().join(", "),
        };
        let order = if order.is_empty() { "org_id".to_owned() } else { order };
        if dialect == Dialect::Sqlite {
            let mut statement = Statement::new(&format!("SELECT {columns} FROM {} WHERE ", self.name));
            self.push_whose(&mut statement, dialect, org, after);
            statement.push(&format!(" ORDER BY {order} LIMIT ")).bind(number(most.rows));
            return statement;
        }
        let is_long = |column: &&&str| {
            let kind = types.get(&(self.name.to_owned(), (**column).to_owned()));
            kind.is_some_and(|kind| matches!(kind.as_str(), "text" | "bytea"))
        };
        let mut size = "0".to_owned();
        for column in self.columns.iter().filter(is_long) {
            size = format!("{size} + coalesce(octet_length({column}), 0)");
        }
        let mut statement = Statement::new(&format!(
            "SELECT {columns} FROM (SELECT {columns}, org_id, row_size,
                sum(row_size) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) AS all_size
             FROM (SELECT {columns}, org_id, {size} AS row_size FROM {} WHERE ",
            self.name
        ));
        self.push_whose(&mut statement, dialect, org, after);
        statement.push(&format!(" ORDER BY {order} LIMIT ")).bind(number(most.rows));
        statement.push(") AS found) AS measured WHERE all_size - row_size < ").bind(number(most.bytes));
        statement.push(&format!(" ORDER BY {order}"));
        statement
    }

    /// Which rows: those of the organization, behind a key.
    fn push_whose(&self, statement: &mut Statement, dialect: Dialect, org: OrgKey, after: Option<&[Value]>) {
        if dialect == Dialect::Sqlite && self.is_of_users() {
            let (first, last) = match self.numbers {
                Numbers::Fresh(directory) => (directory, directory),
                _ => (Directory::Members, Directory::Operators),
            };
            let place =
                |position: Position, directory| Value::Int(position.in_column(dialect, org, directory));
            let begin = match after {
                Some([Value::Int(number)]) => place(Position(*number), first),
                Some([Value::Int(directory), Value::Int(number)]) => {
                    place(Position(*number), Directory::from_number(*directory).unwrap_or(last))
                }
                _ => place(Position::START, first),
            };
            statement.push("position > ").bind(begin);
            statement.push(" AND position <= ").bind(place(Position::END, last));
            return;
        }
        statement.push("org_id = ").bind(Value::Int(org.0));
        let Some(after) = after else { return };
        let names: Vec<&str> = self.key.iter().map(|at| self.columns[*at]).collect();
        if names.is_empty() {
            // There is one row of the organization, and nothing behind it.
            statement.push(" AND org_id > ").bind(Value::Int(org.0));
            return;
        }
        statement.push(&format!(" AND ({}) > (", names.join(", ")));
        for (at, value) in after.iter().enumerate() {
            statement.push(if at > 0 { ", " } else { "" }).bind(value.clone());
        }
        statement.push(")");
    }

    /// The statement that adds one row on SQLite, and many on PostgreSQL: the organization first, then the columns.
    pub(super) fn insert(&self, dialect: Dialect, types: &Types) -> String {
        let (name, columns) = (self.name, self.columns.join(", "));
        let value = |(at, column): (usize, &&str)| match dialect {
            Dialect::Sqlite => format!("?{}", at + 2),
            Dialect::Postgres => {
                let kind = types.get(&(name.to_owned(), (*column).to_owned()));
                format!("CAST(${} AS {}[])", at + 2, kind.map_or("text", String::as_str))
            }
        };
        let values = self.columns.iter().enumerate().map(value).collect::<Vec<_>>().join(", ");
        match dialect {
            Dialect::Sqlite => format!("INSERT INTO {name} (org_id, {columns}) VALUES (?1, {values})"),
            Dialect::Postgres => {
                format!(
                    "INSERT INTO {name} (org_id, {columns}) SELECT CAST($1 AS BIGINT), * FROM unnest({values})"
                )
            }
        }
    }
}
