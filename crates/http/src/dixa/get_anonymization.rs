//! GET `/anonymization/request/{requestId}`: how far a request is (contract section 2, row 14).

use super::caller::{authenticate, forbidden_as_unauthorized};
use super::wire::Data;
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::uuid(&call, "requestId")?;
    let found = call.directory().anonymization_request(&ctx, id).await;
    let request = found.map_err(forbidden_as_unauthorized)?;
    Ok(Reply::json(200, &Data { data: render::anonymization(&request) }))
}
