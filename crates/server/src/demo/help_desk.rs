//! What the demonstration's help desk knows: the people as its contacts, what is noted of them, and their conversations
//! of every kind. All of it is the same on every machine, ids included.

use denizen_directory::contact_conversations::{
    Assignment, Browser, Channel, ConversationDetails, ConversationKind, ConversationLink, ConversationState,
    Direction, LinkKind, Queue, TwitterType,
};
use denizen_directory::ingest::{
    AttributeDefinitionRecord, ContactConversationRecord, ContactMessageRecord, ContactRecord, ContactRef,
    Record,
};
use denizen_domain::contact::{AttributeEntity, AttributeInput, AttributeValue, Attributes, SelectOption};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::patch::Patch;
use denizen_domain::time::Timestamp;

use super::people::{self, Person};

/// The first contact of all was made on 2026-01-05 at nine o'clock, and another one every hour.
const BEGINNING: Timestamp = Timestamp(1_767_603_600_000_000);
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Nobody has more conversations; one contact in five has had none yet, but none of the first, whom everybody tries.
const MOST_CONVERSATIONS: usize = 4;
/// So many contacts, those on the first pages of a list, have conversations.
const TALKATIVE: usize = 100;
/// The address of the first of the contacts.
pub const SOMEBODY: &str = "alice.bennett@mail.example.com";
/// Where the help desk is written to and called.
const DESK_EMAIL: &str = "help@demo.example.com";
const DESK_NUMBER: &str = "+447700900999";

/// The kinds of ids.
const CONTACT: u16 = 1;
const MESSAGE: u16 = 2;
const DEFINITION: u16 = 3;
const OPTION: u16 = 4;
const AGENT: u16 = 5;
const QUEUE: u16 = 6;

/// The attributes.
const LOYALTY: u32 = 1;
const PRODUCT: u32 = 2;
const REASON: u32 = 3;

/// The same id for the same thing at every start, so that a start that was interrupted is completed by the next one.
fn id(kind: u16, number: u32, at: Timestamp) -> Uuid {
    let mut random = [0xde, 0x30, 0, 0, 0, 0, 0, 0];
    random[2..4].copy_from_slice(&kind.to_be_bytes());
    random[4..].copy_from_slice(&number.to_be_bytes());
    Uuid::new_v7(at.0, random)
}

/// The id of the first of the contacts, as it is written.
pub fn somebody() -> String {
    fixed(CONTACT, 0).to_string()
}

pub(super) fn fixed(kind: u16, number: u32) -> Uuid {
    id(kind, number, BEGINNING)
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("there are a few hundred people")
}

/// Everything, each record after those that it refers to.
pub fn all() -> Vec<Record> {
    let mut records = definitions();
    for (number, person) in people::all().enumerate() {
        let hours = i64::from(small(number));
        Desk { number, made_at: BEGINNING.plus_seconds(hours * HOUR) }.know(&person, &mut records);
    }
    records
}

fn definitions() -> Vec<Record> {
    let text = AttributeInput::Text { placeholder: Some("L-00000".to_owned()) };
    let products = choices(
        100,
        &[
            ("Coffee", &["Espresso", "Filter coffee"]),
            ("Tea", &["Black tea", "Green tea"]),
            ("Gift card", &[]),
        ],
    );
    let reasons = choices(
        200,
        &[("Delivery", &["Late", "Damaged"]), ("Payment", &["Refund", "Invoice"]), ("Praise", &[])],
    );
    let about = [
        (LOYALTY, AttributeEntity::Contact, "loyalty_number", "Loyalty number", text),
        (PRODUCT, AttributeEntity::Contact, "favourite", "Favourite", products),
        (REASON, AttributeEntity::Conversation, "reason", "Reason", reasons),
    ];
    let record = |(number, entity, identifier, label, input): (u32, _, &str, &str, _)| {
        Record::AttributeDefinition(Box::new(AttributeDefinitionRecord {
            definition_id: fixed(DEFINITION, number),
            entity,
            identifier: identifier.to_owned(),
            label: label.to_owned(),
            description: None,
            input,
            is_required: false,
            is_archived: false,
            is_deactivated: false,
            created_at: Some(BEGINNING),
            updated_at: None,
        }))
    };
    about.into_iter().map(record).collect()
}

/// Options of two levels, with ids from `first` on.
fn choices(first: u32, labels: &[(&str, &[&str])]) -> AttributeInput {
    let mut ids = first..;
    let mut option = |label: &str, at: usize, nested_options| SelectOption {
        id: fixed(OPTION, ids.next().expect("ids do not run out")),
        label: label.to_owned(),
        value: word(label),
        is_deactivated: false,
        order_index: i32::try_from(at).expect("a few options"),
        nested_options,
    };
    let mut options = Vec::new();
    for (at, (label, inner)) in labels.iter().enumerate() {
        let nested = inner.iter().enumerate().map(|(at, label)| option(label, at, Vec::new())).collect();
        options.push(option(label, at, nested));
    }
    AttributeInput::Select { options }
}

/// What is noted when an option is chosen.
fn word(label: &str) -> String {
    label.to_lowercase().replace(' ', "_")
}

fn chosen(labels: &[&str]) -> AttributeValue {
    AttributeValue::Options(labels.iter().map(|label| word(label)).collect())
}

/// One contact: the number among the people, and when the help desk heard of it first.
struct Desk {
    number: usize,
    made_at: Timestamp,
}

impl Desk {
    fn contact_id(&self) -> UserId {
        UserId::from_uuid(id(CONTACT, small(self.number), self.made_at))
    }

    fn is_every(&self, nth: usize, from: usize) -> bool {
        self.number % nth == from
    }

    fn know(&self, person: &Person, records: &mut Vec<Record>) {
        let local = person.email.split_once('@').map_or(person.email.as_str(), |(local, _)| local);
        let email = format!("{local}@mail.example.com");
        // Numbers that no country gives to anybody: they are kept for films.
        let phone = format!("+447700900{:03}", self.number);
        records.push(Record::Contact(Box::new(self.contact(person, local, &email, &phone))));
        for nth in 0..self.conversations() {
            self.converse(nth, &email, &phone, records);
        }
    }

    fn conversations(&self) -> usize {
        if self.number < TALKATIVE {
            MOST_CONVERSATIONS - self.number % MOST_CONVERSATIONS
        } else {
            self.number % (MOST_CONVERSATIONS + 1)
        }
    }

    fn contact(&self, person: &Person, local: &str, email: &str, phone: &str) -> ContactRecord {
        let set_if = |is_there: bool, text: String| if is_there { Patch::Set(text) } else { Patch::Keep };
        let list_if =
            |is_there: bool, text: String| if is_there { Patch::Set(vec![text]) } else { Patch::Keep };
        let number = self.number;
        ContactRecord {
            contact_id: Some(self.contact_id()),
            external_id: set_if(!self.is_every(7, 6), format!("crm-{:05}", 10_000 + number)),
            display_name: Patch::Set(format!("{} {}", person.first_name, person.last_name)),
            first_name: Patch::Set(person.first_name.to_owned()),
            last_name: Patch::Set(person.last_name.to_owned()),
            middle_names: list_if(self.is_every(9, 4), "Robin".to_owned()),
            email: Patch::Set(email.to_owned()),
            additional_emails: list_if(self.is_every(5, 2), format!("{local}@work.example.net")),
            phone: set_if(!self.is_every(10, 9), phone.to_owned()),
            additional_phones: list_if(self.is_every(4, 1), format!("+447700900{:03}", 500 + number)),
            avatar_url: set_if(self.is_every(6, 0), format!("https://app.example.com/avatars/{number}.png")),
            attributes: Patch::Set(self.attributes()),
            created_at: Some(self.made_at),
        }
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        if self.is_every(3, 0) {
            let loyalty = AttributeValue::Text(format!("L-{:05}", 40_000 + self.number * 7));
            attributes.insert(fixed(DEFINITION, LOYALTY), loyalty);
        }
        let favourite: &[&str] = match self.number % 8 {
            1 => &["Coffee", "Espresso"],
            3 => &["Tea", "Green tea"],
            5 => &["Gift card"],
            7 => &["Coffee"],
            _ => return attributes,
        };
        attributes.insert(fixed(DEFINITION, PRODUCT), chosen(favourite));
        attributes
    }

    /// A conversation with its messages. Contacts use the kinds by turns.
    fn converse(&self, nth: usize, email: &str, phone: &str, records: &mut Vec<Record>) {
        let kind = ConversationKind::ALL[(self.number + nth * 3) % ConversationKind::ALL.len()];
        let days = i64::from(small(1 + nth * 5 + self.number % 3));
        let created_at = self.made_at.plus_seconds(days * DAY);
        let topic = &TOPICS[(self.number + nth) % TOPICS.len()];
        let minute = |at: usize| created_at.plus_seconds(60 * i64::from(small(at)));
        let first_id = i64::from(small(self.number)) * 10;
        let conversation_id = 10_000 + first_id + i64::from(small(nth));
        let state = match (self.number + nth) % 9 {
            1 => ConversationState::Open,
            4 => ConversationState::Pending,
            7 => ConversationState::AwaitingPending,
            _ => ConversationState::Closed,
        };
        let is_closed = state == ConversationState::Closed;
        let assignment =
            Assignment { agent_id: fixed(AGENT, small(self.number % 5)), assigned_at: minute(2).0 };
        let queue = Queue { id: fixed(QUEUE, small(nth % 2)), queued_at: Some(created_at.0) };
        let follows = nth == 2;
        records.push(Record::ContactConversation(Box::new(ContactConversationRecord {
            conversation_id,
            contact: ContactRef::Id(self.contact_id()),
            kind,
            channel: channel_of(kind, self.number / 10),
            direction: Some(if nth == 3 { Direction::Outbound } else { Direction::Inbound }),
            state: Some(state),
            state_changed_at: Some(minute(topic.said.len())),
            // Who waits has nobody yet.
            assignment: (state != ConversationState::Open).then_some(assignment),
            queue: Some(queue),
            link: follows
                .then_some(ConversationLink { parent_id: conversation_id - 1, kind: LinkKind::FollowUp }),
            transport_expires_at: (kind == ConversationKind::WhatsApp).then(|| created_at.plus_seconds(DAY)),
            details: details_of(kind, topic.subject, email, phone),
            attributes: is_closed
                .then(|| Attributes::from([(fixed(DEFINITION, REASON), chosen(topic.reason))])),
            created_at,
        })));
        for (at, content) in topic.said.iter().enumerate() {
            let message = small(self.number * 1_000 + nth * 100 + at);
            records.push(Record::ContactMessage(ContactMessageRecord {
                message_id: id(MESSAGE, message, minute(at)),
                conversation_id,
                sender: if at.is_multiple_of(2) { "contact" } else { "agent" }.to_owned(),
                content: (*content).to_owned(),
                created_at: minute(at),
            }));
        }
    }
}

/// What is written about: the subject, what the contact and the agent say by turns, and why the contact came.
struct Topic {
    subject: &'static str,
    said: &'static [&'static str],
    reason: &'static [&'static str],
}

const TOPICS: [Topic; 4] = [
    Topic {
        subject: "Where is my parcel?",
        said: &["It should have been here on Tuesday.", "It is delayed by the snow.", "Then I will wait."],
        reason: &["Delivery", "Late"],
    },
    Topic {
        subject: "A broken cup",
        said: &["One cup of six came in pieces.", "We send another one today."],
        reason: &["Delivery", "Damaged"],
    },
    Topic {
        subject: "Invoice for January",
        said: &["May I have the invoice once more?", "Of course, to which address?", "To this one.", "Done."],
        reason: &["Payment", "Invoice"],
    },
    Topic { subject: "Thank you", said: &["The best coffee in years."], reason: &["Praise"] },
];

fn channel_of(kind: ConversationKind, turn: usize) -> Channel {
    match kind {
        ConversationKind::Chat => Channel::WidgetChat,
        ConversationKind::ContactForm => Channel::ContactForm,
        ConversationKind::Email => Channel::Email,
        ConversationKind::FacebookMessenger => Channel::FacebookMessenger,
        // They have no kind of their own.
        ConversationKind::Generic if turn.is_multiple_of(2) => Channel::Voicemail,
        ConversationKind::Generic => Channel::Callback,
        ConversationKind::Messenger => Channel::Messenger,
        ConversationKind::PstnPhone => Channel::PstnPhone,
        ConversationKind::Sms => Channel::Sms,
        ConversationKind::Twitter => Channel::Twitter,
        ConversationKind::WhatsApp => Channel::WhatsApp,
    }
}

fn details_of(kind: ConversationKind, subject: &str, email: &str, phone: &str) -> ConversationDetails {
    let text = |text: &str| Some(text.to_owned());
    let none = ConversationDetails::default();
    let language = text("en");
    match kind {
        ConversationKind::Chat | ConversationKind::Messenger => {
            let browser = Browser {
                name: "Firefox".to_owned(),
                version: text("140.0"),
                ip_address: text("192.0.2.17"),
                originating_url: text("https://shop.example.com/cart"),
            };
            ConversationDetails { browser: Some(browser), language, ..none }
        }
        ConversationKind::ContactForm | ConversationKind::Email => ConversationDetails {
            from_email: text(email),
            to_email: text(DESK_EMAIL),
            integration_email: text(DESK_EMAIL),
            subject: text(subject),
            language,
            ..none
        },
        ConversationKind::Generic => ConversationDetails {
            from_contact_point_id: text(phone),
            to_contact_point_id: text(DESK_NUMBER),
            ..none
        },
        ConversationKind::Sms => {
            ConversationDetails { from_number: text(phone), to_number: text(DESK_NUMBER), ..none }
        }
        ConversationKind::Twitter => ConversationDetails {
            twitter_type: Some(TwitterType::DirectMessage),
            contact_point_twitter_id: text("783214"),
            end_user_twitter_id: text("6253282"),
            ..none
        },
        ConversationKind::FacebookMessenger | ConversationKind::PstnPhone | ConversationKind::WhatsApp => {
            none
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use denizen_domain::contact::{ContactEmail, Phone};

    use super::*;

    #[test]
    fn every_record_has_an_id_of_its_own() {
        let records = all();
        let ids: BTreeSet<String> = records
            .iter()
            .map(|record| match record {
                Record::Contact(record) => record.contact_id.unwrap().as_uuid().to_string(),
                Record::AttributeDefinition(record) => record.definition_id.to_string(),
                Record::ContactConversation(record) => record.conversation_id.to_string(),
                Record::ContactMessage(record) => record.message_id.to_string(),
                other => panic!("the help desk knows of no {other:?}"),
            })
            .collect();
        assert_eq!(ids.len(), records.len());
    }

    #[test]
    fn there_are_contacts_of_every_form_and_conversations_of_every_kind_channel_and_state() {
        let mut seen: [BTreeSet<&str>; 3] = Default::default();
        let mut contacts = Vec::new();
        for record in all() {
            match record {
                Record::Contact(contact) => contacts.push(contact),
                Record::ContactConversation(talk) => {
                    seen[0].insert(talk.kind.as_str());
                    seen[1].insert(talk.channel.as_str());
                    seen[2].insert(talk.state.unwrap().as_str());
                }
                _ => {}
            }
        }
        assert_eq!(seen.map(|seen| seen.len()), [ConversationKind::ALL.len(), Channel::ALL.len(), 4]);
        assert_eq!(contacts.len(), people::COUNT);
        let with = |is_there: fn(&ContactRecord) -> bool| {
            let found = contacts.iter().filter(|contact| is_there(contact)).count();
            assert!(found > 30 && found < people::COUNT, "{found}");
        };
        with(|contact| contact.external_id != Patch::Keep);
        with(|contact| contact.phone != Patch::Keep);
        with(|contact| contact.additional_emails != Patch::Keep);
        with(|contact| contact.additional_phones != Patch::Keep);
        with(|contact| contact.middle_names != Patch::Keep);
        with(|contact| contact.attributes != Patch::Set(Attributes::new()));
    }

    #[test]
    fn the_first_contacts_have_conversations_and_some_of_the_others_have_none() {
        let (mut contacts, mut with) = (Vec::new(), BTreeSet::new());
        for record in all() {
            match record {
                Record::Contact(contact) => contacts.push(contact.contact_id.unwrap()),
                Record::ContactConversation(talk) => {
                    let ContactRef::Id(contact) = talk.contact else { panic!("{talk:?}") };
                    with.insert(contact);
                }
                _ => {}
            }
        }
        assert_eq!(contacts[0].as_uuid().to_string(), somebody());
        assert!(contacts[..TALKATIVE].iter().all(|contact| with.contains(contact)));
        let without = contacts.iter().filter(|contact| !with.contains(contact)).count();
        assert_eq!(without, (people::COUNT - TALKATIVE) / (MOST_CONVERSATIONS + 1));
    }

    #[test]
    fn no_address_and_no_number_is_that_of_two_contacts() {
        let mut keys = BTreeSet::new();
        let mut add = |key: String| assert!(keys.insert(key.clone()), "{key}");
        for record in all() {
            let Record::Contact(contact) = record else { continue };
            let emails = [contact.email].into_iter().filter_map(set);
            for email in emails.chain(set(contact.additional_emails).into_iter().flatten()) {
                add(ContactEmail::parse(&email).unwrap().key().to_owned());
            }
            let phones = [contact.phone].into_iter().filter_map(set);
            for phone in phones.chain(set(contact.additional_phones).into_iter().flatten()) {
                add(Phone::parse(&phone).unwrap().to_string());
            }
        }
        assert!(keys.len() > 2 * people::COUNT);
        assert!(keys.contains(SOMEBODY));
    }

    fn set<T>(patch: Patch<T>) -> Option<T> {
        match patch {
            Patch::Set(value) => Some(value),
            Patch::Keep | Patch::Clear => None,
        }
    }
}
