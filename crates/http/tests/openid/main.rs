//! Signing operators in over the real rules and a real store, asked in process; every answer is checked against its document.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod errors;
mod keys;
mod refreshing;
mod refusals;
mod scene;
mod throttling;
mod tokens;
