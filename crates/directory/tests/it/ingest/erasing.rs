//! Who was erased stays so.

use denizen_directory::ingest::Record;
use denizen_domain::member::Directory as UserDirectory;
use denizen_store::erasures;
use denizen_testkit::{NOON, TestServer};

use super::records::{conversation, ingest, message, of_user, user, user_id, user_model};
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
