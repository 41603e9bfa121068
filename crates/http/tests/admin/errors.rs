//! The table of the engine's codes and what callers of the native API are told.

use std::fmt::Write as _;

use denizen_directory::{Error, ErrorCode};
use denizen_domain::time::Timestamp;
use denizen_http::admin::dialect;
use denizen_http::kernel::{Asked, FieldProblem, Problem};
use serde_json::{Value, json};

/// What these answers do not repeat.
const ASKED: Asked<'_> = Asked { path: "/asked", now: Timestamp(0) };

const TABLE: &str = "
InvalidCredentials 401 invalid_credentials
Forbidden 403 forbidden
Unverified 403 unverified
OrganizationNotFound 404 organization_not_found
UserNotFound 404 user_not_found
RoleNotFound 404 role_not_found
ApiKeyNotFound 404 api_key_not_found
EmailTaken 409 email_taken
RoleNameTaken 409 role_name_taken
OrganizationExists 409 organization_exists
InvalidField 422 invalid_field
ReservedName 422 reserved_name
LimitReached 409 limit_reached
VariableNotFound 404 variable_not_found
LinkNotFound 404 link_not_found
TokenExpired 422 token_expired
Busy 503 busy
Unavailable 503 unavailable
OutcomeUnknown 503 outcome_unknown
Internal 500 internal
AccountNotFound 404 account_not_found
AccountTaken 409 account_taken
ExternalEventNotFound 404 external_event_not_found
ContactNotFound 404 contact_not_found
AttributeDefinitionNotFound 404 attribute_definition_not_found
ConversationNotFound 404 conversation_not_found
MessageNotFound 404 message_not_found
ConversationOpen 409 conversation_open
AnonymizationNotFound 404 anonymization_not_found
PhoneTaken 409 phone_taken
ConfigurationNotFound 404 configuration_not_found
EnvironmentNotFound 404 environment_not_found
TooManyAttempts 429 too_many_attempts
OrganizationMoving 503 organization_moving
ClusterNotFound 404 cluster_not_found
";

fn rendered(problem: &Problem) -> Value {
    let reply = (dialect().problem)(problem, &ASKED);
    let body: Value = serde_json::from_slice(reply.body()).unwrap();
    assert_eq!(body["status"], reply.status());
    assert_eq!(body["type"], "about:blank");
    body
}

#[test]
fn every_code_has_its_status_and_name() {
    let mut table = String::from("\n");
    for code in ErrorCode::ALL {
        let body = rendered(&Problem::from(code));
        writeln!(table, "{code:?} {} {}", body["status"], body["code"].as_str().unwrap()).unwrap();
        assert_eq!(body["detail"], Error::from(code).text);
        assert!(body.get("errors").is_none());
    }
    assert_eq!(table, TABLE);
}

#[test]
fn a_refused_field_names_its_place() {
    let body = rendered(&Problem::from(Error::field(&["account_id"], "is wrong")));
    assert_eq!(body["errors"], json!([{"field": ["body", "account_id"], "message": "is wrong"}]));
    let problem = FieldProblem::new("int_type", "must be a number").at(["query", "limit"]);
    let body = rendered(&Problem::field(problem));
    assert_eq!((&body["status"], &body["title"]), (&json!(422), &json!("Unprocessable Entity")));
    assert_eq!(body["errors"], json!([{"field": ["query", "limit"], "message": "must be a number"}]));
}

#[test]
fn what_the_kernel_finds_has_a_name_too() {
    for (problem, status, code) in [
        (Problem::NotFound, 404, "not_found"),
        (Problem::BodyTooLarge { limit: 1 }, 413, "body_too_large"),
        (Problem::BodyTimeout { seconds: 1 }, 408, "body_timeout"),
        (Problem::Overloaded, 503, "busy"),
        (Problem::RateLimited { limit: 1, reset: 1, retry_after: 1 }, 429, "rate_limited"),
        (Problem::Internal, 500, "internal"),
    ] {
        let body = rendered(&problem);
        assert_eq!((&body["status"], &body["code"]), (&json!(status), &json!(code)));
    }
}
