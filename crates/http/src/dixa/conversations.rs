//! From the engine's conversations to the vendor's eleven variants.

use denizen_directory::attributes::Attribute;
use denizen_directory::contact_conversations::{
    Assignment, Browser, Channel, ContactConversation, ConversationKind, ConversationLink, ConversationState,
    Direction, LinkKind, Queue, TwitterType,
};
use denizen_domain::time::Timestamp;

use super::render::attributes;
use super::wire::{self, Id, Seconds};

/// A conversation; a list shows none of its attributes.
pub(super) fn conversation(of: ContactConversation, shown: Option<Vec<Attribute>>) -> wire::Conversation {
    let head = wire::Head {
        id: of.conversation_id,
        requester_id: Id(of.user_id.as_uuid()),
        channel: channel(of.channel),
        created_at: Seconds(of.created_at),
    };
    let progress = wire::Progress {
        direction: of.direction.map(direction),
        state: of.state.map(state),
        state_updated_at: of.state_changed_at.map(Seconds),
    };
    let tail = wire::Tail {
        link: of.link.as_ref().map(link),
        custom_attributes: shown.map(attributes),
        transport_expires_at: of.transport_expires_at.map(Seconds),
    };
    if let Some(anonymized_at) = of.anonymized_at {
        return wire::Conversation::Anonymized(wire::AnonymizedConversation {
            head,
            progress,
            anonymized_at: Seconds(anonymized_at),
            tail,
            kind: wire::AnonymizedType,
        });
    }
    let service = wire::Service {
        assignment: of.assignment.as_ref().map(assignment),
        queue: of.queue.as_ref().map(queue),
    };
    let details = of.details;
    match of.kind {
        ConversationKind::Chat => wire::Conversation::Chat(wire::ChatConversation {
            head,
            progress,
            service,
            browser_info: details.browser.map(browser),
            language: details.language,
            tail,
            kind: wire::ChatType,
        }),
        ConversationKind::ContactForm => wire::Conversation::ContactForm(wire::ContactFormConversation {
            head,
            progress,
            service,
            // Whoever takes conversations in asks for what its kind needs.
            from_email: details.from_email.unwrap_or_default(),
            to_email: details.to_email,
            integration_email: details.integration_email,
            language: details.language,
            subject: details.subject,
            tail,
            kind: wire::ContactFormType,
        }),
        ConversationKind::Email => wire::Conversation::Email(wire::EmailConversation {
            head,
            progress,
            service,
            to_email: details.to_email.unwrap_or_default(),
            from_email: details.from_email.unwrap_or_default(),
            integration_email: details.integration_email.unwrap_or_default(),
            language: details.language,
            subject: details.subject,
            tail,
            kind: wire::EmailType,
        }),
        ConversationKind::FacebookMessenger => {
            let kind = wire::FacebookMessengerType;
            let conversation = wire::FacebookMessengerConversation { head, progress, service, tail, kind };
            wire::Conversation::FacebookMessenger(conversation)
        }
        ConversationKind::Generic => wire::Conversation::Generic(wire::GenericConversation {
            head,
            from_contact_point_id: details.from_contact_point_id,
            to_contact_point_id: details.to_contact_point_id,
            progress,
            service,
            tail,
            kind: wire::GenericType,
        }),
        ConversationKind::Messenger => wire::Conversation::Messenger(wire::MessengerConversation {
            head,
            progress,
            service,
            browser_info: details.browser.map(browser),
            language: details.language,
            tail,
            kind: wire::MessengerType,
        }),
        ConversationKind::PstnPhone => {
            let kind = wire::PstnPhoneType;
            let conversation = wire::PstnPhoneConversation { head, progress, service, tail, kind };
            wire::Conversation::PstnPhone(conversation)
        }
        ConversationKind::Sms => wire::Conversation::Sms(wire::SmsConversation {
            head,
            progress,
            service,
            from_number: details.from_number,
            to_number: details.to_number,
            tail,
            kind: wire::SmsType,
        }),
        ConversationKind::Twitter => wire::Conversation::Twitter(wire::TwitterConversation {
            head,
            conversation_type: details
                .twitter_type
                .map_or(wire::TwitterConversationType::Tweet, twitter_type),
            contact_point_twitter_id: details.contact_point_twitter_id,
            end_user_twitter_id: details.end_user_twitter_id,
            progress,
            service,
            tail,
            kind: wire::TwitterType,
        }),
        ConversationKind::WhatsApp => {
            let kind = wire::WhatsAppType;
            let conversation = wire::WhatsAppConversation { head, progress, service, tail, kind };
            wire::Conversation::WhatsApp(conversation)
        }
    }
}

fn channel(channel: Channel) -> wire::ChannelName {
    match channel {
        Channel::Callback => wire::ChannelName::Callback,
        Channel::ContactForm => wire::ChannelName::ContactForm,
        Channel::Email => wire::ChannelName::Email,
        Channel::FacebookMessenger => wire::ChannelName::FacebookMessenger,
        Channel::Messenger => wire::ChannelName::Messenger,
        Channel::PstnPhone => wire::ChannelName::PstnPhone,
        Channel::Sms => wire::ChannelName::Sms,
        Channel::Twitter => wire::ChannelName::Twitter,
        Channel::Voicemail => wire::ChannelName::Voicemail,
        Channel::WhatsApp => wire::ChannelName::WhatsApp,
        Channel::WidgetChat => wire::ChannelName::WidgetChat,
    }
}

fn direction(direction: Direction) -> wire::DirectionName {
    match direction {
        Direction::Inbound => wire::DirectionName::Inbound,
        Direction::Outbound => wire::DirectionName::Outbound,
        Direction::Internal => wire::DirectionName::Internal,
    }
}

fn state(state: ConversationState) -> wire::StateName {
    match state {
        ConversationState::AwaitingPending => wire::StateName::AwaitingPending,
        ConversationState::Closed => wire::StateName::Closed,
        ConversationState::Open => wire::StateName::Open,
        ConversationState::Pending => wire::StateName::Pending,
    }
}

fn twitter_type(kind: TwitterType) -> wire::TwitterConversationType {
    match kind {
        TwitterType::DirectMessage => wire::TwitterConversationType::DirectMessage,
        TwitterType::Tweet => wire::TwitterConversationType::Tweet,
    }
}

fn assignment(assignment: &Assignment) -> wire::Assignment {
    wire::Assignment {
        agent_id: Id(assignment.agent_id),
        assigned_at: Seconds(Timestamp(assignment.assigned_at)),
    }
}

fn queue(queue: &Queue) -> wire::Queue {
    wire::Queue { id: Id(queue.id), queued_at: queue.queued_at.map(|micros| Seconds(Timestamp(micros))) }
}

fn link(link: &ConversationLink) -> wire::ConversationLink {
    wire::ConversationLink {
        parent_id: link.parent_id,
        kind: match link.kind {
            LinkKind::EmailForward => wire::LinkType::EmailForward,
            LinkKind::FollowUp => wire::LinkType::FollowUp,
            LinkKind::SideConversation => wire::LinkType::SideConversation,
        },
    }
}

fn browser(browser: Browser) -> wire::BrowserInfo {
    wire::BrowserInfo {
        name: browser.name,
        version: browser.version,
        ip_address: browser.ip_address,
        originating_url: browser.originating_url,
    }
}
