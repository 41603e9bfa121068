//! Links that are mailed: signing in without a password, and confirming an address (contract section 4.2).

use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::text::Email;
use denizen_store::links as stored;
pub use denizen_store::links::LinkPurpose;
use denizen_store::users;

use crate::environment::hash_secret;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs;
use crate::organizations::Organization;
use crate::tokens::IssuedToken;

/// The path under which links are opened, after the organization's.
pub(crate) fn link_url(public_url: &str, organization: &Organization, secret: &str) -> String {
    format!("{public_url}/v1/{}/user/link/{secret}", organization.slug)
}

/// A link that can still be used.
#[derive(Debug)]
pub struct OpenLink {
    pub purpose: LinkPurpose,
    pub organization_name: String,
    /// Where the browser goes on to.
    pub redirect: String,
    /// The language of the person whom the link was sent to, as it was stored.
    pub language: Option<String>,
}

/// What using a link up has brought.
#[derive(Debug)]
pub enum UsedLink {
    /// The browser goes on to `redirect` with the token.
    SignedIn { token: IssuedToken, redirect: String },
    /// The address is confirmed; the browser goes on when the organization allows that address.
    Verified { redirect: Option<String>, organization_name: String, language: Option<String> },
}

impl Directory {
    /// Asks for a link that signs in. The answer, and the work done before it, are the same whether the address is
    /// known or not: finding out is the job's business, after the answer.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`]; [`ErrorCode::InvalidField`] for an address to which the organization does
    /// not allow a redirect.
    pub async fn request_magic_link(&self, organization: &str, email: Email, redirect: String) -> Result<()> {
        let organization =
            self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        if !organization.allows_redirect(&redirect) {
            let text = "the organization does not allow links to this origin; an administrator of this server allows \
                        it with `denizen org set ORGANIZATION --allow-origin ORIGIN`";
            return Err(Error::field(&["redirect_link"], text));
        }
        let now = self.now();
        let job = self.inner.environment.object_id(now);
        self.write(organization.org, move |tx| {
            jobs::enqueue_magic_link(tx, job, email.key(), &redirect, now)
        })
        .await?;
        self.inner.job_signal.wake();
        Ok(())
    }

    /// What a link would do, without using it up: programs that look into mails open links, too.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`], [`ErrorCode::LinkNotFound`].
    pub async fn open_link(&self, organization: &str, secret: &str) -> Result<OpenLink> {
        let organization =
            self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let now = self.now();
        let hash = hash_secret(secret);
        self.read(organization.org, move |conn| {
            let link = stored::find(conn, &hash)?.filter(|link| link.expires_at > now);
            let link = link.ok_or(ErrorCode::LinkNotFound)?;
            let user =
                users::find(conn, UserDirectory::Members, link.user_id)?.ok_or(ErrorCode::LinkNotFound)?;
            Ok(OpenLink {
                purpose: link.purpose,
                redirect: link.redirect,
                organization_name: organization.profile.name.clone(),
                language: user.preferences.preferred_language,
            })
        })
        .await
    }

    /// Uses a link up. Of two that try at once, one succeeds.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`], [`ErrorCode::LinkNotFound`].
    pub async fn use_link(&self, organization: &str, secret: &str) -> Result<UsedLink> {
        let organization =
            self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let now = self.now();
        let hash = hash_secret(secret);
        // Before the link is used up: after that nothing may fail.
        let ring = self.key_ring(now).await?;
        let (link, language) = self
            .write(organization.org, move |tx| {
                let link = stored::find(tx, &hash)?.filter(|link| link.expires_at > now);
                let link = link.ok_or(ErrorCode::LinkNotFound)?;
                let user = users::find(tx, UserDirectory::Members, link.user_id)?;
                let mut user = user.ok_or(ErrorCode::LinkNotFound)?;
                if !stored::delete(tx, &hash)? {
                    return Err(Error::new(ErrorCode::LinkNotFound));
                }
                match link.purpose {
                    // An account that lost its verification after the link was sent may not use it.
                    LinkPurpose::SignIn if !user.is_verified => return Err(ErrorCode::LinkNotFound.into()),
                    LinkPurpose::SignIn => {}
                    LinkPurpose::Verify => {
                        user.is_verified = true;
                        users::update(tx, UserDirectory::Members, &user, false, now)?;
                    }
                }
                Ok((link, user.preferences.preferred_language))
            })
            .await?;
        match link.purpose {
            LinkPurpose::SignIn => {
                // Allowed when the link was asked for; the organization may have thought better of it since.
                if !organization.allows_redirect(&link.redirect) {
                    return Err(ErrorCode::LinkNotFound.into());
                }
                let token = self.issue_token(&ring, &organization, link.user_id, None, now)?;
                Ok(UsedLink::SignedIn { token, redirect: link.redirect })
            }
            LinkPurpose::Verify => {
                let redirect = Some(link.redirect).filter(|url| organization.allows_redirect(url));
                let organization_name = organization.profile.name.clone();
                Ok(UsedLink::Verified { redirect, organization_name, language })
            }
        }
    }
}
