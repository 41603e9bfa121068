//! Records of a help desk: what they say, and how they are refused.

use denizen_directory::OpContext;
use denizen_directory::contact_conversations::{
    Assignment, Browser, Channel, ContactConversation, ConversationDetails, ConversationKind,
    ConversationLink, ConversationState, Direction, LinkKind, Queue, TwitterType,
};
use denizen_directory::contacts::{Contact, PageFrom, Profile};
use denizen_domain::contact::{AttributeEntity, AttributeInput, AttributeValue};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;
use denizen_testkit::{TestCaller, TestOrg, TestServer};
use serde_json::{Value, json};

use crate::records::{Wrong, changed, results, words};
use crate::wire::lines;

const CONTACT: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const PLAN: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3302";
const AT_PLAN: &str = "attributes.3f2504e0-4f89-41d3-9a0c-0305e82c3302";
const TOPIC: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3303";
const AGENT: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3304";
const QUEUE: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3305";

fn guid(text: &str) -> Uuid {
    Uuid::parse(text).unwrap()
}

fn numbered(number: u64) -> String {
    format!("3f2504e0-4f89-41d3-9a0c-{number:012x}")
}

/// One record of each type, with every field that it can have.
fn records() -> [Value; 5] {
    [
        json!({
            "type": "attribute_definition", "definition_id": PLAN, "entity": "contact", "identifier": "plan",
            "label": "Plan", "description": "What they pay for",
            "input": {"type": "text", "placeholder": "gold or silver"}, "is_required": true, "is_archived": false,
            "is_deactivated": false, "created_at": "2024-03-12T08:00:00Z", "updated_at": "2024-03-12T08:00:01.25Z"
        }),
        json!({
            "type": "attribute_definition", "definition_id": TOPIC, "entity": "conversation",
            "identifier": "topic", "label": "Topic", "input": {"type": "select", "options": [
                {"id": numbered(1), "label": "Phone", "value": "phone", "is_deactivated": true, "order_index": 7,
                 "nested_options": [{"id": numbered(2), "label": "Screen", "value": "screen"}]},
                {"id": numbered(3), "label": "Other", "value": "other", "nested_options": []}
            ]}
        }),
        json!({
            "type": "contact", "contact_id": CONTACT, "external_id": "crm-1", "display_name": "Ann",
            "first_name": "Ann", "last_name": "Lee", "middle_names": ["Mae"], "email": "Ann@Example.org",
            "additional_emails": ["ann@work.example", "ann@example.org"], "phone": "+49 (151) 1000-0001",
            "additional_phones": ["+4915110000002"], "avatar_url": "https://pictures.example/ann.png",
            "attributes": {PLAN: "gold"}, "created_at": "2024-03-12T08:00:00+01:00"
        }),
        json!({
            "type": "contact_conversation", "conversation_id": 10_749, "contact_external_id": "crm-1",
            "kind": "Twitter", "channel": "Twitter", "direction": "Inbound", "state": "Pending",
            "state_changed_at": "2024-03-12T09:30:00Z",
            "assignment": {"agent_id": AGENT, "assigned_at": "2024-03-12T09:10:00Z"},
            "queue": {"id": QUEUE, "queued_at": "2024-03-12T09:05:00Z"},
            "link": {"parent_id": 9_223_372_036_854_775_807_i64, "kind": "FollowUp"},
            "transport_expires_at": "2024-03-13T09:00:00Z",
            "details": {"twitter_type": "DirectMessage", "contact_point_twitter_id": "1", "end_user_twitter_id": "2"},
            "attributes": {TOPIC.to_uppercase(): ["phone", "screen"]}, "created_at": "2024-03-12T09:00:00"
        }),
        json!({
            "type": "contact_message", "message_id": numbered(9), "conversation_id": 10_749, "sender": "contact",
            "content": "Hello", "created_at": "2024-03-12T09:00:01Z"
        }),
    ]
}

async fn ingest(admin: &TestCaller, records: &[Value]) -> Vec<Value> {
    results(admin.ingest(lines(records)).await.expect(200).lines())
}

async fn start() -> (TestOrg, TestCaller, OpContext) {
    let org = TestServer::start().await.org("acme").await;
    let admin = org.admin().await;
    let ctx = org.access_token("DefaultAdministratorRole").await.context().await;
    (org, admin, ctx)
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[tokio::test]
async fn records_of_a_help_desk_say_what_is_then_known_and_the_same_again_changes_nothing() {
    let (org, admin, ctx) = start().await;
    let first = ingest(&admin, &records()).await;
    assert_eq!(words(&first), ["created"; 5]);
    let ids: Vec<_> = first.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [PLAN, TOPIC, CONTACT, "10749", &numbered(9)]);
    assert_eq!(first[3]["type"], "contact_conversation");
    assert_eq!(words(&ingest(&admin, &records()).await), ["unchanged"; 5]);

    let directory = org.server.directory();
    let contact = directory.get_contact(&ctx, guid(CONTACT)).await.unwrap().contact;
    let expected = Contact {
        user_id: UserId::from_uuid(guid(CONTACT)),
        profile: Profile {
            display_name: Some(text("Ann")),
            first_name: Some(text("Ann")),
            last_name: Some(text("Lee")),
            middle_names: vec!["Mae".to_owned()],
            email: Some(text("Ann@Example.org")),
            additional_emails: vec!["ann@work.example".to_owned()],
            phone: Some(text("+4915110000001")),
            additional_phones: vec!["+4915110000002".to_owned()],
            external_id: Some(text("crm-1")),
            avatar_url: Some(text("https://pictures.example/ann.png")),
        },
        attributes: [(guid(PLAN), AttributeValue::Text("gold".to_owned()))].into(),
        created_at: time("2024-03-12T07:00:00Z"),
        anonymized_at: None,
    };
    assert_eq!(contact, expected);

    let conversation = directory.get_contact_conversation(&ctx, 10_749).await.unwrap().conversation;
    let options = AttributeValue::Options(vec!["phone".to_owned(), "screen".to_owned()]);
    let expected = ContactConversation {
        conversation_id: 10_749,
        user_id: UserId::from_uuid(guid(CONTACT)),
        kind: ConversationKind::Twitter,
        channel: Channel::Twitter,
        direction: Some(Direction::Inbound),
        state: Some(ConversationState::Pending),
        state_changed_at: Some(time("2024-03-12T09:30:00Z")),
        assignment: Some(Assignment { agent_id: guid(AGENT), assigned_at: time("2024-03-12T09:10:00Z").0 }),
        queue: Some(Queue { id: guid(QUEUE), queued_at: Some(time("2024-03-12T09:05:00Z").0) }),
        link: Some(ConversationLink { parent_id: i64::MAX, kind: LinkKind::FollowUp }),
        transport_expires_at: Some(time("2024-03-13T09:00:00Z")),
        details: ConversationDetails {
            twitter_type: Some(TwitterType::DirectMessage),
            contact_point_twitter_id: Some(text("1")),
            end_user_twitter_id: Some(text("2")),
            ..ConversationDetails::default()
        },
        attributes: [(guid(TOPIC), options)].into(),
        created_at: time("2024-03-12T09:00:00Z"),
        anonymized_at: None,
    };
    assert_eq!(conversation, expected);

    // The one without a time was created as it arrived.
    let [plan, topic] = directory.attribute_definitions(&ctx).await.unwrap().try_into().unwrap();
    assert_eq!((plan.entity, plan.is_required), (AttributeEntity::Contact, true));
    assert_eq!(plan.input, AttributeInput::Text { placeholder: Some(text("gold or silver")) });
    assert_eq!(plan.updated_at, Some(time("2024-03-12T08:00:01.25Z")));
    assert_eq!((topic.is_required, topic.is_archived, topic.is_deactivated), (false, false, false));
    assert_eq!((topic.created_at, topic.updated_at), (directory.now(), None));
    let AttributeInput::Select { options } = topic.input else { panic!("{topic:?}") };
    let flat: Vec<_> =
        options.iter().map(|one| (one.value.as_str(), one.is_deactivated, one.order_index)).collect();
    // Where nothing is said of the order, it is that of the list.
    assert_eq!(flat, [("phone", true, 7), ("other", false, 1)]);
    assert_eq!(options[0].nested_options[0].id, guid(&numbered(2)));
    org.server.assert_consistent().await;
}

#[tokio::test]
async fn a_record_of_a_help_desk_needs_few_fields_and_takes_null_for_absent() {
    let (org, admin, ctx) = start().await;
    let few = [
        json!({"type": "contact", "external_id": "crm-2"}),
        json!({
            "type": "attribute_definition", "definition_id": PLAN, "entity": "contact", "identifier": "plan",
            "label": "Plan", "input": {"type": "text"}
        }),
        json!({
            "type": "contact_conversation", "conversation_id": 1, "contact_external_id": "crm-2", "kind": "PstnPhone",
            "channel": "Voicemail", "created_at": "2024-03-12T09:00:00Z"
        }),
        json!({
            "type": "contact_message", "message_id": numbered(1), "conversation_id": 1, "sender": "agent",
            "content": "", "created_at": "2024-03-12T09:00:00Z"
        }),
    ];
    assert_eq!(words(&ingest(&admin, &few).await), ["created"; 4]);
    let mut null = few;
    for field in ["contact_id", "created_at"] {
        null[0][field] = Value::Null;
    }
    for field in ["description", "is_required", "is_archived", "is_deactivated", "created_at", "updated_at"] {
        null[1][field] = Value::Null;
    }
    null[1]["input"] = json!({"type": "text", "placeholder": null, "options": null});
    for field in [
        "contact_id",
        "direction",
        "state",
        "state_changed_at",
        "assignment",
        "queue",
        "link",
        "transport_expires_at",
        "details",
        "attributes",
    ] {
        null[2][field] = Value::Null;
    }
    let answered = ingest(&admin, &null).await;
    assert_eq!(words(&answered), ["unchanged"; 4], "{answered:#?}");
    // A browser is all that a chat has of its own, and may say no more than its name.
    let chat = json!({
        "type": "contact_conversation", "conversation_id": 2, "contact_external_id": "crm-2", "kind": "Chat",
        "channel": "WidgetChat", "created_at": "2024-03-12T09:00:00Z",
        "details": {"browser": {"name": "Lynx", "version": null, "ip_address": "192.0.2.1"}, "language": null}
    });
    assert_eq!(words(&ingest(&admin, &[chat]).await), ["created"]);
    let view = org.server.directory().get_contact_conversation(&ctx, 2).await.unwrap();
    let browser = Browser {
        name: "Lynx".to_owned(),
        version: None,
        ip_address: Some(text("192.0.2.1")),
        originating_url: None,
    };
    assert_eq!(view.conversation.details.browser, Some(browser));
}

#[tokio::test]
async fn what_is_absent_of_a_contact_is_kept_and_what_is_null_is_taken_away() {
    let (org, admin, ctx) = start().await;
    let [plan, _, contact, ..] = records();
    assert_eq!(words(&ingest(&admin, &[plan, contact.clone()]).await), ["created"; 2]);
    let before = org.server.directory().get_contact(&ctx, guid(CONTACT)).await.unwrap().contact;
    let bare = || json!({"type": "contact", "contact_id": CONTACT});
    assert_eq!(words(&ingest(&admin, &[bare()]).await), ["unchanged"]);
    for (field, value) in contact.as_object().unwrap() {
        if ["type", "contact_id", "created_at"].contains(&field.as_str()) {
            continue;
        }
        let mut without = bare();
        without[field] = Value::Null;
        assert_eq!(words(&ingest(&admin, &[without]).await), ["updated"], "{field}");
        let mut with = bare();
        with[field] = value.clone();
        assert_eq!(words(&ingest(&admin, &[with]).await), ["updated"], "{field}");
    }
    let after = org.server.directory().get_contact(&ctx, guid(CONTACT)).await.unwrap().contact;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_line_about_a_help_desk_that_cannot_be_taken_in_is_refused_with_its_place() {
    let (org, admin, ctx) = start().await;
    let [plan, topic, contact, conversation, message] = records();
    let input = |input: Value| changed(plan.clone(), "input", input);
    let option =
        |option: Value| changed(topic.clone(), "input", json!({"type": "select", "options": [option]}));
    let external = |value: Value| json!({"type": "contact", "external_id": value}).to_string();
    let mut twice = conversation.clone();
    twice["contact_id"] = CONTACT.into();
    let double = contact.to_string().replace(
        &format!("\"{PLAN}\":\"gold\""),
        &format!("\"{PLAN}\":\"gold\",\"{}\":\"silver\"", PLAN.to_uppercase()),
    );
    let cases: Vec<(String, Wrong)> = vec![
        (json!({"type": "contact"}).to_string(), ("invalid_field", "contact_id", "or else external_id")),
        (external(Value::Null), ("invalid_field", "contact_id", "or else external_id")),
        (external("".into()), ("invalid_field", "external_id", "empty")),
        (external("x".repeat(1_001).into()), ("invalid_field", "external_id", "1000 bytes")),
        (
            changed(contact.clone(), "contact_id", "65f000000000000000000001".into()),
            ("invalid_field", "contact_id", "must be a UUID such as"),
        ),
        (changed(contact.clone(), "contact_id", 5.into()), ("invalid_field", "contact_id", "must be a UUID")),
        (changed(contact.clone(), "email", "ann".into()), ("invalid_field", "email", "name@example.com")),
        (changed(contact.clone(), "phone", "0151".into()), ("invalid_field", "phone", "7 to 15 digits")),
        (changed(contact.clone(), "phone", 5.into()), ("invalid_field", "phone", "must be a text")),
        (
            changed(contact.clone(), "additional_phones", json!("+491511")),
            ("invalid_field", "additional_phones", "must be a list"),
        ),
        (
            changed(contact.clone(), "display_name", "a\nb".into()),
            ("invalid_field", "display_name", "control"),
        ),
        (
            changed(contact.clone(), "phoneNumber", "x".into()),
            ("invalid_field", "phoneNumber", "unknown field"),
        ),
        (
            changed(contact.clone(), "attributes", json!({"plan": "gold"})),
            ("invalid_field", "attributes.plan", "must be the definition's id, a UUID such as"),
        ),
        (
            changed(contact.clone(), "attributes", json!({PLAN: 5})),
            ("invalid_field", AT_PLAN, "must be a text or a list of texts"),
        ),
        (
            changed(contact.clone(), "attributes", json!({PLAN: null})),
            ("invalid_field", AT_PLAN, "must be a text or a list of texts"),
        ),
        (
            changed(contact.clone(), "attributes", json!({PLAN: ["a", 5]})),
            ("invalid_field", "attributes.3f2504e0-4f89-41d3-9a0c-0305e82c3302.1", "must be a text"),
        ),
        (
            changed(contact.clone(), "attributes", json!({PLAN: "gold"})),
            ("invalid_field", AT_PLAN, "is not defined"),
        ),
        (double, ("invalid_field", "attributes", "is there twice")),
        (
            changed(plan.clone(), "entity", "Contact".into()),
            ("invalid_field", "entity", "must be contact or conversation"),
        ),
        (
            changed(plan.clone(), "is_required", 1.into()),
            ("invalid_field", "is_required", "must be true or false"),
        ),
        (input(json!("text")), ("invalid_field", "input", "must be a JSON object")),
        (input(json!({})), ("invalid_field", "input.type", "is missing")),
        (input(json!({"type": "number"})), ("invalid_field", "input.type", "must be text or select")),
        (input(json!({"type": "select"})), ("invalid_field", "input.options", "must be there")),
        (
            input(json!({"type": "text", "options": []})),
            ("invalid_field", "input.options", "must not be there"),
        ),
        (
            input(json!({"type": "select", "placeholder": "x", "options": []})),
            ("invalid_field", "input.placeholder", "must not be there"),
        ),
        (option(json!({"id": PLAN, "label": "A"})), ("invalid_field", "input.options.0.value", "is missing")),
        (
            option(json!({"id": PLAN, "label": "A", "value": "a", "order_index": 2_147_483_648_i64})),
            ("invalid_field", "input.options.0.order_index", "must be a whole number from"),
        ),
        (
            option(json!({"id": PLAN, "label": "A", "value": "a", "nested_options": [
                {"id": PLAN, "label": "B", "value": "b"}
            ]})),
            ("invalid_field", "input", "two options with the same id"),
        ),
        (
            changed(conversation.clone(), "conversation_id", "10749".into()),
            ("invalid_field", "conversation_id", "must be a whole number"),
        ),
        (
            changed(conversation.clone(), "conversation_id", json!(9_223_372_036_854_775_808_u64)),
            ("invalid_field", "conversation_id", "must be a whole number"),
        ),
        (
            changed(conversation.clone(), "conversation_id", json!(-1)),
            ("invalid_field", "conversation_id", "negative"),
        ),
        (
            changed(conversation.clone(), "contact_external_id", Value::Null),
            ("invalid_field", "contact_id", "or else contact_external_id"),
        ),
        (twice.to_string(), ("invalid_field", "contact_external_id", "beside contact_id")),
        (conversation.to_string(), ("invalid_field", "contact_external_id", "No contact has this id")),
        (
            changed(conversation.clone(), "kind", "Fax".into()),
            ("invalid_field", "kind", "must be Chat, ContactForm, Email"),
        ),
        (
            changed(conversation.clone(), "channel", "Chat".into()),
            ("invalid_field", "channel", "must be Callback, ContactForm"),
        ),
        (
            changed(conversation.clone(), "state", "Ajar".into()),
            ("invalid_field", "state", "must be AwaitingPending, Closed, Open or Pending"),
        ),
        (
            changed(conversation.clone(), "link.kind", "Parent".into()),
            ("invalid_field", "link.kind", "must be EmailForward"),
        ),
        (
            changed(conversation.clone(), "details.subject", "Hi".into()),
            ("invalid_field", "details.subject", "must not be there for the kind Twitter"),
        ),
        (
            changed(conversation.clone(), "details.twitter_type", Value::Null),
            ("invalid_field", "details.twitter_type", "must be there for the kind Twitter"),
        ),
        (
            changed(conversation, "assignment", json!({"agent_id": AGENT})),
            ("invalid_field", "assignment.assigned_at", "is missing"),
        ),
        (message.to_string(), ("invalid_field", "conversation_id", "There is no such conversation")),
        (
            changed(message.clone(), "conversation_id", "1".into()),
            ("invalid_field", "conversation_id", "must be a whole number"),
        ),
        (changed(message, "sender", "".into()), ("invalid_field", "sender", "empty")),
    ];
    let text: String = cases.iter().flat_map(|(line, _)| [line.as_str(), "\n"]).collect();
    let good = json!({"type": "contact", "external_id": "crm-9"});
    let answer = admin.ingest(format!("{text}{good}")).await.expect(200);
    let answered = results(answer.lines());
    assert_eq!(answered.last().unwrap()["result"], "created");
    for ((line, (code, field, message)), answer) in cases.iter().zip(&answered) {
        let problem = &answer["problem"];
        assert_eq!(problem["code"], *code, "{line}: {answer}");
        assert!(problem["message"].as_str().unwrap().contains(message), "{line}: {answer}");
        let path = problem["field"].as_array().unwrap().iter().map(|step| step.as_str().unwrap());
        assert_eq!(path.collect::<Vec<_>>().join("."), *field, "{line}: {answer}");
    }
    for value in ["Fax", "Ajar", "silver", "0151"] {
        assert!(!answer.text().contains(value), "{value} is repeated");
    }
    let contacts = denizen_directory::contacts::ContactFilter::All;
    let listed = org.server.directory().list_contacts(&ctx, contacts, PageFrom::Start, 10).await.unwrap();
    assert_eq!(listed.contacts.rows.len(), 1);
    assert_eq!(org.server.directory().attribute_definitions(&ctx).await.unwrap(), []);
}

#[tokio::test]
async fn the_codes_of_refusals_about_a_help_desk_tell_them_apart() {
    let (_, admin, _) = start().await;
    let one =
        json!({"type": "contact", "external_id": "1", "email": "a@x.example", "phone": "+4915110000001"});
    let twin = json!({"type": "contact", "contact_id": CONTACT, "external_id": "1"});
    let refused = [
        json!({"type": "contact", "external_id": "2", "email": "A@X.example"}),
        json!({"type": "contact", "external_id": "2", "phone": "+49 1511 0000001"}),
        json!({"type": "contact", "external_id": "1", "display_name": "Which?"}),
    ];
    assert_eq!(words(&ingest(&admin, &[one, twin]).await), ["created"; 2]);
    let answered = ingest(&admin, &refused).await;
    let codes: Vec<_> = answered.iter().map(|line| line["problem"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["email_taken", "phone_taken", "invalid_field"]);
    assert_eq!(answered[0].get("id"), None);
}

#[tokio::test]
async fn a_help_desk_of_thousands_comes_in_one_stream_and_again() {
    let (org, admin, ctx) = start().await;
    let mut all = records()[..2].to_vec();
    for number in 0..1_500 {
        let external = format!("crm-{number}");
        all.push(json!({
            "type": "contact", "external_id": external, "email": format!("{external}@x.example"),
            "attributes": {PLAN: "gold"}
        }));
        all.push(json!({
            "type": "contact_conversation", "conversation_id": number, "contact_external_id": external,
            "kind": "Generic", "channel": "Callback", "created_at": "2024-03-12T09:00:00Z",
            "attributes": {TOPIC: ["other"]}
        }));
        all.push(json!({
            "type": "contact_message", "message_id": numbered(number), "conversation_id": number,
            "sender": "contact", "content": "Hello", "created_at": "2024-03-12T09:00:00Z"
        }));
    }
    for word in ["created", "unchanged"] {
        let answered = ingest(&admin, &all).await;
        let odd: Vec<_> = answered.iter().filter(|line| line["result"] != word).collect();
        assert!(odd.is_empty(), "{:?}", &odd[..odd.len().min(3)]);
    }
    let filter = denizen_directory::contacts::ContactFilter::All;
    let page = org.server.directory().list_contacts(&ctx, filter, PageFrom::Start, 2_000).await.unwrap();
    assert_eq!((page.contacts.rows.len(), page.has_after), (1_500, false));
    org.server.assert_consistent().await;
}

/// The value with a NUL character in one of its texts, for each of them.
fn spoiled(value: &Value) -> Vec<Value> {
    let within = |place: &dyn Fn(&mut Value) -> &mut Value, inner: &Value| -> Vec<Value> {
        let put = |inner| {
            let mut whole = value.clone();
            *place(&mut whole) = inner;
            whole
        };
        spoiled(inner).into_iter().map(put).collect()
    };
    match value {
        Value::String(text) => vec![format!("{text}\0").into(), "\0".into()],
        Value::Array(list) => {
            list.iter().enumerate().flat_map(|(at, inner)| within(&|whole| &mut whole[at], inner)).collect()
        }
        Value::Object(map) => {
            map.iter().flat_map(|(name, inner)| within(&|whole| &mut whole[name], inner)).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_text_that_no_database_stores_refuses_its_line_and_stops_no_other() {
    let (_, admin, _) = start().await;
    let lines: Vec<Value> = records().iter().flat_map(spoiled).collect();
    assert!(lines.len() > 80, "{}", lines.len());
    for line in &lines {
        assert_eq!(words(&ingest(&admin, std::slice::from_ref(line)).await), ["refused"], "{line}");
    }
    let mut all = lines.clone();
    all.extend(records());
    let answers = ingest(&admin, &all).await;
    assert_eq!(words(&answers)[..lines.len()], vec!["refused"; lines.len()]);
    assert_eq!(words(&answers)[lines.len()..], ["created"; 5]);
}

#[tokio::test]
async fn a_contact_who_comes_without_an_id_is_answered_with_one() {
    let (org, admin, ctx) = start().await;
    let record = |name: &str| json!({"type": "contact", "external_id": "crm-1", "display_name": name});
    let file = [record("Ann"), record("Ann"), record("Anna"), json!({"type": "contact", "external_id": ""})];
    let answered = ingest(&admin, &file).await;
    assert_eq!(words(&answered), ["created", "unchanged", "updated", "refused"]);
    let id = answered[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&answered[1]["id"], &answered[2]["id"]), (&json!(id), &json!(id)));
    assert_eq!(answered[3].get("id"), None);
    let contact = org.server.directory().get_contact(&ctx, guid(&id)).await.unwrap().contact;
    assert_eq!(contact.profile.display_name, Some(text("Anna")));
    // From then on it can be said.
    let mut named = record("Anna");
    named["contact_id"] = id.clone().into();
    let answered = ingest(&admin, &[named]).await;
    assert_eq!((words(&answered), &answered[0]["id"]), (vec!["unchanged"], &json!(id)));
}

#[tokio::test]
async fn times_may_name_their_zone_in_brackets_once_more() {
    let (org, admin, ctx) = start().await;
    let with = |time: &str| json!({"type": "contact", "contact_id": CONTACT, "created_at": time});
    let times =
        ["2021-12-01T12:46:36.581Z[GMT]", "2021-12-01T12:46:36.581Z[UTC]", "2021-12-01T12:46:36.581Z"];
    assert_eq!(words(&ingest(&admin, &times.map(with)).await), ["created", "unchanged", "unchanged"]);
    let contact = org.server.directory().get_contact(&ctx, guid(CONTACT)).await.unwrap().contact;
    assert_eq!(contact.created_at, time("2021-12-01T12:46:36.581Z"));
    for wrong in [
        "2021-12-01T12:46:36.581+02:00[GMT]",
        "2021-12-01T12:46:36.581[GMT]",
        "2021-12-01T12:46:36.581Z[CET]",
        "2021-12-01T12:46:36.581Z[GMT][GMT]",
        "[GMT]",
    ] {
        let answered = ingest(&admin, &[with(wrong)]).await;
        assert_eq!(answered[0]["problem"]["field"], json!(["created_at"]), "{wrong}: {answered:?}");
    }
    // Every time of a help desk's records is read like this.
    let mut zoned = records();
    let mut count = 0;
    for record in &mut zoned {
        count += name_zones(record);
    }
    assert_eq!(count, 7);
    assert_eq!(words(&ingest(&admin, &zoned).await)[2..], ["updated", "created", "created"]);
    assert_eq!(words(&ingest(&admin, &records()).await), ["unchanged"; 5]);
}

/// Names the zone of every time in a record that ends with its letter.
fn name_zones(value: &mut Value) -> usize {
    match value {
        Value::Object(members) => members.values_mut().map(name_zones).sum(),
        Value::Array(items) => items.iter_mut().map(name_zones).sum(),
        Value::String(text) if text.starts_with("2024-") && text.ends_with('Z') => {
            text.push_str("[GMT]");
            1
        }
        _ => 0,
    }
}

#[tokio::test]
async fn who_may_take_records_in_only_sends_no_contact() {
    let (org, admin, _) = start().await;
    let grants = json!([{"permission_name": "Directory:IngestRecords", "conditions": {}}]);
    let platform = org.caller_with(&grants).await;
    let [plan, topic, contact, conversation, message] = records();
    let answered = ingest(&platform, &[plan.clone(), contact.clone()]).await;
    for line in &answered {
        let problem = &line["problem"];
        let text = "The authenticated user lacks the permission Directory:WriteContact";
        assert_eq!((&problem["code"], &problem["message"]), (&json!("forbidden"), &json!(text)));
    }
    assert_eq!(words(&ingest(&admin, &[plan, topic, contact]).await), ["created"; 3]);
    assert_eq!(words(&ingest(&platform, &[conversation, message]).await), ["created"; 2]);
    // That nothing changes would tell whether what was guessed of a contact is right.
    let expected = ["unchanged", "unchanged", "refused", "unchanged", "unchanged"];
    assert_eq!(words(&ingest(&platform, &records()).await), expected);
}
