//! What a record by itself must not be, and what the database takes from no record.

use denizen_directory::ingest::{Record, limits};
use denizen_domain::time::Timestamp;
use denizen_store::Sql;
use denizen_testkit::TestServer;

use super::records::{conversation, external_event, id, ingest, memory, message, of_user, user, user_model};

#[tokio::test]
async fn a_part_that_is_too_long_or_of_no_form_is_named() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut refused = Vec::new();
    let mut try_one = |record: Record, field: &str| {
        refused.push((record, format!("refused InvalidField {field}")));
    };

    let mut record = user(1);
    record.first_name = "  ".to_owned();
    try_one(of_user(record), "first_name");
    let mut record = user(1);
    record.last_name = "x".repeat(limits::TITLE + 1);
    try_one(of_user(record), "last_name");
    let mut record = user(1);
    record.open_variables = Some([("pin".to_owned(), "1".to_owned())].into());
    record.secret_variables = record.open_variables.clone();
    try_one(of_user(record), "sensitive_variables.pin");
    let mut record = user(1);
    record.open_variables = Some([("No Name".to_owned(), "1".to_owned())].into());
    try_one(of_user(record), "nonsensitive_variables.No Name");
    let mut record = user(1);
    record.additional_context = Some(vec![String::new()]);
    try_one(of_user(record), "additional_context");
    let mut record = conversation(1, 1);
    record.title = Some("a\0b".to_owned());
    try_one(Record::Conversation(record), "title");
    let mut record = conversation(1, 1);
    record.ended_at = Some(record.started_at.plus_micros(-1));
    try_one(Record::Conversation(record), "ended_at");
    let mut record = message(1, 1, 1);
    record.sender = String::new();
    try_one(Record::Message(record), "sender");
    let mut record = message(1, 1, 1);
    record.created_at = Timestamp(0);
    try_one(Record::Message(record), "created_at");
    let mut record = message(1, 1, 1);
    record.content = "x".repeat(limits::CONTENT + 1);
    try_one(Record::Message(record), "content");
    let mut record = memory(1, 1, 1);
    record.references = vec![id(1); limits::REFERENCES + 1];
    try_one(Record::Memory(record), "references");
    let mut record = memory(1, 1, 1);
    record.content = " \n".to_owned();
    try_one(Record::Memory(record), "content");
    let mut record = user_model(1, 1);
    record.insight_ids = vec!["\0".to_owned()];
    try_one(Record::UserModel(record), "insight_ids");
    let mut record = external_event(1, 1);
    record.event_type = "é".repeat(limits::EVENT_TYPE + 1);
    try_one(Record::ExternalEvent(record), "event_type");
    let mut record = external_event(1, 1);
    record.description = "x".repeat(limits::EVENT_DESCRIPTION + 1);
    try_one(Record::ExternalEvent(record), "description");
    let mut record = external_event(1, 1);
    record.transcript = Some("a\0b".to_owned());
    try_one(Record::ExternalEvent(record), "transcript");
    let mut record = external_event(1, 1);
    record.ends_at = record.starts_at.plus_micros(-1);
    try_one(Record::ExternalEvent(record), "ends_at");

    let (records, expected): (Vec<_>, Vec<_>) = refused.into_iter().unzip();
    assert_eq!(ingest(&org, records).await, expected);
}

#[tokio::test]
async fn the_longest_of_everything_is_taken() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut event = external_event(1, 1);
    event.event_type = "😀".repeat(limits::EVENT_TYPE);
    event.transcript = Some("x".repeat(limits::CONTENT));
    event.description = "é".repeat(limits::EVENT_DESCRIPTION);
    let mut instant = conversation(1, 1);
    instant.ended_at = Some(instant.started_at);
    let mut bare = memory(2, 1, 1);
    (bare.references, bare.context) = (Vec::new(), String::new());
    let mut long = memory(1, 1, 1);
    long.references = (0..limits::REFERENCES as u64).map(|number| id(number % 7)).collect();
    long.content = "é".repeat(limits::CONTENT);
    let mut named = user(1);
    named.last_name = "😀".repeat(limits::TITLE);
    let records = vec![
        Record::ExternalEvent(event),
        Record::Memory(long),
        of_user(named),
        Record::Memory(bare),
        Record::Conversation(instant),
    ];
    assert_eq!(ingest(&org, records.clone()).await, ["created"; 5]);
    assert_eq!(ingest(&org, records).await, ["unchanged"; 5]);
}

/// What nobody foresaw: the database refuses messages with the content `poison`.
static POISON: Sql = Sql::split(
    "test.poison",
    "CREATE TRIGGER poison BEFORE INSERT ON message WHEN NEW.content = 'poison'
     BEGIN SELECT RAISE(ABORT, 'poison'); END",
    "ALTER TABLE message ADD CONSTRAINT poison CHECK (content <> 'poison')",
);

#[tokio::test]
async fn a_record_that_only_the_database_refuses_harms_no_other() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.key_in_store().await;
    let poisoned = server.store().write(key, |tx| tx.execute(&POISON, &[]));
    poisoned.await.unwrap();
    let mut poisoned = message(2, 1, 1);
    poisoned.content = "poison".to_owned();
    let records = vec![
        Record::Message(message(1, 1, 1)),
        Record::Message(poisoned),
        Record::Message(message(3, 1, 1)),
        of_user(user(1)),
    ];
    let expected = ["created", "refused Internal", "created", "created"];
    assert_eq!(ingest(&org, records).await, expected);
    super::tables::assert_coherent(&org).await;
}
