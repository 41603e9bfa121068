//! GET `/org/{orgUUID}/users/me`: the user of the token (contract section 6, O14).

use super::caller::at_home;
use super::render;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = at_home(&call).await?;
    let view = call.directory().get_own_operator(&ctx).await?;
    Ok(Reply::json(200, &render::user(&ctx, &view)))
}
