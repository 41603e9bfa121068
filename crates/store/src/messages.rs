//! The messages of conversations, as the platform that holds them sends them.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::{Digest, Stored, id_list, read_digest};
use crate::sql::{Param, Sql};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub message_id: ObjectId,
    /// The conversation may not be there yet.
    pub conversation_id: ObjectId,
    /// Who holds the conversation, whoever has written the message.
    pub user_id: UserId,
    pub created_at: Timestamp,
    /// Who has written it, in the platform's words.
    pub sender: String,
    pub content: String,
}

/// What decides about a message that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredMessage {
    pub stored: Stored,
    pub conversation_id: ObjectId,
}

static FIND_MANY: Sql = Sql::split(
    "message.find_many",
    "SELECT message_id, user_id, digest, conversation_id FROM message
     WHERE org_id = $1 AND message_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT message_id, user_id, digest, conversation_id FROM message
     WHERE org_id = $1 AND message_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
/// How many messages say whose a conversation is: when one of them is about to be moved away, the other still does.
pub const SAMPLE: usize = 2;

static OF_CONVERSATIONS: Sql = Sql::split(
    "message.of_conversations",
    "SELECT message_id, user_id, digest, conversation_id FROM json_each($2) AS wanted CROSS JOIN message
     WHERE message.rowid IN (SELECT sample.rowid FROM message AS sample
        WHERE sample.org_id = $1 AND sample.conversation_id = unhex(wanted.value) LIMIT 2)",
    "SELECT message_id, user_id, digest, conversation_id
     FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS wanted
     CROSS JOIN LATERAL (SELECT message_id, user_id, digest, conversation_id FROM message
        WHERE org_id = $1 AND conversation_id = decode(wanted, 'hex') LIMIT 2) AS sample",
);
static INSERT: Sql = Sql::split(
    "message.insert",
    "INSERT INTO message (org_id, message_id, conversation_id, user_id, created_at, sender, content, digest, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    "INSERT INTO message (org_id, message_id, conversation_id, user_id, created_at, sender, content, digest, updated_at)
     SELECT CAST($1 AS BIGINT), row.* FROM unnest(CAST($2 AS BYTEA[]), CAST($3 AS BYTEA[]), CAST($4 AS BYTEA[]),
        CAST($5 AS BIGINT[]), CAST($6 AS TEXT[]), CAST($7 AS TEXT[]), CAST($8 AS BYTEA[]), CAST($9 AS BIGINT[])) AS row",
);
static UPDATE: Sql = Sql::new(
    "message.update",
    "UPDATE message SET conversation_id = $3, user_id = $4, created_at = $5, sender = $6, content = $7, digest = $8,
     updated_at = $9 WHERE org_id = $1 AND message_id = $2",
);

pub const STATEMENTS: &[&Sql] = &[&FIND_MANY, &OF_CONVERSATIONS, &INSERT, &UPDATE];

fn read_message(row: &crate::sql::Row<'_>) -> Result<StoredMessage> {
    Ok(StoredMessage {
        stored: Stored {
            id: row.id(0, ObjectId::from_column)?,
            user_id: row.id(1, UserId::from_column)?,
            digest: read_digest(row, 2)?,
        },
        conversation_id: row.id(3, ObjectId::from_column)?,
    })
}

/// Which of these messages are there.
pub fn find_many(conn: &Conn<'_>, ids: &[ObjectId]) -> Result<Vec<StoredMessage>> {
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(ids))], read_message)
}

/// Up to [`SAMPLE`] messages of each of these conversations, which must be different ones.
pub fn sample_of_conversations(conn: &Conn<'_>, conversations: &[ObjectId]) -> Result<Vec<StoredMessage>> {
    conn.all(&OF_CONVERSATIONS, &[conn.org_param(), Param::Text(&id_list(conversations))], read_message)
}

/// Adds a message that is not there.
pub fn insert(tx: &Tx<'_>, message: &Message, digest: &Digest, now: Timestamp) -> Result<()> {
    tx.add_row(&INSERT, &params(tx, message, digest, now))
}

/// Writes over a message that is there.
pub fn update(tx: &Tx<'_>, message: &Message, digest: &Digest, now: Timestamp) -> Result<()> {
    tx.write(&UPDATE, &params(tx, message, digest, now))
}

fn params<'m>(tx: &Tx<'_>, message: &'m Message, digest: &'m Digest, now: Timestamp) -> [Param<'m>; 9] {
    [
        tx.org_param(),
        Param::Blob(&message.message_id.0),
        Param::Blob(&message.conversation_id.0),
        Param::Blob(&message.user_id.0),
        Param::Int(message.created_at.0),
        Param::Text(&message.sender),
        Param::Text(&message.content),
        Param::Blob(digest),
        Param::Int(now.0),
    ]
}
