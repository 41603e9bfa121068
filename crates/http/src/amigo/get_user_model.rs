//! GET `/user/{user_id}/user_model` (contract section 5.8).

use super::caller::authenticate;
use super::render;
use super::wire::GetUserModelResponse;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?.context(&call).await?;
    let known = call.directory().user_model(&ctx, call.path("user_id").to_owned()).await?;
    let user_models = known.models.into_iter().map(render::user_model).collect();
    Ok(Reply::json(200, &GetUserModelResponse { user_models, additional_context: known.additional_context }))
}
