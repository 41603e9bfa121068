//! GET `/user/{user_id}/external_event` (contract section 5.12).

use denizen_directory::external_events::{EventQuery, PAGE_LIMIT, SortField, SortKey};

use super::caller::authenticate;
use super::wire::GetExternalEventsResponse;
use super::{list_input, render};
use crate::kernel::{Call, Problem, QueryReader, Reply};

const SORT_FIELDS: &[(&str, SortField)] =
    &[("type", SortField::Type), ("starts_at", SortField::StartsAt), ("ends_at", SortField::EndsAt)];

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let query = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    let user_id = call.path("user_id").to_owned();
    let page = call.directory().list_external_events(&ctx, user_id, query).await?;
    let org_id = ctx.organization.slug.as_str();
    let events = page.events.into_iter().map(|event| render::external_event(event, org_id));
    let answer = GetExternalEventsResponse {
        external_events: events.collect(),
        has_more: page.has_more,
        continuation_token: page.token,
    };
    Ok(Reply::json(200, &answer))
}

fn read(call: &Call) -> Result<EventQuery, Problem> {
    let mut query = QueryReader::new(call);
    let mut ids = query.customs("id", list_input::object_id);
    // Nothing published says which of the two names it is.
    ids.extend(query.customs("external_event_id", list_input::object_id));
    let sort = list_input::sort_keys(&mut query, SORT_FIELDS);
    let read = EventQuery {
        ids,
        sort: sort.into_iter().map(|(field, descending)| SortKey { field, descending }).collect(),
        token: list_input::continuation_token(&mut query),
        limit: list_input::limit(&mut query, PAGE_LIMIT),
    };
    query.finish(read)
}
