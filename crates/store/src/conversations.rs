//! Conversations, as the platform that holds them sends them.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::{Digest, Stored, id_list, read_stored};
use crate::sql::{Param, Sql};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub conversation_id: ObjectId,
    /// Whose conversation it is; the user may not be there yet.
    pub user_id: UserId,
    pub started_at: Timestamp,
    /// `None` while it goes on.
    pub ended_at: Option<Timestamp>,
    pub title: Option<String>,
}

static FIND_MANY: Sql = Sql::split(
    "conversation.find_many",
    "SELECT conversation_id, user_id, digest FROM conversation
     WHERE org_id = $1 AND conversation_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT conversation_id, user_id, digest FROM conversation
     WHERE org_id = $1 AND conversation_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static INSERT: Sql = Sql::split(
    "conversation.insert",
    "INSERT INTO conversation (org_id, conversation_id, user_id, started_at, ended_at, title, digest, created_at,
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    "INSERT INTO conversation (org_id, conversation_id, user_id, started_at, ended_at, title, digest, created_at,
     updated_at)
     SELECT CAST($1 AS BIGINT), row.*, row.now FROM unnest(CAST($2 AS BYTEA[]), CAST($3 AS BYTEA[]), CAST($4 AS BIGINT[]),
        CAST($5 AS BIGINT[]), CAST($6 AS TEXT[]), CAST($7 AS BYTEA[]), CAST($8 AS BIGINT[]))
        AS row (conversation_id, user_id, started_at, ended_at, title, digest, now)",
);
static UPDATE: Sql = Sql::new(
    "conversation.update",
    "UPDATE conversation SET user_id = $3, started_at = $4, ended_at = $5, title = $6, digest = $7, updated_at = $8
     WHERE org_id = $1 AND conversation_id = $2",
);

pub const STATEMENTS: &[&Sql] = &[&FIND_MANY, &INSERT, &UPDATE];

/// Which of these conversations are there, with their users and digests.
pub fn find_many(conn: &Conn<'_>, ids: &[ObjectId]) -> Result<Vec<Stored>> {
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(ids))], read_stored)
}

/// Adds a conversation that is not there.
pub fn insert(tx: &Tx<'_>, conversation: &Conversation, digest: &Digest, now: Timestamp) -> Result<()> {
    tx.add_row(&INSERT, &params(tx, conversation, digest, now))
}

/// Writes over a conversation that is there.
pub fn update(tx: &Tx<'_>, conversation: &Conversation, digest: &Digest, now: Timestamp) -> Result<()> {
    tx.write(&UPDATE, &params(tx, conversation, digest, now))
}

fn params<'c>(
    tx: &Tx<'_>,
    conversation: &'c Conversation,
    digest: &'c Digest,
    now: Timestamp,
) -> [Param<'c>; 8] {
    [
        tx.org_param(),
        Param::Blob(&conversation.conversation_id.0),
        Param::Blob(&conversation.user_id.0),
        Param::Int(conversation.started_at.0),
        Param::optional_int(conversation.ended_at.map(|time| time.0)),
        Param::optional_text(conversation.title.as_deref()),
        Param::Blob(digest),
        Param::Int(now.0),
    ]
}
