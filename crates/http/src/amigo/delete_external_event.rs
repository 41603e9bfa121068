//! DELETE `/user/{user_id}/external_event/{external_event_id}` (contract section 5.12).

use super::caller::authenticate;
use super::list_input;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let event_id = list_input::object_id(call.path("external_event_id"))
        .map_err(|problem| Problem::field(problem.at(["path", "external_event_id"])))?;
    let ctx = authenticated.context(&call).await?;
    let user_id = call.path("user_id").to_owned();
    call.directory().delete_external_event(&ctx, user_id, event_id).await?;
    Ok(Reply::empty(204))
}
