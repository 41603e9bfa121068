//! What can be noted of contacts and conversations.

use denizen_domain::contact::{AttributeEntity, AttributeInput};
use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeDefinition {
    pub definition_id: Uuid,
    pub entity: AttributeEntity,
    /// The word by which programs know it.
    pub identifier: String,
    /// For people.
    pub label: String,
    pub description: Option<String>,
    pub input: AttributeInput,
    /// It cannot be taken away from what has it.
    pub is_required: bool,
    /// Nothing is noted under it any more, and it is not shown.
    pub is_archived: bool,
    /// Nothing new is noted under it.
    pub is_deactivated: bool,
    pub created_at: Timestamp,
    /// `None` when it was never changed.
    pub updated_at: Option<Timestamp>,
}
