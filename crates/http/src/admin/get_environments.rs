//! GET `/environments`.

use denizen_directory::operators::Environment as Found;
use denizen_domain::ids::Uuid;

use super::MOST_PLACES;
use super::wire::registry::{Environment, Environments};
use crate::kernel::caller::authenticate;
use crate::kernel::{Call, FieldProblem, Problem, QueryReader, Reply};

/// How many environments or bots there are when nobody asks for a number.
pub(super) const SOME: i64 = 100;

/// An id in a query.
pub(super) fn guid(text: &str) -> Result<Uuid, FieldProblem> {
    Uuid::parse(text).ok_or_else(|| FieldProblem::value_error("must be a UUID"))
}

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut query = QueryReader::new(&call);
    let after = query.custom("after", guid);
    let limit = query.int("limit", SOME, 1, MOST_PLACES);
    let (after, limit) = query.finish((after, limit))?;
    let ctx = authenticated.context(&call).await?;
    let limit = usize::try_from(limit).unwrap_or_default();
    let (found, has_more) = call.directory().list_environments(&ctx, after, limit).await?;
    let rendered = |found: Found| Environment {
        environment_id: found.environment_id.to_string(),
        name: found.name,
        is_active: found.is_active,
        created_at: found.created_at,
        updated_at: found.updated_at,
    };
    Ok(Reply::json(200, &Environments { environments: found.into_iter().map(rendered).collect(), has_more }))
}
