//! GET `/conversations/{conversationId}`, with its attributes (contract section 2, row 19).

use super::caller::authenticate;
use super::conversations::conversation;
use super::input;
use super::wire::Data;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::conversation_id(&call)?;
    let view = call.directory().get_contact_conversation(&ctx, id).await?;
    Ok(Reply::json(200, &Data { data: conversation(view.conversation, Some(view.attributes)) }))
}
