//! Requests that something be made anonymous, and when it was.

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

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
