//! How long an organization takes to move from SQLite to PostgreSQL and back, table by table, and how fast rows go over.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::member::{Directory, Preferences};
use denizen_domain::permission::{FrontendView, Grants};
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use denizen_store::memories::{self, Memory};
use denizen_store::relocation::{Batches, Phase, Relocation, Step};
use denizen_store::users::{self, NewUser};
use denizen_store::{PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, Tx, roles};

use crate::data::person;

const NOW: Timestamp = Timestamp(1_760_000_000_000_000);
const ROLE: ObjectId = ObjectId([7; 12]);
/// No organization of other data in the same database has it.
const ORG: OrgKey = OrgKey(200_000_001);
const MEMORIES: usize = 3;
const BATCH: usize = 1_000;

fn new_user(number: usize) -> NewUser {
    let person = person(0, number);
    NewUser {
        directory: Directory::Members,
        user_id: UserId::from_object_id(person.id),
        email: Email::parse(&person.email).expect("an address"),
        first_name: person.first_name,
        last_name: person.last_name,
        role_id: ROLE,
        is_verified: true,
        preferences: Preferences::default(),
        open_variables: [].into(),
        secret_variables: [].into(),
    }
}

fn memory(user: UserId, number: usize) -> Memory {
    let id = |kind: u8| {
        let mut id = [kind; 12];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        ObjectId(id)
    };
    Memory {
        memory_id: id(1),
        user_id: user,
        conversation_id: id(2),
        created_at: NOW,
        references: vec![id(3)],
        content: format!("Prefers to be called in the afternoon, and asked about offer {number} twice."),
        context: "Said so when the delivery was late; wants a receipt by mail.".to_owned(),
    }
}

async fn fill(store: &Store, users: usize) -> anyhow::Result<()> {
    let role = roles::Role {
        role_id: ROLE,
        name: "Member".to_owned(),
        description: String::new(),
        frontend_view: FrontendView::Client,
        grants: Grants::default(),
        is_super: false,
    };
    store.write(ORG, move |tx| roles::insert(tx, &role, NOW)).await?;
    for from in (0..users).step_by(BATCH) {
        let add = move |tx: &Tx<'_>| {
            for number in from..(from + BATCH).min(users) {
                let user = new_user(number);
                users::import(tx, &user, &[], NOW, NOW)?;
                for one in 0..MEMORIES {
                    memories::insert(tx, &memory(user.user_id, number * MEMORIES + one), &[5; 16], NOW)?;
                }
            }
            Ok::<_, StoreError>(())
        };
        store.write(ORG, add).await?;
    }
    Ok(())
}

/// When the last rows of a table were done, by phase and table, in the order in which they were.
type Times = Vec<((Phase, &'static str), u64, Instant)>;

async fn relocate(title: &str, source: &Store, target: &Store) -> anyhow::Result<String> {
    let begun = Instant::now();
    let times: Mutex<Times> = Mutex::default();
    let note = |step: Step| {
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (step.phase, step.table);
        match times.last_mut() {
            Some(last) if last.0 == place => *last = (place, step.rows, Instant::now()),
            _ => times.push((place, step.rows, Instant::now())),
        }
    };
    let relocation =
        Relocation::prepare((source, target), ORG, Arc::new(|_: &Tx<'_>| Ok(())), Batches::default()).await?;
    let moved = relocation.copy(&note).await?;
    let copied = begun.elapsed();
    let differences = relocation.compare(&moved, &note).await?;
    ensure!(differences.is_empty(), "{title}: {differences:?}");
    let all = begun.elapsed();
    let rows: u64 = moved.iter().map(|one| one.sum.rows).sum();
    let mut text = format!(
        "{title}: {rows} rows in {:.1} s, {:.0} rows/s; copied in {:.1} s, compared in {:.1} s\n",
        all.as_secs_f64(),
        rows as f64 / all.as_secs_f64(),
        copied.as_secs_f64(),
        all.saturating_sub(copied).as_secs_f64()
    );
    let mut before = begun;
    for ((phase, table), rows, at) in times.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let seconds = at.duration_since(before).as_secs_f64();
        before = at;
        if rows > 100 {
            writeln!(
                text,
                "  {phase:?} {table}: {rows} rows, {seconds:.2} s, {:.0} rows/s",
                rows as f64 / seconds
            )?;
        }
    }
    Ok(text)
}

async fn run(folder: &Path, users: usize, url: &str) -> anyhow::Result<String> {
    let open = |name: &str| {
        let options = SqliteOptions::new(folder.join(name));
        Store::open(StoreOptions::from(options), NOW)
    };
    let origin = open("from.db")?;
    let begun = Instant::now();
    fill(&origin, users).await?;
    println!("made {users} users with {MEMORIES} memories each in {:.0} s", begun.elapsed().as_secs_f64());
    let options = PostgresOptions::parse(url).map_err(anyhow::Error::msg)?;
    let server = Store::open(StoreOptions::from(options), NOW)?;
    let mut text = relocate("SQLite to PostgreSQL", &origin, &server).await?;
    print!("{text}");
    let back = open("back.db")?;
    let home = relocate("PostgreSQL to SQLite", &server, &back).await?;
    print!("{home}");
    text.push_str(&home);
    Ok(text)
}

pub(crate) fn measure(folder: &Path, users: usize, url: &str) -> anyhow::Result<String> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("a runtime")?;
    let result = runtime.block_on(run(folder, users, url));
    fs::remove_dir_all(folder)?;
    result
}
