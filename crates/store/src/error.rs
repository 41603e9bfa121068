//! What can go wrong below the rules.

use std::fmt;

/// An error of the store. Expected conflicts are not errors: they are row counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// A unique or foreign key, or a check, named as the schema names it.
    Constraint(String),
    /// The organization's rows in this database must not be written: it moves, has moved or was deleted. Nothing was done.
    Barred,
    /// Another process held the store for longer than the time-out.
    Busy,
    /// The store is shutting down.
    Closed,
    /// The statement was interrupted because nobody waits for it any more.
    Interrupted,
    /// The disk is full, or reading or writing failed. Nothing was done.
    Io(String),
    /// The server cannot be reached, or the connection to it was lost. Nothing was done; the log has been told.
    Unreachable(String),
    /// The server does not let the role do what denizen must do, or lacks what it needs for it. Nothing was done.
    Refused(String),
    /// The connection was lost during a commit, or the server warned that it may lose it: the write was done, or not.
    OutcomeUnknown(String),
    /// A row holds what it must not hold.
    Corrupt(String),
    /// The schema was made by a newer denizen.
    TooNew { found: i64, known: i64 },
    /// A mistake in denizen: a statement that does not parse, a closure that panicked.
    Internal(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constraint(name) => write!(f, "the constraint {name} does not hold"),
            Self::Barred => f.write_str("the organization's rows in this database must not be written"),
            Self::Busy => f.write_str("the database is busy"),
            Self::Closed => f.write_str("the store is closed"),
            Self::Interrupted => f.write_str("the statement was interrupted"),
            Self::Io(text) | Self::Unreachable(text) => {
                write!(f, "the database could not be read or written: {text}")
            }
            Self::Refused(text) => write!(f, "the database refuses what denizen must do: {text}"),
            Self::OutcomeUnknown(text) => {
                write!(f, "the outcome of a commit is unknown: {text}")
            }
            Self::Corrupt(text) => write!(f, "the database holds an unexpected value: {text}"),
            Self::TooNew { found, known } => write!(
                f,
                "the database has schema version {found}, and this denizen knows versions up to {known}"
            ),
            Self::Internal(text) => write!(f, "internal error: {text}"),
        }
    }
}

impl std::error::Error for StoreError {}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match &error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let text = message.clone().unwrap_or_else(|| failure.to_string());
                match failure.code {
                    ErrorCode::ConstraintViolation => Self::Constraint(constraint_name(&text)),
                    ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
                    ErrorCode::OperationInterrupted => Self::Interrupted,
                    ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt(text),
                    ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::PermissionDenied => Self::Io(text),
                    _ => Self::Internal(text),
                }
            }
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Internal(error.to_string()),
        }
    }
}

/// `UNIQUE constraint failed: user.org_id, user.email_key` → `user.org_id, user.email_key`.
fn constraint_name(message: &str) -> String {
    message.split_once(": ").map_or(message, |(_, name)| name).to_owned()
}
