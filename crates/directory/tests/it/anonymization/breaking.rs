//! Jobs that have much to do, meet one another, or are broken off.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use denizen_directory::jobs::LeasedJob;

use super::*;

async fn kinds(desk: &Desk) -> Vec<String> {
    let jobs = desk.server.directory().list_jobs("acme", 100).await.unwrap();
    jobs.into_iter().map(|job| job.kind).collect()
}

/// Works at a job until it is done, or until it has waited so often; whether it is done.
async fn work(desk: &Desk, job: &LeasedJob, waits: usize) -> bool {
    let mut work = pin!(desk.server.directory().prepare_job(job));
    let mut left = waits;
    let is_done = poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => {
            done.unwrap();
            Poll::Ready(true)
        }
        Poll::Pending if left == 0 => Poll::Ready(false),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    });
    is_done.await
}

#[tokio::test]
async fn a_job_that_is_broken_off_anywhere_is_done_in_the_end() {
    let desk = Desk::new().await;
    let bob = desk.create(BOB).await;
    desk.take_in(talk(1_000_000, bob, 0..5)).await;
    let (mut broken_off, mut number) = (0, 1);
    for kind in 0..3 {
        for waits in 0.. {
            assert!(waits < 100, "it comes to an end");
            let name = format!("ann{number}");
            let ann = desk.create(&name).await;
            let first = number * 1_000;
            let id = i64::from(first);
            for at in 0..3 {
                let first = first + at * 10;
                desk.take_in(talk(i64::from(first), ann, first..first + 3)).await;
            }
            let target = match kind {
                0 => AnonymizationTarget::Contact(ann),
                1 => AnonymizationTarget::Conversation(id),
                _ => AnonymizationTarget::Message { conversation_id: id, message_id: message_id(first) },
            };
            let asked = desk.ask(target, false).await.unwrap();
            let job = desk.server.lease_jobs().await.remove(0);
            let was_done = work(&desk, &job, waits).await;
            broken_off += usize::from(!was_done);
            // Its worker is no more: another one takes it when the lease has run out.
            desk.server.advance_seconds(31);
            desk.server.run_jobs().await;
            assert!(desk.request(asked.request_id).await.processed_at.is_some(), "{target:?} {waits}");
            assert_eq!(kinds(&desk).await, [""; 0]);
            let messages = desk.messages(first..first + 1_000).await;
            let personal = messages.values().filter(|is_personal| **is_personal).count();
            match target {
                AnonymizationTarget::Contact(_) => {
                    assert_eq!((desk.rows(ann).await, messages.len()), (0, 0), "{waits}");
                    assert!(desk.report(ann).await.is_done());
                    assert_eq!(desk.found(&name).await, []);
                }
                AnonymizationTarget::Conversation(_) => {
                    let conversation = desk.conversation(id).await.conversation;
                    assert!(conversation.anonymized_at.is_some() && conversation.assignment.is_none());
                    assert_eq!((messages.len(), personal), (9, 6), "{waits}");
                }
                AnonymizationTarget::Message { .. } => assert_eq!((messages.len(), personal), (9, 8)),
            }
            number += 1;
            if was_done {
                break;
            }
        }
    }
    assert!(broken_off > 6, "{broken_off} were broken off");
    assert_eq!((desk.rows(bob).await, desk.messages(0..5).await.len()), (1 + 2 + 1 + 5, 5));
    desk.server.assert_consistent().await;
}

#[tokio::test]
async fn requests_that_overlap_are_all_done_in_any_order() {
    let desk = Desk::new().await;
    for (round, order) in (0..).zip([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
        let ann = desk.create(&format!("ann{round}")).await;
        let first = round * 100;
        let id = i64::from(first);
        desk.take_in(talk(id, ann, first..first + 3)).await;
        let targets = [
            AnonymizationTarget::Message { conversation_id: id, message_id: message_id(first) },
            AnonymizationTarget::Conversation(id),
            AnonymizationTarget::Contact(ann),
        ];
        let mut requests = Vec::new();
        for target in targets {
            requests.push(desk.ask(target, false).await.unwrap().request_id);
            desk.server.clock().advance_micros(1);
        }
        // They are taken up as they came.
        let mut jobs = desk.server.lease_jobs().await;
        assert_eq!(jobs.len(), 3);
        assert!(jobs.is_sorted_by_key(LeasedJob::created_at), "{jobs:?}");
        for at in order {
            desk.server.directory().prepare_job(&jobs[at]).await.unwrap();
            let is_done = desk.request(requests[at]).await.processed_at.is_some();
            assert!(is_done, "{order:?}");
        }
        for job in jobs.drain(..) {
            // Once more: it is done already.
            desk.server.directory().prepare_job(&job).await.unwrap();
            desk.server.directory().finish_job(&job).await.unwrap();
        }
        desk.server.run_jobs().await;
        assert_eq!((desk.rows(ann).await, kinds(&desk).await), (0, vec![]), "{order:?}");
    }
    desk.server.assert_consistent().await;
}

#[tokio::test]
async fn two_workers_at_one_request_do_it_once() {
    let desk = Desk::new().await;
    let other = desk.server.another_process().await;
    let ann = desk.create(ANN).await;
    for id in 1..6 {
        desk.take_in(talk(
            id,
            ann,
            u32::try_from(id).unwrap() * 1_000..u32::try_from(id).unwrap() * 1_000 + 50,
        ))
        .await;
    }
    let asked = desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
    let job = desk.server.lease_jobs().await.remove(0);
    let again = {
        desk.server.advance_seconds(31);
        other.lease_jobs().await.remove(0)
    };
    let (one, two) =
        tokio::join!(desk.server.directory().prepare_job(&job), other.directory().prepare_job(&again));
    one.unwrap();
    two.unwrap();
    assert!(desk.request(asked.request_id).await.processed_at.is_some());
    assert_eq!(desk.server.directory().finish_job(&job).await, Ok(false), "it is the other one's");
    assert_eq!(other.directory().finish_job(&again).await, Ok(true));
    desk.server.run_jobs().await;
    assert!(desk.report(ann).await.is_done());
}

#[tokio::test]
async fn much_goes_in_many_steps() {
    let desk = Desk::new().await;
    let ann = desk.create(ANN).await;
    let conversations: Vec<Record> =
        (0..1_100).map(|id| conversation(id, ann, Some(ConversationState::Closed))).collect();
    for records in conversations.chunks(500) {
        desk.take_in(records.to_vec()).await;
    }
    let messages: Vec<Record> = (0..1_300).map(|number| message(number, i64::from(number % 3))).collect();
    for records in messages.chunks(500) {
        desk.take_in(records.to_vec()).await;
    }
    let messages: Vec<Record> = (1_300..2_500).map(|number| message(number, 3)).collect();
    for records in messages.chunks(500) {
        desk.take_in(records.to_vec()).await;
    }
    desk.ask(AnonymizationTarget::Conversation(3), false).await.unwrap();
    assert_eq!(desk.rows(ann).await, 1 + 4 + 1_100 + 1_300 + 1_200);
    desk.server.run_jobs().await;
    assert_eq!(desk.rows(ann).await, 1 + 4 + 1_099 + 1_300);
    desk.ask(AnonymizationTarget::Conversation(0), false).await.unwrap();
    desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
    desk.server.run_jobs().await;
    assert!(desk.messages(0..2_500).await.is_empty());
    assert!(desk.report(ann).await.is_done(), "{:?}", desk.report(ann).await);
    desk.server.assert_consistent().await;
}

#[tokio::test]
async fn an_organization_goes_with_its_contacts_and_what_was_asked_for() {
    let desk = Desk::new().await;
    let key = desk.org.key_in_store().await;
    for number in 0..4 {
        let ann = desk.create(&format!("ann{number}")).await;
        let first = number * 1_000;
        desk.take_in(talk(i64::from(first), ann, first..first + 300)).await;
        desk.ask(AnonymizationTarget::Contact(ann), false).await.unwrap();
        if number < 2 {
            desk.server.run_jobs().await;
        }
    }
    desk.org.admin().await.delete("/organization/").await.expect(204);
    desk.server.run_jobs().await;
    let jobs = desk.server.directory().job_counts().await.unwrap();
    assert!(jobs.is_empty(), "{jobs:?}");
    let left = |conn: &denizen_store::Conn<'_>| {
        let counted = |table: &str| {
            let mut count =
                denizen_store::Statement::new(&format!("SELECT count(*) FROM {table} WHERE org_id = "));
            count.bind(denizen_store::Value::Int(conn.org.0));
            Ok::<_, denizen_store::StoreError>(conn.all_of(&count, |row| row.int(0))?[0])
        };
        let mut left = Vec::new();
        for table in holdings::TABLES.iter().filter(|table| table.is_on(conn.dialect())) {
            if table.columns_on(conn.dialect()).any(|column| column.name == "org_id")
                && counted(table.name)? > 0
            {
                left.push(table.name);
            }
        }
        Ok::<_, denizen_store::StoreError>(left)
    };
    // The gate stays: a key is never given out again, and a process that slept would still write by it.
    assert_eq!(desk.server.store().read(key, left).await.unwrap(), ["organization_gate"]);
    desk.server.assert_consistent().await;
}
