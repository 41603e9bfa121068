//! What denizen keeps of a user beyond name and address.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The directories of an organization. The number is what the store keeps; it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Directory {
    Members = 0,
    Contacts = 1,
    Operators = 2,
}

impl Directory {
    pub fn number(self) -> i64 {
        self as i64
    }

    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Members, Self::Contacts, Self::Operators].into_iter().find(|one| one.number() == number)
    }
}

/// How a member wants to be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    pub enable_response_recommendation: bool,
    /// A two- or three-letter code, kept as it was sent.
    pub preferred_language: Option<String>,
    pub conversations_visible_to_admins: bool,
    pub user_model_visible_to_admins: bool,
    /// An IANA time-zone name.
    pub timezone: Option<String>,
    pub audio_keyterms: Vec<String>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            enable_response_recommendation: false,
            preferred_language: None,
            conversations_visible_to_admins: true,
            user_model_visible_to_admins: true,
            timezone: None,
            audio_keyterms: Vec::new(),
        }
    }
}

/// Named values that an organization attaches to a user.
pub type Variables = BTreeMap<String, String>;

/// The most variables of one kind (open or secret) that a user can have.
pub const MAX_VARIABLES: usize = 20;

/// A dimension along which an organization models its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDimension {
    pub description: String,
    pub tags: Vec<String>,
}

/// Figures about a user's conversations, kept as they arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserStats {
    pub conversations: i64,
    /// Sent and received.
    pub messages: i64,
    /// `None` before the first conversation.
    pub last_message_at: Option<crate::time::Timestamp>,
}
