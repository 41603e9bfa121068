//! GET `/user/` (contract section 5.1).

use denizen_directory::members::{MemberQuery, SortField, SortKey};
use denizen_domain::text::Email;

use super::caller::authenticate;
use super::render;
use super::wire::GetUsersResponse;
use crate::kernel::{Call, FieldProblem, Problem, QueryReader, Reply};

/// Tokens are whole numbers below 2^53, which every JSON reader holds exactly.
const MAX_TOKEN: i64 = (1 << 53) - 1;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let query = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    let page = call.directory().list_members(&ctx, query).await?;
    let mut users = render::users(page.members, &ctx);
    for user in &mut users {
        user.enable_actions_access = Some(false);
    }
    Ok(Reply::json(200, &GetUsersResponse { users, has_more: page.has_more, continuation_token: page.token }))
}

fn read(call: &Call) -> Result<MemberQuery, Problem> {
    let most = call.directory().settings().page_limit;
    let mut query = QueryReader::new(call);
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let read = MemberQuery {
        ids: query.strings("user_id"),
        emails: query
            .customs("email", |text| Email::parse(text).map_err(|reason| FieldProblem::email(&reason))),
        is_verified: query.bool("is_verified"),
        sort: without_repetitions(query.customs("sort_by", sort_key)),
        token: query.int("continuation_token", 0, 0, MAX_TOKEN),
        limit: usize::try_from(query.int("limit", limit, 0, limit)).unwrap_or(most),
    };
    query.finish(read)
}

/// A field that was sorted by already breaks no ties, and a thousand of them would make a statement of a million terms.
fn without_repetitions(keys: Vec<SortKey>) -> Vec<SortKey> {
    let mut kept: Vec<SortKey> = Vec::with_capacity(keys.len().min(SortField::ALL.len()));
    for key in keys {
        if !kept.iter().any(|before| before.field == key.field) {
            kept.push(key);
        }
    }
    kept
}

/// `+field` or `-field`. A raw `+` in a query means a space, so a leading space counts as one.
fn sort_key(text: &str) -> Result<SortKey, FieldProblem> {
    let descending = match text.as_bytes().first() {
        Some(b'+' | b' ') => false,
        Some(b'-') => true,
        _ => return Err(FieldProblem::value_error("a sort field must begin with + or -")),
    };
    let field = match &text[1..] {
        "first_name" => SortField::FirstName,
        "last_name" => SortField::LastName,
        "email" => SortField::Email,
        "user_stats.num_conversations" => SortField::Conversations,
        "user_stats.num_messages" => SortField::Messages,
        "user_stats.last_message_time" => SortField::LastMessage,
        _ => {
            return Err(FieldProblem::value_error(
                "unknown sort field; known are first_name, last_name, email, user_stats.num_conversations, \
                 user_stats.num_messages and user_stats.last_message_time",
            ));
        }
    };
    Ok(SortKey { field, descending })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_sorts_like_the_plus_that_it_was() {
        assert_eq!(sort_key(" email"), sort_key("+email"));
        assert_eq!(sort_key("-email").map(|key| key.descending), Ok(true));
        assert!(sort_key("email").is_err() && sort_key("+role").is_err() && sort_key("").is_err());
        assert!(sort_key("éemail").is_err());
    }

    #[test]
    fn a_field_counts_where_it_stands_first() {
        let keys = |texts: &[&str]| texts.iter().map(|text| sort_key(text).unwrap()).collect::<Vec<_>>();
        let repeated = keys(&["-email", "+first_name", "+email"]).repeat(300);
        assert_eq!(without_repetitions(repeated), keys(&["-email", "+first_name"]));
    }
}
