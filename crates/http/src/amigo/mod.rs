//! Amigo's API: the users of an organization. The list below is what is routed, documented and tested.
//!
//! Three generations of paths are served at once: a later generation's path is the operation's own, an earlier one's
//! an alias. One file per operation; [`wire`] holds the vendor's structs, [`input`] what operations read alike.

mod assign_role;
mod create_api_key;
mod create_external_event;
mod create_invited_user;
mod create_organization;
mod create_role;
mod create_temporary_permission_grant;
mod delete_api_key;
mod delete_external_event;
mod delete_organization;
mod delete_user;
mod errors;
mod example_pictures;
mod get_api_keys;
mod get_external_events;
mod get_memories;
mod get_organization;
mod get_roles;
mod get_temporary_permission_grants;
mod get_user_dimensions;
mod get_user_model;
mod get_users;
mod input;
mod link_page;
mod list_input;
mod modify_organization;
mod modify_role;
mod modify_user_variables;
mod organization_input;
mod organization_wire;
mod render;
mod search_users;
mod sign_in_with_api_key;
mod sign_in_with_email;
mod update_user_info;
mod verify_user;
mod wire;

use axum::http::Method;
use denizen_domain::text::Slug;
use serde_json::json;

use crate::kernel::caller;
use crate::kernel::{Dialect, HeaderParam, Operation, QueryParam, SecurityKind, SecurityScheme, handler};

/// Every operation that needs a caller documents these.
const CALLER_ERRORS: &[u16] = &[401, 403, 404, 422, 429, 503];

const HEADERS: &[HeaderParam] = &[
    HeaderParam {
        name: "x-mongo-cluster-name",
        description: "The cluster of an organization that is not in the map yet: where a new one is to live. Ignored where \
                      the organization is known.",
        required: false,
    },
    HeaderParam { name: "Sec-WebSocket-Protocol", description: "Accepted and ignored.", required: false },
];

const SCHEMES: &[SecurityScheme] = &[
    SecurityScheme {
        name: "Bearer",
        kind: SecurityKind::Bearer("JWT"),
        description: "A token from sign-in, valid for an hour.",
    },
    SecurityScheme {
        name: "Basic",
        kind: SecurityKind::Basic,
        description: "User name `{org_id}_{user_id}`, password a token from sign-in.",
    },
    SecurityScheme {
        name: "Organization",
        kind: SecurityKind::Header("X-ORG-ID"),
        description: "The organization that issued the token, when it is not the one in the path.",
    },
    SecurityScheme {
        name: "ApiKey",
        kind: SecurityKind::Header("X-API-KEY"),
        description: "The secret of an API key.",
    },
    SecurityScheme {
        name: "ApiKeyId",
        kind: SecurityKind::Header("X-API-KEY-ID"),
        description: "The id of an API key.",
    },
    SecurityScheme {
        name: "ApiKeyUser",
        kind: SecurityKind::Header("X-USER-ID"),
        description: "The user to act as; the key's role must be above the user's.",
    },
];

const VARIABLES: &[(&str, &str)] = &[
    ("X-API-KEY", "AMIGO_API_KEY"),
    ("X-API-KEY-ID", "AMIGO_API_KEY_ID"),
    ("X-USER-ID", "AMIGO_USER_ID"),
    ("organization", "AMIGO_ORGANIZATION_ID"),
];

const WAYS: &[&[&str]] =
    &[&["Bearer"], &["Bearer", "Organization"], &["Basic"], &["ApiKey", "ApiKeyId", "ApiKeyUser"]];

/// Amigo, as the kernel serves it.
pub fn dialect() -> Dialect {
    Dialect {
        name: "amigo",
        title: "Amigo: users of an organization",
        description: "Amigo's user family as its published clients speak it, served by denizen: users, roles, API keys \
                      and the organization itself. Paths of three generations are served at once.",
        version: "v1",
        roots: &["/v1"],
        fits: |name, word| name != "organization" || Slug::parse(word).is_ok(),
        judges_params: false,
        falls_through: false,
        problem: errors::render,
        operations,
        headers: HEADERS,
        security_schemes: SCHEMES,
        security: WAYS,
        variables: VARIABLES,
        error_response: errors::describe,
    }
}

fn operations() -> Vec<Operation> {
    let mut operations = sign_in_operations();
    operations.extend(user_operations());
    operations.extend(external_event_operations());
    operations.extend(role_operations());
    operations.extend(temporary_grant_operations());
    operations.extend(organization_operations());
    operations.into_iter().map(|operation| operation.issuer_header("x-org-id")).collect()
}

fn sign_in_operations() -> Vec<Operation> {
    vec![
        Operation::post(
            "/v1/{organization}/user/signin_with_api_key",
            "sign-in-with-api-key",
            handler(sign_in_with_api_key::handle),
        )
        .tag("sign in")
        .summary("Exchange an API key for a token of a user")
        .security(&["ApiKey", "ApiKeyId", "ApiKeyUser"])
        .rate_by_header("sign_in_with_api_key", "x-api-key-id")
        .responds::<wire::SignInWithApiKeyResponse>(200)
        .errors(&[401, 404, 422, 429, 503]),
        Operation::post("/v1/{organization}/user/signin", "sign-in-with-email", handler(sign_in_with_email::handle))
            .tag("sign in")
            .summary("Mail a link that signs in")
            .description(
                "The answer is the same for known and unknown addresses. The link works once, for 15 minutes, and \
                 leads to an origin that the organization allows; the token stands behind the `#` of that address, \
                 as `id_token` and `expires_at`.",
            )
            .public()
            .body::<wire::SignInWithEmailRequest>()
            .example(json!({"redirect_link": "https://app.example.com/welcome", "email": "ada@example.com"}))
            .responds::<()>(200)
            .rate("sign_in_with_email")
            .errors(&[404, 422, 429, 503]),
        Operation::get("/v1/{organization}/user/link/{secret}", "open-link", handler(link_page::open))
            .tag("sign in")
            .summary("The page that a mailed link opens; uses nothing up")
            .public()
            .responds_html(200)
            .responds_html(404)
            .errors(&[503]),
        Operation::post("/v1/{organization}/user/link/{secret}", "use-link", handler(link_page::apply))
            .tag("sign in")
            .summary("Use a mailed link: sign in, or confirm an address")
            .public()
            .responds_html(200)
            .responds_empty(303)
            .responds_html(404)
            .errors(&[503]),
    ]
}

fn user_operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/{organization}/user/", "get-users", handler(get_users::handle))
            .tag("users")
            .summary("List the users whom the caller may see")
            .description("Filters combine with AND, the values of one filter with OR.")
            .query(QueryParam::texts("user_id").about("Only these users."))
            .query(QueryParam::texts("email").about("Only users with these addresses, case aside."))
            .query(QueryParam::bool("is_verified"))
            .query(QueryParam::int("limit", 600, 0, 600))
            .query(QueryParam::int("continuation_token", 0, 0, list_input::MAX_TOKEN).about("From the page before; 0 begins."))
            .query(QueryParam::texts("sort_by").about(
                "`+field` or `-field`, several to break ties: first_name, last_name, email, \
                 user_stats.num_conversations, user_stats.num_messages, user_stats.last_message_time.",
            ))
            .rate("get_users")
            .responds::<wire::GetUsersResponse>(200)
            .errors(CALLER_ERRORS),
        Operation::get("/v1/{organization}/user/search/", "search-users", handler(search_users::handle))
            .tag("users")
            .summary("Search users by name or address")
            .description("Substring search, case and accents aside; the number of answers is bounded by the server.")
            .query(QueryParam::text("query").required().about("Any part of a name or an address."))
            .query(QueryParam::texts("user_id").about("Only among these users."))
            .query(QueryParam::bool("is_verified"))
            .rate("search_users")
            .responds::<wire::SearchUsersResponse>(200)
            .errors(CALLER_ERRORS),
        Operation::post("/v1/{organization}/user/", "create-invited-user", handler(create_invited_user::handle))
            .alias(Method::POST, "/v1/{organization}/user/invite")
            .tag("users")
            .summary("Invite a user")
            .body::<wire::CreateInvitedUserRequest>()
            .example(json!({
                "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "role_name": "DefaultUserRole"
            }))
            .rate("create_user")
            .responds::<wire::CreateInvitedUserResponse>(201)
            .errors(CALLER_ERRORS)
            .errors(&[409]),
        Operation::post("/v1/{organization}/user/{requested_user_id}", "update-user-info", handler(update_user_info::handle))
            .alias(Method::POST, "/v1/{organization}/user/{requested_user_id}/user")
            .tag("users")
            .summary("Change a user")
            .body::<wire::UpdateUserInfoRequest>()
            .example(json!({"first_name": "Augusta", "preferred_language": "eng", "timezone": {}}))
            .rate("update_user")
            .responds_empty(204)
            .errors(CALLER_ERRORS)
            .errors(&[409]),
        Operation::delete("/v1/{organization}/user/{requested_user_id}", "delete-user", handler(delete_user::handle))
            .tag("users")
            .summary("Delete a user and what is known about the user")
            .rate("delete_user")
            .responds::<wire::DeleteUserResponse>(200)
            .errors(CALLER_ERRORS)
            .errors(&[400, 409]),
        Operation::post("/v1/{organization}/user/{requested_user_id}/verify", "verify-user", handler(verify_user::handle))
            .tag("users")
            .summary("Mark a user verified")
            .optional_body::<wire::VerifyUserRequest>()
            .responds_empty(204)
            .errors(CALLER_ERRORS),
        Operation::get("/v1/{organization}/user/{user_id}/user_model", "get-user-model", handler(get_user_model::handle))
            .tag("users")
            .summary("What has been concluded about a user")
            .rate("get_user_model")
            .responds::<wire::GetUserModelResponse>(200)
            .errors(CALLER_ERRORS),
        Operation::get("/v1/{organization}/user/{user_id}/memory", "get-memories", handler(get_memories::handle))
            .tag("users")
            .summary("What is remembered of a user's conversations")
            .description(
                "Only memories all of whose messages the caller may read. Filters combine with AND, the values of one \
                 filter with OR.",
            )
            .query(QueryParam::texts("id").about("Only these memories."))
            .query(QueryParam::texts("conversation_id").about("Only memories of these conversations."))
            .query(QueryParam::int("limit", 50, 0, 50))
            .query(QueryParam::int("continuation_token", 0, 0, list_input::MAX_TOKEN).about("From the page before; 0 begins."))
            .query(QueryParam::texts("sort_by").about(
                "`+field` or `-field`, several to break ties: conversation_id, created_at (timestamp is the same).",
            ))
            .rate("get_memories")
            .responds::<wire::GetMemoriesResponse>(200)
            .errors(CALLER_ERRORS),
        Operation::post(
            "/v1/{organization}/user/{requested_user_id}/variable",
            "modify-user-variables",
            handler(modify_user_variables::handle),
        )
        .tag("users")
        .summary("Set and delete variables of a user")
        .body::<wire::ModifyUserVariablesRequest>()
        .example(json!({"upserts": [{"name": "plan", "value": "gold", "is_secret": false}], "deletes": []}))
        .rate("modify_user_variables")
        .responds_empty(204)
        .errors(CALLER_ERRORS)
        .errors(&[400]),
    ]
}

fn external_event_operations() -> Vec<Operation> {
    let path = "/v1/{organization}/user/{user_id}/external_event";
    vec![
        Operation::post(path, "create-external-event", handler(create_external_event::handle))
            .tag("external events")
            .summary("Keep something that happened to a user outside of conversations")
            .transcript()
            .body::<wire::CreateExternalEventRequest>()
            .example(json!({
                "type": "visit", "starts_at": "2026-01-01T12:00:00Z", "ends_at": "2026-01-01T12:30:00Z",
                "description": "A visit at the practice", "transcript": null
            }))
            .rate("create_external_event")
            .responds::<wire::CreateExternalEventResponse>(201)
            .errors(CALLER_ERRORS),
        Operation::get(path, "get-external-events", handler(get_external_events::handle))
            .tag("external events")
            .summary("List the events of a user that the caller may see")
            .query(QueryParam::texts("id").about("Only these events; also as `external_event_id`."))
            .query(QueryParam::texts("external_event_id").about("The same as `id`."))
            .query(QueryParam::int("limit", 20, 0, 20))
            .query(
                QueryParam::int("continuation_token", 0, 0, list_input::MAX_TOKEN)
                    .about("From the page before; 0 begins."),
            )
            .query(
                QueryParam::texts("sort_by")
                    .about("`+field` or `-field`, several to break ties: type, starts_at, ends_at."),
            )
            .rate("get_external_events")
            .responds::<wire::GetExternalEventsResponse>(200)
            .errors(CALLER_ERRORS),
        Operation::delete(
            "/v1/{organization}/user/{user_id}/external_event/{external_event_id}",
            "delete-external-event",
            handler(delete_external_event::handle),
        )
        .tag("external events")
        .summary("Delete an event of a user")
        .rate("delete_external_event")
        .responds_empty(204)
        .errors(CALLER_ERRORS),
    ]
}

fn role_operations() -> Vec<Operation> {
    vec![
        Operation::post("/v1/{organization}/role/", "create-role", handler(create_role::handle))
            .tag("roles")
            .summary("Make a role")
            .body::<wire::CreateRoleRequest>()
            .example(json!({
                "role_name": "Reader", "description": "Sees everybody", "frontend_view": "admin",
                "permission_grants": [{
                    "permission_name": "User:GetUserInfo",
                    "conditions": {"org_id": {"type": "Equals", "value": "{self_org_id}"}}
                }]
            }))
            .rate("create_role")
            .responds::<wire::RoleIdResponse>(201)
            .errors(CALLER_ERRORS)
            .errors(&[409]),
        Operation::get("/v1/{organization}/role/", "get-roles", handler(get_roles::handle))
            .tag("roles")
            .summary("List the roles that the caller may see")
            .query(QueryParam::bool("return_permission_grants"))
            .query(QueryParam::texts("id"))
            .query(QueryParam::texts("name"))
            .rate("get_roles")
            .responds::<wire::GetRolesResponse>(200)
            .errors(CALLER_ERRORS),
        Operation::post("/v1/{organization}/role/{role_name}", "modify-role", handler(modify_role::handle))
            .tag("roles")
            .summary("Change a role")
            .body::<wire::ModifyRoleRequest>()
            .example(json!({"description": "Sees everybody, changes nobody"}))
            .rate("modify_role")
            .responds::<wire::RoleIdResponse>(200)
            .errors(CALLER_ERRORS)
            .errors(&[400]),
        Operation::post(
            "/v1/{organization}/role/{role_name}/assign",
            "assign-role",
            handler(assign_role::handle),
        )
        .tag("roles")
        .summary("Give a user a role")
        .body::<wire::AssignRoleRequest>()
        .rate("assign_role")
        .responds::<wire::RoleIdResponse>(200)
        .errors(CALLER_ERRORS),
    ]
}

fn temporary_grant_operations() -> Vec<Operation> {
    vec![
        Operation::post(
            "/v1/{organization}/role/temporary_permission_grant/",
            "create-temporary-permission-grant",
            handler(create_temporary_permission_grant::handle),
        )
        .tag("roles")
        .summary("Give a user a permission for a time")
        .description(
            "The caller's role must allow the caller all that the grant allows the user. A grant ends by itself, and is \
             not counted when privileges are compared.",
        )
        .body::<wire::CreateTemporaryPermissionGrantRequest>()
        .example(json!({
            "user_id": "65f000000000000000000001", "duration": "PT8H", "justification": "Stands in for a colleague",
            "permission_grant": {
                "permission_name": "User:GetUserInfo",
                "conditions": {"org_id": {"type": "Equals", "value": "{self_org_id}"}}
            },
            "tags": {"ticket": "4711"}
        }))
        .rate("create_temporary_permission_grant")
        .responds::<wire::CreateTemporaryPermissionGrantResponse>(201)
        .errors(CALLER_ERRORS)
        .errors(&[400]),
        Operation::get(
            "/v1/{organization}/role/temporary_permission_grants/",
            "get-temporary-permission-grants",
            handler(get_temporary_permission_grants::handle),
        )
        .tag("roles")
        .summary("List the temporary grants that the caller may see, expired ones included")
        .description("Filters combine with AND, the values of one filter with OR, except `tag`: a grant must have all of them.")
        .query(QueryParam::texts("id"))
        .query(QueryParam::texts("user_id").about("Only grants to these users."))
        .query(QueryParam::text("permission_grant_name").about("Only grants of this permission."))
        .query(QueryParam::bool("is_expired"))
        .query(QueryParam::int("limit", 10, 0, 10))
        .query(QueryParam::int("continuation_token", 0, 0, list_input::MAX_TOKEN).about("From the page before; 0 begins."))
        .query(QueryParam::texts("creator").about("Only grants by these users."))
        .query(QueryParam::texts("tag").about("`tag:value`; `tag:*` for any value, `tag:` for a tag without one."))
        .query(QueryParam::texts("sort_by").about(
            "`+field` or `-field`, several to break ties: user_id, expires_at, permission_grant.permission_name.",
        ))
        .rate("get_temporary_permission_grants")
        .responds::<wire::GetTemporaryPermissionGrantsResponse>(200)
        .errors(CALLER_ERRORS),
    ]
}

fn organization_operations() -> Vec<Operation> {
    let path = "/v1/{organization}/organization/";
    vec![
        Operation::get(path, "get-organization", handler(get_organization::handle))
            .tag("organization")
            .summary("The organization; two fields are for callers with a permission")
            .public()
            .responds::<organization_wire::GetOrganizationResponse>(200)
            .errors(&[404, 422, 503]),
        Operation::put(path, "create-organization", handler(create_organization::handle))
            .tag("organization")
            .summary("Make an organization, on behalf of a caller of another one")
            .description(
                "The path names the new organization; the header `X-ORG-ID` names the caller's own, and is needed for \
                 every later call in the new one too.",
            )
            .images()
            .body::<organization_wire::CreateOrganizationRequest>()
            .example(json!({
                "org_name": "Acme", "title": "Acme", "main_description": "What Acme is", "sub_description": "More of it",
                "user_dimensions": [{"description": "How they live", "tags": ["home"]}],
                "logo": example_pictures::LOGO, "square_logo": example_pictures::SQUARE_LOGO,
                "favicon": example_pictures::FAVICON, "signup_page_headshot": example_pictures::HEADSHOT,
                "onboarding_instructions": ["Say hello"], "azure_devops_team_name": "acme"
            }))
            .rate_of_caller("create_organization")
            .responds::<organization_wire::OrganizationIdResponse>(201)
            .errors(CALLER_ERRORS)
            .errors(&[400, 409]),
        Operation::post(path, "modify-organization", handler(modify_organization::handle))
            .tag("organization")
            .summary("Change the organization")
            .images()
            .body::<organization_wire::ModifyOrganizationRequest>()
            .rate("modify_organization")
            .responds_empty(204)
            .errors(CALLER_ERRORS),
        Operation::delete(path, "delete-organization", handler(delete_organization::handle))
            .tag("organization")
            .summary("Delete the organization and everything in it")
            .rate("delete_organization")
            .responds_empty(204)
            .errors(CALLER_ERRORS)
            .errors(&[400, 409]),
        Operation::get(
            "/v1/{organization}/organization/user_dimensions/",
            "get-user-dimensions",
            handler(get_user_dimensions::handle),
        )
        .tag("organization")
        .summary("The dimensions along which users are modelled")
        .rate("get_user_dimensions")
        .responds::<organization_wire::GetUserDimensionsResponse>(200)
        .errors(CALLER_ERRORS),
        Operation::post(
            "/v1/{organization}/organization/api_key/",
            "create-api-key",
            handler(create_api_key::handle),
        )
        .tag("API keys")
        .summary("Make an API key; its secret is shown once")
        .body::<wire::CreateApiKeyRequest>()
        .example(json!({"name": "integration", "duration": "P30D", "role_name": "DefaultAdministratorRole"}))
        .rate("create_api_key")
        .responds::<wire::CreateApiKeyResponse>(201)
        .errors(CALLER_ERRORS)
        .errors(&[400, 409]),
        Operation::get(
            "/v1/{organization}/organization/api_key/",
            "get-api-keys",
            handler(get_api_keys::handle),
        )
        .tag("API keys")
        .summary("List the API keys that the caller may see")
        .rate("get_api_keys")
        .responds::<wire::GetApiKeysResponse>(200)
        .errors(CALLER_ERRORS),
        Operation::delete(
            "/v1/{organization}/organization/api_key/{api_key_id}/",
            "delete-api-key",
            handler(delete_api_key::handle),
        )
        .tag("API keys")
        .summary("Delete an API key, which ends every session that it began")
        .rate("delete_api_key")
        .responds::<wire::DeleteApiKeyResponse>(200)
        .errors(CALLER_ERRORS),
    ]
}
