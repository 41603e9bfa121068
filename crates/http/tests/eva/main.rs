//! eva's API over the real rules and a real store, asked in process; every answer is checked against its document.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bodies;
mod cases;
mod configuration;
mod coverage;
mod csv;
mod errors;
mod lists;
mod logging;
mod routing;
mod scene;
mod users;
