//! The kernel, asked in process through its router, with a dialect of the tests' own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod documents;
mod limits;
mod operator_pages;
mod operators;
mod rates;
mod reading;
mod routing;
mod streaming;
mod support;
