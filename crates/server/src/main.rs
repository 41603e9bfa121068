//! The binary `denizen`: commands, configuration, logging, the accept loop, signals.
//!
//! The only place for `anyhow`, for clocks and randomness, and for starting tasks. It knows no rule of the directory and
//! no wire form: it wires the crates that do.

#![allow(
    unreachable_pub,
    reason = "a binary has no public interface: `pub` says what a module offers to its siblings"
)]

mod backup;
mod caution;
mod cli;
mod commands;
mod config;
mod credentials;
mod demo;
mod environment;
mod installation;
mod logging;
mod refusal;
mod report;
mod serve;
mod wiring;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return report::parsed(&error),
    };
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failed(&error),
    }
}
