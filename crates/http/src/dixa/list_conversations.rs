//! GET `/endusers/{userId}/conversations`: a page of a contact's conversations, without their attributes (contract
//! section 2, row 11).

use denizen_directory::contact_conversations::ContactConversation;

use super::caller::authenticate;
use super::conversations::conversation;
use super::input;
use super::paging::{self, Asked};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::uuid(&call, "userId")?;
    let asked = Asked::read(&call)?;
    let page = call.directory().list_contact_conversations(&ctx, id, asked.from, asked.limit).await?;
    let place = |conversation: &ContactConversation| conversation.conversation_id;
    let render = |found| conversation(found, None);
    Ok(Reply::json(200, &paging::page(&call, &asked, page, place, render)))
}
