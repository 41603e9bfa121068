//! External events: what happened to a member outside of conversations (contract section 5.12).

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::permission::{Filter, PermissionName, Scalar, ScalarRef, names};
use denizen_domain::time::Timestamp;
use denizen_store::keyset::After;
use denizen_store::users::User;
use denizen_store::{Conn, external_events as stored, roles};

use crate::context::OpContext;
use crate::cursors::{List, Reading};
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

pub use denizen_store::external_events::{ExternalEvent, SortField, SortKey};

/// The longest type, in characters: events are sorted by it, so it has to fit into an index.
pub const MAX_TYPE: usize = 256;
/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 10_000;
/// The most events on a page, and how many there are when nobody asks for a number.
pub const PAGE_LIMIT: usize = 20;

/// An event as it is to be made.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub event_type: String,
    pub starts_at: Timestamp,
    /// Not before `starts_at`, which the caller checks.
    pub ends_at: Timestamp,
    pub description: String,
    pub transcript: Option<String>,
}

/// Which events of a member to list.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Empty: any.
    pub ids: Vec<ObjectId>,
    pub sort: Vec<SortKey>,
    /// The token of the page before; 0 begins.
    pub token: i64,
    pub limit: usize,
}

#[derive(Debug)]
pub struct EventPage {
    pub events: Vec<ExternalEvent>,
    pub has_more: bool,
    /// Where the next page goes on, when there is more.
    pub token: Option<i64>,
}

impl OpContext {
    /// What the caller's grants admit of the events of a member, whose attributes are already gone from the filter.
    fn event_filter(&self, conn: &Conn<'_>, permission: &PermissionName, target: &User) -> Result<Filter> {
        let filter = self.filter(permission);
        if filter.is_always() || filter.is_never() {
            return Ok(filter);
        }
        let role_name = roles::find(conn, target.role_id)?.map(|role| role.name);
        let texts = target.attribute_texts(role_name);
        let known = ["user_id", "email", "role_id", "role_name", "is_verified"];
        Ok(known.into_iter().fold(filter, |filter, name| match target.attribute(&texts, name) {
            Some(value) => filter.assume(name, &Scalar::from(value)),
            None => filter,
        }))
    }
}

/// Whether a filter from [`OpContext::event_filter`] admits an event.
fn admits(filter: &Filter, event: &ExternalEvent) -> bool {
    let event_id = event.event_id.to_string();
    filter.admits(&|name| match name {
        "external_event_id" => Some(ScalarRef::Text(&event_id)),
        "type" => Some(ScalarRef::Text(&event.event_type)),
        _ => None,
    })
}

fn member_id(text: &str) -> Result<UserId> {
    UserId::parse_member(text).ok_or_else(|| ErrorCode::UserNotFound.into())
}

/// The list as this caller reads it, in this order.
fn reading(ctx: &OpContext, user_id: UserId, sort: &[SortKey]) -> Reading {
    Reading::new(ctx, List::ExternalEvents(user_id), sort)
}

impl Directory {
    /// Adds an event to a member whom the caller may see: permission `User:CreateExternalEvent` on the event.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`], [`ErrorCode::Forbidden`].
    pub async fn create_external_event(
        &self,
        ctx: &OpContext,
        user_id: String,
        new: NewEvent,
    ) -> Result<ObjectId> {
        ctx.require_self()?;
        let event = ExternalEvent {
            event_id: ctx.environment.object_id(ctx.now),
            user_id: member_id(&user_id)?,
            event_type: new.event_type,
            starts_at: new.starts_at,
            ends_at: new.ends_at,
            description: new.description,
            transcript: new.transcript,
        };
        let (event_id, digest) = (event.event_id, event.digest());
        let op = ctx.clone();
        self.write(ctx.org(), move |tx| {
            let target = op.find_member(tx, &user_id)?;
            let permitted = op.event_filter(tx, &names::USER_CREATE_EXTERNAL_EVENT, &target)?;
            if !admits(&permitted, &event) {
                return Err(Error::new(ErrorCode::Forbidden));
            }
            Ok(stored::insert(tx, &event, &digest, op.now)?)
        })
        .await?;
        Ok(event_id)
    }

    /// A page of the events of a member whom the caller may see: permission `User:GetExternalEvent` filters them.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`]; [`ErrorCode::TokenExpired`] when a sorted list cannot go on, because the event at
    /// which it stopped was deleted and the process has forgotten it.
    pub async fn list_external_events(
        &self,
        ctx: &OpContext,
        user_id: String,
        query: EventQuery,
    ) -> Result<EventPage> {
        ctx.require_self()?;
        let id = member_id(&user_id)?;
        let op = ctx.clone();
        let visible = self
            .read_recent(ctx.org(), move |conn| {
                let target = op.find_member(conn, &user_id)?;
                op.event_filter(conn, &names::USER_GET_EXTERNAL_EVENT, &target)
            })
            .await?;
        let reading = reading(ctx, id, &query.sort);
        let mut wanted = stored::EventQuery {
            user_id: id,
            ids: (!query.ids.is_empty()).then_some(query.ids),
            visible,
            sort: query.sort,
            after: None,
            limit: query.limit,
        };
        if query.token > 0 {
            let known = self.inner.cursors.after(&reading, query.token, ctx.now);
            wanted.after = match known {
                Some(after) => Some(after),
                None => Some(self.find_event_place(ctx, &wanted, query.token).await?),
            };
        }
        let page = if wanted.is_short() {
            self.query_recent(ctx.org(), move |conn| stored::page(conn, &wanted)).await?
        } else {
            self.stores().scan_recent(ctx.org(), move |conn| stored::page(conn, &wanted)).await?
        };
        let token = self.inner.cursors.token(reading, &page, query.token, ctx.now);
        Ok(EventPage { events: page.rows, has_more: page.has_more, token })
    }

    /// The place of an event that the caller may see, by its present values. Callers can write any token, and where a
    /// list goes on behind an event tells how that event is sorted.
    async fn find_event_place(
        &self,
        ctx: &OpContext,
        query: &stored::EventQuery,
        position: i64,
    ) -> Result<After> {
        let (user_id, sort, visible) = (query.user_id, query.sort.clone(), query.visible.clone());
        let values = self
            .query(ctx.org(), move |conn| stored::sort_values(conn, user_id, position, &sort, &visible))
            .await?;
        Ok(After { position, values: values.ok_or(ErrorCode::TokenExpired)? })
    }

    /// Deletes an event of a member: permission `User:DeleteExternalEvent` on the event.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`]; [`ErrorCode::ExternalEventNotFound`] also for an event of another member and for one
    /// that the caller may not see; [`ErrorCode::Forbidden`] for one that the caller may only see.
    pub async fn delete_external_event(
        &self,
        ctx: &OpContext,
        user_id: String,
        event_id: ObjectId,
    ) -> Result<()> {
        ctx.require_self()?;
        let op = ctx.clone();
        self.write(ctx.org(), move |tx| {
            let target = op.find_member(tx, &user_id)?;
            let event = stored::find(tx, event_id)?
                .filter(|event| event.user_id == target.user_id)
                .ok_or(ErrorCode::ExternalEventNotFound)?;
            if !admits(&op.event_filter(tx, &names::USER_DELETE_EXTERNAL_EVENT, &target)?, &event) {
                let is_seen = admits(&op.event_filter(tx, &names::USER_GET_EXTERNAL_EVENT, &target)?, &event);
                let code = if is_seen { ErrorCode::Forbidden } else { ErrorCode::ExternalEventNotFound };
                return Err(Error::new(code));
            }
            Ok(stored::delete(tx, event_id)?)
        })
        .await
    }
}
