//! The errors of the rules: one table of codes. Each dialect maps a code to its own status and body.

use std::fmt;

use denizen_store::StoreError;

/// What went wrong, in the engine's words. A test holds the table of codes and dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Who the caller is could not be established.
    InvalidCredentials,
    /// The caller is known and lacks a permission.
    Forbidden,
    /// The caller's account is not verified yet.
    Unverified,
    OrganizationNotFound,
    UserNotFound,
    RoleNotFound,
    ApiKeyNotFound,
    /// The address belongs to another user of the directory.
    EmailTaken,
    RoleNameTaken,
    OrganizationExists,
    /// A field was understood and cannot be accepted; [`Error::field`] says which.
    InvalidField,
    /// A name that is a word of the API.
    ReservedName,
    /// A documented limit on a number of things was reached.
    LimitReached,
    /// A variable to delete does not exist.
    VariableNotFound,
    /// A mailed link was used, has expired or never existed.
    LinkNotFound,
    /// A page cannot be continued from the token that was given.
    TokenExpired,
    /// Try again in a moment.
    Busy,
    /// The store cannot be reached or used; nothing was done, and the log has the cause.
    Unavailable,
    /// The store was lost while a write was being made: it was made, or it was not.
    OutcomeUnknown,
    /// A defect or a broken machine; the log has the cause.
    Internal,
    /// No account at an identity provider is linked to the user.
    AccountNotFound,
    /// The account at an identity provider is linked to another user.
    AccountTaken,
    ExternalEventNotFound,
    ContactNotFound,
    AttributeDefinitionNotFound,
    /// A conversation of a contact, or a member's.
    ConversationNotFound,
    MessageNotFound,
    /// A conversation is not closed, and what was asked for needs it to be.
    ConversationOpen,
    AnonymizationNotFound,
    /// The number belongs to another contact.
    PhoneTaken,
    /// There is no value under this key.
    ConfigurationNotFound,
    EnvironmentNotFound,
    /// Too many attempts to sign in failed; a later one may succeed.
    TooManyAttempts,
    /// The organization is on its way into another database, and takes no writes until it has arrived. Nothing was done.
    OrganizationMoving,
    ClusterNotFound,
}

impl ErrorCode {
    pub const ALL: [Self; 35] = [
        Self::InvalidCredentials,
        Self::Forbidden,
        Self::Unverified,
        Self::OrganizationNotFound,
        Self::UserNotFound,
        Self::RoleNotFound,
        Self::ApiKeyNotFound,
        Self::EmailTaken,
        Self::RoleNameTaken,
        Self::OrganizationExists,
        Self::InvalidField,
        Self::ReservedName,
        Self::LimitReached,
        Self::VariableNotFound,
        Self::LinkNotFound,
        Self::TokenExpired,
        Self::Busy,
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::Internal,
        Self::AccountNotFound,
        Self::AccountTaken,
        Self::ExternalEventNotFound,
        Self::ContactNotFound,
        Self::AttributeDefinitionNotFound,
        Self::ConversationNotFound,
        Self::MessageNotFound,
        Self::ConversationOpen,
        Self::AnonymizationNotFound,
        Self::PhoneTaken,
        Self::ConfigurationNotFound,
        Self::EnvironmentNotFound,
        Self::TooManyAttempts,
        Self::OrganizationMoving,
        Self::ClusterNotFound,
    ];

    /// Words fit for a caller, where the operation has none that say more.
    fn text(self) -> &'static str {
        match self {
            Self::InvalidCredentials => "Invalid credentials",
            Self::Forbidden => "Missing permission",
            Self::Unverified => "The user is not verified",
            Self::OrganizationNotFound => "Organization not found",
            Self::UserNotFound => "User not found",
            Self::RoleNotFound => "Role not found",
            Self::ApiKeyNotFound => "API key not found",
            Self::EmailTaken => "A user with this email already exists",
            Self::PhoneTaken => "Another contact has this number",
            Self::RoleNameTaken => "A role with this name already exists",
            Self::OrganizationExists => "An organization with this id already exists",
            Self::InvalidField => "Invalid value",
            Self::ReservedName => "This name is reserved",
            Self::LimitReached => "A limit was reached",
            Self::VariableNotFound => "Variable not found",
            Self::LinkNotFound => "This link has expired or was already used",
            Self::TokenExpired => "The continuation token has expired: start again without one",
            Self::Busy => "The service is busy, try again",
            Self::Unavailable => "The service cannot reach its data; nothing was done, try again",
            Self::OutcomeUnknown => {
                "The service lost its database while it made this change, and the outcome is unknown: \
                 look whether the change was made before you try again"
            }
            Self::Internal => "Internal error",
            Self::AccountNotFound => "No account is linked to the user",
            Self::AccountTaken => "The account is linked to another user",
            Self::ExternalEventNotFound => "External event not found",
            Self::ContactNotFound => "Contact not found",
            Self::AttributeDefinitionNotFound => "Attribute definition not found",
            Self::ConversationNotFound => "Conversation not found",
            Self::MessageNotFound => "Message not found",
            Self::ConversationOpen => "A conversation is not closed",
            Self::AnonymizationNotFound => "Anonymization request not found",
            Self::ConfigurationNotFound => "There is no value under this key",
            Self::EnvironmentNotFound => "Environment not found",
            Self::TooManyAttempts => "Too many attempts to sign in; wait and try again",
            Self::OrganizationMoving => {
                "The organization is being moved and takes no changes meanwhile; nothing was done, try again"
            }
            Self::ClusterNotFound => "Cluster not found",
        }
    }
}

/// An error with words for the caller. It never holds personal data or a secret beyond what the caller sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub code: ErrorCode,
    pub text: String,
    /// The path of the field that was refused, outermost first.
    pub field: Vec<String>,
    /// In how many seconds it may be tried again, where that is known.
    pub retry_after: Option<i64>,
    cause: Option<Box<StoreError>>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(code: ErrorCode) -> Self {
        Self { code, text: code.text().to_owned(), field: Vec::new(), retry_after: None, cause: None }
    }

    pub fn with_text(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), field: Vec::new(), retry_after: None, cause: None }
    }

    /// A field that was understood and cannot be accepted.
    pub fn field(path: &[&str], text: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidField,
            text: text.into(),
            field: path.iter().map(|part| (*part).to_owned()).collect(),
            retry_after: None,
            cause: None,
        }
    }

    /// Somebody has tried too often, and may try again in so many seconds.
    pub(crate) fn too_many_attempts(retry_after: i64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(ErrorCode::TooManyAttempts) }
    }

    /// The organization takes no writes for now, and may be tried again in so many seconds.
    pub(crate) fn moving(retry_after: i64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(ErrorCode::OrganizationMoving) }
    }

    /// What went wrong in the store, where that is no part of its ordinary work. It holds no values of rows, and is for
    /// operators and not for callers.
    pub fn cause(&self) -> Option<&StoreError> {
        self.cause.as_deref()
    }

    /// Writes the cause into the log, if there is one: callers are told nothing of it. Whoever ends the way of an error
    /// does this, and says for which request where there is one.
    pub fn log(&self, request_id: Option<&str>, route: Option<&str>) {
        match self.cause() {
            None => {}
            // The store tells of an outage once, and not once for everybody who meets it.
            Some(cause @ StoreError::Unreachable(_)) => {
                tracing::debug!(error = %cause, request_id, route, "the store failed");
            }
            Some(cause) => tracing::error!(error = %cause, request_id, route, "the store failed"),
        }
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Barred => return Self::new(ErrorCode::OrganizationMoving),
            StoreError::Busy | StoreError::Interrupted | StoreError::Closed => {
                return Self::new(ErrorCode::Busy);
            }
            StoreError::Io(_) | StoreError::Unreachable(_) => ErrorCode::Unavailable,
            StoreError::OutcomeUnknown(_) => ErrorCode::OutcomeUnknown,
            _ => ErrorCode::Internal,
        };
        // Not told here: a closure may be run again after this, and succeed.
        Self { cause: Some(Box::new(error)), ..Self::new(code) }
    }
}
