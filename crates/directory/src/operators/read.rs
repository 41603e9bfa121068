//! Reading operators.

use std::collections::BTreeMap;

use denizen_domain::fold::fold;
use denizen_domain::ids::{OrgKey, UserId, Uuid};
use denizen_domain::operator::Access;
use denizen_domain::permission::names;
use denizen_store::operators::OperatorPage;
use denizen_store::{Conn, operators};

use super::{Operator, OperatorList, OperatorQuery, OperatorView};
use crate::context::OpContext;
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;

/// An operator with bots, as `actor` is shown it.
pub(super) fn view(
    conn: &Conn<'_>,
    operator: Operator,
    actor: Option<UserId>,
) -> denizen_store::Result<OperatorView> {
    // An administrator is not placed: every environment is reached.
    let mut places = match operator.access {
        Access::Administrator => BTreeMap::new(),
        Access::Environments { .. } => operators::places(conn, &[operator.user_id], true)?,
    };
    let places = places.remove(&operator.user_id).unwrap_or_default();
    let is_deletable = Some(operator.user_id) != actor;
    Ok(OperatorView { operator, places, is_deletable })
}

/// A part of the list, as `actor` is shown it.
fn list(
    conn: &Conn<'_>,
    query: &OperatorQuery,
    actor: Option<UserId>,
) -> denizen_store::Result<OperatorList> {
    shown(conn, operators::page(conn, query)?, actor)
}

fn shown(conn: &Conn<'_>, page: OperatorPage, actor: Option<UserId>) -> denizen_store::Result<OperatorList> {
    let OperatorPage { operators, total } = page;
    // Administrators reach everything, and nothing in particular.
    let others = operators.rows.iter().filter(|operator| !operator.access.is_administrator());
    let users: Vec<UserId> = others.map(|operator| operator.user_id).collect();
    let places = operators::places(conn, &users, false)?;
    Ok(OperatorList { operators, places, actor, total })
}

impl Directory {
    /// A part of the list of operators: permission `Directory:ReadOperator`. The needle is folded here.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub async fn list_operators(&self, ctx: &OpContext, query: OperatorQuery) -> Result<OperatorList> {
        ctx.require(&names::DIRECTORY_READ_OPERATOR)?;
        self.list_operators_in(ctx.org(), Some(ctx.session.user_id), query).await
    }

    /// As [`Directory::list_operators`], on behalf of `actor`, or of nobody.
    pub(super) async fn list_operators_in(
        &self,
        org: OrgKey,
        actor: Option<UserId>,
        mut query: OperatorQuery,
    ) -> Result<OperatorList> {
        let needle = query.needle.as_deref().map(|needle| fold(needle.trim()));
        query.needle = needle.filter(|needle| !needle.is_empty());
        // A short page needs no thread of its own, where it is read together with how long the list is. What its operators
        // reach may be of a moment later then, as it is of one who is read alone.
        if query.is_short() {
            let query = query.clone();
            let read = move |conn: &Conn<'_>| {
                if conn.has_snapshot() {
                    return list(conn, &query, actor).map(Some);
                }
                operators::page_at_once(conn, &query)?.map(|page| shown(conn, page, actor)).transpose()
            };
            if let Some(found) = self.query_recent(org, read).await? {
                return Ok(found);
            }
        }
        Ok(self.stores().scan_recent(org, move |conn| list(conn, &query, actor)).await?)
    }

    /// Up to `limit` different names that begin with `beginning`, in any letter case, in their order: permission
    /// `Directory:ReadOperator`. None for a blank beginning.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub async fn suggest_operator_names(
        &self,
        ctx: &OpContext,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<String>> {
        ctx.require(&names::DIRECTORY_READ_OPERATOR)?;
        // A name begins with no white space; what follows the beginning may.
        let beginning = fold(beginning.trim_start());
        if beginning.is_empty() {
            return Ok(Vec::new());
        }
        self.query_recent(ctx.org(), move |conn| operators::suggest_names(conn, &beginning, limit)).await
    }

    /// An operator with bots: permission `Directory:ReadOperator`.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::UserNotFound`].
    pub async fn get_operator(&self, ctx: &OpContext, id: Uuid) -> Result<OperatorView> {
        ctx.require(&names::DIRECTORY_READ_OPERATOR)?;
        self.find_operator_view(ctx, UserId::from_uuid(id)).await
    }

    /// The operator who calls, with bots.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`] when it was deleted a moment ago, or the caller is no operator.
    pub async fn get_own_operator(&self, ctx: &OpContext) -> Result<OperatorView> {
        self.find_operator_view(ctx, ctx.session.user_id).await
    }

    async fn find_operator_view(&self, ctx: &OpContext, user: UserId) -> Result<OperatorView> {
        let actor = Some(ctx.session.user_id);
        let find = move |conn: &Conn<'_>| {
            operators::find(conn, user)?.map(|operator| view(conn, operator, actor)).transpose()
        };
        self.query_recent(ctx.org(), find).await?.ok_or_else(|| ErrorCode::UserNotFound.into())
    }
}
