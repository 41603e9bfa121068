//! Signing operators in, by password, and knowing them by their tokens afterwards (contract section 2).
//!
//! An operator acts through a session as everybody does. Its role is none of the organization's: it follows from whether the
//! operator is an administrator, and is as old as the session.

mod throttle;
mod tokens;

use std::net::IpAddr;
use std::sync::Arc;

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::operator::PasswordPolicy;
use denizen_domain::permission::{Condition, FrontendView, Grant, Grants, Placeholders, names};
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use denizen_store::Mark;
use denizen_store::operators::{self, Credentials};
use denizen_store::roles::Role;
use serde::Serialize;

use self::throttle::Try;
use self::tokens::{Claims, IdClaims, Kind};
use crate::error::{Error, ErrorCode, Result};
use crate::freshness::Freshness;
use crate::handle::Directory;
use crate::organizations::Organization;
use crate::passwords::Lane;
use crate::sessions::{Caller, Parts, Session, operator_cache_key};
use crate::signing_keys::SigningAlgorithm;

pub use self::throttle::Attempts;
pub(crate) use self::throttle::Throttle;

/// For how long operators are signed in, and how often a password is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInSettings {
    /// How long an access token is valid.
    pub access_seconds: i64,
    /// How long a refresh token is valid. Each refresh brings a new one.
    pub refresh_seconds: i64,
    /// After how long the password has to be shown again, however often was refreshed.
    pub session_seconds: i64,
    pub per_account: Attempts,
    pub per_address: Attempts,
}

impl SignInSettings {
    pub const DEFAULT: Self = Self {
        access_seconds: 300,
        refresh_seconds: 1_800,
        session_seconds: 36_000,
        per_account: Attempts { burst: 20, every_seconds: 30 },
        per_address: Attempts { burst: 200, every_seconds: 1 },
    };
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What somebody shows who wants to sign in.
#[derive(Clone)]
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

/// What somebody shows who is signed in and wants to stay so.
#[derive(Clone)]
pub struct Refresh {
    /// The organization's slug or its UUID.
    pub realm: String,
    pub refresh_token: String,
    pub client_id: String,
    pub issuer: String,
}

/// What signing in brings.
#[derive(Clone)]
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

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    pub name: String,
    pub preferred_username: String,
    pub email: String,
}

/// Whom an access token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorInfo {
    pub organization: OrgKey,
    pub user_id: UserId,
    pub person: Person,
}

/// A sign-in under way.
struct SignedIn {
    organization: Arc<Organization>,
    credentials: Credentials,
    issuer: String,
    client_id: String,
    scope: String,
    session: String,
    auth_time: i64,
}

impl Directory {
    /// Signs an operator in. Whether the operator is unknown, has no password or another one makes no difference to the
    /// answer or to how much is done for it.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OrganizationNotFound`]; [`crate::ErrorCode::InvalidCredentials`];
    /// [`crate::ErrorCode::TooManyAttempts`]; [`crate::ErrorCode::Busy`].
    pub async fn sign_in_operator(&self, sign_in: SignIn) -> Result<OperatorTokens> {
        let now = self.now();
        let organization = self.find_realm(&sign_in.realm).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let (throttle, settings) = (&self.inner.throttle, &self.inner.settings.sign_in);
        let attempt = Try::of(organization.org, &sign_in.user_name, sign_in.address);
        throttle.begin(attempt, settings, now).map_err(Error::too_many_attempts)?;
        let outcome = self.check_password_of(&organization, &sign_in).await;
        // A wrong password counts, and so does one that nobody waited for to be looked at.
        if !matches!(&outcome, Err(error) if error.code == ErrorCode::InvalidCredentials) {
            throttle.pay_back(attempt, settings, now);
        }
        let credentials = outcome?;
        self.issue_operator_tokens(
            SignedIn {
                organization,
                credentials,
                issuer: sign_in.issuer,
                client_id: sign_in.client_id,
                scope: tokens::granted_scope(sign_in.scope.as_deref()),
                session: self.inner.environment.uuid().to_string(),
                auth_time: now.unix_seconds(),
            },
            now,
        )
        .await
    }

    /// The credentials of the operator whose name and password these are.
    async fn check_password_of(&self, organization: &Organization, sign_in: &SignIn) -> Result<Credentials> {
        let key = Email::key_of(sign_in.user_name.trim());
        let find = move |conn: &denizen_store::Conn<'_>| operators::find_credentials_by_email(conn, &key);
        // A text with this character is nobody's, and PostgreSQL does not take one.
        let is_nobodys = sign_in.user_name.contains('\0');
        let credentials = if is_nobodys { None } else { self.query(organization.org, find).await? };
        // No password is that long, and hashing would take time for every byte.
        let is_possible = sign_in.password.len() <= PasswordPolicy::MAX_BYTES;
        let password = if is_possible { sign_in.password.clone() } else { String::new() };
        let kept = credentials.as_ref().and_then(|found| found.password_hash.clone());
        let compared = self.inner.passwords.compare(password, kept.filter(|_| is_possible)).await?;
        let credentials = credentials.filter(|_| compared.is_right).ok_or(ErrorCode::InvalidCredentials)?;
        if compared.is_outdated {
            self.renew_hash(organization, &credentials, sign_in.password.clone()).await?;
        }
        Ok(credentials)
    }

    /// Hashes a password again as passwords are hashed now. Nobody is kept from signing in when there is no time for that.
    async fn renew_hash(
        &self,
        organization: &Organization,
        credentials: &Credentials,
        password: String,
    ) -> Result<()> {
        let hash = match self.inner.passwords.hash(password, Lane::Prompt).await {
            Ok(hash) => hash,
            Err(error) if error.code == ErrorCode::Busy => return Ok(()),
            Err(error) => return Err(error),
        };
        let (before, now) = (credentials.clone(), self.now());
        self.write(organization.org, move |tx| {
            // Another password may have been set since.
            let present = operators::find_credentials(tx, before.user_id)?;
            if present.is_some_and(|present| present.password_hash == before.password_hash) {
                operators::set_password(tx, before.user_id, &hash, false, now)?;
            }
            Ok(())
        })
        .await
    }

    /// Exchanges a refresh token for new tokens. It may be used again until it expires: an answer may get lost.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OrganizationNotFound`]; [`crate::ErrorCode::InvalidCredentials`].
    pub async fn refresh_operator(&self, refresh: Refresh) -> Result<OperatorTokens> {
        let now = self.now();
        let refused = || Error::new(ErrorCode::InvalidCredentials);
        let organization = self.find_realm(&refresh.realm).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let (claims, home, _) = self.check_operator_token(Kind::Refresh, &refresh.refresh_token, now).await?;
        if home.org != organization.org || claims.azp != refresh.client_id {
            return Err(refused());
        }
        let credentials = self.find_current(&home, &claims).await?.ok_or_else(refused)?;
        self.issue_operator_tokens(
            SignedIn {
                organization,
                credentials,
                issuer: refresh.issuer,
                client_id: refresh.client_id,
                scope: claims.scope,
                session: claims.sid,
                auth_time: claims.auth_time,
            },
            now,
        )
        .await
    }

    /// Establishes who calls with an access token.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidCredentials`].
    pub async fn authenticate_operator(&self, token: &str) -> Result<Caller> {
        let now = self.now();
        let cache_key = operator_cache_key(token);
        let session = if let Some(session) = self.inner.sessions.find(&cache_key, now) {
            session
        } else {
            let session = Arc::new(Box::pin(self.load_operator_session(token, now)).await?);
            self.inner.sessions.keep(cache_key, &session, now);
            session
        };
        let target = session.home.slug.as_str().to_owned();
        Ok(Caller { session, target })
    }

    /// Who the operator is who calls with an access token.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidCredentials`].
    pub async fn describe_operator(&self, token: &str) -> Result<OperatorInfo> {
        let now = self.now();
        let (claims, home, _) = self.check_operator_token(Kind::Access, token, now).await?;
        let current = self.find_current(&home, &claims).await?.ok_or(ErrorCode::InvalidCredentials)?;
        let person = self.find_person(&home, current.user_id).await?;
        Ok(OperatorInfo { organization: home.org, user_id: current.user_id, person })
    }

    async fn load_operator_session(&self, token: &str, now: Timestamp) -> Result<Session> {
        let (claims, home, mark) = self.check_operator_token(Kind::Access, token, now).await?;
        let mark = self.stores().mark(home.org).await?.with_older(&mark);
        let mark = match claims.user() {
            Some(user) => mark.with_user(home.org, user),
            None => mark,
        };
        let current = self.find_current(&home, &claims).await?.ok_or(ErrorCode::InvalidCredentials)?;
        Ok(Session::new(Parts {
            home,
            user_id: current.user_id,
            user_text: current.user_id.as_uuid().to_string(),
            role: Arc::new(role(current.is_admin)),
            lent: Vec::new(),
            expires_at: claims.ends_at(),
            freshness: Freshness::new(now, mark),
        }))
    }

    /// The claims of a token of ours that is still valid, the organization of the operator, and what was known of changes
    /// before the keys and the organization were read.
    async fn check_operator_token(
        &self,
        kind: Kind,
        token: &str,
        now: Timestamp,
    ) -> Result<(Claims, Arc<Organization>, Mark)> {
        let refused = || Error::new(ErrorCode::InvalidCredentials);
        let ring = self.key_ring_for(token, now).await?;
        let claims = tokens::verify(&ring, kind, token, now).ok_or_else(refused)?;
        let home = self.find_organization(&claims.org).await?.ok_or_else(refused)?;
        if !self.is_issuer(&claims.iss, &home) {
            return Err(refused());
        }
        let mark = home.mark().clone().with_older(ring.mark());
        Ok((claims, home, mark))
    }

    /// Whether this is an address of the organization's realm: by its slug or its UUID, with or without `/auth` before.
    fn is_issuer(&self, issuer: &str, organization: &Organization) -> bool {
        let path = issuer.strip_prefix(&self.inner.settings.public_url);
        let path = path.map(|path| path.strip_prefix("/auth").unwrap_or(path));
        path.and_then(|path| path.strip_prefix("/realms/")).is_some_and(|realm| {
            realm == organization.slug.as_str() || realm == organization.uuid.to_string()
        })
    }

    /// The credentials of the operator of a token, if they are those of then.
    async fn find_current(&self, home: &Organization, claims: &Claims) -> Result<Option<Credentials>> {
        let Some(user) = claims.user() else { return Ok(None) };
        let found = self.query(home.org, move |conn| operators::find_credentials(conn, user)).await?;
        Ok(found.filter(|found| found.version == claims.ver))
    }

    async fn find_person(&self, home: &Organization, user: UserId) -> Result<Person> {
        let found = self.query(home.org, move |conn| operators::find(conn, user)).await?;
        let found = found.ok_or(ErrorCode::InvalidCredentials)?;
        Ok(Person { name: found.name, preferred_username: found.email.clone(), email: found.email })
    }

    async fn issue_operator_tokens(&self, signed_in: SignedIn, now: Timestamp) -> Result<OperatorTokens> {
        let SignedIn { organization, credentials, issuer, client_id, scope, session, auth_time } = signed_in;
        let (ring, settings) = (self.key_ring(now).await?, &self.inner.settings.sign_in);
        let (iat, sub) = (now.unix_seconds(), credentials.user_id.as_uuid().to_string());
        // Nothing lives longer than the sign-in.
        let left = auth_time + settings.session_seconds - iat;
        if left <= 0 {
            return Err(ErrorCode::InvalidCredentials.into());
        }
        let expires_in = settings.access_seconds.min(left);
        let refresh_expires_in = settings.refresh_seconds.min(left);
        let id = || self.inner.environment.uuid().to_string();
        let sign = |typ, seconds| {
            let claims = Claims {
                iss: issuer.clone(),
                sub: sub.clone(),
                aud: client_id.clone(),
                azp: client_id.clone(),
                typ,
                org: organization.slug.as_str().to_owned(),
                ver: credentials.version,
                scope: scope.clone(),
                sid: session.clone(),
                jti: id(),
                auth_time,
                iat,
                exp: iat + seconds,
            };
            ring.sign(SigningAlgorithm::Es256, &claims, now)
        };
        let access_token = sign(Kind::Access, expires_in)?;
        let refresh_token = sign(Kind::Refresh, refresh_expires_in)?;
        let mut id_token = None;
        if tokens::has_openid(&scope) {
            let person = self.find_person(&organization, credentials.user_id).await?;
            let claims = IdClaims {
                iss: &issuer,
                sub: &sub,
                aud: &client_id,
                azp: &client_id,
                typ: Kind::Id,
                sid: &session,
                jti: id(),
                auth_time,
                iat,
                exp: iat + expires_in,
                person,
            };
            id_token = Some(ring.sign(SigningAlgorithm::Es256, &claims, now)?);
        }
        Ok(OperatorTokens {
            access_token,
            expires_in,
            refresh_token,
            refresh_expires_in,
            id_token,
            scope,
            session_state: session,
        })
    }
}

/// What an operator may do: administrators look after the operators of the own organization, everybody after the own
/// account, which takes no permission.
fn role(is_admin: bool) -> Role {
    let own = || Condition::Equals(Placeholders::SELF_ORG_ID.into());
    let all = [names::DIRECTORY_READ_OPERATOR, names::DIRECTORY_WRITE_OPERATOR];
    let grants = all.into_iter().filter(|_| is_admin).map(|name| Grant::allow(name).when("org_id", own()));
    Role {
        role_id: ObjectId([0; 12]),
        name: if is_admin { "operators: administrator" } else { "operators" }.to_owned(),
        description: String::new(),
        frontend_view: FrontendView::Client,
        grants: Arc::new(Grants(grants.collect())),
        is_super: false,
    }
}
