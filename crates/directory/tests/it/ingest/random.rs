//! Properties, tried with records from seeds.

use denizen_directory::ingest::Record;
use denizen_domain::patch::Patch;
use denizen_domain::permission::model::Rng;
use denizen_domain::text::Email;
use denizen_store::linked_accounts::{LinkedAccount, Provider};
use denizen_testkit::{TestOrg, TestServer};

use super::records::{
    conversation, external_event, ingest, memory, message, of_user, time, user, user_model,
};
use super::tables::{assert_coherent, tables};

fn account(number: usize) -> LinkedAccount {
    LinkedAccount {
        provider: Provider::Google,
        tenant: number.is_multiple_of(2).then(|| "tenant".to_owned()),
        account_id: format!("account-{number}"),
    }
}

/// A file in which nothing contradicts anything; some of its users never come.
fn consistent_file(rng: &mut Rng) -> Vec<Record> {
    let users = 6;
    let conversations = 12;
    let mut file = Vec::new();
    for number in 0..users - 2 {
        let mut record = user(number);
        if rng.chance(50) {
            record.google_account = Patch::Set(account(usize::try_from(number).unwrap()));
        }
        file.push(of_user(record));
    }
    let holder = |conversation: u64| conversation % users;
    for number in 0..conversations {
        if rng.chance(80) {
            file.push(Record::Conversation(conversation(number, holder(number))));
        }
    }
    for number in 0..60 {
        let within = rng.next_u64() % conversations;
        file.push(Record::Message(message(number, within, holder(within))));
    }
    for number in 0..8 {
        let within = rng.next_u64() % conversations;
        file.push(Record::Memory(memory(number, within, holder(within))));
        file.push(Record::UserModel(user_model(number, rng.next_u64() % users)));
        file.push(Record::ExternalEvent(external_event(number, rng.next_u64() % users)));
    }
    file
}

pub(super) fn shuffle<T>(rng: &mut Rng, items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, rng.below(at + 1));
    }
}

/// Batches of random sizes.
pub(super) fn cut(rng: &mut Rng, mut records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut batches = Vec::new();
    while !records.is_empty() {
        let size = 1 + rng.below(records.len().min(40));
        batches.push(records.drain(..size).collect());
    }
    batches
}

#[tokio::test]
async fn a_file_leaves_the_same_in_whatever_order_and_however_often_it_comes() {
    let server = TestServer::start().await;
    for seed in 1..=4 {
        let mut rng = Rng::new(seed * 7_919);
        let mut file = consistent_file(&mut rng);
        let mut expected = None;
        for turn in 0..4 {
            let org = server.org(&format!("org-{seed}-{turn}")).await;
            for batch in cut(&mut rng, file.clone()) {
                for outcome in ingest(&org, batch).await {
                    assert_eq!(outcome, "created", "seed {seed}");
                }
            }
            assert_coherent(&org).await;
            let first = tables(&org).await;
            shuffle(&mut rng, &mut file);
            for batch in cut(&mut rng, file.clone()) {
                for outcome in ingest(&org, batch).await {
                    assert_eq!(outcome, "unchanged", "seed {seed}");
                }
            }
            assert_eq!(tables(&org).await, first, "seed {seed}");
            assert_eq!(*expected.get_or_insert_with(|| first.clone()), first, "seed {seed}, turn {turn}");
        }
    }
}

/// Any record, of few users, conversations, messages and addresses, so that they often meet.
fn any_record(rng: &mut Rng) -> Record {
    let few = |rng: &mut Rng, most: u64| rng.next_u64() % most;
    let whose = few(rng, 5);
    match rng.below(10) {
        0..=2 => {
            let mut record = user(whose);
            record.email = Email::parse(&format!("address{}@x.example", few(rng, 5))).unwrap();
            (*rng.pick(&["Ada", "Bo", "Čeněk"])).clone_into(&mut record.first_name);
            let roles = ["DefaultUserRole", "DefaultAdministratorRole", "Nobody"];
            record.role_name = rng.chance(80).then(|| (*rng.pick(&roles)).to_owned());
            record.is_verified = [None, Some(false), Some(true)][rng.below(3)];
            if rng.chance(30) {
                record.created_at = None;
            }
            if rng.chance(30) {
                let name = (*rng.pick(&["plan", "pin"])).to_owned();
                record.open_variables = Some([(name, "1".to_owned())].into());
            }
            if rng.chance(20) {
                record.secret_variables = Some([("pin".to_owned(), "2".to_owned())].into());
            }
            record.google_account = match rng.below(4) {
                0 => Patch::Clear,
                1 => Patch::Set(account(rng.below(3))),
                _ => Patch::Keep,
            };
            of_user(record)
        }
        3..=4 => {
            let mut record = conversation(few(rng, 6), whose);
            record.ended_at = rng.chance(30).then(|| time(5));
            Record::Conversation(record)
        }
        5..=7 => {
            let mut record = message(few(rng, 12), few(rng, 6), whose);
            record.created_at = time(few(rng, 4));
            Record::Message(record)
        }
        8 => {
            let mut record = memory(few(rng, 4), few(rng, 4), whose);
            record.references.truncate(rng.below(4));
            Record::Memory(record)
        }
        _ if rng.chance(50) => Record::UserModel(user_model(few(rng, 4), whose)),
        _ => Record::ExternalEvent(external_event(few(rng, 4), whose)),
    }
}

#[tokio::test]
async fn a_batch_does_what_its_records_do_one_after_the_other() {
    let server = TestServer::start().await;
    for seed in 1..=6 {
        let mut rng = Rng::new(seed * 104_729);
        let (batched, single) =
            (server.org(&format!("batched-{seed}")).await, server.org(&format!("single-{seed}")).await);
        for step in 0..12 {
            let records: Vec<Record> = (0..=rng.below(30)).map(|_| any_record(&mut rng)).collect();
            let mut one_by_one = Vec::new();
            for record in &records {
                one_by_one.extend(ingest(&single, vec![record.clone()]).await);
            }
            let at_once = ingest(&batched, records.clone()).await;
            assert_eq!(at_once, one_by_one, "seed {seed}, step {step}: {records:#?}");
            assert_eq!(tables(&batched).await, tables(&single).await, "seed {seed}, step {step}");
        }
        assert_coherent(&batched).await;
        assert_coherent(&single).await;
    }
}

#[tokio::test]
async fn batches_at_the_same_time_leave_what_is_coherent() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let here = server.org("acme").await;
    let mut there: TestOrg = here.clone();
    there.server = other;
    let mut rng = Rng::new(15_485_863);
    for _ in 0..15 {
        let mut batch = || (0..20).map(|_| any_record(&mut rng)).collect::<Vec<Record>>();
        let (first, second, third) = (batch(), batch(), batch());
        tokio::join!(ingest(&here, first), ingest(&there, second), ingest(&here, third));
        assert_coherent(&here).await;
    }
}
