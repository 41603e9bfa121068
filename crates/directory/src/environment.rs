//! What the rules need of the outside: the time and randomness. Both come in, so that a test can hold them still.

use std::sync::Arc;

use denizen_domain::ids::{ObjectId, UserId, Uuid};
use denizen_domain::time::Timestamp;

pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

pub trait Entropy: Send + Sync {
    /// Fills the buffer with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock and the randomness of a process.
#[derive(Clone)]
pub struct Environment {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Environment {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A new time-ordered id.
    pub fn object_id(&self, now: Timestamp) -> ObjectId {
        ObjectId::new(now.0, self.bytes())
    }

    /// A new member's id.
    pub fn member_id(&self, now: Timestamp) -> UserId {
        UserId::from_object_id(self.object_id(now))
    }

    /// A new contact's id: those of later times sort behind.
    pub fn contact_id(&self, now: Timestamp) -> UserId {
        UserId::from_uuid(self.ordered_uuid(now))
    }

    /// A new UUID: those of later times sort behind.
    pub fn ordered_uuid(&self, now: Timestamp) -> Uuid {
        Uuid::new_v7(now.0, self.bytes())
    }

    /// A new key of a cipher.
    pub(crate) fn key(&self) -> [u8; 32] {
        self.bytes()
    }

    pub fn uuid(&self) -> Uuid {
        Uuid::from_random(self.bytes())
    }

    /// A secret of 256 random bits, as 43 URL-safe characters.
    pub fn secret(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }
}

/// What is kept of a secret: its SHA-256. The secrets have 256 random bits, so a slow hash would protect nothing more.
pub fn hash_secret(secret: &str) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}
