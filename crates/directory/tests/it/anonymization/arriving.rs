//! What arrives before, while and after something is made anonymous.

use denizen_directory::contacts::ContactPatch;
use denizen_directory::ingest::ContactRecord;
use denizen_domain::patch::Patch;

use super::*;

fn contact(id: Uuid, name: &str) -> Record {
    Record::Contact(Box::new(ContactRecord {
        contact_id: Some(UserId::from_uuid(id)),
        display_name: Patch::Set(name.to_owned()),
        ..ContactRecord::default()
    }))
}

fn assert_refused(outcomes: &[Outcome]) {
    for outcome in outcomes {
        let Outcome::Refused(error) = outcome else { panic!("{outcome:?}") };
        assert!(error.text.contains("was anonymized"), "{error:?}");
    }
}

#[tokio::test]
async fn what_comes_before_the_job_goes_with_the_rest_and_what_comes_after_it_is_refused() {
    let desk = Desk::new().await;
    let [ann, bob] = [desk.create(ANN).await, desk.create(BOB).await];
    desk.take_in(talk(1, ann, 10..12)).await;
    desk.take_in(talk(2, bob, 20..22)).await;
    desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
    desk.ask(AnonymizationTarget::Conversation(2), false).await.unwrap();
    // It is open, too.
    let open = conversation(3, ann, Some(ConversationState::Open));
    desk.take_in(vec![contact(ann, "Anna"), open.clone(), message(30, 3), message(12, 1), message(22, 2)])
        .await;
    desk.server.run_jobs().await;
    let emptied: BTreeMap<Uuid, bool> = [20, 21, 22].map(|number| (message_id(number), false)).into();
    assert_eq!(desk.rows(ann).await, 0);
    // Those of the conversation of one who stays are there, and say nothing.
    assert_eq!(desk.messages(0..100).await, emptied);
    assert_eq!(desk.conversation(3).await.conversation.anonymized_at, Some(NOON));

    let late = vec![
        contact(ann, "Ann"),
        open,
        conversation(4, ann, None),
        message(31, 3),
        message(10, 1),
        conversation(2, bob, None),
        message(23, 2),
    ];
    assert_refused(&desk.ingest(late).await);
    let ctx = desk.ctx().await;
    let directory = desk.server.directory();
    let patch = ContactPatch { display_name: Some("Ann".to_owned()), ..ContactPatch::default() };
    let patched = directory.patch_contacts(&ctx, vec![(ann, patch)]).await.unwrap();
    assert!(patched[0].is_err(), "{patched:?}");
    let noted = [(TOPIC, Some(AttributeValue::Text("x".to_owned())))].into();
    let noted = directory.patch_conversation_attributes(&ctx, 2, noted).await;
    assert_eq!(noted.map_err(|error| error.code), Err(ErrorCode::ConversationNotFound));
    assert_eq!((desk.rows(ann).await, desk.messages(0..100).await), (0, emptied));
    // The contact of the conversation is as it was.
    desk.take_in(vec![contact(bob, "Robert"), conversation(5, bob, None)]).await;
}

#[tokio::test]
async fn an_anonymized_message_stays_so_when_it_comes_again() {
    let desk = Desk::new().await;
    let ann = desk.create(ANN).await;
    desk.take_in(talk(1, ann, 10..12)).await;
    let target = AnonymizationTarget::Message { conversation_id: 1, message_id: message_id(10) };
    desk.ask(target, false).await.unwrap();
    desk.server.run_jobs().await;
    assert_refused(&desk.ingest(vec![message(10, 1)]).await);
    assert_eq!(desk.ingest(vec![message(11, 1)]).await, [Outcome::Unchanged]);
    let held: Vec<bool> = desk.messages(10..12).await.into_values().collect();
    assert_eq!(held, [false, true]);
}

#[tokio::test]
async fn a_message_of_an_anonymized_conversation_does_not_come_again_in_another_one() {
    let desk = Desk::new().await;
    let ann = desk.create(ANN).await;
    desk.take_in(talk(1, ann, 10..12)).await;
    desk.ask(AnonymizationTarget::Conversation(1), false).await.unwrap();
    desk.server.run_jobs().await;
    desk.take_in(talk(2, ann, 20..21)).await;
    assert_refused(&desk.ingest(vec![message(10, 2), message(11, 2), message(10, 1)]).await);
    let held: Vec<bool> = desk.messages(0..100).await.into_values().collect();
    assert_eq!(held, [false, false, true]);
    desk.server.assert_consistent().await;
}

#[tokio::test]
async fn a_contact_that_comes_again_by_an_external_id_is_another_one() {
    let desk = Desk::new().await;
    let ann = desk.create(ANN).await;
    desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
    desk.server.run_jobs().await;
    let record = ContactRecord {
        external_id: Patch::Set("crm-ann".to_owned()),
        email: Patch::Set("ann@example.com".to_owned()),
        ..ContactRecord::default()
    };
    desk.take_in(vec![Record::Contact(Box::new(record))]).await;
    assert_eq!(desk.listed(ContactFilter::All).await, 2);
    assert_eq!(desk.get(ann).await.contact.profile, contacts::Profile::default());
}

#[tokio::test]
async fn what_arrives_while_a_contact_is_anonymized_is_refused_or_goes() {
    let desk = Desk::new().await;
    for round in 0..10_u32 {
        let ann = desk.create(&format!("ann{round}")).await;
        let first = round * 1_000;
        desk.take_in(talk(i64::from(first), ann, first..first + 20)).await;
        desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
        let arrive = |first: u32| {
            let mut records = vec![contact(ann, "late")];
            records.extend(talk(i64::from(first), ann, first..first + 10));
            records.extend((first + 10..first + 20).map(|number| message(number, i64::from(round * 1_000))));
            desk.ingest(records)
        };
        let late: Vec<Vec<Outcome>> = {
            let (_, one, two, three) = tokio::join!(
                desk.server.run_jobs(),
                arrive(first + 100),
                arrive(first + 200),
                arrive(first + 300)
            );
            vec![one, two, three]
        };
        assert_eq!(desk.rows(ann).await, 0, "round {round}: {late:?}");
        assert!(desk.messages(first..first + 1_000).await.is_empty(), "round {round}");
        assert!(desk.report(ann).await.is_done(), "round {round}");
    }
    desk.server.assert_consistent().await;
}
