//! DELETE `/user/{user_id}/google_account`.

use crate::kernel::caller::authenticate;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?.context(&call).await?;
    call.directory().unlink_google_account(&ctx, call.path("user_id").to_owned()).await?;
    Ok(Reply::empty(204))
}
