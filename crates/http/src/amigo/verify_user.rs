//! POST `/user/{requested_user_id}/verify` (contract section 5.11).

use denizen_directory::members::Verification;

use super::caller::authenticate;
use super::input;
use crate::kernel::{Call, Problem, Reader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut body = Reader::optional_body(&call)?;
    let (first_name, last_name) = input::optional_names(&mut body);
    let preferences = body.object("preferences", input::preferences);
    let other_name = body.object("user_preferences", input::preferences);
    let verification = Verification { first_name, last_name, preferences: preferences.or(other_name) };
    let verification = body.finish(verification)?;
    let ctx = authenticated.context(&call).await?;
    call.directory().verify_member(&ctx, call.path("requested_user_id").to_owned(), verification).await?;
    Ok(Reply::empty(204))
}
