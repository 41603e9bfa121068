//! The engine's errors in the vendor's form: `{"message": text}` and nothing else, whatever the status (contract
//! section 6).

use std::borrow::Cow;

use denizen_directory::{Error, ErrorCode};

use super::wire::ErrorBody;
use crate::kernel::{Asked, ErrorResponse, FieldProblem, Loc, Problem, Reply, SchemaRef};

pub(super) const NOT_AUTHORIZED: &str = "User is unauthorized to perform an underlying operation";
const NOT_FOUND: &str = "The requested resource could not be found";
const OPEN: &str = "A conversation is not closed: close it, or send the request again with ?force=true";
const INTERNAL: &str = "There was an internal server error while processing the request";

/// The status of each code. A snapshot in the tests holds the whole table.
fn status(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::InvalidField
        | ErrorCode::EmailTaken
        | ErrorCode::PhoneTaken
        | ErrorCode::ReservedName
        | ErrorCode::LimitReached
        | ErrorCode::VariableNotFound
        | ErrorCode::TokenExpired => 400,
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
        ErrorCode::TooManyAttempts => 429,
        ErrorCode::RoleNameTaken
        | ErrorCode::OrganizationExists
        | ErrorCode::AccountTaken
        | ErrorCode::ConversationOpen
        // Not 5xx: the published client sends such a request again by itself, and might create something twice (contract
        // section 8.1).
        | ErrorCode::OutcomeUnknown => 409,
        ErrorCode::Internal => 500,
        ErrorCode::Busy | ErrorCode::Unavailable | ErrorCode::OrganizationMoving => 503,
    }
}

/// Words of the engine for which the vendor has others.
fn text(error: &Error) -> Cow<'_, str> {
    let has_own_words = error.text != Error::new(error.code).text;
    match status(error.code) {
        401 if !has_own_words => "Unauthorized".into(),
        403 if error.code == ErrorCode::Forbidden => NOT_AUTHORIZED.into(),
        404 => NOT_FOUND.into(),
        500 => INTERNAL.into(),
        409 if error.code == ErrorCode::ConversationOpen => OPEN.into(),
        _ => error.text.as_str().into(),
    }
}

pub(super) fn render(problem: &Problem, _: &Asked<'_>) -> Reply {
    let (status, message) = match problem {
        Problem::Directory(error) => (status(error.code), text(error)),
        Problem::Invalid(problems) => (400, invalid(problems).into()),
        Problem::NotFound => (404, NOT_FOUND.into()),
        Problem::Internal => (500, INTERNAL.into()),
        other => match other.status_and_text() {
            // See `ErrorCode::OutcomeUnknown`.
            Some((_, text)) if matches!(other, Problem::RequestTimeout { safe: false, .. }) => (409, text),
            known => known.unwrap_or((500, INTERNAL.into())),
        },
    };
    Reply::json(status, &ErrorBody { message })
}

/// As the published service words it: what of the request is wrong, the reason behind it.
fn invalid(problems: &[FieldProblem]) -> String {
    let words = |problem: &FieldProblem| {
        let (source, place) = match problem.loc.split_first() {
            Some((Loc::Key(source), place)) => (source.as_str(), place),
            _ => ("request", &problem.loc[..]),
        };
        let reason = &problem.message;
        match (source, place) {
            // Where it stops being JSON, which is no field.
            ("body", [Loc::Index(position)]) if problem.kind == "json_invalid" => {
                format!("Invalid value for: body ({}, at byte {position})", no_json(problem))
            }
            ("body", []) => format!("Invalid value for: body ({reason})"),
            ("body", place) => format!("Invalid value for: body ({reason} at '{}')", path(place)),
            (source @ ("query" | "path"), place) => {
                format!("Invalid value for: {source} parameter {} ({reason})", path(place))
            }
            _ => reason.clone(),
        }
    };
    problems.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// Such a problem has its reason in the context, and one that is the same for all in the message.
fn no_json(problem: &FieldProblem) -> &str {
    let context = problem.ctx.as_ref().and_then(|ctx| ctx.get("error"));
    context.and_then(serde_json::Value::as_str).unwrap_or(&problem.message)
}

/// `data[0].email`
fn path(place: &[Loc]) -> String {
    let mut path = String::new();
    for step in place {
        let part = match step {
            Loc::Index(index) => format!("[{index}]"),
            Loc::Key(key) if key.bytes().all(|byte| byte.is_ascii_digit()) => format!("[{key}]"),
            Loc::Key(key) if path.is_empty() => key.clone(),
            Loc::Key(key) => format!(".{key}"),
        };
        path.push_str(&part);
    }
    path
}

pub(super) fn describe(status: u16) -> ErrorResponse {
    let description = match status {
        400 => "Something in path, query or body is not of the published form, or cannot be accepted",
        401 => "Invalid token; in some operations also one without the permission",
        403 => "The token lacks the permission",
        404 => "There is no such thing",
        409 => {
            "A conversation is not closed; or the outcome of the change is unknown, which the message says then"
        }
        413 => "The body is too large",
        429 => "The token has called too often; see `Retry-After`",
        500 => "A defect",
        503 => "Busy or stopping, and nothing was done; try again",
        _ => "Error",
    };
    let schema = Some(SchemaRef::of::<ErrorBody<'static>>());
    ErrorResponse { description, schema, content_type: "application/json" }
}
