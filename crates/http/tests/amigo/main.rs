//! Amigo's API over the real rules and a real store, asked in process; every answer is checked against its document.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cases;
mod conflicts;
mod coverage;
mod docs;
mod errors;
mod external_events;
mod isolation;
mod knowledge;
mod rates;
mod scene;
mod temporary_grants;
mod users;
mod visibility;
