//! API keys (contract section 7).

use denizen_domain::ids::{ObjectId, OrgKey, UserId, Uuid};
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::permission::{Filter, PermissionName, ScalarRef, Test, TestOp, names};
use denizen_domain::text::Slug;
use denizen_domain::time::Timestamp;
use denizen_store::api_keys::ApiKey;
use denizen_store::users::UserQuery;
use denizen_store::{Conn, Tx, api_keys as stored, control, roles, users};

use crate::context::OpContext;
use crate::environment::hash_secret;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::organizations::SUPER_ROLE;

/// The most keys that an organization can have at once.
pub const MAX_KEYS: i64 = 20;
/// The longest life of a key made through the API, in days.
pub const MAX_KEY_DAYS: i64 = 90;
/// The life of the key that the command line makes with an organization, in days.
pub const DEFAULT_KEY_DAYS: i64 = 365;

/// A key as its creator sees it, once.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    pub key_id: Uuid,
    pub secret: String,
    pub expires_at: Timestamp,
}

/// A key and the slug of its creator's organization.
#[derive(Debug, Clone)]
pub struct ListedKey {
    pub key: ApiKey,
    pub creator_org: Option<Slug>,
}

#[expect(clippy::too_many_arguments, reason = "a record with as many fields")]
pub(crate) fn new_key(
    key_id: Uuid,
    record_id: ObjectId,
    name: Option<&str>,
    role_id: ObjectId,
    creator: (OrgKey, UserId),
    now: Timestamp,
    expires_at: Timestamp,
    secret: &str,
) -> ApiKey {
    ApiKey {
        key_id,
        record_id,
        name: name.map(str::to_owned),
        role_id,
        creator_org: creator.0,
        creator: creator.1,
        created_at: now,
        updated_at: now,
        expires_at,
        secret_hash: hash_secret(secret),
    }
}

struct KeyTexts {
    key_id: String,
    role_id: String,
    creator: String,
}

impl KeyTexts {
    fn of(key: &ApiKey) -> Self {
        Self {
            key_id: key.key_id.to_string(),
            role_id: key.role_id.to_string(),
            creator: key.creator.as_member().to_string(),
        }
    }

    fn attribute(&self, name: &str) -> Option<ScalarRef<'_>> {
        match name {
            "key_id" => Some(ScalarRef::Text(&self.key_id)),
            "role_id" => Some(ScalarRef::Text(&self.role_id)),
            "creator_user_id" => Some(ScalarRef::Text(&self.creator)),
            _ => None,
        }
    }
}

/// Adds a key, and marks its creator, unless that is a user of another organization: then the creator was marked there, by
/// [`mark_creator`], before.
pub(crate) fn insert_key(tx: &Tx<'_>, key: &ApiKey) -> Result<()> {
    stored::insert(tx, key)?;
    if key.creator_org == tx.org { mark_creator(tx, key.creator, key.created_at) } else { Ok(()) }
}

/// Marks a member as one whose deletion leaves a tombstone.
fn mark_creator(tx: &Tx<'_>, creator: UserId, now: Timestamp) -> Result<()> {
    let mut creator =
        users::find(tx, UserDirectory::Members, creator)?.ok_or(ErrorCode::InvalidCredentials)?;
    if !creator.created_api_key {
        creator.created_api_key = true;
        users::update(tx, UserDirectory::Members, &creator, false, now)?;
    }
    Ok(())
}

/// The oldest member who may do everything.
pub(crate) fn first_super_administrator(conn: &Conn<'_>) -> Result<UserId> {
    let super_role = roles::find_by_name(conn, SUPER_ROLE)?.ok_or(ErrorCode::RoleNotFound)?;
    let has_role =
        Test { attribute: "role_id".to_owned(), op: TestOp::Eq(super_role.role_id.to_string().into()) };
    let query = UserQuery {
        directory: UserDirectory::Members,
        ids: None,
        email_keys: None,
        is_verified: None,
        visible: Filter { allow: vec![vec![has_role]], deny: Vec::new() },
        sort: Vec::new(),
        after: None,
        limit: 1,
    };
    let found = users::page(conn, &query)?.users.rows.pop();
    let none = || Error::with_text(ErrorCode::UserNotFound, "the organization has no super administrator");
    found.map(|user| user.user_id).ok_or_else(none)
}

impl Directory {
    /// Makes an API key: permission `Organization:CreateAPIKey`, and greater privileges than the key's role.
    /// `life_micros` is checked by the caller to lie within 1 to [`MAX_KEY_DAYS`] days.
    ///
    /// # Errors
    /// [`ErrorCode::RoleNotFound`], [`ErrorCode::Forbidden`], [`ErrorCode::LimitReached`] at [`MAX_KEYS`].
    pub async fn create_api_key(
        &self,
        ctx: &OpContext,
        name: Option<String>,
        role_name: String,
        life_micros: i64,
    ) -> Result<CreatedKey> {
        let secret = ctx.environment.secret();
        let shown = secret.clone();
        let key_id = ctx.environment.uuid();
        let record_id = ctx.environment.object_id(ctx.now);
        let expires_at = ctx.now.plus_micros(life_micros);
        let ctx = ctx.clone();
        let (home, creator, now) = (ctx.session.home.org, ctx.session.user_id, ctx.now);
        if home != ctx.org() && !ctx.filter(&names::ORGANIZATION_CREATE_API_KEY).is_never() {
            // The two may lie in different databases. A mark without a key only leaves a tombstone that says too much.
            self.write(home, move |tx| mark_creator(tx, creator, now)).await?;
        }
        self.write(ctx.org(), move |tx| {
            // Who may make no key must not learn which roles there are.
            let role = roles::find_by_name(tx, &role_name)?
                .ok_or_else(|| ctx.absent(&names::ORGANIZATION_CREATE_API_KEY, ErrorCode::RoleNotFound))?;
            let creator = (ctx.session.home.org, ctx.session.user_id);
            let key = new_key(
                key_id,
                record_id,
                name.as_deref(),
                role.role_id,
                creator,
                ctx.now,
                expires_at,
                &secret,
            );
            let texts = KeyTexts::of(&key);
            let filter = ctx.filter(&names::ORGANIZATION_CREATE_API_KEY);
            if !filter.admits(&|name| texts.attribute(name)) || !ctx.is_greater_than(&role) {
                return Err(Error::new(ErrorCode::Forbidden));
            }
            if stored::count_valid(tx, ctx.now)? >= MAX_KEYS {
                let text = format!("The organization has {MAX_KEYS} API keys; delete one first");
                return Err(Error::with_text(ErrorCode::LimitReached, text));
            }
            insert_key(tx, &key)
        })
        .await?;
        Ok(CreatedKey { key_id, secret: shown, expires_at })
    }

    /// The keys that the caller may see: permission `Organization:GetAPIKey` filters them.
    pub async fn list_api_keys(&self, ctx: &OpContext) -> Result<Vec<ListedKey>> {
        let filter = ctx.filter(&names::ORGANIZATION_GET_API_KEY);
        let now = ctx.now;
        let mut keys = self.query(ctx.org(), stored::list).await?;
        keys.retain(|key| {
            let texts = KeyTexts::of(key);
            key.expires_at > now && filter.admits(&|name| texts.attribute(name))
        });
        self.query(OrgKey::CONTROL, move |conn| {
            let listed = |key: &ApiKey| {
                let creator_org = control::find_by_key(conn, key.creator_org)?.map(|found| found.slug);
                Ok(ListedKey { key: key.clone(), creator_org })
            };
            keys.iter().map(listed).collect()
        })
        .await
    }

    /// Deletes a key, which ends every session that it began: permission `Organization:DeleteAPIKey`.
    ///
    /// # Errors
    /// [`ErrorCode::ApiKeyNotFound`] also for a key that the caller may not know of.
    pub async fn delete_api_key(&self, ctx: &OpContext, key_id: &str) -> Result<Uuid> {
        let absent = || ctx.absent(&names::ORGANIZATION_DELETE_API_KEY, ErrorCode::ApiKeyNotFound);
        let key_id = Uuid::parse(key_id).ok_or_else(absent)?;
        let ctx = ctx.clone();
        let org = ctx.org();
        self.write(org, move |tx| {
            let absent = || ctx.absent(&names::ORGANIZATION_DELETE_API_KEY, ErrorCode::ApiKeyNotFound);
            let key = stored::find(tx, key_id)?.ok_or_else(absent)?;
            let texts = KeyTexts::of(&key);
            let admits =
                |permission: PermissionName| ctx.filter(&permission).admits(&|name| texts.attribute(name));
            if !admits(names::ORGANIZATION_DELETE_API_KEY) {
                let known = admits(names::ORGANIZATION_GET_API_KEY);
                return Err(Error::new(if known { ErrorCode::Forbidden } else { absent() }));
            }
            stored::delete(tx, key_id)?;
            Ok(())
        })
        .await?;
        Ok(key_id)
    }

    /// Makes a key from the command line, in the name of the organization's first super administrator.
    pub async fn create_key_for(
        &self,
        slug: &str,
        role_name: String,
        name: Option<String>,
        days: i64,
    ) -> Result<CreatedKey> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let now = self.now();
        let environment = self.environment();
        let secret = environment.secret();
        let shown = secret.clone();
        let (key_id, record_id) = (environment.uuid(), environment.object_id(now));
        let expires_at = now.plus_seconds(days.saturating_mul(86_400));
        let org = organization.org;
        self.write(org, move |tx| {
            let role = roles::find_by_name(tx, &role_name)?.ok_or(ErrorCode::RoleNotFound)?;
            if stored::count_valid(tx, now)? >= MAX_KEYS {
                let text = format!("the organization has {MAX_KEYS} API keys; revoke one first");
                return Err(Error::with_text(ErrorCode::LimitReached, text));
            }
            let creator = (org, first_super_administrator(tx)?);
            let key =
                new_key(key_id, record_id, name.as_deref(), role.role_id, creator, now, expires_at, &secret);
            insert_key(tx, &key)
        })
        .await?;
        Ok(CreatedKey { key_id, secret: shown, expires_at })
    }

    /// Every key of an organization with the name of its role, for the command line.
    pub async fn keys_of(&self, slug: &str) -> Result<Vec<(ApiKey, String)>> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.read(organization.org, |conn| {
            let mut keys = Vec::new();
            for key in stored::list(conn)? {
                let role = roles::find(conn, key.role_id)?.map_or_else(String::new, |role| role.name);
                keys.push((key, role));
            }
            Ok(keys)
        })
        .await
    }

    /// Revokes a key from the command line; running servers notice within about a second.
    pub async fn revoke_key(&self, slug: &str, key_id: &str) -> Result<()> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let key_id = Uuid::parse(key_id).ok_or(ErrorCode::ApiKeyNotFound)?;
        let org = organization.org;
        let deleted = self.write(org, move |tx| Ok(stored::delete(tx, key_id)?)).await?;
        if deleted { Ok(()) } else { Err(ErrorCode::ApiKeyNotFound.into()) }
    }
}
