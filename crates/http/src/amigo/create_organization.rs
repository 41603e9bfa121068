//! PUT `/organization/` (contract section 8). The caller belongs to another organization, which `X-ORG-ID` names, and
//! can act in the new one from then on.

use denizen_directory::ErrorCode;
use denizen_directory::organizations::NewOrganization;
use denizen_domain::text::{MAX_LINE, Slug, TextError};
use serde_json::Value;

use super::caller::authenticate;
use super::input;
use super::organization_input::{Presence, images};
use super::organization_wire::OrganizationIdResponse;
use crate::kernel::{Call, FieldProblem, Problem, Reader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let new = read(&call)?;
    let request_id = call.shared_request_id();
    let made =
        call.directory().create_child_organization(&authenticated.caller, &request_id, new, cluster(&call));
    let slug = made.await?;
    Ok(Reply::json(201, &OrganizationIdResponse { org_id: slug.to_string() }))
}

fn read(call: &Call) -> Result<NewOrganization, Problem> {
    let mut body = Reader::body(call)?;
    let name = body.required_text("org_name", MAX_LINE);
    let title = body.required_text("title", MAX_LINE);
    let main_description = body.required_text("main_description", MAX_LINE);
    let sub_description = body.required_text("sub_description", MAX_LINE);
    let user_dimensions =
        body.required_array_of("user_dimensions", input::MAX_DIMENSIONS, input::user_dimension);
    let images = images(&mut body, Presence::Required);
    let onboarding = body
        .required_custom("onboarding_instructions", |value| input::texts(value, MAX_LINE))
        .unwrap_or_default();
    // Named by the published form; there is no such team here.
    body.required_custom("azure_devops_team_name", |value| team_name(&value));
    let default_preferences = body.object("default_user_preferences", input::preferences);
    let slug = slug(call)?;
    let mut new = NewOrganization::named(slug, &name);
    new.profile.title = title;
    new.profile.main_description = main_description;
    new.profile.sub_description = sub_description;
    new.profile.user_dimensions = user_dimensions;
    new.profile.onboarding = onboarding;
    new.profile.default_preferences = Some(default_preferences.unwrap_or_default());
    new.images = images;
    body.finish(new)
}

fn slug(call: &Call) -> Result<Slug, Problem> {
    let text = call.path("organization");
    Slug::parse(text).map_err(|error| match error {
        _ if Slug::RESERVED.contains(&text) => ErrorCode::ReservedName.into(),
        error @ (TextError::Form(_) | TextError::Empty | TextError::TooLong(_) | TextError::Nul) => {
            Problem::field(FieldProblem::value_error(error).at(["path", "organization"]))
        }
    })
}

/// Where the organization is to live. On every other operation, whose organization is on the map, the header says nothing.
fn cluster(call: &Call) -> Option<&str> {
    // What is no text names no cluster, and nor does nothing.
    call.headers().get("x-mongo-cluster-name").map(|value| value.to_str().unwrap_or_default())
}

fn team_name(value: &Value) -> Result<(), FieldProblem> {
    let name = value.as_str().ok_or_else(FieldProblem::string_type)?.trim();
    match name.len() {
        0 => Err(FieldProblem::string_too_short(1)),
        1..=20 if name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'-')) => Ok(()),
        1..=20 => Err(FieldProblem::pattern("^[a-z-]+$")),
        _ => Err(FieldProblem::string_too_long(20)),
    }
}
