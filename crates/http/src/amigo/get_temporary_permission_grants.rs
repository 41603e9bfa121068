//! GET `/role/temporary_permission_grants/` (contract section 6).

use denizen_directory::temporary_grants::{GrantQuery, PAGE_LIMIT, SortField, SortKey};
use denizen_domain::permission::PermissionName;

use super::caller::authenticate;
use super::wire::GetTemporaryPermissionGrantsResponse;
use super::{input, list_input, render};
use crate::kernel::{Call, Problem, QueryReader, Reply};

const SORT_FIELDS: &[(&str, SortField)] = &[
    ("user_id", SortField::UserId),
    ("expires_at", SortField::ExpiresAt),
    ("permission_grant.permission_name", SortField::PermissionName),
];

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let query = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    let page = call.directory().list_temporary_grants(&ctx, query).await?;
    let org_id = ctx.organization.slug.as_str();
    let grants = page.grants.into_iter().map(|listed| render::temporary_grant(listed, org_id));
    let answer = GetTemporaryPermissionGrantsResponse {
        temporary_permission_grants: grants.collect(),
        has_more: page.has_more,
        continuation_token: page.token,
    };
    Ok(Reply::json(200, &answer))
}

fn read(call: &Call) -> Result<GrantQuery, Problem> {
    let mut query = QueryReader::new(call);
    // What cannot be a permission is the name of none, and so finds nothing.
    let name = query.text("permission_grant_name");
    let canonical = |text: String| PermissionName::parse(&text).map_or(text, |name| name.as_str().to_owned());
    let sort = list_input::sort_keys(&mut query, SORT_FIELDS);
    let read = GrantQuery {
        ids: query.customs("id", list_input::object_id),
        user_ids: query.strings("user_id"),
        creators: query.strings("creator"),
        permission_name: name.map(canonical),
        is_expired: query.bool("is_expired"),
        tags: query.customs("tag", input::tag_test),
        sort: sort.into_iter().map(|(field, descending)| SortKey { field, descending }).collect(),
        token: list_input::continuation_token(&mut query),
        limit: list_input::limit(&mut query, PAGE_LIMIT),
    };
    query.finish(read)
}
