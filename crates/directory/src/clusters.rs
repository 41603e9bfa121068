//! Clusters, for whoever runs the installation: which there are, what they hold, adding and removing one.
//!
//! A database says itself which cluster of which installation it is. It is told so before the control store is told of it:
//! what dies in between leaves a database that says whose it is and is taken up by the same command.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use denizen_domain::ids::OrgKey;
use denizen_domain::text::{ClusterName, Slug};
use denizen_domain::time::Timestamp;
use denizen_store::clusters::registry::{self, Belonging, Cluster, Move};
use denizen_store::jobs as stored;
use denizen_store::{Conn, Mark, Opening, Store, StoreError, Tx, control};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::handle::Directory;
use crate::jobs::{SCRUB_STORE, Work};

/// Jobs that are looked through for those that concern a cluster.
const MOST_JOBS: i64 = 1_000_000;

/// Who may place new organizations on a cluster, besides the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    Everyone,
    /// The callers of these organizations.
    Only(Vec<String>),
}

/// A cluster that is to be added.
#[derive(Debug, Clone)]
pub struct NewCluster {
    pub name: ClusterName,
    /// Without a password, and not relative to anything.
    pub url: String,
    pub replica_url: Option<String>,
    pub allowed: Allowed,
}

/// What of a cluster is to change; `None` keeps.
#[derive(Debug, Clone, Default)]
pub struct ClusterChanges {
    pub url: Option<String>,
    /// Outer `None` keeps, inner `None` removes.
    pub replica_url: Option<Option<String>>,
    pub allowed: Option<Allowed>,
}

/// A cluster in a list.
#[derive(Debug, Clone)]
pub struct ClusterSummary {
    pub name: ClusterName,
    /// `None` for `main`, which is where the configuration says.
    pub url: Option<String>,
    pub replica_url: Option<String>,
    /// The organizations whose callers may place others there, by slug; `None` for everybody's.
    pub placed_by: Option<Vec<Slug>>,
    /// How many organizations live there.
    pub organizations: i64,
    /// Why it cannot be used, if it cannot.
    pub unreachable: Option<String>,
    /// What whoever runs it should know though it works.
    pub warnings: Vec<&'static str>,
    /// The moves from it and to it that are under way.
    pub moves: Vec<MoveSummary>,
}

/// A move that is under way.
#[derive(Debug, Clone, Serialize)]
pub struct MoveSummary {
    pub org_id: Slug,
    pub source: ClusterName,
    pub target: ClusterName,
    pub begun_at: Timestamp,
}

/// Why a cluster is not added, changed or removed.
#[derive(Debug)]
pub enum ClusterError {
    /// The name is that of the database in which the control store lies.
    IsMain,
    NameTaken,
    Unknown,
    /// An organization that is to be allowed to place others does not exist.
    NoOrganization(String),
    /// The database is not the one that was meant, and in which way.
    WrongDatabase(String),
    /// The database cannot be opened.
    Database(StoreError),
    /// Something still needs the cluster.
    Needed(String),
    Other(Error),
}

impl From<Error> for ClusterError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<StoreError> for ClusterError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IsMain => f.write_str("main is the database that --store names"),
            Self::NameTaken => f.write_str("there is a cluster of this name"),
            Self::Unknown => f.write_str("there is no such cluster"),
            Self::NoOrganization(slug) => write!(f, "there is no organization {slug}"),
            Self::WrongDatabase(reason) | Self::Needed(reason) => f.write_str(reason),
            Self::Database(error) => error.fmt(f),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ClusterError {}

/// Whether an error of one cluster is to keep what is done with all of them from going on without it.
pub(crate) fn is_gone(error: &StoreError) -> bool {
    !matches!(error, StoreError::Closed)
}

impl Directory {
    /// The clusters, `main` first, each asked whether it answers; or only one of them, if there is one of the name.
    pub async fn list_clusters(&self, only: Option<&ClusterName>) -> Result<Vec<ClusterSummary>> {
        let mut registered = self.stores().registered().await?;
        registered.retain(|cluster| only.is_none_or(|only| *only == cluster.name));
        let mut registered: BTreeMap<_, _> =
            registered.into_iter().map(|cluster| (cluster.name.clone(), cluster)).collect();
        let (organizations, moves) = self
            .query(OrgKey::CONTROL, |conn| Ok((control::list_organizations(conn)?, registry::moves(conn)?)))
            .await?;
        let slugs: HashMap<OrgKey, Slug> =
            organizations.iter().map(|mapped| (mapped.org, mapped.slug.clone())).collect();
        let mut clusters = Vec::new();
        for (name, store) in self.stores().all_of(registered.values().cloned().collect()).await {
            if only.is_some_and(|only| *only != name) {
                continue;
            }
            let answer = match &store {
                Ok(store) => store.ping().await,
                Err(error) => Err(error.clone()),
            };
            let known = registered.remove(&name);
            let placed_by = match &known {
                None => Some(Vec::new()),
                Some(cluster) => cluster.placed_by.as_ref().map(|orgs| named(orgs, &slugs)),
            };
            let lives = organizations.iter().filter(|mapped| mapped.cluster == name).count();
            clusters.push(ClusterSummary {
                url: known.as_ref().map(|cluster| cluster.url.clone()),
                replica_url: known.and_then(|cluster| cluster.replica_url),
                placed_by,
                organizations: i64::try_from(lives).unwrap_or(i64::MAX),
                unreachable: answer.err().map(|error| error.to_string()),
                warnings: store.map(|store| store.warnings()).unwrap_or_default(),
                moves: moves.iter().filter_map(|one| summarize(one, &name, &slugs)).collect(),
                name,
            });
        }
        Ok(clusters)
    }

    /// Adds a cluster: its database is opened, which makes its tables, says from then on that it is this cluster, and is
    /// registered. Who is cut off may do the same again.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn add_cluster(&self, new: NewCluster) -> Result<(), ClusterError> {
        if new.name.is_main() {
            return Err(ClusterError::IsMain);
        }
        if self.find_cluster(&new.name).await?.is_some() {
            return Err(ClusterError::NameTaken);
        }
        let placed_by = self.allowed(new.allowed).await?;
        let cluster = Cluster {
            name: new.name,
            url: new.url,
            replica_url: new.replica_url,
            placed_by,
            created_at: self.now(),
        };
        let store = self.stores().open_as(&cluster, Opening::New).await.map_err(ClusterError::Database)?;
        let added = self.add_opened(&cluster, &store).await;
        store.close();
        added
    }

    async fn add_opened(&self, cluster: &Cluster, store: &Store) -> Result<(), ClusterError> {
        let wanted =
            Belonging { installation: self.stores().installation().await?, cluster: cluster.name.clone() };
        let known = self.stores().registered().await?.into_iter().map(|cluster| cluster.name).collect();
        take(store, wanted.clone(), known).await?;
        let row = cluster.clone();
        let inserted = self.write_main(OrgKey::CONTROL, move |tx| Ok(registry::insert(tx, &row)?)).await?;
        if inserted {
            return Ok(());
        }
        // Somebody has added another database under this name meanwhile.
        let theirs = self.find_cluster(&cluster.name).await?;
        if theirs.is_some_and(|theirs| theirs.url != cluster.url) {
            store.write_barred(OrgKey::CONTROL, move |tx| registry::leave(tx, &wanted)).await?;
        }
        Err(ClusterError::NameTaken)
    }

    /// Changes where a cluster is, or who may place organizations there. Running servers follow within seconds.
    ///
    /// # Errors
    /// [`ClusterError`]; [`ClusterError::WrongDatabase`] where the new URL leads to a database that is not the cluster.
    pub async fn set_cluster(&self, name: &ClusterName, changes: ClusterChanges) -> Result<(), ClusterError> {
        if name.is_main() {
            return Err(ClusterError::IsMain);
        }
        let mut cluster = self.find_cluster(name).await?.ok_or(ClusterError::Unknown)?;
        if let Some(allowed) = changes.allowed {
            cluster.placed_by = self.allowed(allowed).await?;
        }
        let leads_elsewhere = changes.url.is_some() || matches!(changes.replica_url, Some(Some(_)));
        cluster.replica_url = changes.replica_url.unwrap_or(cluster.replica_url);
        cluster.url = changes.url.unwrap_or(cluster.url);
        if leads_elsewhere {
            let store =
                self.stores().open_as(&cluster, Opening::Known).await.map_err(ClusterError::Database)?;
            let found = store.read(OrgKey::CONTROL, registry::belonging).await;
            store.close();
            let wanted =
                Belonging { installation: self.stores().installation().await?, cluster: name.clone() };
            if found? != Some(wanted) {
                let reason = format!("the database is not the cluster {name} of this installation");
                return Err(ClusterError::WrongDatabase(reason));
            }
        }
        let changed = self.write_main(OrgKey::CONTROL, move |tx| Ok(registry::update(tx, &cluster)?)).await?;
        if changed { Ok(()) } else { Err(ClusterError::Unknown) }
    }

    /// Removes a cluster which nothing needs any more, and makes its database nobody's. Where it `is_lost`, its database is
    /// not asked and not told: it is not there any more.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub async fn remove_cluster(&self, name: &ClusterName, is_lost: bool) -> Result<(), ClusterError> {
        if name.is_main() {
            return Err(ClusterError::IsMain);
        }
        self.find_cluster(name).await?.ok_or(ClusterError::Unknown)?;
        let store = if is_lost {
            None
        } else {
            let store = self.stores().at(name).await.map_err(ClusterError::Database)?;
            let waiting = store.read(OrgKey::CONTROL, stored::counts).await?;
            let count: i64 = waiting.iter().map(|(_, _, count)| count).sum();
            if count > 0 {
                let what = if waiting.iter().all(|(kind, ..)| kind == SCRUB_STORE) {
                    "is still to be cleared of what was erased"
                } else {
                    "has jobs that are not done"
                };
                return Err(ClusterError::Needed(format!(
                    "the database of the cluster {name} {what} ({count})"
                )));
            }
            Some(store)
        };
        let wanted = name.clone();
        let removed = self.write_main(OrgKey::CONTROL, move |tx| {
            if let Some(reason) = needed(tx, &wanted, is_lost)? {
                return Ok(Err(reason));
            }
            Ok(Ok(registry::delete(tx, &wanted)?))
        });
        if !removed.await?.map_err(ClusterError::Needed)? {
            return Err(ClusterError::Unknown);
        }
        let own = Belonging { installation: self.stores().installation().await?, cluster: name.clone() };
        if let Some(store) = store {
            store.write_barred(OrgKey::CONTROL, move |tx| registry::leave(tx, &own)).await?;
        }
        Ok(())
    }

    /// Asks every cluster whether it answers, `main` first, and goes by that from then on. Called every few seconds.
    pub async fn look_at_clusters(&self) -> Vec<(ClusterName, bool)> {
        let answers = self.stores().look().await;
        answers.into_iter().map(|(name, answer)| (name, answer.is_ok())).collect()
    }

    /// The clusters that did not answer when this process last wanted something of them, and why.
    pub fn failing_clusters(&self) -> Vec<(ClusterName, String)> {
        let failing = self.stores().failing().into_iter();
        failing.map(|(name, error)| (name, error.to_string())).collect()
    }

    async fn find_cluster(&self, name: &ClusterName) -> Result<Option<Cluster>> {
        let name = name.clone();
        self.query(OrgKey::CONTROL, move |conn| registry::find(conn, &name)).await
    }

    async fn allowed(&self, allowed: Allowed) -> Result<Option<Vec<OrgKey>>, ClusterError> {
        let Allowed::Only(slugs) = allowed else { return Ok(None) };
        let mut orgs = Vec::new();
        for slug in slugs {
            let wanted = slug.clone();
            let found = self.query(OrgKey::CONTROL, move |conn| control::find_by_slug(conn, &wanted)).await?;
            orgs.push(found.ok_or(ClusterError::NoOrganization(slug))?.org);
        }
        orgs.sort_unstable();
        orgs.dedup();
        Ok(Some(orgs))
    }

    /// Reads something of each organization; `map` is of before these were read. Once a cluster does not answer, why is said of each that lives there, and it
    /// is asked no more.
    pub(crate) async fn of_each<T: Send + 'static>(
        &self,
        organizations: Vec<control::Organization>,
        map: &Mark,
        read: fn(&Conn<'_>, &control::Organization) -> denizen_store::Result<T>,
    ) -> Result<Vec<(control::Organization, Result<T, String>)>> {
        let mut gone = HashMap::<ClusterName, String>::new();
        let mut all = Vec::with_capacity(organizations.len());
        for mapped in organizations {
            if let Some(reason) = gone.get(&mapped.cluster) {
                all.push((mapped, Err(reason.clone())));
                continue;
            }
            self.stores().note(mapped.org, &mapped.cluster, map);
            let wanted = mapped.clone();
            match self.stores().read(mapped.org, move |conn| read(conn, &wanted)).await {
                Ok(found) => all.push((mapped, Ok(found))),
                Err(error) if !mapped.cluster.is_main() && is_gone(&error) => {
                    let reason = error.to_string();
                    self.leave_out(&mapped.cluster, &error.into());
                    gone.insert(mapped.cluster.clone(), reason.clone());
                    all.push((mapped, Err(reason)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(all)
    }

    /// Goes on without a cluster, because it did not answer.
    pub(crate) fn leave_out(&self, cluster: &ClusterName, error: &Error) {
        error.log(None, None);
        if let Some(cause) = error.cause() {
            self.stores().note_failure(cluster, cause);
        }
    }
}

/// Makes the database this cluster, unless it is something else.
async fn take(store: &Store, wanted: Belonging, registered: Vec<ClusterName>) -> Result<(), ClusterError> {
    let took = store.write_barred(OrgKey::CONTROL, move |tx| {
        match registry::belonging(tx)? {
            Some(found) if found == wanted => return Ok(None),
            Some(found) if found.installation != wanted.installation => {
                return Ok(Some("the database belongs to another installation".to_owned()));
            }
            Some(found) if found.cluster.is_main() => {
                return Ok(Some("the database is main, in which the control store lies".to_owned()));
            }
            Some(found) if registered.contains(&found.cluster) => {
                return Ok(Some(format!("the database is the cluster {}", found.cluster)));
            }
            // Its adding, or its removal, was cut off.
            Some(found) => drop(registry::leave(tx, &found)?),
            None if !control::list_organizations(tx)?.is_empty() => {
                return Ok(Some("the database has organizations of its own".to_owned()));
            }
            None if !control::signing_keys(tx)?.is_empty() => {
                return Ok(Some("the database was begun as an installation of its own".to_owned()));
            }
            None => {}
        }
        registry::belong(tx, &wanted)?;
        Ok::<_, StoreError>(None)
    });
    took.await?.map_or(Ok(()), |reason| Err(ClusterError::WrongDatabase(reason)))
}

/// Why a cluster cannot be removed; `None` when nothing keeps it.
fn needed(tx: &Tx<'_>, name: &ClusterName, is_lost: bool) -> Result<Option<String>> {
    let lives: Vec<_> =
        control::list_organizations(tx)?.into_iter().filter(|mapped| mapped.cluster == *name).collect();
    if let Some(first) = lives.first() {
        let more = match lives.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        return Ok(Some(format!("the organization {}{more} lives in the cluster {name}", first.slug)));
    }
    if registry::moves(tx)?.iter().any(|one| one.source == *name || one.target == *name) {
        return Ok(Some(format!("an organization is on its way to or from the cluster {name}")));
    }
    if !is_lost && !erased_in(tx, name)?.is_empty() {
        return Ok(Some(format!("an organization that left the cluster {name} is still to be erased there")));
    }
    Ok(None)
}

/// The organizations that are still to be erased in a cluster, which they have left; asked of the control store.
pub(crate) fn erased_in(conn: &Conn<'_>, name: &ClusterName) -> denizen_store::Result<Vec<OrgKey>> {
    let erased = |job: &stored::Job| match serde_json::from_str::<Work>(&job.payload) {
        Ok(Work::EraseOrganization { org_key, cluster }) if cluster == name.as_str() => {
            Some(org_key.map_or(job.org, OrgKey))
        }
        _ => None,
    };
    Ok(stored::list_all(conn, MOST_JOBS)?.iter().filter_map(erased).collect())
}

fn named(orgs: &[OrgKey], slugs: &HashMap<OrgKey, Slug>) -> Vec<Slug> {
    let mut named: Vec<_> = orgs.iter().filter_map(|org| slugs.get(org).cloned()).collect();
    named.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    named
}

fn summarize(one: &Move, cluster: &ClusterName, slugs: &HashMap<OrgKey, Slug>) -> Option<MoveSummary> {
    if one.source != *cluster && one.target != *cluster {
        return None;
    }
    Some(MoveSummary {
        org_id: slugs.get(&one.org)?.clone(),
        source: one.source.clone(),
        target: one.target.clone(),
        begun_at: one.begun_at,
    })
}
