//! GET `/org/{orgUUID}/users/configuration`: a value of the calling user's (contract section 9, O4). The organization in the
//! path is not used.

use super::caller::authenticate;
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let query = call.query();
    let key = query.get("key").ok_or_else(|| input::refused(["query", "key"], "is missing"))?;
    let bot = input::bot([query.get("bot"), query.get("botUUID")]);
    let value = call.directory().configuration_value(&ctx, key, bot).await?;
    Ok(Reply::json(200, &render::configuration(value)))
}
