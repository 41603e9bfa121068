//! GET `/user/` (contract section 5.1).

use denizen_directory::members::{MemberQuery, SortField, SortKey};
use denizen_domain::text::Email;

use super::caller::authenticate;
use super::wire::GetUsersResponse;
use super::{list_input, render};
use crate::kernel::{Call, FieldProblem, Problem, QueryReader, Reply};

const SORT_FIELDS: &[(&str, SortField)] = &[
    ("first_name", SortField::FirstName),
    ("last_name", SortField::LastName),
    ("email", SortField::Email),
    ("user_stats.num_conversations", SortField::Conversations),
    ("user_stats.num_messages", SortField::Messages),
    ("user_stats.last_message_time", SortField::LastMessage),
];

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let query = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    let page = call.directory().list_members(&ctx, query).await?;
    let users = render::users(&page.members, &ctx, Some(false));
    let answer = GetUsersResponse { users, has_more: page.has_more, continuation_token: page.token };
    Ok(Reply::json_of(200, &answer, render::size_of_users(&page.members)))
}

fn read(call: &Call) -> Result<MemberQuery, Problem> {
    let most = call.directory().settings().page_limit;
    let mut query = QueryReader::new(call);
    let sort = list_input::sort_keys(&mut query, SORT_FIELDS);
    let read = MemberQuery {
        ids: query.strings("user_id"),
        emails: query
            .customs("email", |text| Email::parse(text).map_err(|reason| FieldProblem::email(&reason))),
        is_verified: query.bool("is_verified"),
        sort: sort.into_iter().map(|(field, descending)| SortKey { field, descending }).collect(),
        token: list_input::continuation_token(&mut query),
        limit: list_input::limit(&mut query, most),
    };
    query.finish(read)
}
