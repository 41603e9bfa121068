//! The table of problems and what eva's clients are told: `StandardError`.

use std::fmt::Write as _;

use axum::http::HeaderValue;
use denizen_directory::{Error, ErrorCode};
use denizen_domain::time::Timestamp;
use denizen_http::eva::dialect;
use denizen_http::kernel::{Asked, FieldProblem, Loc, Problem};
use serde_json::Value;

const ASKED: Asked<'_> = Asked { path: "/eva-user/org/x/users", now: Timestamp(1_767_268_800_070_900) };

const CODES: &str = "
InvalidCredentials 401 Unauthorized: Invalid credentials
Forbidden 403 Forbidden: Missing permission
Unverified 403 Forbidden: The user is not verified
OrganizationNotFound 404 Not Found: Organization not found
UserNotFound 404 Not Found: User not found
RoleNotFound 404 Not Found: Role not found
ApiKeyNotFound 404 Not Found: API key not found
EmailTaken 409 Conflict: A user with this email already exists
RoleNameTaken 409 Conflict: A role with this name already exists
OrganizationExists 409 Conflict: An organization with this id already exists
InvalidField 400 Bad Request: Invalid value
ReservedName 400 Bad Request: This name is reserved
LimitReached 400 Bad Request: A limit was reached
VariableNotFound 400 Bad Request: Variable not found
LinkNotFound 404 Not Found: This link has expired or was already used
TokenExpired 400 Bad Request: The continuation token has expired: start again without one
Busy 503 Service Unavailable: The service is busy, try again
Unavailable 503 Service Unavailable: The service cannot reach its data; nothing was done, try again
OutcomeUnknown 503 Service Unavailable: The service lost its database while it made this change, and the outcome is unknown: look whether the change was made before you try again
Internal 500 Internal Server Error: An unexpected error occurred
AccountNotFound 404 Not Found: No account is linked to the user
AccountTaken 409 Conflict: The account is linked to another user
ExternalEventNotFound 404 Not Found: External event not found
ContactNotFound 404 Not Found: Contact not found
AttributeDefinitionNotFound 404 Not Found: Attribute definition not found
ConversationNotFound 404 Not Found: Conversation not found
MessageNotFound 404 Not Found: Message not found
ConversationOpen 409 Conflict: A conversation is not closed
AnonymizationNotFound 404 Not Found: Anonymization request not found
PhoneTaken 400 Bad Request: Another contact has this number
ConfigurationNotFound 404 Not Found: There is no value under this key
EnvironmentNotFound 404 Not Found: Environment not found
TooManyAttempts 429 Too Many Requests: Too many attempts to sign in; wait and try again
OrganizationMoving 503 Service Unavailable: The organization is being moved and takes no changes meanwhile; nothing was done, try again
ClusterNotFound 404 Not Found: Cluster not found
";

const PROBLEMS: &str = "
NotFound 404 Not Found: Not Found
MethodNotAllowed 405 Method Not Allowed: Method Not Allowed
UnsupportedMediaType 415 Unsupported Media Type: The body must be application/json
BodyTooLarge 413 Payload Too Large: The body must have at most 5 bytes
HeadersTooLarge 431 Request Header Fields Too Large: The request head must have at most 5 bytes and 6 header lines
BodyTimeout 408 Request Timeout: The body did not arrive within 5 s
BodyUnreadable 400 Bad Request: The body could not be read to its end
RequestTimeout 503 Service Unavailable: There was no answer within 5 s
RequestTimeout 503 Service Unavailable: There was no answer within 5 s, and the outcome is unknown: look whether the change was made before you try again
Overloaded 503 Service Unavailable: The service is busy, try again
TooManyRequests 429 Too Many Requests: Too Many Requests
Internal 500 Internal Server Error: An unexpected error occurred
Invalid 400 Bad Request: The body is not valid: reason
Invalid 400 Bad Request: environments[0].bots: reason
Invalid 400 Bad Request: environments[12].bots: reason
Invalid 400 Bad Request: page: reason; The body is not valid: expected value, at byte 7
Text 400 Bad Request: In the words of the engine
Text 400 Bad Request: environments[0].bots: is wrong
Text 500 Internal Server Error: An unexpected error occurred
";

fn line(table: &mut String, name: &str, problem: &Problem) {
    let reply = (dialect().problem)(problem, &ASKED);
    let body: Value = serde_json::from_slice(reply.body()).unwrap();
    let members: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["error", "message", "path", "status", "timestamp"]);
    assert_eq!(body["timestamp"], "2026-01-01T12:00:00.070Z");
    assert_eq!(body["path"], ASKED.path);
    assert_eq!(body["status"], reply.status());
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    writeln!(table, "{name} {} {}: {}", reply.status(), text("error"), text("message")).unwrap();
}

#[test]
fn every_code_has_its_status_and_message() {
    let mut table = String::from("\n");
    for code in ErrorCode::ALL {
        line(&mut table, &format!("{code:?}"), &Problem::from(code));
    }
    assert_eq!(table, CODES);
}

#[test]
fn every_problem_of_the_kernel_has_its_status_and_message() {
    let mut table = String::from("\n");
    let wrong = |loc: Vec<Loc>| FieldProblem::new("value_error", "reason").at(loc);
    let key = |text: &str| Loc::from(text);
    for (name, problem) in [
        ("NotFound", Problem::NotFound),
        ("MethodNotAllowed", Problem::MethodNotAllowed { allow: HeaderValue::from_static("GET") }),
        ("UnsupportedMediaType", Problem::UnsupportedMediaType { taken: "application/json" }),
        ("BodyTooLarge", Problem::BodyTooLarge { limit: 5 }),
        ("HeadersTooLarge", Problem::HeadersTooLarge { bytes: 5, count: 6 }),
        ("BodyTimeout", Problem::BodyTimeout { seconds: 5 }),
        ("BodyUnreadable", Problem::BodyUnreadable),
        ("RequestTimeout", Problem::RequestTimeout { seconds: 5, safe: true }),
        ("RequestTimeout", Problem::RequestTimeout { seconds: 5, safe: false }),
        ("Overloaded", Problem::Overloaded),
        ("TooManyRequests", Problem::TooManyRequests { retry_after: 1 }),
        ("Internal", Problem::Internal),
        ("Invalid", Problem::field(wrong(vec![key("body")]))),
        ("Invalid", Problem::field(wrong(vec![key("body"), key("environments"), Loc::from(0), key("bots")]))),
        ("Invalid", Problem::field(wrong(vec![key("body"), key("environments"), key("12"), key("bots")]))),
        (
            "Invalid",
            Problem::Invalid(vec![
                wrong(vec![key("query"), key("page")]),
                FieldProblem::json_invalid(7, "expected value"),
            ]),
        ),
        ("Text", Problem::from(Error::with_text(ErrorCode::InvalidField, "In the words of the engine"))),
        ("Text", Problem::from(Error::field(&["environments", "0", "bots"], "is wrong"))),
        ("Text", Problem::from(Error::with_text(ErrorCode::Internal, "Says too much"))),
    ] {
        line(&mut table, name, &problem);
    }
    assert_eq!(table, PROBLEMS);
}
