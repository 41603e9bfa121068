//! The engine's errors as problem details (RFC 9457), and as problems of single lines of a stream.

use axum::http::HeaderValue;
use denizen_directory::{Error, ErrorCode};

use super::wire::{FieldError, LineProblem, ProblemBody};
use crate::kernel::{Asked, ErrorResponse, Loc, Problem, Reply, SchemaRef};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The status and the name of each code. A snapshot in the tests holds the whole table.
fn of_code(code: ErrorCode) -> (u16, &'static str) {
    match code {
        ErrorCode::InvalidCredentials => (401, "invalid_credentials"),
        ErrorCode::Forbidden => (403, "forbidden"),
        ErrorCode::Unverified => (403, "unverified"),
        ErrorCode::OrganizationNotFound => (404, "organization_not_found"),
        ErrorCode::UserNotFound => (404, "user_not_found"),
        ErrorCode::RoleNotFound => (404, "role_not_found"),
        ErrorCode::ApiKeyNotFound => (404, "api_key_not_found"),
        ErrorCode::LinkNotFound => (404, "link_not_found"),
        ErrorCode::AccountNotFound => (404, "account_not_found"),
        ErrorCode::ExternalEventNotFound => (404, "external_event_not_found"),
        ErrorCode::ContactNotFound => (404, "contact_not_found"),
        ErrorCode::AttributeDefinitionNotFound => (404, "attribute_definition_not_found"),
        ErrorCode::ConversationNotFound => (404, "conversation_not_found"),
        ErrorCode::MessageNotFound => (404, "message_not_found"),
        ErrorCode::AnonymizationNotFound => (404, "anonymization_not_found"),
        ErrorCode::ConfigurationNotFound => (404, "configuration_not_found"),
        ErrorCode::EnvironmentNotFound => (404, "environment_not_found"),
        ErrorCode::TooManyAttempts => (429, "too_many_attempts"),
        ErrorCode::OrganizationMoving => (503, "organization_moving"),
        ErrorCode::ClusterNotFound => (404, "cluster_not_found"),
        ErrorCode::VariableNotFound => (404, "variable_not_found"),
        ErrorCode::EmailTaken => (409, "email_taken"),
        ErrorCode::PhoneTaken => (409, "phone_taken"),
        ErrorCode::RoleNameTaken => (409, "role_name_taken"),
        ErrorCode::OrganizationExists => (409, "organization_exists"),
        ErrorCode::AccountTaken => (409, "account_taken"),
        ErrorCode::ConversationOpen => (409, "conversation_open"),
        ErrorCode::LimitReached => (409, "limit_reached"),
        ErrorCode::InvalidField => (422, "invalid_field"),
        ErrorCode::ReservedName => (422, "reserved_name"),
        ErrorCode::TokenExpired => (422, "token_expired"),
        ErrorCode::Busy => (503, "busy"),
        ErrorCode::Unavailable => (503, "unavailable"),
        ErrorCode::OutcomeUnknown => (503, "outcome_unknown"),
        ErrorCode::Internal => (500, "internal"),
    }
}

/// The name of a problem that the kernel finds; its status and words are the kernel's.
fn of_kernel(problem: &Problem) -> &'static str {
    match problem {
        Problem::NotFound => "not_found",
        Problem::MethodNotAllowed { .. } => "method_not_allowed",
        Problem::UnsupportedMediaType { .. } => "unsupported_media_type",
        Problem::BodyTooLarge { .. } => "body_too_large",
        Problem::HeadersTooLarge { .. } => "headers_too_large",
        Problem::BodyTimeout { .. } => "body_timeout",
        Problem::BodyUnreadable => "body_unreadable",
        Problem::RequestTimeout { .. } => "request_timeout",
        Problem::Overloaded => "busy",
        Problem::RateLimited { .. } | Problem::TooManyRequests { .. } => "rate_limited",
        Problem::Internal | Problem::Directory(_) | Problem::Invalid(_) => "internal",
    }
}

/// Status, name and words of a problem.
fn described(problem: &Problem) -> (u16, &'static str, String) {
    match problem {
        Problem::Directory(error) => {
            let (status, code) = of_code(error.code);
            (status, code, error.text.clone())
        }
        Problem::Invalid(_) => (
            422,
            "invalid_field",
            "Something in path, query, headers or body is not of the published form".to_owned(),
        ),
        other => {
            let (status, text) = other.status_and_text().unwrap_or((500, "Internal error".into()));
            (status, of_kernel(other), text.into_owned())
        }
    }
}

pub(super) fn render(problem: &Problem, _: &Asked<'_>) -> Reply {
    let (status, code, detail) = described(problem);
    let errors = match problem {
        Problem::Invalid(problems) => problems
            .iter()
            .map(|problem| FieldError {
                field: problem.loc.iter().map(step).collect(),
                message: problem.message.clone(),
            })
            .collect(),
        Problem::Directory(error) if !error.field.is_empty() => {
            let field = std::iter::once("body".to_owned()).chain(error.field.iter().cloned()).collect();
            vec![FieldError { field, message: error.text.clone() }]
        }
        _ => Vec::new(),
    };
    let body = ProblemBody { r#type: "about:blank", title: title(status), status, code, detail, errors };
    Reply::json(status, &body).header(axum::http::header::CONTENT_TYPE, PROBLEM_JSON)
}

fn step(step: &Loc) -> String {
    match step {
        Loc::Key(key) => key.clone(),
        Loc::Index(index) => index.to_string(),
    }
}

/// Why a line of a stream was refused.
pub(super) fn of_line(error: Error) -> LineProblem {
    LineProblem { code: of_code(error.code).1, message: error.text, field: error.field }
}

/// Why a stream ends before its end: the code and the words.
pub(super) fn of_stream(problem: &Problem) -> (&'static str, String) {
    let (_, code, message) = described(problem);
    (code, message)
}

fn title(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}

pub(super) fn describe(status: u16) -> ErrorResponse {
    let description = match status {
        401 => "Invalid credentials",
        403 => "Missing permission, or the caller is not verified",
        404 => "The organization, or the thing that the path names, was not found",
        409 => "It is taken already",
        413 => "The body is too large",
        422 => "Something in path, query, headers or body is not of the published form",
        429 => "Rate limit exceeded; see `Retry-After`",
        503 => "Busy or stopping; try again",
        _ => "Error",
    };
    let schema = Some(SchemaRef::of::<ProblemBody>());
    ErrorResponse { description, schema, content_type: "application/problem+json" }
}
