//! Who was erased stays so.

use denizen_directory::ErrorCode;
use denizen_directory::ingest::{Ingestor, Record};
use denizen_domain::member::Directory as UserDirectory;
use denizen_store::erasures;
use denizen_testkit::{NOON, TestServer};

use super::records::{
    conversation, external_event, ingest, memory, message, of_user, user, user_id, user_model,
};
use super::tables::tables;

#[tokio::test]
async fn nothing_is_taken_in_about_who_was_erased() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.key_in_store().await;
    let noted = server.store().write(key, |tx| erasures::put(tx, UserDirectory::Members, user_id(1), NOON));
    noted.await.unwrap();
    let before = tables(&org).await;
    let records = vec![
        of_user(user(1)),
        Record::Conversation(conversation(1, 1)),
        Record::Message(message(1, 1, 1)),
        Record::UserModel(user_model(1, 1)),
    ];
    assert_eq!(ingest(&org, records).await, ["refused InvalidField user_id"; 4]);
    assert_eq!(tables(&org).await, before);
    assert_eq!(ingest(&org, vec![of_user(user(2))]).await, ["created"]);
}

#[tokio::test]
async fn what_arrives_while_a_user_is_erased_is_erased_or_refused() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    for round in 1..=15 {
        let number = round * 100;
        assert_eq!(ingest(&org, vec![of_user(user(number))]).await, ["created"]);
        let path = format!("/user/{}", user_id(number).as_member());
        let batch = |first: u64| {
            let mut records = vec![Record::Conversation(conversation(first, number))];
            records.extend((first..first + 5).map(|id| Record::Message(message(id, first, number))));
            records.push(Record::Memory(memory(first, first, number)));
            records.push(Record::UserModel(user_model(first, number)));
            records.push(Record::ExternalEvent(external_event(first, number)));
            records
        };
        let (deleted, ..) = tokio::join!(
            admin.delete(&path),
            ingest(&org, batch(number)),
            ingest(&org, batch(number + 10)),
            ingest(&org, batch(number + 20)),
        );
        deleted.expect(200);
        server.run_jobs().await;
        for (table, lines) in tables(&org).await {
            assert_eq!(lines.len(), 0, "round {round}: {table} {lines:#?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_taken_into_an_organization_that_was_deleted_meanwhile() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let operator = Ingestor::operator(server.directory(), "acme").await.unwrap();
    org.admin().await.delete("/organization/").await.expect(204);
    server.run_jobs().await;
    let records = vec![Record::Message(message(1, 1, 1))];
    let refused = server.directory().ingest(&operator, records).await.map_err(|error| error.code);
    assert_eq!(refused, Err(ErrorCode::OrganizationNotFound));
}
