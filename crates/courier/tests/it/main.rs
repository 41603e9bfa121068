//! The courier from outside: settings and mails go in, files and SMTP conversations come out.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests may panic; the lint exempts only the tests themselves"
)]

mod identity;
mod outbox;
mod overrides;
mod smtp;
mod support;
mod web_server;
mod wording;
