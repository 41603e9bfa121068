//! Reading members: lists, search, the user model.

use denizen_domain::ids::UserId;
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::permission::names;
use denizen_domain::text::Email;
use denizen_store::user_models::{self, UserModel};
use denizen_store::users::{self, After, ListedUser, Position, SortField, SortKey, UserQuery, UserSearch};
use denizen_store::{Listed, Value};

use crate::context::OpContext;
use crate::cursors::{List, Reading};
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;

/// Which members to list. Filters combine with AND, the values of one filter with OR.
#[derive(Debug, Clone, Default)]
pub struct MemberQuery {
    /// Empty: any. Ids that no member can have match nobody.
    pub ids: Vec<String>,
    /// Empty: any. Compared without regard to case.
    pub emails: Vec<Email>,
    pub is_verified: Option<bool>,
    pub sort: Vec<SortKey>,
    /// The token of the page before; 0 begins.
    pub token: i64,
    pub limit: usize,
}

#[derive(Debug)]
pub struct MemberPage {
    pub members: Listed<ListedUser>,
    pub has_more: bool,
    /// Where the next page goes on, when there is more.
    pub token: Option<i64>,
}

/// A search by name or address.
#[derive(Debug, Clone, Default)]
pub struct MemberSearch {
    pub needle: String,
    /// Empty: any.
    pub ids: Vec<String>,
    pub is_verified: Option<bool>,
}

/// What an organization has concluded about a user.
#[derive(Debug)]
pub struct UserModels {
    /// Oldest first.
    pub models: Vec<UserModel>,
    pub additional_context: Vec<String>,
}

/// The list as this caller reads it, in this order.
fn reading(ctx: &OpContext, sort: &[SortKey]) -> Reading {
    Reading::new(ctx, List::Members, sort)
}

fn parse_ids(ids: &[String]) -> Option<Vec<UserId>> {
    (!ids.is_empty()).then(|| ids.iter().filter_map(|id| UserId::parse_member(id)).collect())
}

impl Directory {
    /// A page of the members whom the caller may see: permission `User:GetUserInfo` filters them.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`] when the caller may not see the own record; [`ErrorCode::TokenExpired`] when a sorted
    /// list cannot go on, because the user at whom it stopped was deleted and the process has forgotten it.
    pub async fn list_members(&self, ctx: &OpContext, query: MemberQuery) -> Result<MemberPage> {
        ctx.require_self()?;
        let org = ctx.org();
        let mut stored = UserQuery {
            directory: UserDirectory::Members,
            ids: parse_ids(&query.ids),
            email_keys: (!query.emails.is_empty())
                .then(|| query.emails.iter().map(|email| email.key().to_owned()).collect()),
            is_verified: query.is_verified,
            visible: ctx.visible_users(),
            sort: query.sort,
            after: None,
            limit: query.limit,
        };
        if query.token > 0 {
            let position = Position(query.token);
            stored.after = Some(self.resume_after(ctx, position, &stored.sort).await?);
        }
        let sort = stored.sort.clone();
        let page = if stored.is_short() {
            let roles = ctx.role_names();
            self.query_recent(org, move |conn| users::page_by(conn, &stored, &roles)).await?
        } else {
            self.stores().scan_recent(org, move |conn| users::page(conn, &stored)).await?
        };
        let token = match &page.next {
            Some(after) => {
                let position = after.position.0;
                self.inner.cursors.keep(reading(ctx, &sort), position, &after.values, ctx.now);
                Some(position)
            }
            // An empty page of a limit of 0 goes on where it began.
            None => page.has_more.then_some(query.token),
        };
        Ok(MemberPage { members: page.users, has_more: page.has_more, token })
    }

    async fn resume_after(&self, ctx: &OpContext, position: Position, sort: &[SortKey]) -> Result<After> {
        if sort.is_empty() {
            return Ok(After { position, values: Vec::new() });
        }
        if let Some(values) = self.inner.cursors.find(&reading(ctx, sort), position.0, ctx.now) {
            return Ok(After { position, values });
        }
        let (visible, sort) = (ctx.visible_users(), sort.to_vec());
        self.read(ctx.org(), move |conn| {
            // Callers can write any token. Where a list goes on behind a user tells how that user is sorted, so a user
            // whom the caller may not see must be like one who is gone.
            if !visible.is_always() {
                let address = [SortKey { field: SortField::Email, descending: false }];
                let found =
                    match users::sort_values(conn, UserDirectory::Members, position, &address)?.as_deref() {
                        Some([Value::Text(key)]) => users::find_by_email(conn, UserDirectory::Members, key)?,
                        _ => None,
                    };
                let user = found.ok_or(ErrorCode::TokenExpired)?;
                if !users::admits(conn, &visible, &user)? {
                    return Err(ErrorCode::TokenExpired.into());
                }
            }
            let values = users::sort_values(conn, UserDirectory::Members, position, &sort)?
                .ok_or(ErrorCode::TokenExpired)?;
            Ok(After { position, values })
        })
        .await
    }

    /// The members whom the caller may see and whose name or address contains the needle, case and accents aside; at
    /// most [`crate::DirectorySettings::search_results`], oldest first.
    pub async fn search_members(&self, ctx: &OpContext, search: MemberSearch) -> Result<Listed<ListedUser>> {
        ctx.require_self()?;
        let stored = UserSearch {
            directory: UserDirectory::Members,
            needle: search.needle,
            ids: parse_ids(&search.ids),
            is_verified: search.is_verified,
            visible: ctx.visible_users(),
            limit: self.inner.settings.search_results,
        };
        Ok(self.stores().scan_recent(ctx.org(), move |conn| users::search(conn, &stored)).await?)
    }

    /// What is known about a member (contract section 5.8): permission `User:GetUserModel` on the member. A member
    /// who hides the own model from administrators is the only one to see it.
    pub async fn user_model(&self, ctx: &OpContext, user_id: String) -> Result<UserModels> {
        ctx.require_self()?;
        let op = ctx.clone();
        self.read_recent(ctx.org(), move |conn| {
            let target = op.member_for(conn, &names::USER_GET_USER_MODEL, &user_id)?;
            let own = target.user_id == op.session.user_id && op.organization.org == op.session.home.org;
            if !own && !target.preferences.user_model_visible_to_admins {
                return Err(ErrorCode::Forbidden.into());
            }
            Ok(UserModels {
                models: user_models::list_by_user(conn, target.user_id)?,
                additional_context: users::additional_context(conn, target.user_id)?,
            })
        })
        .await
    }
}
