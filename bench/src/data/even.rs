//! Many organizations of the same size, with members and nobody else, made by the directory's own rules in this process: a
//! command for each of ten thousand would take longer than what it does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use denizen_directory::ingest::{Ingestor, MAX_BATCH, Outcome, Record, UserRecord};
use denizen_directory::organizations::{FirstAdmin, NewOrganization};
use denizen_directory::{Clock, Directory, DirectorySettings, Entropy, Environment};
use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::patch::Patch;
use denizen_domain::text::{ClusterName, Email, Slug};
use denizen_domain::time::Timestamp;
use tokio::task::{JoinSet, LocalSet};

use super::people::{As, Rng, member_id, person};
use super::{NOW, Organization, open_store};
use crate::place::Place;

/// Organizations that are made at a time.
const AT_ONCE: usize = 32;

/// The system's clock, and random numbers that are the same in each process of the same number.
pub(crate) struct System(Mutex<Rng>);

impl System {
    pub(crate) fn environment() -> Environment {
        let system = Arc::new(Self(Mutex::new(Rng(std::process::id().into()))));
        Environment { clock: Arc::clone(&system) as _, entropy: system }
    }
}

impl Clock for System {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "there is no server that would read it")]
        let now = SystemTime::now();
        Timestamp(now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64))
    }
}

impl Entropy for System {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.fill_with(|| rng.next() as u8);
    }
}

/// Many at a time, which share commits.
pub(super) fn make(place: &Place, users: usize, organizations: usize) -> anyhow::Result<Vec<Organization>> {
    let store = open_store(place)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let directory = Directory::open(store, System::environment(), DirectorySettings::default()).await?;
        let (mut making, mut made) = (JoinSet::new(), Vec::new());
        // PostgreSQL lets transactions that read what others write begin again, and not for ever.
        let at_once = if place.servers.is_some() { 4 } else { AT_ONCE };
        for rank in 0..organizations {
            if making.len() >= at_once
                && let Some(one) = making.join_next().await
            {
                made.push(one??);
            }
            let directory = directory.clone();
            making.spawn_local(async move { make_one(&directory, rank, users / organizations).await });
        }
        while let Some(one) = making.join_next().await {
            made.push(one??);
        }
        directory.close();
        // In the order of their ranks, from which everything about their members is computed.
        made.sort_by(|one, other| one.org_id.cmp(&other.org_id));
        Ok(made)
    })
}

async fn make_one(directory: &Directory, rank: usize, users: usize) -> anyhow::Result<Organization> {
    let slug = Slug::parse(&format!("org-{rank:05}"))?;
    let admin = FirstAdmin {
        first_name: "First".to_owned(),
        last_name: "Administrator".to_owned(),
        email: Email::parse(&format!("admin@{slug}.example"))?,
    };
    let new = NewOrganization::named(slug.clone(), slug.as_str());
    let created = directory.create_organization(new, admin, &ClusterName::MAIN).await?;
    let operator = Ingestor::operator(directory, slug.as_str()).await?;
    let records: Vec<Record> = (0..users).map(|number| user(rank, number)).collect::<anyhow::Result<_>>()?;
    for batch in records.chunks(MAX_BATCH) {
        for outcome in directory.ingest(&operator, batch.to_vec()).await? {
            if let Outcome::Refused(error) = outcome.outcome {
                bail!("a member: {error}");
            }
        }
    }
    Ok(Organization {
        org_id: slug.as_str().to_owned(),
        member_id: created.member_id,
        api_key_id: created.api_key_id.to_string(),
        api_key: created.api_key,
        org_uuid: created.org_uuid.to_string(),
        operator_email: String::new(),
        operator_password: String::new(),
        dixa_token: None,
        users,
    })
}

fn user(organization: usize, number: usize) -> anyhow::Result<Record> {
    let person = person(As::Member, organization, number);
    let id = ObjectId::parse(&member_id(organization, number)).context("an id")?;
    Ok(Record::User(Box::new(UserRecord {
        user_id: UserId::from_object_id(id),
        email: Email::parse(&person.email)?,
        first_name: person.first_name,
        last_name: person.last_name,
        role_name: None,
        is_verified: Some(true),
        preferences: None,
        open_variables: None,
        secret_variables: None,
        additional_context: None,
        created_at: Some(NOW),
        google_account: Patch::Keep,
    })))
}
