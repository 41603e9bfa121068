//! POST `/role/` (contract section 6).

use denizen_directory::roles::NewRole;
use denizen_domain::permission::FrontendView;
use denizen_domain::text::MAX_LINE;

use super::caller::authenticate;
use super::input;
use super::wire::RoleIdResponse;
use crate::kernel::{Call, Problem, Reader, Reply};

const MAX_NAME: usize = 256;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut body = Reader::body(&call)?;
    let new = NewRole {
        name: body.required_text("role_name", MAX_NAME),
        description: body.required_text("description", MAX_LINE),
        grants: body.required_custom("permission_grants", input::grants).unwrap_or_default(),
        frontend_view: body
            .required_custom("frontend_view", |value| input::frontend_view(&value))
            .unwrap_or(FrontendView::Client),
    };
    let new = body.finish(new)?;
    let ctx = authenticated.context(&call).await?;
    let role_id = call.directory().create_role(&ctx, new).await?;
    Ok(Reply::json(201, &RoleIdResponse { role_id: role_id.to_string() }))
}
