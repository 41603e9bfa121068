//! PUT `/user/{user_id}/google_account`.

use denizen_directory::linked_accounts::google_account;

use super::wire::GoogleAccount;
use crate::kernel::caller::authenticate;
use crate::kernel::{Call, Problem, Reply, read_body};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let GoogleAccount { account_id, tenant } = read_body(&call)?;
    let account = google_account(&account_id, tenant.as_deref())?;
    let ctx = authenticated.context(&call).await?;
    call.directory().link_google_account(&ctx, call.path("user_id").to_owned(), account).await?;
    Ok(Reply::empty(204))
}
