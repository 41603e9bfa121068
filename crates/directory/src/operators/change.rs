//! Making, changing and deleting operators.

use denizen_domain::ids::Uuid;

use super::{NewOperator, OperatorChange, OperatorView, Welcome};
use crate::context::OpContext;
use crate::error::Result;
use crate::handle::Directory;

impl Directory {
    /// Makes an operator: permission `Directory:WriteOperator`. The mail is a job of the same transaction.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`]; [`crate::ErrorCode::InvalidField`]; [`crate::ErrorCode::EmailTaken`];
    /// [`crate::ErrorCode::Busy`] when too many passwords are waiting to be hashed.
    pub async fn create_operator(
        &self,
        ctx: &OpContext,
        new: NewOperator,
        welcome: Welcome,
    ) -> Result<OperatorView> {
        todo!()
    }

    /// Changes an operator: permission `Directory:WriteOperator`.
    ///
    /// # Errors
    /// As [`Directory::create_operator`], and [`crate::ErrorCode::UserNotFound`].
    pub async fn update_operator(
        &self,
        ctx: &OpContext,
        id: Uuid,
        change: OperatorChange,
    ) -> Result<OperatorView> {
        todo!()
    }

    /// Erases an operator: permission `Directory:WriteOperator`. Whoever signed in as it is refused from now on.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`], for the own account too; [`crate::ErrorCode::UserNotFound`].
    pub async fn delete_operator(&self, ctx: &OpContext, id: Uuid) -> Result<()> {
        todo!()
    }
}
