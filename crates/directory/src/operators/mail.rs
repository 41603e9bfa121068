//! What is written to a new operator, and the link in it with which the operator sets a password.

use denizen_domain::ids::{ObjectId, OrgKey, UserId, Uuid};
use denizen_domain::mail::{Mail, MailContent};
use denizen_domain::operator::MailLanguage;
use denizen_domain::time::Timestamp;
use denizen_store::operator_links::{self, OperatorLink};
use denizen_store::{Tx, control, operators, organizations};

use crate::environment::hash_secret;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs::{Task, Work, enqueue};
use crate::organizations::Organization;

/// Has a new operator written to. The secret of the link is drawn when the mail is prepared, so that it lies in no row.
pub(crate) fn enqueue_mail(
    tx: &Tx<'_>,
    job: ObjectId,
    user: UserId,
    language: MailLanguage,
    with_link: bool,
    now: Timestamp,
) -> Result<()> {
    let work =
        Work::MailOperator { user_id: user.as_uuid(), language: language.as_str().to_owned(), with_link };
    enqueue(tx, job, Some(user), &work, now)
}

/// A link that can still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOperatorLink {
    pub organization_name: String,
    /// In which the operator was written to.
    pub language: MailLanguage,
}

/// The path under which the links of an organization are opened.
fn link_url(public_url: &str, organization: &str, secret: &str) -> String {
    format!("{public_url}/operators/{organization}/password/{secret}")
}

impl Directory {
    /// The mail to a new operator. A link is made where there is no password yet: one may have been set since the job was
    /// enqueued, and no mail is to open an account that its owner uses already.
    pub(crate) async fn prepare_operator_mail(
        &self,
        org: OrgKey,
        id: Uuid,
        language: MailLanguage,
        with_link: bool,
    ) -> Result<Task> {
        let mapped = self.query(OrgKey::CONTROL, move |conn| control::find_by_key(conn, org)).await?;
        let Some(mapped) = mapped else { return Ok(Task::Nothing) };
        let (user, now) = (UserId::from_uuid(id), self.now());
        let days = self.inner.settings.operator_link_days;
        let secret = self.inner.environment.secret();
        let link = OperatorLink {
            secret_hash: hash_secret(&secret),
            user_id: user,
            language,
            expires_at: now.plus_seconds(days.saturating_mul(86_400)),
        };
        let found = self
            .write(org, move |tx| {
                let Some(profile) = organizations::find_profile(tx)? else { return Ok(None) };
                let Some(operator) = operators::find(tx, user)? else { return Ok(None) };
                let has_link = with_link
                    && operators::find_credentials(tx, user)?.is_some_and(|own| own.password_hash.is_none());
                if has_link {
                    operator_links::insert(tx, &link, now)?;
                }
                Ok(Some((profile.name, operator, has_link)))
            })
            .await?;
        let Some((organization_name, operator, has_link)) = found else { return Ok(Task::Nothing) };
        let url = link_url(&self.inner.settings.public_url, mapped.slug.as_str(), &secret);
        Ok(Task::Send(Mail {
            to: operator.email,
            recipient_name: operator.name,
            language: Some(language.as_str().to_owned()),
            organization_name,
            content: MailContent::OperatorCreated {
                link: has_link.then_some(url),
                link_days: u32::try_from(days).unwrap_or(u32::MAX),
            },
        }))
    }

    /// Whether a link can be used, without using it up: programs that look into mails open links, too.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`], [`ErrorCode::LinkNotFound`].
    pub async fn open_operator_link(&self, organization: &str, secret: &str) -> Result<OpenOperatorLink> {
        let organization =
            self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let link = self.find_operator_link(&organization, secret).await?;
        Ok(OpenOperatorLink { organization_name: organization.profile.name.clone(), language: link.language })
    }

    /// In which language the operator was written to whom a link was mailed, also one that has expired. `None` where there is
    /// no such link, or none any more.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn operator_link_language(
        &self,
        organization: &str,
        secret: &str,
    ) -> Result<Option<MailLanguage>> {
        let Some(organization) = self.find_organization(organization).await? else { return Ok(None) };
        let hash = hash_secret(secret);
        let found = self.query(organization.org, move |conn| operator_links::find(conn, &hash)).await?;
        Ok(found.map(|link| link.language))
    }

    /// Sets the password of the operator whom a link was mailed to, and makes all links of that operator useless. Of two
    /// that use it at once, one succeeds. What was signed with an earlier password is good for nothing from then on.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`]; [`ErrorCode::LinkNotFound`]; [`ErrorCode::InvalidField`] of `password` or
    /// `passwordConfirmation`, and the link can be used again; [`ErrorCode::Busy`].
    pub async fn use_operator_link(
        &self,
        organization: &str,
        secret: &str,
        password: String,
        confirmation: &str,
    ) -> Result<()> {
        let organization =
            self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        // Before the password is hashed, which strangers are not to have for the asking.
        self.find_operator_link(&organization, secret).await?;
        self.check_password(&password)?;
        if password != confirmation {
            return Err(Error::field(&["passwordConfirmation"], "must be the same as the password"));
        }
        let hash = self.hash_password(password).await?;
        let (now, secret_hash) = (self.now(), hash_secret(secret));
        self.write(organization.org, move |tx| {
            let link = operator_links::find(tx, &secret_hash)?.filter(|link| link.expires_at > now);
            let link = link.ok_or(ErrorCode::LinkNotFound)?;
            if !operator_links::delete(tx, &secret_hash)? {
                return Err(Error::new(ErrorCode::LinkNotFound));
            }
            operator_links::delete_of(tx, link.user_id)?;
            if !operators::set_password(tx, link.user_id, &hash, true, now)? {
                return Err(Error::new(ErrorCode::LinkNotFound));
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    async fn find_operator_link(&self, organization: &Organization, secret: &str) -> Result<OperatorLink> {
        let (now, hash) = (self.now(), hash_secret(secret));
        let found = self.query(organization.org, move |conn| operator_links::find(conn, &hash)).await?;
        found.filter(|link| link.expires_at > now).ok_or_else(|| ErrorCode::LinkNotFound.into())
    }
}
