//! GET `/custom-attributes` and `/custom-attributes/{customAttributeId}`: what can be noted (contract section 2, rows 12
//! and 13).

use super::caller::authenticate;
use super::wire::{Data, DataList};
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn all(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let definitions = call.directory().attribute_definitions(&ctx).await?;
    let data: Vec<_> = definitions.into_iter().map(render::definition).collect();
    Ok(Reply::json(200, &DataList { data }))
}

pub(super) async fn one(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::uuid(&call, "customAttributeId")?;
    let definition = call.directory().attribute_definition(&ctx, id).await?;
    Ok(Reply::json(200, &Data { data: render::definition(definition) }))
}
