//! DELETE `/organization/` (contract section 8).

use super::caller::authenticate;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?.context(&call).await?;
    call.directory().delete_organization(&ctx).await?;
    Ok(Reply::empty(204))
}
