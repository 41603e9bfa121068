//! Inviting a member.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::{Directory as UserDirectory, Preferences, Variables};
use denizen_domain::permission::{ScalarRef, names};
use denizen_domain::text::Email;
use denizen_store::links::{Link, LinkPurpose};
use denizen_store::roles::Role;
use denizen_store::users::NewUser;
use denizen_store::{Tx, links, roles, users};

use crate::context::OpContext;
use crate::environment::hash_secret;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs::{self, Work};
use crate::links::link_url;

/// Whom to invite.
#[derive(Debug, Clone)]
pub struct Invitation {
    pub first_name: String,
    pub last_name: String,
    pub email: Email,
    pub role_name: String,
    /// Mailed to the invited person when given.
    pub login_link: Option<String>,
    /// `None`: the organization's defaults.
    pub preferences: Option<Preferences>,
    pub open_variables: Variables,
    pub secret_variables: Variables,
}

#[derive(Debug, Clone)]
pub struct InvitedMember {
    pub user_id: UserId,
    /// Confirms the address when opened; given when a login link was.
    pub verify_link: Option<String>,
}

/// What is drawn before the transaction, so that it can run again.
struct Drawn {
    user_id: UserId,
    job: ObjectId,
    link_secret: String,
}

impl Directory {
    /// Adds a member (contract section 5.5): permission `User:InviteUser` on the new member, and greater privileges
    /// than the role.
    ///
    /// # Errors
    /// [`ErrorCode::RoleNotFound`], [`ErrorCode::Forbidden`], [`ErrorCode::EmailTaken`].
    pub async fn invite_member(&self, ctx: &OpContext, invitation: Invitation) -> Result<InvitedMember> {
        ctx.require_self()?;
        let drawn = Drawn {
            user_id: ctx.environment.member_id(ctx.now),
            job: ctx.environment.object_id(ctx.now),
            link_secret: ctx.environment.secret(),
        };
        let user_id = drawn.user_id;
        let mails = invitation.login_link.is_some();
        let verify_link =
            mails.then(|| link_url(&self.inner.settings.public_url, &ctx.organization, &drawn.link_secret));
        let days = self.inner.settings.verify_link_days;
        let op = ctx.clone();
        let role = self.recent_role(&ctx.organization, &invitation.role_name).await?;
        let role = role.as_deref().cloned();
        self.write_together(ctx.org(), move |tx| invite(tx, &op, &invitation, role.as_ref(), &drawn, days))
            .await?;
        if mails {
            self.inner.job_signal.wake();
        }
        Ok(InvitedMember { user_id, verify_link })
    }
}

fn invite(
    tx: &Tx<'_>,
    ctx: &OpContext,
    invitation: &Invitation,
    recent_role: Option<&Role>,
    drawn: &Drawn,
    verify_days: i64,
) -> Result<()> {
    // A role's name and id stay, and of its grants a moment ago is soon enough, as it is for the actor's own.
    let role = match recent_role.filter(|_| !tx.looks_first()) {
        Some(role) => Some(role.clone()),
        None => roles::find_by_name(tx, &invitation.role_name)?,
    };
    // Who may invite nobody must not learn which roles there are.
    let role = role.ok_or_else(|| ctx.absent(&names::USER_INVITE_USER, ErrorCode::RoleNotFound))?;
    let profile = &ctx.organization.profile;
    if !may_invite(ctx, invitation, &role, profile.verify_at_creation) {
        return Err(ErrorCode::Forbidden.into());
    }
    if !ctx.is_greater_than(&role) {
        let text = "The authenticated user needs greater privileges than the role";
        return Err(Error::with_text(ErrorCode::Forbidden, text));
    }
    let defaults = || profile.default_preferences.clone().unwrap_or_default();
    let user = NewUser {
        directory: UserDirectory::Members,
        user_id: drawn.user_id,
        email: invitation.email.clone(),
        first_name: invitation.first_name.clone(),
        last_name: invitation.last_name.clone(),
        role_id: role.role_id,
        is_verified: profile.verify_at_creation,
        preferences: invitation.preferences.clone().unwrap_or_else(defaults),
        open_variables: invitation.open_variables.clone(),
        secret_variables: invitation.secret_variables.clone(),
    };
    if !users::add(tx, &user, ctx.now)? {
        return Err(ErrorCode::EmailTaken.into());
    }
    if let Some(login_link) = &invitation.login_link {
        let link = Link {
            secret_hash: hash_secret(&drawn.link_secret),
            user_id: drawn.user_id,
            purpose: LinkPurpose::Verify,
            redirect: login_link.clone(),
            expires_at: ctx.now.plus_seconds(verify_days * 86_400),
        };
        links::insert_first(tx, &link)?;
        let work = Work::MailInvitation {
            user_id: drawn.user_id.as_member().to_string(),
            login_link: login_link.clone(),
        };
        jobs::enqueue(tx, drawn.job, Some(drawn.user_id), &work, ctx.now)?;
    }
    Ok(())
}

/// `User:InviteUser` on a user who is not there yet, and so has no id that a condition could name.
fn may_invite(ctx: &OpContext, invitation: &Invitation, role: &Role, is_verified: bool) -> bool {
    let filter = ctx.filter(&names::USER_INVITE_USER);
    if filter.is_always() {
        return true;
    }
    let role_id = role.role_id.to_string();
    filter.admits(&|name| match name {
        "email" => Some(ScalarRef::Text(invitation.email.key())),
        "role_id" => Some(ScalarRef::Text(&role_id)),
        "role_name" => Some(ScalarRef::Text(&role.name)),
        "is_verified" => Some(ScalarRef::Bool(is_verified)),
        _ => None,
    })
}
