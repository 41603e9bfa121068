//! The public keys. They are the installation's, and the same for every realm that there is.

use super::realm;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    realm::of(&call).await?;
    Ok(Reply::json_text(200, call.directory().operator_jwks_json().await?))
}
