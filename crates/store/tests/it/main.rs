//! The store against real databases: what it promises, attacked.
//!
//! The modules run on the engine that the tests run on, but for those in `sqlite`, which need no server and always run,
//! and those in `postgres`, which run on PostgreSQL only.

#![allow(clippy::unwrap_used, reason = "also what the tests share may fail a test")]

mod attribute_definitions;
mod catalogue;
mod checking;
mod clearing;
mod contact_conversations;
mod contacts;
mod counting;
#[path = "../../../testkit/src/engine.rs"]
mod engine;
mod erasing;
mod external_events;
mod gates;
mod jobs;
mod killing;
mod linked_accounts;
mod memories;
mod migrations;
mod model;
mod operators;
mod paging;
mod permits;
mod postgres;
mod relocation;
mod searching;
mod sqlite;
mod statements;
mod support;
mod temporary_grants;
mod visibility;
mod writing;
