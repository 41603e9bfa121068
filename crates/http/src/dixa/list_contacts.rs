//! GET `/endusers`: a page of all contacts, or of those that a filter finds (contract section 2, row 1).

use denizen_directory::contacts::{ContactPlace, ContactView};

use super::caller::authenticate;
use super::{paging, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let (asked, filter) = paging::contacts(&call)?;
    let page = call.directory().list_contacts(&ctx, filter, asked.from, asked.limit).await?;
    let place =
        |view: &ContactView| ContactPlace { created_at: view.contact.created_at, id: view.contact.id() };
    Ok(Reply::json(200, &paging::page(&call, &asked, page, place, render::contact)))
}
