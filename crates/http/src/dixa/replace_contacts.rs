//! PUT `/endusers/{userId}` and `/endusers`: contacts anew, one or many (contract section 2, rows 5 and 8).

use denizen_directory::ErrorCode;
use denizen_directory::contacts::ContactInput;
use denizen_domain::ids::Uuid;

use super::caller::authenticate;
use super::input;
use super::outcomes::{self, Action};
use super::wire::{BulkInput, BulkUpdateEndUserInput, UpdateEndUserInput};
use crate::kernel::{Call, Problem, Reply, read_body};

pub(super) async fn one(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::uuid(&call, "userId")?;
    let body: UpdateEndUserInput = read_body(&call)?;
    let outcomes = call.directory().replace_contacts(&ctx, vec![(id, input::contact(body))]).await?;
    let outcome = outcomes.into_iter().next().ok_or(ErrorCode::Internal)?;
    outcomes::one(&ctx, Action::Update, Some(id), outcome)
}

pub(super) async fn many(mut call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    call.receive().await?;
    let body: BulkInput<BulkUpdateEndUserInput> = read_body(&call)?;
    let item = |item: BulkUpdateEndUserInput| (item.id.0, input::contact(item));
    let items: Vec<(Uuid, ContactInput)> = input::items(&call, body)?.map(item).collect();
    let ids: Vec<Uuid> = items.iter().map(|(id, _)| *id).collect();
    let outcomes = call.directory().replace_contacts(&ctx, items).await?;
    Ok(outcomes::many(&ctx, Action::Update, ids.into_iter(), &outcomes))
}
