//! GET `/user/{user_id}/memory` (contract section 5.9).

use denizen_directory::memories::{MemoryQuery, PAGE_LIMIT, SortField, SortKey};

use super::caller::authenticate;
use super::wire::GetMemoriesResponse;
use super::{list_input, render};
use crate::kernel::{Call, Problem, QueryReader, Reply};

const SORT_FIELDS: &[(&str, SortField)] = &[
    ("conversation_id", SortField::Conversation),
    ("created_at", SortField::CreatedAt),
    ("timestamp", SortField::CreatedAt),
];

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let query = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    let page = call.directory().list_memories(&ctx, call.path("user_id").to_owned(), query).await?;
    let answer = GetMemoriesResponse {
        memories: page.memories.into_iter().map(render::memory).collect(),
        has_more: page.has_more,
        continuation_token: page.token,
    };
    Ok(Reply::json(200, &answer))
}

fn read(call: &Call) -> Result<MemoryQuery, Problem> {
    let mut query = QueryReader::new(call);
    let sort = list_input::sort_keys(&mut query, SORT_FIELDS);
    let read = MemoryQuery {
        ids: query.customs("id", list_input::object_id),
        conversation_ids: query.customs("conversation_id", list_input::object_id),
        sort: sort.into_iter().map(|(field, descending)| SortKey { field, descending }).collect(),
        token: list_input::continuation_token(&mut query),
        limit: list_input::limit(&mut query, PAGE_LIMIT),
    };
    query.finish(read)
}
