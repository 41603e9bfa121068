//! Members: who talks to an organization's agents, and who administers them (contract section 5).

mod change;
mod invite;
mod read;
mod variables;

use denizen_domain::ids::UserId;
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::permission::{PermissionName, ScalarRef, names};
use denizen_store::users::User;
use denizen_store::{Conn, awaited_users, users};

use crate::context::OpContext;
use crate::error::{ErrorCode, Result};

pub use change::{MemberChanges, PreferenceChanges, Verification};
pub use invite::{Invitation, InvitedMember};
pub use read::{MemberPage, MemberQuery, MemberSearch, UserModels};
pub use variables::VariableChanges;

/// A member as the rules hand it on.
pub use denizen_store::users::{ListedUser as ListedMember, SortField, SortKey, User as Member};

/// What has been concluded about a member, as the rules hand it on.
pub use denizen_store::user_models::UserModel;

/// The most entries of additional context that a user can have.
pub const MAX_ADDITIONAL_CONTEXT: usize = 200;
/// The longest entry of additional context, in characters.
pub const MAX_CONTEXT_LENGTH: usize = 10_000;

impl OpContext {
    /// A member by id. One whom the caller may not see is not found, exactly like one who does not exist.
    pub(crate) fn find_member(&self, conn: &Conn<'_>, user_id: &str) -> Result<User> {
        let id = UserId::parse_member(user_id).ok_or(ErrorCode::UserNotFound)?;
        let found = users::find(conn, UserDirectory::Members, id)?.ok_or(ErrorCode::UserNotFound)?;
        if users::admits(conn, &self.visible_users(), &found)? {
            Ok(found)
        } else {
            Err(ErrorCode::UserNotFound.into())
        }
    }

    /// A permission on a user whom the caller may see.
    pub(crate) fn require_on(
        &self,
        conn: &Conn<'_>,
        permission: &PermissionName,
        target: &User,
    ) -> Result<()> {
        if users::admits(conn, &self.filter(permission), target)? {
            Ok(())
        } else {
            Err(ErrorCode::Forbidden.into())
        }
    }

    /// A member on whom the caller has a permission.
    pub(crate) fn member_for(
        &self,
        conn: &Conn<'_>,
        permission: &PermissionName,
        user_id: &str,
    ) -> Result<User> {
        let target = self.find_member(conn, user_id)?;
        self.require_on(conn, permission, &target)?;
        Ok(target)
    }

    /// A member who is awaited, and on whom the caller has a permission when no more than the id is known; `None` also for
    /// one who has come.
    pub(crate) fn awaited_for(
        &self,
        conn: &Conn<'_>,
        permission: &PermissionName,
        user_id: &str,
    ) -> Result<Option<UserId>> {
        let Some(id) = UserId::parse_member(user_id) else { return Ok(None) };
        let known = |name: &str| (name == "user_id").then_some(ScalarRef::Text(user_id));
        if !self.visible_users().admits(&known) || !self.filter(permission).admits(&known) {
            return Ok(None);
        }
        Ok(awaited_users::find_many(conn, &[id])?.pop_first())
    }

    /// A member whom the caller may change.
    pub(crate) fn member_to_update(&self, conn: &Conn<'_>, user_id: &str) -> Result<User> {
        self.member_for(conn, &names::USER_UPDATE_USER_INFO, user_id)
    }
}
