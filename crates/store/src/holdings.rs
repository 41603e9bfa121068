//! What is held about users, and where: a declaration for every table and every column, and what erasing a user does to
//! each. The statements that erase are made from the declarations, so what is declared is what is done; a test compares
//! them with the schema of both engines.
//!
//! It must not know why somebody is erased, nor when.

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::{Dialect, Param, Statement, Value};

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
    /// The rows stay, and what is personal in them is set to NULL. There may be very many rows of a user: they are cleared
    /// by jobs, in the order of `key`, which is a number. `size` tells how many bytes a row takes, about.
    Cleared { key: &'static str, size: &'static str },
    /// The row of the contact: [`crate::contacts::clear`] sets to NULL what is personal in it, and forgets its entry in
    /// the search index.
    Contact,
    /// The row of the operator: [`crate::operators::delete`] deletes it, with its entry in the search index.
    Operator,
    /// The rows go with those of another table that they refer to.
    With(&'static str),
    /// The rows stay.
    Kept(&'static str),
}

/// What becomes of the rows of a table when their organization moves to another database; see [`crate::relocation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// Nobody has said it yet, and a test fails.
    Unsaid,
    /// They are copied in the order of `key`, which names each of them within the organization.
    Copied { key: &'static [&'static str], numbers: Numbers },
    /// They are made anew from what was copied; the reason.
    Rebuilt(&'static str),
    /// They are of the database or of the installation, and not of the organization; the reason.
    Stays(&'static str),
}

/// What the column `position` of a table has, and what becomes of it when the organization moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// There is no such column.
    None,
    /// Numbers of users, which continuation tokens name: each user keeps its own.
    Kept,
    /// Numbers of users of one directory that nobody sees: they are given anew, in the same order.
    Fresh(Directory),
    /// Numbers of records, which continuation tokens name: each record keeps its own.
    Records,
}

/// A table and what is to be known of it.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    pub erasing: Erasing,
    pub columns: &'static [Column],
    /// The engine that alone has the table.
    pub only: Option<Dialect>,
    /// The directory of all users whom the table holds something of; `None` where they may be of any.
    pub directory: Option<Directory>,
    /// The column that has the time when what is personal in the row was set to NULL, where rows are cleared.
    pub marked: Option<&'static str>,
    /// What becomes of the rows when their organization moves.
    pub moving: Moving,
    /// The tables of an organization that rows refer to by a foreign key.
    pub refers_to: &'static [&'static str],
}

impl Table {
    /// Whether the table may hold something of users of the directory.
    pub fn is_of(&self, directory: Directory) -> bool {
        self.directory.is_none_or(|only| only == directory)
    }

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

/// Which rows of an organization are meant.
enum Whose {
    Everybodys,
    Of(UserId),
    /// Those of a conversation.
    In(i64),
}

impl Whose {
    fn push_to(&self, statement: &mut Statement) {
        match self {
            Self::Everybodys => {}
            Self::Of(user) => {
                statement.push(" AND user_id = ").bind(Value::Blob(user.0.to_vec()));
            }
            Self::In(conversation) => {
                statement.push(" AND conversation_id = ").bind(Value::Int(*conversation));
            }
        }
    }
}

/// The statement that erases up to `most` rows, and as many as make up `bytes`; it answers the size of each.
fn batch(
    dialect: Dialect,
    (table, key, size): (&str, &str, &str),
    (org, whose): (i64, &Whose),
    (most, bytes): (i64, i64),
) -> Statement {
    let (open, close) = listed(dialect);
    let mut statement = Statement::new(&format!("DELETE FROM {table} WHERE org_id = "));
    statement.bind(Value::Int(org));
    statement.push(&format!(
        " AND {key} {open}SELECT {key} FROM
            (SELECT {key}, size, sum(size) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM
                (SELECT {key}, {size} AS size FROM {table} WHERE org_id = "
    ));
    statement.bind(Value::Int(org));
    whose.push_to(&mut statement);
    statement.push(" LIMIT ").bind(Value::Int(most));
    statement.push(") AS found) AS measured WHERE total - size < ").bind(Value::Int(bytes));
    statement.push(&format!("{close} RETURNING {size}"));
    statement
}

/// What stands before and behind a query for keys that are then looked up.
///
/// Engine: PostgreSQL's planner would join the table with the rows that it is to look up; an array it looks up.
fn listed(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::Sqlite => ("IN (", ")"),
        Dialect::Postgres => ("= ANY(ARRAY(", "))"),
    }
}

/// The statement that erases all rows of a user.
fn at_once(table: &str, org: i64, user: UserId) -> Statement {
    let mut statement = Statement::new(&format!("DELETE FROM {table} WHERE org_id = "));
    statement.bind(Value::Int(org)).push(" AND user_id = ").bind(Value::Blob(user.0.to_vec()));
    statement
}

/// A table whose rows are cleared: its declaration, the column that tells which are, and the statement's beginning, which
/// clears.
fn clearing(table: &Table, org: i64, now: Timestamp) -> (&'static str, Statement) {
    let marked = table.marked.expect("a table whose rows are cleared says which are");
    let mut statement = Statement::new(&format!("UPDATE {} SET {marked} = ", table.name));
    statement.bind(Value::Int(now.0));
    for column in table.columns.iter().filter(|column| column.holds == Holds::Personal) {
        statement.push(&format!(", {} = NULL", column.name));
    }
    statement.push(" WHERE org_id = ").bind(Value::Int(org));
    (marked, statement)
}

/// The statement that clears up to `most` rows whose keys are greater than `after`, in the order of these, and as many as
/// make up `bytes`; it answers the key of each.
fn clear(
    dialect: Dialect,
    (table, key, size): (&Table, &str, &str),
    (org, whose): (i64, &Whose),
    after: Value,
    (most, bytes): (i64, i64),
    now: Timestamp,
) -> Statement {
    let name = table.name;
    let (open, close) = listed(dialect);
    let (marked, mut statement) = clearing(table, org, now);
    statement.push(&format!(
        " AND {key} {open}SELECT {key} FROM
            (SELECT {key}, size, sum(size) OVER (ORDER BY {key} ROWS UNBOUNDED PRECEDING) AS total FROM
                (SELECT {key}, {size} AS size FROM {name} WHERE org_id = "
    ));
    statement.bind(Value::Int(org));
    whose.push_to(&mut statement);
    statement.push(&format!(" AND {key} > ")).bind(after);
    statement.push(&format!(" AND {marked} IS NULL ORDER BY {key} LIMIT ")).bind(Value::Int(most));
    statement.push(") AS found) AS measured WHERE total - size < ").bind(Value::Int(bytes));
    statement.push(&format!("{close} RETURNING {key}"));
    statement
}

/// The statement that clears one row.
fn clear_one(table: &Table, key: &str, org: i64, id: Value, now: Timestamp) -> Statement {
    let (marked, mut statement) = clearing(table, org, now);
    statement.push(&format!(" AND {key} = ")).bind(id).push(&format!(" AND {marked} IS NULL"));
    statement
}

/// Erases a user's rows in every table of which a user has few. The user's own row stays; nothing that goes with it refers
/// to it then.
pub fn erase_small(tx: &Tx<'_>, directory: Directory, user: UserId) -> Result<()> {
    let small = |table: &&Table| table.erasing == Erasing::AtOnce && table.is_of(directory);
    for table in TABLES.iter().filter(small) {
        tx.write_of(&at_once(table.name, tx.org.0, user))?;
    }
    Ok(())
}

/// Erases up to `most` rows of a user who may have very many, and not many megabytes; `true` when none is left. Rows that
/// are cleared and stay are the affair of [`clear_batch`].
pub fn erase_batch(tx: &Tx<'_>, directory: Directory, user: UserId, most: i64) -> Result<bool> {
    let of_directory = TABLES.iter().filter(|table| table.is_of(directory));
    erase_large(tx, of_directory, &Whose::Of(user), most)
}

/// How far the clearing of a user's rows has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleared {
    /// The number of the table among those whose rows are cleared.
    table: usize,
    /// The last key that was cleared.
    after: i64,
}

impl Cleared {
    /// Nothing is cleared yet.
    pub const NOTHING: Self = Self { table: 0, after: i64::MIN };
}

/// Clears up to `most` rows of a user, beyond what is cleared already, and not many megabytes; `None` when nothing was left
/// to be cleared. Rows that were cleared before are passed over, once.
pub fn clear_batch(
    tx: &Tx<'_>,
    directory: Directory,
    user: UserId,
    from: Cleared,
    most: i64,
    now: Timestamp,
) -> Result<Option<Cleared>> {
    let mut after = from.after;
    for (number, table, key, size) in cleared_tables(directory).skip(from.table) {
        let bounds = (most, MOST_BYTES);
        let whose = (tx.org.0, &Whose::Of(user));
        let statement = clear(tx.dialect(), (table, key, size), whose, Value::Int(after), bounds, now);
        let keys = tx.all_of(&statement, |row| row.int(0))?;
        if let Some(last) = keys.into_iter().max() {
            return Ok(Some(Cleared { table: number, after: last }));
        }
        after = i64::MIN;
    }
    Ok(None)
}

/// The tables whose rows are cleared: the number of each, its key, and what tells the size of a row.
fn cleared_tables(
    directory: Directory,
) -> impl Iterator<Item = (usize, &'static Table, &'static str, &'static str)> {
    let cleared = TABLES.iter().filter(move |table| table.is_of(directory)).filter_map(|table| {
        let Erasing::Cleared { key, size } = table.erasing else { return None };
        Some((table, key, size))
    });
    cleared.enumerate().map(|(number, (table, key, size))| (number, table, key, size))
}

/// The declaration of a table.
fn declared(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).expect("every table is declared")
}

/// Sets to NULL what is personal in a conversation of a contact, unless that was done before.
pub fn clear_contact_conversation(tx: &Tx<'_>, conversation: i64, now: Timestamp) -> Result<()> {
    let table = declared("contact_conversation");
    tx.write_of(&clear_one(table, "conversation_id", tx.org.0, Value::Int(conversation), now))
}

/// Sets to NULL what is personal in a message of a contact's conversation, unless that was done before.
pub fn clear_contact_message(tx: &Tx<'_>, message: Uuid, now: Timestamp) -> Result<()> {
    let id = Value::Blob(message.0.to_vec());
    tx.write_of(&clear_one(declared("contact_message"), "message_id", tx.org.0, id, now))
}

/// The declaration of the messages of contacts' conversations, with their key and what tells the size of one.
fn contact_messages() -> (&'static Table, &'static str, &'static str) {
    let table = declared("contact_message");
    let Erasing::InBatches { key, size } = table.erasing else {
        unreachable!("a contact may have very many messages");
    };
    (table, key, size)
}

/// Sets to NULL what is personal in up to `most` messages of a contact's conversation, and not in many megabytes, whose ids
/// are greater than `after`; the last of them, or `None` when there were none. They stay for their ids, under which
/// nothing can come again then. A message that was cleared before is passed over.
pub fn clear_contact_messages(
    tx: &Tx<'_>,
    conversation: i64,
    after: Option<Uuid>,
    most: i64,
    now: Timestamp,
) -> Result<Option<Uuid>> {
    let (whose, bounds) = ((tx.org.0, &Whose::In(conversation)), (most, MOST_BYTES));
    // Any id is greater than no bytes.
    let after = Value::Blob(after.map_or(Vec::new(), |id| id.0.to_vec()));
    let statement = clear(tx.dialect(), contact_messages(), whose, after, bounds, now);
    let ids = tx.all_of(&statement, |row| row.id(0, Uuid::from_column))?;
    Ok(ids.into_iter().max())
}

/// Erases up to `most` rows of each table of an organization that hold something of its users, but for the users
/// themselves, the contacts, the operators and the jobs; `true` when none is left. Nothing refers to a user then, and no
/// operator reaches a bot.
pub fn erase_organization_batch(tx: &Tx<'_>, most: i64) -> Result<bool> {
    let mut is_done = erase_large(tx, TABLES.iter(), &Whose::Everybodys, most)?;
    for (table, key) in of_organization() {
        let (rows, _) = erase_some(tx, (table, key, "1"), &Whose::Everybodys, (most, most))?;
        is_done &= rows == 0;
    }
    Ok(is_done)
}

fn erase_large<'t>(
    tx: &Tx<'_>,
    tables: impl Iterator<Item = &'t Table>,
    whose: &Whose,
    most: i64,
) -> Result<bool> {
    let (mut rows_left, mut bytes_left) = (most, MOST_BYTES);
    for table in tables {
        // With the organization go the rows that stay otherwise.
        let ((Erasing::InBatches { key, size }, _) | (Erasing::Cleared { key, size }, Whose::Everybodys)) =
            (table.erasing, whose)
        else {
            continue;
        };
        let erase = if tx.dialect() == Dialect::Sqlite { erase_by_number } else { erase_some };
        let (rows, bytes) = erase(tx, (table.name, key, size), whose, (rows_left, bytes_left))?;
        rows_left -= rows;
        bytes_left -= bytes;
        if rows_left <= 0 || bytes_left <= 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many rows were erased, and of how many bytes.
fn erase_some(tx: &Tx<'_>, table: (&str, &str, &str), whose: &Whose, most: (i64, i64)) -> Result<(i64, i64)> {
    let statement = batch(tx.dialect(), table, (tx.org.0, whose), most);
    let sizes = tx.all_of(&statement, |row| row.int(0))?;
    Ok((i64::try_from(sizes.len()).unwrap_or(i64::MAX), sizes.iter().sum()))
}

/// As [`erase_some`] on SQLite, of a table whose rows have numbers there.
///
/// Engine: one statement that finds rows, measures and deletes them takes half as long again.
fn erase_by_number(
    tx: &Tx<'_>,
    (table, _, size): (&str, &str, &str),
    whose: &Whose,
    (most, bytes): (i64, i64),
) -> Result<(i64, i64)> {
    let found =
        tx.all_of(&numbered(table, size, tx.org.0, whose, most), |row| Ok((row.int(0)?, row.int(1)?)))?;
    let (mut rows, mut erased) = (Vec::new(), 0);
    for (row, size) in found {
        if erased < bytes {
            rows.push([Param::Int(row), tx.org_param()]);
            erased += size;
        }
    }
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    tx.execute_each(&delete_numbered(table).sqlite(), rows.into_iter())?;
    Ok((count, erased))
}

/// The numbers and sizes of up to `most` rows.
fn numbered(table: &str, size: &str, org: i64, whose: &Whose, most: i64) -> Statement {
    let mut statement = Statement::new(&format!("SELECT rowid, {size} FROM {table} WHERE org_id = "));
    statement.bind(Value::Int(org));
    whose.push_to(&mut statement);
    statement.push(" LIMIT ").bind(Value::Int(most));
    statement
}

/// The statement that deletes a row by its number and its organization.
fn delete_numbered(table: &str) -> Statement {
    let mut statement = Statement::new(&format!("DELETE FROM {table} WHERE rowid = "));
    statement.bind(Value::Int(0)).push(" AND org_id = ").bind(Value::Int(0));
    statement
}

/// The tables with rows that are about a user and go, or are cleared, when the user is erased, with the column that names
/// the user. Rows that go with those of another table cannot be there without them.
fn about_users(dialect: Dialect) -> impl Iterator<Item = (&'static Table, &'static str)> {
    TABLES.iter().filter(move |table| table.is_on(dialect)).filter_map(move |table| {
        let subject = table.columns_on(dialect).find(|column| column.holds == Holds::Subject)?;
        Some((table, subject.name))
    })
}

/// How many rows there are about a user of which something personal is left.
fn count(table: &Table, subject: &str, org: i64, user: UserId) -> Statement {
    let mut statement = Statement::new(&format!("SELECT count(*) FROM {} WHERE org_id = ", table.name));
    statement.bind(Value::Int(org)).push(&format!(" AND {subject} = ")).bind(Value::Blob(user.0.to_vec()));
    if let Some(marked) = table.marked {
        statement.push(&format!(" AND {marked} IS NULL"));
    }
    statement
}

/// How many rows about a user each table holds, of all tables that may hold some. A row of which only is left what is not
/// personal does not count.
pub fn count_rows(conn: &Conn<'_>, directory: Directory, user: UserId) -> Result<Vec<(&'static str, i64)>> {
    let mut counts = Vec::new();
    for (table, subject) in about_users(conn.dialect()).filter(|(table, _)| table.is_of(directory)) {
        let rows = conn.all_of(&count(table, subject, conn.org.0, user), |row| row.int(0))?;
        counts.push((table.name, rows.iter().sum()));
    }
    Ok(counts)
}

/// The tables of which a user has few rows, what is left of users who were erased, and of imports that were not ended.
fn of_organization() -> impl Iterator<Item = (&'static str, &'static str)> {
    let small = TABLES.iter().filter(|table| table.erasing == Erasing::AtOnce && table.name != "job");
    let left = [
        ("anonymization_request", "request_id"),
        ("erasure_receipt", "subject_hash"),
        ("operator_import", "import_id"),
        ("user_tombstone", "user_id"),
    ];
    small.map(|table| (table.name, "user_id")).chain(left)
}

/// The statements by which rows are erased of a table that has very many.
fn large(dialect: Dialect, table: (&str, &str, &str), whose: &Whose) -> Vec<Statement> {
    match dialect {
        Dialect::Sqlite => vec![numbered(table.0, table.2, 0, whose, 1), delete_numbered(table.0)],
        Dialect::Postgres => vec![batch(dialect, table, (0, whose), (1, 1))],
    }
}

/// One statement of each shape, for the test that prepares them.
pub fn example_statements(dialect: Dialect) -> Vec<Statement> {
    let user = UserId([0; 16]);
    let mut statements = Vec::new();
    for table in TABLES {
        match table.erasing {
            Erasing::AtOnce => statements.push(at_once(table.name, 0, user)),
            Erasing::InBatches { key, size } => {
                let whose = [Whose::Everybodys, Whose::Of(user)];
                let of = |whose| large(dialect, (table.name, key, size), whose);
                statements.extend(whose.iter().flat_map(of));
            }
            Erasing::Cleared { key, size } => {
                statements.extend(large(dialect, (table.name, key, size), &Whose::Everybodys));
                let (whose, after) = ((0, &Whose::Of(user)), Value::Int(0));
                statements.push(clear(dialect, (table, key, size), whose, after, (1, 1), Timestamp(0)));
            }
            _ => {}
        }
    }
    let message = declared("contact_message");
    statements.push(clear_one(message, "message_id", 0, Value::Blob(user.0.to_vec()), Timestamp(0)));
    let conversation = declared("contact_conversation");
    statements.push(clear_one(conversation, "conversation_id", 0, Value::Int(0), Timestamp(0)));
    let (whose, after) = ((0, &Whose::In(0)), Value::Blob(Vec::new()));
    statements.push(clear(dialect, contact_messages(), whose, after, (1, 1), Timestamp(0)));
    statements.extend(about_users(dialect).map(|(table, subject)| count(table, subject, 0, user)));
    let small = |(table, key)| batch(dialect, (table, key, "1"), (0, &Whose::Everybodys), (1, 1));
    statements.extend(of_organization().map(small));
    statements
}
