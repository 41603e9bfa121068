//! Digests, by which a record that comes again is known.

use denizen_domain::time::Timestamp;
use denizen_store::records::Digest;
use ring::digest::{Context, SHA256};

use super::record::{
    ContactConversationRecord, ContactMessageRecord, ConversationRecord, MemoryRecord, MessageRecord,
    UserModelRecord,
};
use crate::contact_conversations::{
    Assignment, Browser, Channel, ConversationDetails, ConversationKind, ConversationLink, ConversationState,
    Direction, LinkKind, Queue, TwitterType,
};

/// A record on its way into a hash: each part so that no two different records come out alike.
struct Hasher(Context);

impl Hasher {
    fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// A part whose length is always the same.
    fn fixed(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    fn number(self, number: u64) -> Self {
        self.fixed(&number.to_be_bytes())
    }

    fn time(self, time: Timestamp) -> Self {
        self.fixed(&time.0.to_be_bytes())
    }

    fn optional_time(self, time: Option<Timestamp>) -> Self {
        match time {
            Some(time) => self.fixed(&[1]).time(time),
            None => self.fixed(&[0]),
        }
    }

    fn text(self, text: &str) -> Self {
        self.number(text.len() as u64).fixed(text.as_bytes())
    }

    fn optional_text(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.fixed(&[1]).text(text),
            None => self.fixed(&[0]),
        }
    }

    fn optional<T>(self, value: Option<&T>, part: impl FnOnce(Self, &T) -> Self) -> Self {
        match value {
            Some(value) => part(self.fixed(&[1]), value),
            None => self.fixed(&[0]),
        }
    }

    fn each<T>(self, list: &[T], part: impl Fn(Self, &T) -> Self) -> Self {
        list.iter().fold(self.number(list.len() as u64), part)
    }

    fn digest(self) -> Digest {
        let mut digest = Digest::default();
        let length = digest.len();
        digest.copy_from_slice(&self.0.finish().as_ref()[..length]);
        digest
    }
}

pub(super) fn conversation(record: &ConversationRecord) -> Digest {
    Hasher::new()
        .fixed(&record.conversation_id.0)
        .fixed(&record.user_id.0)
        .time(record.started_at)
        .optional_time(record.ended_at)
        .optional_text(record.title.as_deref())
        .digest()
}

pub(super) fn message(record: &MessageRecord) -> Digest {
    Hasher::new()
        .fixed(&record.message_id.0)
        .fixed(&record.conversation_id.0)
        .fixed(&record.user_id.0)
        .time(record.created_at)
        .text(&record.sender)
        .text(&record.content)
        .digest()
}

pub(super) fn memory(record: &MemoryRecord) -> Digest {
    Hasher::new()
        .fixed(&record.memory_id.0)
        .fixed(&record.user_id.0)
        .fixed(&record.conversation_id.0)
        .time(record.created_at)
        .each(&record.references, |hasher, id| hasher.fixed(&id.0))
        .text(&record.content)
        .text(&record.context)
        .digest()
}

pub(super) fn user_model(record: &UserModelRecord) -> Digest {
    Hasher::new()
        .fixed(&record.user_model_id.0)
        .fixed(&record.user_id.0)
        .text(&record.content)
        .each(&record.insight_ids, |hasher, id| hasher.text(id))
        .each(&record.dimensions, |hasher, dimension| {
            hasher.text(&dimension.description).each(&dimension.tags, |hasher, tag| hasher.text(tag))
        })
        .optional_time(record.created_at)
        .digest()
}

/// Over all but the contact and the attributes, which are compared as they are.
pub(super) fn contact_conversation(record: &ContactConversationRecord) -> Digest {
    let ContactConversationRecord {
        conversation_id,
        contact: _,
        kind,
        channel,
        direction,
        state,
        state_changed_at,
        assignment,
        queue,
        link,
        transport_expires_at,
        details,
        attributes: _,
        created_at,
    } = record;
    let hasher = Hasher::new()
        .fixed(&conversation_id.to_be_bytes())
        .text(ConversationKind::as_str(*kind))
        .text(Channel::as_str(*channel))
        .optional_text(direction.map(Direction::as_str))
        .optional_text(state.map(ConversationState::as_str))
        .optional_time(*state_changed_at)
        .optional(assignment.as_ref(), |hasher, Assignment { agent_id, assigned_at }| {
            hasher.fixed(&agent_id.0).time(Timestamp(*assigned_at))
        })
        .optional(queue.as_ref(), |hasher, Queue { id, queued_at }| {
            hasher.fixed(&id.0).optional_time(queued_at.map(Timestamp))
        })
        .optional(link.as_ref(), |hasher, ConversationLink { parent_id, kind }| {
            hasher.fixed(&parent_id.to_be_bytes()).text(LinkKind::as_str(*kind))
        })
        .optional_time(*transport_expires_at)
        .time(*created_at);
    contact_conversation_details(hasher, details).digest()
}

fn contact_conversation_details(hasher: Hasher, details: &ConversationDetails) -> Hasher {
    let ConversationDetails {
        browser,
        language,
        subject,
        from_email,
        to_email,
        integration_email,
        from_contact_point_id,
        to_contact_point_id,
        from_number,
        to_number,
        twitter_type,
        contact_point_twitter_id,
        end_user_twitter_id,
    } = details;
    let texts = [
        language,
        subject,
        from_email,
        to_email,
        integration_email,
        from_contact_point_id,
        to_contact_point_id,
        from_number,
        to_number,
        contact_point_twitter_id,
        end_user_twitter_id,
    ];
    hasher
        .optional(browser.as_ref(), |hasher, Browser { name, version, ip_address, originating_url }| {
            hasher
                .text(name)
                .optional_text(version.as_deref())
                .optional_text(ip_address.as_deref())
                .optional_text(originating_url.as_deref())
        })
        .optional_text(twitter_type.map(TwitterType::as_str))
        .each(&texts, |hasher, text| hasher.optional_text(text.as_deref()))
}

pub(super) fn contact_message(record: &ContactMessageRecord) -> Digest {
    Hasher::new()
        .fixed(&record.message_id.0)
        .fixed(&record.conversation_id.to_be_bytes())
        .time(record.created_at)
        .text(&record.sender)
        .text(&record.content)
        .digest()
}

#[cfg(test)]
mod tests {
    use denizen_domain::ids::{ObjectId, UserId};

    use super::*;

    #[test]
    fn what_moves_from_one_part_into_the_next_makes_another_digest() {
        let with = |sender: &str, content: &str| {
            message(&MessageRecord {
                message_id: ObjectId([1; 12]),
                conversation_id: ObjectId([2; 12]),
                user_id: UserId([3; 16]),
                created_at: Timestamp(4),
                sender: sender.to_owned(),
                content: content.to_owned(),
            })
        };
        assert_eq!(with("ab", "c"), with("ab", "c"));
        assert_ne!(with("ab", "c"), with("a", "bc"));
        assert_ne!(with("", "abc"), with("abc", ""));
    }
}
