//! POST `/user/{requested_user_id}`, and `…/user` in older generations (contract section 5.6).

use denizen_directory::members::MemberChanges;

use super::caller::authenticate;
use super::input;
use crate::kernel::{Call, Problem, Reader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut body = Reader::body(&call)?;
    let (first_name, last_name) = input::optional_names(&mut body);
    let changes = MemberChanges {
        first_name,
        last_name,
        preferences: input::preference_changes(&mut body),
        additional_context: input::additional_context(&mut body),
    };
    let changes = body.finish(changes)?;
    let ctx = authenticated.context(&call).await?;
    call.directory().update_member(&ctx, call.path("requested_user_id").to_owned(), changes).await?;
    Ok(Reply::empty(204))
}
