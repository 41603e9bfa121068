//! POST `/organization/` (contract section 8).

use denizen_directory::organizations::OrganizationChanges;
use denizen_domain::text::MAX_LINE;

use super::caller::authenticate;
use super::input;
use super::organization_input::{Presence, images};
use crate::kernel::{Call, FieldProblem, Problem, Reader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let changes = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    call.directory().modify_organization(&ctx, changes).await?;
    Ok(Reply::empty(204))
}

fn read(call: &Call) -> Result<OrganizationChanges, Problem> {
    let mut body = Reader::body(call)?;
    let user_dimensions = body.array_of("user_dimensions", input::MAX_DIMENSIONS, input::user_dimension);
    if user_dimensions.as_ref().is_some_and(Vec::is_empty) {
        body.problem("user_dimensions", FieldProblem::too_short("List", 1, 0));
    }
    let changes = OrganizationChanges {
        title: body.optional_text("title", MAX_LINE),
        main_description: body.optional_text("main_description", MAX_LINE),
        sub_description: body.optional_text("sub_description", MAX_LINE),
        onboarding: body.custom("onboarding_instructions", |value| input::texts(value, MAX_LINE)),
        user_dimensions,
        default_preferences: body.object("default_user_preferences", input::preferences),
        images: images(&mut body, Presence::Optional),
        ..OrganizationChanges::default()
    };
    body.finish(changes)
}
