//! Conversations: eleven variants, told apart by `_type` (contract section 5.5).

use schemars::JsonSchema;
use serde::Serialize;

use super::attribute::CustomAttribute;
use super::constant::constants;
use super::time::Seconds;
use super::{Id, never_null};

constants!(
    AnonymizedType = "AnonymizedConversation",
    ChatType = "ChatConversation",
    ContactFormType = "ContactFormConversation",
    EmailType = "EmailConversation",
    FacebookMessengerType = "FacebookMessengerConversation",
    GenericType = "GenericConversation",
    MessengerType = "MessengerConversation",
    PstnPhoneType = "PstnPhoneConversation",
    SmsType = "SmsConversation",
    TwitterType = "TwitterConversation",
    WhatsAppType = "WhatsAppConversation",
);

/// A conversation of an end user.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::dixa) enum Conversation {
    Anonymized(AnonymizedConversation),
    Chat(ChatConversation),
    ContactForm(ContactFormConversation),
    Email(EmailConversation),
    FacebookMessenger(FacebookMessengerConversation),
    Generic(GenericConversation),
    Messenger(MessengerConversation),
    PstnPhone(PstnPhoneConversation),
    Sms(SmsConversation),
    Twitter(TwitterConversation),
    WhatsApp(WhatsAppConversation),
}

/// How every conversation begins.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::dixa) struct Head {
    pub(in crate::dixa) id: i64,
    pub(in crate::dixa) requester_id: Id,
    pub(in crate::dixa) channel: ChannelName,
    pub(in crate::dixa) created_at: Seconds,
}

/// How far every conversation is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub(in crate::dixa) struct Progress {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) direction: Option<DirectionName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) state: Option<StateName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) state_updated_at: Option<Seconds>,
}

/// Who of the help desk has to do with a conversation.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub(in crate::dixa) struct Service {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) assignment: Option<Assignment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) queue: Option<Queue>,
}

/// How every conversation ends.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub(in crate::dixa) struct Tail {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) link: Option<ConversationLink>,
    /// Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) custom_attributes: Option<Vec<CustomAttribute>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) transport_expires_at: Option<Seconds>,
}

/// The variants: what all have, and between that what each has of its own.
macro_rules! variants {
    ($($(#[$about:meta])* $name:ident($kind:ident) {
        $($(#[$early_about:meta])* $early:ident: $early_type:ty,)*
        ..
        $($(#[$own_about:meta])* $own:ident: $own_type:ty,)*
    })+) => {
        $(
            $(#[$about])*
            #[derive(Serialize, JsonSchema)]
            #[serde(rename_all = "camelCase")]
            #[schemars(transform = never_null)]
            pub(in crate::dixa) struct $name {
                #[serde(flatten)]
                pub(in crate::dixa) head: Head,
                $($(#[$early_about])* pub(in crate::dixa) $early: $early_type,)*
                #[serde(flatten)]
                pub(in crate::dixa) progress: Progress,
                $($(#[$own_about])* pub(in crate::dixa) $own: $own_type,)*
                #[serde(flatten)]
                pub(in crate::dixa) tail: Tail,
                #[serde(rename = "_type")]
                pub(in crate::dixa) kind: $kind,
            }
        )+
    };
}

variants! {
    /// What is left of a conversation that was made anonymous.
    AnonymizedConversation(AnonymizedType) {
        ..
        anonymized_at: Seconds,
    }
    ChatConversation(ChatType) {
        ..
        #[serde(flatten)]
        service: Service,
        #[serde(skip_serializing_if = "Option::is_none")]
        browser_info: Option<BrowserInfo>,
        #[serde(skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    }
    ContactFormConversation(ContactFormType) {
        ..
        #[serde(flatten)]
        service: Service,
        from_email: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        to_email: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        integration_email: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
    }
    EmailConversation(EmailType) {
        ..
        #[serde(flatten)]
        service: Service,
        to_email: String,
        from_email: String,
        integration_email: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
    }
    FacebookMessengerConversation(FacebookMessengerType) {
        ..
        #[serde(flatten)]
        service: Service,
    }
    /// Any channel that has no variant of its own.
    GenericConversation(GenericType) {
        #[serde(skip_serializing_if = "Option::is_none")]
        from_contact_point_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to_contact_point_id: Option<String>,
        ..
        #[serde(flatten)]
        service: Service,
    }
    MessengerConversation(MessengerType) {
        ..
        #[serde(flatten)]
        service: Service,
        #[serde(skip_serializing_if = "Option::is_none")]
        browser_info: Option<BrowserInfo>,
        #[serde(skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    }
    PstnPhoneConversation(PstnPhoneType) {
        ..
        #[serde(flatten)]
        service: Service,
    }
    SmsConversation(SmsType) {
        ..
        #[serde(flatten)]
        service: Service,
        #[serde(skip_serializing_if = "Option::is_none")]
        from_number: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to_number: Option<String>,
    }
    TwitterConversation(TwitterType) {
        conversation_type: TwitterConversationType,
        #[serde(skip_serializing_if = "Option::is_none")]
        contact_point_twitter_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        end_user_twitter_id: Option<String>,
        ..
        #[serde(flatten)]
        service: Service,
    }
    WhatsAppConversation(WhatsAppType) {
        ..
        #[serde(flatten)]
        service: Service,
    }
}

/// By which channel a conversation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::dixa) enum ChannelName {
    WhatsApp,
    Voicemail,
    WidgetChat,
    FacebookMessenger,
    Twitter,
    Email,
    ContactForm,
    Callback,
    PstnPhone,
    Sms,
    Messenger,
}

/// Who began a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::dixa) enum DirectionName {
    Inbound,
    Outbound,
    Internal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::dixa) enum StateName {
    AwaitingPending,
    Closed,
    Open,
    Pending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::dixa) enum TwitterConversationType {
    DirectMessage,
    Tweet,
}

/// Who of the help desk talks with the end user.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::dixa) struct Assignment {
    pub(in crate::dixa) agent_id: Id,
    pub(in crate::dixa) assigned_at: Seconds,
}

/// Where a conversation waits.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub(in crate::dixa) struct Queue {
    pub(in crate::dixa) id: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) queued_at: Option<Seconds>,
}

/// The browser from which an end user writes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub(in crate::dixa) struct BrowserInfo {
    pub(in crate::dixa) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) originating_url: Option<String>,
}

/// The conversation that another one came from, and what it is to it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::dixa) struct ConversationLink {
    pub(in crate::dixa) parent_id: i64,
    #[serde(rename = "_type")]
    pub(in crate::dixa) kind: LinkType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::dixa) enum LinkType {
    EmailForward,
    FollowUp,
    SideConversation,
}
