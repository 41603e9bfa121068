//! POST `/anonymization`, the older way to ask that something be made anonymous (contract section 2, row 15).

use denizen_directory::anonymizations::AnonymizationTarget;
use denizen_domain::ids::Uuid;

use super::caller::authenticate;
use super::render;
use super::wire::{AnonymizationType, AnonymizeEntityInput, Data};
use crate::kernel::{Call, FieldProblem, Problem, Reply, read_body};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let body: AnonymizeEntityInput = read_body(&call)?;
    let target = target(&body)?;
    let force = body.force_anonymization.unwrap_or(false);
    let request = call.directory().request_anonymization(&ctx, target, force).await?;
    Ok(Reply::json(200, &Data { data: render::anonymization(&request) }))
}

fn target(body: &AnonymizeEntityInput) -> Result<AnonymizationTarget, Problem> {
    let wrong =
        |member, reason| Problem::field(FieldProblem::new("value_error", reason).at(["body", member]));
    let kind = match (body.kind, body.entity_type) {
        // What is forgotten does not come back, so nobody's meaning is guessed at.
        (Some(kind), Some(older)) if kind.meant() != older.meant() => {
            return Err(wrong("_type", "is not what entityType says"));
        }
        (Some(kind), _) | (None, Some(kind)) => kind.meant(),
        (None, None) => return Err(wrong("_type", "is missing")),
    };
    let id = body.entity_id.as_str();
    match kind {
        AnonymizationType::User => Uuid::parse(id)
            .map(AnonymizationTarget::Contact)
            .ok_or_else(|| wrong("entityId", "must be the UUID of an end user")),
        AnonymizationType::Conversation => id
            .parse()
            .map(AnonymizationTarget::Conversation)
            .map_err(|_| wrong("entityId", "must be the number of a conversation")),
        AnonymizationType::Message => id
            .split_once('_')
            .and_then(|(conversation, message)| {
                let conversation_id = conversation.parse().ok()?;
                Some(AnonymizationTarget::Message { conversation_id, message_id: Uuid::parse(message)? })
            })
            .ok_or_else(|| {
                wrong("entityId", "must be the number of a conversation, `_`, and the UUID of a message")
            }),
    }
}
