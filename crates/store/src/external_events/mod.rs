//! External events: what happened to a user outside of conversations.

mod page;

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::{Digest, Stored, id_list, read_stored};
use crate::sql::{Param, Row, Sql};

pub use page::{EventQuery, SortField, SortKey, example_statements, page, page_statement, sort_values};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalEvent {
    pub event_id: ObjectId,
    pub user_id: UserId,
    /// Has to fit into an index.
    pub event_type: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub description: String,
    pub transcript: Option<String>,
}

impl ExternalEvent {
    /// Over all of the event, by which one that comes again is known.
    pub fn digest(&self) -> Digest {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(&self.event_id.0);
        context.update(&self.user_id.0);
        context.update(&self.starts_at.0.to_be_bytes());
        context.update(&self.ends_at.0.to_be_bytes());
        for text in [Some(&self.event_type), Some(&self.description), self.transcript.as_ref()] {
            // With its length before it, no text can pass for the beginning of the next.
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(text.map_or(&[], |text| text.as_bytes()));
        }
        let mut digest = Digest::default();
        let length = digest.len();
        digest.copy_from_slice(&context.finish().as_ref()[..length]);
        digest
    }
}

static FIND: Sql = Sql::new(
    "external_event.find",
    "SELECT event_id, user_id, type, starts_at, ends_at, description, transcript FROM external_event
     WHERE org_id = $1 AND event_id = $2",
);
static FIND_MANY: Sql = Sql::split(
    "external_event.find_many",
    "SELECT event_id, user_id, digest FROM external_event
     WHERE org_id = $1 AND event_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT event_id, user_id, digest FROM external_event
     WHERE org_id = $1 AND event_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static INSERT: Sql = Sql::split(
    "external_event.insert",
    "INSERT INTO external_event (org_id, event_id, user_id, type, starts_at, ends_at, description, transcript, digest,
     created_at, updated_at, position) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10,
     (SELECT coalesce(max(position), 0) + 1 FROM external_event WHERE org_id = $1 AND user_id = $3))",
    "INSERT INTO external_event (org_id, event_id, user_id, type, starts_at, ends_at, description, transcript, digest,
     created_at, updated_at, position)
     SELECT CAST($1 AS BIGINT), row.*, row.now, nextval('record_position') FROM unnest(CAST($2 AS BYTEA[]),
        CAST($3 AS BYTEA[]), CAST($4 AS TEXT[]), CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[]), CAST($7 AS TEXT[]),
        CAST($8 AS TEXT[]), CAST($9 AS BYTEA[]), CAST($10 AS BIGINT[]))
        AS row (event_id, user_id, type, starts_at, ends_at, description, transcript, digest, now)",
);
// On SQLite an event that goes to another user takes its place among that user's.
static UPDATE: Sql = Sql::split(
    "external_event.update",
    "UPDATE external_event SET user_id = $3, type = $4, starts_at = $5, ends_at = $6, description = $7,
     transcript = $8, digest = $9, updated_at = $10, position = CASE WHEN user_id = $3 THEN position ELSE
        (SELECT coalesce(max(position), 0) + 1 FROM external_event AS other
         WHERE other.org_id = $1 AND other.user_id = $3) END
     WHERE org_id = $1 AND event_id = $2",
    "UPDATE external_event SET user_id = $3, type = $4, starts_at = $5, ends_at = $6, description = $7,
     transcript = $8, digest = $9, updated_at = $10 WHERE org_id = $1 AND event_id = $2",
);
static DELETE: Sql =
    Sql::new("external_event.delete", "DELETE FROM external_event WHERE org_id = $1 AND event_id = $2");

pub const STATEMENTS: &[&Sql] = &[&FIND, &FIND_MANY, &INSERT, &UPDATE, &DELETE];

/// From this column on: id, user, type, start, end, description, transcript.
pub(crate) fn read_event(row: &Row<'_>, first: usize) -> Result<ExternalEvent> {
    Ok(ExternalEvent {
        event_id: row.id(first, ObjectId::from_column)?,
        user_id: row.id(first + 1, UserId::from_column)?,
        event_type: row.text(first + 2)?,
        starts_at: Timestamp(row.int(first + 3)?),
        ends_at: Timestamp(row.int(first + 4)?),
        description: row.text(first + 5)?,
        transcript: row.optional_text(first + 6)?,
    })
}

pub fn find(conn: &Conn<'_>, event: ObjectId) -> Result<Option<ExternalEvent>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(&event.0)], |row| read_event(row, 0))
}

/// Which of these events are there, with their users and digests.
pub fn find_many(conn: &Conn<'_>, ids: &[ObjectId]) -> Result<Vec<Stored>> {
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(ids))], read_stored)
}

/// Adds an event that is not there, after all others of its user.
pub fn insert(tx: &Tx<'_>, event: &ExternalEvent, digest: &Digest, now: Timestamp) -> Result<()> {
    tx.add_row(&INSERT, &params(tx, event, digest, now))
}

/// Writes over an event that is there.
pub fn update(tx: &Tx<'_>, event: &ExternalEvent, digest: &Digest, now: Timestamp) -> Result<()> {
    tx.write(&UPDATE, &params(tx, event, digest, now))
}

fn params<'e>(tx: &Tx<'_>, event: &'e ExternalEvent, digest: &'e Digest, now: Timestamp) -> [Param<'e>; 10] {
    [
        tx.org_param(),
        Param::Blob(&event.event_id.0),
        Param::Blob(&event.user_id.0),
        Param::Text(&event.event_type),
        Param::Int(event.starts_at.0),
        Param::Int(event.ends_at.0),
        Param::Text(&event.description),
        Param::optional_text(event.transcript.as_deref()),
        Param::Blob(digest),
        Param::Int(now.0),
    ]
}

/// Removes an event; does nothing when it is gone already.
pub fn delete(tx: &Tx<'_>, event: ObjectId) -> Result<()> {
    tx.write(&DELETE, &[tx.org_param(), Param::Blob(&event.0)])
}
