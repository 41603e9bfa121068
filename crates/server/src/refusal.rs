//! What went wrong below, in words for the person at the terminal: the one table of the engine's errors and what to do
//! next.

use denizen_directory::{Error, ErrorCode};
use denizen_store::StoreError;

use crate::config::Config;
use crate::report::Failure;

/// What a command was about, for messages that name it.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    pub org: &'a str,
    pub role: &'a str,
    pub key: &'a str,
}

/// An error of the rules.
pub fn of_directory(error: &Error, about: About<'_>) -> Failure {
    let About { org, role, key } = about;
    match error.code {
        ErrorCode::OrganizationNotFound => Failure::new(
            format!("there is no organization {org}"),
            "`denizen org list` shows those that exist; `denizen org create` makes one",
        ),
        ErrorCode::OrganizationExists => Failure::new(
            format!("the organization {org} exists already"),
            "choose another short name; `denizen org list` shows those that are taken, and `denizen key create` makes \
             new credentials for one of them",
        ),
        ErrorCode::RoleNotFound => Failure::new(
            format!("the organization {org} has no role {role}"),
            "every organization begins with DefaultUserRole, DefaultAdministratorRole, DefaultAmigoAdministratorRole and \
             DefaultSuperAdministratorRole; others are made through the API",
        ),
        ErrorCode::ApiKeyNotFound => Failure::new(
            format!("the organization {org} has no API key {key}"),
            format!("`denizen key list --org {org}` shows those that exist"),
        ),
        ErrorCode::UserNotFound => Failure::new(
            error.text.clone(),
            format!(
                "a key is made in the name of a super administrator: `denizen org recover {org} --admin-email EMAIL` makes \
                 somebody one"
            ),
        ),
        ErrorCode::EmailTaken => {
            Failure::new(error.text.clone(), "choose another address, or change the user who has this one")
        }
        ErrorCode::LimitReached => Failure::new(
            error.text.clone(),
            format!("`denizen key list --org {org}`, then `denizen key revoke`"),
        ),
        ErrorCode::InvalidField | ErrorCode::ReservedName | ErrorCode::RoleNameTaken => {
            let field = error.field.join(".");
            let message =
                if field.is_empty() { error.text.clone() } else { format!("{field}: {}", error.text) };
            Failure::usage(message, "see the command's --help for what it accepts")
        }
        ErrorCode::Busy => Failure::new(
            "the store is busy: another process writes to it",
            "try again in a moment; if it stays busy, see which process has the file open",
        ),
        ErrorCode::Internal => Failure::new(
            "the store failed",
            "the line above says how; `denizen check` looks the database over, and a full disk is a common cause",
        ),
        // None of these can come out of a command, which acts without a caller.
        ErrorCode::InvalidCredentials
        | ErrorCode::Forbidden
        | ErrorCode::Unverified
        | ErrorCode::VariableNotFound
        | ErrorCode::LinkNotFound
        | ErrorCode::TokenExpired => Failure::new(
            error.text.clone(),
            "this is a defect of denizen: please report it with the command you ran",
        ),
    }
}

/// An error while the store was opened.
pub fn of_store(error: &StoreError, config: &Config) -> Failure {
    let file = config.sqlite_file();
    let hint = match error {
        StoreError::TooNew { .. } => "start the denizen that last used this data folder, or a newer one",
        StoreError::Busy => {
            "another process writes to it for a long time, perhaps a migration: try again in a moment"
        }
        StoreError::Io(_) => {
            "the folder must exist and be writable for this user, and its disk must not be full; --data or --store \
             name another place"
        }
        StoreError::Corrupt(_) => {
            "the file is damaged or is no database of denizen: put a backup in its place, or name another with --store"
        }
        StoreError::Constraint(_)
        | StoreError::Closed
        | StoreError::Interrupted
        | StoreError::Internal(_) => "this is a defect of denizen: please report it with this message",
    };
    let reason = match error {
        // Nothing has been read that could hold an unexpected value: the file as a whole is not right.
        StoreError::Corrupt(text) => text.clone(),
        error => error.to_string(),
    };
    Failure::new(format!("cannot open the store {}: {reason}", file.display()), hint)
}
