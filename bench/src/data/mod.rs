//! The data set: members in organizations of uneven size, contacts and operators in the largest, and what is known of those
//! who have talked; the same on every machine.
//!
//! It comes in by the doors that the product has for it: `denizen org create`, and `denizen ingest`, which is given NDJSON;
//! that is also the measurement of these. Operators alone come through the store's own statements: a file of operators
//! needs a password for each, and 400,000 slow hashes take most of an hour. The file is measured by itself.

mod even;
pub(crate) mod people;
pub(crate) mod records;

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::operator::Access;
use denizen_domain::time::Timestamp;
use denizen_store::operators::{self, Operator};
use denizen_store::{
    PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, Tx, control, newest_schema,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::people::{As, operator_id, person, sizes};
use self::records::Line;

pub(crate) use self::even::System;
use crate::bare::Bare;
use crate::place::Place;
use crate::report::progress;

/// Of so many members, and of so many contacts, one has talked.
const TALKERS: usize = 50;
/// Of so many contacts, one has an attribute.
const ATTRIBUTES: usize = 10;
/// Operators of one transaction.
const BATCH: usize = 2_000;
pub(crate) const NOW: Timestamp = Timestamp(1_760_000_000_000_000);
/// Rises when other data is made of the same numbers.
const FORM: u32 = 1;

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
    /// Members, without the administrator.
    #[serde(default)]
    pub(crate) users: usize,
}

/// Records that came in together, and how long it took.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Loaded {
    pub(crate) what: String,
    pub(crate) records: usize,
    pub(crate) seconds: f64,
}

impl Loaded {
    pub(crate) fn rate(&self) -> f64 {
        self.records as f64 / self.seconds
    }
}

/// What data was made of: with another one it is made anew.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    users: usize,
    organizations: usize,
    shape: Shape,
    form: u32,
    /// The newest migration of the store.
    schema: i64,
}

/// What is kept beside the data.
#[derive(Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    organizations: Vec<Organization>,
    loaded: Vec<Loaded>,
    commit: String,
}

pub(crate) struct Data {
    pub(crate) place: Place,
    /// The largest first.
    pub(crate) organizations: Vec<Organization>,
    pub(crate) loaded: Vec<Loaded>,
    /// Of which commit the program was that took it in.
    pub(crate) commit: String,
}

impl Data {
    pub(crate) fn largest(&self) -> &Organization {
        &self.organizations[0]
    }

    /// Contacts, and operators, of the largest organization.
    pub(crate) fn others(&self) -> usize {
        self.largest().users
    }

    /// Members, contacts and operators.
    pub(crate) fn everybody(&self) -> usize {
        self.organizations.iter().map(|one| one.users).sum::<usize>() + 2 * self.others()
    }

    pub(crate) fn population(&self) -> String {
        let members: usize = self.organizations.iter().map(|one| one.users).sum();
        format!(
            "{members} members in {} organizations, {} of them in the largest, which has as many contacts and as many operators",
            self.organizations.len(),
            self.largest().users
        )
    }
}

/// How members are spread, and who there is beside them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shape {
    /// Two fifths in the largest organization, which has as many contacts and operators; the others fall off as 1/rank.
    Uneven,
    /// As many in each, and nobody else.
    Even,
}

/// Takes the data that was made in `place` before, if it is what is wanted now, or makes it.
pub(crate) fn prepare(
    program: &Path,
    place: Place,
    users: usize,
    organizations: usize,
    shape: Shape,
) -> anyhow::Result<Data> {
    let known_file = place.folder.with_extension("json");
    let stamp = Stamp { users, organizations, shape, form: FORM, schema: newest_schema() };
    let what = format!("{users} members in {organizations} organizations");
    if place.is_kept()
        && let Ok(found) = fs::read(&known_file)
        && let Ok(Known { stamp: found, organizations, loaded, commit }) = serde_json::from_slice(&found)
        && found == stamp
    {
        progress(&format!("data: {what}, made before at commit {commit}"));
        return Ok(Data { place, organizations, loaded, commit });
    }
    progress(&format!("data: making {what} on {}", place.engine()));
    // First: data that was interrupted is not mistaken for whole.
    if known_file.exists() {
        fs::remove_file(&known_file)?;
    }
    place.empty()?;
    let (organizations, loaded) = match shape {
        Shape::Uneven => {
            let mut made = Vec::new();
            for (rank, users) in sizes(users, organizations).into_iter().enumerate() {
                made.push(Organization { users, ..create_organization(program, &place, rank)? });
            }
            let loaded = load(program, &place, &made)?;
            (made, loaded)
        }
        Shape::Even => (even::make(&place, users, organizations)?, Vec::new()),
    };
    if let Some(servers) = &place.servers {
        Bare::open(&servers.bare)?.batch("VACUUM ANALYZE")?;
    }
    let known = Known { stamp, organizations, loaded, commit: crate::machine::commit()? };
    fs::write(&known_file, serde_json::to_vec_pretty(&known)?)?;
    let Known { organizations, loaded, commit, .. } = known;
    Ok(Data { place, organizations, loaded, commit })
}

pub(crate) fn create_organization(
    program: &Path,
    place: &Place,
    rank: usize,
) -> anyhow::Result<Organization> {
    let (slug, name) = (format!("org-{rank:03}"), format!("Organization {rank}"));
    let made = place
        .command(program)
        .args(["org", "create", &slug, "--json", "--verify-new-members", "--name", &name])
        .args(["--admin-email", &format!("admin@{slug}.example")])
        .output()?;
    ensure!(made.status.success(), "denizen org create: {}", String::from_utf8_lossy(&made.stderr));
    Ok(serde_json::from_slice(&made.stdout)?)
}

/// Members of all organizations, contacts of the largest, what is known of some of both, and operators.
fn load(program: &Path, place: &Place, organizations: &[Organization]) -> anyhow::Result<Vec<Loaded>> {
    let largest = organizations[0].users;
    // What is told is one run of the command over the largest; the others are mostly starts of it.
    let mut taken = Vec::new();
    for (rank, one) in organizations.iter().enumerate() {
        taken.push(ingest(program, place, &one.org_id, "members", &mut |write| {
            (0..one.users).try_for_each(|number| write(records::member(rank, number)))
        })?);
    }
    let members = taken.swap_remove(0);
    told(&members);
    let org = &organizations[0].org_id;
    let contacts = ingest(program, place, org, "contacts", &mut |write| {
        write(records::attribute(0))?;
        (0..largest).try_for_each(|number| {
            let has_attribute = number.is_multiple_of(ATTRIBUTES);
            write(if has_attribute { records::contact_with_attribute } else { records::contact }(0, number))
        })
    })?;
    told(&contacts);
    let talks = ingest(program, place, org, "conversations, messages, memories and events", &mut |write| {
        (0..largest.div_ceil(TALKERS)).try_for_each(|number| {
            records::talk_of_member(0, number * TALKERS, number, write)?;
            write(records::event(0, number * TALKERS, number))?;
            records::talk_of_contact(0, number * TALKERS, number, write)
        })
    })?;
    told(&talks);
    let operators = add_operators(place, org, largest)?;
    told(&operators);
    Ok(vec![members, contacts, talks, operators])
}

fn told(loaded: &Loaded) {
    progress(&format!("data: {} {}, {:.0} a second", loaded.records, loaded.what, loaded.rate()));
}

/// `denizen ingest`, which is given the records while it reads.
pub(crate) fn ingest(
    program: &Path,
    place: &Place,
    org: &str,
    what: &str,
    records: &mut dyn FnMut(&mut Line<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Loaded> {
    let started = Instant::now();
    let mut ingest = place
        .command(program)
        .args(["ingest", "--org", org, "-", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut lines = BufWriter::with_capacity(1 << 16, ingest.stdin.take().context("the command's input")?);
    let mut count = 0_usize;
    records(&mut |record: Value| {
        count += 1;
        serde_json::to_writer(&mut lines, &record)?;
        Ok(lines.write_all(b"\n")?)
    })?;
    lines.flush()?;
    drop(lines);
    ensure!(ingest.wait()?.success(), "denizen ingest refused a record; it says above which");
    Ok(Loaded { what: what.to_owned(), records: count, seconds: started.elapsed().as_secs_f64() })
}

/// Opens the store itself, for what no command does at this size.
pub(crate) fn open_store(place: &Place) -> anyhow::Result<Store> {
    let options: StoreOptions = match &place.servers {
        None => SqliteOptions::new(place.folder.join("denizen.db")).into(),
        Some(servers) => PostgresOptions::parse(&servers.store).map_err(anyhow::Error::msg)?.into(),
    };
    Ok(Store::open(options, NOW)?)
}

fn add_operators(place: &Place, slug: &str, count: usize) -> anyhow::Result<Loaded> {
    let started = Instant::now();
    let store = open_store(place)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let slug = slug.to_owned();
        let found = store.read(OrgKey::CONTROL, move |conn| control::find_by_slug(conn, &slug)).await?;
        let org = found.context("an organization that was just made")?.org;
        for first in (0..count).step_by(BATCH) {
            let batch: Vec<_> =
                (first..(first + BATCH).min(count)).map(|number| (operator(number), None)).collect();
            let insert = move |tx: &Tx<'_>| operators::insert(tx, &batch);
            store.write::<(), StoreError, _>(org, insert).await?;
        }
        anyhow::Ok(())
    })?;
    store.close();
    let what = "operators without passwords, by the store's statements".to_owned();
    Ok(Loaded { what, records: count, seconds: started.elapsed().as_secs_f64() })
}

fn operator(number: usize) -> Operator {
    let person = person(As::Operator, 0, number);
    Operator {
        user_id: UserId::from_uuid(operator_id(0, number)),
        email: person.email,
        name: format!("{} {}", person.first_name, person.last_name),
        company: Some(format!("Company {}", number % 7)),
        image: None,
        access: Access::Administrator,
        created_at: NOW.plus_seconds(number as i64),
    }
}
