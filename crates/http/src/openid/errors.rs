//! The engine's errors in the form of OAuth: `{"error", "error_description"}` (RFC 6749, section 5.2; contract section 2).

use std::borrow::Cow;

use denizen_directory::ErrorCode;

use super::wire::ErrorBody;
use crate::kernel::{Asked, ErrorResponse, Problem, Reply, SchemaRef};

const INTERNAL: &str = "An unexpected error occurred";

/// The status of each code, and its word. A snapshot in the tests holds the whole table.
fn code(code: ErrorCode) -> (u16, &'static str) {
    match code {
        ErrorCode::InvalidCredentials => (401, "invalid_grant"),
        ErrorCode::OrganizationNotFound => (404, "realm_not_found"),
        ErrorCode::TooManyAttempts => (429, "temporarily_unavailable"),
        ErrorCode::Busy
        | ErrorCode::Unavailable
        | ErrorCode::OutcomeUnknown
        | ErrorCode::OrganizationMoving => (503, "temporarily_unavailable"),
        // No operation here answers any of these.
        ErrorCode::Forbidden
        | ErrorCode::Unverified
        | ErrorCode::UserNotFound
        | ErrorCode::RoleNotFound
        | ErrorCode::ApiKeyNotFound
        | ErrorCode::EmailTaken
        | ErrorCode::RoleNameTaken
        | ErrorCode::OrganizationExists
        | ErrorCode::InvalidField
        | ErrorCode::ReservedName
        | ErrorCode::LimitReached
        | ErrorCode::VariableNotFound
        | ErrorCode::LinkNotFound
        | ErrorCode::TokenExpired
        | ErrorCode::AccountNotFound
        | ErrorCode::AccountTaken
        | ErrorCode::ExternalEventNotFound
        | ErrorCode::ContactNotFound
        | ErrorCode::AttributeDefinitionNotFound
        | ErrorCode::ConversationNotFound
        | ErrorCode::MessageNotFound
        | ErrorCode::ConversationOpen
        | ErrorCode::AnonymizationNotFound
        | ErrorCode::PhoneTaken
        | ErrorCode::ConfigurationNotFound
        | ErrorCode::EnvironmentNotFound
        | ErrorCode::ClusterNotFound => (400, "invalid_request"),
        ErrorCode::Internal => (500, "server_error"),
    }
}

/// The word of a status that has no other.
fn word(status: u16) -> &'static str {
    match status {
        404 => "not_found",
        405 => "method_not_allowed",
        429 | 503 => "temporarily_unavailable",
        500 => "server_error",
        _ => "invalid_request",
    }
}

pub(super) fn render(problem: &Problem, _: &Asked<'_>) -> Reply {
    match problem {
        Problem::Directory(error) => {
            let (status, word) = code(error.code);
            let text = match error.code {
                // The same for whatever was wrong.
                ErrorCode::InvalidCredentials => "Invalid user credentials",
                ErrorCode::OrganizationNotFound => "Realm does not exist",
                ErrorCode::Internal => INTERNAL,
                _ => &error.text,
            };
            reply(status, word, text)
        }
        Problem::Invalid(problems) => {
            let texts: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
            reply(400, "invalid_request", &texts.join(", "))
        }
        other => {
            let (status, text) = other.status_and_text().unwrap_or((500, Cow::Borrowed(INTERNAL)));
            reply(status, word(status), &text)
        }
    }
}

/// An error of this form.
pub(super) fn reply(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, &ErrorBody { error, error_description: description })
}

pub(super) fn describe(status: u16) -> ErrorResponse {
    let description = match status {
        400 => "A field is missing, the grant is not supported, or the refresh token is not valid (any more)",
        401 => "Wrong, or no longer valid",
        404 => "There is no such realm",
        413 => "The body is too large",
        429 => "Too many attempts to sign in; see `Retry-After`",
        500 => "A defect",
        503 => "Busy or stopping; try again, see `Retry-After`",
        _ => "Error",
    };
    let schema = Some(SchemaRef::of::<ErrorBody<'static>>());
    ErrorResponse { description, schema, content_type: "application/json" }
}
