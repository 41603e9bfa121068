//! PATCH `/endusers/{userId}/custom-attributes` and `/conversations/{conversationId}/custom-attributes`: what is noted,
//! all of the request or nothing of it (contract section 2, rows 10 and 18).

use std::collections::BTreeMap;

use denizen_directory::{Error, ErrorCode};
use denizen_domain::contact::AttributeValue;
use denizen_domain::ids::Uuid;

use super::caller::{authenticate, forbidden_as_unauthorized};
use super::wire::{self, AttributePatch, DataList};
use super::{input, render};
use crate::kernel::{Call, Problem, Reply, read_body};

pub(super) async fn of_contact(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::uuid(&call, "userId")?;
    let changes = read(&call)?;
    let patched = call.directory().patch_contact_attributes(&ctx, id, changes).await.map_err(problem)?;
    Ok(Reply::json(200, &DataList { data: render::attributes(patched) }))
}

pub(super) async fn of_conversation(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::conversation_id(&call)?;
    let changes = read(&call)?;
    let patched = call.directory().patch_conversation_attributes(&ctx, id, changes).await.map_err(problem)?;
    Ok(Reply::json(200, &DataList { data: render::attributes(patched) }))
}

fn read(call: &Call) -> Result<BTreeMap<Uuid, Option<AttributeValue>>, Problem> {
    let AttributePatch(changes) = read_body(call)?;
    let value = |value: wire::AttributeValue| match value {
        wire::AttributeValue::Text(text) => AttributeValue::Text(text),
        wire::AttributeValue::Options(options) => AttributeValue::Options(options),
    };
    Ok(changes.into_iter().map(|(id, change)| (id.0, change.map(value))).collect())
}

fn problem(error: Error) -> Problem {
    if error.code == ErrorCode::InvalidField {
        return input::refused(format!("Invalid input for patching ({})", error.text));
    }
    forbidden_as_unauthorized(error)
}
