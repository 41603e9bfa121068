//! DELETE `/org/{orgUUID}/users/{userUUID}` (contract section 6, O3).

use super::caller::{Doing, administrator};
use super::input;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = administrator(&call, Doing::Writing).await?;
    call.directory().delete_operator(&ctx, input::user_id(&call)?).await?;
    Ok(Reply::empty(204))
}
