//! The native API over the real rules and store.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "tests start tasks")]

mod access;
mod accounts;
mod contacts;
mod errors;
mod help_desk;
mod jobs;
mod records;
mod registry;
mod sockets;
mod streams;
mod volume;
mod wire;
