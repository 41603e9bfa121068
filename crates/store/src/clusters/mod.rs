//! Several databases as one store: each organization's closures run where the map says that it lives.
//!
//! `main` is the database that an installation begins with. The control store lies in it: the map, the keys that sign
//! tokens, and which other clusters there are. Another cluster is opened when it is first needed; one that cannot be
//! reached fails those who live there, and nobody else.
//!
//! Where an organization lives is trusted for a moment. That is long enough to be wrong, and harmless: the database that
//! an organization has left refuses its writes (see [`crate::gate`]), and keeps its rows for a while, so that reads which
//! come too late find what was there.

mod databases;
pub mod registry;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::text::ClusterName;
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use self::databases::Databases;
pub use self::databases::{Connect, Opening};
use self::registry::{Belonging, Cluster};
use crate::changes::{Mark, Point};
use crate::conn::{Conn, Tx};
use crate::control;
use crate::error::{Result, StoreError};
use crate::postgres::ReplicaState;
use crate::store::Store;

/// How long it is trusted where an organization lives.
const FRESH: Duration = Duration::from_secs(1);
/// The same, while it is known that nobody has changed the map since.
const LONGEST: Duration = Duration::from_mins(1);
/// Organizations that are remembered.
const MOST_PLACED: usize = 100_000;
/// How long somebody's request waits for a cluster to be opened.
const SHORT: Duration = Duration::from_secs(5);
/// The same, where nobody's request waits.
const LONG: Duration = Duration::from_secs(15);

/// All databases of an installation. Cloning shares them.
#[derive(Clone)]
pub struct Clusters {
    inner: Arc<Inner>,
}

struct Inner {
    main: Store,
    /// `None` where there can be none but `main`.
    others: Option<Databases>,
    placed: RwLock<HashMap<OrgKey, Placed>>,
}

/// Where an organization lives, as of a moment ago.
struct Placed {
    cluster: ClusterName,
    /// None where that is `main`, or not open.
    store: Option<Store>,
    at: Instant,
    /// Of before that was read.
    map: Point,
}

impl Placed {
    fn is_usable(&self) -> bool {
        let age = self.at.elapsed();
        // Another cluster's database may have been opened anew.
        let may_last = || self.cluster.is_main() && age < LONGEST && self.map.holds_on();
        self.map.holds() && (age < FRESH || may_last())
    }
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
            inner: Arc::new(Inner { main, others: connect.map(Databases::new), placed: RwLock::default() }),
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
        if self.inner.others.is_none() {
            return Ok(Vec::new());
        }
        self.main().read(OrgKey::CONTROL, registry::list).await
    }

    /// Every cluster with its database, `main` first; an error in the place of one that cannot be opened.
    pub async fn all(&self) -> Result<Vec<(ClusterName, Result<Store>)>> {
        Ok(self.all_of(self.registered().await?).await)
    }

    /// `main` and these clusters, each with its database.
    pub async fn all_of(&self, registered: Vec<Cluster>) -> Vec<(ClusterName, Result<Store>)> {
        let opened = join_all(registered.iter().map(|cluster| self.open(cluster, LONG))).await;
        let mut all = vec![(ClusterName::MAIN, Ok(self.main().clone()))];
        all.extend(registered.into_iter().map(|cluster| cluster.name).zip(opened));
        all
    }

    /// The clusters that answer, as far as is known, `main` first. That another one does not is told in the log now and
    /// then; who has to know asks [`Self::failing`].
    pub async fn reachable(&self) -> Result<Vec<(ClusterName, Store)>> {
        let Some(others) = &self.inner.others else {
            return Ok(vec![(ClusterName::MAIN, self.main().clone())]);
        };
        let mut registered = self.registered().await?;
        registered.retain(|cluster| !others.is_left_out(&cluster.name));
        let opened = join_all(registered.iter().map(|cluster| self.open(cluster, SHORT))).await;
        let mut all = vec![(ClusterName::MAIN, self.main().clone())];
        let others = registered.into_iter().map(|cluster| cluster.name).zip(opened);
        all.extend(others.filter_map(|(name, store)| Some((name, store.ok()?))));
        Ok(all)
    }

    /// Asks every cluster whether it answers, `main` first, and goes by that from then on. Those that are not registered
    /// any more are closed.
    pub async fn look(&self) -> Vec<(ClusterName, Result<()>)> {
        let registered = match self.registered().await {
            Ok(registered) => registered,
            // What is not known to be registered cannot be asked.
            Err(error) => return vec![(ClusterName::MAIN, Err(error))],
        };
        let mut answers = vec![(ClusterName::MAIN, self.main().ping().await)];
        let Some(others) = &self.inner.others else { return answers };
        others.keep_only(&registered.iter().map(|cluster| &cluster.name).collect());
        let asked = registered.iter().map(|cluster| async move {
            let answer = match self.open(cluster, LONG).await {
                Ok(store) => {
                    let answer = store.ping().await;
                    others.note(&cluster.name, &answer);
                    answer
                }
                Err(error) => Err(error),
            };
            (cluster.name.clone(), answer)
        });
        answers.extend(join_all(asked).await);
        answers
    }

    /// Notes that a cluster did not answer somebody, so that what is done with all of them does without it for now.
    pub fn note_failure(&self, name: &ClusterName, error: &StoreError) {
        if let (Some(others), StoreError::Unreachable(_) | StoreError::Io(_)) = (&self.inner.others, error) {
            others.note(name, &Err(error.clone()));
        }
    }

    /// The clusters that did not answer when they were last asked for, and why.
    pub fn failing(&self) -> Vec<(ClusterName, StoreError)> {
        self.inner.others.as_ref().map(Databases::failing).unwrap_or_default()
    }

    /// A cluster's database.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when there is no such cluster; what kept it from being opened.
    pub async fn at(&self, name: &ClusterName) -> Result<Store> {
        self.at_within(name, LONG).await
    }

    async fn at_within(&self, name: &ClusterName, patience: Duration) -> Result<Store> {
        if name.is_main() {
            return Ok(self.main().clone());
        }
        let wanted = name.clone();
        let found = self.main().read(OrgKey::CONTROL, move |conn| registry::find(conn, &wanted)).await?;
        let cluster = found.ok_or_else(|| StoreError::Corrupt(format!("there is no cluster {name}")))?;
        self.open(&cluster, patience).await
    }

    async fn open(&self, cluster: &Cluster, patience: Duration) -> Result<Store> {
        match &self.inner.others {
            Some(others) => others.open(self.main(), cluster, patience).await,
            None => Err(StoreError::Internal(format!("the cluster {} cannot be opened here", cluster.name))),
        }
    }

    /// Opens a database that is no cluster yet, or is to be looked at as what it is: whose it is, is for the caller to say.
    ///
    /// # Errors
    /// What keeps it from being opened.
    pub async fn open_as(&self, cluster: &Cluster, opening: Opening) -> Result<Store> {
        match &self.inner.others {
            Some(others) => others.connect(cluster.clone(), opening).await,
            None => Err(StoreError::Internal(format!("the cluster {} cannot be opened here", cluster.name))),
        }
    }

    /// Which installation this is.
    pub async fn installation(&self) -> Result<Uuid> {
        let found = self.main().read(OrgKey::CONTROL, registry::belonging).await?;
        let found =
            found.ok_or_else(|| StoreError::Internal("a database that belongs to nobody".to_owned()))?;
        Ok(found.installation)
    }

    /// What is known of changes of the map now. To be taken before it is read.
    pub fn mark_map(&self) -> Mark {
        Mark::new(self.main().point(OrgKey::CONTROL), None)
    }

    /// What is known of changes now, of the organization's rows and of where they are. To be taken before they are read.
    ///
    /// # Errors
    /// What keeps the organization's cluster from being used.
    pub async fn mark(&self, org: OrgKey) -> Result<Mark> {
        let (store, map) = self.route_as_of(org).await?;
        Ok(Mark::new(map, Some(store.point(org))))
    }

    /// Notes where an organization lives, by whoever has just read that; `mark` is of before.
    pub fn note(&self, org: OrgKey, cluster: &ClusterName, mark: &Mark) {
        let others = self.inner.others.as_ref().filter(|_| !cluster.is_main());
        let store = others.and_then(|others| others.opened(cluster));
        let mut placed = self.inner.placed.write().unwrap_or_else(PoisonError::into_inner);
        // One that is placed anew needs no room.
        if placed.len() >= MOST_PLACED && !placed.contains_key(&org) {
            placed.clear();
        }
        let new = Placed { cluster: cluster.clone(), store, at: Instant::now(), map: mark.map.clone() };
        // Rows that came with the organization are not what was a moment ago: a replica that has only some of them would
        // show what never was.
        let known = placed.get(&org);
        if let Some(before) = known.filter(|known| known.cluster != new.cluster) {
            // Whoever has moved it is another process most of the time.
            tracing::info!(organization = org.0, source = %before.cluster, target = %new.cluster, "an organization lives in another cluster now");
        }
        if known.is_none_or(|known| known.cluster != new.cluster) {
            new.store.as_ref().unwrap_or(self.main()).note_arrival(org);
        }
        placed.insert(org, new);
    }

    /// Where an organization lives, read anew.
    pub async fn find_placement(&self, org: OrgKey) -> Result<Option<ClusterName>> {
        let mark = self.mark_map();
        let found = self.main().read(OrgKey::CONTROL, move |conn| control::find_by_key(conn, org)).await?;
        Ok(found.map(|found| {
            self.note(org, &found.cluster, &mark);
            found.cluster
        }))
    }

    /// The database of an organization. One that is not in the map was deleted, and is looked for in `main`.
    async fn route(&self, org: OrgKey) -> Result<Routed<'_>> {
        if org == OrgKey::CONTROL || self.inner.others.is_none() {
            return Ok(Routed::Main(self.main()));
        }
        if let Some((store, _)) = self.placed(org) {
            return Ok(store);
        }
        // Boxed: it is rarely gone, and would make every closure's future larger.
        self.route_anew(org).boxed().await
    }

    /// As [`Self::route`], with what was known of changes of the map before it was read: so a mark of where an organization
    /// has lived ends with the change that has led it elsewhere, whenever that is found.
    async fn route_as_of(&self, org: OrgKey) -> Result<(Routed<'_>, Point)> {
        let now = self.main().point(OrgKey::CONTROL);
        if org == OrgKey::CONTROL || self.inner.others.is_none() {
            return Ok((Routed::Main(self.main()), now));
        }
        if let Some(known) = self.placed(org) {
            return Ok(known);
        }
        Ok((self.route_anew(org).boxed().await?, now))
    }

    /// Where an organization is known to live.
    fn placed(&self, org: OrgKey) -> Option<(Routed<'_>, Point)> {
        let placed = self.inner.placed.read().unwrap_or_else(PoisonError::into_inner);
        let placed = placed.get(&org).filter(|placed| placed.is_usable())?;
        let store = match &placed.store {
            _ if placed.cluster.is_main() => Routed::Main(self.main()),
            store => Routed::Other(store.clone()?),
        };
        Some((store, placed.map.clone()))
    }

    async fn route_anew(&self, org: OrgKey) -> Result<Routed<'_>> {
        let mark = self.mark_map();
        match self.find_placement(org).await? {
            Some(cluster) if !cluster.is_main() => {
                let store = self.at_within(&cluster, SHORT).await.map_err(|error| match error {
                    StoreError::Closed => error,
                    // Whatever it is that keeps the cluster from being used, it is no defect of the request's.
                    other => StoreError::Unreachable(format!("the cluster {cluster}: {other}")),
                })?;
                self.note(org, &cluster, &mark);
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

    /// [`Store::write_together`] where the organization lives.
    pub async fn write_together<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.route(org).await?.write_together(org, closure).await
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

    /// [`Store::read_recent`] where the organization lives.
    pub async fn read_recent<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.route(org).await?.read_recent(org, closure).await
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

    /// [`Store::scan_recent`] where the organization lives.
    pub async fn scan_recent<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.route(org).await?.scan_recent(org, closure).await
    }

    /// What is known of the replicas of the databases that are open, where they have one.
    pub fn replica_states(&self) -> Vec<(ClusterName, ReplicaState)> {
        let mut all = vec![(ClusterName::MAIN, self.main().clone())];
        all.extend(self.inner.others.iter().flat_map(Databases::all_opened));
        all.into_iter().filter_map(|(name, store)| Some((name, store.replica_state()?))).collect()
    }

    /// Finishes what was queued and closes every database. Blocks.
    pub fn close(&self) {
        self.inner.placed.write().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(others) = &self.inner.others {
            others.close();
        }
        self.main().close();
    }
}
