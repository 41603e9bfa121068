//! The words of denizen: ids, newtypes, patches, permissions, error codes.
//!
//! Invariant: no IO, no async, no clock and no randomness in this crate.

pub mod contact;
pub mod fold;
pub mod ids;
pub mod locale;
pub mod mail;
pub mod member;
pub mod operator;
pub mod patch;
pub mod permission;
pub mod text;
pub mod time;
