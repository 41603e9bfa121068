//! Operators from the command line, where whoever holds the store acts and nobody calls.

use denizen_domain::ids::UserId;
use denizen_domain::text::Email;
use denizen_store::{operator_links, operators};

use super::{NewOperator, OperatorList, OperatorQuery, OperatorView, Welcome};
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;

/// The letters and digits of passwords that are made up: none that is taken for another, and nothing that a shell, an address
/// or a table would take for something else.
const LETTERS: &[u8; 56] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
/// So many of them hold more than a hundred random bits.
const DRAWN_LENGTH: usize = 20;

impl Directory {
    /// Makes up a password that the policy admits.
    pub fn draw_password(&self) -> String {
        let policy = &self.inner.settings.password_policy;
        let length = policy.min_length.max(DRAWN_LENGTH);
        loop {
            let mut drawn = String::with_capacity(length);
            while drawn.len() < length {
                let mut bytes = [0; 32];
                self.inner.environment.entropy.fill(&mut bytes);
                // What is beyond the last whole round of letters would make the first of them more frequent.
                let most = 256 - 256 % LETTERS.len();
                let letters = bytes.into_iter().map(usize::from).filter(|byte| *byte < most);
                let letters = letters.map(|byte| char::from(LETTERS[byte % LETTERS.len()]));
                drawn.extend(letters.take(length - drawn.len()));
            }
            // Seldom is there no digit among them.
            if policy.admits(&drawn) {
                return drawn;
            }
        }
    }

    /// Makes an operator of the organization with this slug.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`]; [`ErrorCode::InvalidField`]; [`ErrorCode::EmailTaken`].
    pub async fn create_operator_for(
        &self,
        slug: &str,
        new: NewOperator,
        welcome: Welcome,
    ) -> Result<OperatorView> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.create_operator_in(organization.org, None, new, welcome, self.now()).await
    }

    /// A part of the list of the operators of the organization with this slug.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn list_operators_of(&self, slug: &str, query: OperatorQuery) -> Result<OperatorList> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.list_operators_in(organization.org, None, query).await
    }

    /// Sets the password of the operator with this address: what was signed before is good for nothing from then on, and so
    /// are links that were mailed. Returns the address as it is kept, which letters may be larger or smaller in than in the
    /// one that was given.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`]; [`ErrorCode::UserNotFound`]; [`ErrorCode::InvalidField`].
    pub async fn set_operator_password_of(
        &self,
        slug: &str,
        email: &str,
        password: String,
    ) -> Result<String> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.check_password(&password)?;
        let (org, key, now) = (organization.org, Email::key_of(email.trim()), self.now());
        let find = move |conn: &denizen_store::Conn<'_>| operators::find_credentials_by_email(conn, &key);
        let found = self.query(org, find).await?.ok_or(ErrorCode::UserNotFound)?;
        let user: UserId = found.user_id;
        let hash = self.hash_password(password).await?;
        let set = self.write(org, move |tx| {
            if !operators::set_password(tx, user, &hash, true, now)? {
                return Err(ErrorCode::UserNotFound.into());
            }
            operator_links::delete_of(tx, user)?;
            let operator = operators::find(tx, user)?.ok_or(ErrorCode::UserNotFound)?;
            Ok(operator.email)
        });
        let email = set.await?;
        Ok(email)
    }
}
