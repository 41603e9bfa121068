//! DELETE `/user/{requested_user_id}` (contract section 5.7).

use super::caller::authenticate;
use super::wire::DeleteUserResponse;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?.context(&call).await?;
    let user_id = call.path("requested_user_id").to_owned();
    let not_deletable_reasons = call.directory().delete_member(&ctx, user_id).await?;
    Ok(Reply::json(200, &DeleteUserResponse { not_deletable_reasons }))
}
