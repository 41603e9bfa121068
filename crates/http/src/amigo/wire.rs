//! Amigo's structs as they stand on the wire, and nothing else. Outputs are serialized; inputs describe the published
//! form, for the documentation, and are read field by field in [`super::input`] so that every problem has its place.

#![expect(clippy::struct_field_names, reason = "the vendor named the fields")]

use std::collections::BTreeMap;

use denizen_directory::{TextMap, Texts};
use denizen_domain::ids::ObjectId;
use denizen_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::organization_wire::UserDimension;

// ---- sign in ----

#[derive(Serialize, JsonSchema)]
pub(super) struct SignInWithApiKeyResponse {
    /// Goes after `Bearer `.
    pub(super) id_token: String,
    #[schemars(with = "DateTime")]
    pub(super) expires_at: Timestamp,
}

/// A time in RFC 3339 form with its zone.
#[derive(JsonSchema)]
pub(super) struct DateTime(
    #[expect(dead_code, reason = "only the schema is used")]
    #[schemars(extend("format" = "date-time"))]
    String,
);

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct SignInWithEmailRequest {
    /// Where the browser goes after the link in the mail was used; its origin must be one that the organization allows.
    #[schemars(length(min = 1), extend("format" = "uri"))]
    redirect_link: String,
    #[schemars(extend("format" = "email"))]
    email: String,
}

// ---- users ----

#[derive(Serialize, JsonSchema)]
pub(super) struct User<'u> {
    pub(super) org_id: &'u str,
    #[schemars(with = "String")]
    pub(super) user_id: ObjectId,
    pub(super) first_name: &'u str,
    pub(super) last_name: &'u str,
    pub(super) email: &'u str,
    pub(super) user_stats: UserStats,
    /// The role's id.
    #[schemars(with = "String")]
    pub(super) role: ObjectId,
    pub(super) preferences: Preferences<'u>,
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) nonsensitive_variables: Variables<'u>,
    /// Names only: the values are never given out.
    #[schemars(with = "Vec<String>")]
    pub(super) sensitive_variables: VariableNames<'u>,
    pub(super) is_verified: bool,
    /// In get users only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) enable_actions_access: Option<bool>,
}

/// Names and values that lie among other texts.
pub(super) struct Variables<'u>(pub(super) &'u Texts, pub(super) TextMap);

impl Serialize for Variables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.map(self.1))
    }
}

/// The names of variables.
pub(super) struct VariableNames<'u>(pub(super) &'u Texts, pub(super) TextMap);

impl Serialize for VariableNames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.map(self.1).map(|(name, _)| name))
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct UserStats {
    pub(super) num_conversations: i64,
    /// Sent and received.
    pub(super) num_messages: i64,
    /// `null` before the first conversation.
    #[schemars(with = "Option<DateTime>")]
    pub(super) last_message_time: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Preferences<'p> {
    pub(super) enable_response_recommendation: bool,
    pub(super) preferred_language: Option<&'p str>,
    pub(super) conversations_visible_to_admins: bool,
    pub(super) user_model_visible_to_admins: bool,
    pub(super) timezone: Option<&'p str>,
    pub(super) audio_keyterms: &'p [String],
}

#[derive(Serialize, JsonSchema)]
pub(super) struct GetUsersResponse<'u> {
    pub(super) users: Vec<User<'u>>,
    pub(super) has_more: bool,
    /// The start of the next page, when there is more.
    pub(super) continuation_token: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SearchUsersResponse<'u> {
    pub(super) users: Vec<User<'u>>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct CreateInvitedUserRequest {
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
pub(super) struct PreferencesInput {
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
pub(super) struct CreateInvitedUserResponse {
    pub(super) user_id: String,
    /// Confirms the address when it is opened; given when a login link was.
    pub(super) verify_link: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct UpdateUserInfoRequest {
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
pub(super) struct VerifyUserRequest {
    #[schemars(length(min = 1))]
    first_name: Option<String>,
    #[schemars(length(min = 1))]
    last_name: Option<String>,
    /// Also accepted as `user_preferences`.
    preferences: Option<PreferencesInput>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct DeleteUserResponse {
    /// Not empty when the record was kept, marked deleted, because the user had created an API key.
    pub(super) not_deletable_reasons: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct GetUserModelResponse {
    pub(super) user_models: Vec<UserModel>,
    pub(super) additional_context: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct UserModel {
    pub(super) content: String,
    pub(super) insight_ids: Vec<String>,
    pub(super) dimensions: Vec<UserDimension>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct GetMemoriesResponse {
    pub(super) memories: Vec<Memory>,
    pub(super) has_more: bool,
    /// For the next page, when there is more.
    pub(super) continuation_token: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Memory {
    pub(super) id: String,
    #[schemars(with = "DateTime")]
    pub(super) created_at: Timestamp,
    /// The older name of `created_at`.
    #[schemars(with = "DateTime")]
    pub(super) timestamp: Timestamp,
    pub(super) conversation_id: String,
    /// The ids of the messages that it was drawn from.
    pub(super) references: Vec<String>,
    pub(super) content: String,
    pub(super) context: String,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct ModifyUserVariablesRequest {
    #[serde(default)]
    upserts: Vec<VariableUpsert>,
    #[serde(default)]
    deletes: Vec<VariableDelete>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct VariableUpsert {
    #[schemars(regex(pattern = r"^[a-z_][a-z0-9_]+$"))]
    name: String,
    #[schemars(length(min = 1, max = 255))]
    value: String,
    is_secret: bool,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct VariableDelete {
    name: String,
}

// ---- external events ----

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct CreateExternalEventRequest {
    /// Free text.
    #[schemars(length(min = 1, max = 256))]
    r#type: String,
    /// A date and time in RFC 3339 form, in any zone; in UTC when it names none.
    starts_at: String,
    /// Likewise, and not before `starts_at`.
    ends_at: String,
    #[schemars(length(min = 1, max = 10_000))]
    description: String,
    /// At most 1 MiB, or what `amigo.transcript_bytes` says.
    transcript: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct CreateExternalEventResponse {
    pub(super) external_event_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ExternalEvent {
    pub(super) id: String,
    pub(super) user_id: String,
    pub(super) org_id: String,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    /// In UTC.
    #[schemars(with = "DateTime")]
    pub(super) starts_at: Timestamp,
    /// In UTC.
    #[schemars(with = "DateTime")]
    pub(super) ends_at: Timestamp,
    pub(super) description: String,
    pub(super) transcript: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct GetExternalEventsResponse {
    pub(super) external_events: Vec<ExternalEvent>,
    pub(super) has_more: bool,
    /// The start of the next page, when there is more.
    pub(super) continuation_token: Option<i64>,
}

// ---- roles ----

#[derive(Serialize, JsonSchema)]
pub(super) struct Role {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) frontend_view: FrontendView,
    /// Filled when asked for.
    pub(super) permission_grants: Vec<PermissionGrant>,
    /// Whether every organization has the role from the beginning.
    pub(super) is_base_role: bool,
    /// Always `null`: roles do not inherit.
    pub(super) inherited_from: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum FrontendView {
    Client,
    Admin,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct PermissionGrant {
    pub(super) action: Action,
    pub(super) permission_name: String,
    /// Attribute to condition; all of them must hold.
    pub(super) conditions: BTreeMap<String, Condition>,
    /// Always `null`.
    pub(super) description: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) enum Action {
    Allow,
    Deny,
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "type")]
pub(super) enum Condition {
    Equals { value: Value },
    NotEquals { value: Value },
    In { values: Vec<Value> },
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct PermissionGrantInput {
    permission_name: String,
    conditions: BTreeMap<String, Condition>,
    /// `Allow` when absent.
    action: Option<Action>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct CreateRoleRequest {
    #[schemars(length(min = 1, max = 256))]
    role_name: String,
    #[schemars(length(min = 1))]
    description: String,
    permission_grants: Vec<PermissionGrantInput>,
    frontend_view: FrontendView,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct ModifyRoleRequest {
    description: Option<String>,
    permission_grants: Option<Vec<PermissionGrantInput>>,
    frontend_view: Option<FrontendView>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct AssignRoleRequest {
    user_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct RoleIdResponse {
    pub(super) role_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct GetRolesResponse {
    pub(super) roles: Vec<Role>,
}

// ---- temporary permission grants ----

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct CreateTemporaryPermissionGrantRequest {
    /// To whom.
    user_id: String,
    /// An ISO 8601 duration of a second to 365 days.
    #[schemars(extend("format" = "duration"))]
    duration: String,
    /// `Allow` only.
    permission_grant: PermissionGrantInput,
    /// At most 20; names, and values where they are not `null`, of letters, digits, `_` and spaces.
    tags: BTreeMap<String, Option<String>>,
    #[schemars(length(min = 10, max = 1000))]
    justification: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct CreateTemporaryPermissionGrantResponse {
    pub(super) temporary_permission_grant_id: String,
    #[schemars(with = "DateTime")]
    pub(super) expires_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct TemporaryPermissionGrant {
    #[serde(rename = "_id")]
    pub(super) grant_id: String,
    pub(super) org_id: String,
    #[schemars(with = "DateTime")]
    pub(super) created_at: Timestamp,
    #[schemars(with = "DateTime")]
    pub(super) updated_at: Timestamp,
    /// To whom.
    pub(super) user_id: String,
    #[schemars(with = "DateTime")]
    pub(super) expires_at: Timestamp,
    pub(super) permission_grant: PermissionGrant,
    pub(super) justification: String,
    pub(super) creator: UserReference,
    pub(super) tags: BTreeMap<String, Option<String>>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct GetTemporaryPermissionGrantsResponse {
    pub(super) temporary_permission_grants: Vec<TemporaryPermissionGrant>,
    pub(super) has_more: bool,
    /// The start of the next page, when there is more.
    pub(super) continuation_token: Option<i64>,
}

// ---- API keys ----

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct CreateApiKeyRequest {
    /// `null` for none; the key must be there.
    #[schemars(required, extend("type" = ["string", "null"]))]
    name: Option<String>,
    /// An ISO 8601 duration of 1 to 90 days.
    #[schemars(extend("format" = "duration"))]
    duration: String,
    /// `DefaultAdministratorRole` when absent.
    role_name: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct CreateApiKeyResponse {
    pub(super) api_key_id: String,
    /// Shown here and never again.
    pub(super) api_key: String,
    #[schemars(with = "DateTime")]
    pub(super) expires_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ApiKey {
    #[serde(rename = "_id")]
    pub(super) record_id: String,
    pub(super) name: Option<String>,
    pub(super) org_id: String,
    #[schemars(with = "DateTime")]
    pub(super) created_at: Timestamp,
    #[schemars(with = "DateTime")]
    pub(super) updated_at: Timestamp,
    /// What clients send and what delete takes.
    pub(super) key_id: String,
    #[schemars(with = "DateTime")]
    pub(super) expires_at: Timestamp,
    pub(super) creator: UserReference,
    pub(super) role_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct UserReference {
    pub(super) user_id: String,
    pub(super) org_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct GetApiKeysResponse {
    pub(super) api_keys: Vec<ApiKey>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct DeleteApiKeyResponse {
    pub(super) deleted_key_id: String,
}

// ---- errors ----

/// The body of every error but 422.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorBody {
    pub(super) detail: String,
}

/// The body of 422.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct ValidationErrorBody {
    detail: Vec<ValidationProblem>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) struct ValidationProblem {
    /// From the outside to the inside: `body`, `query`, `path` or `header`, then names and indexes.
    loc: Vec<LocationPart>,
    msg: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<BTreeMap<String, Value>>,
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body for the documentation")]
pub(super) enum LocationPart {
    Name(String),
    Index(u64),
}
