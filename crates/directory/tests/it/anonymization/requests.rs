//! What can be asked for, by whom, and what becomes of it.

use super::*;

#[tokio::test]
async fn of_an_anonymized_contact_stay_its_id_and_when_it_came() {
    let desk = Desk::new().await;
    let [ann, bob] = [desk.create(ANN).await, desk.create(BOB).await];
    for (number, contact) in [(0, ann), (1, bob)] {
        for conversation in 0..3 {
            let first = number * 1_000 + conversation * 100;
            desk.take_in(talk(i64::from(first), contact, first..first + 5)).await;
        }
    }
    let (before, neighbour) = (desk.get(ann).await, desk.get(bob).await);
    assert_eq!(desk.found(ANN).await, [ann]);
    desk.server.advance_seconds(60);
    let asked = desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
    assert_eq!(asked.requested_by.to_string(), desk.program.token_id);
    assert_eq!((asked.initiated_at, asked.processed_at), (NOON.plus_seconds(60), None));
    assert_eq!(desk.request(asked.request_id).await, asked);
    assert_eq!(desk.get(ann).await, before, "a job does it");

    desk.server.advance_seconds(60);
    desk.server.run_jobs().await;
    let now = NOON.plus_seconds(120);
    let done = AnonymizationRequest { processed_at: Some(now), ..asked };
    assert_eq!(desk.request(done.request_id).await, done);
    let after = desk.get(ann).await;
    assert_eq!(after.contact.profile, contacts::Profile::default());
    assert_eq!(after.contact.created_at, before.contact.created_at);
    assert_eq!(after.contact.anonymized_at, Some(now));
    assert_eq!((after.attributes, after.contact.attributes), (vec![], [].into()));
    for number in 0..3 {
        let view = desk.conversation(number * 100).await;
        let held = (view.conversation.assignment, view.conversation.queue, view.conversation.details);
        assert_eq!(held, (None, None, ConversationDetails::default()));
        assert_eq!((view.attributes, view.conversation.attributes), (vec![], [].into()));
        assert_eq!(view.conversation.anonymized_at, Some(now));
        assert_eq!(view.conversation.state, Some(ConversationState::Closed));
    }
    assert!(desk.messages(0..1_000).await.is_empty());
    assert_eq!(desk.found(ANN).await, []);
    for filter in [
        ContactFilter::Email("ann@example.com".to_owned()),
        ContactFilter::Email("ann@example.org".to_owned()),
        ContactFilter::Phone("+4915112345670".to_owned()),
        ContactFilter::Phone("+4915112345671".to_owned()),
        ContactFilter::ExternalId("crm-ann".to_owned()),
    ] {
        assert_eq!(desk.listed(filter.clone()).await, 0, "{filter:?}");
    }
    assert_eq!(desk.listed(ContactFilter::All).await, 2);

    // The neighbour has everything.
    assert_eq!(desk.get(bob).await, neighbour);
    assert_eq!(desk.messages(1_000..2_000).await.len(), 15);
    assert!(desk.conversation(1_100).await.conversation.anonymized_at.is_none());
    desk.server.assert_consistent().await;
    // The addresses and numbers are free.
    let again = desk.create(ANN).await;
    assert_ne!(again, ann);
    assert_eq!(desk.found(ANN).await, [again]);
    desk.server.assert_consistent().await;
}

#[tokio::test]
async fn a_conversation_goes_with_its_messages_and_a_message_by_itself() {
    let desk = Desk::new().await;
    let ann = desk.create(ANN).await;
    let before = desk.get(ann).await;
    for id in [1, 2] {
        let first = u32::try_from(id).unwrap() * 100;
        desk.take_in(talk(id, ann, first..first + 5)).await;
    }
    let untouched = desk.conversation(2).await;
    desk.ask(AnonymizationTarget::Conversation(1), false).await.unwrap();
    let target = AnonymizationTarget::Message { conversation_id: 2, message_id: message_id(203) };
    desk.ask(target, false).await.unwrap();
    desk.server.run_jobs().await;
    let cleared = desk.conversation(1).await.conversation;
    assert_eq!((cleared.anonymized_at, cleared.assignment), (Some(NOON), None));
    assert_eq!(cleared.details, ConversationDetails::default());
    // The messages are there and say nothing.
    let left: Vec<bool> = desk.messages(100..200).await.into_values().collect();
    assert_eq!(left, [false; 5]);
    let left: Vec<bool> = desk.messages(200..300).await.into_values().collect();
    assert_eq!(left, [true, true, true, false, true]);
    assert_eq!((desk.conversation(2).await, desk.get(ann).await), (untouched, before));
    // The contact's own anonymization takes the rest.
    desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
    desk.server.run_jobs().await;
    assert_eq!((desk.rows(ann).await, desk.messages(0..1_000).await.len()), (0, 0));
    assert!(desk.report(ann).await.is_done());
}

#[tokio::test]
async fn what_was_asked_for_before_is_answered_with_the_same_request() {
    let desk = Desk::new().await;
    let ann = desk.create(ANN).await;
    desk.take_in(talk(1, ann, 10..12)).await;
    let message = AnonymizationTarget::Message { conversation_id: 1, message_id: message_id(10) };
    for target in [message, AnonymizationTarget::Conversation(1), AnonymizationTarget::Contact(ann)] {
        let first = desk.ask(target, false).await.unwrap();
        desk.server.advance_seconds(60);
        // Another program, too, and with force.
        let other = desk.org.access_token(ADMINISTRATOR_ROLE).await.context().await;
        let again = desk.server.directory().request_anonymization(&other, target, true).await.unwrap();
        assert_eq!((again.clone(), again.requested_by), (first.clone(), first.requested_by));
        desk.server.run_jobs().await;
        let done = desk.ask(target, false).await.unwrap();
        assert_eq!(done, AnonymizationRequest { processed_at: done.processed_at, ..first });
        assert!(done.processed_at.is_some());
        let jobs = desk.server.directory().list_jobs("acme", 100).await.unwrap();
        assert!(jobs.is_empty(), "{jobs:?}");
    }
}

#[tokio::test]
async fn a_conversation_that_is_not_closed_is_in_the_way_unless_it_is_to_be_closed() {
    let desk = Desk::new().await;
    let bob = desk.create(BOB).await;
    desk.take_in(talk(99, bob, 0..0)).await;
    for (number, state) in (0..).zip(ConversationState::ALL.iter().copied().map(Some).chain([None])) {
        let is_open = !matches!(state, Some(ConversationState::Closed) | None);
        let ann = desk.create(&format!("ann{number}")).await;
        let own = [number * 10 + 100, number * 10 + 101];
        for (id, state) in own.into_iter().zip([state, Some(ConversationState::Closed)]) {
            let record = conversation(id, ann, state);
            desk.take_in(vec![record]).await;
        }
        for target in [AnonymizationTarget::Conversation(own[0]), AnonymizationTarget::Contact(ann)] {
            if is_open {
                assert_eq!(desk.ask(target, false).await, Err(ErrorCode::ConversationOpen), "{state:?}");
            }
        }
        let before = desk.conversation(own[0]).await.conversation;
        assert_eq!((before.state, before.state_changed_at), (state, None), "a refusal closes nothing");

        desk.server.advance_seconds(60);
        desk.ask(AnonymizationTarget::Contact(ann), true).await.unwrap();
        let closed = desk.conversation(own[0]).await.conversation;
        let expected = if is_open {
            (Some(ConversationState::Closed), Some(desk.server.directory().now()))
        } else {
            (state, None)
        };
        assert_eq!((closed.state, closed.state_changed_at), expected, "closed at once");
        assert!(closed.anonymized_at.is_none());
        let other = desk.conversation(own[1]).await.conversation;
        assert_eq!(other.state_changed_at, None, "it was closed before");
    }
    // One conversation that is closed by force is one.
    let carl = desk.create("carl").await;
    for id in [7, 8] {
        let record = conversation(id, carl, Some(ConversationState::Open));
        desk.take_in(vec![record]).await;
    }
    desk.ask(AnonymizationTarget::Conversation(7), true).await.unwrap();
    let state = async |id| desk.conversation(id).await.conversation.state;
    assert_eq!(state(7).await, Some(ConversationState::Closed));
    assert_eq!(state(8).await, Some(ConversationState::Open));
    desk.server.run_jobs().await;
    assert_eq!(desk.ask(AnonymizationTarget::Contact(carl), false).await, Err(ErrorCode::ConversationOpen));
}

#[tokio::test]
async fn a_message_may_be_in_an_open_conversation_and_what_is_anonymous_is_in_nobodys_way() {
    let desk = Desk::new().await;
    let ann = desk.create(ANN).await;
    let open = conversation(1, ann, Some(ConversationState::Open));
    desk.take_in(vec![open.clone(), message(10, 1)]).await;
    let target = AnonymizationTarget::Message { conversation_id: 1, message_id: message_id(10) };
    desk.ask(target, false).await.unwrap();
    desk.ask(AnonymizationTarget::Conversation(1), true).await.unwrap();
    // The desk says that it goes on, before the job comes.
    desk.take_in(vec![open]).await;
    desk.server.run_jobs().await;
    let left = desk.conversation(1).await.conversation;
    assert_eq!((left.state, left.anonymized_at), (Some(ConversationState::Open), Some(NOON)));
    desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
}

#[tokio::test]
async fn who_may_not_ask_is_told_so_and_what_is_not_there_is_not_found() {
    let desk = Desk::new().await;
    let ann = desk.create(ANN).await;
    desk.take_in(talk(1, ann, 10..11)).await;
    desk.take_in(talk(2, ann, 20..21)).await;
    let message = |conversation_id, number| AnonymizationTarget::Message {
        conversation_id,
        message_id: message_id(number),
    };
    for (target, expected) in [
        (AnonymizationTarget::Contact(Uuid([9; 16])), ErrorCode::ContactNotFound),
        (AnonymizationTarget::Conversation(3), ErrorCode::ConversationNotFound),
        (AnonymizationTarget::Conversation(-1), ErrorCode::ConversationNotFound),
        (message(1, 12), ErrorCode::MessageNotFound),
        (message(1, 20), ErrorCode::MessageNotFound),
        (message(3, 10), ErrorCode::MessageNotFound),
    ] {
        assert_eq!(desk.ask(target, true).await, Err(expected), "{target:?}");
    }
    let directory = desk.server.directory();
    let unknown = directory.anonymization_request(&desk.ctx().await, Uuid([9; 16])).await;
    assert_eq!(unknown.map_err(|error| error.code), Err(ErrorCode::AnonymizationNotFound));

    let known = desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
    let grants = serde_json::json!([
        {"permission_name": "Directory:ReadContact", "conditions": {}},
        {"permission_name": "Directory:WriteContact", "conditions": {}}
    ]);
    let other = desk.org.access_token_with(&grants).await.context().await;
    for target in [AnonymizationTarget::Contact(ann), AnonymizationTarget::Conversation(3)] {
        let asked = directory.request_anonymization(&other, target, false).await;
        assert_eq!(asked.map_err(|error| error.code), Err(ErrorCode::Forbidden));
    }
    let asked = directory.anonymization_request(&other, known.request_id).await;
    assert_eq!(asked.map_err(|error| error.code), Err(ErrorCode::Forbidden));
    // What another organization has is not there.
    let globex = desk.server.org("globex").await.access_token(ADMINISTRATOR_ROLE).await.context().await;
    let asked = directory.request_anonymization(&globex, AnonymizationTarget::Contact(ann), true).await;
    assert_eq!(asked.map_err(|error| error.code), Err(ErrorCode::ContactNotFound));
    let asked = directory.anonymization_request(&globex, known.request_id).await;
    assert_eq!(asked.map_err(|error| error.code), Err(ErrorCode::AnonymizationNotFound));
}

#[tokio::test]
async fn an_operator_sees_how_far_the_anonymization_of_a_contact_is() {
    let desk = Desk::new().await;
    let ann = desk.create(ANN).await;
    desk.take_in(talk(1, ann, 10..13)).await;
    let rows = |report: &ErasureReport| -> BTreeMap<&'static str, i64> {
        report.rows.iter().filter(|row| row.rows > 0).map(|row| (row.table, row.rows)).collect()
    };
    let before = desk.report(ann).await;
    assert_eq!((before.user_id.clone(), before.exists, before.erased_at), (ann.to_string(), true, None));
    assert_eq!(before.anonymized_at, None);
    // Two addresses and two numbers.
    let held =
        [("contact", 1), ("contact_identifier", 4), ("contact_conversation", 1), ("contact_message", 3)];
    assert_eq!(rows(&before), held.into());
    desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
    let waits = desk.report(ann).await;
    assert_eq!((waits.jobs.anonymize, waits.jobs.scrub_store, waits.is_done()), (1, 0, false));
    assert_eq!(rows(&waits), held.into());

    let job = desk.server.lease_jobs().await.remove(0);
    assert_eq!(job.kind(), "contact.anonymize");
    desk.server.directory().prepare_job(&job).await.unwrap();
    desk.server.directory().finish_job(&job).await.unwrap();
    let erased = desk.report(ann).await;
    assert_eq!((erased.exists, erased.erased_at, erased.rows_left()), (false, Some(NOON), 0));
    assert_eq!(erased.anonymized_at, Some(NOON));
    assert_eq!((erased.jobs.anonymize, erased.jobs.scrub_store), (0, 1), "the files are scrubbed next");
    assert!(!erased.is_done());
    desk.server.run_jobs().await;
    assert!(desk.report(ann).await.is_done());
    // The receipt is of a contact, and says nothing of a member with the same bytes.
    let member = Erased::Member(UserId::from_uuid(ann));
    assert_eq!(desk.server.directory().erasure_report("acme", member).await.unwrap().erased_at, None);
}
