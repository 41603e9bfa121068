//! Definitions, conversations and messages of a help desk that come as records.

use denizen_directory::attributes::AttributeDefinition;
use denizen_directory::contact_conversations::{
    Assignment, Browser, ConversationDetails, ConversationKind, Queue, TwitterType,
};
use denizen_directory::ingest::{
    AttributeDefinitionRecord, ContactConversationRecord, ContactMessageRecord, ContactRecord, Record, limits,
};
use denizen_directory::organizations::ADMINISTRATOR_ROLE;
use denizen_domain::contact::{AttributeEntity, AttributeInput, SelectOption};
use denizen_domain::patch::Patch;
use denizen_domain::time::Timestamp;
use denizen_store::Sql;
use denizen_testkit::{TestOrg, TestServer};

use super::contact_records::{
    contact, contact_id, definition, guid, held, noted, of_contact, of_conversations, of_definition, of_held,
    of_said, option, options, said, selecting, text,
};
use super::records::{ingest, time};

async fn definitions(org: &TestOrg) -> Vec<AttributeDefinition> {
    let ctx = org.access_token(ADMINISTRATOR_ROLE).await.context().await;
    org.server.directory().attribute_definitions(&ctx).await.unwrap()
}

#[tokio::test]
async fn a_definition_is_replaced_as_a_whole_but_for_its_time_entity_and_type() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let first = AttributeDefinitionRecord {
        description: Some("What for".to_owned()),
        input: AttributeInput::Text { placeholder: Some("Here".to_owned()) },
        is_required: true,
        is_archived: true,
        is_deactivated: true,
        updated_at: Some(time(9)),
        ..definition(1)
    };
    let undated = AttributeDefinitionRecord { created_at: None, ..definition(1) };
    let records = vec![
        of_definition(first.clone()),
        of_definition(first),
        of_definition(undated.clone()),
        of_definition(undated),
        of_definition(of_conversations(definition(1))),
        of_definition(selecting(1, vec![option(1, "a", Vec::new())])),
        of_definition(AttributeDefinitionRecord { created_at: None, ..definition(2) }),
    ];
    let expected = [
        "created",
        "unchanged",
        "updated",
        "unchanged",
        "refused InvalidField entity",
        "refused InvalidField input",
        "created",
    ];
    assert_eq!(ingest(&org, records).await, expected);
    let found = definitions(&org).await;
    let expected = |number, created_at| AttributeDefinition {
        definition_id: guid(number),
        entity: AttributeEntity::Contact,
        identifier: format!("attribute_{number}"),
        label: format!("Attribute {number}"),
        description: None,
        input: AttributeInput::Text { placeholder: None },
        is_required: false,
        is_archived: false,
        is_deactivated: false,
        created_at,
        updated_at: None,
    };
    // The beginning of 2026 is before noon.
    assert_eq!(found, [expected(1, time(1)), expected(2, server.directory().now())]);
}

/// Options nested so many levels deep.
fn nested(levels: u64) -> SelectOption {
    let inner = if levels > 1 { vec![nested(levels - 1)] } else { Vec::new() };
    option(1_000_000 + levels, "a", inner)
}

#[tokio::test]
async fn a_definition_out_of_bounds_is_refused_with_its_field() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let one = |number| option(number, &format!("a{number}"), Vec::new());
    let many = |count: u64| (0..count).map(one).collect::<Vec<_>>();
    let long = "x".repeat(limits::TITLE + 1);
    let mut wordy = option(1, "a", Vec::new());
    wordy.label.clone_from(&long);
    let with = |change: fn(&mut AttributeDefinitionRecord)| {
        let mut record = definition(1);
        change(&mut record);
        record
    };
    let refused = [
        (with(|record| record.identifier = " ".to_owned()), "identifier"),
        (with(|record| record.identifier = "x".repeat(limits::IDENTIFIER + 1)), "identifier"),
        (with(|record| record.label = String::new()), "label"),
        (with(|record| record.description = Some("x".repeat(limits::DESCRIPTION + 1))), "description"),
        (with(|record| record.created_at = Some(Timestamp(0))), "created_at"),
        (with(|record| record.updated_at = Some(Timestamp(-1))), "updated_at"),
        (with(|record| record.input = AttributeInput::Text { placeholder: Some("\0".to_owned()) }), "input"),
        (selecting(1, vec![wordy]), "input"),
        (selecting(1, vec![option(1, "", Vec::new())]), "input"),
        (selecting(1, vec![option(1, &long, Vec::new())]), "input"),
        (selecting(1, vec![option(1, "a", vec![option(1, "b", Vec::new())])]), "input"),
        (selecting(1, vec![option(1, "a", Vec::new()), option(2, "a", Vec::new())]), "input"),
        (selecting(1, vec![option(1, "a", vec![one(2), one(3), option(4, "a2", Vec::new())])]), "input"),
        (selecting(1, many(1_001)), "input"),
        (
            selecting(
                1,
                vec![
                    option(1, "a", many(500)),
                    option(2_000, "b", Vec::new()),
                    option(3_000, "c", many(500)),
                ],
            ),
            "input",
        ),
        (selecting(1, vec![nested(6)]), "input"),
    ];
    for (record, field) in refused {
        let outcome = ingest(&org, vec![of_definition(record)]).await;
        assert_eq!(outcome, [format!("refused InvalidField {field}")]);
    }
    let taken = vec![of_definition(selecting(1, many(1_000))), of_definition(selecting(2, vec![nested(5)]))];
    assert_eq!(ingest(&org, taken).await, ["created"; 2]);
}

#[tokio::test]
async fn an_organization_has_so_many_definitions_and_may_still_change_them() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let most = u64::try_from(limits::DEFINITIONS).unwrap();
    let all: Vec<Record> = (0..=most).map(|number| of_definition(definition(number))).collect();
    for word in ["created", "unchanged"] {
        let mut expected = vec![word; limits::DEFINITIONS];
        expected.push("refused LimitReached");
        assert_eq!(ingest(&org, all.clone()).await, expected);
    }
    let changed = AttributeDefinitionRecord { label: "Another".to_owned(), ..definition(0) };
    assert_eq!(ingest(&org, vec![of_definition(changed)]).await, ["updated"]);
    let elsewhere = server.org("globex").await;
    assert_eq!(ingest(&elsewhere, vec![of_definition(definition(most))]).await, ["created"]);
}

#[tokio::test]
async fn definitions_of_the_same_things_that_are_not_archived_have_different_identifiers() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let plan = |number| AttributeDefinitionRecord { identifier: "plan".to_owned(), ..definition(number) };
    let archived = |number| AttributeDefinitionRecord { is_archived: true, ..plan(number) };
    let taken = "refused InvalidField identifier";
    let steps = [
        (plan(1), "created"),
        (plan(2), taken),
        // Another thing's is another one, and so is another word.
        (of_conversations(plan(3)), "created"),
        (AttributeDefinitionRecord { identifier: "Plan".to_owned(), ..definition(4) }, "created"),
        (plan(4), taken),
        // What is archived stands in nobody's way …
        (archived(5), "created"),
        (plan(5), taken),
        (archived(1), "updated"),
        (plan(2), "created"),
        (plan(2), "unchanged"),
        // … and does not come back beside another one.
        (plan(1), taken),
        (definition(2), "updated"),
        (plan(1), "updated"),
        (AttributeDefinitionRecord { label: "Another".to_owned(), ..plan(1) }, "updated"),
    ];
    let (records, expected): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    let records: Vec<Record> = records.into_iter().map(of_definition).collect();
    assert_eq!(ingest(&org, records.clone()).await, expected);
    // One at a time they meet in the store.
    let elsewhere = server.org("globex").await;
    for (record, expected) in records.into_iter().zip(expected) {
        assert_eq!(ingest(&elsewhere, vec![record.clone()]).await, [expected], "{record:?}");
    }
}

#[tokio::test]
async fn the_options_of_all_definitions_together_are_bounded() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    // Nearly two megabytes each.
    let large = |number: u64| {
        let value = |place: u64| format!("{place:0width$}", width = limits::TITLE);
        let options =
            (0..900).map(|place| option(number * 1_000 + place, &value(place), Vec::new())).collect();
        of_definition(selecting(number, options))
    };
    let bound = limits::DEFINITION_BYTES;
    let mut taken = 0;
    let mut refused = 0;
    for number in 0..10 {
        match ingest(&org, vec![large(number)]).await[0].as_str() {
            "created" => taken += 1,
            "refused LimitReached" => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(taken + refused, 10);
    assert!(refused > 0 && taken * 2_000_000 > bound - 2_000_000, "{taken} taken, {refused} refused");
    // What makes room may come, and then there is some.
    let small = of_definition(selecting(0, vec![option(0, "a", Vec::new())]));
    assert_eq!(
        ingest(&org, vec![small, large(99), large(0)]).await,
        ["updated", "created", "refused LimitReached"]
    );
}

#[tokio::test]
async fn attributes_of_records_have_to_be_defined_and_to_fit_but_may_be_older_than_the_definition() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut retired = option(12, "retired", Vec::new());
    retired.is_deactivated = true;
    let past = AttributeDefinitionRecord {
        is_archived: true,
        is_deactivated: true,
        is_required: true,
        ..definition(3)
    };
    let defined = vec![
        of_definition(selecting(1, vec![option(11, "a", vec![option(13, "b", Vec::new())]), retired])),
        of_definition(of_conversations(definition(2))),
        of_definition(past),
    ];
    assert_eq!(ingest(&org, defined).await, ["created"; 3]);
    let mut next = 0;
    let mut contact_with = |attributes| {
        next += 1;
        of_contact(ContactRecord { attributes: Patch::Set(attributes), ..contact(next) })
    };
    let records = vec![
        contact_with(noted([(1, options(&["a", "b", "retired"])), (3, text("old"))])),
        contact_with(noted([(1, options(&["b"]))])),
        contact_with(noted([(1, text("a"))])),
        contact_with(noted([(2, text("of a conversation"))])),
        contact_with(noted([(4, text("not defined"))])),
        contact_with(noted([(3, text(&"x".repeat(1_001)))])),
        contact_with(noted([(3, text("a\0b"))])),
        contact_with(noted([(3, options(&["a"]))])),
        // Choosing nothing is noting nothing, whatever is defined.
        contact_with(noted([(4, options(&[]))])),
        of_held(ContactConversationRecord { attributes: Some(noted([(2, text("urgent"))])), ..held(1, 1) }),
        of_held(ContactConversationRecord { attributes: Some(noted([(3, text("x"))])), ..held(2, 1) }),
    ];
    let at = |number: u64| format!("refused InvalidField attributes.{}", guid(number));
    let created = || "created".to_owned();
    let expected = [created(), at(1), at(1), at(2), at(4), at(3), at(3), at(3), created(), created(), at(3)];
    assert_eq!(ingest(&org, records).await, expected);
    // What is noted already is not judged again, though it could not be noted any more.
    let narrowed = of_definition(selecting(1, vec![option(14, "c", Vec::new())]));
    let same = noted([(1, options(&["a", "b", "retired"])), (3, text("old"))]);
    let same = of_contact(ContactRecord { attributes: Patch::Set(same), ..contact(1) });
    let other =
        of_contact(ContactRecord { attributes: Patch::Set(noted([(1, options(&["a"]))])), ..contact(1) });
    assert_eq!(
        ingest(&org, vec![narrowed, same, other]).await,
        ["updated".to_owned(), "unchanged".to_owned(), at(1)]
    );
}

#[tokio::test]
async fn each_kind_of_conversation_has_its_own_details_and_no_others() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    assert_eq!(ingest(&org, vec![of_contact(contact(1))]).await, ["created"]);
    let value = || Some("x".to_owned());
    let browser = |name: &str| {
        Some(Browser { name: name.to_owned(), version: None, ip_address: None, originating_url: None })
    };
    let none = ConversationDetails::default;
    let letter = || ConversationDetails {
        from_email: value(),
        to_email: value(),
        integration_email: value(),
        ..none()
    };
    let tweet = || ConversationDetails { twitter_type: Some(TwitterType::Tweet), ..none() };
    let kinds = ConversationKind::ALL;
    let cases = [
        (ConversationKind::Email, letter(), ""),
        (
            ConversationKind::Email,
            ConversationDetails { subject: value(), language: value(), ..letter() },
            "",
        ),
        (ConversationKind::Email, ConversationDetails { from_email: None, ..letter() }, "from_email"),
        (
            ConversationKind::Email,
            ConversationDetails { to_email: Some("  ".to_owned()), ..letter() },
            "to_email",
        ),
        (
            ConversationKind::Email,
            ConversationDetails { integration_email: None, ..letter() },
            "integration_email",
        ),
        (ConversationKind::Email, ConversationDetails { browser: browser("Lynx"), ..letter() }, "browser"),
        (ConversationKind::ContactForm, none(), "from_email"),
        (ConversationKind::ContactForm, ConversationDetails { from_email: value(), ..none() }, ""),
        (ConversationKind::Twitter, none(), "twitter_type"),
        (ConversationKind::Twitter, ConversationDetails { end_user_twitter_id: value(), ..tweet() }, ""),
        (ConversationKind::Chat, ConversationDetails { browser: browser("Lynx"), ..none() }, ""),
        (ConversationKind::Chat, ConversationDetails { browser: browser(""), ..none() }, "browser.name"),
        (ConversationKind::Chat, ConversationDetails { subject: value(), ..none() }, "subject"),
        (
            ConversationKind::Messenger,
            ConversationDetails { language: Some("x".repeat(1_001)), ..none() },
            "language",
        ),
        (
            ConversationKind::Sms,
            ConversationDetails { from_number: value(), to_number: value(), ..none() },
            "",
        ),
        (ConversationKind::Generic, ConversationDetails { from_number: value(), ..none() }, "from_number"),
        (ConversationKind::Generic, ConversationDetails { to_contact_point_id: value(), ..none() }, ""),
        (ConversationKind::PstnPhone, ConversationDetails { language: value(), ..none() }, "language"),
        (ConversationKind::WhatsApp, tweet(), "twitter_type"),
    ];
    for (number, (kind, details, field)) in (1..).zip(cases) {
        let record = ContactConversationRecord { kind, details, ..held(number, 1) };
        let expected = match field {
            "" => "created".to_owned(),
            field => format!("refused InvalidField details.{field}"),
        };
        assert_eq!(ingest(&org, vec![of_held(record.clone())]).await, [expected], "{record:?}");
    }
    // Those that need nothing have nothing.
    for (number, kind) in (100..).zip(kinds) {
        let record = ContactConversationRecord { kind: *kind, ..held(number, 1) };
        let needs = matches!(
            kind,
            ConversationKind::Email | ConversationKind::ContactForm | ConversationKind::Twitter
        );
        let outcome = ingest(&org, vec![of_held(record)]).await;
        assert_eq!(outcome[0] == "created", !needs, "{kind:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_conversation_is_replaced_as_a_whole_but_for_attributes_that_the_record_lacks() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let first = ContactConversationRecord {
        assignment: Some(Assignment { agent_id: guid(7), assigned_at: time(2).0 }),
        queue: Some(Queue { id: guid(8), queued_at: Some(time(3).0) }),
        attributes: Some(noted([(1, text("urgent"))])),
        ..held(1, 1)
    };
    let without = |record: &ContactConversationRecord| {
        of_held(ContactConversationRecord { attributes: None, ..record.clone() })
    };
    let empty = ContactConversationRecord { attributes: Some([].into()), ..held(1, 1) };
    let records = vec![
        of_definition(of_conversations(definition(1))),
        of_contact(contact(1)),
        of_held(first.clone()),
        without(&first),
        without(&held(1, 1)),
        of_held(held(1, 1)),
        of_held(ContactConversationRecord { attributes: first.attributes.clone(), ..held(1, 1) }),
        of_held(empty.clone()),
        of_held(empty),
    ];
    let expected = [
        "created",
        "created",
        "created",
        "unchanged",
        "updated",
        "unchanged",
        "unchanged",
        "updated",
        "unchanged",
    ];
    assert_eq!(ingest(&org, records).await, expected);
    let ctx = org.access_token(ADMINISTRATOR_ROLE).await.context().await;
    let found = server.directory().get_contact_conversation(&ctx, 1).await.unwrap().conversation;
    assert_eq!((found.assignment, found.queue, found.attributes), (None, None, [].into()));
}

#[tokio::test]
async fn a_record_out_of_time_or_with_a_negative_id_is_refused() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    assert_eq!(ingest(&org, vec![of_contact(contact(1))]).await, ["created"]);
    let long_ago = Some(Timestamp(0));
    let refused = [
        (held(-1, 1), "conversation_id"),
        (ContactConversationRecord { created_at: Timestamp(0), ..held(1, 1) }, "created_at"),
        (ContactConversationRecord { state_changed_at: long_ago, ..held(1, 1) }, "state_changed_at"),
        (ContactConversationRecord { transport_expires_at: long_ago, ..held(1, 1) }, "transport_expires_at"),
        (
            ContactConversationRecord {
                assignment: Some(Assignment { agent_id: guid(1), assigned_at: 0 }),
                ..held(1, 1)
            },
            "assignment",
        ),
        (
            ContactConversationRecord {
                queue: Some(Queue { id: guid(1), queued_at: Some(0) }),
                ..held(1, 1)
            },
            "queue",
        ),
    ];
    for (record, field) in refused {
        assert_eq!(ingest(&org, vec![of_held(record)]).await, [format!("refused InvalidField {field}")]);
    }
    assert_eq!(ingest(&org, vec![of_held(held(0, 1)), of_held(held(i64::MAX, 1))]).await, ["created"; 2]);
    let refused = [
        (ContactMessageRecord { created_at: Timestamp(0), ..said(1, 0) }, "created_at"),
        (ContactMessageRecord { sender: " ".to_owned(), ..said(1, 0) }, "sender"),
        (ContactMessageRecord { sender: "x".repeat(limits::SENDER + 1), ..said(1, 0) }, "sender"),
        (ContactMessageRecord { content: "x".repeat(limits::CONTENT + 1), ..said(1, 0) }, "content"),
        (ContactMessageRecord { content: "\0".to_owned(), ..said(1, 0) }, "content"),
    ];
    for (record, field) in refused {
        assert_eq!(ingest(&org, vec![of_said(record)]).await, [format!("refused InvalidField {field}")]);
    }
    let longest = ContactMessageRecord { content: "é".repeat(limits::CONTENT), ..said(1, i64::MAX) };
    assert_eq!(ingest(&org, vec![of_said(longest)]).await, ["created"]);
}

#[tokio::test]
async fn a_message_needs_its_conversation_and_stays_in_it() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let retold = ContactMessageRecord { content: "Another text".to_owned(), ..said(1, 1) };
    let records = vec![
        of_said(said(1, 1)),
        of_contact(contact(1)),
        of_held(held(1, 1)),
        of_held(held(2, 1)),
        of_said(said(1, 1)),
        of_said(said(1, 1)),
        of_said(retold.clone()),
        of_said(retold),
        of_said(said(1, 2)),
    ];
    let refused = "refused InvalidField conversation_id";
    let expected =
        [refused, "created", "created", "created", "created", "unchanged", "updated", "unchanged", refused];
    assert_eq!(ingest(&org, records).await, expected);
    assert_eq!(get_contents(&org).await, ["Another text"]);
}

async fn get_contents(org: &TestOrg) -> Vec<String> {
    static CONTENTS: Sql = Sql::new(
        "test.contents",
        "SELECT content FROM contact_message WHERE org_id = $1 ORDER BY message_id",
    );
    let key = org.key_in_store().await;
    let read = |conn: &denizen_store::Conn<'_>| conn.all(&CONTENTS, &[conn.org_param()], |row| row.text(0));
    org.server.store().read(key, read).await.unwrap()
}

/// What nobody foresaw: the database refuses messages with the content `poison`.
static POISON: Sql = Sql::split(
    "test.poison",
    "CREATE TRIGGER poison BEFORE INSERT ON contact_message WHEN NEW.content = 'poison'
     BEGIN SELECT RAISE(ABORT, 'poison'); END",
    "ALTER TABLE contact_message ADD CONSTRAINT poison CHECK (content <> 'poison')",
);

#[tokio::test]
async fn a_record_of_a_help_desk_that_only_the_database_refuses_harms_no_other() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.key_in_store().await;
    server.store().write(key, |tx| tx.execute(&POISON, &[])).await.unwrap();
    let poisoned = ContactMessageRecord { content: "poison".to_owned(), ..said(2, 1) };
    let unnamed = ContactRecord { contact_id: None, ..contact(2) };
    let records = vec![
        of_contact(contact(1)),
        of_held(held(1, 1)),
        of_said(said(1, 1)),
        of_said(poisoned),
        of_said(said(3, 1)),
        of_contact(unnamed.clone()),
    ];
    let expected = ["created", "created", "created", "refused Internal", "created", "created"];
    assert_eq!(ingest(&org, records).await, expected);
    assert_eq!(get_contents(&org).await, ["Text 1", "Text 3"]);
    assert_eq!(ingest(&org, vec![of_contact(unnamed)]).await, ["unchanged"]);
    assert_eq!(contact_id(1).as_uuid(), guid(1));
}
