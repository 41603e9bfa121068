//! The store: the only crate that knows SQL.
//!
//! [`Store`] runs closures in transactions; the modules beside it hold the statements, one module per aggregate.
//! It must not know who may do what, nor any vendor's words.

pub mod access_tokens;
pub mod anonymizations;
pub mod api_keys;
pub mod attribute_definitions;
pub mod awaited_users;
pub mod bots;
mod changes;
pub mod check;
pub mod clusters;
mod conn;
pub mod contact_conversations;
pub mod contact_messages;
pub mod contacts;
pub mod control;
pub mod conversations;
pub mod environments;
pub mod erasures;
mod error;
pub mod external_events;
pub mod gate;
pub mod holdings;
pub mod jobs;
pub mod keyset;
pub mod linked_accounts;
pub mod links;
pub mod memories;
pub mod messages;
mod migration;
pub mod operator_configuration;
pub mod operator_imports;
pub mod operator_links;
pub mod operators;
pub mod organizations;
pub mod permits;
mod postgres;
mod priority;
pub mod records;
pub mod relocation;
pub mod roles;
mod sql;
mod sqlite;
mod store;
pub mod temporary_grants;
mod texts;
pub mod user_models;
pub mod users;
mod visibility;
mod whereabouts;

pub use changes::Mark;
pub use clusters::{Clusters, Connect, Opening};
pub use conn::{Conn, Tx};
pub use error::{Result, StoreError};
pub use postgres::{PostgresOptions, ReplicaState};
pub use priority::give_way;
pub use sql::{Dialect, Sql, Statement, Value};
pub use sqlite::SqliteOptions;
pub use sqlite::backup::{Facts, Map, Snapshot, look_over, newest_schema};
pub use sqlite::readers::rest;
pub use store::{Store, StoreOptions};
pub use texts::{Listed, Text, TextList, TextMap, Texts};

/// Every fixed statement, for the test that prepares each of them on each engine.
pub fn statements() -> impl Iterator<Item = &'static Sql> {
    [
        access_tokens::STATEMENTS,
        anonymizations::STATEMENTS,
        api_keys::STATEMENTS,
        attribute_definitions::STATEMENTS,
        awaited_users::STATEMENTS,
        bots::STATEMENTS,
        check::ORGANIZATION_STATEMENTS,
        check::ROW_STATEMENTS,
        check::RULE_STATEMENTS,
        contact_conversations::STATEMENTS,
        contact_messages::STATEMENTS,
        contacts::STATEMENTS,
        contacts::IDENTIFIER_STATEMENTS,
        contacts::WRITE_STATEMENTS,
        clusters::registry::STATEMENTS,
        control::STATEMENTS,
        conversations::STATEMENTS,
        environments::STATEMENTS,
        erasures::STATEMENTS,
        external_events::STATEMENTS,
        gate::STATEMENTS,
        jobs::STATEMENTS,
        linked_accounts::STATEMENTS,
        links::STATEMENTS,
        memories::STATEMENTS,
        messages::STATEMENTS,
        operator_configuration::STATEMENTS,
        operator_imports::STATEMENTS,
        operator_links::STATEMENTS,
        operators::STATEMENTS,
        operators::PAGE_STATEMENTS,
        operators::WALK_STATEMENTS,
        operators::WRITE_STATEMENTS,
        organizations::STATEMENTS,
        permits::STATEMENTS,
        postgres::CHECK_STATEMENTS,
        postgres::MIGRATION_STATEMENTS,
        postgres::SESSION_STATEMENTS,
        postgres::WATCH_STATEMENTS,
        sqlite::postings::STATEMENTS,
        sqlite::postings::MATCH_STATEMENTS,
        sqlite::postings::SEARCH_STATEMENTS,
        sqlite::postings::WRITE_STATEMENTS,
        relocation::COLUMN_STATEMENTS,
        relocation::STATEMENTS,
        roles::STATEMENTS,
        temporary_grants::STATEMENTS,
        user_models::STATEMENTS,
        users::STATEMENTS,
        users::IMPORT_STATEMENTS,
        users::PAGE_STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
