//! What contradicts what is there is refused, says why, and harms nothing beside it.

use denizen_directory::ingest::Record;
use denizen_domain::ids::UserId;
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::patch::Patch;
use denizen_domain::text::Email;
use denizen_store::linked_accounts::{LinkedAccount, Provider};
use denizen_store::{roles, users};
use denizen_testkit::TestServer;

use super::records::{conversation, ingest, memory, message, of_user, user, user_id};
use super::tables::assert_coherent;

#[tokio::test]
async fn a_message_of_somebody_elses_conversation_is_refused_and_the_next_one_is_taken() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let records = vec![
        Record::Conversation(conversation(1, 1)),
        Record::Message(message(1, 1, 2)),
        Record::Message(message(2, 1, 1)),
        // Messages alone say as well whose their conversation is.
        Record::Message(message(3, 9, 1)),
        Record::Message(message(4, 9, 2)),
        Record::Conversation(conversation(9, 2)),
        Record::Conversation(conversation(9, 1)),
    ];
    let expected = [
        "created",
        "refused InvalidField conversation_id",
        "created",
        "created",
        "refused InvalidField conversation_id",
        "refused InvalidField user_id",
        "created",
    ];
    assert_eq!(ingest(&org, records.clone()).await, expected);
    let again = expected.map(|word| if word == "created" { "unchanged" } else { word });
    assert_eq!(ingest(&org, records).await, again);
    assert_coherent(&org).await;
}

#[tokio::test]
async fn a_conversation_goes_to_another_user_only_without_messages() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let records = vec![
        Record::Conversation(conversation(1, 1)),
        Record::Message(message(1, 1, 1)),
        Record::Conversation(conversation(1, 2)),
        Record::Message(message(1, 2, 1)),
        Record::Conversation(conversation(1, 2)),
        Record::Message(message(2, 1, 2)),
    ];
    let expected = ["created", "created", "refused InvalidField user_id", "updated", "updated", "created"];
    assert_eq!(ingest(&org, records).await, expected);
    assert_coherent(&org).await;
}

#[tokio::test]
async fn messages_that_all_leave_a_conversation_in_one_batch_set_it_free() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let of =
        |conversation, user| (1..=4).map(move |number| Record::Message(message(number, conversation, user)));
    assert_eq!(ingest(&org, of(1, 1).collect()).await, ["created"; 4]);
    let mut records: Vec<Record> = of(2, 1).collect();
    records.insert(3, Record::Conversation(conversation(1, 2)));
    records.push(Record::Conversation(conversation(1, 2)));
    let expected = ["updated", "updated", "updated", "refused InvalidField user_id", "updated", "created"];
    assert_eq!(ingest(&org, records).await, expected);
    assert_coherent(&org).await;
}

#[tokio::test]
async fn an_address_belongs_to_one_member_and_is_free_as_soon_as_it_is_left() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let named = |number, address: &str| {
        let mut record = user(number);
        record.email = Email::parse(address).unwrap();
        of_user(record)
    };
    let records = vec![
        named(1, "one@x.example"),
        named(2, "ONE@x.example"),
        named(1, "two@x.example"),
        named(2, "One@x.example"),
        named(2, "one@X.example"),
        named(3, "admin@acme.example"),
    ];
    let expected =
        ["created", "refused EmailTaken email", "updated", "created", "updated", "refused EmailTaken email"];
    assert_eq!(ingest(&org, records).await, expected);
    let admin = org.admin().await;
    let found = |answer: denizen_testkit::Answer| answer.each("users", "email");
    assert_eq!(found(admin.get("/user/?email=one%40x.example").await), ["one@X.example"]);
    // The search follows the address.
    assert_eq!(found(admin.get("/user/search/?query=two@x").await), ["two@x.example"]);
    assert_eq!(found(admin.get("/user/search/?query=one@x").await), ["one@X.example"]);
    assert_coherent(&org).await;
}

#[tokio::test]
async fn an_account_belongs_to_one_member_and_a_role_has_to_be_there() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let linked = |number, tenant: Option<&str>| {
        let mut record = user(number);
        record.google_account = Patch::Set(LinkedAccount {
            provider: Provider::Google,
            tenant: tenant.map(str::to_owned),
            account_id: "abc".to_owned(),
        });
        of_user(record)
    };
    let mut unlinked = user(1);
    unlinked.google_account = Patch::Clear;
    let mut unknown = user(3);
    unknown.role_name = Some("NoSuchRole".to_owned());
    let records = vec![
        linked(1, None),
        linked(2, None),
        linked(2, Some("t")),
        of_user(unlinked),
        linked(2, None),
        of_user(user(2)),
        of_user(unknown),
    ];
    let expected = [
        "created",
        "refused AccountTaken google_account",
        "created",
        "updated",
        "updated",
        "unchanged",
        "refused RoleNotFound role_name",
    ];
    assert_eq!(ingest(&org, records).await, expected);
    assert_coherent(&org).await;
}

#[tokio::test]
async fn an_id_of_another_directory_is_refused() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let contact = UserId(user_id(1).0);
    let key = org.key_in_store().await;
    let added = server.store().write(key, move |tx| {
        let role = roles::list(tx)?.remove(0);
        let new = users::NewUser {
            directory: UserDirectory::Contacts,
            user_id: contact,
            email: Email::parse("contact@x.example").unwrap(),
            first_name: "A".to_owned(),
            last_name: "B".to_owned(),
            role_id: role.role_id,
            is_verified: true,
            preferences: denizen_domain::member::Preferences::default(),
            open_variables: [].into(),
            secret_variables: [].into(),
        };
        users::insert(tx, &new, denizen_testkit::NOON)
    });
    assert!(added.await.unwrap().is_some());
    let records = vec![of_user(user(1)), Record::Memory(memory(1, 1, 1)), of_user(user(2))];
    let expected = ["refused InvalidField user_id", "refused InvalidField user_id", "created"];
    assert_eq!(ingest(&org, records).await, expected);
}

#[tokio::test]
async fn the_same_id_twice_in_a_batch_is_applied_in_order() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut renamed = user(1);
    renamed.first_name = "  Grace ".to_owned();
    let mut retold = message(1, 1, 1);
    retold.content = "Another text".to_owned();
    let records = vec![
        Record::Message(message(1, 1, 1)),
        of_user(user(1)),
        of_user(renamed),
        Record::Message(retold.clone()),
        Record::Message(retold),
        Record::Message(message(1, 1, 1)),
    ];
    let expected = ["created", "created", "updated", "updated", "unchanged", "updated"];
    assert_eq!(ingest(&org, records).await, expected);
    let admin = org.admin().await;
    let shown = admin.get(&format!("/user/?user_id={}", user_id(1).as_member())).await.expect(200).json();
    assert_eq!(shown["users"][0]["first_name"], "Grace");
    assert_eq!(shown["users"][0]["user_stats"]["num_messages"], 1);
    assert_coherent(&org).await;
}
