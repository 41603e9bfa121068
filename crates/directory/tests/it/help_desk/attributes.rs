//! What may be noted of contacts and conversations, and how it is shown (contract sections 4.3, 5.2 and 7).

use denizen_directory::attributes::Attribute;
use denizen_directory::contact_conversations::Browser;
use denizen_directory::contacts::{ContactFilter, PageFrom};
use denizen_directory::ingest::{AttributeDefinitionRecord, Record};
use denizen_directory::{Error, ErrorCode};
use denizen_domain::contact::{MAX_LIST, MAX_NAME};
use denizen_domain::ids::Uuid;
use denizen_store::contacts;
use denizen_testkit::NOON;
use serde_json::json;

use super::{Changes, Desk, changes, shown, wrong};
use crate::ingest::contact_records::{
    contact, contact_id, definition, guid, held, of_contact, of_conversations, of_definition, of_held,
    option, options, selecting, text,
};
use crate::ingest::records::ingest;

/// A product with its parts: `phone` has `screen` and `other`, `screen` has `glass`; `other` is also a product by itself.
fn products() -> AttributeDefinitionRecord {
    let mut gone = option(26, "gone", vec![option(27, "inside", Vec::new())]);
    gone.is_deactivated = true;
    let screen = option(23, "screen", vec![option(24, "glass", Vec::new())]);
    let phone = option(22, "phone", vec![screen, option(25, "other", Vec::new())]);
    let other = option(28, "other", vec![option(29, "unknown", Vec::new())]);
    selecting(2, vec![phone, gone, other])
}

/// One contact, one conversation, and for each of them a text and a choice; 1 and 2 are of contacts.
async fn desk() -> Desk {
    let mut talk = products();
    talk.definition_id = guid(4);
    Desk::with(vec![
        of_definition(definition(1)),
        of_definition(products()),
        of_definition(of_conversations(definition(3))),
        of_definition(of_conversations(talk)),
        of_contact(contact(1)),
        of_held(held(1, 1)),
    ])
    .await
}

impl Desk {
    async fn note(&self, changes: Changes) -> Result<Vec<Attribute>, Error> {
        self.server.directory().patch_contact_attributes(&self.ctx, guid(1), changes).await
    }

    async fn note_of_conversation(&self, changes: Changes) -> Result<Vec<Attribute>, Error> {
        self.server.directory().patch_conversation_attributes(&self.ctx, 1, changes).await
    }

    /// What a contact is shown with, alone and in the list.
    async fn shown(&self) -> Vec<Attribute> {
        let directory = self.server.directory();
        let alone = directory.get_contact(&self.ctx, guid(1)).await.unwrap();
        let list = directory.list_contacts(&self.ctx, ContactFilter::All, PageFrom::Start, 10).await.unwrap();
        assert_eq!(list.views().items, std::slice::from_ref(&alone));
        alone.attributes
    }
}

#[tokio::test]
async fn what_is_noted_is_shown_in_the_order_of_labels_then_identifiers() {
    let labelled = |number, label: &str, identifier: &str| {
        of_definition(AttributeDefinitionRecord {
            label: label.to_owned(),
            identifier: identifier.to_owned(),
            ..definition(number)
        })
    };
    let desk = Desk::with(vec![
        labelled(1, "Zeal", "zeal"),
        labelled(2, "Age", "b"),
        labelled(3, "Age", "a"),
        of_contact(contact(1)),
    ])
    .await;
    let said = changes([(1, Some(text("great"))), (2, Some(text("40"))), (3, Some(text("forty")))]);
    let answer = desk.note(said).await.unwrap();
    assert_eq!(shown(&answer), [(3, json!("forty")), (2, json!("40")), (1, json!("great"))]);
    let first = Attribute {
        definition_id: guid(3),
        label: "Age".to_owned(),
        identifier: "a".to_owned(),
        value: text("forty"),
    };
    assert_eq!(answer[0], first);
    assert_eq!(desk.shown().await, answer);
    // What is not mentioned stays, and an empty map is a way to ask.
    let answer = desk.note(changes([(2, None), (1, Some(text("small")))])).await.unwrap();
    assert_eq!(shown(&answer), [(3, json!("forty")), (1, json!("small"))]);
    assert_eq!(desk.note(Changes::new()).await.unwrap(), answer);
    assert_eq!(desk.shown().await, answer);
}

#[tokio::test]
async fn a_conversation_is_noted_of_as_a_contact_is() {
    let desk = desk().await;
    let said = changes([(3, Some(text("urgent"))), (4, Some(options(&["phone", "screen"])))]);
    let answer = desk.note_of_conversation(said).await.unwrap();
    assert_eq!(shown(&answer), [(4, json!(["phone", "screen"])), (3, json!("urgent"))]);
    let view = desk.server.directory().get_contact_conversation(&desk.ctx, 1).await.unwrap();
    assert_eq!(view.attributes, answer);
    let answer = desk.note_of_conversation(changes([(4, None), (3, None)])).await.unwrap();
    assert_eq!(answer, []);
    assert_eq!(
        desk.note_of_conversation(changes([(1, None)])).await.unwrap_err().code,
        ErrorCode::InvalidField
    );
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_definition_and_without_the_value() {
    let desk = desk().await;
    let secret = "ann@example.org";
    let many: Vec<&str> = vec!["phone"; MAX_LIST + 1];
    for (said, expected) in [
        (changes([(9, Some(text(secret)))]), "is not defined"),
        (changes([(9, None)]), "is not defined"),
        (changes([(3, Some(text(secret)))]), "is one of conversations, not of contacts"),
        (changes([(1, Some(options(&[secret])))]), "must be a text"),
        (changes([(2, Some(text(secret)))]), "must be a list of options"),
        (changes([(1, Some(text(&secret.repeat(100))))]), "must have at most 1000 characters"),
        (changes([(1, Some(text("a\0b")))]), "must not contain a NUL character"),
        (changes([(2, Some(options(&many)))]), "must have at most 100 options"),
        (
            changes([(2, Some(options(&["phone", secret])))]),
            "cannot have option 2 of the value: there is none such at this place; possible are screen, other, phone",
        ),
        (changes([(2, Some(options(&["gone"])))]), "cannot have option 1 of the value: it is deactivated"),
    ] {
        let error = desk.note(said).await.unwrap_err();
        assert_eq!((error.code, wrong(&error).as_str()), (ErrorCode::InvalidField, expected));
        assert!(!error.text.contains(secret));
    }
    let error = desk.note_of_conversation(changes([(1, Some(text("x")))])).await.unwrap_err();
    assert_eq!(wrong(&error), "is one of contacts, not of conversations");
    assert_eq!(desk.shown().await, []);
    let longest = changes([(1, Some(text(&"é".repeat(MAX_NAME))))]);
    assert_eq!(desk.note(longest).await.unwrap().len(), 1);
}

#[tokio::test]
async fn all_changes_are_made_or_none() {
    let desk = desk().await;
    let before = desk.note(changes([(1, Some(text("gold"))), (2, Some(options(&["other"])))])).await.unwrap();
    let said = changes([(1, Some(text("silver"))), (2, Some(options(&["no such"])))]);
    assert_eq!(desk.note(said).await.unwrap_err().field, [guid(2).to_string()]);
    assert_eq!(desk.shown().await, before);
}

#[tokio::test]
async fn options_are_chosen_along_a_path_and_beside_it() {
    let desk = desk().await;
    for chosen in [
        &["phone"][..],
        &["other"],
        &["phone", "screen"],
        &["phone", "screen", "glass"],
        // Another option of an outer level, and of the outermost one.
        &["phone", "screen", "glass", "other"],
        &["phone", "screen", "phone", "other"],
        &["other", "unknown", "phone", "screen"],
        // The other product, though there is one of that name within the phone.
        &["phone", "other", "unknown"],
    ] {
        let answer = desk.note(changes([(2, Some(options(chosen)))])).await;
        assert_eq!(shown(&answer.unwrap()), [(2, json!(chosen))]);
    }
    for (chosen, place) in [
        (&["screen"][..], 1),
        (&["phone", "glass"], 2),
        (&["other", "screen"], 2),
        (&["phone", "screen", "unknown"], 3),
        // What is nested in an option that was left is not open any more.
        (&["phone", "screen", "other", "glass"], 4),
        (&["gone", "inside"], 1),
        (&["PHONE"], 1),
        (&["phone "], 1),
        (&[""], 1),
    ] {
        let error = desk.note(changes([(2, Some(options(chosen)))])).await.unwrap_err();
        assert!(wrong(&error).starts_with(&format!("cannot have option {place} of")), "{chosen:?}: {error}");
    }
}

#[tokio::test]
async fn ten_options_at_most_are_listed_and_none_is_listed_in_full_length() {
    let desk = desk().await;
    let long = "é".repeat(MAX_NAME);
    let mut many: Vec<_> =
        (0..11).map(|number| option(100 + number, &format!("n{number}"), Vec::new())).collect();
    many[0].value.clone_from(&long);
    desk.take_in(vec![of_definition(selecting(2, many.clone()))]).await;
    let wrong_choice = || changes([(2, Some(options(&["no such"])))]);
    let shortened = format!("{}…", "é".repeat(60));
    let listed = format!("possible are {shortened}, n1, n2, n3, n4, n5, n6, n7, n8, n9, …");
    let none = "cannot have option 1 of the value: there is none such at this place";
    assert_eq!(wrong(&desk.note(wrong_choice()).await.unwrap_err()), format!("{none}; {listed}"));
    // What nobody may choose is not proposed.
    many.truncate(1);
    many[0].is_deactivated = true;
    desk.take_in(vec![of_definition(selecting(2, many))]).await;
    assert_eq!(wrong(&desk.note(wrong_choice()).await.unwrap_err()), none);
}

#[tokio::test]
async fn null_and_an_empty_list_take_away_unless_the_attribute_is_required() {
    let desk = desk().await;
    let both = || changes([(1, Some(text("gold"))), (2, Some(options(&["other"])))]);
    desk.note(both()).await.unwrap();
    assert_eq!(desk.note(changes([(1, None), (2, Some(options(&[])))])).await.unwrap(), []);
    // What is not there can be taken away.
    assert_eq!(desk.note(changes([(1, None)])).await.unwrap(), []);
    // An empty text is a text.
    let answer = desk.note(changes([(1, Some(text("")))])).await.unwrap();
    assert_eq!(shown(&answer), [(1, json!(""))]);
    let required = |record| of_definition(AttributeDefinitionRecord { is_required: true, ..record });
    desk.take_in(vec![required(definition(1)), required(products())]).await;
    let noted = desk.note(both()).await.unwrap();
    for said in [(1, None), (1, Some(text(""))), (2, None), (2, Some(options(&[])))] {
        let error = desk.note(changes([said])).await.unwrap_err();
        assert_eq!(wrong(&error), "is required");
    }
    assert_eq!(desk.shown().await, noted);
}

#[tokio::test]
async fn what_is_deactivated_keeps_its_value_and_takes_no_other() {
    let desk = desk().await;
    let gold = || changes([(1, Some(text("gold"))), (2, Some(options(&["phone", "other"])))]);
    let noted = desk.note(gold()).await.unwrap();
    let mut without_phone = products();
    if let denizen_domain::contact::AttributeInput::Select { options } = &mut without_phone.input {
        options[0].is_deactivated = true;
    }
    let deactivated = AttributeDefinitionRecord { is_deactivated: true, ..definition(1) };
    desk.take_in(vec![of_definition(deactivated), of_definition(without_phone)]).await;
    assert_eq!(desk.note(gold()).await.unwrap(), noted);
    assert_eq!(desk.shown().await, noted);
    let error = desk.note(changes([(1, Some(text("silver")))])).await.unwrap_err();
    assert_eq!(wrong(&error), "is deactivated");
    let error = desk.note(changes([(2, Some(options(&["phone", "screen"])))])).await.unwrap_err();
    assert_eq!(wrong(&error), "cannot have option 1 of the value: it is deactivated");
    // It can still be taken away, and then it does not come back.
    assert_eq!(shown(&desk.note(changes([(1, None)])).await.unwrap()), [(2, json!(["phone", "other"]))]);
    assert_eq!(wrong(&desk.note(gold()).await.unwrap_err()), "is deactivated");
}

#[tokio::test]
async fn what_is_archived_is_neither_shown_nor_noted_and_comes_back() {
    let desk = desk().await;
    let both = changes([(1, Some(text("gold"))), (2, Some(options(&["other"])))]);
    let noted = desk.note(both.clone()).await.unwrap();
    let archived =
        |is_archived| vec![of_definition(AttributeDefinitionRecord { is_archived, ..definition(1) })];
    desk.take_in(archived(true)).await;
    assert_eq!(shown(&desk.shown().await), [(2, json!(["other"]))]);
    for said in [both, changes([(1, None)])] {
        assert_eq!(wrong(&desk.note(said).await.unwrap_err()), "is archived");
    }
    let answer = desk.note(changes([(2, Some(options(&["phone"])))])).await.unwrap();
    assert_eq!(shown(&answer), [(2, json!(["phone"]))]);
    desk.take_in(archived(false)).await;
    assert_eq!(desk.shown().await.len(), noted.len());
}

#[tokio::test]
async fn nothing_is_noted_of_who_is_not_there_or_was_anonymized() {
    let desk = desk().await;
    let directory = desk.server.directory();
    let said = || changes([(1, Some(text("gold")))]);
    let absent = directory.patch_contact_attributes(&desk.ctx, guid(9), said()).await;
    assert_eq!(absent.unwrap_err().code, ErrorCode::ContactNotFound);
    let of_conversation = || changes([(3, Some(text("urgent")))]);
    let absent = directory.patch_conversation_attributes(&desk.ctx, 9, of_conversation()).await;
    assert_eq!(absent.unwrap_err().code, ErrorCode::ConversationNotFound);
    desk.note(said()).await.unwrap();
    desk.note_of_conversation(of_conversation()).await.unwrap();
    let clear = |tx: &denizen_store::Tx<'_>| {
        contacts::clear(tx, contact_id(1), NOON)?;
        denizen_store::holdings::clear_contact_conversation(tx, 1, NOON)
    };
    desk.server.store().write(desk.org.key_in_store().await, clear).await.unwrap();
    assert_eq!(desk.note(said()).await.unwrap_err().code, ErrorCode::ContactNotFound);
    let refused = desk.note_of_conversation(of_conversation()).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::ConversationNotFound);
    let view = directory.get_contact_conversation(&desk.ctx, 1).await.unwrap();
    assert_eq!((view.attributes, view.conversation.anonymized_at), (Vec::new(), Some(NOON)));
}

#[tokio::test]
async fn many_who_note_different_things_at_once_lose_nothing() {
    let definitions: Vec<Record> = (1..=16).map(|number| of_definition(definition(number))).collect();
    let desk = Desk::with(definitions).await;
    desk.take_in(vec![of_contact(contact(1))]).await;
    let notes = (1..=16).map(|number| desk.note(changes([(number, Some(text("x")))])));
    let mut largest = 0;
    for answer in futures_of(notes).await {
        largest = largest.max(answer.unwrap().len());
    }
    assert_eq!((largest, desk.shown().await.len()), (16, 16));
}

/// Polls all of them at once, in this task.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in &mut futures {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if futures.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    futures.into_iter().map(|(_, done)| done.unwrap()).collect()
}

#[tokio::test]
async fn permissions_decide_who_reads_and_who_notes() {
    let desk = desk().await;
    let directory = desk.server.directory();
    let reader = desk.program("Directory:ReadContact").await;
    let writer = desk.program("Directory:WriteContact").await;
    assert_eq!(directory.attribute_definitions(&reader).await.unwrap().len(), 4);
    assert_eq!(directory.attribute_definition(&reader, guid(2)).await.unwrap().definition_id, guid(2));
    let forbidden = Err(ErrorCode::Forbidden);
    let code = |error: Error| error.code;
    assert_eq!(directory.attribute_definitions(&writer).await.map_err(code).map(drop), forbidden);
    assert_eq!(directory.attribute_definition(&writer, guid(2)).await.map_err(code).map(drop), forbidden);
    let absent = directory.attribute_definition(&reader, Uuid([0; 16])).await;
    assert_eq!(absent.unwrap_err().code, ErrorCode::AttributeDefinitionNotFound);
    let said = || changes([(1, Some(text("gold")))]);
    let refused = directory.patch_contact_attributes(&reader, guid(1), said()).await;
    assert_eq!(refused.map_err(code).map(drop), forbidden);
    assert_eq!(directory.patch_contact_attributes(&writer, guid(1), said()).await.unwrap().len(), 1);
    let said = || changes([(3, Some(text("urgent")))]);
    let refused = directory.patch_conversation_attributes(&reader, 1, said()).await;
    assert_eq!(refused.map_err(code).map(drop), forbidden);
    assert_eq!(directory.patch_conversation_attributes(&writer, 1, said()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_conversation_has_so_many_bytes_with_its_attributes_wherever_they_come_from() {
    let desk = desk().await;
    let definitions =
        (40..120).map(|number| of_definition(of_conversations(definition(number)))).collect::<Vec<_>>();
    desk.take_in(definitions).await;
    let url = "u".repeat(10_000);
    let browser =
        Browser { name: "b".to_owned(), version: None, ip_address: None, originating_url: Some(url) };
    let mut talk = held(1, 1);
    talk.details.browser = Some(browser);
    desk.take_in(vec![of_held(talk.clone())]).await;
    let note = async |numbers: std::ops::Range<u64>| {
        let value = Some(text(&"n".repeat(1_000)));
        let changes: Changes = numbers.map(|number| (guid(number), value.clone())).collect();
        let noted = desk.note_of_conversation(changes).await;
        noted.map(|noted| noted.len()).map_err(|error| (error.code, error.text))
    };
    let refused = "a conversation has at most 65536 bytes with its attributes".to_owned();
    assert_eq!(note(40..100).await, Err((ErrorCode::InvalidField, refused)));
    assert_eq!(note(40..92).await, Ok(52));
    // With what is noted, there is no room for more of its kind.
    talk.details.language = Some("l".repeat(1_000));
    talk.details.browser.as_mut().unwrap().version = Some("v".repeat(1_000));
    let mut new = talk.clone();
    new.conversation_id = 2;
    new.attributes = Some((40..100).map(|number| (guid(number), text(&"n".repeat(1_000)))).collect());
    let refused = "refused LimitReached";
    assert_eq!(ingest(&desk.org, vec![of_held(talk.clone()), of_held(new)]).await, [refused, refused]);
    talk.attributes = Some([(guid(40), text("n"))].into());
    desk.take_in(vec![of_held(talk)]).await;
    assert_eq!(note(40..41).await, Ok(1));
}
