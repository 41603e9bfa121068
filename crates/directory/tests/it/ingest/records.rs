//! Records, made from numbers.

use denizen_directory::ingest::{
    ConversationRecord, ExternalEventRecord, Ingestor, MemoryRecord, MessageRecord, Outcome, Record, Taken,
    UserModelRecord, UserRecord,
};
use denizen_directory::{Credentials, ErrorCode};
use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::UserDimension;
use denizen_domain::patch::Patch;
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use denizen_testkit::{TestCaller, TestOrg};

/// The beginning of 2026.
const YEAR: i64 = 1_767_225_600;

pub(super) fn id(number: u64) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    ObjectId(bytes)
}

pub(super) fn user_id(number: u64) -> UserId {
    UserId::from_object_id(id(number))
}

pub(crate) fn time(second: u64) -> Timestamp {
    Timestamp(YEAR * Timestamp::MICROS_PER_SECOND).plus_seconds(i64::try_from(second).unwrap())
}

pub(super) fn user(number: u64) -> UserRecord {
    UserRecord {
        user_id: user_id(number),
        email: Email::parse(&format!("user{number}@elsewhere.example")).unwrap(),
        first_name: "Ada".to_owned(),
        last_name: format!("Number {number}"),
        role_name: Some("DefaultUserRole".to_owned()),
        is_verified: Some(true),
        preferences: None,
        open_variables: None,
        secret_variables: None,
        additional_context: None,
        created_at: Some(time(number)),
        google_account: Patch::Keep,
    }
}

pub(super) fn conversation(number: u64, user: u64) -> ConversationRecord {
    ConversationRecord {
        conversation_id: id(number),
        user_id: user_id(user),
        started_at: time(number),
        ended_at: None,
        title: Some(format!("About {number}")),
    }
}

pub(super) fn message(number: u64, conversation: u64, user: u64) -> MessageRecord {
    MessageRecord {
        message_id: id(number),
        conversation_id: id(conversation),
        user_id: user_id(user),
        created_at: time(number),
        sender: "user".to_owned(),
        content: format!("Text {number}"),
    }
}

pub(super) fn memory(number: u64, conversation: u64, user: u64) -> MemoryRecord {
    MemoryRecord {
        memory_id: id(number),
        user_id: user_id(user),
        conversation_id: id(conversation),
        created_at: time(number),
        references: (number..number + 3).map(id).collect(),
        content: format!("Remembers {number}"),
        context: String::new(),
    }
}

pub(super) fn user_model(number: u64, user: u64) -> UserModelRecord {
    UserModelRecord {
        user_model_id: id(number),
        user_id: user_id(user),
        content: format!("Model {number}"),
        insight_ids: vec![format!("insight-{number}")],
        dimensions: vec![UserDimension { description: "Mood".to_owned(), tags: vec!["calm".to_owned()] }],
        created_at: Some(time(number)),
    }
}

pub(super) fn external_event(number: u64, user: u64) -> ExternalEventRecord {
    ExternalEventRecord {
        external_event_id: id(number),
        user_id: user_id(user),
        event_type: "visit".to_owned(),
        starts_at: time(number),
        ends_at: time(number + 60),
        description: format!("Visit {number}"),
        transcript: None,
    }
}

pub(super) fn of_user(record: UserRecord) -> Record {
    Record::User(Box::new(record))
}

/// A word for each outcome, so that a test can show them all: refused ones show the field, or else the code.
pub(super) fn words(all: &[Taken]) -> Vec<String> {
    let word = |taken: &Taken| match &taken.outcome {
        Outcome::Created => "created".to_owned(),
        Outcome::Updated => "updated".to_owned(),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::Refused(error) => {
            format!("refused {:?} {}", error.code, error.field.join(".")).trim_end().to_owned()
        }
    };
    all.iter().map(word).collect()
}

/// Takes records in on behalf of the operator.
pub(crate) async fn ingest(org: &TestOrg, records: Vec<Record>) -> Vec<String> {
    let directory = org.server.directory();
    let operator = Ingestor::operator(directory, org.slug()).await.unwrap();
    words(&directory.ingest(&operator, records).await.unwrap())
}

/// Takes records in on behalf of a caller.
pub(super) async fn ingest_as(caller: &TestCaller, records: Vec<Record>) -> Result<Vec<String>, ErrorCode> {
    let directory = caller.server.directory();
    let known = directory.authenticate(Credentials::Token(&caller.token), &caller.organization, None);
    let ctx = directory.context(&known.await.unwrap(), &"test".into()).await.unwrap();
    let by = Ingestor::caller(&ctx).map_err(|error| error.code)?;
    Ok(words(&directory.ingest(&by, records).await.unwrap()))
}
