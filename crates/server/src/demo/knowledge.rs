//! What the demonstration's conversation platform knows of the people: conversations, and what it has drawn from them.
//! The same on every machine, but for the ids of the people.

use denizen_directory::ingest::{
    ConversationRecord, ExternalEventRecord, MemoryRecord, MessageRecord, Record, UserModelRecord,
};
use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::UserDimension;
use denizen_domain::time::Timestamp;

/// What is talked about: the title, what the user and the agent say by turns, and what is remembered of it.
struct Topic {
    title: &'static str,
    said: &'static [&'static str],
    memory: &'static str,
    concern: &'static str,
}

const TOPICS: [Topic; 4] = [
    Topic {
        title: "Sleep",
        said: &[
            "I lie awake for hours.",
            "Since when?",
            "Since I began to work at night.",
            "Then let us look at your light first.",
        ],
        memory: "Sleeps badly since working at night",
        concern: "Health",
    },
    Topic {
        title: "An order that did not come",
        said: &[
            "Where is my order?",
            "It left on Monday and is delayed by the snow.",
            "Thank you, I will wait.",
        ],
        memory: "Waits patiently when the reason is told",
        concern: "Temper",
    },
    Topic {
        title: "Learning to cook",
        said: &[
            "Something without nuts, please.",
            "An allergy?",
            "My daughter's.",
            "I keep that in mind. How about lentils?",
        ],
        memory: "Has a daughter who is allergic to nuts",
        concern: "Family",
    },
    Topic {
        title: "A change of plan",
        said: &["Can I pay by the month?", "Yes, from the next month on."],
        memory: "Prefers to pay by the month",
        concern: "Preferences",
    },
];

/// Everybody has so many conversations at most; one in seven has had none yet.
const MOST_CONVERSATIONS: usize = 6;
const DAY: i64 = 86_400;
/// The first conversation of all: 2026-01-05, nine o'clock.
const BEGINNING: Timestamp = Timestamp(1_767_603_600_000_000);

/// The kinds of ids.
const CONVERSATION: u8 = 1;
const MESSAGE: u8 = 2;
const MEMORY: u8 = 3;
const MODEL: u8 = 4;
const EVENT: u8 = 5;

/// The same id for the same thing at every start, so that a start that was interrupted is completed by the next one.
fn id(kind: u8, person: usize, number: usize) -> ObjectId {
    let person = u32::try_from(person).unwrap_or(u32::MAX).to_be_bytes();
    let number = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = [0xde, 0x30, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes[4..8].copy_from_slice(&person);
    bytes[8..].copy_from_slice(&number);
    ObjectId(bytes)
}

/// What is known of the person with this number.
pub fn of(person: usize, user_id: UserId) -> Vec<Record> {
    let mut records = Vec::new();
    let conversations = person % (MOST_CONVERSATIONS + 1);
    for number in 0..conversations {
        let topic = &TOPICS[(person + number) % TOPICS.len()];
        let days = i64::try_from(person % 90 + number * 7).unwrap_or_default();
        conversation(&mut records, topic, (person, number), user_id, BEGINNING.plus_seconds(days * DAY));
    }
    if conversations > 1 {
        records.push(Record::UserModel(model(person, conversations, user_id)));
    }
    if person.is_multiple_of(3) {
        records.push(Record::ExternalEvent(event(person, user_id)));
    }
    records
}

fn conversation(
    records: &mut Vec<Record>,
    topic: &Topic,
    (person, number): (usize, usize),
    user_id: UserId,
    started_at: Timestamp,
) {
    let conversation_id = id(CONVERSATION, person, number);
    let minute = |at: usize| started_at.plus_seconds(60 * i64::try_from(at).unwrap_or_default());
    let ended_at = minute(topic.said.len());
    let title = Some(topic.title.to_owned());
    records.push(Record::Conversation(ConversationRecord {
        conversation_id,
        user_id,
        started_at,
        ended_at: Some(ended_at),
        title,
    }));
    let mut references = Vec::new();
    for (at, content) in topic.said.iter().enumerate() {
        let message_id = id(MESSAGE, person, number * 100 + at);
        references.push(message_id);
        records.push(Record::Message(MessageRecord {
            message_id,
            conversation_id,
            user_id,
            created_at: minute(at),
            sender: if at.is_multiple_of(2) { "user" } else { "agent" }.to_owned(),
            content: (*content).to_owned(),
        }));
    }
    records.push(Record::Memory(MemoryRecord {
        memory_id: id(MEMORY, person, number),
        user_id,
        conversation_id,
        created_at: ended_at,
        references,
        content: topic.memory.to_owned(),
        context: format!("Said in a conversation about: {}", topic.title),
    }));
}

fn model(person: usize, conversations: usize, user_id: UserId) -> UserModelRecord {
    let topics =
        || (0..conversations.min(TOPICS.len())).map(|number| &TOPICS[(person + number) % TOPICS.len()]);
    UserModelRecord {
        user_model_id: id(MODEL, person, 0),
        user_id,
        content: topics().map(|topic| topic.memory).collect::<Vec<_>>().join(". ") + ".",
        insight_ids: (0..conversations).map(|number| id(MEMORY, person, number).to_string()).collect(),
        dimensions: topics()
            .map(|topic| UserDimension {
                description: topic.concern.to_owned(),
                tags: vec![topic.title.to_owned()],
            })
            .collect(),
        created_at: Some(BEGINNING.plus_seconds(140 * DAY)),
    }
}

fn event(person: usize, user_id: UserId) -> ExternalEventRecord {
    let starts_at = BEGINNING.plus_seconds(i64::try_from(person).unwrap_or_default() * DAY / 4);
    ExternalEventRecord {
        external_event_id: id(EVENT, person, 0),
        user_id,
        event_type: ["call", "purchase", "visit"][person / 3 % 3].to_owned(),
        starts_at,
        ends_at: starts_at.plus_seconds(900),
        description: "Something that happened outside of conversations".to_owned(),
        transcript: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::demo::people::COUNT;

    #[test]
    fn every_record_has_an_id_of_its_own() {
        let user = UserId::from_object_id(id(0, 0, 0));
        let records: Vec<Record> = (0..COUNT).flat_map(|person| of(person, user)).collect();
        let ids: BTreeSet<ObjectId> = records
            .iter()
            .map(|record| match record {
                Record::Conversation(record) => record.conversation_id,
                Record::Message(record) => record.message_id,
                Record::Memory(record) => record.memory_id,
                Record::UserModel(record) => record.user_model_id,
                Record::ExternalEvent(record) => record.external_event_id,
                other => panic!("the platform does not know of {other:?}"),
            })
            .collect();
        assert_eq!(ids.len(), records.len());
        assert!(records.len() > 4_000, "{}", records.len());
    }
}
