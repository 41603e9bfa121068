//! GET `/organization/user_dimensions/` (contract section 8).

use denizen_directory::Directory;

use super::caller::authenticate;
use super::organization_wire::GetUserDimensionsResponse;
use super::render;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?.context(&call).await?;
    let dimensions = Directory::user_dimensions(&ctx)?;
    Ok(Reply::json(200, &GetUserDimensionsResponse { user_dimensions: render::dimensions(dimensions) }))
}
