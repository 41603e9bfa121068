//! What can go wrong at start-up, while a mail is delivered and while an account is deleted.
//!
//! Invariant: no text in here contains an address, a name, a link, the id of an account, a password or a token, because
//! these texts are logged and kept with the job.

use std::{fmt, io, path::PathBuf};

/// Why a [`Courier`](crate::Courier) could not be built; each says which setting or file to mend.
#[derive(Debug)]
pub enum CourierError {
    /// `mail.from` is neither an address nor `Name <address>`.
    From,
    /// `mail.smtp_url` is malformed; the text says how, without repeating the URL (it may hold a password).
    SmtpUrl(String),
    /// `mail.language` is malformed or no templates exist in it.
    Language(String),
    /// The folder for `.eml` files could not be made.
    Outbox { path: PathBuf, source: io::Error },
    /// An operator's template is unusable. `line` counts from 1.
    Template { file: PathBuf, line: Option<usize>, reason: String },
    /// A setting of the section `identity`, such as `google_url`, is unusable or missing.
    Identity { setting: &'static str, reason: String },
}

impl fmt::Display for CourierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From => f.write_str(
                "mail.from is not a sender: write \"directory@example.com\" or \"Name <directory@example.com>\", \
                 with the name in double quotes when it holds a comma or another special character",
            ),
            Self::SmtpUrl(reason) => write!(
                f,
                "mail.smtp_url is not usable: {reason}; write smtps://user:password@host:465 or \
                 smtp://user:password@host:587?tls=required, with special characters percent-encoded"
            ),
            Self::Language(reason) => write!(f, "mail.language is not usable: {reason}"),
            Self::Outbox { path, source } => {
                write!(f, "the folder for mails, {}, cannot be created: {source}", path.display())
            }
            Self::Template { file, line: Some(line), reason } => {
                write!(f, "mail template {}, line {line}: {reason}", file.display())
            }
            Self::Template { file, line: None, reason } => write!(f, "mail template {}: {reason}", file.display()),
            Self::Identity { setting, reason } => write!(f, "identity.{setting} {reason}"),
        }
    }
}

impl std::error::Error for CourierError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Outbox { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Why one mail was not delivered, or one account was not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryError {
    /// Whether trying the same again is pointless.
    pub permanent: bool,
    /// For the operator; holds no address, name, link, id of an account, password or token.
    pub text: String,
}

impl DeliveryError {
    pub(crate) fn permanent(text: impl Into<String>) -> Self {
        Self { permanent: true, text: text.into() }
    }

    pub(crate) fn transient(text: impl Into<String>) -> Self {
        Self { permanent: false, text: text.into() }
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for DeliveryError {}
