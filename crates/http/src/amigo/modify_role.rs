//! POST `/role/{role_name}` (contract section 6). The role keeps its id, and its users and keys keep the role.

use denizen_directory::roles::RoleChanges;
use denizen_domain::text::MAX_LINE;

use super::caller::authenticate;
use super::input;
use super::wire::RoleIdResponse;
use crate::kernel::{Call, Problem, Reader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut body = Reader::body(&call)?;
    let changes = RoleChanges {
        description: body.optional_text("description", MAX_LINE),
        frontend_view: body.custom("frontend_view", |value| input::frontend_view(&value)),
        grants: body.custom("permission_grants", input::grants),
    };
    let changes = body.finish(changes)?;
    let ctx = authenticated.context(&call).await?;
    let role_id = call.directory().modify_role(&ctx, call.path("role_name").to_owned(), changes).await?;
    Ok(Reply::json(200, &RoleIdResponse { role_id: role_id.to_string() }))
}
