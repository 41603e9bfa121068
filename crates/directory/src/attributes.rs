//! What can be noted of contacts and conversations, and how it is shown.

use denizen_domain::contact::AttributeValue;
use denizen_domain::ids::Uuid;
pub use denizen_store::attribute_definitions::AttributeDefinition;

use crate::context::OpContext;
use crate::error::Result;
use crate::handle::Directory;

/// Something that is noted, with the words of its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub definition_id: Uuid,
    pub label: String,
    pub identifier: String,
    pub value: AttributeValue,
}

impl Directory {
    /// All definitions, archived ones too, in the order of their creation: permission `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`].
    pub async fn attribute_definitions(&self, ctx: &OpContext) -> Result<Vec<AttributeDefinition>> {
        todo!("{}", ctx.request_id)
    }

    /// One definition: permission `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::AttributeDefinitionNotFound`].
    pub async fn attribute_definition(&self, ctx: &OpContext, id: Uuid) -> Result<AttributeDefinition> {
        todo!("{} {id}", ctx.request_id)
    }
}
