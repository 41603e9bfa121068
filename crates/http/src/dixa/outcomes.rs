//! What became of contacts that were to be made or changed: one by itself, or many in one call (contract section 5.3).

use std::fmt;

use denizen_directory::contacts::{ContactOutcome, ContactProblem, ContactView, Refusal};
use denizen_directory::{ErrorCode, OpContext};
use denizen_domain::ids::Uuid;

use super::wire::{
    BulkActionFailure, BulkActionFailureType, BulkActionOutcome, BulkActionSuccess, BulkActionSuccessType,
    BulkError, BulkErrorType, Data, DataList, EndUser, Id,
};
use super::{input, render};
use crate::kernel::{Problem, Reply};

/// What was to be done with a contact; the published texts differ in their signs, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Patch,
    Update,
}

/// An answer about one contact.
///
/// # Errors
/// 400 with the published text for what was refused, 404 for a contact that is not there.
pub(super) fn one(
    ctx: &OpContext,
    action: Action,
    id: Option<Uuid>,
    outcome: ContactOutcome,
) -> Result<Reply, Problem> {
    let problem = match outcome {
        Ok(ContactView { contact, attributes }) => {
            let status = if action == Action::Create { 201 } else { 200 };
            return Ok(Reply::json(status, &Data { data: render::contact(&contact, attributes) }));
        }
        Err(ContactProblem::NotFound) => return Err(ErrorCode::ContactNotFound.into()),
        Err(ContactProblem::Failed(error)) => return Err(error.into()),
        Err(problem @ (ContactProblem::EmptyPatch | ContactProblem::Refused(_))) => problem,
    };
    let tokens = tokens(&problem);
    Err(input::refused(match id {
        Some(id) => text(ctx, action, id, &tokens),
        // A contact that is not made has no id, where the published text for many gives it one.
        None => format!("Create EndUser [id:None] failed with [errors:{tokens}]"),
    }))
}

/// An answer about many contacts, in their order. It says success whatever became of them.
pub(super) fn many<'o>(
    ctx: &OpContext,
    action: Action,
    ids: impl Iterator<Item = Uuid>,
    outcomes: &'o [ContactOutcome],
) -> Reply {
    let outcome = |(id, outcome): (Uuid, &'o ContactOutcome)| match outcome {
        // Few have attributes.
        Ok(ContactView { contact, attributes }) => success(render::contact(contact, attributes.clone())),
        Err(problem) => BulkActionOutcome::Failure(BulkActionFailure {
            error: BulkError {
                id: Id(id),
                message: text(ctx, action, id, &tokens(problem)),
                kind: kind(problem),
            },
            kind: BulkActionFailureType,
        }),
    };
    let data: Vec<_> = ids.zip(outcomes).map(outcome).collect();
    Reply::json(if action == Action::Create { 201 } else { 200 }, &DataList { data })
}

fn success(data: EndUser<'_>) -> BulkActionOutcome<'_> {
    BulkActionOutcome::Success(Box::new(BulkActionSuccess { data, kind: BulkActionSuccessType }))
}

fn text(ctx: &OpContext, action: Action, id: Uuid, tokens: &impl fmt::Display) -> String {
    let organization = ctx.organization.uuid;
    match action {
        Action::Create => {
            format!("Create EndUser [userId={id}] in [orgId={organization}] failed with [errors={tokens}]")
        }
        Action::Patch => {
            format!("Updating EndUser [id={id}] in [org={organization}] failed with [errors={tokens}]")
        }
        Action::Update => format!("Updating EndUser [id:{id}] failed with [errors:{tokens}]"),
    }
}

fn kind(problem: &ContactProblem) -> BulkErrorType {
    match problem {
        ContactProblem::NotFound => BulkErrorType::NotFound,
        ContactProblem::EmptyPatch => BulkErrorType::EmptyPatchSet,
        ContactProblem::Refused(_) => BulkErrorType::Validation,
        ContactProblem::Failed(error) if error.code == ErrorCode::Internal => BulkErrorType::Integrity,
        ContactProblem::Failed(_) => BulkErrorType::Infrastructure,
    }
}

/// What is wrong, in the published words where there are any: those are the first two.
fn tokens(problem: &ContactProblem) -> String {
    let token = |refusal: &Refusal| match refusal {
        Refusal::EmailExists => "EmailExists",
        Refusal::PhoneNumberExists => "PhoneNumberExists",
        Refusal::InvalidEmail => "InvalidEmail",
        Refusal::InvalidPhoneNumber => "InvalidPhoneNumber",
        Refusal::InvalidDisplayName => "InvalidDisplayName",
        Refusal::InvalidFirstName => "InvalidFirstName",
        Refusal::InvalidLastName => "InvalidLastName",
        Refusal::InvalidMiddleNames => "InvalidMiddleNames",
        Refusal::InvalidExternalId => "InvalidExternalId",
        Refusal::InvalidAvatarUrl => "InvalidAvatarUrl",
        Refusal::TooLarge => "ContactTooLarge",
    };
    match problem {
        ContactProblem::Refused(refusals) => refusals.iter().map(token).collect::<Vec<_>>().join(", "),
        ContactProblem::NotFound => "NotFound".to_owned(),
        ContactProblem::EmptyPatch => "EmptyPatchSet".to_owned(),
        ContactProblem::Failed(_) => format!("{:?}", kind(problem)),
    }
}
