//! The data: users in 100 organizations of uneven size, the same on every machine, made through the store's own door.
//!
//! On SQLite they are a file in the data folder, on PostgreSQL the contents of the database that was named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, anyhow, ensure};
use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::member::{Directory, Preferences};
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use denizen_store::users::{self, NewUser};
use denizen_store::{PostgresOptions, SqliteOptions, Store, StoreError, Tx, control, roles};
use serde::{Deserialize, Serialize};

use crate::bare::{Bare, Servers};

pub(crate) const ORGANIZATIONS: usize = 100;
/// Users of one bulk transaction.
const BATCH: usize = 2_000;
const NOW: Timestamp = Timestamp(1_760_000_000_000_000);

/// An organization and the credentials of its administrator, as `denizen org create --json` prints them.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Organization {
    pub(crate) org_id: String,
    pub(crate) member_id: String,
    pub(crate) api_key_id: String,
    pub(crate) api_key: String,
    #[serde(default)]
    pub(crate) org_uuid: String,
    #[serde(default)]
    pub(crate) operator_email: String,
    #[serde(default)]
    pub(crate) operator_password: String,
    #[serde(default)]
    pub(crate) dixa_token: Option<String>,
    #[serde(default)]
    pub(crate) users: usize,
    /// The first and the last place in the order of creation that its users have: where pages can begin.
    #[serde(default)]
    pub(crate) positions: (usize, usize),
}

pub(crate) struct Data {
    /// The data folder of the server.
    pub(crate) folder: PathBuf,
    /// The largest first.
    pub(crate) organizations: Vec<Organization>,
    /// The URL of the database, unless it is SQLite's.
    pub(crate) store: Option<String>,
}

impl Data {
    /// Where the server finds the data, besides the data folder. A variable, because arguments are for all to see.
    pub(crate) fn variables(&self) -> Vec<(&'static str, &str)> {
        self.store.iter().map(|url| ("DENIZEN_STORE", url.as_str())).collect()
    }
}

/// Numbers that look random and are the same everywhere (SplitMix64).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A person is computed from organization and number, so that whoever drives load knows ids and names without reading.
pub(crate) struct Person {
    pub(crate) id: ObjectId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
}

pub(crate) fn person(organization: usize, number: usize) -> Person {
    const HOSTS: [&str; 4] = ["gmail.com", "example.org", "mail.example.com", "denizen.dev"];
    let mut rng = Rng(((organization as u64) << 32) | number as u64);
    // The form of a real id: seconds, then random bytes, so that ids rise with creation as new ones do.
    let mut id = [0; 12];
    id[..4].copy_from_slice(&(0x6800_0000 + number as u32).to_be_bytes());
    id[4..].copy_from_slice(&rng.next().to_be_bytes());
    let (first_name, last_name) = (name(&mut rng), name(&mut rng));
    let host = *rng.pick(&HOSTS);
    let email = format!("{first_name}.{last_name}{number}@{host}").replace('é', "e");
    Person { id: ObjectId(id), first_name, last_name, email }
}

/// A plausible name of two to four syllables.
fn name(rng: &mut Rng) -> String {
    const SYLLABLES: [&str; 40] = [
        "an", "be", "ca", "do", "el", "fra", "gi", "hel", "is", "jo", "ka", "lu", "ma", "nor", "ol", "pe",
        "qui", "ro", "sa", "ti", "ul", "vi", "wil", "xa", "ya", "zo", "ber", "den", "gar", "ling", "mann",
        "ner", "ova", "ski", "son", "stein", "ton", "vera", "win", "é",
    ];
    (0..2 + rng.below(3)).map(|_| *rng.pick(&SYLLABLES)).collect()
}

/// Two fifths of all users in the largest organization, the others falling off as 1/rank.
fn sizes(users: usize) -> Vec<usize> {
    let largest = users * 2 / 5;
    let weight = |rank: usize| 1.0 / rank as f64;
    let total: f64 = (1..ORGANIZATIONS).map(weight).sum();
    let mut sizes = vec![largest];
    sizes.extend((1..ORGANIZATIONS).map(|rank| ((users - largest) as f64 * weight(rank) / total) as usize));
    // What rounding left over.
    sizes[1] += users - sizes.iter().sum::<usize>();
    sizes
}

/// Takes the data that lies in `folder` or in the database of `servers`, or makes it.
pub(crate) fn prepare(
    program: &Path,
    folder: &Path,
    users: usize,
    servers: Option<&Servers>,
) -> anyhow::Result<Data> {
    let (server, known) = (folder.join("data"), folder.join("organizations.json"));
    let store = servers.map(|servers| servers.store.clone());
    if let Ok(found) = fs::read(&known) {
        let organizations: Vec<Organization> = serde_json::from_slice(&found)?;
        if organizations.iter().map(|one| one.users).sum::<usize>() == users {
            return Ok(Data { folder: server, organizations, store });
        }
    }
    println!("making {users} users, known in {}", folder.display());
    if server.exists() {
        fs::remove_dir_all(&server)?;
    }
    fs::create_dir_all(&server)?;
    let mut data = Data { folder: server, organizations: Vec::new(), store };
    for (rank, users) in sizes(users).into_iter().enumerate() {
        let organization = create_organization(program, &data.folder, data.variables(), rank)?;
        data.organizations.push(Organization { users, positions: (0, users), ..organization });
    }
    let started = Instant::now();
    match servers {
        None => {
            let file = data.folder.join("denizen.db");
            let options = SqliteOptions { checkpoint_pages: 20_000, ..SqliteOptions::new(file) };
            fill(&Store::open(options, NOW)?, &data.organizations)?;
        }
        Some(servers) => {
            let options = PostgresOptions::parse(&servers.store).map_err(anyhow::Error::msg)?;
            let store = Store::open(options, NOW)?;
            let bare = Bare::open(&servers.bare)?;
            // An index of lists is made in a fraction of the time that it takes to grow.
            bare.batch("DROP INDEX IF EXISTS user_by_window")?;
            fill(&store, &data.organizations)?;
            bare.batch(
                "SET maintenance_work_mem = '512MB';
                 CREATE INDEX user_by_window ON user_search USING gin (windows);
                 VACUUM ANALYZE",
            )?;
            for organization in &mut data.organizations {
                organization.positions = bare.positions(&organization.org_id)?;
            }
        }
    }
    println!("made in {:.0} s", started.elapsed().as_secs_f64());
    // Last: data that was interrupted is not mistaken for whole.
    fs::write(&known, serde_json::to_vec_pretty(&data.organizations)?)?;
    Ok(data)
}

pub(crate) fn create_organization(
    program: &Path,
    folder: &Path,
    variables: Vec<(&str, &str)>,
    rank: usize,
) -> anyhow::Result<Organization> {
    let made = Command::new(program)
        .args(["org", "create", &format!("org-{rank:03}"), "--json", "--verify-new-members"])
        .args([
            "--name",
            &format!("Organization {rank}"),
            "--admin-email",
            &format!("admin@org-{rank:03}.example"),
        ])
        .arg("--data")
        .arg(folder)
        .envs(variables)
        .output()?;
    ensure!(made.status.success(), "denizen org create: {}", String::from_utf8_lossy(&made.stderr));
    Ok(serde_json::from_slice(&made.stdout)?)
}

/// Two organizations at a time, which an engine with one writer takes one after the other.
fn fill(store: &Store, organizations: &[Organization]) -> anyhow::Result<()> {
    let waiting = Mutex::new(organizations.iter().enumerate());
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((rank, organization)) = next else { return anyhow::Ok(()) };
            runtime.block_on(fill_one(store, rank, organization))?;
        }
    };
    std::thread::scope(|scope| {
        let filling = [scope.spawn(work), scope.spawn(work)];
        filling
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread that fills panicked"))?)
    })?;
    store.close();
    Ok(())
}

async fn fill_one(store: &Store, rank: usize, organization: &Organization) -> anyhow::Result<()> {
    let slug = organization.org_id.clone();
    let found = store.read(OrgKey::CONTROL, move |conn| control::find_by_slug(conn, &slug)).await?;
    let org = found.context("an organization that was just made")?.org;
    let role = store.read(org, |conn| roles::find_by_name(conn, "DefaultUserRole")).await?;
    let role = role.context("a default role")?.role_id;
    for first in (0..organization.users).step_by(BATCH) {
        let numbers = first..(first + BATCH).min(organization.users);
        let batch = numbers.map(|number| new_user(rank, number, role)).collect::<anyhow::Result<Vec<_>>>()?;
        let insert =
            move |tx: &Tx<'_>| batch.iter().try_for_each(|user| users::insert(tx, user, NOW).map(drop));
        store.write::<(), StoreError, _>(org, insert).await?;
    }
    Ok(())
}

fn new_user(organization: usize, number: usize, role_id: ObjectId) -> anyhow::Result<NewUser> {
    let person = person(organization, number);
    Ok(NewUser {
        directory: Directory::Members,
        user_id: UserId::from_object_id(person.id),
        email: Email::parse(&person.email)?,
        first_name: person.first_name,
        last_name: person.last_name,
        role_id,
        is_verified: !number.is_multiple_of(5),
        preferences: Preferences::default(),
        open_variables: [("plan".to_owned(), "gold".to_owned())].into(),
        secret_variables: [].into(),
    })
}
