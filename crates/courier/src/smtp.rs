//! The way to the mail server: checks the URL at start, sends, and says of each failure whether trying again can help.

use std::{error::Error as _, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    transport::smtp::{Error, response::Code},
};
use url::Url;

use crate::error::{CourierError, DeliveryError};
use crate::net::{connection_trouble, is_loopback};

pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
}

impl Smtp {
    pub(crate) fn new(url: &str, timeout: Duration) -> Result<Self, CourierError> {
        check_url(url).map_err(CourierError::SmtpUrl)?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| CourierError::SmtpUrl(error.to_string()))?
            .timeout(Some(timeout))
            .build();
        Ok(Self { transport, timeout })
    }

    pub(crate) async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        let envelope = message.envelope();
        let bytes = message.formatted();
        // lettre's own limit is for connecting only; a server that falls silent later would hold the worker for good.
        match tokio::time::timeout(self.timeout, self.transport.send_raw(envelope, &bytes)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(classify(&error, envelope.to().iter().all(|to| to.to_string().is_ascii()))),
            Err(_) => Err(DeliveryError::transient(format!(
                "the mail server did not finish within {} seconds",
                self.timeout.as_secs_f32()
            ))),
        }
    }
}

/// Refuses what lettre would pass over in silence: a misspelt parameter means an unencrypted connection, a user without a
/// password none at all. The texts don't repeat the URL.
fn check_url(url: &str) -> Result<(), String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    let scheme = url.scheme();
    if !matches!(scheme, "smtp" | "smtps") {
        return Err("it must begin with smtp:// or smtps://".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("the host is missing".to_owned());
    }
    if url.fragment().is_some() {
        return Err("it holds a #, which is written %23".to_owned());
    }
    if url.username().is_empty() != url.password().is_none_or(str::is_empty) {
        return Err("user and password belong together, and one of them is missing".to_owned());
    }
    let mut encrypted = scheme == "smtps";
    for (index, (key, value)) in url.query_pairs().enumerate() {
        if index > 0 || scheme == "smtps" || key != "tls" || !matches!(&*value, "required" | "opportunistic")
        {
            return Err(
                "the only parameter is tls=required or tls=opportunistic, and only of smtp://".to_owned()
            );
        }
        encrypted = true;
    }
    let greeting = url.path().trim_matches('/');
    if !greeting.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
        return Err(
            "what follows the host is the name that we greet with, of letters, digits, dots and hyphens"
                .to_owned(),
        );
    }
    if !encrypted && url.password().is_some() && !is_loopback(&url) {
        tracing::warn!("mail.smtp_url sends the password unencrypted; use smtps:// or add ?tls=required");
    }
    Ok(())
}

/// What a failure means. The server's own words are left out: they usually repeat the address.
fn classify(error: &Error, ascii_recipient: bool) -> DeliveryError {
    if let Some(code) = error.status() {
        let said = match enhanced_status(error) {
            Some(detail) => format!("{code} {detail}"),
            None => code.to_string(),
        };
        return if is_about_us(code) {
            // Another mail would fare the same, and this one may go out when the operator has mended the settings.
            DeliveryError::transient(format!(
                "the mail server does not accept our user and password or wants encryption ({said})"
            ))
        } else if error.is_permanent() {
            DeliveryError::permanent(format!("the mail server refused the mail for good ({said})"))
        } else {
            DeliveryError::transient(format!("the mail server refused the mail for now ({said})"))
        };
    }
    if error.is_client() {
        if !ascii_recipient {
            return DeliveryError::permanent(
                "the mail server takes no addresses with letters beyond ASCII (no SMTPUTF8)",
            );
        }
        // lettre's own fixed sentences: no STARTTLS on this server, no common way to authenticate.
        let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        return DeliveryError::transient(format!("the mail server cannot be used as configured: {reason}"));
    }
    if error.is_response() {
        return DeliveryError::transient("the mail server's answer makes no sense; is it an SMTP port?");
    }
    let trouble = connection_trouble(error, "the mail server").unwrap_or_else(|| {
        let reason = if error.is_timeout() { ": timed out" } else { "" };
        format!("no connection to the mail server{reason}")
    });
    DeliveryError::transient(trouble)
}

/// Replies about authentication and encryption (RFC 4954 section 6, RFC 3207), which begin with 5 but concern no single mail.
fn is_about_us(code: Code) -> bool {
    matches!(u16::from(code), 530 | 534 | 535 | 538)
}

/// The `5.1.1` of RFC 3463 that may begin the server's text.
fn enhanced_status(error: &Error) -> Option<String> {
    let text = error.source()?.to_string();
    let word = text.split_whitespace().next()?;
    let parts: Vec<&str> = word.split('.').collect();
    let is_number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(is_number)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_lettres_form_are_accepted() {
        for url in [
            "smtp://localhost:1025",
            "smtp://user:p%40ss@mail.example:587?tls=required",
            "smtp://mail.example/denizen.example?tls=opportunistic",
            "smtps://user:pass@mail.example",
        ] {
            assert!(Smtp::new(url, Duration::from_secs(1)).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_url_that_would_silently_mean_something_else_is_refused_without_repeating_it() {
        for url in [
            "",
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://user:s3cret#x@mail.example",
            "smtp://user@mail.example",
            "smtp://:s3cret@mail.example",
            "smtp://user:s3cret@mail.example?TLS=required",
            "smtp://user:s3cret@mail.example?tls=yes",
            "smtps://user:s3cret@mail.example?tls=required",
            "smtp://user:s3cret@mail.example?tls=required&tls=required",
            "smtp://user:s3cret@mail.example/a b",
            "smtp://user:s3cret@mail.example:port",
            "smtp://user:%ff@mail.example",
        ] {
            let error =
                Smtp::new(url, Duration::from_secs(1)).err().unwrap_or_else(|| panic!("{url} was accepted"));
            assert!(matches!(error, CourierError::SmtpUrl(_)));
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
