//! How fast the store is on this machine, beside what the disk can do.
//!
//! `cargo run --release -p denizen-store --example rates -- [USERS] [PLACE]`
//! loads USERS (200,000) and prints rates and times. PLACE is a folder (a temporary one) for SQLite's files, or the URL of
//! an empty PostgreSQL database, which is left full. The ratios to the disk's own rate mean more than the figures, for
//! they travel from machine to machine.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures for people, far below any limit"
)]
#![allow(clippy::unnecessary_wraps, reason = "every measurement has the same form")]

mod people;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::member::Directory;
use denizen_domain::permission::Filter;
use denizen_domain::permission::model::Rng;
use denizen_domain::time::Timestamp;
use denizen_store::users::{self, SortField, SortKey, UserPage, UserQuery, UserSearch};
use denizen_store::{PostgresOptions, SqliteOptions, Store, StoreError, Tx, roles};

use people::{new_user, role};

type Failure = Box<dyn std::error::Error>;

const NOW: Timestamp = Timestamp(1_760_000_000_000_000);
const CALLERS: usize = 64;
const ORGANIZATIONS: i64 = 20;
const MEASURED: Duration = Duration::from_secs(3);

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let users: usize = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let temporary = tempfile::tempdir()?;
    let place = arguments.next();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;

    let disk = disk_rate(temporary.path())?;
    println!("fdatasync of 4 KiB appended      {disk:>9.0} /s");
    let print = |name: &str, rate: f64| {
        println!("creates, {CALLERS} callers, {name:<26} {rate:>9.0} /s, {:.2} x fdatasync", rate / disk);
    };
    if let Some(url) = place.as_ref().filter(|place| place.starts_with("postgres")) {
        let store = Store::open(PostgresOptions::parse(url)?, NOW)?;
        runtime.block_on(prepare(&store))?;
        let kinds = [
            ("one organization, alone", 1, false),
            ("one organization", 1, true),
            ("many organizations, alone", ORGANIZATIONS, false),
            ("many organizations", ORGANIZATIONS, true),
        ];
        for (name, organizations, together) in kinds {
            print(name, runtime.block_on(create_rate(&store, organizations, together))?);
        }
        runtime.block_on(measure(&store, users))?;
        store.close();
        return Ok(());
    }
    let folder = place.map_or_else(|| temporary.path().to_owned(), Into::into);
    for (name, group) in [("one transaction per create", 1), ("group commit", 512)] {
        let path = folder.join(format!("creates-{group}.sqlite"));
        let store = Store::open(SqliteOptions { group_commit_max: group, ..SqliteOptions::new(path) }, NOW)?;
        runtime.block_on(prepare(&store))?;
        print(name, runtime.block_on(create_rate(&store, ORGANIZATIONS, true))?);
        store.close();
    }
    let store = Store::open(SqliteOptions::new(folder.join("many.sqlite")), NOW)?;
    runtime.block_on(measure(&store, users))?;
    store.close();
    let size = std::fs::metadata(folder.join("many.sqlite"))?.len();
    println!("database {:.0} MB, {} bytes per user", size as f64 / 1e6, size / users as u64);
    Ok(())
}

async fn measure(store: &Store, users: usize) -> Result<(), Failure> {
    let started = Instant::now();
    let ids = load(store, users).await?;
    println!("load of {users} users in {:.1} s", started.elapsed().as_secs_f64());
    point_reads(store, &ids).await?;
    pages(store).await?;
    searches(store).await
}

fn disk_rate(folder: &Path) -> Result<f64, Failure> {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("fdatasync"))?;
    let (started, mut syncs) = (Instant::now(), 0);
    while started.elapsed() < MEASURED {
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / started.elapsed().as_secs_f64())
}

async fn prepare(store: &Store) -> Result<(), StoreError> {
    for org in 1..=ORGANIZATIONS {
        store.write(OrgKey(org), |tx| roles::insert(tx, &role(), NOW).map(drop)).await?;
    }
    Ok(())
}

/// Creates per second, each answered when it is on disk: in transactions that are shared, or by itself after a look at the
/// role, waiting for each answer.
#[allow(clippy::disallowed_methods)] // The tasks are joined below.
async fn create_rate(store: &Store, organizations: i64, together: bool) -> Result<f64, Failure> {
    // Behind all users that are loaded, and different in each call.
    let numbers =
        Arc::new(AtomicU64::new((1 << 40) + ((organizations as u64) << 32) + (u64::from(together) << 31)));
    let started = Instant::now();
    let mut tasks = Vec::new();
    for caller in 0..CALLERS {
        let (store, numbers) = (store.clone(), Arc::clone(&numbers));
        tasks.push(tokio::spawn(async move {
            let mut rng = Rng::new(caller as u64 + 1);
            let mut created = 0;
            while started.elapsed() < MEASURED {
                let user = new_user(numbers.fetch_add(1, Ordering::Relaxed));
                let org = OrgKey(1 + i64::try_from(rng.below(organizations as usize)).unwrap_or(0));
                let is_new = if together {
                    store.write_together(org, move |tx| users::add(tx, &user, NOW)).await
                } else {
                    let add = move |tx: &Tx<'_>| {
                        roles::find_by_name(tx, "Agent")?;
                        Ok::<_, StoreError>(users::insert(tx, &user, NOW)?.is_some())
                    };
                    store.write(org, add).await
                };
                assert!(is_new.expect("a write"), "the address is new");
                created += 1;
            }
            created
        }));
    }
    let mut created = 0;
    for task in tasks {
        created += task.await?;
    }
    Ok(f64::from(created) / started.elapsed().as_secs_f64())
}

/// Half of the users into the first organization, the others spread over the rest.
async fn load(store: &Store, users: usize) -> Result<Vec<UserId>, Failure> {
    prepare(store).await?;
    let mut rng = Rng::new(42);
    let mut ids = Vec::new();
    let mut number = 0;
    while (number as usize) < users {
        let org = if rng.chance(50) { 1 } else { 2 + i64::try_from(rng.below(ORGANIZATIONS as usize - 1))? };
        let mut batch = Vec::new();
        for _ in 0..1_000 {
            number += 1;
            batch.push(new_user(number));
        }
        if org == 1 {
            ids.extend(batch.iter().map(|user| user.user_id));
        }
        let insert =
            move |tx: &Tx<'_>| batch.iter().try_for_each(|user| users::insert(tx, user, NOW).map(drop));
        store.write::<(), StoreError, _>(OrgKey(org), insert).await?;
    }
    Ok(ids)
}

fn query() -> UserQuery {
    UserQuery {
        directory: Directory::Members,
        ids: None,
        email_keys: None,
        is_verified: None,
        visible: Filter::always(),
        sort: Vec::new(),
        after: None,
        limit: 100,
    }
}

#[allow(clippy::disallowed_methods)] // The tasks are joined below.
async fn point_reads(store: &Store, ids: &[UserId]) -> Result<(), Failure> {
    let ids = Arc::new(ids.to_vec());
    for callers in [1, 2, CALLERS as u64] {
        let started = Instant::now();
        let mut tasks = Vec::new();
        for seed in 1..=callers {
            let (store, ids) = (store.clone(), Arc::clone(&ids));
            tasks.push(tokio::spawn(async move {
                let mut rng = Rng::new(seed);
                let mut reads = 0;
                while started.elapsed() < MEASURED {
                    let query = UserQuery { ids: Some(vec![*rng.pick(&ids)]), ..query() };
                    let page = store.read(OrgKey(1), move |conn| users::page(conn, &query)).await?;
                    assert_eq!(page.users.rows.len(), 1);
                    reads += 1;
                }
                Ok::<u32, StoreError>(reads)
            }));
        }
        let mut reads = 0;
        for task in tasks {
            reads += task.await??;
        }
        let rate = f64::from(reads) / started.elapsed().as_secs_f64();
        println!("users by id, {callers} callers            {rate:>9.0} /s");
    }
    Ok(())
}

/// The middle one of many times.
async fn median(run: impl AsyncFn() -> Result<usize, StoreError>) -> Result<(usize, Duration), StoreError> {
    let mut found = run().await?;
    let mut times = Vec::new();
    for _ in 0..15 {
        let started = Instant::now();
        found = run().await?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok((found, times[times.len() / 2]))
}

async fn page(store: &Store, query: &UserQuery) -> Result<UserPage, StoreError> {
    let query = query.clone();
    store.read(OrgKey(1), move |conn| users::page(conn, &query)).await
}

async fn pages(store: &Store) -> Result<(), Failure> {
    let sorts = [None, Some(SortField::LastName), Some(SortField::Messages)];
    for sort in sorts {
        let sort: Vec<SortKey> = sort.into_iter().map(|field| SortKey { field, descending: false }).collect();
        let mut query = UserQuery { sort, ..query() };
        for depth in [0, 500] {
            for _ in 0..depth {
                query.after = page(store, &query).await?.next;
            }
            let (found, time) = median(async || Ok(page(store, &query).await?.users.rows.len())).await?;
            println!(
                "page {depth:>3} of {found} users by {:?}: {time:?}",
                query.sort.first().map(|key| key.field)
            );
        }
    }
    Ok(())
}

async fn searches(store: &Store) -> Result<(), Failure> {
    for org in [1, 2] {
        for needle in [
            "steinova",
            "zzzz",
            "qx",
            "a",
            "an",
            "gmail.com",
            "manova@gmail",
            "m.a",
            "nor",
            "é s",
            "ana9",
            "%",
        ] {
            let search = UserSearch {
                directory: Directory::Members,
                needle: needle.to_owned(),
                ids: None,
                is_verified: None,
                visible: Filter::always(),
                limit: 100,
            };
            let (found, time) = median(async || {
                let search = search.clone();
                Ok(store.read(OrgKey(org), move |conn| users::search(conn, &search)).await?.rows.len())
            })
            .await?;
            println!("search in organization {org} for {needle:<14} {found:>4} found in {time:?}");
        }
    }
    Ok(())
}
