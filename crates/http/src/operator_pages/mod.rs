//! The pages that operators see who were written to: where the mailed link lands, with which a password is chosen. They
//! belong to no vendor's API, and are for people: in four languages, without a script, and also what goes wrong is a page.
//!
//! Opening a link uses nothing up, for programs that look into mails open links, too.

mod page;
mod words;

use std::collections::BTreeMap;

use axum::http::HeaderValue;
use axum::http::header::RETRY_AFTER;
use denizen_directory::{Error, ErrorCode};
use denizen_domain::operator::MailLanguage;

use crate::kernel::{Asked, Call, Form, Mounted, Operation, Problem, Reply, handler, preferred};
use page::{Complaint, form, in_every_language, notice, reply};
use words::Words;

/// The path of a mailed link.
const LINK: &str = "/operators/{organization}/password/{secret}";

pub(crate) fn mounted() -> Mounted {
    let operations = vec![
        Operation::get(LINK, "open-password-page", handler(open)).public(),
        Operation::post(LINK, "set-password", handler(apply)).public().form::<BTreeMap<String, String>>(),
    ];
    Mounted { roots: &["/operators"], problem, ..Mounted::own("operator_pages", operations) }
}

async fn open(call: Call) -> Result<Reply, Problem> {
    let directory = call.directory();
    match directory.open_operator_link(call.path("organization"), call.path("secret")).await {
        Ok(opened) => {
            let language = asked(&call).unwrap_or(opened.language);
            let policy = &directory.settings().password_policy;
            Ok(reply(200, form(language, &opened.organization_name, policy, None)))
        }
        Err(error) => gone(&call, error).await,
    }
}

async fn apply(call: Call) -> Result<Reply, Problem> {
    let directory = call.directory();
    let (organization, secret) = (call.path("organization"), call.path("secret"));
    let opened = match directory.open_operator_link(organization, secret).await {
        Ok(opened) => opened,
        Err(error) => return gone(&call, error).await,
    };
    let language = asked(&call).unwrap_or(opened.language);
    let words = Words::of(language);
    let name = &opened.organization_name;
    // What is no form of two fields is answered as an empty one is, in the language of the link.
    let sent = Form::read(&call).ok();
    let field = |name| sent.as_ref().and_then(|sent| sent.get(name)).unwrap_or_default().to_owned();
    let (password, confirmation) = (field("password"), field("confirmation"));
    let Err(error) = directory.use_operator_link(organization, secret, password.clone(), &confirmation).await
    else {
        return Ok(reply(200, notice(language, words.done, name, words.sign_in)));
    };
    let policy = &directory.settings().password_policy;
    let again =
        |status, complaint: &Complaint<'_>| reply(status, form(language, name, policy, Some(complaint)));
    match error.code {
        ErrorCode::InvalidField if error.field.first().is_some_and(|field| field == "password") => {
            Ok(again(422, &Complaint::Password(&password)))
        }
        ErrorCode::InvalidField => Ok(again(422, &Complaint::Differ)),
        ErrorCode::Busy | ErrorCode::OrganizationMoving => {
            Ok(again(503, &Complaint::Busy).header(RETRY_AFTER, HeaderValue::from_static("1")))
        }
        _ => gone(&call, error).await,
    }
}

/// The language that was chosen on the page.
fn asked(call: &Call) -> Option<MailLanguage> {
    call.query().get("language").and_then(MailLanguage::parse)
}

/// A page instead of an error: a person is reading. It speaks the language in which the operator was written to, as far as
/// that is known still, or else one that the browser asks for.
async fn gone(call: &Call, error: Error) -> Result<Reply, Problem> {
    if !matches!(error.code, ErrorCode::LinkNotFound | ErrorCode::OrganizationNotFound) {
        return Err(error.into());
    }
    let mut language = asked(call);
    if language.is_none() {
        let (organization, secret) = (call.path("organization"), call.path("secret"));
        language = call.directory().operator_link_language(organization, secret).await?;
    }
    let language = language.or_else(|| {
        let offered = MailLanguage::ALL.map(MailLanguage::as_str);
        preferred(call.header("accept-language")?, &offered).and_then(MailLanguage::parse)
    });
    let language = language.unwrap_or_default();
    let words = Words::of(language);
    Ok(reply(404, notice(language, words.gone, "", words.ask)))
}

/// What is met before anything is known of who reads it.
fn problem(problem: &Problem, _: &Asked<'_>) -> Reply {
    let status = match problem {
        Problem::Directory(error) => match error.code {
            ErrorCode::Busy
            | ErrorCode::Unavailable
            | ErrorCode::OutcomeUnknown
            | ErrorCode::OrganizationMoving => 503,
            _ => 500,
        },
        other => other.status_and_text().map_or(500, |(status, _)| status),
    };
    let is_nothing = matches!(problem, Problem::NotFound | Problem::MethodNotAllowed { .. });
    reply(status, in_every_language(|words| if is_nothing { words.nothing } else { words.failed }))
}
