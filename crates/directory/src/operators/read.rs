//! Reading operators.

use denizen_domain::ids::Uuid;

use super::{OperatorList, OperatorQuery, OperatorView};
use crate::context::OpContext;
use crate::error::Result;
use crate::handle::Directory;

impl Directory {
    /// A part of the list of operators: permission `Directory:ReadOperator`. The needle is folded here.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`].
    pub async fn list_operators(&self, ctx: &OpContext, query: OperatorQuery) -> Result<OperatorList> {
        todo!()
    }

    /// Up to `limit` different names that begin with `beginning`, in any letter case, in their order: permission
    /// `Directory:ReadOperator`. None for a blank beginning.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`].
    pub async fn suggest_operator_names(
        &self,
        ctx: &OpContext,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<String>> {
        todo!()
    }

    /// An operator with bots: permission `Directory:ReadOperator`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`], [`crate::ErrorCode::UserNotFound`].
    pub async fn get_operator(&self, ctx: &OpContext, id: Uuid) -> Result<OperatorView> {
        todo!()
    }

    /// The operator who calls, with bots.
    ///
    /// # Errors
    /// [`crate::ErrorCode::UserNotFound`] when it was deleted a moment ago, or the caller is no operator.
    pub async fn get_own_operator(&self, ctx: &OpContext) -> Result<OperatorView> {
        todo!()
    }
}
