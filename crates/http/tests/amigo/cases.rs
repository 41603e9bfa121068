//! One case for every published place: what it answers to whoever may not have what it asks for.
//!
//! A new route without a case fails `coverage`, by its name.

/// What an answer has to be.
#[derive(Clone, Copy)]
pub(crate) enum Expect {
    /// This status and exactly `{"detail": text}`.
    Refused(u16, &'static str),
    /// This status and exactly this JSON.
    Answers(u16, &'static str),
    /// This status and a page that holds this text.
    Page(u16, &'static str),
    /// The column does not apply, for this reason.
    Skip(&'static str),
}

use Expect::{Answers, Page, Refused, Skip};

/// How a caller shows who calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    Token,
    /// The three headers of an API key, and nothing else.
    Key,
    /// Nobody has to.
    Public,
}

/// A place and its columns. Names in braces stand for the scene's things, in the path as in the body.
pub(crate) struct Case {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Behind the `?`.
    pub(crate) query: &'static str,
    /// Empty: no body.
    pub(crate) body: &'static str,
    pub(crate) auth: Auth,
    /// What a caller who may everything gets.
    pub(crate) success: u16,
    /// No credentials, and every kind of bad ones.
    pub(crate) anonymous: Expect,
    /// The valid credentials of another organization's super administrator.
    pub(crate) wrong_organization: Expect,
    /// The same, with `X-ORG-ID` naming that organization.
    pub(crate) wrong_organization_named: Expect,
    /// A caller with every permission but this one.
    pub(crate) lacking: (&'static str, Expect),
    /// For each id, in path or body, what happens when it names nothing.
    pub(crate) unknown_ids: &'static [(&'static str, Expect)],
    /// The path names an organization that does not exist, and `X-ORG-ID` the caller's.
    pub(crate) unknown_organization: Expect,
}

const UNAUTHENTICATED: Expect = Refused(401, "Invalid credentials");
const FORBIDDEN: Expect = Refused(403, "Missing permission");
const NO_ORGANIZATION: Expect = Refused(404, "Organization not found");
const NO_USER: Expect = Refused(404, "User not found");
const NO_ROLE: Expect = Refused(404, "Role not found");
const NO_KEY: Expect = Refused(404, "API key not found");
const NO_EVENT: Expect = Refused(404, "External event not found");
const GONE: Expect = Page(404, "This link has expired or was already used.");

const PUBLIC: &str = "the operation is public";
const LINK: &str = "whoever holds a mailed link may use it";

/// What everybody may know of the organization of the scene.
const SHOWN_TO_ALL: &str = r#"{"org_id": "acme", "org_name": "The acme company", "title": "The acme company",
    "main_description": "", "sub_description": "", "onboarding_instructions": [],
    "default_user_preferences": null, "tenant_id": null}"#;

/// The usual case: a token is needed, and one permission.
const USUAL: Case = Case {
    method: "GET",
    path: "",
    query: "",
    body: "",
    auth: Auth::Token,
    success: 200,
    anonymous: UNAUTHENTICATED,
    wrong_organization: UNAUTHENTICATED,
    wrong_organization_named: NO_ORGANIZATION,
    lacking: ("", FORBIDDEN),
    unknown_ids: &[],
    unknown_organization: NO_ORGANIZATION,
};

const INVITATION: &str =
    r#"{"first_name": "New", "last_name": "Comer", "email": "new@acme.example", "role_name": "{role_name}"}"#;

const ORGANIZATION: &str = r#"{"org_name": "N", "title": "T", "main_description": "M", "sub_description": "S",
    "user_dimensions": [{"description": "D", "tags": ["t"]}], "logo": "{logo}", "square_logo": "{square_logo}",
    "favicon": "{favicon}", "signup_page_headshot": "{headshot}", "onboarding_instructions": ["I"],
    "azure_devops_team_name": "team"}"#;

pub(crate) const CASES: &[Case] = &[
    Case {
        method: "POST",
        path: "/v1/{organization}/user/signin_with_api_key",
        auth: Auth::Key,
        anonymous: Answers(
            422,
            r#"{"detail": [
                {"type": "missing", "loc": ["header", "x-api-key"], "msg": "Field required"},
                {"type": "missing", "loc": ["header", "x-api-key-id"], "msg": "Field required"},
                {"type": "missing", "loc": ["header", "x-user-id"], "msg": "Field required"}
            ]}"#,
        ),
        wrong_organization_named: UNAUTHENTICATED,
        lacking: ("a role above the user's", UNAUTHENTICATED),
        unknown_ids: &[("{user_id}", UNAUTHENTICATED), ("{api_key_id}", UNAUTHENTICATED)],
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/user/signin",
        body: r#"{"email": "{email}", "redirect_link": "https://app.example.com/in"}"#,
        auth: Auth::Public,
        anonymous: Answers(200, "null"),
        wrong_organization: Answers(200, "null"),
        wrong_organization_named: Answers(200, "null"),
        lacking: ("User:GetUserInfo", Answers(200, "null")),
        unknown_ids: &[("{email}", Answers(200, "null"))],
        ..USUAL
    },
    Case {
        method: "GET",
        path: "/v1/{organization}/user/link/{secret}",
        auth: Auth::Public,
        anonymous: Skip(LINK),
        wrong_organization: Skip(LINK),
        wrong_organization_named: Skip(LINK),
        lacking: ("", Skip(LINK)),
        unknown_ids: &[("{secret}", GONE)],
        unknown_organization: GONE,
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/user/link/{secret}",
        auth: Auth::Public,
        success: 303,
        anonymous: Skip(LINK),
        wrong_organization: Skip(LINK),
        wrong_organization_named: Skip(LINK),
        lacking: ("", Skip(LINK)),
        unknown_ids: &[("{secret}", GONE)],
        unknown_organization: GONE,
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/user/",
        lacking: ("User:GetUserInfo", FORBIDDEN),
        unknown_ids: &[],
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/user/search/",
        query: "query=a",
        lacking: ("User:GetUserInfo", FORBIDDEN),
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/user/",
        body: INVITATION,
        success: 201,
        lacking: ("User:InviteUser", FORBIDDEN),
        unknown_ids: &[("{role_name}", NO_ROLE)],
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/user/invite",
        body: INVITATION,
        success: 201,
        lacking: ("User:InviteUser", FORBIDDEN),
        unknown_ids: &[("{role_name}", NO_ROLE)],
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/user/{requested_user_id}",
        body: r#"{"first_name": "Changed"}"#,
        success: 204,
        lacking: ("User:UpdateUserInfo", FORBIDDEN),
        unknown_ids: &[("{requested_user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/user/{requested_user_id}/user",
        body: r#"{"first_name": "Changed"}"#,
        success: 204,
        lacking: ("User:UpdateUserInfo", FORBIDDEN),
        unknown_ids: &[("{requested_user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        method: "DELETE",
        path: "/v1/{organization}/user/{requested_user_id}",
        lacking: ("User:DeleteUser", FORBIDDEN),
        unknown_ids: &[("{requested_user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/user/{requested_user_id}/verify",
        body: r#"{"first_name": "Changed"}"#,
        success: 204,
        lacking: ("User:UpdateUserInfo", FORBIDDEN),
        unknown_ids: &[("{requested_user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/user/{user_id}/user_model",
        lacking: ("User:GetUserModel", FORBIDDEN),
        unknown_ids: &[("{user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/user/{user_id}/memory",
        lacking: (
            "Conversation:GetMessage",
            Answers(200, r#"{"memories": [], "has_more": false, "continuation_token": null}"#),
        ),
        unknown_ids: &[("{user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/user/{requested_user_id}/variable",
        body: r#"{"upserts": [{"name": "plan", "value": "gold", "is_secret": false}], "deletes": []}"#,
        success: 204,
        lacking: ("User:UpdateUserInfo", FORBIDDEN),
        unknown_ids: &[("{requested_user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/user/{user_id}/external_event",
        body: r#"{"type": "visit", "starts_at": "2026-01-01T12:00:00Z", "ends_at": "2026-01-01T12:30:00Z",
            "description": "D", "transcript": null}"#,
        success: 201,
        lacking: ("User:CreateExternalEvent", FORBIDDEN),
        unknown_ids: &[("{user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/user/{user_id}/external_event",
        lacking: (
            "User:GetExternalEvent",
            Answers(200, r#"{"external_events": [], "has_more": false, "continuation_token": null}"#),
        ),
        unknown_ids: &[("{user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        method: "DELETE",
        path: "/v1/{organization}/user/{user_id}/external_event/{external_event_id}",
        success: 204,
        lacking: ("User:DeleteExternalEvent", FORBIDDEN),
        unknown_ids: &[("{user_id}", NO_USER), ("{external_event_id}", NO_EVENT)],
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/role/",
        body: r#"{"role_name": "New", "description": "D", "frontend_view": "client", "permission_grants": []}"#,
        success: 201,
        lacking: ("Role:CreateRole", FORBIDDEN),
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/role/",
        lacking: ("Role:GetRole", Answers(200, r#"{"roles": []}"#)),
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/role/temporary_permission_grant/",
        body: r#"{"user_id": "{user_id}", "duration": "PT1H", "justification": "because of a test", "tags": {},
            "permission_grant": {"permission_name": "User:DeleteUser", "conditions": {}}}"#,
        success: 201,
        lacking: ("Role:CreateTemporaryPermissionGrant", FORBIDDEN),
        unknown_ids: &[("{user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/role/temporary_permission_grants/",
        lacking: (
            "Role:GetTemporaryPermissionGrant",
            Answers(
                200,
                r#"{"temporary_permission_grants": [], "has_more": false, "continuation_token": null}"#,
            ),
        ),
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/role/{role_name}",
        body: r#"{"description": "Changed"}"#,
        lacking: ("Role:ModifyRole", FORBIDDEN),
        unknown_ids: &[("{role_name}", NO_ROLE)],
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/role/{role_name}/assign",
        body: r#"{"user_id": "{user_id}"}"#,
        lacking: ("User:UpdateUserInfo", FORBIDDEN),
        unknown_ids: &[("{role_name}", NO_ROLE), ("{user_id}", NO_USER)],
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/organization/",
        auth: Auth::Public,
        anonymous: Answers(200, SHOWN_TO_ALL),
        wrong_organization: Answers(200, SHOWN_TO_ALL),
        wrong_organization_named: Answers(200, SHOWN_TO_ALL),
        lacking: ("Organization:GetOrganizationDetails", Answers(200, SHOWN_TO_ALL)),
        ..USUAL
    },
    Case {
        method: "PUT",
        path: "/v1/{organization}/organization/",
        body: ORGANIZATION,
        success: 201,
        wrong_organization_named: Refused(409, "An organization with this id already exists"),
        lacking: ("Organization:CreateOrganization", FORBIDDEN),
        unknown_organization: Skip("the organization in the path is the one that is made"),
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/organization/",
        body: r#"{"title": "Changed"}"#,
        success: 204,
        lacking: ("Organization:ModifyOrganization", FORBIDDEN),
        ..USUAL
    },
    Case {
        method: "DELETE",
        path: "/v1/{organization}/organization/",
        success: 204,
        lacking: ("Organization:DeleteOrganization", FORBIDDEN),
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/organization/user_dimensions/",
        lacking: ("Organization:GetOrganizationDetails", FORBIDDEN),
        ..USUAL
    },
    Case {
        method: "POST",
        path: "/v1/{organization}/organization/api_key/",
        body: r#"{"name": "new", "duration": "P30D", "role_name": "{role_name}"}"#,
        success: 201,
        lacking: ("Organization:CreateAPIKey", FORBIDDEN),
        unknown_ids: &[("{role_name}", NO_ROLE)],
        ..USUAL
    },
    Case {
        path: "/v1/{organization}/organization/api_key/",
        lacking: ("Organization:GetAPIKey", Answers(200, r#"{"api_keys": []}"#)),
        ..USUAL
    },
    Case {
        method: "DELETE",
        path: "/v1/{organization}/organization/api_key/{api_key_id}/",
        lacking: ("Organization:DeleteAPIKey", FORBIDDEN),
        unknown_ids: &[("{api_key_id}", NO_KEY)],
        ..USUAL
    },
];

impl Case {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Why columns may be left out of a public operation.
    pub(crate) fn reason_of_public(&self) -> &'static str {
        if self.path.contains("{secret}") { LINK } else { PUBLIC }
    }
}
