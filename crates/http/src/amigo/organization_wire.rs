//! What Amigo says of an organization, as it stands on the wire; see [`super::wire`].

use schemars::JsonSchema;
use serde::Serialize;

use super::wire::{Preferences, PreferencesInput};

#[derive(Serialize, JsonSchema)]
pub(super) struct GetOrganizationResponse<'o> {
    pub(super) org_id: String,
    pub(super) org_name: String,
    pub(super) title: String,
    pub(super) main_description: String,
    pub(super) sub_description: String,
    pub(super) onboarding_instructions: Vec<String>,
    /// Only for callers with `Organization:GetOrganizationDetails`.
    pub(super) default_user_preferences: Option<Preferences<'o>>,
    /// Only for callers with `Organization:GetOrganizationDetails`.
    pub(super) tenant_id: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct CreateOrganizationRequest {
    org_name: String,
    title: String,
    main_description: String,
    sub_description: String,
    user_dimensions: Vec<UserDimension>,
    /// A PNG in base64, 5:2, at least 400 × 160.
    logo: String,
    /// A square PNG in base64, at least 40 × 40.
    square_logo: String,
    /// A square ICO in base64, at least 40 × 40.
    favicon: String,
    /// A PNG in base64, at least 292 × 400, of the proportions 0.73.
    signup_page_headshot: String,
    onboarding_instructions: Vec<String>,
    /// Accepted and not kept.
    #[schemars(length(max = 20), regex(pattern = "^[a-z-]+$"))]
    azure_devops_team_name: String,
    default_user_preferences: Option<PreferencesInput>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct ModifyOrganizationRequest {
    title: Option<String>,
    main_description: Option<String>,
    sub_description: Option<String>,
    onboarding_instructions: Option<Vec<String>>,
    #[schemars(length(min = 1))]
    user_dimensions: Option<Vec<UserDimension>>,
    logo: Option<String>,
    square_logo: Option<String>,
    favicon: Option<String>,
    signup_page_headshot: Option<String>,
    default_user_preferences: Option<PreferencesInput>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct OrganizationIdResponse {
    pub(super) org_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct UserDimension {
    #[schemars(length(min = 1))]
    pub(super) description: String,
    pub(super) tags: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct GetUserDimensionsResponse {
    pub(super) user_dimensions: Vec<UserDimension>,
}
