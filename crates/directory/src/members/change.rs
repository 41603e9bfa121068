//! Changing, verifying and deleting a member.

use denizen_domain::member::{Directory as UserDirectory, Preferences};
use denizen_domain::patch::Patch;
use denizen_domain::permission::names;
use denizen_store::users;
use denizen_store::users::User;

use crate::context::OpContext;
use crate::erasing::{ErasureJobs, erase_held, erase_member};
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;

/// What of a member is to change.
#[derive(Debug, Clone, Default)]
pub struct MemberChanges {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub preferences: PreferenceChanges,
    /// Replaces the whole list.
    pub additional_context: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default)]
pub struct PreferenceChanges {
    pub enable_response_recommendation: Option<bool>,
    pub preferred_language: Patch<String>,
    pub conversations_visible_to_admins: Option<bool>,
    pub user_model_visible_to_admins: Option<bool>,
    pub timezone: Patch<String>,
    /// Replaces the whole list.
    pub audio_keyterms: Option<Vec<String>>,
}

impl PreferenceChanges {
    fn apply(&self, preferences: &mut Preferences) {
        let set = |field: &mut bool, value: Option<bool>| *field = value.unwrap_or(*field);
        set(&mut preferences.enable_response_recommendation, self.enable_response_recommendation);
        set(&mut preferences.conversations_visible_to_admins, self.conversations_visible_to_admins);
        set(&mut preferences.user_model_visible_to_admins, self.user_model_visible_to_admins);
        self.preferred_language.clone().apply(&mut preferences.preferred_language);
        self.timezone.clone().apply(&mut preferences.timezone);
        if let Some(terms) = &self.audio_keyterms {
            preferences.audio_keyterms.clone_from(terms);
        }
    }
}

/// What a verification may set right at the same time.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub preferences: Option<Preferences>,
}

impl Verification {
    fn changes_nothing(&self) -> bool {
        self.first_name.is_none() && self.last_name.is_none() && self.preferences.is_none()
    }
}

/// Sets the names that are given, and says whether that changed one.
fn rename(target: &mut User, first_name: Option<&String>, last_name: Option<&String>) -> bool {
    let mut renamed = false;
    for (field, value) in [(&mut target.first_name, first_name), (&mut target.last_name, last_name)] {
        if let Some(value) = value
            && field != value
        {
            field.clone_from(value);
            renamed = true;
        }
    }
    renamed
}

impl Directory {
    /// Changes a member (contract section 5.6): permission `User:UpdateUserInfo` on the member.
    pub async fn update_member(
        &self,
        ctx: &OpContext,
        user_id: String,
        changes: MemberChanges,
    ) -> Result<()> {
        ctx.require_self()?;
        let op = ctx.clone();
        self.write(ctx.org(), move |tx| {
            let mut target = op.member_to_update(tx, &user_id)?;
            let renamed = rename(&mut target, changes.first_name.as_ref(), changes.last_name.as_ref());
            changes.preferences.apply(&mut target.preferences);
            if let Some(context) = &changes.additional_context {
                users::set_additional_context(tx, target.user_id, context, op.now)?;
            }
            Ok(users::update(tx, UserDirectory::Members, &target, renamed, op.now)?)
        })
        .await
    }

    /// Marks a member verified (contract section 5.11). The member must be visible to the caller; permission
    /// `User:UpdateUserInfo` is asked for only when something is changed beside.
    pub async fn verify_member(
        &self,
        ctx: &OpContext,
        user_id: String,
        verification: Verification,
    ) -> Result<()> {
        ctx.require_self()?;
        let op = ctx.clone();
        let org = ctx.org();
        self.write(org, move |tx| {
            let mut target = op.find_member(tx, &user_id)?;
            if !verification.changes_nothing() {
                op.require_on(tx, &names::USER_UPDATE_USER_INFO, &target)?;
            }
            let first_name = verification.first_name.as_ref();
            let renamed = rename(&mut target, first_name, verification.last_name.as_ref());
            if let Some(preferences) = &verification.preferences {
                target.preferences.clone_from(preferences);
            }
            target.is_verified = true;
            Ok(users::update(tx, UserDirectory::Members, &target, renamed, op.now)?)
        })
        .await?;
        Ok(())
    }

    /// Deletes a member and all that is kept about the member (contract section 5.7): permission `User:DeleteUser`.
    ///
    /// Answers why the record could not be removed wholly; empty when it was. A member who created an API key leaves
    /// a tombstone without personal data. What is too much for one transaction is out of reach at once and is erased by a
    /// job; so is what the database's files still hold.
    ///
    /// A member who is awaited, because something that is about the member came first, is erased in the same way. Only the
    /// id is known of such a member, so both filters have to admit one of whom no more is known.
    pub async fn delete_member(&self, ctx: &OpContext, user_id: String) -> Result<Vec<String>> {
        ctx.require_self()?;
        let op = ctx.clone();
        let org = ctx.org();
        let jobs = ErasureJobs::new(self, op.now);
        let keeps_tombstone = self
            .write(org, move |tx| {
                let target = match op.member_for(tx, &names::USER_DELETE_USER, &user_id) {
                    Err(absent) if absent.code == ErrorCode::UserNotFound => {
                        let awaited =
                            op.awaited_for(tx, &names::USER_DELETE_USER, &user_id)?.ok_or(absent)?;
                        erase_held(tx, awaited, &jobs, op.now)?;
                        return Ok(false);
                    }
                    found => found?,
                };
                erase_member(tx, &target, &jobs, op.now)?;
                Ok(target.created_api_key)
            })
            .await?;
        self.inner.job_signal.wake();
        let reason = "The user has created an API key, so the user's record is kept and marked deleted; all other data was deleted";
        Ok(if keeps_tombstone { vec![reason.to_owned()] } else { Vec::new() })
    }
}
