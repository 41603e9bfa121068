//! The engine's errors in Amigo's words: `{"detail": text}`, and FastAPI's form for 422 (contract section 1.2).

use denizen_directory::{Error, ErrorCode};

use super::wire::{ErrorBody, ValidationErrorBody};
use crate::kernel::{Asked, ErrorResponse, FieldProblem, Loc, Problem, Reply, SchemaRef};

/// The status of each code. A snapshot in the tests holds the whole table.
pub(crate) fn status(code: ErrorCode) -> u16 {
    match code {
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
        ErrorCode::EmailTaken
        | ErrorCode::PhoneTaken
        | ErrorCode::RoleNameTaken
        | ErrorCode::OrganizationExists
        | ErrorCode::AccountTaken
        | ErrorCode::ConversationOpen => 409,
        ErrorCode::InvalidField | ErrorCode::TokenExpired => 422,
        ErrorCode::ReservedName | ErrorCode::LimitReached | ErrorCode::VariableNotFound => 400,
        // As when a request takes too long to be answered: the words say what may be tried again, and the header
        // `Retry-After` stands only beside what certainly was not done.
        ErrorCode::Busy
        | ErrorCode::Unavailable
        | ErrorCode::OutcomeUnknown
        | ErrorCode::OrganizationMoving => 503,
        ErrorCode::Internal => 500,
    }
}

pub(super) fn render(problem: &Problem, _: &Asked<'_>) -> Reply {
    match problem {
        Problem::Directory(error) => match status(error.code) {
            422 => unprocessable(&[field_problem(error)]),
            status => Reply::json(status, &ErrorBody { detail: error.text.clone() }),
        },
        Problem::Invalid(problems) => unprocessable(problems),
        other => {
            let (status, text) = other.status_and_text().unwrap_or((500, "Internal error".into()));
            Reply::json(status, &ErrorBody { detail: text.into_owned() })
        }
    }
}

fn unprocessable(problems: &[FieldProblem]) -> Reply {
    Reply::json(422, &serde_json::json!({ "detail": problems }))
}

/// A field that the rules refused, in the form of one that the reader refused.
fn field_problem(error: &Error) -> FieldProblem {
    if error.code == ErrorCode::TokenExpired {
        return FieldProblem::value_error(&error.text).at(["query", "continuation_token"]);
    }
    let mut loc = vec![Loc::from("body")];
    loc.extend(error.field.iter().map(|part| match part.parse() {
        Ok(index) => Loc::Index(index),
        Err(_) => Loc::Key(part.clone()),
    }));
    FieldProblem::value_error(&error.text).at(loc)
}

pub(super) fn describe(status: u16) -> ErrorResponse {
    let description = match status {
        400 => "The request cannot be carried out",
        401 => "Invalid credentials",
        403 => "Missing permission, or the caller is not verified",
        404 => "The organization, or the thing that the path names, was not found",
        409 => "It exists already",
        422 => "Something in path, query, headers or body is not of the published form",
        429 => "Rate limit exceeded; see `Retry-After`",
        503 => "Busy or stopping; try again",
        _ => "Error",
    };
    let schema =
        if status == 422 { SchemaRef::of::<ValidationErrorBody>() } else { SchemaRef::of::<ErrorBody>() };
    ErrorResponse { description, schema: Some(schema), content_type: "application/json" }
}
