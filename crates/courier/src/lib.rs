//! Everything that leaves the process: mail, and the deletion of accounts at an identity provider.
//!
//! Called by the job worker only. It tries once and says whether trying again can help; when to try again is the worker's
//! business. It reads no clock, and nothing that it sends is random, so that a mail that is delivered again is the same mail
//! byte for byte.
//! It must not know of the store, of HTTP or of who may send what.

mod error;
mod identity;
mod language;
mod message;
mod net;
mod outbox;
mod smtp;
mod templates;
mod text;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

use denizen_domain::{mail::Mail, time::Timestamp};
use lettre::message::Mailbox;

pub use crate::error::{CourierError, DeliveryError};
pub use crate::identity::{AccountDeletion, Google, GoogleSettings};
use crate::{smtp::Smtp, templates::Templates};

/// How mail leaves. docs/mail.md explains each to the operator.
#[derive(Clone)]
pub struct MailSettings {
    /// The sender: an address or `Name <address>`.
    pub from: String,
    /// The server, in the form of lettre's `from_url`: `smtps://user:pass@host:port`, or
    /// `smtp://user:pass@host:port?tls=required` (STARTTLS or nothing), `?tls=opportunistic` (STARTTLS if offered),
    /// or no parameter (never encrypted). Without it, mails become files in `outbox`.
    pub smtp_url: Option<String>,
    /// The folder for `.eml` files; not touched when `smtp_url` is given.
    pub outbox: PathBuf,
    /// A folder with the operator's replacements of our templates.
    pub templates: Option<PathBuf>,
    /// The language for a recipient whose own is unknown or has no templates; English without it.
    pub language: Option<String>,
    /// The longest that one delivery to the server may take, from connecting to its last answer.
    pub timeout: Duration,
}

/// Leaves out the URL, which may hold a password.
impl fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailSettings")
            .field("from", &self.from)
            .field("smtp_url", &self.smtp_url.as_ref().map(|_| "…"))
            .field("outbox", &self.outbox)
            .field("templates", &self.templates)
            .field("language", &self.language)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// Where a mail went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The mail server took it over.
    Sent,
    /// It is this file.
    Written(PathBuf),
}

/// Delivers mails, by SMTP or into a folder, and deletes accounts at Google Identity Platform.
pub struct Courier {
    from: Mailbox,
    templates: Templates,
    way: Way,
    google: Option<Google>,
}

enum Way {
    // Boxed because it is many times the size of the other.
    Smtp(Box<Smtp>),
    Outbox(PathBuf),
}

impl Courier {
    /// Checks every setting and every template of the operator's, and makes the outbox folder when it is needed.
    /// Blocks on the disk; talks to no server.
    ///
    /// # Errors
    /// The first setting or file that is unusable, named, without secrets.
    pub fn new(settings: &MailSettings) -> Result<Self, CourierError> {
        let from = parse_sender(&settings.from).ok_or(CourierError::From)?;
        let templates = Templates::load(settings.templates.as_deref(), settings.language.as_deref())?;
        let way = match &settings.smtp_url {
            Some(url) => Way::Smtp(Box::new(Smtp::new(url, settings.timeout)?)),
            None => Way::Outbox(usable_outbox(&settings.outbox)?),
        };
        Ok(Self { from, templates, way, google: None })
    }

    /// The same with a way to Google Identity Platform, without which no account can be deleted there.
    #[must_use]
    pub fn with_google(self, google: Option<Google>) -> Self {
        Self { google, ..self }
    }

    /// Whether there is a way to Google Identity Platform.
    pub fn has_google(&self) -> bool {
        self.google.is_some()
    }

    /// Deletes an account at Google Identity Platform, once; see [`Google::delete_account`].
    ///
    /// # Errors
    /// Also where no Google project is configured.
    pub async fn delete_google_account(
        &self,
        tenant: Option<&str>,
        account_id: &str,
        now: Timestamp,
    ) -> Result<AccountDeletion, DeliveryError> {
        match &self.google {
            Some(google) => google.delete_account(tenant, account_id, now).await,
            None => Err(DeliveryError::transient(identity::NOT_SET_UP)),
        }
    }

    /// Delivers one mail, once.
    ///
    /// `message_id` identifies the mail for good: pass the same for every attempt at the same job. It has at most 200 bytes of
    /// visible ASCII, with or without angle brackets; one without `@` gets the sender's domain. `date` is the mail's
    /// `Date` header, in whole seconds.
    ///
    /// An error after which the server has the mail all the same is possible (the connection may break before its answer
    /// arrives), so delivery is "at least once".
    ///
    /// # Errors
    /// `permanent` when the server refused this mail with a 5xx reply or the mail itself is impossible; everything else
    /// (4xx, connection, TLS, our own credentials, a full disk) may pass.
    pub async fn deliver(
        &self,
        mail: &Mail,
        message_id: &str,
        date: Timestamp,
    ) -> Result<Delivery, DeliveryError> {
        let to = message::mailbox(&mail.recipient_name, &mail.to)
            .ok_or_else(|| DeliveryError::permanent("the recipient's address is malformed"))?;
        let id = message::message_id(message_id, &self.from)?;
        let rendered =
            self.templates.render(mail).map_err(|error| DeliveryError::permanent(error.to_string()))?;
        let message = message::build(self.from.clone(), to, rendered, &id, date)?;
        match &self.way {
            Way::Smtp(smtp) => smtp.send(&message).await.map(|()| Delivery::Sent),
            Way::Outbox(folder) => {
                let folder = folder.clone();
                let write = move || outbox::write(&folder, &id, &message.formatted());
                let written = tokio::task::spawn_blocking(write)
                    .await
                    .unwrap_or_else(|error| Err(io::Error::other(error)));
                written.map(Delivery::Written).map_err(|error| {
                    DeliveryError::transient(format!("the mail cannot be written to its folder: {error}"))
                })
            }
        }
    }
}

fn parse_sender(from: &str) -> Option<Mailbox> {
    let parsed: Mailbox = from.trim().parse().ok()?;
    message::mailbox(parsed.name.as_deref().unwrap_or_default(), parsed.email.as_ref())
}

fn usable_outbox(folder: &Path) -> Result<PathBuf, CourierError> {
    outbox::create(folder).map_err(|source| CourierError::Outbox { path: folder.to_owned(), source })?;
    Ok(folder.to_owned())
}
