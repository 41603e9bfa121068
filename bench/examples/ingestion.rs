//! How fast records are taken in on this machine.
//!
//! `cargo run --release -p bench --example ingestion -- [RECORDS] [PLACE]`
//! takes RECORDS (200,000) in and prints rates. PLACE is a folder (a temporary one) for SQLite's files, or the URL of an
//! empty PostgreSQL database, which is left full. Most records are messages of 200 characters, as they are in exports; the
//! users come first and once last, the conversations one after the other and once in no order.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures for people, far below any limit"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use denizen_directory::ingest::{
    ConversationRecord, Ingestor, MAX_BATCH, MemoryRecord, MessageRecord, Outcome, Record, UserRecord,
};
use denizen_directory::organizations::{FirstAdmin, NewOrganization};
use denizen_directory::{Clock, Directory, DirectorySettings, Entropy, Environment};
use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::patch::Patch;
use denizen_domain::text::{ClusterName, Email, Slug};
use denizen_domain::time::Timestamp;
use denizen_store::{PostgresOptions, SqliteOptions, Store};

const NOW: Timestamp = Timestamp(1_760_000_000_000_000);
/// Messages of a conversation, conversations of a user, conversations of a memory.
const MESSAGES: u64 = 20;
const CONVERSATIONS: u64 = 5;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Numbers in a row, which are as good as random ones for telling things apart.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).to_be_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let records: u64 = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let place = arguments.next();
    let temporary = std::env::temp_dir().join(format!("denizen-ingestion-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let store = match &place {
        Some(url) if url.starts_with("postgres") => {
            Store::open(PostgresOptions::parse(url).map_err(anyhow::Error::msg)?, NOW)?
        }
        folder => {
            let folder = folder.as_ref().map_or(temporary.clone(), Into::into);
            std::fs::create_dir_all(&folder)?;
            Store::open(SqliteOptions::new(folder.join("store.sqlite")), NOW)?
        }
    };
    let environment = Environment { clock: Arc::new(Still), entropy: Arc::new(Counting(AtomicU64::new(1))) };
    runtime.block_on(async {
        let directory = Directory::open(store, environment, DirectorySettings::default()).await?;
        measure(&directory, records).await?;
        directory.close();
        anyhow::Ok(())
    })?;
    if temporary.exists() {
        std::fs::remove_dir_all(temporary)?;
    }
    Ok(())
}

async fn measure(directory: &Directory, records: u64) -> anyhow::Result<()> {
    let (users, rest) = export(records);
    let mut shuffled = rest.clone();
    shuffle(&mut shuffled);
    println!("{} users, {} other records, batches of {MAX_BATCH}", users.len(), rest.len());
    for (number, (name, parts)) in [
        ("in order, users first", [("users", &users), ("the rest", &rest), ("the rest again", &rest)]),
        ("in order, users last", [("the rest", &rest), ("users", &users), ("the rest again", &rest)]),
        ("in no order", [("users", &users), ("the rest", &shuffled), ("the rest again", &shuffled)]),
    ]
    .into_iter()
    .enumerate()
    {
        let slug = Slug::parse(&format!("org{number}")).map_err(anyhow::Error::msg)?;
        let admin = FirstAdmin {
            first_name: "First".to_owned(),
            last_name: "Admin".to_owned(),
            email: Email::parse(&format!("admin@{slug}.example")).map_err(anyhow::Error::msg)?,
        };
        directory
            .create_organization(
                NewOrganization::named(slug.clone(), slug.as_str()),
                admin,
                &ClusterName::MAIN,
            )
            .await?;
        let operator = Ingestor::operator(directory, slug.as_str()).await?;
        println!("{name}");
        for (part, records) in parts {
            let started = Instant::now();
            for batch in records.chunks(MAX_BATCH) {
                for outcome in directory.ingest(&operator, batch.to_vec()).await? {
                    if let Outcome::Refused(error) = outcome.outcome {
                        anyhow::bail!("{part}: {error}");
                    }
                }
            }
            println!("  {part:<16} {:>9.0} /s", records.len() as f64 / started.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

fn id(kind: u8, number: u64) -> ObjectId {
    let mut bytes = [kind; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    ObjectId(bytes)
}

fn export(records: u64) -> (Vec<Record>, Vec<Record>) {
    let of_user = CONVERSATIONS * (MESSAGES + 2);
    let (mut users, mut rest) = (Vec::new(), Vec::new());
    for number in 0..records / of_user {
        let user_id = UserId::from_object_id(id(1, number));
        users.push(user(user_id, number));
        for number in number * CONVERSATIONS..(number + 1) * CONVERSATIONS {
            let conversation_id = id(2, number);
            let time = NOW.plus_seconds(-60 * (number % 100_000) as i64);
            rest.push(Record::Conversation(ConversationRecord {
                conversation_id,
                user_id,
                started_at: time,
                ended_at: Some(time),
                title: Some("How was the week?".to_owned()),
            }));
            for number in number * MESSAGES..(number + 1) * MESSAGES {
                rest.push(Record::Message(MessageRecord {
                    message_id: id(3, number),
                    conversation_id,
                    user_id,
                    created_at: time.plus_seconds((number % MESSAGES) as i64),
                    sender: "user".to_owned(),
                    content: format!("{number:0200}"),
                }));
            }
            rest.push(Record::Memory(MemoryRecord {
                memory_id: id(4, number),
                user_id,
                conversation_id,
                created_at: time,
                references: (0..4).map(|at| id(3, number * MESSAGES + at)).collect(),
                content: format!("{number:0100}"),
                context: "from a conversation".to_owned(),
            }));
        }
    }
    (users, rest)
}

fn user(user_id: UserId, number: u64) -> Record {
    Record::User(Box::new(UserRecord {
        user_id,
        email: Email::parse(&format!("user{number}@example.com")).expect("this is the form of an address"),
        first_name: "Ada".to_owned(),
        last_name: format!("Lovelace {number}"),
        role_name: Some("DefaultUserRole".to_owned()),
        is_verified: Some(true),
        preferences: None,
        open_variables: None,
        secret_variables: None,
        additional_context: None,
        created_at: Some(NOW),
        google_account: Patch::Keep,
    }))
}

fn shuffle(records: &mut [Record]) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for at in (1..records.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        records.swap(at, (state % (at as u64 + 1)) as usize);
    }
}
