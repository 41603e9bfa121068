//! Access tokens: only the hash of the secret is kept.

use denizen_domain::ids::{ObjectId, Uuid};
use denizen_domain::time::Timestamp;

/// A token with which a program calls in its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Also the id of the actor.
    pub token_id: Uuid,
    pub name: Option<String>,
    /// SHA-256 of the secret, which has 256 random bits and so needs no slow hash.
    pub secret_hash: [u8; 32],
    pub role_id: ObjectId,
    pub created_at: Timestamp,
    /// `None`: never.
    pub expires_at: Option<Timestamp>,
}
