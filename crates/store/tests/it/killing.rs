//! `kill -9` in the middle of writing: what was acknowledged is there, and nothing is half there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use denizen_domain::member::Directory;
use denizen_domain::permission::model::Rng;
use denizen_store::{PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, users};

use crate::engine::TestDatabase;
use crate::support::{NOW, ORG, Outside, add_role, all, find, plain_user, user_id};

const ROUNDS: u64 = 25;
/// More rounds are made, up to so many, until there was something to lose.
const MOST_ROUNDS: u64 = 200;
const PLACE: &str = "DENIZEN_TEST_KILL_PLACE";
const FIRST: &str = "DENIZEN_TEST_KILL_FIRST";

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    // The process that is killed is this test again, told so by the environment: a test of its own for the child could
    // only be ignored, and would count as skipped.
    if let Ok(place) = std::env::var(PLACE) {
        write_until_killed(&place);
    }
    let database = TestDatabase::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = database.open(NOW);
    runtime.block_on(add_role(&store, ORG));
    store.close();
    let place = database.url.clone().unwrap_or_else(|| database.file().to_str().unwrap().to_owned());
    let mut rng = Rng::new(u64::from(std::process::id()));
    let (mut added, mut removed) = (BTreeSet::new(), BTreeSet::new());
    let enough = |added: &BTreeSet<u64>, removed: &BTreeSet<u64>| added.len() > 500 && removed.len() > 50;
    for round in 0..MOST_ROUNDS {
        if round >= ROUNDS && enough(&added, &removed) {
            break;
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "killing::nothing_acknowledged_is_lost_when_the_process_is_killed",
                "--exact",
                "--nocapture",
            ])
            .env(PLACE, &place)
            .env(FIRST, (round << 32).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed at any moment: while it opens the file, early, in full flow, in a checkpoint.
        let killed_after = 1 + rng.below(if database.url.is_some() { 500 } else { 150 }) as u64;
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(killed_after));
            child.kill().unwrap();
            child.wait().unwrap()
        });
        for line in lines.by_ref().map_while(Result::ok) {
            // A line that was cut off by the end has no full stop.
            let word = line.strip_suffix('.').and_then(|line| line.split_once(' '));
            match word {
                Some(("added", number)) => assert!(added.insert(number.parse::<u64>().unwrap())),
                Some(("removed", number)) => assert!(removed.insert(number.parse::<u64>().unwrap())),
                _ => {}
            }
        }
        assert!(!killer.join().unwrap().success());

        let store = database.open(NOW);
        for number in &added {
            let there = runtime.block_on(find(&store, ORG, user_id(*number))).is_some();
            // A removal may have been committed without its caller having heard of it.
            assert!(there || number % 4 == 0, "round {round}: user {number} was acknowledged and is lost");
            assert!(!there || !removed.contains(number), "round {round}: user {number} has come back");
        }
        // Each write adds two users, and none is half there.
        let halves = runtime.block_on(async {
            let alone = "SELECT count(*) FROM users AS one WHERE email LIKE 'ada%' AND NOT EXISTS
                (SELECT 1 FROM users AS two WHERE two.email = 'twin-' || one.email)";
            Outside::of(&database).await.int(alone).await
        });
        assert_eq!(halves, 0, "round {round}");
        assert_eq!(runtime.block_on(store.check()).unwrap(), Vec::<String>::new(), "round {round}");
        store.close();
    }
    assert!(enough(&added, &removed), "too little was written: {} {}", added.len(), removed.len());
}

/// What is killed: adds pairs of users and removes some, and says so when it is acknowledged.
fn write_until_killed(place: &str) -> ! {
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let options: StoreOptions = match PostgresOptions::parse(place) {
        Ok(options) => options.into(),
        // A small limit, so that checkpoints are hit as well.
        Err(_) => SqliteOptions { checkpoint_pages: 200, ..SqliteOptions::new(place) }.into(),
    };
    let store = Store::open(options, NOW).unwrap();
    let numbers = Arc::new(AtomicU64::new(first));
    let caller = || {
        let (store, numbers) = (store.clone(), Arc::clone(&numbers));
        async move {
            loop {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let pair = move |tx: &denizen_store::Tx<'_>| {
                    let one = plain_user(number);
                    let twin =
                        denizen_domain::text::Email::parse(&format!("twin-{}", one.email.as_str())).unwrap();
                    let two = users::NewUser {
                        user_id: user_id(number | 1 << 63),
                        email: twin,
                        ..plain_user(number)
                    };
                    users::insert(tx, &one, NOW)?;
                    users::insert(tx, &two, NOW).map(drop)
                };
                store.write::<_, StoreError, _>(ORG, pair).await.unwrap();
                say("added", number);
                if number.is_multiple_of(4) {
                    let remove = move |tx: &denizen_store::Tx<'_>| {
                        for id in [user_id(number), user_id(number | 1 << 63)] {
                            let user = users::find(tx, Directory::Members, id)?.expect("it was added");
                            users::delete(tx, Directory::Members, user.user_id, false, NOW)?;
                        }
                        Ok::<_, StoreError>(())
                    };
                    store.write(ORG, remove).await.unwrap();
                    say("removed", number);
                }
            }
        }
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _: Vec<()> = runtime.block_on(all((0..8).map(|_| caller()).collect()));
    unreachable!("no caller ends")
}

fn say(what: &str, number: u64) {
    // One write, so that a line is whole or not there.
    std::io::stdout().lock().write_all(format!("{what} {number}.\n").as_bytes()).unwrap();
}
