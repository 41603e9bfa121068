//! POST `/endusers` and `/endusers/bulk`: new contacts, one or many (contract section 2, rows 2 and 3).

use denizen_directory::ErrorCode;

use super::caller::authenticate;
use super::input;
use super::outcomes::{self, Action};
use super::wire::{BulkInput, CreateEndUserInput};
use crate::kernel::{Call, Problem, Reply, read_body};

pub(super) async fn one(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let body: CreateEndUserInput = read_body(&call)?;
    let outcomes = call.directory().create_contacts(&ctx, vec![input::contact(body)]).await?;
    let outcome = outcomes.into_iter().next().ok_or(ErrorCode::Internal)?;
    outcomes::one(&ctx, Action::Create, None, outcome)
}

pub(super) async fn many(mut call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    call.receive().await?;
    let body: BulkInput<CreateEndUserInput> = read_body(&call)?;
    let items = input::items(&call, body)?.map(input::contact).collect();
    let outcomes = call.directory().create_contacts(&ctx, items).await?;
    // A contact that was not made has no id, but its outcome has one.
    let environment = &ctx.environment;
    let ids = std::iter::repeat_with(|| environment.uuid());
    Ok(outcomes::many(&ctx, Action::Create, ids, &outcomes))
}
