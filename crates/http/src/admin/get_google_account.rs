//! GET `/user/{user_id}/google_account`.

use super::wire::GoogleAccount;
use crate::kernel::caller::authenticate;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?.context(&call).await?;
    let account = call.directory().find_google_account(&ctx, call.path("user_id").to_owned()).await?;
    Ok(Reply::json(200, &GoogleAccount { account_id: account.account_id, tenant: account.tenant }))
}
