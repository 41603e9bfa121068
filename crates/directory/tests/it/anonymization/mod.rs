//! Anonymization: asked for by a program, done by a job, and nothing is left that was personal.

mod arriving;
mod breaking;
mod requests;

use std::collections::BTreeMap;

use denizen_directory::anonymizations::{AnonymizationRequest, AnonymizationTarget};
use denizen_directory::contact_conversations::{
    Assignment, Browser, Channel, ConversationDetails, ConversationKind, ConversationState, Queue,
};
use denizen_directory::contacts::{ContactFilter, ContactInput, ContactOutcome, ContactView, PageFrom};
use denizen_directory::erased::{Erased, ErasureReport};
use denizen_directory::ingest::{
    AttributeDefinitionRecord, ContactConversationRecord, ContactMessageRecord, ContactRef, Ingestor,
    Outcome, Record,
};
use denizen_directory::organizations::ADMINISTRATOR_ROLE;
use denizen_directory::{ErrorCode, OpContext};
use denizen_domain::contact::{AttributeEntity, AttributeInput, AttributeValue};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::member::Directory as UserDirectory;
use denizen_store::{contact_messages, contacts, holdings};
use denizen_testkit::{NOON, TestOrg, TestProgram, TestServer};

/// An organization with a help desk, and a program that may do everything there.
struct Desk {
    server: TestServer,
    org: TestOrg,
    program: TestProgram,
}

const TIER: Uuid = Uuid([0x71; 16]);
const TOPIC: Uuid = Uuid([0x72; 16]);

impl Desk {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let org = server.org("acme").await;
        let program = org.access_token(ADMINISTRATOR_ROLE).await;
        let desk = Self { server, org, program };
        let definition = |definition_id, entity| {
            Record::AttributeDefinition(Box::new(AttributeDefinitionRecord {
                definition_id,
                entity,
                identifier: "x".to_owned(),
                label: "X".to_owned(),
                description: None,
                input: AttributeInput::Text { placeholder: None },
                is_required: false,
                is_archived: false,
                is_deactivated: false,
                created_at: None,
                updated_at: None,
            }))
        };
        let definitions = vec![
            definition(TIER, AttributeEntity::Contact),
            definition(TOPIC, AttributeEntity::Conversation),
        ];
        assert_eq!(desk.ingest(definitions).await, [Outcome::Created, Outcome::Created]);
        desk
    }

    async fn ctx(&self) -> OpContext {
        self.program.context().await
    }

    async fn ingest(&self, records: Vec<Record>) -> Vec<Outcome> {
        let directory = self.server.directory();
        let operator = Ingestor::operator(directory, self.org.slug()).await.unwrap();
        let all = directory.ingest(&operator, records).await.unwrap();
        all.into_iter().map(|taken| taken.outcome).collect()
    }

    /// Records are taken in, all of them.
    async fn take_in(&self, records: Vec<Record>) {
        for outcome in self.ingest(records).await {
            assert!(matches!(outcome, Outcome::Created | Outcome::Updated), "{outcome:?}");
        }
    }

    async fn try_create(&self, name: &str) -> ContactOutcome {
        let input = ContactInput {
            display_name: Some(name.to_owned()),
            first_name: Some(name.to_owned()),
            last_name: Some(name.to_owned()),
            middle_names: vec![name.to_owned()],
            email: Some(format!("{name}@example.com")),
            additional_emails: vec![format!("{name}@example.org")],
            phone: Some("+4915112345670".to_owned()).filter(|_| name == ANN),
            additional_phones: if name == ANN { vec!["+4915112345671".to_owned()] } else { Vec::new() },
            external_id: Some(format!("crm-{name}")),
            avatar_url: Some(format!("https://{name}.example")),
        };
        let ctx = self.ctx().await;
        self.server.directory().create_contacts(&ctx, vec![input]).await.unwrap().pop().unwrap()
    }

    /// A contact of whom everything is known.
    async fn create(&self, name: &str) -> Uuid {
        let id = self.try_create(name).await.unwrap().contact.id();
        let noted = [(TIER, Some(AttributeValue::Text(name.to_owned())))].into();
        let directory = self.server.directory();
        directory.patch_contact_attributes(&self.ctx().await, id, noted).await.unwrap();
        id
    }

    async fn get(&self, id: Uuid) -> ContactView {
        self.server.directory().get_contact(&self.ctx().await, id).await.unwrap()
    }

    /// How many contacts are listed.
    async fn listed(&self, filter: ContactFilter) -> usize {
        let ctx = self.ctx().await;
        let page = self.server.directory().list_contacts(&ctx, filter, PageFrom::Start, 100).await.unwrap();
        page.contacts.rows.len()
    }

    async fn ask(&self, target: AnonymizationTarget, force: bool) -> Result<AnonymizationRequest, ErrorCode> {
        let ctx = self.ctx().await;
        let asked = self.server.directory().request_anonymization(&ctx, target, force).await;
        asked.map_err(|error| error.code)
    }

    /// How far a request is.
    async fn request(&self, id: Uuid) -> AnonymizationRequest {
        self.server.directory().anonymization_request(&self.ctx().await, id).await.unwrap()
    }

    async fn conversation(&self, id: i64) -> denizen_directory::contact_conversations::ConversationView {
        self.server.directory().get_contact_conversation(&self.ctx().await, id).await.unwrap()
    }

    async fn report(&self, id: Uuid) -> ErasureReport {
        self.server.directory().erasure_report(self.org.slug(), Erased::Contact(id)).await.unwrap()
    }

    /// Which of the messages are there, and whether each still has something personal.
    async fn messages(&self, numbers: std::ops::Range<u32>) -> BTreeMap<Uuid, bool> {
        let ids: Vec<Uuid> = numbers.map(message_id).collect();
        let key = self.org.key_in_store().await;
        let found = self.server.store().read(key, move |conn| contact_messages::find_many(conn, &ids));
        let of = |message: contact_messages::StoredMessage| (message.message_id, message.digest.is_some());
        found.await.unwrap().into_iter().map(of).collect()
    }

    /// How many rows there are of a contact with something personal in them.
    async fn rows(&self, contact: Uuid) -> i64 {
        let key = self.org.key_in_store().await;
        let user = UserId::from_uuid(contact);
        let count =
            move |conn: &denizen_store::Conn<'_>| holdings::count_rows(conn, UserDirectory::Contacts, user);
        self.server.store().read(key, count).await.unwrap().into_iter().map(|(_, rows)| rows).sum()
    }

    /// The contacts that a search finds.
    async fn found(&self, needle: &str) -> Vec<Uuid> {
        let key = self.org.key_in_store().await;
        let needle = needle.to_owned();
        let search = move |conn: &denizen_store::Conn<'_>| contacts::search(conn, &needle, 100);
        let found = self.server.store().read(key, search).await.unwrap();
        found.iter().map(contacts::Contact::id).collect()
    }
}

const ANN: &str = "ann";
const BOB: &str = "bob";

fn message_id(number: u32) -> Uuid {
    let mut id = [0x6d; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    Uuid(id)
}

fn conversation(id: i64, contact: Uuid, state: Option<ConversationState>) -> Record {
    Record::ContactConversation(Box::new(ContactConversationRecord {
        conversation_id: id,
        contact: ContactRef::Id(UserId::from_uuid(contact)),
        kind: ConversationKind::Chat,
        channel: Channel::WidgetChat,
        direction: None,
        state,
        state_changed_at: None,
        assignment: Some(Assignment { agent_id: Uuid([5; 16]), assigned_at: NOON.0 }),
        queue: Some(Queue { id: Uuid([6; 16]), queued_at: None }),
        link: None,
        transport_expires_at: None,
        details: ConversationDetails {
            browser: Some(Browser {
                name: "lynx".to_owned(),
                version: None,
                ip_address: Some("192.0.2.1".to_owned()),
                originating_url: None,
            }),
            ..ConversationDetails::default()
        },
        attributes: Some([(TOPIC, AttributeValue::Text("divorce".to_owned()))].into()),
        created_at: NOON,
    }))
}

fn message(number: u32, conversation_id: i64) -> Record {
    Record::ContactMessage(ContactMessageRecord {
        message_id: message_id(number),
        conversation_id,
        sender: "someone".to_owned(),
        content: format!("message {number}"),
        created_at: NOON,
    })
}

/// A closed conversation with messages of these numbers.
fn talk(id: i64, contact: Uuid, numbers: std::ops::Range<u32>) -> Vec<Record> {
    let mut records = vec![conversation(id, contact, Some(ConversationState::Closed))];
    records.extend(numbers.map(|number| message(number, id)));
    records
}
