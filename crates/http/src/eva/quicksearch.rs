//! GET `/org/{orgUUID}/users/quicksearch`: names that begin with something (contract section 5).

use super::caller::{Doing, administrator};
use super::input;
use crate::kernel::{Call, FieldProblem, Problem, QueryReader, Reply};

pub(super) const DEFAULT_LIMIT: u32 = 6;
pub(super) const MOST: u32 = 100;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = administrator(&call, Doing::Reading).await?;
    let mut query = QueryReader::new(&call);
    let name = query.text("name");
    if name.is_none() {
        query.problem(FieldProblem::new("missing", "is missing").at(["query", "name"]));
    }
    let limit = input::int(&mut query, "limit", DEFAULT_LIMIT, 1, MOST);
    let (name, limit) = query.finish((name.unwrap_or_default(), limit as usize))?;
    Ok(Reply::json(200, &call.directory().suggest_operator_names(&ctx, &name, limit).await?))
}
