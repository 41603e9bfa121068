//! GET `/user/search/` (contract section 5.2).

use denizen_directory::members::MemberSearch;

use super::caller::authenticate;
use super::render;
use super::wire::SearchUsersResponse;
use crate::kernel::{Call, Problem, QueryReader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut query = QueryReader::new(&call);
    let search = MemberSearch {
        needle: query.required("query"),
        ids: query.strings("user_id"),
        is_verified: query.bool("is_verified"),
    };
    let search = query.finish(search)?;
    let ctx = authenticated.context(&call).await?;
    let members = call.directory().search_members(&ctx, search).await?;
    let answer = SearchUsersResponse { users: render::users(&members, &ctx, None) };
    Ok(Reply::json_of(200, &answer, render::size_of_users(&members)))
}
