//! Access tokens: with one, a program calls in its own name, as far as the token's role reaches.
//!
//! A token is `{organization}.{secret}`, so that it leads to its organization without a path that names one. Nobody is
//! signed in by it and no user stands behind it: the token's id is the id of the actor. Tokens are made by whoever
//! operates the machine, and by no caller: a caller who could make one would outlive the own role.

use std::sync::Arc;

use denizen_domain::ids::{ObjectId, UserId, Uuid};
use denizen_domain::permission::{Effect, Grant, PermissionName, names};
use denizen_domain::text::Slug;
use denizen_domain::time::Timestamp;
pub use denizen_store::access_tokens::AccessToken;
use denizen_store::{access_tokens as stored, roles};

use crate::environment::{Environment, hash_secret};
use crate::error::{Error, ErrorCode, Result};
use crate::freshness::Freshness;
use crate::handle::Directory;
use crate::sessions::{Caller, Parts, Session, token_cache_key};

/// The characters of a secret: 256 bits as unpadded URL-safe Base64.
const SECRET_LENGTH: usize = 43;
/// How long a token that expired is still listed, in seconds: whoever looks for why calls are refused finds it there.
const LISTED_AFTER_EXPIRY: i64 = 30 * 86_400;

/// The one time that a token can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccessToken {
    pub token_id: Uuid,
    /// What callers send.
    pub token: String,
}

/// A new token, as it is shown and as it is kept; its role is still to be found.
pub(crate) fn draw_token(
    environment: &Environment,
    organization: &str,
    name: Option<String>,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> (NewAccessToken, AccessToken) {
    let secret = environment.secret();
    let token_id = environment.uuid();
    let kept = AccessToken {
        token_id,
        name,
        secret_hash: hash_secret(&secret),
        role_id: ObjectId([0; 12]),
        created_at: now,
        expires_at,
    };
    (NewAccessToken { token_id, token: format!("{organization}.{secret}") }, kept)
}

/// The organization and the secret of a token, if it has the form of one: what has not is refused without a look at the
/// store.
fn parse(token: &str) -> Option<(&str, &str)> {
    let (organization, secret) = token.split_once('.')?;
    let is_secret = secret.len() == SECRET_LENGTH
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (is_secret && Slug::parse(organization).is_ok()).then_some((organization, secret))
}

/// What a role can allow a token: a token is good for contacts and nothing else.
const OF_USE: [PermissionName; 3] =
    [names::DIRECTORY_READ_CONTACT, names::DIRECTORY_WRITE_CONTACT, names::DIRECTORY_ANONYMIZE_CONTACT];

impl Directory {
    /// Whether a token of this role could do anything: a role without a grant of what tokens are good for is probably not
    /// the one that was meant. For an operator.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`], [`ErrorCode::RoleNotFound`].
    pub async fn serves_tokens(&self, organization: &str, role_name: &str) -> Result<bool> {
        let organization =
            self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let role_name = role_name.to_owned();
        self.read(organization.org, move |conn| {
            let role = roles::find_by_name(conn, &role_name)?.ok_or(ErrorCode::RoleNotFound)?;
            let is_of_use =
                |grant: &Grant| grant.effect == Effect::Allow && OF_USE.contains(&grant.permission);
            Ok(role.grants.0.iter().any(is_of_use))
        })
        .await
    }

    /// Makes a token of an organization, for whoever runs a command of denizen on the machine itself.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`], [`ErrorCode::RoleNotFound`].
    pub async fn create_access_token(
        &self,
        organization: &str,
        role_name: &str,
        name: Option<String>,
        expires_at: Option<Timestamp>,
    ) -> Result<NewAccessToken> {
        let organization =
            self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let now = self.now();
        let (shown, token) =
            draw_token(self.environment(), organization.slug.as_str(), name, expires_at, now);
        let role_name = role_name.to_owned();
        self.write(organization.org, move |tx| {
            let role = roles::find_by_name(tx, &role_name)?.ok_or(ErrorCode::RoleNotFound)?;
            stored::delete_expired(tx, now.plus_seconds(-LISTED_AFTER_EXPIRY))?;
            stored::insert(tx, &AccessToken { role_id: role.role_id, ..token.clone() })?;
            Ok(())
        })
        .await?;
        Ok(shown)
    }

    /// The tokens of an organization with the names of their roles, in the order of their creation; those that expired
    /// lately are among them.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn access_tokens(&self, organization: &str) -> Result<Vec<(AccessToken, String)>> {
        let organization =
            self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.read(organization.org, |conn| {
            let mut tokens = Vec::new();
            for token in stored::list(conn)? {
                let role = roles::find(conn, token.role_id)?.map_or_else(String::new, |role| role.name);
                tokens.push((token, role));
            }
            Ok(tokens)
        })
        .await
    }

    /// Makes a token invalid: at once in this process, within about a second in others.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`], [`ErrorCode::ApiKeyNotFound`].
    pub async fn revoke_access_token(&self, organization: &str, token: Uuid) -> Result<()> {
        let organization =
            self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let org = organization.org;
        let deleted = self.write(org, move |tx| Ok(stored::delete(tx, token)?)).await?;
        if deleted { Ok(()) } else { Err(ErrorCode::ApiKeyNotFound.into()) }
    }

    /// Establishes who calls with a token. `caller.session.user_id.as_uuid()` is the token's id.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidCredentials`].
    pub async fn authenticate_access_token(&self, token: &str) -> Result<Caller> {
        let refused = || Error::new(ErrorCode::InvalidCredentials);
        let (organization, secret) = parse(token).ok_or_else(refused)?;
        let now = self.now();
        let cache_key = token_cache_key(token);
        let session = if let Some(session) = self.inner.sessions.find(&cache_key, now) {
            session
        } else {
            let loading = self.load_token_session(organization, hash_secret(secret), now);
            let session = Arc::new(Box::pin(loading).await?);
            self.inner.sessions.keep(cache_key, &session, now);
            session
        };
        Ok(Caller { session, target: organization.to_owned() })
    }

    async fn load_token_session(
        &self,
        organization: &str,
        secret_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<Session> {
        let refused = || Error::new(ErrorCode::InvalidCredentials);
        let home = self.find_organization(organization).await?.ok_or_else(refused)?;
        let mark = self.stores().mark(home.org).await?.with_older(home.mark());
        let mut roles = self.inner.known_roles.of_read();
        let found = self.query(home.org, move |conn| {
            let Some(token) = stored::find_by_hash(conn, &secret_hash)? else { return Ok(None) };
            let role = roles.find(conn, token.role_id)?;
            Ok(role.map(|role| (token, role)))
        });
        let (token, role) = found.await?.ok_or_else(refused)?;
        let expires_at = token.expires_at.unwrap_or(Timestamp(i64::MAX));
        if expires_at <= now {
            return Err(refused());
        }
        Ok(Session::new(Parts {
            home,
            user_id: UserId::from_uuid(token.token_id),
            user_text: token.token_id.to_string(),
            role,
            lent: Vec::new(),
            expires_at,
            freshness: Freshness::new(now, mark),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::{Credentials, cache_key};

    #[test]
    fn a_token_is_a_short_name_and_a_secret_and_nothing_else() {
        let secret = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFy-_0";
        assert_eq!(parse(&format!("acme.{secret}")), Some(("acme", secret)));
        for malformed in [
            String::new(),
            ".".to_owned(),
            secret.to_owned(),
            format!(".{secret}"),
            format!("acme{secret}"),
            format!("Acme.{secret}"),
            format!("v1.{secret}"),
            format!("acme.acme.{secret}"),
            format!("acme.{secret}A"),
            format!("acme.{secret}="),
            format!(" acme.{secret}"),
            format!("acme.{}", &secret[1..]),
            format!("acme.{} ", &secret[1..]),
            format!("acme.{}+", &secret[1..]),
            format!("acme.{}ä", &secret[2..]),
        ] {
            assert_eq!(parse(&malformed), None, "{malformed}");
        }
    }

    #[test]
    fn no_other_credentials_are_remembered_as_a_token_is() {
        let token = "acme.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFy-_0";
        assert_eq!(token_cache_key(token), token_cache_key(token));
        for home in ["", "acme", "\u{ff}"] {
            assert_ne!(token_cache_key(token), cache_key(Credentials::Token(token), home));
        }
    }
}
