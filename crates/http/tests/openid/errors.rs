//! The table of problems and what is told of them: `error` and `error_description`, as OAuth has it.

use std::fmt::Write as _;

use axum::http::HeaderValue;
use denizen_directory::{Error, ErrorCode};
use denizen_domain::time::Timestamp;
use denizen_http::kernel::{Asked, FieldProblem, Problem};
use denizen_http::openid::dialect;

const ASKED: Asked<'_> = Asked { path: "/realms/acme", now: Timestamp(0) };

const CODES: &str = r#"
InvalidCredentials 401 {"error":"invalid_grant","error_description":"Invalid user credentials"}
Forbidden 400 {"error":"invalid_request","error_description":"Missing permission"}
Unverified 400 {"error":"invalid_request","error_description":"The user is not verified"}
OrganizationNotFound 404 {"error":"realm_not_found","error_description":"Realm does not exist"}
UserNotFound 400 {"error":"invalid_request","error_description":"User not found"}
RoleNotFound 400 {"error":"invalid_request","error_description":"Role not found"}
ApiKeyNotFound 400 {"error":"invalid_request","error_description":"API key not found"}
EmailTaken 400 {"error":"invalid_request","error_description":"A user with this email already exists"}
RoleNameTaken 400 {"error":"invalid_request","error_description":"A role with this name already exists"}
OrganizationExists 400 {"error":"invalid_request","error_description":"An organization with this id already exists"}
InvalidField 400 {"error":"invalid_request","error_description":"Invalid value"}
ReservedName 400 {"error":"invalid_request","error_description":"This name is reserved"}
LimitReached 400 {"error":"invalid_request","error_description":"A limit was reached"}
VariableNotFound 400 {"error":"invalid_request","error_description":"Variable not found"}
LinkNotFound 400 {"error":"invalid_request","error_description":"This link has expired or was already used"}
TokenExpired 400 {"error":"invalid_request","error_description":"The continuation token has expired: start again without one"}
Busy 503 {"error":"temporarily_unavailable","error_description":"The service is busy, try again"}
Unavailable 503 {"error":"temporarily_unavailable","error_description":"The service cannot reach its data; nothing was done, try again"}
OutcomeUnknown 503 {"error":"temporarily_unavailable","error_description":"The service lost its database while it made this change, and the outcome is unknown: look whether the change was made before you try again"}
Internal 500 {"error":"server_error","error_description":"An unexpected error occurred"}
AccountNotFound 400 {"error":"invalid_request","error_description":"No account is linked to the user"}
AccountTaken 400 {"error":"invalid_request","error_description":"The account is linked to another user"}
ExternalEventNotFound 400 {"error":"invalid_request","error_description":"External event not found"}
ContactNotFound 400 {"error":"invalid_request","error_description":"Contact not found"}
AttributeDefinitionNotFound 400 {"error":"invalid_request","error_description":"Attribute definition not found"}
ConversationNotFound 400 {"error":"invalid_request","error_description":"Conversation not found"}
MessageNotFound 400 {"error":"invalid_request","error_description":"Message not found"}
ConversationOpen 400 {"error":"invalid_request","error_description":"A conversation is not closed"}
AnonymizationNotFound 400 {"error":"invalid_request","error_description":"Anonymization request not found"}
PhoneTaken 400 {"error":"invalid_request","error_description":"Another contact has this number"}
ConfigurationNotFound 400 {"error":"invalid_request","error_description":"There is no value under this key"}
EnvironmentNotFound 400 {"error":"invalid_request","error_description":"Environment not found"}
TooManyAttempts 429 {"error":"temporarily_unavailable","error_description":"Too many attempts to sign in; wait and try again"}
OrganizationMoving 503 {"error":"temporarily_unavailable","error_description":"The organization is being moved and takes no changes meanwhile; nothing was done, try again"}
ClusterNotFound 400 {"error":"invalid_request","error_description":"Cluster not found"}
"#;

const PROBLEMS: &str = r#"
NotFound 404 {"error":"not_found","error_description":"Not Found"}
MethodNotAllowed 405 {"error":"method_not_allowed","error_description":"Method Not Allowed"}
UnsupportedMediaType 415 {"error":"invalid_request","error_description":"The body must be application/json"}
BodyTooLarge 413 {"error":"invalid_request","error_description":"The body must have at most 5 bytes"}
HeadersTooLarge 431 {"error":"invalid_request","error_description":"The request head must have at most 5 bytes and 6 header lines"}
BodyTimeout 408 {"error":"invalid_request","error_description":"The body did not arrive within 5 s"}
BodyUnreadable 400 {"error":"invalid_request","error_description":"The body could not be read to its end"}
RequestTimeout 503 {"error":"temporarily_unavailable","error_description":"There was no answer within 5 s, and the outcome is unknown: look whether the change was made before you try again"}
Overloaded 503 {"error":"temporarily_unavailable","error_description":"The service is busy, try again"}
TooManyRequests 429 {"error":"temporarily_unavailable","error_description":"Too Many Requests"}
Internal 500 {"error":"server_error","error_description":"Internal error"}
Invalid 400 {"error":"invalid_request","error_description":"reason"}
Text 401 {"error":"invalid_grant","error_description":"Invalid user credentials"}
Text 500 {"error":"server_error","error_description":"An unexpected error occurred"}
"#;

fn line(table: &mut String, name: &str, problem: &Problem) {
    let reply = (dialect().problem)(problem, &ASKED);
    writeln!(table, "{name} {} {}", reply.status(), std::str::from_utf8(reply.body()).unwrap()).unwrap();
}

#[test]
fn every_code_has_its_status_and_word() {
    let mut table = String::from("\n");
    for code in ErrorCode::ALL {
        line(&mut table, &format!("{code:?}"), &Problem::from(code));
    }
    assert_eq!(table, CODES);
}

#[test]
fn every_problem_of_the_kernel_has_its_status_and_word() {
    let mut table = String::from("\n");
    for (name, problem) in [
        ("NotFound", Problem::NotFound),
        ("MethodNotAllowed", Problem::MethodNotAllowed { allow: HeaderValue::from_static("POST") }),
        ("UnsupportedMediaType", Problem::UnsupportedMediaType { taken: "application/json" }),
        ("BodyTooLarge", Problem::BodyTooLarge { limit: 5 }),
        ("HeadersTooLarge", Problem::HeadersTooLarge { bytes: 5, count: 6 }),
        ("BodyTimeout", Problem::BodyTimeout { seconds: 5 }),
        ("BodyUnreadable", Problem::BodyUnreadable),
        ("RequestTimeout", Problem::RequestTimeout { seconds: 5, safe: false }),
        ("Overloaded", Problem::Overloaded),
        ("TooManyRequests", Problem::TooManyRequests { retry_after: 1 }),
        ("Internal", Problem::Internal),
        ("Invalid", Problem::field(FieldProblem::new("form", "reason").at(["body"]))),
        ("Text", Problem::from(Error::with_text(ErrorCode::InvalidCredentials, "Says why"))),
        ("Text", Problem::from(Error::with_text(ErrorCode::Internal, "Says too much"))),
    ] {
        line(&mut table, name, &problem);
    }
    assert_eq!(table, PROBLEMS);
}
