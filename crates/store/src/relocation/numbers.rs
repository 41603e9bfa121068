//! The numbers of users and records in their new place.
//!
//! SQLite numbers the users of each directory of each organization; PostgreSQL draws the numbers of all users from one
//! sequence, and those of all records from another. Numbers of members and of records are named by continuation tokens, so
//! they are kept: a token from before a move goes on after it. The sequences are raised beyond them first, or a number could
//! be drawn twice.

use denizen_domain::member::Directory;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Dialect, Param, Sql};
use crate::users::Position;

/// Members keep their numbers on SQLite when no greater one was ever given: of the 4,294,967,295 that a directory has there,
/// half are left for those to come. Beyond it they are numbered anew, in their order.
const MOST_KEPT: i64 = 1 << 31;

static LAST_MEMBER: Sql = Sql::split(
    "relocation.last_member",
    "SELECT last_seq FROM directory_counter WHERE org_id = $1 AND directory = $2",
    "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM user_position",
);
static LAST_RECORD: Sql = Sql::split(
    "relocation.last_record",
    "",
    "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM record_position",
);
// Engine: whoever draws from a sequence holds a lock on it until the transaction ends, and changing the sequence waits for
// those and keeps others waiting: so nothing is drawn between the look at its value and the new value.
static HOLD_USERS: Sql = Sql::split("relocation.hold_users", "", "ALTER SEQUENCE user_position CACHE 1");
static HOLD_RECORDS: Sql =
    Sql::split("relocation.hold_records", "", "ALTER SEQUENCE record_position CACHE 1");
static RAISE_USERS: Sql =
    Sql::split("relocation.raise_users", "", "SELECT setval('user_position', CAST($1 AS BIGINT))");
static RAISE_RECORDS: Sql =
    Sql::split("relocation.raise_records", "", "SELECT setval('record_position', CAST($1 AS BIGINT))");
static DRAW: Sql = Sql::split(
    "relocation.draw",
    "",
    "SELECT nextval('user_position') FROM generate_series(1, CAST($1 AS BIGINT))",
);
static SET_COUNTER: Sql = Sql::split(
    "relocation.set_counter",
    "INSERT INTO directory_counter (org_id, directory, users, last_seq) VALUES ($1, $2, $3, $4)",
    "INSERT INTO directory_counter (org_id, directory, slot, users) VALUES ($1, $2, 0, $3)",
);

pub(super) const STATEMENTS: &[&Sql] = &[
    &LAST_MEMBER,
    &LAST_RECORD,
    &HOLD_USERS,
    &HOLD_RECORDS,
    &RAISE_USERS,
    &RAISE_RECORDS,
    &DRAW,
    &SET_COUNTER,
];

/// Of each directory, in the order of their numbers.
pub(super) type PerDirectory = [i64; 3];

pub(super) fn slot(directory: Directory) -> usize {
    usize::try_from(directory.number()).unwrap_or_default()
}

/// What was given out where the organization comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Given {
    /// The greatest number that a member may have had.
    pub(super) member: i64,
    /// The same of records, where they are drawn from a sequence.
    pub(super) record: i64,
}

impl Given {
    pub(super) fn read(conn: &Conn<'_>) -> Result<Self> {
        let (member, record) = match conn.dialect() {
            Dialect::Sqlite => {
                let params = [conn.org_param(), Param::Int(Directory::Members.number())];
                (conn.optional(&LAST_MEMBER, &params, |row| row.int(0))?, None)
            }
            Dialect::Postgres => (
                conn.optional(&LAST_MEMBER, &[], |row| row.int(0))?,
                conn.optional(&LAST_RECORD, &[], |row| row.int(0))?,
            ),
        };
        Ok(Self { member: member.unwrap_or_default(), record: record.unwrap_or_default() })
    }

    /// Whether members keep their numbers.
    pub(super) fn fits(self, target: Dialect) -> bool {
        target == Dialect::Postgres || self.member < MOST_KEPT
    }
}

/// Sees to it that no user's number up to `number` is drawn any more.
pub(super) fn raise_users(tx: &Tx<'_>, number: i64) -> Result<()> {
    raise(tx, number, (&LAST_MEMBER, &HOLD_USERS, &RAISE_USERS))
}

/// The same of records.
pub(super) fn raise_records(tx: &Tx<'_>, number: i64) -> Result<()> {
    raise(tx, number, (&LAST_RECORD, &HOLD_RECORDS, &RAISE_RECORDS))
}

fn raise(tx: &Tx<'_>, number: i64, (last, hold, raise): (&Sql, &Sql, &Sql)) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let reaches = |tx: &Tx<'_>| {
        let last = tx.optional(last, &[], |row| row.int(0))?;
        Ok::<_, StoreError>(last.is_some_and(|last| last >= number))
    };
    // Most often it is there already, and nobody has to wait.
    if reaches(tx)? {
        return Ok(());
    }
    tx.execute(hold, &[])?;
    if !reaches(tx)? {
        tx.optional(raise, &[Param::Int(number)], |_| Ok(()))?;
    }
    Ok(())
}

/// New numbers for so many users, in the order in which they are given, from PostgreSQL's sequence.
pub(super) fn draw(tx: &Tx<'_>, users: usize) -> Result<Vec<Position>> {
    let users = i64::try_from(users).unwrap_or(i64::MAX);
    let mut numbers = tx.all(&DRAW, &[Param::Int(users)], |row| row.int(0))?;
    numbers.sort_unstable();
    Ok(numbers.into_iter().map(Position).collect())
}

/// Writes how many users each directory has, and on SQLite which number was the last.
pub(super) fn set_counters(tx: &Tx<'_>, users: PerDirectory, last: PerDirectory) -> Result<()> {
    for directory in [Directory::Members, Directory::Contacts, Directory::Operators] {
        let (users, last) = (users[slot(directory)], last[slot(directory)]);
        if users == 0 && last == 0 {
            continue;
        }
        let params = [tx.org_param(), Param::Int(directory.number()), Param::Int(users), Param::Int(last)];
        let known = if tx.dialect() == Dialect::Sqlite { 4 } else { 3 };
        tx.execute(&SET_COUNTER, &params[..known])?;
    }
    Ok(())
}
