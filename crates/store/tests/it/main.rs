//! The store against real SQLite files: what it promises, attacked.

#![allow(clippy::unwrap_used, reason = "also what the tests share may fail a test")]

mod catalogue;
mod checking;
mod counting;
mod jobs;
mod killing;
mod log;
mod migrations;
mod paging;
mod permits;
mod searching;
mod statements;
mod support;
mod visibility;
mod writing;
