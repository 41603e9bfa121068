//! Sessions: who a caller is and what the caller's grants admit.
//!
//! A verified credential costs a look-up in a cache. After a second its user, role and key are read again, unless it is known
//! that nobody has changed them: so a change made by another process takes effect within about a second, and one made by
//! this process takes effect at once, because the store notes it before it answers ([`crate::freshness`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::permission::{
    Condition, Filter, Grant, Grants, PermissionName, Placeholders, RoleRank, is_greater, names,
};
use denizen_domain::time::Timestamp;
use denizen_store::roles::Role;
use denizen_store::users::{RoleNames, User};
use denizen_store::{Conn, Mark, api_keys, roles, temporary_grants, users};

use crate::context::OpContext;
use crate::environment::hash_secret;
use crate::error::{Error, ErrorCode, Result};
use crate::freshness::Freshness;
use crate::handle::Directory;
use crate::known_roles::RolesOfRead;
use crate::organizations::Organization;
use crate::room::make_room;
use crate::signing_keys::KeyRing;
use crate::tokens::{self, IssuedToken};

const SHARDS: usize = 16;
const MOST_PER_SHARD: usize = 4_096;

/// What a caller showed.
#[derive(Debug, Clone, Copy)]
pub enum Credentials<'c> {
    /// `Authorization: Bearer …`
    Token(&'c str),
    /// `Authorization: Basic …`: the user name is `{org_id}_{user_id}`, the password a token.
    Basic { user_name: &'c str, token: &'c str },
    /// The three API-key headers.
    ApiKey { secret: &'c str, key_id: &'c str, user_id: &'c str },
}

/// A signed-in user, or a program that calls in its own name.
pub struct Session {
    /// The organization that the user or program belongs to.
    pub home: Arc<Organization>,
    /// A member's id; of a program, the id of its access token.
    pub user_id: UserId,
    /// Whether the user may see the own record, which every user operation asks for. A program has none.
    pub sees_itself: bool,
    pub role: Arc<Role>,
    /// The role's grants and what has been granted to the user for a time; `None` where that is nothing.
    widened: Option<Grants>,
    is_verified: bool,
    placeholders: Placeholders,
    /// The users of the home organization whom the user may know of.
    visible_at_home: Filter,
    /// Names of the home organization's roles, as far as they were needed.
    pub(crate) role_names: RoleNames,
    /// The end of the token's validity; sessions of the key headers end with the key. Where a temporary grant ends before
    /// that, so does the session, and the next call finds the grant gone.
    expires_at: Timestamp,
    freshness: Freshness,
}

/// What a session is made of.
pub(crate) struct Parts {
    pub home: Arc<Organization>,
    pub user_id: UserId,
    /// For whom the placeholder of the acting user stands.
    pub user_text: String,
    pub role: Arc<Role>,
    /// What has been granted for a time, and until when.
    pub lent: Vec<(Grant, Timestamp)>,
    pub expires_at: Timestamp,
    pub freshness: Freshness,
}

impl Session {
    /// A session of somebody verified without an own record.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { home, user_id, user_text, role, lent, expires_at, freshness } = parts;
        let expires_at = lent.iter().map(|(_, end)| *end).fold(expires_at, Timestamp::min);
        let widened = (!lent.is_empty()).then(|| {
            let lent = lent.into_iter().map(|(grant, _)| grant);
            Grants(role.grants.0.iter().cloned().chain(lent).collect())
        });
        let placeholders = Placeholders { org_id: home.slug.as_str().to_owned(), user_id: user_text };
        let own = OpContext::org_scalar(home.slug.as_str());
        let grants = widened.as_ref().unwrap_or(&role.grants);
        let visible_at_home = grants.filter(&names::USER_GET_USER_INFO, &placeholders).assume("org_id", &own);
        Self {
            home,
            user_id,
            sees_itself: false,
            role,
            widened,
            is_verified: true,
            placeholders,
            visible_at_home,
            role_names: RoleNames::default(),
            expires_at,
            freshness,
        }
    }

    /// The id of the acting user or program as it is written, whole whatever its kind.
    pub(crate) fn user_text(&self) -> &str {
        &self.placeholders.user_id
    }

    /// What the user's grants, temporary ones included, admit for a permission in an organization.
    pub(crate) fn filter(&self, permission: &PermissionName, organization: &str) -> Filter {
        let grants = self.widened.as_ref().unwrap_or(&self.role.grants);
        let filter = grants.filter(permission, &self.placeholders);
        filter.assume("org_id", &OpContext::org_scalar(organization))
    }

    pub(crate) fn visible_users(&self, organization: &Organization) -> Filter {
        if organization.org == self.home.org {
            self.visible_at_home.clone()
        } else {
            self.filter(&names::USER_GET_USER_INFO, organization.slug.as_str())
        }
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        self.expires_at > now && self.freshness.lasts(now)
    }
}

pub(crate) fn rank(role: &Role) -> RoleRank<'_> {
    RoleRank { grants: &role.grants, is_super: role.is_super }
}

/// A session, and the name of the organization in which the caller wants to act.
pub struct Caller {
    pub session: Arc<Session>,
    pub(crate) target: String,
}

type Shard = Mutex<HashMap<[u8; 32], Arc<Session>>>;

/// The sessions of this process, by the hash of what was shown.
pub(crate) struct Sessions {
    shards: [Shard; SHARDS],
}

impl Default for Sessions {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Shard::default()) }
    }
}

impl Sessions {
    fn shard(&self, key: &[u8; 32]) -> &Shard {
        &self.shards[usize::from(key[0]) % SHARDS]
    }

    pub(crate) fn find(&self, key: &[u8; 32], now: Timestamp) -> Option<Arc<Session>> {
        let shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        shard.get(key).filter(|session| session.is_usable(now)).cloned()
    }

    pub(crate) fn keep(&self, key: [u8; 32], session: &Arc<Session>, now: Timestamp) {
        let mut shard = self.shard(&key).lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut shard, MOST_PER_SHARD, &key, |session| session.is_usable(now));
        shard.insert(key, Arc::clone(session));
    }

    /// Drops what can no longer be used.
    pub(crate) fn purge(&self, now: Timestamp) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, session| session.is_usable(now));
        }
    }
}

/// How a session came about.
#[derive(Clone, Copy)]
struct Origin {
    user_id: UserId,
    key_id: Option<Uuid>,
    expires_at: Timestamp,
}

impl Directory {
    /// Establishes who calls (contract section 2). `path_organization` is the organization in the path;
    /// `issuer` is the header that names the organization of the credentials when that is another one.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidCredentials`]; [`ErrorCode::Unverified`] for a user who may sign in and no more.
    pub async fn authenticate(
        &self,
        credentials: Credentials<'_>,
        path_organization: &str,
        issuer: Option<&str>,
    ) -> Result<Caller> {
        let home = issuer.unwrap_or(path_organization);
        let now = self.now();
        let cache_key = cache_key(credentials, home);
        let session = if let Some(session) = self.inner.sessions.find(&cache_key, now) {
            session
        } else {
            // Boxed, so that a call whose session is known does not carry the room that loading one needs.
            let session = Arc::new(Box::pin(self.load_session(credentials, home, now)).await?);
            self.inner.sessions.keep(cache_key, &session, now);
            session
        };
        if !session.is_verified {
            return Err(ErrorCode::Unverified.into());
        }
        Ok(Caller { session, target: path_organization.to_owned() })
    }

    /// The context of an operation of `caller`.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`] for an organization that is neither the caller's own nor made by it.
    pub async fn context(&self, caller: &Caller, request_id: &Arc<str>) -> Result<OpContext> {
        let home = &caller.session.home;
        let organization = if caller.target == home.slug.as_str() {
            Arc::clone(home)
        } else {
            let found = self.find_organization(&caller.target).await?;
            found.filter(|found| found.parent == Some(home.org)).ok_or(ErrorCode::OrganizationNotFound)?
        };
        Ok(self.context_in(caller, organization, request_id))
    }

    pub(crate) fn context_in(
        &self,
        caller: &Caller,
        organization: Arc<Organization>,
        request_id: &Arc<str>,
    ) -> OpContext {
        OpContext {
            session: Arc::clone(&caller.session),
            organization,
            request_id: Arc::clone(request_id),
            now: self.now(),
            environment: self.inner.environment.clone(),
        }
    }

    /// Exchanges an API key for a token of `user_id` (contract section 4.1).
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`]; [`ErrorCode::InvalidCredentials`] for an unknown, wrong or expired key, an
    /// unknown user, a user whose role is not below the key's, and an unverified user where those may not sign in.
    pub async fn sign_in_with_key(
        &self,
        organization: &str,
        secret: &str,
        key_id: &str,
        user_id: &str,
    ) -> Result<IssuedToken> {
        let now = self.now();
        let home = self.find_organization(organization).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let (origin, user) = self.check_key(&home, secret, key_id, user_id, now).await?;
        if !user.is_verified && !home.profile.unverified_sign_in {
            return Err(ErrorCode::InvalidCredentials.into());
        }
        let ring = self.key_ring(now).await?;
        self.issue_token(&ring, &home, user.user_id, origin.key_id, now)
    }

    pub(crate) fn issue_token(
        &self,
        ring: &KeyRing,
        home: &Organization,
        user: UserId,
        key: Option<Uuid>,
        now: Timestamp,
    ) -> Result<IssuedToken> {
        let seconds = self.inner.settings.token_minutes * 60;
        let id = self.inner.environment.uuid();
        tokens::issue(ring, home.slug.as_str(), user, key, id, now, seconds)
    }

    async fn load_session(
        &self,
        credentials: Credentials<'_>,
        home: &str,
        now: Timestamp,
    ) -> Result<Session> {
        let refused = || Error::new(ErrorCode::InvalidCredentials);
        let (home, origin, mark) = match credentials {
            Credentials::Token(token) => self.check_token(token, home, now).await?,
            Credentials::Basic { user_name, token } => {
                let (home, origin, mark) = self.check_token(token, home, now).await?;
                let expected = format!("{}_{}", home.slug, origin.user_id.as_member());
                if expected != user_name {
                    return Err(refused());
                }
                (home, origin, mark)
            }
            Credentials::ApiKey { secret, key_id, user_id } => {
                let home = self.find_organization(home).await?.ok_or_else(refused)?;
                let mark = home.mark().clone();
                let (origin, _) = self.check_key(&home, secret, key_id, user_id, now).await?;
                (home, origin, mark)
            }
        };
        let mark = self.stores().mark(home.org).await?.with_user(home.org, origin.user_id).with_older(&mark);
        let mut roles = self.inner.known_roles.of_read();
        let found = self.query(home.org, move |conn| load_actor(conn, &mut roles, &origin, now)).await?;
        let Actor { user, role, lent, expires_at } = found.ok_or_else(refused)?;
        let texts = user.attribute_texts(Some(role.name.clone()));
        let session = Session::new(Parts {
            home,
            user_id: user.user_id,
            user_text: user.user_id.as_member().to_string(),
            role,
            lent,
            expires_at,
            freshness: Freshness::new(now, mark),
        });
        let sees_itself = session.visible_at_home.admits(&|name| user.attribute(&texts, name));
        Ok(Session { sees_itself, is_verified: user.is_verified, ..session })
    }

    async fn check_token(
        &self,
        token: &str,
        home: &str,
        now: Timestamp,
    ) -> Result<(Arc<Organization>, Origin, Mark)> {
        let refused = || Error::new(ErrorCode::InvalidCredentials);
        let ring = self.key_ring_for(token, now).await?;
        let claims = tokens::verify(&ring, token, now).ok_or_else(refused)?;
        if claims.org != home {
            return Err(refused());
        }
        let user_id = claims.user().ok_or_else(refused)?;
        let key_id = match &claims.key {
            Some(key) => Some(Uuid::parse(key).ok_or_else(refused)?),
            None => None,
        };
        let home = self.find_organization(home).await?.ok_or_else(refused)?;
        let expires_at = Timestamp(claims.exp.saturating_mul(Timestamp::MICROS_PER_SECOND));
        let mark = home.mark().clone().with_older(ring.mark());
        Ok((home, Origin { user_id, key_id, expires_at }, mark))
    }

    /// Checks the three headers: the key, its secret and age, the user, and that the key's role is above the user's.
    async fn check_key(
        &self,
        home: &Organization,
        secret: &str,
        key_id: &str,
        user_id: &str,
        now: Timestamp,
    ) -> Result<(Origin, User)> {
        let refused = || Error::new(ErrorCode::InvalidCredentials);
        let (Some(key_id), Some(user_id)) = (Uuid::parse(key_id), UserId::parse_member(user_id)) else {
            return Err(refused());
        };
        let secret_hash = hash_secret(secret);
        self.read(home.org, move |conn| {
            let key = api_keys::find(conn, key_id)?.ok_or_else(refused)?;
            // Hashes of random secrets: how far two of them agree tells nothing about either secret.
            if key.secret_hash != secret_hash || key.expires_at <= now {
                return Err(refused());
            }
            let user = users::find(conn, UserDirectory::Members, user_id)?.ok_or_else(refused)?;
            let key_role = roles::find(conn, key.role_id)?.ok_or_else(refused)?;
            let user_role = roles::find(conn, user.role_id)?.ok_or_else(refused)?;
            if !is_greater(&rank(&key_role), &rank(&user_role)) {
                return Err(refused());
            }
            Ok((Origin { user_id, key_id: Some(key_id), expires_at: key.expires_at }, user))
        })
        .await
    }
}

/// Who acts, with which role and which grants for a time, and the ends of those.
struct Actor {
    user: User,
    role: Arc<Role>,
    lent: Vec<(Grant, Timestamp)>,
    expires_at: Timestamp,
}

/// The acting user and role, if the user, and the key that signed in, still stand, and the key above the user.
fn load_actor(
    conn: &Conn<'_>,
    roles: &mut RolesOfRead,
    origin: &Origin,
    now: Timestamp,
) -> denizen_store::Result<Option<Actor>> {
    let Some(user) = users::find(conn, UserDirectory::Members, origin.user_id)? else {
        return Ok(None);
    };
    let Some(role) = roles.find(conn, user.role_id)? else { return Ok(None) };
    let (mut key_role, mut expires_at) = (None, origin.expires_at);
    if let Some(key_id) = origin.key_id {
        let Some(key) = api_keys::find(conn, key_id)?.filter(|key| key.expires_at > now) else {
            return Ok(None);
        };
        expires_at = expires_at.min(key.expires_at);
        // Who holds the key must not rise with a user who rises after having been signed in by it.
        key_role = roles.find(conn, key.role_id)?.filter(|held| is_greater(&rank(held), &rank(&role)));
        if key_role.is_none() {
            return Ok(None);
        }
    }
    let mut lent = temporary_grants::active(conn, user.user_id, now)?;
    if let Some(held) = key_role.filter(|held| !held.is_super) {
        lent = lent.into_iter().filter_map(|(grant, end)| Some((within(&held, grant)?, end))).collect();
    }
    Ok(Some(Actor { user, role, lent, expires_at }))
}

/// What of a grant for a time is left to somebody who acts by a key of this role: nothing beyond the role, or whoever holds
/// the key would rise with the user. An unconditional grant is left to roles that hold the same in the own organization.
fn within(held: &Role, grant: Grant) -> Option<Grant> {
    let grant = if grant.conditions.contains_key("org_id") {
        grant
    } else {
        grant.when("org_id", Condition::Equals(Placeholders::SELF_ORG_ID.into()))
    };
    let grant = Grants(vec![grant]);
    if held.grants.covers(&grant) { grant.0.into_iter().next() } else { None }
}

/// What was shown, and to which organization, as one hash: the cache holds no secret.
pub(crate) fn cache_key(credentials: Credentials<'_>, home: &str) -> [u8; 32] {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    let mut part = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    part(home);
    match credentials {
        Credentials::Token(token) => part(token),
        Credentials::Basic { user_name, token } => {
            part(user_name);
            part(token);
        }
        Credentials::ApiKey { secret, key_id, user_id } => {
            part(secret);
            // An id can be spelt in a million ways by its letter case, which must not become a million sessions.
            part(&key_id.to_ascii_lowercase());
            part(&user_id.to_ascii_lowercase());
        }
    }
    finished(hash)
}

/// An access token as one hash, which is never that of other credentials: those begin with a length, and no text is so
/// long.
pub(crate) fn token_cache_key(token: &str) -> [u8; 32] {
    marked_cache_key(u64::MAX, token)
}

/// The same for the access token of an operator.
pub(crate) fn operator_cache_key(token: &str) -> [u8; 32] {
    marked_cache_key(u64::MAX - 1, token)
}

fn marked_cache_key(mark: u64, token: &str) -> [u8; 32] {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    hash.update(&mark.to_le_bytes());
    hash.update(token.as_bytes());
    finished(hash)
}

fn finished(hash: ring::digest::Context) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(hash.finish().as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_of_credentials_is_remembered_as_another() {
        let (member, program) = (cache_key(Credentials::Token("token"), "acme"), token_cache_key("token"));
        assert!(member != program && program != operator_cache_key("token"));
        assert_ne!(member, operator_cache_key("token"));
    }

    #[test]
    fn a_session_is_kept_once_however_its_ids_are_spelt() {
        let key =
            |secret, key_id, user_id| cache_key(Credentials::ApiKey { secret, key_id, user_id }, "acme");
        assert_eq!(key("Secret", "0A-b", "fF"), key("Secret", "0a-B", "Ff"));
        assert_ne!(key("Secret", "0a-b", "ff"), key("secret", "0a-b", "ff"));
        assert_ne!(key("Secret", "0a-b", "ff"), key("Secret", "0a-", "bff"));
    }
}
