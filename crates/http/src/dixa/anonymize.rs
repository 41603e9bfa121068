//! PATCH `…/anonymize` of a contact, a conversation and a message: asks that it be made anonymous, which a job then does
//! (contract section 2, rows 9, 16 and 17). There is no body, whatever the header says.

use denizen_directory::anonymizations::AnonymizationTarget;

use super::caller::authenticate;
use super::wire::Data;
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn contact(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let target = AnonymizationTarget::Contact(input::uuid(&call, "userId")?);
    let force = input::flag(&call, "force")?;
    let request = call.directory().request_anonymization(&ctx, target, force).await?;
    Ok(Reply::json(202, &Data { data: render::anonymization(&request) }))
}

pub(super) async fn conversation(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let target = AnonymizationTarget::Conversation(input::conversation_id(&call)?);
    let force = input::flag(&call, "force")?;
    let request = call.directory().request_anonymization(&ctx, target, force).await?;
    Ok(Reply::json(202, &Data { data: render::anonymization(&request) }))
}

pub(super) async fn message(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let target = AnonymizationTarget::Message {
        conversation_id: input::conversation_id(&call)?,
        message_id: input::uuid(&call, "messageId")?,
    };
    let request = call.directory().request_anonymization(&ctx, target, false).await?;
    Ok(Reply::json(202, &Data { data: render::anonymization(&request) }))
}
