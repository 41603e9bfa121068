//! The rules: who may do what, what is valid across rows, one transaction per operation, jobs for what leaves the
//! process. It must not know HTTP, SQL text, or any vendor's words.

pub mod access_tokens;
pub mod anonymizations;
pub mod api_keys;
pub mod attributes;
pub mod checking;
pub mod clusters;
pub mod contact_conversations;
pub mod contacts;
mod context;
mod cursors;
mod environment;
pub mod erased;
mod erasing;
mod error;
pub mod external_events;
mod founding;
mod gates;
mod handle;
pub mod ingest;
pub mod job_control;
pub mod jobs;
pub mod limits;
pub mod linked_accounts;
pub mod links;
pub mod members;
pub mod memories;
pub mod operator_import;
pub mod operator_sessions;
pub mod operators;
mod option_tree;
pub mod organizations;
pub mod passwords;
mod recovery;
pub mod relocation;
pub mod roles;
pub mod sessions;
pub mod signing_keys;
pub mod temporary_grants;
mod tokens;

pub use context::OpContext;
pub use environment::{Clock, Entropy, Environment, hash_secret};
pub use error::{Error, ErrorCode, Result};
pub use handle::{Directory, DirectorySettings};
pub use sessions::{Caller, Credentials, Session};
pub use tokens::IssuedToken;
