//! Passwords: hashed with argon2id, at most one on each core at a time, with a bounded queue before them.
//!
//! What somebody waits for at a prompt goes before what an import brings.

use crate::error::Result;

/// What is waited for first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits: the queue is short, and when it is full the answer is [`crate::ErrorCode::Busy`] at once.
    Prompt,
    /// An import: it waits for a place in the queue, and for everybody at a prompt.
    Bulk,
}

/// What comparing a password has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    pub is_right: bool,
    /// The hash was made with lesser parameters than are in use now.
    pub is_outdated: bool,
}

/// The threads that hash. Cloning shares them.
#[derive(Clone)]
pub struct Passwords {}

impl Passwords {
    /// The hash of a password in PHC form.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Busy`] when too many wait already.
    pub async fn hash(&self, password: String, lane: Lane) -> Result<String> {
        todo!()
    }

    /// Compares a password with a hash. Where there is none, it takes as long, and the answer is no.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Busy`] when too many wait already.
    pub async fn compare(&self, password: String, hash: Option<String>) -> Result<Comparison> {
        todo!()
    }
}
