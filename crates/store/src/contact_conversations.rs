//! Conversations of contacts with the help desk, and the messages in them.

use denizen_domain::contact::Attributes;
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A conversation as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactConversation {
    pub conversation_id: i64,
    /// The contact who holds it.
    pub user_id: UserId,
    pub kind: ConversationKind,
    pub channel: Channel,
    pub direction: Option<Direction>,
    pub state: Option<ConversationState>,
    pub state_changed_at: Option<Timestamp>,
    pub assignment: Option<Assignment>,
    pub queue: Option<Queue>,
    pub link: Option<ConversationLink>,
    pub transport_expires_at: Option<Timestamp>,
    pub details: ConversationDetails,
    pub attributes: Attributes,
    pub created_at: Timestamp,
    /// When `assignment`, `queue`, `details`, `attributes` and the messages were forgotten.
    pub anonymized_at: Option<Timestamp>,
}

/// Who of the help desk talks with the contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub agent_id: Uuid,
    /// Microseconds since 1970 UTC.
    pub assigned_at: i64,
}

/// Where a conversation waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    pub id: Uuid,
    /// Microseconds since 1970 UTC.
    pub queued_at: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationLink {
    pub parent_id: i64,
    pub kind: LinkKind,
}

/// What the kinds of conversations have of their own; each has some of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConversationDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<Browser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_contact_point_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_contact_point_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twitter_type: Option<TwitterType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_point_twitter_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user_twitter_id: Option<String>,
}

/// The browser from which a contact writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originating_url: Option<String>,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As in the store and in records.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }
    };
}

words!(
    /// What a conversation is, which decides what it has of its own.
    ConversationKind {
        Chat = "Chat",
        ContactForm = "ContactForm",
        Email = "Email",
        FacebookMessenger = "FacebookMessenger",
        Generic = "Generic",
        Messenger = "Messenger",
        PstnPhone = "PstnPhone",
        Sms = "Sms",
        Twitter = "Twitter",
        WhatsApp = "WhatsApp",
    }
);
words!(
    /// By which channel a conversation came.
    Channel {
        Callback = "Callback",
        ContactForm = "ContactForm",
        Email = "Email",
        FacebookMessenger = "FacebookMessenger",
        Messenger = "Messenger",
        PstnPhone = "PstnPhone",
        Sms = "Sms",
        Twitter = "Twitter",
        Voicemail = "Voicemail",
        WhatsApp = "WhatsApp",
        WidgetChat = "WidgetChat",
    }
);
words!(
    /// Who began a conversation.
    Direction { Inbound = "Inbound", Outbound = "Outbound", Internal = "Internal" }
);
words!(
    /// How far a conversation is.
    ConversationState {
        AwaitingPending = "AwaitingPending",
        Closed = "Closed",
        Open = "Open",
        Pending = "Pending",
    }
);
words!(
    /// What a conversation is to its parent.
    LinkKind { EmailForward = "EmailForward", FollowUp = "FollowUp", SideConversation = "SideConversation" }
);
words!(
    /// What kind of message a conversation on Twitter consists of.
    TwitterType { DirectMessage = "DirectMessage", Tweet = "Tweet" }
);

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactMessage {
    pub message_id: Uuid,
    pub conversation_id: i64,
    /// Who wrote it, in the platform's words.
    pub sender: String,
    pub content: String,
    pub created_at: Timestamp,
}
