//! GET `/organization/` (contract section 8): open to everybody; two fields are for callers with a permission.

use denizen_directory::{Directory, ErrorCode};

use super::caller::authenticate_if_possible;
use super::organization_wire::GetOrganizationResponse;
use super::render;
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let found = call.directory().find_organization(call.path("organization")).await?;
    let organization = found.ok_or(ErrorCode::OrganizationNotFound)?;
    let details = match authenticate_if_possible(&call).await {
        Some(authenticated) => {
            authenticated.context(&call).await.is_ok_and(|ctx| Directory::may_see_details(&ctx))
        }
        None => false,
    };
    let profile = &organization.profile;
    let defaults = details.then(|| profile.default_preferences.clone().unwrap_or_default());
    let answer = GetOrganizationResponse {
        org_id: organization.slug.to_string(),
        org_name: profile.name.clone(),
        title: profile.title.clone(),
        main_description: profile.main_description.clone(),
        sub_description: profile.sub_description.clone(),
        onboarding_instructions: profile.onboarding.clone(),
        default_user_preferences: defaults.as_ref().map(render::preferences),
        tenant_id: details.then(|| organization.uuid.to_string()),
    };
    Ok(Reply::json(200, &answer))
}
