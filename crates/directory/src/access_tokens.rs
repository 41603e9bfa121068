//! Access tokens: with one, a program calls in its own name, as far as the token's role reaches.
//!
//! A token is `{organization}.{secret}`, so that it leads to its organization without a path that names one.

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;
pub use denizen_store::access_tokens::AccessToken;

use crate::error::Result;
use crate::handle::Directory;
use crate::sessions::Caller;

/// The one time that a token can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccessToken {
    pub token_id: Uuid,
    /// What callers send.
    pub token: String,
}

impl Directory {
    /// Makes a token of an organization, for whoever runs a command of denizen on the machine itself.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OrganizationNotFound`], [`crate::ErrorCode::RoleNotFound`].
    pub async fn create_access_token(
        &self,
        organization: &str,
        role_name: &str,
        name: Option<String>,
        expires_at: Option<Timestamp>,
    ) -> Result<NewAccessToken> {
        todo!("{organization} {role_name} {name:?} {expires_at:?}")
    }

    /// The tokens of an organization, in the order of their creation.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OrganizationNotFound`].
    pub async fn access_tokens(&self, organization: &str) -> Result<Vec<AccessToken>> {
        todo!("{organization}")
    }

    /// Makes a token invalid.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OrganizationNotFound`], [`crate::ErrorCode::ApiKeyNotFound`].
    pub async fn revoke_access_token(&self, organization: &str, token: Uuid) -> Result<()> {
        todo!("{organization} {token}")
    }

    /// Establishes who calls with a token. `caller.session.user_id.as_uuid()` is the token's id.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidCredentials`].
    pub async fn authenticate_access_token(&self, token: &str) -> Result<Caller> {
        todo!("{}", token.len())
    }
}
