//! The words of denizen: ids, newtypes, patches, permissions, error codes.
//!
//! Invariant: no IO, no async, no clock and no randomness in this crate.

pub mod mail;
pub mod permission;
