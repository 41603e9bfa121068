//! PATCH `/endusers/{userId}` and `/endusers`: changes of contacts, one or many (contract section 2, rows 4 and 7).

use denizen_directory::ErrorCode;
use denizen_directory::contacts::ContactPatch;
use denizen_domain::ids::Uuid;

use super::caller::authenticate;
use super::input;
use super::outcomes::{self, Action};
use super::wire::{BulkInput, BulkPatchEndUserInput, PatchEndUserInput};
use crate::kernel::{Call, Problem, Reply, read_body};

pub(super) async fn one(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let id = input::uuid(&call, "userId")?;
    let body: PatchEndUserInput = read_body(&call)?;
    let outcomes = call.directory().patch_contacts(&ctx, vec![(id, body.into())]).await?;
    let outcome = outcomes.into_iter().next().ok_or(ErrorCode::Internal)?;
    outcomes::one(&ctx, Action::Patch, Some(id), outcome)
}

pub(super) async fn many(mut call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    call.receive().await?;
    let body: BulkInput<BulkPatchEndUserInput> = read_body(&call)?;
    let item = |item: BulkPatchEndUserInput| (item.id.0, item.into());
    let items: Vec<(Uuid, ContactPatch)> = input::items(&call, body)?.map(item).collect();
    let ids: Vec<Uuid> = items.iter().map(|(id, _)| *id).collect();
    let outcomes = call.directory().patch_contacts(&ctx, items).await?;
    Ok(outcomes::many(&ctx, Action::Patch, ids.into_iter(), &outcomes))
}
