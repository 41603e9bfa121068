//! Memories: what a conversation platform has drawn from conversations about a user.

mod page;

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::{Digest, Stored, id_list, read_stored};
use crate::sql::{Dialect, Param, Sql};

pub use page::{MemoryQuery, SortField, SortKey, example_statements, page, page_statement, sort_values};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    pub memory_id: ObjectId,
    pub user_id: UserId,
    pub conversation_id: ObjectId,
    pub created_at: Timestamp,
    /// The messages that it was drawn from, in their order; they may not be there yet.
    pub references: Vec<ObjectId>,
    pub content: String,
    pub context: String,
}

static FIND_MANY: Sql = Sql::split(
    "memory.find_many",
    "SELECT memory_id, user_id, digest FROM memory
     WHERE org_id = $1 AND memory_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT memory_id, user_id, digest FROM memory
     WHERE org_id = $1 AND memory_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static INSERT: Sql = Sql::split(
    "memory.insert",
    "INSERT INTO memory (org_id, memory_id, user_id, conversation_id, created_at, content, context, digest, updated_at,
     position) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
     (SELECT coalesce(max(position), 0) + 1 FROM memory WHERE org_id = $1 AND user_id = $3))",
    "WITH given AS (
        SELECT * FROM unnest(CAST($2 AS BYTEA[]), CAST($3 AS BYTEA[]), CAST($4 AS BYTEA[]), CAST($5 AS BIGINT[]),
            CAST($6 AS TEXT[]), CAST($7 AS TEXT[]), CAST($8 AS BYTEA[]), CAST($9 AS BIGINT[]), CAST($10 AS TEXT[]))
            AS row (memory_id, user_id, conversation_id, created_at, content, context, digest, updated_at, messages)),
     added AS (
        INSERT INTO memory (org_id, memory_id, user_id, conversation_id, created_at, content, context, digest,
        updated_at, position)
        SELECT CAST($1 AS BIGINT), memory_id, user_id, conversation_id, created_at, content, context, digest, updated_at,
        nextval('record_position') FROM given)
     INSERT INTO memory_reference (org_id, memory_id, ordinal, message_id)
     SELECT $1, memory_id, ordinal - 1, decode(id, 'hex')
     FROM given, jsonb_array_elements_text(CAST(messages AS JSONB)) WITH ORDINALITY AS listed (id, ordinal)",
);
// On SQLite a memory that goes to another user takes its place among that user's.
static UPDATE: Sql = Sql::split(
    "memory.update",
    "UPDATE memory SET user_id = $3, conversation_id = $4, created_at = $5, content = $6, context = $7, digest = $8,
     updated_at = $9, position = CASE WHEN user_id = $3 THEN position ELSE
        (SELECT coalesce(max(position), 0) + 1 FROM memory AS other WHERE other.org_id = $1 AND other.user_id = $3) END
     WHERE org_id = $1 AND memory_id = $2",
    "UPDATE memory SET user_id = $3, conversation_id = $4, created_at = $5, content = $6, context = $7, digest = $8,
     updated_at = $9 WHERE org_id = $1 AND memory_id = $2",
);
static INSERT_REFERENCES: Sql = Sql::split(
    "memory.insert_references",
    "INSERT INTO memory_reference (org_id, memory_id, ordinal, message_id)
     SELECT $1, $2, key, unhex(value) FROM json_each($3)",
    "INSERT INTO memory_reference (org_id, memory_id, ordinal, message_id)
     SELECT CAST($1 AS BIGINT), CAST($2 AS BYTEA), ordinal - 1, decode(id, 'hex')
     FROM jsonb_array_elements_text(CAST(CAST($3 AS TEXT) AS JSONB)) WITH ORDINALITY AS listed (id, ordinal)",
);
static DELETE_REFERENCES: Sql =
    Sql::new("memory.delete_references", "DELETE FROM memory_reference WHERE org_id = $1 AND memory_id = $2");

pub const STATEMENTS: &[&Sql] = &[&FIND_MANY, &INSERT, &UPDATE, &INSERT_REFERENCES, &DELETE_REFERENCES];

/// Which of these memories are there, with their users and digests.
pub fn find_many(conn: &Conn<'_>, ids: &[ObjectId]) -> Result<Vec<Stored>> {
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(ids))], read_stored)
}

/// Adds a memory that is not there, after all others of its user.
pub fn insert(tx: &Tx<'_>, memory: &Memory, digest: &Digest, now: Timestamp) -> Result<()> {
    let params = params(tx, memory, digest, now);
    if tx.dialect() == Dialect::Sqlite {
        tx.write(&INSERT, &params)?;
        return insert_references(tx, memory);
    }
    let messages = (!memory.references.is_empty()).then(|| id_list(&memory.references));
    let with_references = [&params[..], &[Param::optional_text(messages.as_deref())]].concat();
    tx.add_row(&INSERT, &with_references)
}

/// Writes over a memory that is there.
pub fn update(tx: &Tx<'_>, memory: &Memory, digest: &Digest, now: Timestamp) -> Result<()> {
    tx.write(&UPDATE, &params(tx, memory, digest, now))?;
    tx.write(&DELETE_REFERENCES, &[tx.org_param(), Param::Blob(&memory.memory_id.0)])?;
    insert_references(tx, memory)
}

fn insert_references(tx: &Tx<'_>, memory: &Memory) -> Result<()> {
    if memory.references.is_empty() {
        return Ok(());
    }
    let references = id_list(&memory.references);
    tx.write(
        &INSERT_REFERENCES,
        &[tx.org_param(), Param::Blob(&memory.memory_id.0), Param::Text(&references)],
    )
}

fn params<'m>(tx: &Tx<'_>, memory: &'m Memory, digest: &'m Digest, now: Timestamp) -> [Param<'m>; 9] {
    [
        tx.org_param(),
        Param::Blob(&memory.memory_id.0),
        Param::Blob(&memory.user_id.0),
        Param::Blob(&memory.conversation_id.0),
        Param::Int(memory.created_at.0),
        Param::Text(&memory.content),
        Param::Text(&memory.context),
        Param::Blob(digest),
        Param::Int(now.0),
    ]
}
