//! The native API: what denizen can do that no vendor's API has a place for. The list below is what is routed, documented
//! and tested.
//!
//! Callers are the organization's own users, with the credentials that they have in other dialects. Problems are told as
//! RFC 9457 asks; [`wire`] holds the structs, [`ingest`] the stream of records.

mod delete_google_account;
mod errors;
mod fields;
mod get_bots;
mod get_contacts;
mod get_environments;
mod get_google_account;
mod get_jobs;
mod get_operators;
pub mod ingest;
mod put_google_account;
mod strict;
mod wire;

use serde_json::json;

use crate::kernel::{Dialect, Operation, QueryParam, SecurityKind, SecurityScheme, handler};

/// The most contacts in one answer.
const MOST_CONTACTS: i64 = 100;
/// The most operators in one answer.
const MOST_OPERATORS: i64 = 100;
/// The most environments or bots in one answer.
const MOST_PLACES: i64 = 1_000;
/// The most jobs in one answer, and how many there are when nobody asks for a number.
const MOST_JOBS: i64 = 1_000;

const SCHEMES: &[SecurityScheme] = &[
    SecurityScheme {
        name: "Bearer",
        kind: SecurityKind::Bearer("JWT"),
        description: "A token from the sign-in of another API of this server, valid for an hour.",
    },
    SecurityScheme {
        name: "Basic",
        kind: SecurityKind::Basic,
        description: "User name `{organization}_{user_id}`, password a token.",
    },
    SecurityScheme {
        name: "Organization",
        kind: SecurityKind::Header("X-ORG-ID"),
        description: "The organization that issued the credentials, when it is not the one in the path.",
    },
    SecurityScheme {
        name: "ApiKey",
        kind: SecurityKind::Header("X-API-KEY"),
        description: "The secret of an API key.",
    },
    SecurityScheme {
        name: "ApiKeyId",
        kind: SecurityKind::Header("X-API-KEY-ID"),
        description: "The id of an API key.",
    },
    SecurityScheme {
        name: "ApiKeyUser",
        kind: SecurityKind::Header("X-USER-ID"),
        description: "The user to act as; the key's role must be above the user's.",
    },
];

const VARIABLES: &[(&str, &str)] = &[
    ("X-API-KEY", "AMIGO_API_KEY"),
    ("X-API-KEY-ID", "AMIGO_API_KEY_ID"),
    ("X-USER-ID", "AMIGO_USER_ID"),
    ("organization", "AMIGO_ORGANIZATION_ID"),
];

const WAYS: &[&[&str]] =
    &[&["ApiKey", "ApiKeyId", "ApiKeyUser"], &["Bearer"], &["Bearer", "Organization"], &["Basic"]];

/// The native API, as the kernel serves it.
pub fn dialect() -> Dialect {
    Dialect {
        name: "admin",
        title: "denizen: records in bulk, linked accounts, jobs",
        description: "What no vendor's API has a place for. Permissions are those of the organization's roles, and \
                      callers have the credentials that they have elsewhere.",
        version: "v1",
        roots: &["/admin"],
        fits: |_, _| true,
        judges_params: false,
        falls_through: false,
        problem: errors::render,
        operations,
        headers: &[],
        security_schemes: SCHEMES,
        security: WAYS,
        variables: VARIABLES,
        error_response: errors::describe,
    }
}

fn operations() -> Vec<Operation> {
    let account = "/admin/v1/{organization}/user/{user_id}/google_account";
    let operations = vec![
        Operation::post("/admin/v1/{organization}/ingest", "ingest", handler(ingest::handle))
            .tag("records")
            .summary("Take records in, any number of them, one in each line")
            .description(
                "Needs the permission `Directory:IngestRecords`; a `contact`, and an `attribute_definition` that changes \
                 something, needs `Directory:WriteContact`, too, an `environment` or `bot` that changes something \
                 `Directory:WriteOperator`, and a user's `google_account` `Directory:LinkAccount`. \
                 Records are written by their ids, any number of times; the same record again changes nothing. \
                 Records of users come in any order. Those of a help desk refer to what is there or comes before \
                 them: a conversation to its contact, a message to its conversation, attributes to their \
                 definitions; so does a bot to its environment. Each line is answered as soon as it is done, while later ones are still on their way, so a client has to read while it writes. The last \
                 line is a `summary`, or says where the stream was `stopped`; an answer without either was cut off. \
                 A line that is refused harms no other.",
            )
            .query(
                QueryParam::new("results", json!({"type": "string", "enum": ["all", "refused"], "default": "all"}))
                    .about("Which lines are answered: all, or only those that were refused."),
            )
            .streaming::<wire::Record>()
            .responds_lines::<wire::Line>(200)
            .rate("ingest")
            .errors(&[401, 403, 404, 422, 429, 503]),
        Operation::get(account, "get-google-account", handler(get_google_account::handle))
            .tag("linked accounts")
            .summary("The account at Google Identity Platform that is linked to a user")
            .description("Needs the permission `Directory:LinkAccount` on the user.")
            .responds::<wire::GoogleAccount>(200)
            .rate("google_account")
            .errors(&[401, 403, 404, 429, 503]),
        Operation::put(account, "put-google-account", handler(put_google_account::handle))
            .tag("linked accounts")
            .summary("Link an account at Google Identity Platform to a user")
            .description(
                "Needs the permission `Directory:LinkAccount` on the user. The account replaces the one that the user \
                 has, and is deleted at Google when the user is deleted here.",
            )
            .body::<wire::GoogleAccount>()
            .example(json!({"account_id": "Yk3nTq0ZbVhR2m8sLw1x"}))
            .responds_empty(204)
            .rate("google_account")
            .errors(&[401, 403, 404, 409, 413, 422, 429, 503]),
        Operation::delete(account, "delete-google-account", handler(delete_google_account::handle))
            .tag("linked accounts")
            .summary("Forget the account at Google Identity Platform that is linked to a user")
            .description("Needs the permission `Directory:LinkAccount` on the user. At Google the account stays.")
            .responds_empty(204)
            .rate("google_account")
            .errors(&[401, 403, 404, 429, 503]),
        Operation::get("/admin/v1/{organization}/contacts", "get-contacts", handler(get_contacts::handle))
            .tag("contacts")
            .summary("Find contacts of the help desk: whom a request for information or erasure is about")
            .description(
                "Needs the permission `Directory:ReadContact`. First come those with an address or number that begins \
                 with the text, then those with a name that contains it, whatever the letter case and accents. Who was \
                 anonymized is not found: nothing is left to find anybody by.",
            )
            .query(QueryParam::text("query").required().about("A part of a name, or the beginning of an address or number."))
            .query(QueryParam::int("limit", get_contacts::SOME, 1, MOST_CONTACTS))
            .responds::<wire::contacts::Contacts>(200)
            .rate("get_contacts")
            .errors(&[401, 403, 404, 422, 429, 503]),
        Operation::get("/admin/v1/{organization}/environments", "get-environments", handler(get_environments::handle))
            .tag("operators")
            .summary("The environments in which bots live")
            .description(
                "Needs the permission `Directory:ReadOperator`. Active or not; they come as records.",
            )
            .query(after())
            .query(QueryParam::int("limit", get_environments::SOME, 1, MOST_PLACES))
            .responds::<wire::registry::Environments>(200)
            .rate("get_environments")
            .errors(&[401, 403, 404, 422, 429, 503]),
        Operation::get("/admin/v1/{organization}/bots", "get-bots", handler(get_bots::handle))
            .tag("operators")
            .summary("The bots, of one environment or of all")
            .description(
                "Needs the permission `Directory:ReadOperator`. Active or not; they come as records.",
            )
            .query(QueryParam::new("environment_id", json!({"type": "string", "format": "uuid"})).about("Only its bots."))
            .query(after())
            .query(QueryParam::int("limit", get_environments::SOME, 1, MOST_PLACES))
            .responds::<wire::registry::Bots>(200)
            .rate("get_bots")
            .errors(&[401, 403, 404, 422, 429, 503]),
        Operation::get("/admin/v1/{organization}/operators", "get-operators", handler(get_operators::handle))
            .tag("operators")
            .summary("Find operators: whom a request for information or erasure is about")
            .description(
                "Needs the permission `Directory:ReadOperator`. Finds those whose name, address or company contains the \
                 text, whatever the letter case and accents, in the order of their names. An empty text means everybody.",
            )
            .query(QueryParam::text("query").required().about("A part of a name, an address or a company."))
            .query(QueryParam::int("limit", get_operators::SOME, 1, MOST_OPERATORS))
            .responds::<wire::registry::Operators>(200)
            .rate("get_operators")
            .errors(&[401, 403, 404, 422, 429, 503]),
        Operation::get("/admin/v1/{organization}/jobs", "get-jobs", handler(get_jobs::handle))
            .tag("jobs")
            .summary("The work that is waiting, running or has failed")
            .description("Needs the permission `Directory:GetJob`. A job that is done is no longer there.")
            .query(QueryParam::int("limit", MOST_JOBS, 1, MOST_JOBS).about("The oldest come first."))
            .responds::<wire::Jobs>(200)
            .rate("get_jobs")
            .errors(&[401, 403, 404, 422, 429, 503]),
    ];
    operations.into_iter().map(|operation| operation.issuer_header("x-org-id")).collect()
}

/// Where a list goes on.
fn after() -> QueryParam {
    QueryParam::new("after", json!({"type": "string", "format": "uuid"}))
        .about("Only what has greater ids: the last one of the page before.")
}
