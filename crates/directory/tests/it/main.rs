//! The rules, asked through Amigo's dialect where a rule shows there, and directly where it does not.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod access_tokens;
mod account_deletion;
mod anonymization;
mod checking;
mod clusters;
mod contacts;
mod cursors;
mod deletion;
mod external_events;
mod freshness;
mod help_desk;
mod ingest;
mod jobs;
mod keys;
mod linked_accounts;
mod links;
mod operator_import;
mod operator_sessions;
mod operators;
mod organizations;
mod privileges;
mod relocation;
mod sessions;
mod temporary_grants;
mod variables;
mod verification;
