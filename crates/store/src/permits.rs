//! Permits of rate limits: how much of a minute's limit the processes over one database have drawn.
//!
//! Here it is counted what was handed out, and exactly; what a key stands for and who may draw is not known here.
//! Nothing in the table outlives its minute, so on PostgreSQL it is not logged: a server that crashes forgets it.

use crate::conn::Tx;
use crate::error::Result;
use crate::sql::{Param, Row, Sql};

/// A process draws a sixteenth of what is left, so that the ones at the end of a minute's limit are handed out singly.
const SHARE: i64 = 16;

/// What was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Permits that the caller has now; 0 when the limit is used up.
    pub granted: i64,
    /// Permits that all processes have drawn of this minute, these included.
    pub taken: i64,
}

// The number is computed from the row as it is, in the statement that changes it, so two processes that draw at once
// never get the same permits. It is kept in the row because an answer shows a row only as it is afterwards.
static TAKE: Sql = Sql::new(
    "permit.take",
    "INSERT INTO rate_permit (org_id, permit_key, minute, taken, granted) VALUES ($1, $2, $3, $4, $4)
     ON CONFLICT (org_id, permit_key, minute) DO UPDATE SET
         granted = CASE WHEN rate_permit.taken >= $5 THEN 0
             WHEN $5 - rate_permit.taken < $6 THEN $5 - rate_permit.taken
             WHEN ($5 - rate_permit.taken) / $7 < $6 THEN $6
             ELSE ($5 - rate_permit.taken) / $7 END,
         taken = rate_permit.taken + CASE WHEN rate_permit.taken >= $5 THEN 0
             WHEN $5 - rate_permit.taken < $6 THEN $5 - rate_permit.taken
             WHEN ($5 - rate_permit.taken) / $7 < $6 THEN $6
             ELSE ($5 - rate_permit.taken) / $7 END
     RETURNING granted, taken",
);
static GIVE_BACK: Sql = Sql::new(
    "permit.give_back",
    "UPDATE rate_permit SET taken = taken - $4
     WHERE org_id = $1 AND permit_key = $2 AND minute = $3 AND taken >= $4",
);
static DELETE_PAST: Sql = Sql::new("permit.delete_past", "DELETE FROM rate_permit WHERE minute < $1");

pub const STATEMENTS: &[&Sql] = &[&TAKE, &GIVE_BACK, &DELETE_PAST];

/// Draws permits of one minute: a sixteenth of what is left of `limit`, but at least `want` where there are so many.
/// The sum over all calls for the same key and minute never exceeds `limit`, less what was given back.
pub fn take(tx: &Tx<'_>, key: &[u8], minute: i64, limit: i64, want: i64) -> Result<Drawn> {
    let first = (limit / SHARE).max(want).min(limit);
    let params = [
        tx.org_param(),
        Param::Blob(key),
        Param::Int(minute),
        Param::Int(first),
        Param::Int(limit),
        Param::Int(want),
        Param::Int(SHARE),
    ];
    let read = |row: &Row<'_>| Ok(Drawn { granted: row.int(0)?, taken: row.int(1)? });
    Ok(tx.optional(&TAKE, &params, read)?.unwrap_or(Drawn { granted: 0, taken: limit }))
}

/// Gives permits back that were drawn and not used.
pub fn give_back(tx: &Tx<'_>, key: &[u8], minute: i64, count: i64) -> Result<()> {
    let params = [tx.org_param(), Param::Blob(key), Param::Int(minute), Param::Int(count)];
    tx.write(&GIVE_BACK, &params)
}

/// Removes the permits of the minutes before `minute`, over all organizations; says how many rows that were.
pub fn delete_past(tx: &Tx<'_>, minute: i64) -> Result<usize> {
    tx.execute(&DELETE_PAST, &[Param::Int(minute)])
}
