//! Anonymization: what is personal goes, that there was something stays. It is asked for at once and done by a job.

use denizen_domain::ids::Uuid;
pub use denizen_store::anonymizations::{AnonymizationRequest, AnonymizationTarget};

use crate::context::OpContext;
use crate::error::Result;
use crate::handle::Directory;

impl Directory {
    /// Asks that something be made anonymous: permission `Directory:AnonymizeContact`. What was asked for before is
    /// answered with the same request, done or not.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ContactNotFound`], [`crate::ErrorCode::ConversationNotFound`],
    /// [`crate::ErrorCode::MessageNotFound`]; [`crate::ErrorCode::ConversationOpen`] when the conversation, or one of the
    /// contact's, is not closed, unless `force`, which closes them.
    pub async fn request_anonymization(
        &self,
        ctx: &OpContext,
        target: AnonymizationTarget,
        force: bool,
    ) -> Result<AnonymizationRequest> {
        todo!("{} {target:?} {force}", ctx.request_id)
    }

    /// How far a request is: permission `Directory:AnonymizeContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::AnonymizationNotFound`].
    pub async fn anonymization_request(&self, ctx: &OpContext, id: Uuid) -> Result<AnonymizationRequest> {
        todo!("{} {id}", ctx.request_id)
    }
}
