//! POST `/user/{requested_user_id}/variable` (contract section 5.10).

use denizen_directory::members::VariableChanges;

use super::caller::authenticate;
use super::input;
use crate::kernel::{Call, Problem, Reader, Reply};

/// Far more than a user can have, and few enough to be reported one by one.
const MAX_ENTRIES: usize = 100;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let changes = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    call.directory().modify_variables(&ctx, call.path("requested_user_id").to_owned(), changes).await?;
    Ok(Reply::empty(204))
}

fn read(call: &Call) -> Result<VariableChanges, Problem> {
    let mut body = Reader::body(call)?;
    let upserts = body.array_of("upserts", MAX_ENTRIES, |item| {
        (input::variable_name_field(item), input::variable_value_field(item), item.required_bool("is_secret"))
    });
    let deletes = body.array_of("deletes", MAX_ENTRIES, input::variable_name_field);
    let changes = VariableChanges {
        upserts: upserts.unwrap_or_default(),
        deletes: deletes.unwrap_or_default().into_iter().collect(),
    };
    body.finish(changes)
}
