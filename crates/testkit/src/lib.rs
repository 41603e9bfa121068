//! The vocabulary of tests: a server in process, an organization, a caller, a clock that stands still until it is told.
//!
//! Development only: no crate has it among its dependencies but for tests. Everything in here is the real thing, from
//! the router down to a database file; only the time and the randomness are held still, and mails are looked at
//! instead of sent. Every answer is checked against the published description of its operation.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod answer;
mod caller;
mod contract;
mod engine;
mod environment;
mod jobs;
mod operator;
mod org;
mod processes;
mod server;

pub use answer::Answer;
pub use caller::{Key, TestCaller, TestProgram};
pub use contract::Contract;
pub use environment::{NOON, SeededEntropy, TestClock, environment};
pub use operator::{PASSWORD, TestOperator};
pub use org::{ORIGIN, TestOrg};
pub use processes::ProcessHome;
pub use server::{Engines, FAR, TestServer, TestSettings};
