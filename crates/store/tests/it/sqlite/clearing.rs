//! What was set to NULL in rows that stay is in no file of SQLite's either.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::contact::{AttributeValue, Attributes};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::permission::model::Rng;
use denizen_store::contact_conversations::{
    self, Channel, ContactConversation, ConversationDetails, ConversationKind,
};
use denizen_store::contact_messages::{self, ContactMessage};
use denizen_store::contacts::{self, Change, Contact, Profile};
use denizen_store::holdings::{self, Cleared};
use denizen_store::{StoreError, Tx};

use super::erasing::{files, marks_in};
use crate::support::{NOW, ORG, TestStore, user_id};

/// The marks that are in rows.
fn in_rows(test: &TestStore) -> BTreeSet<u64> {
    let file = test.file();
    let mut rows = file
        .prepare(
            "SELECT display_name FROM contact UNION ALL SELECT external_id FROM contact
             UNION ALL SELECT attributes FROM contact UNION ALL SELECT details FROM contact_conversation
             UNION ALL SELECT attributes FROM contact_conversation UNION ALL SELECT content FROM contact_message",
        )
        .unwrap();
    let texts = rows.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
    texts.flat_map(|text| marks_in(text.unwrap().unwrap_or_default().as_bytes())).collect()
}

#[derive(Clone)]
enum Step {
    AddContact(Contact),
    ChangeContact(Change),
    ClearContact(UserId),
    PutConversation(ContactConversation, bool),
    ClearConversation(i64),
    PutMessage(ContactMessage, UserId, bool),
    ClearMessage(Uuid),
}

impl Step {
    fn apply(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        match self {
            Self::AddContact(contact) => contacts::insert(tx, std::slice::from_ref(contact), NOW),
            Self::ChangeContact(change) => contacts::update(tx, std::slice::from_ref(change), NOW),
            Self::ClearContact(user) => {
                contacts::clear(tx, *user, NOW)?;
                holdings::erase_small(tx, Directory::Contacts, *user)?;
                assert!(holdings::erase_batch(tx, Directory::Contacts, *user, 1_000_000)?);
                let mut cleared = Some(Cleared::NOTHING);
                while let Some(from) = cleared {
                    cleared = holdings::clear_batch(tx, Directory::Contacts, *user, from, 1_000_000, NOW)?;
                }
                Ok(())
            }
            Self::PutConversation(conversation, true) => {
                contact_conversations::insert(tx, conversation, &[1; 16], NOW)
            }
            Self::PutConversation(conversation, false) => {
                contact_conversations::update(tx, conversation, &[1; 16], NOW)
            }
            Self::ClearConversation(id) => {
                holdings::clear_contact_conversation(tx, *id, NOW)?;
                let mut last = None;
                loop {
                    last = holdings::clear_contact_messages(tx, *id, last, 1_000_000, NOW)?;
                    if last.is_none() {
                        return Ok(());
                    }
                }
            }
            Self::PutMessage(message, user, true) => {
                contact_messages::insert(tx, message, *user, &[1; 16], NOW)
            }
            Self::PutMessage(message, user, false) => {
                contact_messages::update(tx, message, *user, &[1; 16], NOW)
            }
            Self::ClearMessage(id) => holdings::clear_contact_message(tx, *id, NOW),
        }
    }
}

/// A conversation as it should be: its own marks, and the marks of its messages.
#[derive(Default)]
struct Talk {
    own: Vec<u64>,
    messages: BTreeMap<Uuid, u64>,
}

/// A contact as it should be: its own marks, and its conversations.
struct Person {
    contact: Contact,
    own: Vec<u64>,
    talks: BTreeMap<i64, Talk>,
}

/// Contacts and conversations that come, change and are cleared, each text with a mark of its own.
struct Scene {
    rng: Rng,
    next: u64,
    written: u64,
    people: BTreeMap<UserId, Person>,
}

impl Scene {
    fn text(&mut self, most: usize) -> (u64, String) {
        self.written += 1;
        let mark = format!("<{}>", self.written);
        let largest = *self.rng.pick(&[1, 20, 200, 1_000, 5_000, 50_000]);
        let size = 1 + self.rng.below(largest.min(most));
        let before = self.rng.below(size);
        (self.written, format!("{}{mark}{}", "a".repeat(before), "b".repeat(size - before)))
    }

    fn attributes(&mut self) -> (u64, Attributes) {
        let (mark, text) = self.text(5_000);
        (mark, [(Uuid([3; 16]), AttributeValue::Text(text))].into())
    }

    fn profile(&mut self, user: UserId) -> (Contact, Vec<u64>) {
        let (name_mark, name) = self.text(1_000);
        let (external_mark, external_id) = self.text(900);
        let (noted_mark, attributes) = self.attributes();
        self.next += 1;
        let profile = Profile {
            display_name: Some(name),
            external_id: Some(external_id),
            email: Some(format!("someone{}@example.com", self.next)),
            ..Profile::default()
        };
        let contact = Contact { user_id: user, profile, attributes, created_at: NOW, anonymized_at: None };
        (contact, vec![name_mark, external_mark, noted_mark])
    }

    fn conversation(&mut self, user: UserId, id: i64) -> (ContactConversation, Vec<u64>) {
        let (subject_mark, subject) = self.text(50_000);
        let (noted_mark, attributes) = self.attributes();
        let conversation = ContactConversation {
            conversation_id: id,
            user_id: user,
            kind: ConversationKind::Email,
            channel: Channel::Email,
            direction: None,
            state: None,
            state_changed_at: None,
            assignment: None,
            queue: None,
            link: None,
            transport_expires_at: None,
            details: ConversationDetails { subject: Some(subject), ..ConversationDetails::default() },
            attributes,
            created_at: NOW,
            anonymized_at: None,
        };
        (conversation, vec![subject_mark, noted_mark])
    }

    fn step(&mut self) -> Step {
        self.next += 1;
        let chance = self.rng.below(100);
        let users: Vec<UserId> = self.people.keys().copied().collect();
        if users.len() < 3 || chance < 5 {
            let user = user_id(self.rng.below(1 << 30) as u64 * 1_000_000 + self.next);
            let (contact, own) = self.profile(user);
            self.people.insert(user, Person { contact: contact.clone(), own, talks: BTreeMap::new() });
            return Step::AddContact(contact);
        }
        let user = *self.rng.pick(&users);
        if chance < 9 {
            self.people.remove(&user);
            return Step::ClearContact(user);
        }
        if chance < 20 {
            let (after, marks) = self.profile(user);
            let known = self.people.get_mut(&user).unwrap();
            let before = std::mem::replace(&mut known.contact, after.clone());
            known.own = marks;
            return Step::ChangeContact(Change { before, after });
        }
        let talks: Vec<i64> = self.people[&user].talks.keys().copied().collect();
        let is_new = talks.is_empty() || chance < 35;
        if is_new || chance < 45 {
            let id = if is_new {
                i64::try_from(self.rng.below(1 << 30) as u64 * 1_000_000 + self.next).unwrap()
            } else {
                *self.rng.pick(&talks)
            };
            let (conversation, marks) = self.conversation(user, id);
            self.people.get_mut(&user).unwrap().talks.entry(id).or_default().own = marks;
            return Step::PutConversation(conversation, is_new);
        }
        let id = *self.rng.pick(&talks);
        if chance < 52 {
            self.people.get_mut(&user).unwrap().talks.remove(&id);
            return Step::ClearConversation(id);
        }
        let messages: Vec<Uuid> = self.people[&user].talks[&id].messages.keys().copied().collect();
        let is_new = messages.is_empty() || chance < 80;
        let message_id = if is_new {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&(self.rng.below(1 << 31) as u64 ^ (self.next << 32)).to_le_bytes());
            Uuid(bytes)
        } else {
            *self.rng.pick(&messages)
        };
        if chance >= 90 && !is_new {
            self.people.get_mut(&user).unwrap().talks.get_mut(&id).unwrap().messages.remove(&message_id);
            return Step::ClearMessage(message_id);
        }
        let (mark, content) = self.text(50_000);
        let talk = self.people.get_mut(&user).unwrap().talks.get_mut(&id).unwrap();
        talk.messages.insert(message_id, mark);
        let sender = "someone".to_owned();
        let message = ContactMessage { message_id, conversation_id: id, sender, content, created_at: NOW };
        Step::PutMessage(message, user, is_new)
    }

    fn live(&self) -> BTreeSet<u64> {
        let mut live = BTreeSet::new();
        for person in self.people.values() {
            live.extend(&person.own);
            for talk in person.talks.values() {
                live.extend(talk.own.iter().chain(talk.messages.values()));
            }
        }
        live
    }
}

#[tokio::test]
async fn nothing_that_was_cleared_is_in_the_files_after_a_scrub() {
    let mut in_gaps = 0;
    for seed in 0..4 {
        let test = TestStore::sqlite();
        let mut scene = Scene { rng: Rng::new(seed), next: 0, written: 0, people: BTreeMap::new() };
        for _ in 0..3 {
            for _ in 0..25 {
                let steps: Vec<Step> = (0..=scene.rng.below(40)).map(|_| scene.step()).collect();
                let apply = move |tx: &Tx<'_>| steps.iter().try_for_each(|step| step.apply(tx));
                test.store.write(ORG, apply).await.unwrap();
            }
            test.file().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
            let live = scene.live();
            in_gaps += marks_in(&files(&test)).difference(&live).count();
            test.store.scrub().await.unwrap();
            let found = marks_in(&files(&test));
            let left: Vec<_> = found.difference(&live).collect();
            assert!(left.is_empty(), "seed {seed}: of {} marks these are left: {left:?}", scene.written);
            assert_eq!(in_rows(&test), live, "seed {seed}: all else is as it was");
        }
        assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
    }
    assert!(in_gaps > 0, "an emptied log alone would have left something, or this test proves nothing");
}
