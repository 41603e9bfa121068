//! The way back into an organization that nobody can administer any more: its last super administrator was deleted or
//! was given another role, which the API allows. This is a door of the command line only, for whoever holds the store.

use denizen_domain::member::{Directory as UserDirectory, Variables};
use denizen_store::users::NewUser;
use denizen_store::{api_keys as stored_keys, organizations, roles, users};

use crate::api_keys::{DEFAULT_KEY_DAYS, MAX_KEYS, first_super_administrator, insert_key, new_key};
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::organizations::{CreatedOrganization, FirstAdmin, SUPER_ROLE};

impl Directory {
    /// Whether somebody can administer the organization.
    pub async fn has_super_administrator(&self, slug: &str) -> Result<bool> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        match self.read(organization.org, first_super_administrator).await {
            Ok(_) => Ok(true),
            Err(error) if error.code == ErrorCode::UserNotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the member with the administrator's address a verified super administrator, and an API key for that
    /// member. A member who is there keeps name and id; one who is not is added with the given name.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`]; [`ErrorCode::LimitReached`] at [`MAX_KEYS`].
    pub async fn recover_organization(&self, slug: &str, admin: FirstAdmin) -> Result<CreatedOrganization> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let now = self.now();
        let environment = self.environment();
        let secret = environment.secret();
        let shown = secret.clone();
        let (key_id, record_id) = (environment.uuid(), environment.object_id(now));
        let new_id = environment.member_id(now);
        let expires_at = now.plus_seconds(DEFAULT_KEY_DAYS * 86_400);
        let org = organization.org;
        let member_id = self
            .write(org, move |tx| {
                if stored_keys::count_valid(tx, now)? >= MAX_KEYS {
                    let text = format!("the organization has {MAX_KEYS} API keys; revoke one first");
                    return Err(Error::with_text(ErrorCode::LimitReached, text));
                }
                let role = roles::find_by_name(tx, SUPER_ROLE)?.ok_or(ErrorCode::RoleNotFound)?;
                let find = || users::find_by_email(tx, UserDirectory::Members, admin.email.key());
                if find()?.is_none() {
                    let profile = organizations::find_profile(tx)?.ok_or(ErrorCode::OrganizationNotFound)?;
                    let new = NewUser {
                        directory: UserDirectory::Members,
                        user_id: new_id,
                        email: admin.email.clone(),
                        first_name: admin.first_name.clone(),
                        last_name: admin.last_name.clone(),
                        role_id: role.role_id,
                        is_verified: true,
                        preferences: profile.default_preferences.unwrap_or_default(),
                        open_variables: Variables::new(),
                        secret_variables: Variables::new(),
                    };
                    users::insert(tx, &new, now)?.ok_or(ErrorCode::EmailTaken)?;
                }
                let mut member = find()?.ok_or(ErrorCode::Internal)?;
                member.role_id = role.role_id;
                member.is_verified = true;
                users::update(tx, UserDirectory::Members, &member, false, now)?;
                let creator = (org, member.user_id);
                let name = Some("made by recovery");
                let key = new_key(key_id, record_id, name, role.role_id, creator, now, expires_at, &secret);
                insert_key(tx, &key)?;
                Ok(member.user_id)
            })
            .await?;
        Ok(CreatedOrganization {
            org_id: organization.slug.clone(),
            org_uuid: organization.uuid,
            member_id: member_id.as_member().to_string(),
            api_key_id: key_id,
            api_key: shown,
            expires_at,
            access_token: None,
        })
    }
}
