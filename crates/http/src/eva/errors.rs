//! The engine's errors in the vendor's form, `StandardError`: the shape that Spring gives to errors (contract section 2).

use std::borrow::Cow;

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use denizen_directory::{Error, ErrorCode};

use super::wire::{Millis, StandardError};
use crate::kernel::{Asked, ErrorResponse, FieldProblem, Loc, Problem, Reply, SchemaRef};

const INTERNAL: &str = "An unexpected error occurred";

/// The status of each code. A snapshot in the tests holds the whole table.
fn status(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::InvalidField
        | ErrorCode::ReservedName
        | ErrorCode::LimitReached
        | ErrorCode::VariableNotFound
        | ErrorCode::TokenExpired
        | ErrorCode::PhoneTaken => 400,
        ErrorCode::InvalidCredentials => 401,
        ErrorCode::Forbidden | ErrorCode::Unverified => 403,
        ErrorCode::OrganizationNotFound
        | ErrorCode::UserNotFound
        | ErrorCode::RoleNotFound
        | ErrorCode::ApiKeyNotFound
        | ErrorCode::LinkNotFound
        | ErrorCode::AccountNotFound
        | ErrorCode::ExternalEventNotFound
        | ErrorCode::ContactNotFound
        | ErrorCode::AttributeDefinitionNotFound
        | ErrorCode::ConversationNotFound
        | ErrorCode::MessageNotFound
        | ErrorCode::AnonymizationNotFound
        | ErrorCode::ConfigurationNotFound
        | ErrorCode::EnvironmentNotFound
        | ErrorCode::ClusterNotFound => 404,
        ErrorCode::EmailTaken
        | ErrorCode::RoleNameTaken
        | ErrorCode::OrganizationExists
        | ErrorCode::AccountTaken
        | ErrorCode::ConversationOpen => 409,
        ErrorCode::TooManyAttempts => 429,
        ErrorCode::Internal => 500,
        ErrorCode::Busy
        | ErrorCode::Unavailable
        | ErrorCode::OutcomeUnknown
        | ErrorCode::OrganizationMoving => 503,
    }
}

/// The status and the words of a problem.
pub(super) fn described(problem: &Problem) -> (u16, Cow<'_, str>) {
    match problem {
        Problem::Directory(error) if error.code == ErrorCode::Internal => (500, INTERNAL.into()),
        Problem::Directory(error) => (status(error.code), text(error)),
        Problem::Invalid(problems) => (400, invalid(problems).into()),
        Problem::Internal => (500, INTERNAL.into()),
        other => other.status_and_text().unwrap_or((500, INTERNAL.into())),
    }
}

/// What is wrong, and of which field where it is one's.
fn text(error: &Error) -> Cow<'_, str> {
    if error.field.is_empty() {
        return error.text.as_str().into();
    }
    let steps: Vec<Loc> = error.field.iter().map(|step| Loc::from(step.as_str())).collect();
    format!("{}: {}", path(&steps), error.text).into()
}

pub(super) fn render(problem: &Problem, asked: &Asked<'_>) -> Reply {
    let (status, message) = described(problem);
    let reply = Reply::json(status, &standard(status, message, asked));
    if status == 401 {
        return reply.header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    reply
}

/// The body of an error.
pub(super) fn standard<'e>(status: u16, message: Cow<'e, str>, asked: &Asked<'e>) -> StandardError<'e> {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    StandardError {
        timestamp: Millis(asked.now),
        status,
        error: reason.unwrap_or("Error"),
        message,
        path: asked.path.into(),
    }
}

/// Each field that is wrong with the reason.
fn invalid(problems: &[FieldProblem]) -> String {
    let words = |problem: &FieldProblem| {
        let place = problem.loc.get(1..).unwrap_or_default();
        let reason = &problem.message;
        match place {
            // Where it stops being JSON, which is no field.
            [Loc::Index(position)] if problem.kind == "json_invalid" => {
                format!("The body is not valid: {}, at byte {position}", no_json(problem))
            }
            [] => format!("The body is not valid: {reason}"),
            place => format!("{}: {reason}", path(place)),
        }
    };
    problems.iter().map(words).collect::<Vec<_>>().join("; ")
}

/// Such a problem has its reason in the context, and one that is the same for all in the message.
fn no_json(problem: &FieldProblem) -> &str {
    let context = problem.ctx.as_ref().and_then(|ctx| ctx.get("error"));
    context.and_then(serde_json::Value::as_str).unwrap_or(&problem.message)
}

/// `environments[0].bots`
fn path(place: &[Loc]) -> String {
    let mut path = String::new();
    for step in place {
        let part = match step {
            Loc::Index(index) => format!("[{index}]"),
            Loc::Key(key) if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("[{key}]")
            }
            Loc::Key(key) if path.is_empty() => key.clone(),
            Loc::Key(key) => format!(".{key}"),
        };
        path.push_str(&part);
    }
    path
}

pub(super) fn describe(status: u16) -> ErrorResponse {
    let description = match status {
        400 => "A field or parameter is missing or cannot be accepted",
        401 => "No token, or one that is not valid (any more); see `WWW-Authenticate`",
        403 => "Not an administrator of this organization",
        404 => "There is no such thing",
        409 => "Another user of the organization has this email",
        413 => "The body is too large",
        415 => "The body is of another type",
        429 => "Too many calls; see `Retry-After`",
        500 => "A defect",
        503 => "Busy or stopping; try again",
        _ => "Error",
    };
    let schema = Some(SchemaRef::of::<StandardError<'static>>());
    ErrorResponse { description, schema, content_type: "application/json" }
}
