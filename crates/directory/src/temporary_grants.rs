//! Temporary grants: one permission for one member until a time (contract section 6). They count in what a member may do
//! and not in how high the member stands.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::permission::{Effect, Grant, names};
use denizen_domain::text::Slug;
use denizen_domain::time::Timestamp;
use denizen_store::keyset::After;
use denizen_store::{control, roles, temporary_grants as stored};

use crate::context::OpContext;
use crate::cursors::{List, Reading};
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

pub use denizen_store::temporary_grants::{SortField, SortKey, TagTest, TagValue, Tags, TemporaryGrant};

/// The longest life of a grant, in days.
pub const MAX_DAYS: i64 = 365;
/// The most grants that a member can have at once: every session of the member holds them.
pub const MAX_ACTIVE: usize = 100;
/// The most grants on a page, and how many there are when nobody asks for a number.
pub const PAGE_LIMIT: usize = 10;

/// A grant as it is to be made.
#[derive(Debug, Clone)]
pub struct NewTemporaryGrant {
    /// The member to whom.
    pub user_id: String,
    pub grant: Grant,
    /// Checked by the caller to lie within a second and [`MAX_DAYS`].
    pub life_micros: i64,
    pub justification: String,
    pub tags: Tags,
}

#[derive(Debug, Clone, Copy)]
pub struct CreatedGrant {
    pub grant_id: ObjectId,
    pub expires_at: Timestamp,
}

/// Which grants to list. Filters combine with AND, the values of one filter with OR, but tags: all of them must be there.
#[derive(Debug, Clone, Default)]
pub struct GrantQuery {
    /// Empty: any.
    pub ids: Vec<ObjectId>,
    /// To whom. Empty: any. Ids that no member can have match nobody; so also for creators.
    pub user_ids: Vec<String>,
    /// By whom. Empty: any.
    pub creators: Vec<String>,
    /// In canonical form.
    pub permission_name: Option<String>,
    pub is_expired: Option<bool>,
    pub tags: Vec<TagTest>,
    pub sort: Vec<SortKey>,
    /// The token of the page before; 0 begins.
    pub token: i64,
    pub limit: usize,
}

/// A grant and the slug of its creator's organization.
#[derive(Debug, Clone)]
pub struct ListedGrant {
    pub grant: TemporaryGrant,
    pub creator_org: Option<Slug>,
}

#[derive(Debug)]
pub struct GrantPage {
    pub grants: Vec<ListedGrant>,
    pub has_more: bool,
    /// Where the next page goes on, when there is more.
    pub token: Option<i64>,
}

/// Refuses what could not be honoured, and denials: what a member may do by the role is taken away in the role.
fn check_grant(grant: &Grant) -> Result<()> {
    if grant.effect == Effect::Deny {
        return Err(Error::field(&["permission_grant", "action"], "a temporary grant can only allow"));
    }
    grant.check().map_err(|problem| {
        let path: Vec<&str> =
            ["permission_grant"].into_iter().chain(problem.path.iter().map(String::as_str)).collect();
        Error::field(&path, problem.message.clone())
    })
}

fn parse_ids(ids: &[String]) -> Option<Vec<UserId>> {
    (!ids.is_empty()).then(|| ids.iter().filter_map(|id| UserId::parse_member(id)).collect())
}

/// The list as this caller reads it, in this order.
fn reading(ctx: &OpContext, sort: &[SortKey]) -> Reading {
    Reading::new(ctx, List::TemporaryGrants, sort)
}

impl Directory {
    /// Gives a member whom the caller may see a permission until a time: permission
    /// `Role:CreateTemporaryPermissionGrant` on the member's role. The caller's role must allow the caller everything
    /// that the grant allows the member.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`], [`ErrorCode::Forbidden`], [`ErrorCode::InvalidField`] for a grant that cannot be,
    /// [`ErrorCode::LimitReached`] at [`MAX_ACTIVE`].
    pub async fn create_temporary_grant(
        &self,
        ctx: &OpContext,
        new: NewTemporaryGrant,
    ) -> Result<CreatedGrant> {
        check_grant(&new.grant)?;
        let grant = TemporaryGrant {
            grant_id: ctx.environment.object_id(ctx.now),
            user_id: UserId::parse_member(&new.user_id).ok_or(ErrorCode::UserNotFound)?,
            grant: new.grant,
            justification: new.justification,
            tags: new.tags,
            creator_org: ctx.session.home.org,
            creator: ctx.session.user_id,
            created_at: ctx.now,
            expires_at: ctx.now.plus_micros(new.life_micros),
        };
        let created = CreatedGrant { grant_id: grant.grant_id, expires_at: grant.expires_at };
        let (op, org) = (ctx.clone(), ctx.org());
        self.write(org, move |tx| {
            let target = op.find_member(tx, &new.user_id)?;
            let role = roles::find(tx, target.role_id)?.ok_or(ErrorCode::RoleNotFound)?;
            let permission = names::ROLE_CREATE_TEMPORARY_PERMISSION_GRANT;
            if !op.admits_role(&permission, &role.role_id.to_string(), &role.name) {
                return Err(Error::new(ErrorCode::Forbidden));
            }
            if !op.covers_grant(&grant.grant, target.user_id) {
                let text = "The grant goes beyond the privileges of the authenticated user";
                return Err(Error::with_text(ErrorCode::Forbidden, text));
            }
            if stored::active(tx, target.user_id, op.now)?.len() >= MAX_ACTIVE {
                let text = format!("The user has {MAX_ACTIVE} temporary permission grants");
                return Err(Error::with_text(ErrorCode::LimitReached, text));
            }
            Ok(stored::insert(tx, &grant)?)
        })
        .await?;
        Ok(created)
    }

    /// A page of the grants to members whom the caller may see, expired ones included: permission
    /// `Role:GetTemporaryPermissionGrant` on the members' roles filters them.
    ///
    /// # Errors
    /// [`ErrorCode::TokenExpired`] when a sorted list cannot go on, because the grant at which it stopped is gone and the
    /// process has forgotten it.
    pub async fn list_temporary_grants(&self, ctx: &OpContext, query: GrantQuery) -> Result<GrantPage> {
        let visible = stored::Visible {
            users: ctx.visible_users(),
            roles: ctx.filter(&names::ROLE_GET_TEMPORARY_PERMISSION_GRANT),
        };
        let reading = reading(ctx, &query.sort);
        let mut wanted = stored::GrantQuery {
            ids: (!query.ids.is_empty()).then_some(query.ids),
            user_ids: parse_ids(&query.user_ids),
            creators: parse_ids(&query.creators),
            permission_name: query.permission_name,
            is_expired: query.is_expired,
            now: ctx.now,
            tags: query.tags,
            visible,
            sort: query.sort,
            after: None,
            limit: query.limit,
        };
        if query.token > 0 {
            let known = self.inner.cursors.after(&reading, query.token, ctx.now);
            wanted.after = match known {
                Some(after) => Some(after),
                None => Some(self.find_grant_place(ctx, &wanted, query.token).await?),
            };
        }
        let page = self.stores().scan_recent(ctx.org(), move |conn| stored::page(conn, &wanted)).await?;
        let token = self.inner.cursors.token(reading, &page, query.token, ctx.now);
        let slugs = self.slugs_of(page.rows.iter().map(|grant| grant.creator_org)).await?;
        let listed = page.rows.into_iter().map(|grant| {
            let creator_org = slugs.get(&grant.creator_org).cloned();
            ListedGrant { grant, creator_org }
        });
        Ok(GrantPage { grants: listed.collect(), has_more: page.has_more, token })
    }

    /// The place of a grant that the caller may see, by its present values. Callers can write any token, and where a list
    /// goes on behind a grant tells how that grant is sorted.
    async fn find_grant_place(
        &self,
        ctx: &OpContext,
        query: &stored::GrantQuery,
        position: i64,
    ) -> Result<After> {
        let (sort, visible) = (query.sort.clone(), query.visible.clone());
        let values =
            self.query(ctx.org(), move |conn| stored::sort_values(conn, position, &sort, &visible)).await?;
        Ok(After { position, values: values.ok_or(ErrorCode::TokenExpired)? })
    }

    /// The names of organizations, where they are still there.
    async fn slugs_of(&self, orgs: impl Iterator<Item = OrgKey>) -> Result<BTreeMap<OrgKey, Slug>> {
        let orgs: BTreeSet<OrgKey> = orgs.collect();
        self.query(OrgKey::CONTROL, move |conn| {
            let mut slugs = BTreeMap::new();
            for org in &orgs {
                slugs.extend(control::find_by_key(conn, *org)?.map(|found| (*org, found.slug)));
            }
            Ok(slugs)
        })
        .await
    }
}
