//! The messages of contacts' conversations.

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::{Digest, id_list, read_digest};
use crate::sql::{Param, Sql};

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactMessage {
    pub message_id: Uuid,
    pub conversation_id: i64,
    /// Who wrote it, in the platform's words.
    pub sender: String,
    pub content: String,
    pub created_at: Timestamp,
}

/// What decides about a message that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredMessage {
    pub message_id: Uuid,
    pub conversation_id: i64,
    /// Whose conversation it is.
    pub user_id: UserId,
    /// `None` when the message was anonymized.
    pub digest: Option<Digest>,
    pub anonymized_at: Option<Timestamp>,
}

static FIND_MANY: Sql = Sql::split(
    "contact_message.find_many",
    "SELECT message_id, conversation_id, user_id, digest, anonymized_at FROM contact_message
     WHERE org_id = $1 AND message_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT message_id, conversation_id, user_id, digest, anonymized_at FROM contact_message
     WHERE org_id = $1 AND message_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static INSERT: Sql = Sql::new(
    "contact_message.insert",
    "INSERT INTO contact_message (org_id, message_id, conversation_id, user_id, sender, content, created_at, digest,
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);
static UPDATE: Sql = Sql::new(
    "contact_message.update",
    "UPDATE contact_message SET conversation_id = $3, user_id = $4, sender = $5, content = $6, created_at = $7,
     digest = $8, updated_at = $9 WHERE org_id = $1 AND message_id = $2",
);

pub const STATEMENTS: &[&Sql] = &[&FIND_MANY, &INSERT, &UPDATE];

/// Which of these messages are there.
pub fn find_many(conn: &Conn<'_>, ids: &[Uuid]) -> Result<Vec<StoredMessage>> {
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(ids))], |row| {
        Ok(StoredMessage {
            message_id: row.id(0, Uuid::from_column)?,
            conversation_id: row.int(1)?,
            user_id: row.id(2, UserId::from_column)?,
            digest: row.optional_blob(3)?.is_some().then(|| read_digest(row, 3)).transpose()?,
            anonymized_at: row.optional_int(4)?.map(Timestamp),
        })
    })
}

/// Adds a message that is not there, to a conversation of this contact.
pub fn insert(
    tx: &Tx<'_>,
    message: &ContactMessage,
    contact: UserId,
    digest: &Digest,
    now: Timestamp,
) -> Result<()> {
    write(tx, &INSERT, message, contact, digest, now)
}

/// Writes over a message that is there, and was not anonymized.
pub fn update(
    tx: &Tx<'_>,
    message: &ContactMessage,
    contact: UserId,
    digest: &Digest,
    now: Timestamp,
) -> Result<()> {
    write(tx, &UPDATE, message, contact, digest, now)
}

fn write(
    tx: &Tx<'_>,
    sql: &Sql,
    message: &ContactMessage,
    contact: UserId,
    digest: &Digest,
    now: Timestamp,
) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&message.message_id.0),
        Param::Int(message.conversation_id),
        Param::Blob(&contact.0),
        Param::Text(&message.sender),
        Param::Text(&message.content),
        Param::Int(message.created_at.0),
        Param::Blob(digest),
        Param::Int(now.0),
    ];
    tx.write(sql, &params)
}
