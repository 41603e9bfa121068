//! What operations read alike: ids in paths, filters, flags, lists of items.

use denizen_directory::contacts::{ContactFilter, ContactInput, ContactPatch, MAX_ITEMS};
use denizen_directory::{Error, ErrorCode};
use denizen_domain::ids::Uuid;

use super::wire::BulkInput;
use crate::kernel::{Call, FieldProblem, Loc, Problem};

/// A parameter of the path or the query that cannot be read.
pub(super) fn parameter(source: &'static str, name: &str, reason: &str) -> Problem {
    Problem::field(FieldProblem::new("value_error", reason).at([Loc::from(source), Loc::from(name)]))
}

/// A request that is refused as a whole, in the vendor's words.
pub(super) fn refused(text: impl Into<String>) -> Problem {
    Error::with_text(ErrorCode::InvalidField, text).into()
}

/// A UUID in the path.
pub(super) fn uuid(call: &Call, name: &str) -> Result<Uuid, Problem> {
    Uuid::parse(call.path(name)).ok_or_else(|| parameter("path", name, "must be a UUID"))
}

/// The id of a conversation in the path.
pub(super) fn conversation_id(call: &Call) -> Result<i64, Problem> {
    let name = "conversationId";
    call.path(name).parse().map_err(|_| parameter("path", name, "must be a whole number"))
}

/// `true` or `false` in the query, the last of several; `false` when nothing is said.
pub(super) fn flag(call: &Call, name: &str) -> Result<bool, Problem> {
    match call.query().get(name) {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(parameter("query", name, "must be true or false")),
    }
}

/// The one filter of a list. Clients send the same again beside a link's own parameters, so a filter may be there
/// several times; its last value counts.
pub(super) fn filter(call: &Call) -> Result<ContactFilter, Problem> {
    let query = call.query();
    let of = |name: &str| query.get(name).map(str::to_owned);
    match (of("email"), of("phone"), of("externalId")) {
        (None, None, None) => Ok(ContactFilter::All),
        (Some(email), None, None) => Ok(ContactFilter::Email(email)),
        (None, Some(phone), None) => Ok(ContactFilter::Phone(with_plus(phone))),
        (None, None, Some(external_id)) => Ok(ContactFilter::ExternalId(external_id)),
        _ => Err(refused("Invalid filters: Cannot provide more than one filter")),
    }
}

/// A number whose plus was not escaped: a query spells a space so, and no number begins with one.
fn with_plus(phone: String) -> String {
    match phone.strip_prefix(' ') {
        Some(rest) => format!("+{rest}"),
        None => phone,
    }
}

/// The items of a call about many contacts.
pub(super) fn items<T>(call: &Call, body: BulkInput<T>) -> Result<impl Iterator<Item = T>, Problem> {
    let items = body.data.unwrap_or_default();
    let most = call.app().settings.dixa.bulk_items.min(MAX_ITEMS);
    if items.len() > most {
        let reason = format!("must have at most {most} items");
        return Err(Problem::field(FieldProblem::new("too_long", reason).at(["body", "data"])));
    }
    Ok(items.into_iter().map(|item| item.0))
}

/// What was said of a contact, where nothing else is known of it.
pub(super) fn contact(said: impl Into<ContactPatch>) -> ContactInput {
    let said = said.into();
    ContactInput {
        display_name: said.display_name,
        first_name: said.first_name,
        last_name: said.last_name,
        middle_names: said.middle_names.unwrap_or_default(),
        email: said.email,
        additional_emails: said.additional_emails.unwrap_or_default(),
        phone: said.phone,
        additional_phones: said.additional_phones.unwrap_or_default(),
        external_id: said.external_id,
        avatar_url: said.avatar_url,
    }
}
