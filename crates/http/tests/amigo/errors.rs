//! The table of the engine's codes and what Amigo's clients are told.

use std::fmt::Write as _;

use denizen_directory::{Error, ErrorCode};
use denizen_domain::time::Timestamp;
use denizen_http::amigo::dialect;
use denizen_http::kernel::{Asked, Problem};
use denizen_testkit::TestServer;

/// What these answers do not repeat.
const ASKED: Asked<'_> = Asked { path: "/asked", now: Timestamp(0) };

/// A code without a line here does not compile, so [`ErrorCode::ALL`] cannot forget one unnoticed.
fn place(code: ErrorCode) -> usize {
    match code {
        ErrorCode::InvalidCredentials => 0,
        ErrorCode::Forbidden => 1,
        ErrorCode::Unverified => 2,
        ErrorCode::OrganizationNotFound => 3,
        ErrorCode::UserNotFound => 4,
        ErrorCode::RoleNotFound => 5,
        ErrorCode::ApiKeyNotFound => 6,
        ErrorCode::EmailTaken => 7,
        ErrorCode::RoleNameTaken => 8,
        ErrorCode::OrganizationExists => 9,
        ErrorCode::InvalidField => 10,
        ErrorCode::ReservedName => 11,
        ErrorCode::LimitReached => 12,
        ErrorCode::VariableNotFound => 13,
        ErrorCode::LinkNotFound => 14,
        ErrorCode::TokenExpired => 15,
        ErrorCode::Busy => 16,
        ErrorCode::Unavailable => 17,
        ErrorCode::OutcomeUnknown => 18,
        ErrorCode::Internal => 19,
        ErrorCode::AccountNotFound => 20,
        ErrorCode::AccountTaken => 21,
        ErrorCode::ExternalEventNotFound => 22,
        ErrorCode::ContactNotFound => 23,
        ErrorCode::AttributeDefinitionNotFound => 24,
        ErrorCode::ConversationNotFound => 25,
        ErrorCode::MessageNotFound => 26,
        ErrorCode::ConversationOpen => 27,
        ErrorCode::AnonymizationNotFound => 28,
        ErrorCode::PhoneTaken => 29,
        ErrorCode::ConfigurationNotFound => 30,
        ErrorCode::EnvironmentNotFound => 31,
        ErrorCode::TooManyAttempts => 32,
        ErrorCode::OrganizationMoving => 33,
        ErrorCode::ClusterNotFound => 34,
    }
}

const TABLE: &str = r#"
InvalidCredentials 401 {"detail":"Invalid credentials"}
Forbidden 403 {"detail":"Missing permission"}
Unverified 403 {"detail":"The user is not verified"}
OrganizationNotFound 404 {"detail":"Organization not found"}
UserNotFound 404 {"detail":"User not found"}
RoleNotFound 404 {"detail":"Role not found"}
ApiKeyNotFound 404 {"detail":"API key not found"}
EmailTaken 409 {"detail":"A user with this email already exists"}
RoleNameTaken 409 {"detail":"A role with this name already exists"}
OrganizationExists 409 {"detail":"An organization with this id already exists"}
InvalidField 422 {"detail":[{"ctx":{"error":"Invalid value"},"loc":["body"],"msg":"Value error, Invalid value","type":"value_error"}]}
ReservedName 400 {"detail":"This name is reserved"}
LimitReached 400 {"detail":"A limit was reached"}
VariableNotFound 400 {"detail":"Variable not found"}
LinkNotFound 404 {"detail":"This link has expired or was already used"}
TokenExpired 422 {"detail":[{"ctx":{"error":"The continuation token has expired: start again without one"},"loc":["query","continuation_token"],"msg":"Value error, The continuation token has expired: start again without one","type":"value_error"}]}
Busy 503 {"detail":"The service is busy, try again"}
Unavailable 503 {"detail":"The service cannot reach its data; nothing was done, try again"}
OutcomeUnknown 503 {"detail":"The service lost its database while it made this change, and the outcome is unknown: look whether the change was made before you try again"}
Internal 500 {"detail":"Internal error"}
AccountNotFound 404 {"detail":"No account is linked to the user"}
AccountTaken 409 {"detail":"The account is linked to another user"}
ExternalEventNotFound 404 {"detail":"External event not found"}
ContactNotFound 404 {"detail":"Contact not found"}
AttributeDefinitionNotFound 404 {"detail":"Attribute definition not found"}
ConversationNotFound 404 {"detail":"Conversation not found"}
MessageNotFound 404 {"detail":"Message not found"}
ConversationOpen 409 {"detail":"A conversation is not closed"}
AnonymizationNotFound 404 {"detail":"Anonymization request not found"}
PhoneTaken 409 {"detail":"Another contact has this number"}
ConfigurationNotFound 404 {"detail":"There is no value under this key"}
EnvironmentNotFound 404 {"detail":"Environment not found"}
TooManyAttempts 429 {"detail":"Too many attempts to sign in; wait and try again"}
OrganizationMoving 503 {"detail":"The organization is being moved and takes no changes meanwhile; nothing was done, try again"}
ClusterNotFound 404 {"detail":"Cluster not found"}
"#;

#[test]
fn every_code_has_its_status_and_body() {
    let mut table = String::from("\n");
    for (at, code) in ErrorCode::ALL.into_iter().enumerate() {
        assert_eq!(place(code), at, "{code:?} is missing in ErrorCode::ALL, or out of order");
        let reply = (dialect().problem)(&Problem::from(code), &ASKED);
        let body = std::str::from_utf8(reply.body()).unwrap();
        writeln!(table, "{code:?} {} {body}", reply.status()).unwrap();
    }
    assert_eq!(table, TABLE);
}

#[test]
fn a_refused_field_names_its_place_in_the_body() {
    let error = Error::field(&["permission_grants", "2", "conditions", "email"], "is wrong");
    let reply = (dialect().problem)(&Problem::from(error), &ASKED);
    let body: serde_json::Value = serde_json::from_slice(reply.body()).unwrap();
    let place = serde_json::json!(["body", "permission_grants", 2, "conditions", "email"]);
    assert_eq!(body["detail"][0]["loc"], place);
}

#[tokio::test]
async fn the_page_of_a_link_that_is_gone_holds_nothing_but_that() {
    let server = TestServer::start().await;
    server.org("acme").await;
    let page = server.anonymous("GET", "/v1/acme/user/link/never-sent", None).await.expect(404);
    assert!(page.text().contains("has expired or was already used"));
    assert!(!page.text().contains("<p></p>"), "{}", page.text());
}
