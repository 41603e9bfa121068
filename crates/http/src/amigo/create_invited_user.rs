//! POST `/user/`, and `/user/invite` in older generations (contract section 5.5).

use denizen_directory::members::Invitation;
use denizen_domain::member::MAX_VARIABLES;
use denizen_domain::text::MAX_LINE;

use super::caller::authenticate;
use super::input;
use super::wire::CreateInvitedUserResponse;
use crate::kernel::{Call, Problem, Reader, Reply};

/// One open variable fewer than a user can have in all, as published.
const MAX_OPEN_AT_CREATION: usize = MAX_VARIABLES - 1;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let invitation = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    let invited = call.directory().invite_member(&ctx, invitation).await?;
    let user_id = invited.user_id.as_member().to_string();
    Ok(Reply::json(201, &CreateInvitedUserResponse { user_id, verify_link: invited.verify_link }))
}

fn read(call: &Call) -> Result<Invitation, Problem> {
    let mut body = Reader::body(call)?;
    let invitation = Invitation {
        first_name: body.required_text("first_name", MAX_LINE),
        last_name: body.required_text("last_name", MAX_LINE),
        email: body.email("email"),
        role_name: body.required_raw_text("role_name", MAX_LINE),
        login_link: input::optional_uri(&mut body, "login_link"),
        preferences: body.object("user_preferences", input::preferences),
        open_variables: input::variables(&mut body, "nonsensitive_user_variables", MAX_OPEN_AT_CREATION),
        secret_variables: input::variables(&mut body, "sensitive_user_variables", MAX_VARIABLES),
    };
    body.finish(invitation)
}
