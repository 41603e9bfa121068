//! DELETE `/organization/api_key/{api_key_id}/` (contract section 7).

use super::caller::authenticate;
use super::wire::DeleteApiKeyResponse;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?.context(&call).await?;
    let deleted = call.directory().delete_api_key(&ctx, call.path("api_key_id")).await?;
    Ok(Reply::json(200, &DeleteApiKeyResponse { deleted_key_id: deleted.to_string() }))
}
