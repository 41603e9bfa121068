//! Conversations of contacts with the help desk.

use std::collections::BTreeMap;

use denizen_domain::contact::Attributes;
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::records::{Digest, read_digest};
use crate::sql::{Param, Row, Sql, to_json};

/// A conversation as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactConversation {
    pub conversation_id: i64,
    /// The contact who holds it.
    pub user_id: UserId,
    pub kind: ConversationKind,
    pub channel: Channel,
    pub direction: Option<Direction>,
    pub state: Option<ConversationState>,
    pub state_changed_at: Option<Timestamp>,
    pub assignment: Option<Assignment>,
    pub queue: Option<Queue>,
    pub link: Option<ConversationLink>,
    pub transport_expires_at: Option<Timestamp>,
    pub details: ConversationDetails,
    pub attributes: Attributes,
    pub created_at: Timestamp,
    /// When `assignment`, `queue`, `details`, `attributes` and the messages were forgotten.
    pub anonymized_at: Option<Timestamp>,
}

/// The bytes of what a conversation has of its kind and of what is noted of it, as JSON.
pub fn size(details: &ConversationDetails, attributes: &Attributes) -> usize {
    let details = details_json(details).map_or(0, |json| json.len());
    details + attributes_json(attributes).map_or(0, |json| json.len())
}

fn details_json(details: &ConversationDetails) -> Option<String> {
    (*details != ConversationDetails::default()).then(|| to_json(details))
}

fn attributes_json(attributes: &Attributes) -> Option<String> {
    (!attributes.is_empty()).then(|| to_json(attributes))
}

/// Who of the help desk talks with the contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub agent_id: Uuid,
    /// Microseconds since 1970 UTC.
    pub assigned_at: i64,
}

/// Where a conversation waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    pub id: Uuid,
    /// Microseconds since 1970 UTC.
    pub queued_at: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationLink {
    pub parent_id: i64,
    pub kind: LinkKind,
}

/// What the kinds of conversations have of their own; each has some of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConversationDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<Browser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_contact_point_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_contact_point_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twitter_type: Option<TwitterType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_point_twitter_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user_twitter_id: Option<String>,
}

/// The browser from which a contact writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originating_url: Option<String>,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As in the store and in records.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }
    };
}

words!(
    /// What a conversation is, which decides what it has of its own.
    ConversationKind {
        Chat = "Chat",
        ContactForm = "ContactForm",
        Email = "Email",
        FacebookMessenger = "FacebookMessenger",
        Generic = "Generic",
        Messenger = "Messenger",
        PstnPhone = "PstnPhone",
        Sms = "Sms",
        Twitter = "Twitter",
        WhatsApp = "WhatsApp",
    }
);
words!(
    /// By which channel a conversation came.
    Channel {
        Callback = "Callback",
        ContactForm = "ContactForm",
        Email = "Email",
        FacebookMessenger = "FacebookMessenger",
        Messenger = "Messenger",
        PstnPhone = "PstnPhone",
        Sms = "Sms",
        Twitter = "Twitter",
        Voicemail = "Voicemail",
        WhatsApp = "WhatsApp",
        WidgetChat = "WidgetChat",
    }
);
words!(
    /// Who began a conversation.
    Direction { Inbound = "Inbound", Outbound = "Outbound", Internal = "Internal" }
);
words!(
    /// How far a conversation is.
    ConversationState {
        AwaitingPending = "AwaitingPending",
        Closed = "Closed",
        Open = "Open",
        Pending = "Pending",
    }
);
words!(
    /// What a conversation is to its parent.
    LinkKind { EmailForward = "EmailForward", FollowUp = "FollowUp", SideConversation = "SideConversation" }
);
words!(
    /// What kind of message a conversation on Twitter consists of.
    TwitterType { DirectMessage = "DirectMessage", Tweet = "Tweet" }
);

/// What decides about a conversation that comes again, and about the messages in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConversation {
    pub conversation_id: i64,
    pub user_id: UserId,
    /// Over all of a record but the attributes; `None` when something else has changed the conversation since.
    pub digest: Option<Digest>,
    /// Whether the conversation or its contact was anonymized.
    pub is_anonymized: bool,
}

static FIND: Sql = Sql::new(
    "contact_conversation.find",
    "SELECT conversation_id, user_id, kind, channel, direction, state, state_changed_at, assignment, queue, parent_id,
        link_kind, transport_expires_at, details, attributes, created_at, anonymized_at
     FROM contact_conversation WHERE org_id = $1 AND conversation_id = $2",
);
// Those of a contact, from an id on; and up to an id, last first.
static FROM: Sql = Sql::new(
    "contact_conversation.from",
    "SELECT conversation_id, user_id, kind, channel, direction, state, state_changed_at, assignment, queue, parent_id,
        link_kind, transport_expires_at, details, attributes, created_at, anonymized_at
     FROM contact_conversation WHERE org_id = $1 AND user_id = $2 AND conversation_id >= $3
     ORDER BY org_id, user_id, conversation_id LIMIT $4",
);
static UNTIL: Sql = Sql::new(
    "contact_conversation.until",
    "SELECT conversation_id, user_id, kind, channel, direction, state, state_changed_at, assignment, queue, parent_id,
        link_kind, transport_expires_at, details, attributes, created_at, anonymized_at
     FROM contact_conversation WHERE org_id = $1 AND user_id = $2 AND conversation_id <= $3
     ORDER BY org_id DESC, user_id DESC, conversation_id DESC LIMIT $4",
);
static FIND_MANY: Sql = Sql::split(
    "contact_conversation.find_many",
    "SELECT held.conversation_id, held.user_id, held.digest,
        held.anonymized_at IS NOT NULL OR contact.anonymized_at IS NOT NULL
     FROM contact_conversation AS held
     JOIN contact ON contact.org_id = held.org_id AND contact.user_id = held.user_id
     WHERE held.org_id = $1 AND held.conversation_id IN (SELECT value FROM json_each($2))",
    "SELECT held.conversation_id, held.user_id, held.digest,
        held.anonymized_at IS NOT NULL OR contact.anonymized_at IS NOT NULL
     FROM contact_conversation AS held
     JOIN contact ON contact.org_id = held.org_id AND contact.user_id = held.user_id
     WHERE held.org_id = $1 AND held.conversation_id = ANY(ARRAY(
        SELECT CAST(id AS BIGINT) FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static ATTRIBUTES: Sql = Sql::split(
    "contact_conversation.attributes",
    "SELECT conversation_id, attributes FROM contact_conversation
     WHERE org_id = $1 AND conversation_id IN (SELECT value FROM json_each($2)) AND attributes IS NOT NULL",
    "SELECT conversation_id, attributes FROM contact_conversation
     WHERE org_id = $1 AND conversation_id = ANY(ARRAY(
        SELECT CAST(id AS BIGINT) FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))
     AND attributes IS NOT NULL",
);
// A conversation of which it is not said how far it is does not count as open, nor does one that was anonymized.
static HAS_OPEN: Sql = Sql::new(
    "contact_conversation.has_open",
    "SELECT 1 FROM contact_conversation
     WHERE org_id = $1 AND user_id = $2 AND state <> 'Closed' AND anonymized_at IS NULL LIMIT 1",
);
static CLOSE_ALL: Sql = Sql::new(
    "contact_conversation.close_all",
    "UPDATE contact_conversation SET state = 'Closed', state_changed_at = $3, digest = NULL, updated_at = $3
     WHERE org_id = $1 AND user_id = $2 AND state <> 'Closed' AND anonymized_at IS NULL",
);
static CLOSE: Sql = Sql::new(
    "contact_conversation.close",
    "UPDATE contact_conversation SET state = 'Closed', state_changed_at = $3, digest = NULL, updated_at = $3
     WHERE org_id = $1 AND conversation_id = $2 AND state <> 'Closed' AND anonymized_at IS NULL",
);
static SET_ATTRIBUTES: Sql = Sql::new(
    "contact_conversation.set_attributes",
    "UPDATE contact_conversation SET attributes = $3, updated_at = $4 WHERE org_id = $1 AND conversation_id = $2",
);
static INSERT: Sql = Sql::new(
    "contact_conversation.insert",
    "INSERT INTO contact_conversation (org_id, conversation_id, user_id, kind, channel, direction, state,
     state_changed_at, assignment, queue, parent_id, link_kind, transport_expires_at, details, attributes, created_at,
     digest, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
);
static UPDATE: Sql = Sql::new(
    "contact_conversation.update",
    "UPDATE contact_conversation SET user_id = $3, kind = $4, channel = $5, direction = $6, state = $7,
     state_changed_at = $8, assignment = $9, queue = $10, parent_id = $11, link_kind = $12, transport_expires_at = $13,
     details = $14, attributes = $15, created_at = $16, digest = $17, updated_at = $18
     WHERE org_id = $1 AND conversation_id = $2",
);

pub const STATEMENTS: &[&Sql] = &[
    &FIND,
    &FROM,
    &UNTIL,
    &FIND_MANY,
    &ATTRIBUTES,
    &HAS_OPEN,
    &CLOSE_ALL,
    &CLOSE,
    &SET_ATTRIBUTES,
    &INSERT,
    &UPDATE,
];

/// A column with one of a few words.
fn word<T>(row: &Row<'_>, column: usize, parse: fn(&str) -> Option<T>) -> Result<Option<T>> {
    let Some(text) = row.optional_text(column)? else { return Ok(None) };
    let unknown = || StoreError::Corrupt(format!("column {column} holds an unknown word"));
    parse(&text).ok_or_else(unknown).map(Some)
}

/// A column that holds JSON, or nothing.
fn optional_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    let Some(text) = row.optional_text(column)? else { return Ok(None) };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| StoreError::Corrupt(format!("column {column}: {error}")))
}

fn must<T>(found: Option<T>) -> Result<T> {
    found.ok_or_else(|| StoreError::Corrupt("a conversation without its kind or channel".to_owned()))
}

fn read(row: &Row<'_>) -> Result<ContactConversation> {
    let link = match (row.optional_int(9)?, word(row, 10, LinkKind::parse)?) {
        (Some(parent_id), Some(kind)) => Some(ConversationLink { parent_id, kind }),
        _ => None,
    };
    Ok(ContactConversation {
        conversation_id: row.int(0)?,
        user_id: row.id(1, UserId::from_column)?,
        kind: must(word(row, 2, ConversationKind::parse)?)?,
        channel: must(word(row, 3, Channel::parse)?)?,
        direction: word(row, 4, Direction::parse)?,
        state: word(row, 5, ConversationState::parse)?,
        state_changed_at: row.optional_int(6)?.map(Timestamp),
        assignment: optional_json(row, 7)?,
        queue: optional_json(row, 8)?,
        link,
        transport_expires_at: row.optional_int(11)?.map(Timestamp),
        details: optional_json(row, 12)?.unwrap_or_default(),
        attributes: optional_json(row, 13)?.unwrap_or_default(),
        created_at: Timestamp(row.int(14)?),
        anonymized_at: row.optional_int(15)?.map(Timestamp),
    })
}

pub fn find(conn: &Conn<'_>, id: i64) -> Result<Option<ContactConversation>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Int(id)], read)
}

/// At most `limit` conversations of a contact, from the one with the id `first` on, in the order of their ids.
pub fn page_from(
    conn: &Conn<'_>,
    contact: UserId,
    first: i64,
    limit: usize,
) -> Result<Vec<ContactConversation>> {
    page(conn, &FROM, contact, first, limit)
}

/// The last at most `limit` conversations of a contact up to the one with the id `last`, in the order of their ids.
pub fn page_until(
    conn: &Conn<'_>,
    contact: UserId,
    last: i64,
    limit: usize,
) -> Result<Vec<ContactConversation>> {
    let mut found = page(conn, &UNTIL, contact, last, limit)?;
    found.reverse();
    Ok(found)
}

fn page(
    conn: &Conn<'_>,
    sql: &Sql,
    contact: UserId,
    bound: i64,
    limit: usize,
) -> Result<Vec<ContactConversation>> {
    let limit = Param::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    conn.all(sql, &[conn.org_param(), Param::Blob(&contact.0), Param::Int(bound), limit], read)
}

/// Which of these conversations are there, and what is to be known of them.
pub fn find_many(conn: &Conn<'_>, ids: &[i64]) -> Result<Vec<StoredConversation>> {
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&to_json(&ids))], |row| {
        Ok(StoredConversation {
            conversation_id: row.int(0)?,
            user_id: row.id(1, UserId::from_column)?,
            digest: row.optional_blob(2)?.is_some().then(|| read_digest(row, 2)).transpose()?,
            is_anonymized: row.bool(3)?,
        })
    })
}

/// What is noted of these conversations; one of which nothing is, or which is not there, is absent.
pub fn attributes(conn: &Conn<'_>, ids: &[i64]) -> Result<BTreeMap<i64, Attributes>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let params = [conn.org_param(), Param::Text(&to_json(&ids))];
    let found =
        conn.all(&ATTRIBUTES, &params, |row| Ok((row.int(0)?, optional_json(row, 1)?.unwrap_or_default())))?;
    Ok(found.into_iter().collect())
}

/// Whether a contact has a conversation that is neither closed nor anonymous.
pub fn has_open(conn: &Conn<'_>, contact: UserId) -> Result<bool> {
    Ok(conn.optional(&HAS_OPEN, &[conn.org_param(), Param::Blob(&contact.0)], |_| Ok(()))?.is_some())
}

/// Closes every conversation of a contact that is open.
pub fn close_all(tx: &Tx<'_>, contact: UserId, now: Timestamp) -> Result<()> {
    tx.write(&CLOSE_ALL, &[tx.org_param(), Param::Blob(&contact.0), Param::Int(now.0)])
}

/// Closes a conversation if it is open.
pub fn close(tx: &Tx<'_>, id: i64, now: Timestamp) -> Result<()> {
    tx.write(&CLOSE, &[tx.org_param(), Param::Int(id), Param::Int(now.0)])
}

/// Replaces what is noted of a conversation that is there.
pub fn set_attributes(tx: &Tx<'_>, id: i64, attributes: &Attributes, now: Timestamp) -> Result<()> {
    let attributes = attributes_json(attributes);
    let params =
        [tx.org_param(), Param::Int(id), Param::optional_text(attributes.as_deref()), Param::Int(now.0)];
    tx.write(&SET_ATTRIBUTES, &params)
}

/// Adds a conversation that is not there, of a contact who is.
pub fn insert(
    tx: &Tx<'_>,
    conversation: &ContactConversation,
    digest: &Digest,
    now: Timestamp,
) -> Result<()> {
    write(tx, &INSERT, conversation, digest, now)
}

/// Writes over a conversation that is there, and was not anonymized.
pub fn update(
    tx: &Tx<'_>,
    conversation: &ContactConversation,
    digest: &Digest,
    now: Timestamp,
) -> Result<()> {
    write(tx, &UPDATE, conversation, digest, now)
}

fn write(
    tx: &Tx<'_>,
    sql: &Sql,
    conversation: &ContactConversation,
    digest: &Digest,
    now: Timestamp,
) -> Result<()> {
    let assignment = conversation.assignment.as_ref().map(to_json);
    let queue = conversation.queue.as_ref().map(to_json);
    let details = details_json(&conversation.details);
    let attributes = attributes_json(&conversation.attributes);
    let link = conversation.link.as_ref();
    let params = [
        tx.org_param(),
        Param::Int(conversation.conversation_id),
        Param::Blob(&conversation.user_id.0),
        Param::Text(conversation.kind.as_str()),
        Param::Text(conversation.channel.as_str()),
        Param::optional_text(conversation.direction.map(Direction::as_str)),
        Param::optional_text(conversation.state.map(ConversationState::as_str)),
        Param::optional_int(conversation.state_changed_at.map(|time| time.0)),
        Param::optional_text(assignment.as_deref()),
        Param::optional_text(queue.as_deref()),
        Param::optional_int(link.map(|link| link.parent_id)),
        Param::optional_text(link.map(|link| link.kind.as_str())),
        Param::optional_int(conversation.transport_expires_at.map(|time| time.0)),
        Param::optional_text(details.as_deref()),
        Param::optional_text(attributes.as_deref()),
        Param::Int(conversation.created_at.0),
        Param::Blob(digest),
        Param::Int(now.0),
    ];
    tx.write(sql, &params)
}
