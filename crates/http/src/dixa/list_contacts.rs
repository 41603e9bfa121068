//! GET `/endusers`: a page of all contacts, or of those that a filter finds (contract section 2, row 1).

use denizen_directory::contacts::{ContactList, ListedContact};

use super::caller::authenticate;
use super::wire::DataPage;
use super::{paging, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let (asked, filter) = paging::contacts(&call)?;
    let list = call.directory().list_contacts(&ctx, filter, asked.from, asked.limit).await?;
    let ContactList { contacts, attributes, has_before, has_after } = list;
    let first = contacts.rows.first().filter(|_| has_before).map(ListedContact::place);
    let last = contacts.rows.last().filter(|_| has_after).map(ListedContact::place);
    let meta = paging::links(&call, &asked, first, last);
    let page = DataPage { data: render::contacts(&contacts, attributes), meta };
    Ok(Reply::json_of(200, &page, render::size_of_contacts(&contacts)))
}
