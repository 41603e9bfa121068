//! Amigo's structs as they stand on the wire, and nothing else. Outputs are serialized; inputs describe the published
//! form, for the documentation, and are read field by field in [`super::input`] so that every problem has its place.

use std::collections::BTreeMap;

use denizen_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

// ---- sign in ----

#[derive(Serialize, JsonSchema)]
pub struct SignInWithApiKeyResponse {
    /// Goes after `Bearer `.
    pub id_token: String,
    #[schemars(with = "DateTime")]
    pub expires_at: Timestamp,
}

/// A time in RFC 3339 form with its zone.
#[derive(JsonSchema)]
pub struct DateTime(#[expect(dead_code, reason = "only the schema is used")] #[schemars(extend("format" = "date-time"))] String);

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct SignInWithEmailRequest {
    /// Where the browser goes after the link in the mail was used; its origin must be one that the organization allows.
    #[schemars(length(min = 1), extend("format" = "uri"))]
    redirect_link: String,
    #[schemars(extend("format" = "email"))]
    email: String,
}

// ---- users ----

#[derive(Serialize, JsonSchema)]
pub struct User {
    pub org_id: String,
    pub user_id: String,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub user_stats: UserStats,
    /// The role's id.
    pub role: String,
    pub preferences: Preferences,
    pub nonsensitive_variables: BTreeMap<String, String>,
    /// Names only: the values are never given out.
    pub sensitive_variables: Vec<String>,
    pub is_verified: bool,
    /// In get users only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_actions_access: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
pub struct UserStats {
    pub num_conversations: i64,
    /// Sent and received.
    pub num_messages: i64,
    /// `null` before the first conversation.
    #[schemars(with = "Option<DateTime>", required)]
    pub last_message_time: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema)]
pub struct Preferences {
    pub enable_response_recommendation: bool,
    #[schemars(required)]
    pub preferred_language: Option<String>,
    pub conversations_visible_to_admins: bool,
    pub user_model_visible_to_admins: bool,
    #[schemars(required)]
    pub timezone: Option<String>,
    pub audio_keyterms: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct GetUsersResponse {
    pub users: Vec<User>,
    pub has_more: bool,
    /// The start of the next page, when there is more.
    #[schemars(required)]
    pub continuation_token: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
pub struct SearchUsersResponse {
    pub users: Vec<User>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct CreateInvitedUserRequest {
    #[schemars(length(min = 1))]
    first_name: String,
    #[schemars(length(min = 1))]
    last_name: String,
    /// Unique in the organization, case aside.
    #[schemars(extend("format" = "email"))]
    email: String,
    /// The name of a role that get roles returns; the caller needs greater privileges than it.
    role_name: String,
    /// Mailed to the invited user when given.
    #[schemars(length(min = 1, max = 2083), extend("format" = "uri"))]
    login_link: Option<String>,
    /// The organization's defaults when absent.
    user_preferences: Option<PreferencesInput>,
    /// At most 19; names `^[a-z_][a-z0-9_]+$`, values of 1 to 255 characters.
    #[serde(default)]
    nonsensitive_user_variables: BTreeMap<String, String>,
    /// At most 20.
    #[serde(default)]
    sensitive_user_variables: BTreeMap<String, String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct PreferencesInput {
    enable_response_recommendation: Option<bool>,
    /// Two letters, or a code of ISO 639-3; kept as it is sent.
    preferred_language: Option<String>,
    conversations_visible_to_admins: Option<bool>,
    user_model_visible_to_admins: Option<bool>,
    /// An IANA name.
    timezone: Option<String>,
    /// At most 20, each one to three words of `a-z` and `-`.
    audio_keyterms: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
pub struct CreateInvitedUserResponse {
    pub user_id: String,
    /// Confirms the address when it is opened; given when a login link was.
    #[schemars(required)]
    pub verify_link: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct UpdateUserInfoRequest {
    #[schemars(length(min = 1))]
    first_name: Option<String>,
    #[schemars(length(min = 1))]
    last_name: Option<String>,
    enable_response_recommendation: Option<bool>,
    /// Absent or `{}` keeps, `null` erases, a text sets.
    preferred_language: Option<Value>,
    conversations_visible_to_admins: Option<bool>,
    user_model_visible_to_admins: Option<bool>,
    /// Absent or `{}` keeps, `null` erases, a text sets.
    timezone: Option<Value>,
    /// Replaces the whole list.
    additional_context: Option<Vec<String>>,
    /// Replaces the whole list.
    audio_keyterms: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct VerifyUserRequest {
    #[schemars(length(min = 1))]
    first_name: Option<String>,
    #[schemars(length(min = 1))]
    last_name: Option<String>,
    /// Also accepted as `user_preferences`.
    preferences: Option<PreferencesInput>,
}

#[derive(Serialize, JsonSchema)]
pub struct DeleteUserResponse {
    /// Not empty when the record was kept, marked deleted, because the user had created an API key.
    pub not_deletable_reasons: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct GetUserModelResponse {
    pub user_models: Vec<UserModel>,
    pub additional_context: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct UserModel {
    pub content: String,
    pub insight_ids: Vec<String>,
    pub dimensions: Vec<UserDimension>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct ModifyUserVariablesRequest {
    #[serde(default)]
    upserts: Vec<VariableUpsert>,
    #[serde(default)]
    deletes: Vec<VariableDelete>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct VariableUpsert {
    #[schemars(regex(pattern = r"^[a-z_][a-z0-9_]+$"))]
    name: String,
    #[schemars(length(min = 1, max = 255))]
    value: String,
    is_secret: bool,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct VariableDelete {
    name: String,
}

// ---- roles ----

#[derive(Serialize, JsonSchema)]
pub struct Role {
    pub id: String,
    pub name: String,
    pub description: String,
    pub frontend_view: FrontendView,
    /// Filled when asked for.
    pub permission_grants: Vec<PermissionGrant>,
    /// Whether every organization has the role from the beginning.
    pub is_base_role: bool,
    /// Always `null`: roles do not inherit.
    #[schemars(required)]
    pub inherited_from: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FrontendView {
    Client,
    Admin,
}

#[derive(Serialize, JsonSchema)]
pub struct PermissionGrant {
    pub action: Action,
    pub permission_name: String,
    /// Attribute to condition; all of them must hold.
    pub conditions: BTreeMap<String, Condition>,
    /// Always `null`.
    #[schemars(required)]
    pub description: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub enum Action {
    Allow,
    Deny,
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "type")]
pub enum Condition {
    Equals { value: Value },
    NotEquals { value: Value },
    In { values: Vec<Value> },
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct PermissionGrantInput {
    permission_name: String,
    conditions: BTreeMap<String, Condition>,
    /// `Allow` when absent.
    action: Option<Action>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct CreateRoleRequest {
    #[schemars(length(min = 1, max = 256))]
    role_name: String,
    #[schemars(length(min = 1))]
    description: String,
    permission_grants: Vec<PermissionGrantInput>,
    frontend_view: FrontendView,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct ModifyRoleRequest {
    description: Option<String>,
    permission_grants: Option<Vec<PermissionGrantInput>>,
    frontend_view: Option<FrontendView>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct AssignRoleRequest {
    user_id: String,
}

#[derive(Serialize, JsonSchema)]
pub struct RoleIdResponse {
    pub role_id: String,
}

#[derive(Serialize, JsonSchema)]
pub struct GetRolesResponse {
    pub roles: Vec<Role>,
}

// ---- API keys ----

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct CreateApiKeyRequest {
    #[schemars(required)]
    name: Option<String>,
    /// An ISO 8601 duration of 1 to 90 days.
    #[schemars(extend("format" = "duration"))]
    duration: String,
    /// `DefaultAdministratorRole` when absent.
    role_name: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct CreateApiKeyResponse {
    pub api_key_id: String,
    /// Shown here and never again.
    pub api_key: String,
    #[schemars(with = "DateTime")]
    pub expires_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
pub struct ApiKey {
    #[serde(rename = "_id")]
    pub record_id: String,
    #[schemars(required)]
    pub name: Option<String>,
    pub org_id: String,
    #[schemars(with = "DateTime")]
    pub created_at: Timestamp,
    #[schemars(with = "DateTime")]
    pub updated_at: Timestamp,
    /// What clients send and what delete takes.
    pub key_id: String,
    #[schemars(with = "DateTime")]
    pub expires_at: Timestamp,
    pub creator: UserReference,
    pub role_id: String,
}

#[derive(Serialize, JsonSchema)]
pub struct UserReference {
    pub user_id: String,
    pub org_id: String,
}

#[derive(Serialize, JsonSchema)]
pub struct GetApiKeysResponse {
    pub api_keys: Vec<ApiKey>,
}

#[derive(Serialize, JsonSchema)]
pub struct DeleteApiKeyResponse {
    pub deleted_key_id: String,
}

// ---- organization ----

#[derive(Serialize, JsonSchema)]
pub struct GetOrganizationResponse {
    pub org_id: String,
    pub org_name: String,
    pub title: String,
    pub main_description: String,
    pub sub_description: String,
    pub onboarding_instructions: Vec<String>,
    /// Only for callers with `Organization:GetOrganizationDetails`.
    #[schemars(required)]
    pub default_user_preferences: Option<Preferences>,
    /// Only for callers with `Organization:GetOrganizationDetails`.
    #[schemars(required)]
    pub tenant_id: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct CreateOrganizationRequest {
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
pub struct ModifyOrganizationRequest {
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
pub struct OrganizationIdResponse {
    pub org_id: String,
}

#[derive(Serialize, JsonSchema)]
pub struct UserDimension {
    #[schemars(length(min = 1))]
    pub description: String,
    pub tags: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct GetUserDimensionsResponse {
    pub user_dimensions: Vec<UserDimension>,
}

// ---- errors ----

/// The body of every error but 422.
#[derive(Serialize, JsonSchema)]
pub struct ErrorBody {
    pub detail: String,
}

/// The body of 422.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct ValidationErrorBody {
    detail: Vec<ValidationProblem>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub struct ValidationProblem {
    /// From the outside to the inside: `body`, `query`, `path` or `header`, then names and indexes.
    loc: Vec<LocationPart>,
    msg: String,
    r#type: String,
    ctx: Option<BTreeMap<String, Value>>,
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub enum LocationPart {
    Name(String),
    Index(u64),
}
