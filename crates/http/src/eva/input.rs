//! What operations read alike: parameters, the language of mails, bodies.

use denizen_directory::ErrorCode;
use denizen_directory::operators::{AccessInput, EnvironmentInput};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::{MailLanguage, OperatorRole};
use serde::de::DeserializeOwned;

use super::wire::{Reference, UserEnvironmentInput, UserInput};
use crate::kernel::{Call, FieldProblem, Loc, Problem, QueryReader, read_body};

const JSON: &str = "application/json";

/// A parameter or field that cannot be accepted.
pub(super) fn refused<'p>(place: impl IntoIterator<Item = &'p str>, reason: impl Into<String>) -> Problem {
    Problem::field(FieldProblem::new("value_error", reason).at(place.into_iter().map(Loc::from)))
}

/// The user in the path. What cannot be an id is nobody's (contract section 2).
pub(super) fn user_id(call: &Call) -> Result<Uuid, Problem> {
    Uuid::parse(call.path("userUUID")).ok_or_else(|| ErrorCode::UserNotFound.into())
}

/// A whole number in the query with both bounds inclusive; what is absent or blank is the default.
pub(super) fn int(query: &mut QueryReader<'_>, name: &str, default: u32, least: u32, most: u32) -> u32 {
    let read = |text: &str| match text.trim() {
        "" => Ok(default),
        text => text.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            FieldProblem::new("value_error", format!("must be a whole number from {least} to {most}"))
        }),
    };
    query.custom(name, read).unwrap_or(default)
}

/// One of some words in the query, compared by a function; what is absent or blank is the default.
pub(super) fn word<T: Copy>(
    query: &mut QueryReader<'_>,
    name: &str,
    default: T,
    parse: impl FnOnce(&str) -> Option<T>,
    words: &str,
) -> T {
    let read = |text: &str| match text.trim() {
        "" => Ok(default),
        text => {
            parse(text).ok_or_else(|| FieldProblem::new("value_error", format!("must be one of {words}")))
        }
    };
    query.custom(name, read).unwrap_or(default)
}

/// The language of the mail to a new user: a header, or a parameter of the query where there is no such header (contract
/// section 11, row 4).
pub(super) fn language(call: &Call) -> Result<MailLanguage, Problem> {
    let header = call.headers().get("language").map(|value| ("header", value.to_str().unwrap_or("?")));
    let query = || call.query().get("language").map(|value| ("query", value));
    let Some((source, tag)) = header.or_else(query) else { return Ok(MailLanguage::default()) };
    let tag = tag.trim().to_ascii_lowercase();
    if tag.is_empty() {
        return Ok(MailLanguage::default());
    }
    MailLanguage::parse(&tag).ok_or_else(|| refused([source, "language"], "must be one of en, es, ja and pt"))
}

/// The body as JSON of this form. A request that does not say of which type it is, is taken at its word.
pub(super) fn json<T: DeserializeOwned>(call: &Call) -> Result<T, Problem> {
    let is_json = |value: &axum::http::HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        kind == JSON || (kind.starts_with("application/") && kind.ends_with("+json"))
    };
    if !call.headers().get("content-type").is_none_or(is_json) {
        return Err(Problem::UnsupportedMediaType { taken: JSON });
    }
    read_body(call)
}

/// The password of a body, if it has one, which has to be said twice (contract section 3).
pub(super) fn password(user: &mut UserInput) -> Result<Option<String>, Problem> {
    let spellings = [
        ("passwordConfirmation", user.password_confirmation.take()),
        ("confirmPassword", user.confirm_password.take()),
        ("passwordConfirm", user.password_confirm.take()),
    ];
    let password = user.password.take();
    let mut is_confirmed = false;
    for (name, repeated) in spellings {
        let Some(repeated) = repeated else { continue };
        match &password {
            None => return Err(refused(["body", "password"], "is missing")),
            Some(password) if *password != repeated => {
                return Err(refused(["body", name], "must be the same as password"));
            }
            Some(_) => is_confirmed = true,
        }
    }
    if password.is_some() && !is_confirmed {
        return Err(refused(["body", "passwordConfirmation"], "is missing"));
    }
    Ok(password)
}

/// What a new user is to reach.
pub(super) fn access(user: &mut UserInput) -> Result<AccessInput, Problem> {
    let is_admin = user.admin.unwrap_or_default();
    Ok(AccessInput { is_admin, environments: environments(user)?.unwrap_or_default() })
}

/// The environments of a body; `None` where it has none or they do not count.
pub(super) fn environments(user: &mut UserInput) -> Result<Option<Vec<EnvironmentInput>>, Problem> {
    let sent = user.environments.take();
    if user.admin == Some(true) {
        return Ok(None);
    }
    sent.map(|sent| sent.into_iter().enumerate().map(environment).collect()).transpose()
}

fn environment((index, sent): (usize, UserEnvironmentInput)) -> Result<EnvironmentInput, Problem> {
    let refused = |name: &str, reason: &str| {
        let place = [Loc::from("body"), Loc::from("environments"), Loc::Index(index), Loc::from(name)];
        Problem::field(FieldProblem::new("value_error", reason).at(place))
    };
    let role = sent.role.ok_or_else(|| refused("role", "is missing"))?;
    let role = OperatorRole::parse(role.trim())
        .ok_or_else(|| refused("role", "must be one of SUPERVISOR, EDITOR and VIEWER"))?;
    let environment = sent.environment.ok_or_else(|| refused("environment", "is missing"))?;
    let bots = sent.bots.unwrap_or_default();
    Ok(EnvironmentInput {
        role,
        environment: environment.id(),
        bots: bots.iter().map(Reference::id).collect(),
    })
}

/// A bot, where one is named: what is blank names none.
pub(super) fn bot(spellings: [Option<&str>; 2]) -> Option<&str> {
    spellings.into_iter().flatten().map(str::trim).find(|bot| !bot.is_empty())
}
