//! Requests that something be made anonymous, and when it was.

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql};

/// What is to be made anonymous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnonymizationTarget {
    /// A contact, with all conversations and messages.
    Contact(Uuid),
    /// A conversation, with its messages.
    Conversation(i64),
    Message {
        conversation_id: i64,
        message_id: Uuid,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymizationRequest {
    pub request_id: Uuid,
    pub target: AnonymizationTarget,
    /// The token that asked for it.
    pub requested_by: Uuid,
    pub initiated_at: Timestamp,
    /// `None` until it is done.
    pub processed_at: Option<Timestamp>,
}

impl AnonymizationTarget {
    fn entity(&self) -> &'static str {
        match self {
            Self::Contact(_) => "contact",
            Self::Conversation(_) => "conversation",
            Self::Message { .. } => "message",
        }
    }

    /// The id as it stands in the column; that of a message begins with its conversation's.
    fn id(&self) -> String {
        match self {
            Self::Contact(id) => id.to_string(),
            Self::Conversation(id) => id.to_string(),
            Self::Message { conversation_id, message_id } => format!("{conversation_id}_{message_id}"),
        }
    }

    fn parse(entity: &str, id: &str) -> Result<Self> {
        let parsed = match entity {
            "contact" => Uuid::parse(id).map(Self::Contact),
            "conversation" => id.parse().ok().map(Self::Conversation),
            "message" => id.split_once('_').and_then(|(conversation, message)| {
                let conversation_id = conversation.parse().ok()?;
                Some(Self::Message { conversation_id, message_id: Uuid::parse(message)? })
            }),
            _ => None,
        };
        parsed.ok_or_else(|| StoreError::Corrupt(format!("anonymization_request: {entity} {id}")))
    }
}

static INSERT: Sql = Sql::new(
    "anonymization.insert",
    "INSERT INTO anonymization_request (org_id, request_id, entity, target, requested_by, initiated_at, processed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)",
);
static FIND: Sql = Sql::new(
    "anonymization.find",
    "SELECT request_id, entity, target, requested_by, initiated_at, processed_at FROM anonymization_request
     WHERE org_id = $1 AND request_id = $2",
);
static FIND_BY_TARGET: Sql = Sql::new(
    "anonymization.find_by_target",
    "SELECT request_id, entity, target, requested_by, initiated_at, processed_at FROM anonymization_request
     WHERE org_id = $1 AND entity = $2 AND target = $3",
);
static SET_PROCESSED: Sql = Sql::new(
    "anonymization.set_processed",
    "UPDATE anonymization_request SET processed_at = $3
     WHERE org_id = $1 AND request_id = $2 AND processed_at IS NULL",
);
pub const STATEMENTS: &[&Sql] = &[&INSERT, &FIND, &FIND_BY_TARGET, &SET_PROCESSED];

fn read_request(row: &Row<'_>) -> Result<AnonymizationRequest> {
    Ok(AnonymizationRequest {
        request_id: row.id(0, Uuid::from_column)?,
        target: AnonymizationTarget::parse(row.str(1)?, row.str(2)?)?,
        requested_by: row.id(3, Uuid::from_column)?,
        initiated_at: Timestamp(row.int(4)?),
        processed_at: row.optional_int(5)?.map(Timestamp),
    })
}

/// Adds a request. Whoever does has looked before, in the same transaction, whether there is one for the target.
pub fn insert(tx: &Tx<'_>, request: &AnonymizationRequest) -> Result<()> {
    let params = [
        tx.org_param(),
        Param::Blob(&request.request_id.0),
        Param::Text(request.target.entity()),
        Param::Text(&request.target.id()),
        Param::Blob(&request.requested_by.0),
        Param::Int(request.initiated_at.0),
        Param::optional_int(request.processed_at.map(|at| at.0)),
    ];
    tx.write(&INSERT, &params)
}

pub fn find(conn: &Conn<'_>, request: Uuid) -> Result<Option<AnonymizationRequest>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(&request.0)], read_request)
}

/// The request for a target; there is at most one.
pub fn find_by_target(conn: &Conn<'_>, target: AnonymizationTarget) -> Result<Option<AnonymizationRequest>> {
    let params = [conn.org_param(), Param::Text(target.entity()), Param::Text(&target.id())];
    conn.optional(&FIND_BY_TARGET, &params, read_request)
}

/// Notes that a request is done. The first time counts.
pub fn set_processed(tx: &Tx<'_>, request: Uuid, now: Timestamp) -> Result<()> {
    tx.write(&SET_PROCESSED, &[tx.org_param(), Param::Blob(&request.0), Param::Int(now.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_come_back_from_their_columns() {
        let id = Uuid([0xab; 16]);
        for target in [
            AnonymizationTarget::Contact(id),
            AnonymizationTarget::Conversation(10_749),
            AnonymizationTarget::Conversation(i64::MIN),
            AnonymizationTarget::Message { conversation_id: -3, message_id: id },
        ] {
            assert_eq!(AnonymizationTarget::parse(target.entity(), &target.id()), Ok(target));
        }
        for (entity, id) in [("contact", "17"), ("conversation", ""), ("message", "17"), ("user", "17")] {
            assert!(AnonymizationTarget::parse(entity, id).is_err(), "{entity} {id}");
        }
    }
}
