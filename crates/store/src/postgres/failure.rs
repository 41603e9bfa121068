//! What PostgreSQL's errors mean for a closure: run it again, or not.

use tokio_postgres::error::{DbError, SqlState};

use crate::error::StoreError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another transaction was in the way; run again, the closure sees what that one did.
    Conflict(StoreError),
    /// The connection is gone, or its server takes no writes any more.
    Lost(String),
    /// Running again would not help.
    Refused(StoreError),
}

impl Failure {
    pub(crate) fn of(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(reported) => Self::reported(reported),
            None if is_of_the_connection(error) => Self::Lost(in_full(error)),
            // Such as a server that asks for a password where the URL has none.
            None if error.to_string().starts_with("invalid configuration") => {
                Self::Refused(StoreError::Io(in_full(error)))
            }
            None => Self::Refused(StoreError::Internal(in_full(error))),
        }
    }

    fn reported(error: &DbError) -> Self {
        let text = || format!("{} ({})", error.message(), error.code().code());
        let constraint = || StoreError::Constraint(error.constraint().unwrap_or_default().to_owned());
        match *error.code() {
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED | SqlState::LOCK_NOT_AVAILABLE => {
                Self::Conflict(StoreError::Busy)
            }
            // Of two that have both looked first, one runs into the other's key; run again, it sees the other's row.
            SqlState::UNIQUE_VIOLATION => Self::Conflict(constraint()),
            SqlState::FOREIGN_KEY_VIOLATION
            | SqlState::CHECK_VIOLATION
            | SqlState::NOT_NULL_VIOLATION
            | SqlState::EXCLUSION_VIOLATION => Self::Refused(constraint()),
            SqlState::QUERY_CANCELED => Self::Refused(StoreError::Interrupted),
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::TOO_MANY_CONNECTIONS
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            | SqlState::IDLE_SESSION_TIMEOUT
            // A server that was the primary when the connection was made.
            | SqlState::READ_ONLY_SQL_TRANSACTION
            // The schema has changed under a prepared statement.
            | SqlState::FEATURE_NOT_SUPPORTED
            | SqlState::INVALID_SQL_STATEMENT_NAME => Self::Lost(text()),
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Self::Refused(StoreError::Corrupt(text())),
            // Raised by `denizen_admit`.
            _ if error.code().code() == "DZ001" => Self::Refused(StoreError::Barred),
            _ => match error.code().code().get(..2) {
                Some("08") => Self::Lost(text()),
                // Refused at the door, short of a resource, or an error of the system below.
                Some("28" | "3D" | "53" | "58") => Self::Refused(StoreError::Io(text())),
                // A right, a table or a schema is missing: that does not pass by itself.
                Some("3F" | "42") if error.code() != &SqlState::SYNTAX_ERROR => {
                    Self::Refused(StoreError::Refused(text()))
                }
                _ => Self::Refused(StoreError::Internal(text())),
            },
        }
    }

    pub(crate) fn error(&self) -> StoreError {
        match self {
            Self::Conflict(error) | Self::Refused(error) => error.clone(),
            Self::Lost(text) => StoreError::Unreachable(text.clone()),
        }
    }
}

fn is_of_the_connection(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() {
        return true;
    }
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.is::<std::io::Error>() {
            return true;
        }
        source = inner.source();
    }
    let text = error.to_string();
    // The client has no other way to tell these.
    ["error connecting to server", "error communicating", "error performing TLS"]
        .iter()
        .any(|words| text.starts_with(words))
}

/// The error with its causes, which tokio-postgres does not show by itself.
fn in_full(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}
