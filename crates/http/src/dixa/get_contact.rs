//! GET `/endusers/{userId}` (contract section 2, row 6).

use super::caller::authenticate;
use super::wire::Data;
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::uuid(&call, "userId")?;
    let view = call.directory().get_contact(&ctx, id).await?;
    Ok(Reply::json(200, &Data { data: render::contact(view) }))
}
