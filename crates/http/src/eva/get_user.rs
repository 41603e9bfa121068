//! GET `/org/{orgUUID}/users/{userUUID}` (contract section 6, O13).

use super::caller::{Doing, administrator};
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = administrator(&call, Doing::Reading).await?;
    let view = call.directory().get_operator(&ctx, input::user_id(&call)?).await?;
    Ok(Reply::json(200, &render::user(&ctx, &view)))
}
