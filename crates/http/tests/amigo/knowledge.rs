//! What is known about a user: memories and models on the wire, and who may read them.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::UserDimension;
use denizen_domain::permission::model::{Rng, Target, Universe, allows};
use denizen_domain::permission::{Placeholders, Scalar, names};
use denizen_domain::time::Timestamp;
use denizen_store::memories::{self, Memory};
use denizen_store::messages::{self, Message};
use denizen_store::user_models::{self, UserModel};
use denizen_store::{StoreError, Tx, users};
use denizen_testkit::{Answer, NOON, TestCaller, TestOrg, TestServer};
use serde_json::{Value, json};

pub(crate) fn id(number: u64) -> ObjectId {
    let mut bytes = [0xab; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    ObjectId(bytes)
}

fn user_id(text: &str) -> UserId {
    UserId::parse_member(text).unwrap()
}

fn message(number: u64, conversation: u64, holder: &str) -> Message {
    Message {
        message_id: id(number),
        conversation_id: id(conversation),
        user_id: user_id(holder),
        created_at: NOON,
        sender: "user".to_owned(),
        content: "I like tea".to_owned(),
    }
}

/// A memory of a user, drawn from these messages in a conversation.
fn memory(number: u64, user: &str, conversation: u64, messages: &[u64]) -> Memory {
    Memory {
        memory_id: id(number),
        user_id: user_id(user),
        conversation_id: id(conversation),
        created_at: Timestamp(NOON.0 + i64::try_from(number % 3).unwrap() * 1_000_000),
        references: messages.iter().map(|number| id(*number)).collect(),
        content: format!("memory {number}"),
        context: "said over tea".to_owned(),
    }
}

async fn write(org: &TestOrg, closure: impl FnMut(&Tx<'_>) -> Result<(), StoreError> + Send + 'static) {
    org.server.clusters().write(org.key_in_store().await, closure).await.unwrap();
}

async fn keep(org: &TestOrg, messages: Vec<Message>, memories: Vec<Memory>) {
    write(org, move |tx| {
        for message in &messages {
            messages::insert(tx, message, &[0; 16], NOON)?;
            users::recount_stats(tx, message.user_id)?;
        }
        memories.iter().try_for_each(|memory| memories::insert(tx, memory, &[0; 16], NOON))
    })
    .await;
}

/// A message, a memory that was drawn from it, and a model of a user.
pub(crate) async fn keep_a_little(org: &TestOrg, user: &str, first: u64) {
    keep(org, vec![message(first, first, user)], vec![memory(first, user, first, &[first])]).await;
    let model = model(first, user, 1);
    write(org, move |tx| user_models::insert(tx, &model, &[0; 16], NOON)).await;
}

fn model(number: u64, user: &str, at: i64) -> UserModel {
    UserModel {
        user_model_id: id(number),
        user_id: user_id(user),
        content: format!("model {number}"),
        insight_ids: vec!["one".to_owned(), "two".to_owned()],
        dimensions: vec![UserDimension { description: "Home".to_owned(), tags: vec!["garden".to_owned()] }],
        created_at: Some(Timestamp(at)),
    }
}

fn numbers(answer: &Answer) -> Vec<u64> {
    let number = |content: String| content.strip_prefix("memory ").unwrap().parse().unwrap();
    answer.each("memories", "content").into_iter().map(number).collect()
}

/// Every page of a list, and how many there were.
async fn walk(caller: &TestCaller, path: &str) -> (Vec<u64>, usize) {
    let (mut seen, mut token, mut pages) = (Vec::new(), 0, 0);
    loop {
        let answer = caller.get(&format!("{path}&continuation_token={token}")).await.expect(200);
        seen.extend(numbers(&answer));
        pages += 1;
        let page = answer.json();
        assert_eq!(page["has_more"].as_bool(), Some(!page["continuation_token"].is_null()));
        match page["continuation_token"].as_i64() {
            Some(next) => token = next,
            None => return (seen, pages),
        }
    }
}

#[tokio::test]
async fn a_memory_shows_every_field_that_clients_require_and_no_other() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let member = org.member("DefaultUserRole").await;
    keep(&org, vec![message(2, 9, &member), message(1, 9, &member)], vec![memory(7, &member, 9, &[2, 1])])
        .await;
    let answer = org.admin().await.get(&format!("/user/{member}/memory")).await.expect(200);
    let expected = json!({
        "memories": [{
            "id": id(7).to_string(), "created_at": "2026-01-01T12:00:01Z", "timestamp": "2026-01-01T12:00:01Z",
            "conversation_id": id(9).to_string(), "references": [id(2).to_string(), id(1).to_string()],
            "content": "memory 7", "context": "said over tea"
        }],
        "has_more": false, "continuation_token": null
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn memories_are_filtered_sorted_and_paged() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let member = org.member("DefaultUserRole").await;
    let other = org.member("DefaultUserRole").await;
    let mut all: Vec<Memory> = (0..7).map(|number| memory(number, &member, 90 + number % 2, &[])).collect();
    all.push(memory(50, &other, 90, &[]));
    keep(&org, Vec::new(), all).await;
    let admin = org.admin().await;
    let path = format!("/user/{member}/memory?limit=2");
    for (query, expected) in [
        (String::new(), vec![0, 1, 2, 3, 4, 5, 6]),
        ("&sort_by=%2Bcreated_at".to_owned(), vec![0, 3, 6, 1, 4, 2, 5]),
        ("&sort_by=+timestamp".to_owned(), vec![0, 3, 6, 1, 4, 2, 5]),
        ("&sort_by=-timestamp".to_owned(), vec![5, 2, 4, 1, 6, 3, 0]),
        ("&sort_by=-conversation_id&sort_by=%2Bcreated_at".to_owned(), vec![3, 1, 5, 6, 0, 4, 2]),
        (format!("&conversation_id={}", id(91)), vec![1, 3, 5]),
        (format!("&conversation_id={0}&conversation_id={0}&sort_by=-created_at", id(90)), vec![2, 4, 6, 0]),
        (format!("&id={}&id={}&id={}&id={}", id(4), id(1), id(4), id(50)), vec![1, 4]),
        (format!("&id={}&conversation_id={}", id(4), id(91)), vec![]),
    ] {
        let (seen, pages) = walk(&admin, &format!("{path}{query}")).await;
        assert_eq!(seen, expected, "{query}");
        assert_eq!(pages, expected.len().div_ceil(2).max(1), "{query}");
    }
    let none =
        admin.get(&format!("/user/{member}/memory?limit=0&continuation_token=5")).await.expect(200).json();
    assert_eq!(none, json!({"memories": [], "has_more": true, "continuation_token": 5}));
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_told_at_its_place() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let query = "id=65F000000000000000000001&conversation_id=65f000000000000000000001&conversation_id=x&limit=51\
                 &continuation_token=-1&sort_by=content";
    let answer = admin.get(&format!("/user/{}/memory?{query}", admin.user_id)).await.expect(422);
    let detail = answer.json()["detail"].clone();
    let places: Vec<Value> =
        detail.as_array().unwrap().iter().map(|problem| json!([problem["loc"], problem["type"]])).collect();
    assert_eq!(
        places,
        [
            json!([["query", "sort_by", 0], "value_error"]),
            json!([["query", "id", 0], "string_pattern_mismatch"]),
            json!([["query", "conversation_id", 1], "string_pattern_mismatch"]),
            json!([["query", "continuation_token"], "greater_than_equal"]),
            json!([["query", "limit"], "less_than_equal"]),
        ]
    );
}

#[tokio::test]
async fn a_caller_reads_the_memories_whose_messages_the_role_shows() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let people = [org.member("DefaultUserRole").await, org.member("DefaultUserRole").await];
    let mut rng = Rng::new(52);
    let talk: Vec<Message> =
        (0..12).map(|number| message(number, 90 + number % 3, &people[rng.below(2)])).collect();
    let mut drawn = Vec::new();
    for number in 0..30 {
        // Of fourteen messages two have not come.
        let references: Vec<u64> = (0..rng.below(3)).map(|_| rng.below(14) as u64).collect();
        drawn.push(memory(100 + number, &people[rng.below(2)], 90 + number % 3, &references));
    }
    keep(&org, talk.clone(), drawn.clone()).await;
    let target = |message: &Message| -> Target {
        [
            ("org_id", org.slug().to_owned()),
            ("user_id", message.user_id.as_member().to_string()),
            ("conversation_id", message.conversation_id.to_string()),
            ("message_id", message.message_id.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), Scalar::from(value.as_str())))
        .into()
    };
    let targets: Vec<Target> = talk.iter().map(target).collect();
    let mut universe = Universe::of(names::CONVERSATION_GET_MESSAGE).unwrap();
    for attribute in &mut universe.attributes {
        attribute.values = targets.iter().map(|target| target[&attribute.name].clone()).collect();
        attribute.values.sort_unstable();
        attribute.values.dedup();
    }
    let caller = org.caller_with(&json!([])).await;
    let who = Placeholders { org_id: org.slug().to_owned(), user_id: caller.user_id.clone() };
    let (mut shown, mut hidden) = (0, 0);
    for _ in 0..60 {
        let mut grants = universe.grants(&mut rng);
        let filter =
            grants.filter(&names::CONVERSATION_GET_MESSAGE, &who).assume("org_id", &org.slug().into());
        let may = |reference: &ObjectId| {
            let at = talk.iter().position(|message| message.message_id == *reference);
            at.is_some_and(|at| allows(&grants, &names::CONVERSATION_GET_MESSAGE, &who, &targets[at]))
        };
        // One that refers to nothing is read like its conversation, of which no message is named.
        let may_converse = |memory: &Memory| {
            let source = [
                ("org_id", org.slug().to_owned()),
                ("user_id", memory.user_id.as_member().to_string()),
                ("conversation_id", memory.conversation_id.to_string()),
            ];
            let source = source.map(|(name, value)| (name.to_owned(), Scalar::from(value.as_str()))).into();
            allows(&grants, &names::CONVERSATION_GET_MESSAGE, &who, &source)
        };
        let reads = |memory: &&Memory| {
            let is_readable = match memory.references.as_slice() {
                [] => may_converse(memory),
                references => references.iter().all(may),
            };
            !filter.is_never() && (filter.is_always() || is_readable)
        };
        let expected: Vec<Vec<String>> = people
            .iter()
            .map(|person| {
                let own = drawn.iter().filter(|memory| memory.user_id == user_id(person));
                own.filter(reads).map(|memory| memory.memory_id.to_string()).collect()
            })
            .collect();
        grants.0.push(denizen_domain::permission::Grant::allow(names::USER_GET_USER_INFO));
        let body = json!({ "permission_grants": grants });
        admin.post(&format!("/role/{}", caller.role_name), &body).await.expect(200);
        for (person, expected) in people.iter().zip(&expected) {
            let answer = caller.get(&format!("/user/{person}/memory")).await.expect(200);
            assert_eq!(answer.each("memories", "id"), *expected, "{grants:?}");
            shown += expected.len();
        }
        hidden += 30 - expected.iter().map(Vec::len).sum::<usize>();
    }
    assert!(shown > 100 && hidden > 100, "the cases show little: {shown} {hidden}");
}

#[tokio::test]
async fn a_user_who_hides_conversations_is_the_only_one_to_read_the_memories() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let (admin, caller) = (org.admin().await, org.caller("DefaultAdministratorRole").await);
    let path = format!("/user/{}/memory", caller.user_id);
    keep(&org, vec![message(1, 9, &caller.user_id)], vec![memory(1, &caller.user_id, 9, &[1])]).await;
    assert_eq!(numbers(&admin.get(&path).await.expect(200)), [1]);
    let hide = json!({"conversations_visible_to_admins": false});
    caller.post(&format!("/user/{}", caller.user_id), &hide).await.expect(204);
    let nothing = json!({"memories": [], "has_more": false, "continuation_token": null});
    assert_eq!(admin.get(&path).await.expect(200).json(), nothing);
    assert_eq!(numbers(&caller.get(&path).await.expect(200)), [1]);
}

#[tokio::test]
async fn a_sorted_list_goes_on_in_another_process_by_what_may_be_read_and_else_begins_again() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let member = org.member("DefaultUserRole").await;
    keep(&org, Vec::new(), (0..3).map(|number| memory(number, &member, 9, &[])).collect()).await;
    let path = format!("/user/{member}/memory?limit=1&sort_by=-created_at");
    let token = admin.get(&path).await.expect(200).json()["continuation_token"].as_i64().unwrap();
    let next = format!("{path}&continuation_token={token}");
    let elsewhere = admin.at(&server.another_process().await);
    assert_eq!(numbers(&elsewhere.get(&next).await.expect(200)), [1]);
    // Drawn from a message that has not come, the memory cannot be read by everybody any more.
    let last = memory(2, &member, 9, &[77]);
    write(&org, move |tx| memories::update(tx, &last, &[1; 16], NOON)).await;
    assert_eq!(numbers(&elsewhere.get(&next).await.expect(200)), [1], "the caller may read every message");
    let grants = json!([
        {"permission_name": "User:GetUserInfo", "conditions": {}},
        {"permission_name": "Conversation:GetMessage", "conditions":
            {"conversation_id": {"type": "Equals", "value": id(9).to_string()}}},
    ]);
    let narrow = org.caller_with(&grants).await;
    assert_eq!(numbers(&narrow.get(&path).await.expect(200)), [1]);
    let refused = narrow.get(&next).await.expect(422);
    assert_eq!(refused.json()["detail"][0]["loc"], json!(["query", "continuation_token"]));
    // A token that never was.
    narrow.get(&format!("{path}&continuation_token=4503599627370496")).await.expect(422);
}

#[tokio::test]
async fn a_user_model_shows_every_model_the_oldest_first() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let member = org.member("DefaultUserRole").await;
    let other = org.member("DefaultUserRole").await;
    let models = [model(1, &member, 30), model(2, &member, 10), model(3, &other, 5), model(4, &member, 20)];
    write(&org, move |tx| models.iter().try_for_each(|model| user_models::insert(tx, model, &[0; 16], NOON)))
        .await;
    let admin = org.admin().await;
    let body = json!({"additional_context": ["likes tea"]});
    admin.post(&format!("/user/{member}"), &body).await.expect(204);
    let shown = |number: u64| {
        json!({
            "content": format!("model {number}"), "insight_ids": ["one", "two"],
            "dimensions": [{"description": "Home", "tags": ["garden"]}]
        })
    };
    let answer = admin.get(&format!("/user/{member}/user_model")).await.expect(200);
    let expected =
        json!({"user_models": [shown(2), shown(4), shown(1)], "additional_context": ["likes tea"]});
    assert_eq!(answer.json(), expected);
}
