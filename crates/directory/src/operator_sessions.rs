//! Signing operators in, by password, and knowing them by their tokens afterwards (contract section 2).

use std::net::IpAddr;

use crate::error::Result;
use crate::handle::Directory;
use crate::sessions::Caller;

/// What somebody shows who wants to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The organization's slug or its UUID.
    pub realm: String,
    pub user_name: String,
    pub password: String,
    pub client_id: String,
    pub scope: Option<String>,
    /// From where, if that is known.
    pub address: Option<IpAddr>,
    /// Who says so, in the tokens: the address of the realm.
    pub issuer: String,
}

/// What signing in brings.
#[derive(Debug, Clone)]
pub struct OperatorTokens {
    pub access_token: String,
    /// Seconds.
    pub expires_in: i64,
    pub refresh_token: String,
    /// Seconds.
    pub refresh_expires_in: i64,
    /// Where the scope has `openid`.
    pub id_token: Option<String>,
    pub scope: String,
    /// Names the sign-in; the same over all refreshes.
    pub session_state: String,
}

impl Directory {
    /// Signs an operator in. Whether the operator is unknown, has no password or another one makes no difference to the
    /// answer or to how much is done for it.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OrganizationNotFound`]; [`crate::ErrorCode::InvalidCredentials`];
    /// [`crate::ErrorCode::TooManyAttempts`]; [`crate::ErrorCode::Busy`].
    pub async fn sign_in_operator(&self, sign_in: SignIn) -> Result<OperatorTokens> {
        todo!()
    }

    /// Establishes who calls with an access token.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidCredentials`].
    pub async fn authenticate_operator(&self, token: &str) -> Result<Caller> {
        todo!()
    }
}
