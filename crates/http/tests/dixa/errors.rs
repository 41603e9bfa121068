//! The table of problems and what Dixa's clients are told: `{"message": text}` and nothing else.

use std::fmt::Write as _;

use axum::http::HeaderValue;
use denizen_directory::{Error, ErrorCode};
use denizen_domain::time::Timestamp;
use denizen_http::dixa::dialect;
use denizen_http::kernel::{Asked, FieldProblem, Loc, Problem};

use super::scene::{program, refusal, server_with};

/// What these answers do not repeat.
const ASKED: Asked<'_> = Asked { path: "/asked", now: Timestamp(0) };

const CODES: &str = r#"
InvalidCredentials 401 {"message":"Unauthorized"}
Forbidden 403 {"message":"User is unauthorized to perform an underlying operation"}
Unverified 403 {"message":"The user is not verified"}
OrganizationNotFound 404 {"message":"The requested resource could not be found"}
UserNotFound 404 {"message":"The requested resource could not be found"}
RoleNotFound 404 {"message":"The requested resource could not be found"}
ApiKeyNotFound 404 {"message":"The requested resource could not be found"}
EmailTaken 400 {"message":"A user with this email already exists"}
RoleNameTaken 409 {"message":"A role with this name already exists"}
OrganizationExists 409 {"message":"An organization with this id already exists"}
InvalidField 400 {"message":"Invalid value"}
ReservedName 400 {"message":"This name is reserved"}
LimitReached 400 {"message":"A limit was reached"}
VariableNotFound 400 {"message":"Variable not found"}
LinkNotFound 404 {"message":"The requested resource could not be found"}
TokenExpired 400 {"message":"The continuation token has expired: start again without one"}
Busy 503 {"message":"The service is busy, try again"}
Unavailable 503 {"message":"The service cannot reach its data; nothing was done, try again"}
OutcomeUnknown 409 {"message":"The service lost its database while it made this change, and the outcome is unknown: look whether the change was made before you try again"}
Internal 500 {"message":"There was an internal server error while processing the request"}
AccountNotFound 404 {"message":"The requested resource could not be found"}
AccountTaken 409 {"message":"The account is linked to another user"}
ExternalEventNotFound 404 {"message":"The requested resource could not be found"}
ContactNotFound 404 {"message":"The requested resource could not be found"}
AttributeDefinitionNotFound 404 {"message":"The requested resource could not be found"}
ConversationNotFound 404 {"message":"The requested resource could not be found"}
MessageNotFound 404 {"message":"The requested resource could not be found"}
ConversationOpen 409 {"message":"A conversation is not closed: close it, or send the request again with ?force=true"}
AnonymizationNotFound 404 {"message":"The requested resource could not be found"}
PhoneTaken 400 {"message":"Another contact has this number"}
ConfigurationNotFound 404 {"message":"The requested resource could not be found"}
EnvironmentNotFound 404 {"message":"The requested resource could not be found"}
TooManyAttempts 429 {"message":"Too many attempts to sign in; wait and try again"}
OrganizationMoving 503 {"message":"The organization is being moved and takes no changes meanwhile; nothing was done, try again"}
ClusterNotFound 404 {"message":"The requested resource could not be found"}
"#;

const PROBLEMS: &str = r#"
NotFound 404 {"message":"The requested resource could not be found"}
MethodNotAllowed 405 {"message":"Method Not Allowed"}
BodyTooLarge 413 {"message":"The body must have at most 5 bytes"}
HeadersTooLarge 431 {"message":"The request head must have at most 5 bytes and 6 header lines"}
BodyTimeout 408 {"message":"The body did not arrive within 5 s"}
BodyUnreadable 400 {"message":"The body could not be read to its end"}
RequestTimeout 503 {"message":"There was no answer within 5 s"}
RequestTimeout 409 {"message":"There was no answer within 5 s, and the outcome is unknown: look whether the change was made before you try again"}
Overloaded 503 {"message":"The service is busy, try again"}
TooManyRequests 429 {"message":"Too Many Requests"}
Internal 500 {"message":"There was an internal server error while processing the request"}
Invalid 400 {"message":"Invalid value for: body (reason)"}
Invalid 400 {"message":"Invalid value for: body (reason at 'data[0].email')"}
Invalid 400 {"message":"Invalid value for: body (reason at 'data[12].email')"}
Invalid 400 {"message":"Invalid value for: query parameter pageLimit (reason)"}
Invalid 400 {"message":"Invalid value for: path parameter userId (reason), Invalid value for: body (expected value, at byte 7)"}
Text 400 {"message":"In the words of the engine"}
Text 401 {"message":"Says more"}
Text 404 {"message":"The requested resource could not be found"}
Text 500 {"message":"There was an internal server error while processing the request"}
"#;

fn line(table: &mut String, name: &str, problem: &Problem) {
    let reply = (dialect().problem)(problem, &ASKED);
    writeln!(table, "{name} {} {}", reply.status(), std::str::from_utf8(reply.body()).unwrap()).unwrap();
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
        ("Invalid", Problem::field(wrong(vec![key("body"), key("data"), Loc::from(0), key("email")]))),
        ("Invalid", Problem::field(wrong(vec![key("body"), key("data"), key("12"), key("email")]))),
        ("Invalid", Problem::field(wrong(vec![key("query"), key("pageLimit")]))),
        (
            "Invalid",
            Problem::Invalid(vec![
                wrong(vec![key("path"), key("userId")]),
                FieldProblem::json_invalid(7, "expected value"),
            ]),
        ),
        ("Text", Problem::from(Error::with_text(ErrorCode::InvalidField, "In the words of the engine"))),
        ("Text", Problem::from(Error::with_text(ErrorCode::InvalidCredentials, "Says more"))),
        ("Text", Problem::from(Error::with_text(ErrorCode::ContactNotFound, "Says too much"))),
        ("Text", Problem::from(Error::with_text(ErrorCode::Internal, "Says too much"))),
    ] {
        line(&mut table, name, &problem);
    }
    assert_eq!(table, PROBLEMS);
}

#[tokio::test]
async fn bodies_are_held_to_their_form_and_their_size() {
    let server = server_with(|settings| settings.bulk_bytes = 5_000).await;
    let program = program(&server, "acme").await;
    let send = async |method: &str, path: &str, body: &str| {
        let request = axum::http::Request::builder().method(method).uri(path);
        let request = request.header("authorization", &program.token).body(body.to_owned().into()).unwrap();
        refusal(&server.send(request).await)
    };
    let deep = format!("{{\"x\": {}1{}}}", "[".repeat(40), "]".repeat(40));
    for (body, reason) in [
        ("", "not JSON: EOF while parsing a value, at byte 0"),
        ("{", "not JSON: EOF while parsing an object, at byte 1"),
        ("[]", "invalid type: sequence, expected a JSON object"),
        ("null", "invalid type: null, expected a JSON object"),
        (r#"{"email": 5}"#, "invalid type: integer, expected a string at 'email'"),
        (
            r#"{"additionalEmails": "ann@acme.example"}"#,
            "invalid type: string, expected a sequence at 'additionalEmails'",
        ),
        (r#"{"middleNames": ["a", null]}"#, "invalid type: null, expected a string at 'middleNames[1]'"),
        (&deep, "nested more than 32 levels deep, at byte 37"),
    ] {
        let expected = (400, format!("Invalid value for: body ({reason})"));
        assert_eq!(send("POST", "/v1/endusers", body).await, expected, "{body}");
    }
    let put = "/v1/endusers/01234567-89ab-4def-8123-456789abcdef";
    let missing = (400, "Invalid value for: body (is missing at 'displayName')".to_owned());
    assert_eq!(send("PUT", put, "{}").await, missing);
    let null =
        (400, "Invalid value for: body (invalid type: null, expected a string at 'displayName')".to_owned());
    assert_eq!(send("PUT", put, r#"{"displayName": null}"#).await, null);

    let long = format!(r#"{{"displayName": "{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(send("POST", "/v1/endusers", &long).await.0, 413);
    let long = &long[..5_001];
    assert_eq!(
        send("POST", "/v1/endusers/bulk", long).await,
        (413, "The body must have at most 5000 bytes".to_owned())
    );
    assert_eq!(send("PATCH", "/v1/endusers", long).await.0, 413);
    assert_eq!(send("PUT", "/beta/endusers", long).await.0, 413);
}
