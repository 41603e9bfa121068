//! The data: users in 100 organizations of uneven size, the same on every machine, made through the store's own door.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::member::{Directory, Preferences};
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use denizen_store::users::{self, NewUser};
use denizen_store::{SqliteOptions, Store, StoreError, Tx, control, roles};
use serde::{Deserialize, Serialize};

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
    pub(crate) users: usize,
}

pub(crate) struct Data {
    /// The data folder of the server.
    pub(crate) folder: PathBuf,
    /// The largest first.
    pub(crate) organizations: Vec<Organization>,
}

/// Numbers that look random and are the same everywhere (SplitMix64).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    fn next(&mut self) -> u64 {
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
    email: String,
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

/// Takes the data that lies in `folder`, or makes it.
pub(crate) fn prepare(program: &Path, folder: &Path, users: usize) -> anyhow::Result<Data> {
    let (server, known) = (folder.join("data"), folder.join("organizations.json"));
    if let Ok(found) = fs::read(&known) {
        let organizations: Vec<Organization> = serde_json::from_slice(&found)?;
        if organizations.iter().map(|one| one.users).sum::<usize>() == users {
            return Ok(Data { folder: server, organizations });
        }
    }
    println!("making {users} users in {}", folder.display());
    if server.exists() {
        fs::remove_dir_all(&server)?;
    }
    fs::create_dir_all(folder)?;
    let mut organizations = Vec::new();
    for (rank, users) in sizes(users).into_iter().enumerate() {
        organizations.push(Organization { users, ..create_organization(program, &server, rank)? });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let started = Instant::now();
    runtime.block_on(fill(&server.join("denizen.db"), &organizations))?;
    println!("made in {:.0} s", started.elapsed().as_secs_f64());
    // Last: data that was interrupted is not mistaken for whole.
    fs::write(&known, serde_json::to_vec_pretty(&organizations)?)?;
    Ok(Data { folder: server, organizations })
}

fn create_organization(program: &Path, data: &Path, rank: usize) -> anyhow::Result<Organization> {
    let made = Command::new(program)
        .args(["org", "create", &format!("org-{rank:03}"), "--json", "--verify-new-members"])
        .args([
            "--name",
            &format!("Organization {rank}"),
            "--admin-email",
            &format!("admin@org-{rank:03}.example"),
        ])
        .arg("--data")
        .arg(data)
        .output()?;
    ensure!(made.status.success(), "denizen org create: {}", String::from_utf8_lossy(&made.stderr));
    Ok(serde_json::from_slice(&made.stdout)?)
}

async fn fill(file: &Path, organizations: &[Organization]) -> anyhow::Result<()> {
    let store = Store::open(SqliteOptions { checkpoint_pages: 20_000, ..SqliteOptions::new(file) }, NOW)?;
    for (rank, organization) in organizations.iter().enumerate() {
        let slug = organization.org_id.clone();
        let found = store.read(OrgKey::CONTROL, move |conn| control::find_by_slug(conn, &slug)).await?;
        let org = found.context("an organization that was just made")?.org;
        let role = store.read(org, |conn| roles::find_by_name(conn, "DefaultUserRole")).await?;
        let role = role.context("a default role")?.role_id;
        for first in (0..organization.users).step_by(BATCH) {
            let numbers = first..(first + BATCH).min(organization.users);
            let batch =
                numbers.map(|number| new_user(rank, number, role)).collect::<anyhow::Result<Vec<_>>>()?;
            let insert =
                move |tx: &Tx<'_>| batch.iter().try_for_each(|user| users::insert(tx, user, NOW).map(drop));
            store.write::<(), StoreError, _>(org, insert).await?;
        }
    }
    store.close();
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
