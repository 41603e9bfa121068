//! Several databases as one store: each organization's closures run where the map says that it lives.
//!
//! `main` is the database that an installation begins with. The control store lies in it: the map, the keys that sign
//! tokens, and which other clusters there are. Another cluster is opened when it is first needed; one that cannot be
//! reached fails those who live there, and nobody else.
//!
//! Where an organization lives is trusted for a moment. That is long enough to be wrong, and harmless: the database that
//! an organization has left refuses its writes (see [`crate::gate`]), and keeps its rows for a while, so that reads which
//! come too late find what was there.

pub mod registry;

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::text::ClusterName;
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use self::registry::{Belonging, Cluster};
use crate::conn::{Conn, Tx};
use crate::control;
use crate::error::{Result, StoreError};
use crate::store::Store;

/// How long it is trusted where an organization lives. Whoever looks an organization up says so anew once a second.
const FRESH: Duration = Duration::from_secs(2);
/// Organizations that are remembered.
const MOST_PLACED: usize = 100_000;
/// A cluster that could not be opened is left alone for so long.
const REST: Duration = Duration::from_secs(2);
/// How often it is told that a cluster cannot be opened.
const TOLD: Duration = Duration::from_secs(30);

/// Opens a cluster's database; blocks.
pub type Connect = Arc<dyn Fn(&Cluster) -> Result<Store> + Send + Sync>;

/// All databases of an installation. Cloning shares them.
#[derive(Clone)]
pub struct Clusters {
    inner: Arc<Inner>,
}

struct Inner {
    main: Store,
    /// `None` where there can be none but `main`.
    connect: Option<Connect>,
    opened: RwLock<BTreeMap<ClusterName, Opened>>,
    failed: Mutex<BTreeMap<ClusterName, Failed>>,
    placed: RwLock<HashMap<OrgKey, Placed>>,
}

/// A cluster's open database, and by which entry it was opened.
#[derive(Clone)]
struct Opened {
    store: Store,
    by: (String, Option<String>),
}

struct Failed {
    at: Instant,
    told: Instant,
    error: StoreError,
}

/// Where an organization lives, as of a moment ago.
struct Placed {
    cluster: ClusterName,
    /// None where that is `main`, or not open.
    store: Option<Store>,
    at: Instant,
}

/// The database for an organization's closures.
enum Routed<'c> {
    Main(&'c Store),
    Other(Store),
}

impl Deref for Routed<'_> {
    type Target = Store;
    fn deref(&self) -> &Store {
        match self {
            Self::Main(store) => store,
            Self::Other(store) => store,
        }
    }
}

impl From<Store> for Clusters {
    /// An installation that has this database and can have no other.
    fn from(main: Store) -> Self {
        Self::of(main, None)
    }
}

impl Clusters {
    /// The databases of an installation, `main` being open. The others are opened as they are needed.
    pub fn new(main: Store, connect: Connect) -> Self {
        Self::of(main, Some(connect))
    }

    fn of(main: Store, connect: Option<Connect>) -> Self {
        Self {
            inner: Arc::new(Inner {
                main,
                connect,
                opened: RwLock::default(),
                failed: Mutex::default(),
                placed: RwLock::default(),
            }),
        }
    }

    /// The database that has the control store.
    pub fn main(&self) -> &Store {
        &self.inner.main
    }

    /// Makes `main` an installation's, unless it is one's already; `fresh` is the id of a new one. Answers the id.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the database is another cluster of an installation, and no `main`.
    pub async fn found(&self, fresh: Uuid) -> Result<Uuid> {
        let found = self.main().read(OrgKey::CONTROL, registry::belonging).await?;
        let belonging = match found {
            Some(found) => found,
            None => self
                .main()
                .write(OrgKey::CONTROL, move |tx| {
                    registry::belong(tx, &Belonging { installation: fresh, cluster: ClusterName::MAIN })?;
                    registry::belonging(tx)
                })
                .await?
                .ok_or_else(|| StoreError::Internal("a database that belongs to nobody".to_owned()))?,
        };
        if belonging.cluster.is_main() {
            return Ok(belonging.installation);
        }
        Err(StoreError::Refused(format!(
            "this database is the cluster {} of an installation, and its control store lies in another one",
            belonging.cluster
        )))
    }

    /// The clusters beside `main`, as they are registered.
    pub async fn registered(&self) -> Result<Vec<Cluster>> {
        if self.inner.connect.is_none() {
            return Ok(Vec::new());
        }
        self.main().read(OrgKey::CONTROL, registry::list).await
    }

    /// Every cluster with its database, `main` first; an error in the place of one that cannot be opened.
    pub async fn all(&self) -> Result<Vec<(ClusterName, Result<Store>)>> {
        let mut all = vec![(ClusterName::MAIN, Ok(self.main().clone()))];
        for cluster in self.registered().await? {
            let store = self.open(&cluster).await;
            all.push((cluster.name, store));
        }
        Ok(all)
    }

    /// The clusters that can be opened, `main` first. That another one cannot is told in the log now and then.
    pub async fn reachable(&self) -> Result<Vec<(ClusterName, Store)>> {
        let all = self.all().await?;
        Ok(all.into_iter().filter_map(|(name, store)| Some((name, store.ok()?))).collect())
    }

    /// A cluster's database.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when there is no such cluster; what kept it from being opened.
    pub async fn at(&self, name: &ClusterName) -> Result<Store> {
        if name.is_main() {
            return Ok(self.main().clone());
        }
        let wanted = name.clone();
        let found = self.main().read(OrgKey::CONTROL, move |conn| registry::find(conn, &wanted)).await?;
        let cluster = found.ok_or_else(|| StoreError::Corrupt(format!("there is no cluster {name}")))?;
        self.open(&cluster).await
    }

    /// The database of a registered cluster, opened unless it is open.
    async fn open(&self, cluster: &Cluster) -> Result<Store> {
        let by = (cluster.url.clone(), cluster.replica_url.clone());
        let opened =
            self.inner.opened.read().unwrap_or_else(PoisonError::into_inner).get(&cluster.name).cloned();
        let stale = match opened {
            Some(opened) if opened.by == by => return Ok(opened.store),
            other => other,
        };
        {
            let failed = self.inner.failed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(failed) = failed.get(&cluster.name).filter(|failed| failed.at.elapsed() < REST) {
                return Err(failed.error.clone());
            }
        }
        match self.open_anew(cluster).await {
            Ok(store) => {
                self.inner.failed.lock().unwrap_or_else(PoisonError::into_inner).remove(&cluster.name);
                let mut all = self.inner.opened.write().unwrap_or_else(PoisonError::into_inner);
                // Of two who opened it at the same time, the first one's is used by both.
                if let Some(other) = all.get(&cluster.name).filter(|other| other.by == by) {
                    let kept = other.store.clone();
                    drop(all);
                    close_aside(store);
                    return Ok(kept);
                }
                all.insert(cluster.name.clone(), Opened { store: store.clone(), by });
                drop(all);
                // It was registered under another URL meanwhile.
                if let Some(stale) = stale {
                    close_aside(stale.store);
                }
                Ok(store)
            }
            Err(error) => {
                self.note_failure(&cluster.name, &error);
                Err(error)
            }
        }
    }

    fn note_failure(&self, name: &ClusterName, error: &StoreError) {
        let mut failed = self.inner.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let told = failed.get(name).map(|failed| failed.told).filter(|told| told.elapsed() < TOLD);
        if told.is_none() {
            tracing::warn!(cluster = %name, %error, "a cluster cannot be opened; those who live there are refused");
        }
        let failure = Failed { at: now, told: told.unwrap_or(now), error: error.clone() };
        failed.insert(name.clone(), failure);
    }

    async fn open_anew(&self, cluster: &Cluster) -> Result<Store> {
        let Some(connect) = self.inner.connect.clone() else {
            return Err(StoreError::Internal(format!("the cluster {} cannot be opened here", cluster.name)));
        };
        let (reply, opened) = oneshot::channel();
        let wanted = cluster.clone();
        std::thread::Builder::new()
            .name("denizen-open".to_owned())
            .spawn(move || {
                // Who asked may have gone meanwhile.
                let _ = reply.send(connect(&wanted));
            })
            .map_err(|error| StoreError::Io(format!("a thread could not be started: {error}")))?;
        let store =
            opened.await.map_err(|_| StoreError::Internal("opening a cluster panicked".to_owned()))??;
        let wanted = Belonging { installation: self.installation().await?, cluster: cluster.name.clone() };
        match store.read(OrgKey::CONTROL, registry::belonging).await {
            Ok(Some(found)) if found == wanted => Ok(store),
            other => {
                close_aside(store);
                other?;
                Err(StoreError::Refused(format!(
                    "the database that is registered as the cluster {} is not that cluster of this installation",
                    cluster.name
                )))
            }
        }
    }

    async fn installation(&self) -> Result<Uuid> {
        let found = self.main().read(OrgKey::CONTROL, registry::belonging).await?;
        let found =
            found.ok_or_else(|| StoreError::Internal("a database that belongs to nobody".to_owned()))?;
        Ok(found.installation)
    }

    /// Notes where an organization lives, by whoever has just read that.
    pub fn note(&self, org: OrgKey, cluster: &ClusterName) {
        let opened = || {
            let all = self.inner.opened.read().unwrap_or_else(PoisonError::into_inner);
            all.get(cluster).map(|opened| opened.store.clone())
        };
        let store = if cluster.is_main() { None } else { opened() };
        let mut placed = self.inner.placed.write().unwrap_or_else(PoisonError::into_inner);
        if placed.len() >= MOST_PLACED {
            placed.clear();
        }
        placed.insert(org, Placed { cluster: cluster.clone(), store, at: Instant::now() });
    }

    /// Where an organization lives, read anew.
    pub async fn find_placement(&self, org: OrgKey) -> Result<Option<ClusterName>> {
        let found = self.main().read(OrgKey::CONTROL, move |conn| control::find_by_key(conn, org)).await?;
        Ok(found.map(|found| {
            self.note(org, &found.cluster);
            found.cluster
        }))
    }

    /// The database of an organization. One that is not in the map was deleted, and is looked for in `main`.
    async fn route(&self, org: OrgKey) -> Result<Routed<'_>> {
        if org == OrgKey::CONTROL || self.inner.connect.is_none() {
            return Ok(Routed::Main(self.main()));
        }
        {
            let placed = self.inner.placed.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(placed) = placed.get(&org).filter(|placed| placed.at.elapsed() < FRESH) {
                if placed.cluster.is_main() {
                    return Ok(Routed::Main(self.main()));
                }
                if let Some(store) = &placed.store {
                    return Ok(Routed::Other(store.clone()));
                }
            }
        }
        // Boxed: it is rarely gone, and would make every closure's future larger.
        self.route_anew(org).boxed().await
    }

    async fn route_anew(&self, org: OrgKey) -> Result<Routed<'_>> {
        match self.find_placement(org).await? {
            Some(cluster) if !cluster.is_main() => {
                let store = self.at(&cluster).await?;
                self.note(org, &cluster);
                Ok(Routed::Other(store))
            }
            _ => Ok(Routed::Main(self.main())),
        }
    }

    /// [`Store::write`] where the organization lives.
    ///
    /// # Errors
    /// As there. After [`StoreError::Barred`] it may live elsewhere: [`Self::find_placement`] looks anew.
    pub async fn write<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.route(org).await?.write(org, closure).await
    }

    /// [`Store::read`] where the organization lives.
    pub async fn read<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.route(org).await?.read(org, closure).await
    }

    /// [`Store::scan`] where the organization lives.
    pub async fn scan<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.route(org).await?.scan(org, closure).await
    }

    /// Finishes what was queued and closes every database. Blocks.
    pub fn close(&self) {
        let opened = std::mem::take(&mut *self.inner.opened.write().unwrap_or_else(PoisonError::into_inner));
        self.inner.placed.write().unwrap_or_else(PoisonError::into_inner).clear();
        for cluster in opened.into_values() {
            cluster.store.close();
        }
        self.main().close();
    }
}

/// Closes a database that is not used after all, without waiting for it.
fn close_aside(store: Store) {
    let closing = std::thread::Builder::new().name("denizen-close".to_owned()).spawn(move || store.close());
    if let Err(error) = closing {
        tracing::warn!(%error, "a database that is not needed could not be closed");
    }
}
