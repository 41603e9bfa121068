//! The figures of users follow what is known of them, at once and exactly.

use denizen_directory::ingest::Record;
use denizen_testkit::{TestOrg, TestServer};
use serde_json::{Value, json};

use super::records::{
    conversation, external_event, ingest, memory, message, of_user, time, user, user_id, user_model,
};
use super::tables::{assert_coherent, tables};

async fn figures(org: &TestOrg, number: u64) -> Value {
    let path = format!("/user/?user_id={}", user_id(number).as_member());
    org.admin().await.get(&path).await.expect(200).json()["users"][0]["user_stats"].clone()
}

fn expected(conversations: i64, messages: i64, last: Option<u64>) -> Value {
    let last = last.map(|second| time(second).to_string());
    json!({"num_conversations": conversations, "num_messages": messages, "last_message_time": last})
}

#[tokio::test]
async fn who_comes_after_the_conversations_has_their_figures_and_is_not_awaited_any_more() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let early = vec![
        Record::Conversation(conversation(1, 1)),
        Record::Message(message(10, 1, 1)),
        Record::Message(message(11, 2, 1)),
        Record::Memory(memory(1, 1, 2)),
        Record::UserModel(user_model(1, 3)),
        Record::ExternalEvent(external_event(1, 4)),
    ];
    assert_eq!(ingest(&org, early).await, ["created"; 6]);
    let awaited = || async { tables(&org).await.pop().unwrap().1.len() };
    assert_eq!(awaited().await, 4);
    assert_eq!(server.directory().list_jobs("acme", 10).await.unwrap().len(), 1);
    for (number, left) in [(1, 3), (2, 2), (3, 1), (4, 0)] {
        assert_eq!(ingest(&org, vec![of_user(user(number))]).await, ["created"]);
        assert_eq!(awaited().await, left);
    }
    assert_eq!(figures(&org, 1).await, expected(1, 2, Some(11)));
    assert_eq!(figures(&org, 2).await, expected(0, 0, None));
    assert_coherent(&org).await;
}

#[tokio::test]
async fn a_user_who_comes_between_the_own_messages_has_all_of_them() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let records = vec![
        Record::Message(message(1, 1, 1)),
        of_user(user(1)),
        Record::Message(message(2, 1, 1)),
        Record::Conversation(conversation(1, 1)),
    ];
    assert_eq!(ingest(&org, records).await, ["created"; 4]);
    assert_eq!(figures(&org, 1).await, expected(1, 2, Some(2)));
    assert_coherent(&org).await;
}

#[tokio::test]
async fn the_last_message_goes_back_when_a_message_moves_in_time_or_to_somebody_else() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    ingest(&org, vec![of_user(user(1)), of_user(user(2))]).await;
    let messages = (1..=3).map(|number| Record::Message(message(number, 1, 1))).collect();
    assert_eq!(ingest(&org, messages).await, ["created"; 3]);
    assert_eq!(figures(&org, 1).await, expected(0, 3, Some(3)));
    let mut earlier = message(3, 1, 1);
    earlier.created_at = time(0);
    assert_eq!(ingest(&org, vec![Record::Message(earlier)]).await, ["updated"]);
    assert_eq!(figures(&org, 1).await, expected(0, 3, Some(2)));
    // The second one goes to another user's conversation.
    assert_eq!(ingest(&org, vec![Record::Message(message(2, 2, 2))]).await, ["updated"]);
    assert_eq!(figures(&org, 1).await, expected(0, 2, Some(1)));
    assert_eq!(figures(&org, 2).await, expected(0, 1, Some(2)));
    ingest(&org, vec![Record::Conversation(conversation(7, 1))]).await;
    assert_eq!(figures(&org, 1).await["num_conversations"], 1);
    ingest(&org, vec![Record::Conversation(conversation(7, 2))]).await;
    assert_eq!(figures(&org, 1).await["num_conversations"], 0);
    assert_eq!(figures(&org, 2).await["num_conversations"], 1);
    assert_coherent(&org).await;
}
