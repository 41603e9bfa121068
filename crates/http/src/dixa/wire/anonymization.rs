//! Requests for anonymization (contract section 5.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::ZonedMillis;
use super::{Id, never_null};

/// How far a request is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub(in crate::dixa) struct AnonymizationRequestStatus {
    pub(in crate::dixa) id: Id,
    pub(in crate::dixa) entity_type: DeprecatedAnonymizationType,
    #[serde(rename = "_type")]
    pub(in crate::dixa) kind: AnonymizationType,
    pub(in crate::dixa) initiated_at: ZonedMillis,
    /// An end user's id, a conversation's, or `{conversation}_{message}`.
    pub(in crate::dixa) target_entity_id: String,
    /// The token that asked for it.
    pub(in crate::dixa) requested_by: Id,
    /// Absent until it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) processed_at: Option<ZonedMillis>,
}

/// What is made anonymous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::dixa) enum AnonymizationType {
    User,
    Conversation,
    Message,
}

/// The same in older words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::dixa) enum DeprecatedAnonymizationType {
    #[serde(rename = "UserAnonymizationType")]
    User,
    #[serde(rename = "ConversationAnonymizationType")]
    Conversation,
    #[serde(rename = "MessageAnonymizationType")]
    Message,
}

/// What is to be made anonymous. One of `_type` and `entityType` has to be there.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::dixa) struct AnonymizeEntityInput {
    /// As in the answer.
    pub(in crate::dixa) entity_id: String,
    #[serde(rename = "_type")]
    pub(in crate::dixa) kind: Option<NamedType>,
    /// Older than `_type`.
    pub(in crate::dixa) entity_type: Option<NamedType>,
    /// Closes conversations that are not closed, which stand in the way otherwise.
    pub(in crate::dixa) force_anonymization: Option<bool>,
}

/// A word of the newer or the older ones, or an object that holds it: clients that know the older words as a union send
/// that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be User, Conversation or Message")]
pub(in crate::dixa) enum NamedType {
    Word(AnyAnonymizationType),
    Object {
        #[serde(rename = "_type")]
        kind: AnyAnonymizationType,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::dixa) enum AnyAnonymizationType {
    User,
    Conversation,
    Message,
    UserAnonymizationType,
    ConversationAnonymizationType,
    MessageAnonymizationType,
}

impl NamedType {
    pub(in crate::dixa) fn meant(self) -> AnonymizationType {
        let (Self::Word(kind) | Self::Object { kind }) = self;
        match kind {
            AnyAnonymizationType::User | AnyAnonymizationType::UserAnonymizationType => {
                AnonymizationType::User
            }
            AnyAnonymizationType::Conversation | AnyAnonymizationType::ConversationAnonymizationType => {
                AnonymizationType::Conversation
            }
            AnyAnonymizationType::Message | AnyAnonymizationType::MessageAnonymizationType => {
                AnonymizationType::Message
            }
        }
    }
}
