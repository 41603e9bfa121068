//! POST `/role/{role_name}/assign` (contract section 6).

use denizen_domain::text::MAX_LINE;

use super::caller::authenticate;
use super::wire::RoleIdResponse;
use crate::kernel::{Call, Problem, Reader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut body = Reader::body(&call)?;
    let user_id = body.required_raw_text("user_id", MAX_LINE);
    let user_id = body.finish(user_id)?;
    let ctx = authenticated.context(&call).await?;
    let role_id = call.directory().assign_role(&ctx, call.path("role_name").to_owned(), user_id).await?;
    Ok(Reply::json(200, &RoleIdResponse { role_id: role_id.to_string() }))
}
