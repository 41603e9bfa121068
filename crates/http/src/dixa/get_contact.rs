//! GET `/endusers/{userId}` (contract section 2, row 6).

use denizen_directory::contacts::ContactView;

use super::caller::authenticate;
use super::wire::Data;
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::uuid(&call, "userId")?;
    let ContactView { contact, attributes } = call.directory().get_contact(&ctx, id).await?;
    Ok(Reply::json(200, &Data { data: render::contact(&contact, attributes) }))
}
