//! The account at an identity provider that belongs to a user, and is deleted with the user.

use denizen_domain::ids::OrgKey;
use denizen_domain::permission::names;
use denizen_store::control;
use denizen_store::linked_accounts::{self as stored, Provider};
use denizen_store::users::User;
use denizen_store::{Conn, roles};

use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::{Directory, DirectorySettings};
use crate::organizations::Organization;

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
    let tenant = tenant.map(|tenant| checked("tenant", tenant, MAX_TENANT_ID)).transpose()?;
    // It stands in the path of requests, where other signs would lead elsewhere.
    let is_word = |tenant: &str| {
        tenant.starts_with(|first: char| first.is_ascii_alphanumeric())
            && tenant.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    if tenant.as_deref().is_some_and(|tenant| !is_word(tenant)) {
        return Err(Error::field(&["tenant"], "must have letters, digits, hyphens and underscores only"));
    }
    Ok(LinkedAccount {
        provider: Provider::Google,
        account_id: checked("account_id", account_id, MAX_ACCOUNT_ID)?,
        tenant,
    })
}

/// Whether accounts may be linked in an organization. Whoever links an account needs no secret of it, and can have it
/// deleted: with one project for several organizations, the operator says who reaches it.
///
/// # Errors
/// [`ErrorCode::Forbidden`].
pub(crate) fn require_accounts(settings: &DirectorySettings, organization: &Organization) -> Result<()> {
    let listed = settings.account_organizations.as_ref();
    if listed.is_none_or(|listed| listed.contains(organization.slug.as_str())) {
        return Ok(());
    }
    let text = "Accounts cannot be linked in this organization until the operator of this installation lists it in \
                identity.organizations";
    Err(Error::with_text(ErrorCode::Forbidden, text))
}

/// Otherwise an administrator could have the account of an equal deleted, or keep one from being deleted.
fn require_rank(op: &OpContext, conn: &Conn<'_>, target: &User) -> Result<()> {
    let is_own = op.org() == op.session.home.org && target.user_id == op.session.user_id;
    if is_own || roles::find(conn, target.role_id)?.is_some_and(|role| op.is_greater_than(&role)) {
        return Ok(());
    }
    let text = "The authenticated user needs greater privileges than the user's role";
    Err(Error::with_text(ErrorCode::Forbidden, text))
}

impl Directory {
    /// Whether a user of the first `most` organizations carries an account at an identity provider. Those whose cluster
    /// does not answer are left out.
    pub async fn has_linked_accounts(&self, most: usize) -> Result<bool> {
        let map = self.stores().mark_map();
        let mut organizations = self.query(OrgKey::CONTROL, control::list_organizations).await?;
        organizations.truncate(most);
        let read = |conn: &Conn<'_>, _: &_| Ok(!stored::some(conn, 1)?.is_empty());
        let found = self.of_each(organizations, &map, read).await?;
        Ok(found.into_iter().any(|(_, found)| found == Ok(true)))
    }

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

    /// Links an account to a member, in the place of the one that the member has: permission `Directory:LinkAccount`, and
    /// greater privileges than the member's role where the member is another one than the caller. The organization must be
    /// one of [`DirectorySettings::account_organizations`].
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`]; [`ErrorCode::Forbidden`]; [`ErrorCode::AccountTaken`] when another member has the
    /// account.
    pub async fn link_google_account(
        &self,
        ctx: &OpContext,
        user_id: String,
        account: LinkedAccount,
    ) -> Result<()> {
        ctx.require_self()?;
        let op = ctx.clone();
        let admitted = require_accounts(self.settings(), &ctx.organization);
        self.write(ctx.org(), move |tx| {
            let target = op.member_for(tx, &names::DIRECTORY_LINK_ACCOUNT, &user_id)?;
            require_rank(&op, tx, &target)?;
            admitted.clone()?;
            if stored::link(tx, target.user_id, &account, op.now)? {
                Ok(())
            } else {
                Err(ErrorCode::AccountTaken.into())
            }
        })
        .await
    }

    /// Forgets a member's account, which stays at the provider: permission `Directory:LinkAccount`, and greater privileges
    /// than the member's role where the member is another one than the caller.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`], [`ErrorCode::Forbidden`], [`ErrorCode::AccountNotFound`].
    pub async fn unlink_google_account(&self, ctx: &OpContext, user_id: String) -> Result<()> {
        ctx.require_self()?;
        let op = ctx.clone();
        self.write(ctx.org(), move |tx| {
            let target = op.member_for(tx, &names::DIRECTORY_LINK_ACCOUNT, &user_id)?;
            require_rank(&op, tx, &target)?;
            if stored::unlink(tx, target.user_id, Provider::Google)? {
                Ok(())
            } else {
                Err(ErrorCode::AccountNotFound.into())
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_no_request_could_carry_is_refused_when_it_is_linked() {
        let ids = google_account("x7+/=ä", Some("acme-x1_2")).unwrap();
        assert_eq!((ids.account_id.as_str(), ids.tenant.as_deref()), ("x7+/=ä", Some("acme-x1_2")));
        for account_id in ["", "a b", "a\n", &"a".repeat(MAX_ACCOUNT_ID + 1)] {
            assert!(google_account(account_id, None).is_err(), "{account_id:?}");
        }
        for tenant in ["", "..", "a/b", "a%2fb", "a?b", "-a", "ä", &"a".repeat(MAX_TENANT_ID + 1)] {
            assert!(google_account("a", Some(tenant)).is_err(), "{tenant:?}");
        }
    }
}
