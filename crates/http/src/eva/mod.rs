//! eva's User API: the operators of an organization, their mass creation, and the values that programs keep for them. The
//! list below is what is routed, documented and tested.
//!
//! Every path is served below `/eva-user`, and without that beginning, which gateways take off (contract section 2). One
//! file for an operation, or for two that differ in one field; [`wire`] holds the vendor's structs and nothing else does.

mod caller;
mod create_user;
mod delete_user;
mod errors;
mod get_configuration;
mod get_own_user;
mod get_user;
mod import_users;
mod input;
mod list_users;
mod quicksearch;
mod render;
mod set_configuration;
mod update_user;
mod wire;

use axum::http::Method;
use serde_json::json;

use crate::kernel::{Dialect, Handler, Operation, QueryParam, SecurityKind, SecurityScheme, handler};

const SCHEMES: &[SecurityScheme] = &[SecurityScheme {
    name: "Bearer",
    kind: SecurityKind::Bearer("JWT"),
    description: "An access token of a user, from the token endpoint of the organization's realm.",
}];

/// eva's User API, as the kernel serves it.
pub fn dialect() -> Dialect {
    Dialect {
        name: "eva",
        title: "eva: users of the cockpit",
        description: "eva's User API as it is published, served by denizen: the users who look after the bots of an \
                      organization, and the values that programs keep for them. A caller acts in the own organization \
                      only. Paths begin with `/eva-user`, or without it.",
        version: "4.8.0",
        roots: &["/eva-user", "/org"],
        fits: |_, _| true,
        // What cannot be the id of a user is nobody's, and what cannot be that of an organization is another one's, both
        // after it is known who calls.
        judges_params: true,
        falls_through: false,
        problem: errors::render,
        operations,
        headers: &[],
        security_schemes: SCHEMES,
        security: &[&["Bearer"]],
        variables: &[("Authorization", "DENIZEN_EVA_TOKEN"), ("orgUUID", "DENIZEN_ORG_UUID")],
        error_response: errors::describe,
    }
}

/// A path with and without the beginning. It has to be put together when the program is built.
macro_rules! both {
    ($path:literal) => {
        (concat!("/eva-user/org/{orgUUID}/users", $path), concat!("/org/{orgUUID}/users", $path))
    };
}

fn operations() -> Vec<Operation> {
    let mut operations = list_operations();
    operations.extend(user_operations());
    operations.extend(creating_operations());
    operations.extend(configuration_operations());
    operations.extend(csv_operations());
    operations
}

fn operation(
    method: Method,
    (path, short): (&'static str, &'static str),
    id: &'static str,
    handle: Handler,
) -> Operation {
    Operation::new(method.clone(), path, id, handle).alias(method, short)
}

/// What every operation can answer, besides what it says itself.
const ALWAYS: &[u16] = &[401, 429, 500, 503];
/// Of operations with a JSON body.
const OF_BODY: &[u16] = &[400, 413, 415];
const ADMINISTRATORS: &str = "Administrators only.";

/// An id of the caller's own, which the answer repeats and the log has (contract section 2).
fn traced(operation: Operation) -> Operation {
    operation.header(
        "x-request-id",
        "An id for the log, which the answer repeats; without one it is given one.",
        false,
    )
}

/// In which language a new user is written to.
fn mailed(operation: Operation) -> Operation {
    let about = "The language of the mail to the new user: `en` (default), `es`, `ja` or `pt`.";
    let schema = json!({"type": "string", "enum": ["en", "es", "ja", "pt"], "default": "en"});
    operation
        .header("language", about, false)
        .query(QueryParam::new("language", schema).about("As the header, which wins where both are there."))
}

fn list_operations() -> Vec<Operation> {
    let orders = ["createdAt", "name", "email", "company", "admin", "uuid"];
    let schema = |names: &[&str], default: &str| json!({"type": "string", "enum": names, "default": default});
    let int = |name, default: u32, least: u32, most: u32| {
        QueryParam::int(name, i64::from(default), i64::from(least), i64::from(most))
    };
    vec![
        operation(Method::GET, both!(""), "getUsers", handler(list_users::handle))
            .tag("users")
            .summary("List users")
            .description("Administrators only. Without bots. Users who are equal by the order are sorted by their ids.")
            .query(int("page", 0, 0, list_users::LAST_PAGE).about("The number of the page, from 0."))
            .query(
                int("linesPerPage", list_users::DEFAULT_LINES, 1, list_users::MOST_LINES)
                    .about("How many users a page has."),
            )
            .query(QueryParam::new("orderBy", schema(&orders, "createdAt")).about("What users are sorted by."))
            .query(
                QueryParam::new("direction", schema(&["ASC", "DESC"], "DESC"))
                    .about("Rising or falling, in any letter case."),
            )
            .query(
                QueryParam::text("searchTerms")
                    .about("Only users who have this in their name, email or company, in any letter case."),
            )
            .responds::<wire::Page<wire::User>>(200)
            .errors(ALWAYS)
            .errors(&[400, 403]),
        traced(operation(
            Method::GET,
            both!("/quicksearch"),
            "quicksearchUsers",
            handler(quicksearch::handle),
        ))
        .tag("users")
        .summary("Suggest names of users")
        .description("Administrators only. Different names that begin with the term, in any letter case and sorted.")
        .query(QueryParam::text("name").required().about("How the names begin; nothing is found for a blank one."))
        .query(int("limit", quicksearch::DEFAULT_LIMIT, 1, quicksearch::MOST).about("How many names at most."))
        .responds::<Vec<String>>(200)
        .errors(ALWAYS)
        .errors(&[400, 403]),
    ]
}

fn user_operations() -> Vec<Operation> {
    let one = both!("/{userUUID}");
    let operations = vec![
        operation(Method::GET, both!("/me"), "getOwnUser", handler(get_own_user::handle))
            .summary("The calling user, with bots")
            .description("For everybody of the organization.")
            .responds::<wire::User>(200),
        operation(Method::GET, one, "getUser", handler(get_user::handle))
            .summary("One user, with bots")
            .description(ADMINISTRATORS)
            .responds::<wire::User>(200),
        operation(Method::PUT, one, "updateUser", handler(update_user::handle))
            .summary("Change a user")
            .description(
                "Administrators only. `name` and `email` are needed; what else is absent stays as it is. With another \
                 password, whoever signed in as the user has to do so again.",
            )
            .body::<wire::UserInput>()
            .example(json!({"name": "Ada King", "email": "ada@example.com", "admin": true}))
            .responds::<wire::User>(200)
            .errors(OF_BODY)
            .errors(&[409]),
        operation(Method::DELETE, one, "deleteUser", handler(delete_user::handle))
            .summary("Delete a user")
            .description(
                "Administrators only, and nobody deletes the own account. Whoever signed in as the user is refused from \
                 now on.",
            )
            .responds_empty(204),
    ];
    let common = |operation| traced(operation).tag("users").errors(ALWAYS).errors(&[403, 404]);
    operations.into_iter().map(common).collect()
}

fn creating_operations() -> Vec<Operation> {
    let example = json!({
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "environments": [{"role": "EDITOR", "environment": {"uuid": "…"}, "bots": [{"uuid": "…"}]}]
    });
    let mut with_password = example.clone();
    with_password["password"] = json!("…");
    with_password["passwordConfirmation"] = json!("…");
    let operations = vec![
        operation(Method::POST, both!(""), "createUser", handler(create_user::handle))
            .summary("Create a user")
            .description(
                "Administrators only. The user is sent a mail with a link to choose a password. With a password in the \
                 body it is as below `/password`.",
            )
            .body::<wire::UserInput>()
            .example(example),
        operation(
            Method::POST,
            both!("/password"),
            "createUserWithPassword",
            handler(create_user::with_password),
        )
        .summary("Create a user with a password")
        .description("Administrators only. The user is sent a mail that does not say the password.")
        .body::<wire::UserWithPasswordInput>()
        .example(with_password),
    ];
    let common = |operation: Operation| {
        mailed(traced(operation))
            .tag("users")
            .responds::<wire::User>(201)
            .errors(ALWAYS)
            .errors(OF_BODY)
            .errors(&[403, 409])
    };
    operations.into_iter().map(common).collect()
}

fn configuration_operations() -> Vec<Operation> {
    let place = both!("/configuration");
    let operations = vec![
        operation(Method::GET, place, "getConfiguration", handler(get_configuration::handle))
            .summary("A value that is kept for the calling user")
            .description(
                "For everybody. Where there is none for the bot, it is the one for no bot in particular. The organization \
                 in the path is not looked at.",
            )
            .query(QueryParam::text("key").required().about("The name of the value."))
            .query(QueryParam::text("bot").about("The bot; `botUUID` means the same."))
            .errors(&[400, 404]),
        operation(Method::PUT, place, "setConfiguration", handler(set_configuration::handle))
            .summary("Keep a value for the calling user")
            .description("For everybody. The organization in the path is not looked at.")
            .body::<wire::ConfigurationInput>()
            .example(json!({"key": "theme", "value": "dark"}))
            .errors(OF_BODY),
    ];
    let common = |operation: Operation| {
        operation.tag("configuration").responds::<wire::Configuration>(200).errors(ALWAYS)
    };
    operations.into_iter().map(common).collect()
}

/// Mass creation by CSV (contract section 10).
fn csv_operations() -> Vec<Operation> {
    let file = "Administrators only. The file has a line for each user, or several for a user of several environments or \
                bots. Every user of it is created or not, whatever becomes of the others: the errors say who was not, in \
                the order of the file.";
    let trial = "Administrators only. Nobody is created: the errors say who would not be.";
    let operations = vec![
        mailed(operation(
            Method::POST,
            both!("/csv"),
            "createUsersFromCsv",
            handler(import_users::with_mail),
        ))
        .summary("Create users from a CSV file")
        .description(file),
        operation(Method::POST, both!("/csv/validate"), "validateCsv", handler(import_users::validate))
            .summary("Try a CSV file")
            .description(trial),
        operation(
            Method::POST,
            both!("/csv/silent"),
            "createUsersFromCsvSilently",
            handler(import_users::silently),
        )
        .summary("Create users from a CSV file without mails")
        .description(file),
        operation(
            Method::POST,
            both!("/csv/silent/validate"),
            "validateCsvSilently",
            handler(import_users::validate),
        )
        .summary("Try a CSV file for users without mails")
        .description(trial),
    ];
    let common = |operation: Operation| {
        traced(operation)
            .tag("csv")
            .csv::<wire::CsvUpload>()
            .responds::<wire::CsvErrors<'static>>(200)
            .errors(ALWAYS)
            .errors(OF_BODY)
            .errors(&[403, 408])
    };
    operations.into_iter().map(common).collect()
}
