//! The account at an identity provider that belongs to a user, and is deleted with the user.

use denizen_domain::permission::names;
use denizen_store::linked_accounts::{self as stored, Provider};

use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

pub use denizen_store::linked_accounts::LinkedAccount;

/// The longest id of an account that Google Identity Platform gives out, in characters.
pub const MAX_ACCOUNT_ID: usize = 128;
/// The longest id of a tenant, in characters.
pub const MAX_TENANT_ID: usize = 128;

/// An account at Google Identity Platform, with the form of its ids checked.
///
/// They become part of requests to the provider, so what could not be an id of its is refused here, and not years later
/// by a job that deletes it.
///
/// # Errors
/// [`ErrorCode::InvalidField`], with the field `account_id` or `tenant`.
pub fn google_account(account_id: &str, tenant: Option<&str>) -> Result<LinkedAccount> {
    let checked = |field: &str, text: &str, most: usize| {
        let is_id = (1..=most).contains(&text.chars().count())
            && !text.chars().any(|character| character.is_control() || character.is_whitespace());
        if is_id {
            return Ok(text.to_owned());
        }
        Err(Error::field(&[field], format!("must have 1 to {most} characters, without spaces")))
    };
    Ok(LinkedAccount {
        provider: Provider::Google,
        account_id: checked("account_id", account_id, MAX_ACCOUNT_ID)?,
        tenant: tenant.map(|tenant| checked("tenant", tenant, MAX_TENANT_ID)).transpose()?,
    })
}

impl Directory {
    /// The Google account of a member: permission `Directory:LinkAccount` on the member.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`] also for members whom the caller may not see, [`ErrorCode::AccountNotFound`] where
    /// none is linked.
    pub async fn find_google_account(&self, ctx: &OpContext, user_id: String) -> Result<LinkedAccount> {
        ctx.require_self()?;
        let op = ctx.clone();
        self.read(ctx.org(), move |conn| {
            let target = op.member_for(conn, &names::DIRECTORY_LINK_ACCOUNT, &user_id)?;
            let found = stored::find(conn, target.user_id, Provider::Google)?;
            Ok(found.ok_or(ErrorCode::AccountNotFound)?)
        })
        .await
    }

    /// Links an account to a member, in the place of the one that the member has: permission `Directory:LinkAccount`.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`]; [`ErrorCode::AccountTaken`] when another member has the account.
    pub async fn link_google_account(
        &self,
        ctx: &OpContext,
        user_id: String,
        account: LinkedAccount,
    ) -> Result<()> {
        ctx.require_self()?;
        let op = ctx.clone();
        self.write(ctx.org(), move |tx| {
            let target = op.member_for(tx, &names::DIRECTORY_LINK_ACCOUNT, &user_id)?;
            if stored::link(tx, target.user_id, &account, op.now)? {
                Ok(())
            } else {
                Err(ErrorCode::AccountTaken.into())
            }
        })
        .await
    }

    /// Forgets a member's account, which stays at the provider: permission `Directory:LinkAccount`.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`], [`ErrorCode::AccountNotFound`].
    pub async fn unlink_google_account(&self, ctx: &OpContext, user_id: String) -> Result<()> {
        ctx.require_self()?;
        let op = ctx.clone();
        self.write(ctx.org(), move |tx| {
            let target = op.member_for(tx, &names::DIRECTORY_LINK_ACCOUNT, &user_id)?;
            if stored::unlink(tx, target.user_id, Provider::Google)? {
                Ok(())
            } else {
                Err(ErrorCode::AccountNotFound.into())
            }
        })
        .await
    }
}
