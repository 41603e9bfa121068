//! What is held about users, and where: a declaration for every table and every column, and what erasing a user does to
//! each. The statements that erase are made from the declarations, so what is declared is what is done; a test compares
//! them with the schema of both engines.
//!
//! It must not know why somebody is erased, nor when.

use denizen_domain::ids::UserId;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::{Dialect, Statement, Value};

mod tables;

pub use tables::TABLES;

/// What a column has to do with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// The id of the user whom the row is about.
    Subject,
    /// What is known about the user.
    Personal,
    /// The id of a user whom the row is not about. It stays when that user is erased, and leads nowhere then: there is
    /// nothing of the user that it could be compared with.
    Mention,
    /// Nothing of any user.
    Nothing,
}

/// A column, with the reason for what it is said to hold.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub holds: Holds,
    pub why: &'static str,
    /// The engine that alone has the column.
    pub only: Option<Dialect>,
}

/// What erasing a user does to the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasing {
    /// The row of the user: [`crate::users::delete`] deletes it, with its entry in the search index.
    User,
    /// The table is part of the search index, and [`crate::users::delete`] sees to it.
    SearchIndex,
    /// There are few rows of a user; they are deleted in the transaction that deletes the user.
    AtOnce,
    /// There may be very many rows of a user; `key` names each of them within the organization. What does not fit the
    /// transaction that deletes the user is deleted by a job. `size` tells how many bytes a row takes, about.
    InBatches { key: &'static str, size: &'static str },
    /// The rows stay, and what is personal in them is set to NULL. There may be many rows of a user: they are cleared in
    /// batches, as others are erased. `marked` is the column that then has the time.
    Cleared { key: &'static str, size: &'static str, marked: &'static str },
    /// The row of the contact: [`crate::contacts::clear`] sets to NULL what is personal in it, and forgets its entry in
    /// the search index.
    Contact,
    /// The rows go with those of another table that they refer to.
    With(&'static str),
    /// The rows stay.
    Kept(&'static str),
}

/// A table and what is to be known of it.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    pub erasing: Erasing,
    pub columns: &'static [Column],
    /// The engine that alone has the table.
    pub only: Option<Dialect>,
}

impl Table {
    /// Whether the engine has the table.
    pub fn is_on(&self, dialect: Dialect) -> bool {
        self.only.is_none_or(|only| only == dialect)
    }

    /// The columns that the table has on the engine.
    pub fn columns_on(&self, dialect: Dialect) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(move |column| column.only.is_none_or(|only| only == dialect))
    }

    /// Whether the table holds something of a user.
    pub fn is_personal(&self) -> bool {
        self.columns.iter().any(|column| column.holds == Holds::Personal)
    }
}

/// Bytes that are erased in one transaction, about; they have to be written over, which holds other writers up.
const MOST_BYTES: i64 = 8 << 20;

/// The statement that erases up to `most` rows of a user, or of the whole organization when no user is named, and as many
/// as make up `bytes`; it answers the size of each.
fn batch(
    dialect: Dialect,
    (table, key, size): (&str, &str, &str),
    (org, user): (i64, Option<UserId>),
    (most, bytes): (i64, i64),
) -> Statement {
    // Engine: PostgreSQL's planner would join the table with the rows that it is to look up; an array it looks up.
    let (open, close) = match dialect {
        Dialect::Sqlite => ("IN (", ")"),
        Dialect::Postgres => ("= ANY(ARRAY(", "))"),
    };
    let mut statement = Statement::new(&format!("DELETE FROM {table} WHERE org_id = "));
    statement.bind(Value::Int(org));
    statement.push(&format!(
        " AND {key} {open}SELECT {key} FROM
            (SELECT {key}, size, sum(size) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM
                (SELECT {key}, {size} AS size FROM {table} WHERE org_id = "
    ));
    statement.bind(Value::Int(org));
    if let Some(user) = user {
        statement.push(" AND user_id = ").bind(Value::Blob(user.0.to_vec()));
    }
    statement.push(" LIMIT ").bind(Value::Int(most));
    statement.push(") AS found) AS measured WHERE total - size < ").bind(Value::Int(bytes));
    statement.push(&format!("{close} RETURNING {size}"));
    statement
}

/// The statement that erases all rows of a user.
fn at_once(table: &str, org: i64, user: UserId) -> Statement {
    let mut statement = Statement::new(&format!("DELETE FROM {table} WHERE org_id = "));
    statement.bind(Value::Int(org)).push(" AND user_id = ").bind(Value::Blob(user.0.to_vec()));
    statement
}

/// Erases a user's rows in every table of which a user has few. The user's own row stays; nothing refers to it then.
pub fn erase_small(tx: &Tx<'_>, user: UserId) -> Result<()> {
    for table in TABLES.iter().filter(|table| table.erasing == Erasing::AtOnce) {
        tx.write_of(&at_once(table.name, tx.org.0, user))?;
    }
    Ok(())
}

/// Erases up to `most` rows of a user who may have very many, and not many megabytes; `true` when none is left.
pub fn erase_batch(tx: &Tx<'_>, user: UserId, most: i64) -> Result<bool> {
    erase_large(tx, Some(user), most)
}

/// Erases up to `most` rows of each table of an organization that hold something of its users, but for the users
/// themselves and the jobs; `true` when none is left. Nothing refers to a user then.
pub fn erase_organization_batch(tx: &Tx<'_>, most: i64) -> Result<bool> {
    let mut is_done = erase_large(tx, None, most)?;
    for (table, key) in of_organization() {
        let (rows, _) = erase_some(tx, (table, key, "1"), None, (most, most))?;
        is_done &= rows == 0;
    }
    Ok(is_done)
}

fn erase_large(tx: &Tx<'_>, user: Option<UserId>, most: i64) -> Result<bool> {
    let (mut rows_left, mut bytes_left) = (most, MOST_BYTES);
    for table in TABLES {
        let Erasing::InBatches { key, size } = table.erasing else { continue };
        let (rows, bytes) = erase_some(tx, (table.name, key, size), user, (rows_left, bytes_left))?;
        rows_left -= rows;
        bytes_left -= bytes;
        if rows_left <= 0 || bytes_left <= 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many rows were erased, and of how many bytes.
fn erase_some(
    tx: &Tx<'_>,
    table: (&str, &str, &str),
    user: Option<UserId>,
    most: (i64, i64),
) -> Result<(i64, i64)> {
    let statement = batch(tx.dialect(), table, (tx.org.0, user), most);
    let sizes = tx.all_of(&statement, |row| row.int(0))?;
    Ok((i64::try_from(sizes.len()).unwrap_or(i64::MAX), sizes.iter().sum()))
}

/// The tables with rows that are about a user and go when the user is erased, by the column that names the user. Rows that
/// go with those of another table cannot be there without them.
fn about_users(dialect: Dialect) -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES.iter().filter(move |table| table.is_on(dialect)).filter_map(move |table| {
        let subject = table.columns_on(dialect).find(|column| column.holds == Holds::Subject)?;
        Some((table.name, subject.name))
    })
}

fn count(table: &str, subject: &str, org: i64, user: UserId) -> Statement {
    let mut statement = Statement::new(&format!("SELECT count(*) FROM {table} WHERE org_id = "));
    statement.bind(Value::Int(org)).push(&format!(" AND {subject} = ")).bind(Value::Blob(user.0.to_vec()));
    statement
}

/// How many rows about a user each table holds, of all tables that may hold some.
pub fn count_rows(conn: &Conn<'_>, user: UserId) -> Result<Vec<(&'static str, i64)>> {
    let mut counts = Vec::new();
    for (table, subject) in about_users(conn.dialect()) {
        let rows = conn.all_of(&count(table, subject, conn.org.0, user), |row| row.int(0))?;
        counts.push((table, rows.iter().sum()));
    }
    Ok(counts)
}

/// The tables of which a user has few rows, and what is left of users who were erased.
fn of_organization() -> impl Iterator<Item = (&'static str, &'static str)> {
    let small = TABLES.iter().filter(|table| table.erasing == Erasing::AtOnce && table.name != "job");
    let left = [("erasure_receipt", "subject_hash"), ("user_tombstone", "user_id")];
    small.map(|table| (table.name, "user_id")).chain(left)
}

/// One statement of each shape, for the test that prepares them.
pub fn example_statements(dialect: Dialect) -> Vec<Statement> {
    let user = UserId([0; 16]);
    let mut statements = Vec::new();
    for table in TABLES {
        match table.erasing {
            Erasing::AtOnce => statements.push(at_once(table.name, 0, user)),
            Erasing::InBatches { key, size } => {
                statements.push(batch(dialect, (table.name, key, size), (0, Some(user)), (1, 1)));
                statements.push(batch(dialect, (table.name, key, size), (0, None), (1, 1)));
            }
            _ => {}
        }
    }
    statements.extend(about_users(dialect).map(|(table, subject)| count(table, subject, 0, user)));
    let small = |(table, key)| batch(dialect, (table, key, "1"), (0, None), (1, 1));
    statements.extend(of_organization().map(small));
    statements
}
