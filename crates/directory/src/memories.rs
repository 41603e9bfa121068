//! Memories: what a conversation platform has drawn from conversations about a member (contract section 5.9). They come by
//! ingestion; here they are read.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::permission::{Filter, names};
use denizen_store::keyset::After;
use denizen_store::memories as stored;
use denizen_store::users::User;

use crate::context::OpContext;
use crate::cursors::{List, Reading};
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;

pub use denizen_store::memories::{Memory, SortField, SortKey};

/// The most memories on a page, and how many there are when nobody asks for a number.
pub const PAGE_LIMIT: usize = 50;

/// Which memories of a member to list. Filters combine with AND, the values of one filter with OR.
#[derive(Debug, Clone, Default)]
pub struct MemoryQuery {
    /// Empty: any.
    pub ids: Vec<ObjectId>,
    /// Empty: any.
    pub conversation_ids: Vec<ObjectId>,
    pub sort: Vec<SortKey>,
    /// The token of the page before; 0 begins.
    pub token: i64,
    pub limit: usize,
}

#[derive(Debug)]
pub struct MemoryPage {
    pub memories: Vec<Memory>,
    pub has_more: bool,
    /// Where the next page goes on, when there is more.
    pub token: Option<i64>,
}

impl OpContext {
    /// The messages that the caller may read, as far as a member's memories go: none where the member hides conversations
    /// from everybody else.
    fn readable_messages(&self, target: &User) -> Filter {
        let own = target.user_id == self.session.user_id && self.organization.org == self.session.home.org;
        if own || target.preferences.conversations_visible_to_admins {
            self.filter(&names::CONVERSATION_GET_MESSAGE)
        } else {
            Filter::never()
        }
    }
}

/// The list as this caller reads it, in this order.
fn reading(ctx: &OpContext, user_id: UserId, sort: &[SortKey]) -> Reading {
    Reading::new(ctx, List::Memories(user_id), sort)
}

impl Directory {
    /// A page of the memories of a member whom the caller may see. A memory is shown when the caller has
    /// `Conversation:GetMessage` for every message that it was drawn from; one message that has not arrived hides it from
    /// all who may not read every message of the organization. What was drawn from no named message is read like its
    /// conversation.
    ///
    /// # Errors
    /// [`ErrorCode::UserNotFound`]; [`ErrorCode::TokenExpired`] when a sorted list cannot go on, because the memory at
    /// which it stopped is gone, or can no longer be read, and the process has forgotten it.
    pub async fn list_memories(
        &self,
        ctx: &OpContext,
        user_id: String,
        query: MemoryQuery,
    ) -> Result<MemoryPage> {
        ctx.require_self()?;
        let op = ctx.clone();
        let find = move |conn: &denizen_store::Conn<'_>| op.find_member(conn, &user_id);
        let target = self.read_recent(ctx.org(), find).await?;
        let reading = reading(ctx, target.user_id, &query.sort);
        let mut wanted = stored::MemoryQuery {
            user_id: target.user_id,
            ids: (!query.ids.is_empty()).then_some(query.ids),
            conversation_ids: (!query.conversation_ids.is_empty()).then_some(query.conversation_ids),
            readable: ctx.readable_messages(&target),
            sort: query.sort,
            after: None,
            limit: query.limit,
        };
        if query.token > 0 {
            let known = self.inner.cursors.after(&reading, query.token, ctx.now);
            wanted.after = match known {
                Some(after) => Some(after),
                None => Some(self.find_memory_place(ctx, &wanted, query.token).await?),
            };
        }
        let page = if wanted.is_short() {
            self.query_recent(ctx.org(), move |conn| stored::page(conn, &wanted)).await?
        } else {
            self.stores().scan_recent(ctx.org(), move |conn| stored::page(conn, &wanted)).await?
        };
        let token = self.inner.cursors.token(reading, &page, query.token, ctx.now);
        Ok(MemoryPage { memories: page.rows, has_more: page.has_more, token })
    }

    /// The place of a memory that the caller may read, by its present values. Callers can write any token, and where a
    /// list goes on behind a memory tells how that memory is sorted.
    async fn find_memory_place(
        &self,
        ctx: &OpContext,
        query: &stored::MemoryQuery,
        position: i64,
    ) -> Result<After> {
        let (user_id, sort, readable) = (query.user_id, query.sort.clone(), query.readable.clone());
        let values = self
            .query(ctx.org(), move |conn| stored::sort_values(conn, user_id, position, &sort, &readable))
            .await?;
        Ok(After { position, values: values.ok_or(ErrorCode::TokenExpired)? })
    }
}
