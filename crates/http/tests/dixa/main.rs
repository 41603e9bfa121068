//! Dixa's API over the real rules and a real store, asked in process; every answer is checked against its document.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod anonymizing;
mod attributes;
mod bulk;
mod cases;
mod contacts;
mod conversations;
mod coverage;
mod documents;
mod errors;
mod isolation;
mod logging;
mod paging;
mod rates;
mod routing;
mod scene;
