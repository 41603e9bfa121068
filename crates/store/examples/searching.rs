//! What searches cost on SQLite, and what it costs to keep the index: processor time, so that what runs beside matters little.
//!
//! `cargo run --release -p denizen-store --example searching -- [USERS]…` makes an organization of USERS members for each
//! (10,000 and 100,000), as `bench` does: names of two to four of forty syllables. Linux only.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures for people, far below any limit"
)]

mod people;

use std::fs;
use std::path::Path;

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;
use denizen_domain::permission::model::Rng;
use denizen_domain::permission::{Filter, Scalar, Test, TestOp};
use denizen_domain::time::Timestamp;
use denizen_store::users::{self, UserSearch};
use denizen_store::{SqliteOptions, Store, StoreError, roles};

use people::{SYLLABLES, name, new_user, role};

type Failure = Box<dyn std::error::Error>;

const NOW: Timestamp = Timestamp(1_760_000_000_000_000);
const ORG: OrgKey = OrgKey(1);

fn main() -> Result<(), Failure> {
    let sizes: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let sizes = if sizes.is_empty() { vec![10_000, 100_000] } else { sizes };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for users in sizes {
        println!("{users} users");
        runtime.block_on(measure(users))?;
    }
    Ok(())
}

fn nanoseconds(task: &Path) -> u64 {
    let told = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    told.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Processor time of this thread.
fn own() -> u64 {
    nanoseconds(Path::new("/proc/thread-self"))
}

/// Processor time of the writer.
fn writers() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten().map(|entry| entry.path());
    let is_writer = |task: &std::path::PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "denizen-writer")
    };
    tasks.filter(is_writer).map(|task| nanoseconds(&task)).sum()
}

async fn insert(store: &Store, numbers: std::ops::Range<usize>) -> Result<(), Failure> {
    let batch: Vec<_> = numbers.map(|number| new_user(number as u64)).collect();
    let insert = move |tx: &denizen_store::Tx<'_>| {
        batch.iter().try_for_each(|user| users::insert(tx, user, NOW).map(drop))
    };
    Ok(store.write::<(), StoreError, _>(ORG, insert).await?)
}

async fn measure(users: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("denizen.db");
    let store = Store::open(SqliteOptions::new(&path), NOW)?;
    store.write(ORG, |tx| roles::insert(tx, &role(), NOW).map(drop)).await?;
    let began = writers();
    for first in (0..users).step_by(2_000) {
        insert(&store, first..users.min(first + 2_000)).await?;
    }
    let spent = |since: u64, times: usize| (writers() - since) as f64 / 1e3 / times as f64;
    println!("  a user of 2,000 at once            {:>9.1} µs", spent(began, users));
    let began = writers();
    for number in users..users + 5_000 {
        insert(&store, number..number + 1).await?;
    }
    println!("  a user alone, 5,000 times          {:>9.1} µs", spent(began, 5_000));
    changes(&store, users).await?;
    searches(&store, users).await?;
    store.close();
    println!("  the file, a user                   {:>9} bytes", fs::metadata(path)?.len() as usize / users);
    Ok(())
}

async fn changes(store: &Store, users: usize) -> Result<(), Failure> {
    const TIMES: usize = 500;
    let mut rng = Rng::new(3);
    let mut numbers: Vec<usize> = (0..TIMES * 2).map(|_| rng.below(users)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let (renamed, deleted): (Vec<usize>, Vec<usize>) =
        numbers.into_iter().partition(|number| number % 2 == 0);
    for (what, numbers) in [("a rename", renamed), ("a deletion", deleted)] {
        let began = writers();
        let times = numbers.len();
        for number in numbers {
            let (id, name) = (new_user(number as u64).user_id, name(&mut rng));
            let is_rename = what == "a rename";
            let change = move |tx: &denizen_store::Tx<'_>| {
                let Some(mut user) = users::find(tx, Directory::Members, id)? else { return Ok(()) };
                if is_rename {
                    user.last_name.clone_from(&name);
                    users::update(tx, Directory::Members, &user, true, NOW)
                } else {
                    users::delete(tx, Directory::Members, id, false, NOW)
                }
            };
            store.write::<(), StoreError, _>(ORG, change).await?;
        }
        println!("  {what:<34} {:>9.1} µs", (writers() - began) as f64 / 1e3 / times as f64);
    }
    Ok(())
}

/// What is searched for, anew each time.
type Needles = Box<dyn FnMut() -> String>;

/// A condition that has to be looked up for each user, and that nobody fulfils.
fn nobody() -> Filter {
    let test = Test { attribute: "role_name".to_owned(), op: TestOp::Eq(Scalar::Text("None".to_owned())) };
    Filter { allow: vec![vec![test]], deny: Vec::new() }
}

async fn searches(store: &Store, users: usize) -> Result<(), Failure> {
    let mut rng = Rng::new(9);
    let full_name = move || {
        let user = new_user(rng.below(users) as u64);
        format!("{} {}", user.first_name, user.last_name)
    };
    let mut rng = Rng::new(10);
    // Of syllables like all names, but hardly ever anybody's.
    let unlucky = move || format!("{}stein {}vera{}", name(&mut rng), name(&mut rng), name(&mut rng));
    let mut rng = Rng::new(11);
    let syllables = move || format!("{}{}", rng.pick(&SYLLABLES), rng.pick(&SYLLABLES));
    let mut rng = Rng::new(12);
    let number = move || format!("{}@", rng.below(users));
    let same = |text: &'static str| -> Needles { Box::new(move || text.to_owned()) };
    let needles: Vec<(&str, Needles, bool, i64)> = vec![
        ("a full name", Box::new(full_name), false, 1_000),
        ("an unlucky needle", Box::new(unlucky), false, 1_000),
        ("a number, which is rare", Box::new(number), false, 1_000),
        ("two syllables, 1,000 answers", Box::new(syllables), false, 1_000),
        ("absent, 3 letters", same("qqq"), false, 1_000),
        ("absent, 12 letters", same("steinbxqqqqq"), false, 1_000),
        ("1 letter, 1,000 answers", same("a"), false, 1_000),
        ("1 letter, 10 answers", same("a"), false, 10),
        ("1 letter, absent", same("%"), false, 1_000),
        ("2 letters, 1,000 answers", same("an"), false, 1_000),
        ("2 letters, absent", same("qx"), false, 1_000),
        ("a host, 1,000 answers", same("@gmail.com"), false, 1_000),
        ("a host, and nobody admitted", same("@gmail.com"), true, 1_000),
    ];
    for (what, mut needle, refuses, limit) in needles {
        let (mut found, mut times, began) = (0, 0, std::time::Instant::now());
        let mut spent = 0;
        while times < 10 || (times < 300 && began.elapsed().as_millis() < 1_500) {
            let search = UserSearch {
                directory: Directory::Members,
                needle: needle(),
                ids: None,
                is_verified: None,
                visible: if refuses { nobody() } else { Filter::always() },
                limit,
            };
            let before = own();
            found += store.read(ORG, move |conn| users::search(conn, &search)).await?.rows.len();
            spent += own() - before;
            times += 1;
        }
        let (each, found) = (spent as f64 / 1e3 / f64::from(times), found as f64 / f64::from(times));
        println!("  {what:<34} {each:>9.1} µs  {found:>7.1} found");
    }
    Ok(())
}
