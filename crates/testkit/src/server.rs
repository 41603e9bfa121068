//! A server in process: a database of its own, the rules, the router; no sockets.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use denizen_directory::clusters::{Allowed, NewCluster};
use denizen_directory::passwords::PasswordSettings;
use denizen_directory::{Directory, DirectorySettings};
use denizen_domain::permission::model::Rng;
use denizen_domain::text::ClusterName;
use denizen_http::{App, HttpSettings, router};
use denizen_store::clusters::registry::Cluster;
use denizen_store::{Clusters, Opening, SqliteOptions, Store, StoreError, StoreOptions};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::answer::Answer;
use crate::contract::Contract;
use crate::engine::{TestDatabase, few_connections};
use crate::environment::{NOON, TestClock, environment};

/// How a test server differs from one that was installed with no settings at all.
#[derive(Debug, Clone)]
pub struct TestSettings {
    pub directory: DirectorySettings,
    pub http: HttpSettings,
    /// Instead of those in `directory`: a test waits for hashes that cost nothing, unless it is about what they cost.
    pub passwords: PasswordSettings,
}

impl Default for TestSettings {
    fn default() -> Self {
        Self {
            directory: DirectorySettings::default(),
            http: HttpSettings::default(),
            passwords: PasswordSettings::CHEAPEST,
        }
    }
}

/// One process. Cloning shares it.
#[derive(Clone)]
pub struct TestServer {
    inner: Arc<Inner>,
}

struct Inner {
    app: Arc<App>,
    router: Router,
    store: Store,
    clusters: Clusters,
    settings: TestSettings,
    clock: Arc<TestClock>,
    /// Counts the processes over this database, so that each draws other random numbers.
    processes: Arc<AtomicU64>,
    // The last fields, so that the stores are closed before their databases are removed.
    database: Arc<TestDatabase>,
    /// The database of the cluster [`FAR`], where there is one.
    far: Option<Arc<TestDatabase>>,
}

/// What the second cluster is called.
pub const FAR: &str = "far";

/// On which engines a server's two databases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engines {
    /// Both on the one that the environment names.
    Alike,
    /// `main` on the one that the environment names, and the other one on the other engine.
    Mixed,
    /// The other way round.
    MixedReversed,
}

impl TestServer {
    /// A server with the default settings over an empty store.
    pub async fn start() -> Self {
        Self::with(TestSettings::default()).await
    }

    pub async fn with(settings: TestSettings) -> Self {
        let database = Arc::new(TestDatabase::new());
        Self::open(settings, TestClock::at(NOON), (database, None), Arc::default()).await
    }

    /// A server over two databases: `main`, and the cluster [`FAR`], where everybody's callers may place organizations.
    pub async fn over_two_clusters() -> Self {
        Self::over(Engines::Alike).await.expect("one engine is there")
    }

    /// The same on these engines; none where the tests do not run on PostgreSQL, and mixed ones are wanted.
    pub async fn over(engines: Engines) -> Option<Self> {
        let (main, far) = match engines {
            Engines::Alike => (TestDatabase::new(), TestDatabase::new()),
            Engines::Mixed => (TestDatabase::new(), other_database()?),
            Engines::MixedReversed => (other_database()?, TestDatabase::new()),
        };
        let databases = (Arc::new(main), Some(Arc::new(far)));
        let url = databases.1.as_ref().map(name_of).expect("made above");
        let server =
            Self::open(TestSettings::default(), TestClock::at(NOON), databases, Arc::default()).await;
        let name = ClusterName::parse(FAR).expect("a name");
        let new = NewCluster { name, url, replica_url: None, allowed: Allowed::Everyone };
        server.directory().add_cluster(new).await.expect("a fresh database becomes a cluster");
        Some(server)
    }

    /// Another process over the same store, with the same clock and nothing else in common.
    pub async fn another_process(&self) -> Self {
        let inner = &self.inner;
        Self::open(
            inner.settings.clone(),
            Arc::clone(&inner.clock),
            (Arc::clone(&inner.database), inner.far.clone()),
            Arc::clone(&inner.processes),
        )
        .await
    }

    async fn open(
        settings: TestSettings,
        clock: Arc<TestClock>,
        (database, far): (Arc<TestDatabase>, Option<Arc<TestDatabase>>),
        processes: Arc<AtomicU64>,
    ) -> Self {
        // Neighbouring seeds of a shift register begin alike, so the process's number is stirred first.
        let seed = Rng::new(processes.fetch_add(1, Ordering::SeqCst) + 1).next_u64();
        let environment = environment(&clock, seed);
        let store = database.open(environment.now());
        let rules = DirectorySettings { passwords: settings.passwords, ..settings.directory.clone() };
        let now = environment.now();
        let connect = move |cluster: &Cluster, opening: Opening| match options_of(&cluster.url) {
            // As the binary does.
            StoreOptions::Sqlite(options) if opening == Opening::Known && !options.path.exists() => {
                Err(StoreError::Io("there is no such file".to_owned()))
            }
            options => Store::open(options, now),
        };
        let clusters = match far {
            Some(_) => Clusters::new(store.clone(), Arc::new(connect)),
            None => store.clone().into(),
        };
        let directory = Directory::open(clusters.clone(), environment, rules)
            .await
            .expect("a fresh store takes a directory");
        let app = App::new(directory, settings.http.clone());
        let dialects = [
            denizen_http::amigo::dialect(),
            denizen_http::dixa::dialect(),
            denizen_http::eva::dialect(),
            denizen_http::openid::dialect(),
            denizen_http::admin::dialect(),
        ];
        let router = router(Arc::clone(&app), &dialects);
        let inner = Inner { app, router, store, clusters, settings, clock, processes, database, far };
        Self { inner: Arc::new(inner) }
    }

    pub fn directory(&self) -> &Directory {
        &self.inner.app.directory
    }

    /// What all requests of this process share, for whoever serves it over a socket.
    pub fn app(&self) -> &Arc<App> {
        &self.inner.app
    }

    /// Everything that this process answers, for whoever serves it over a socket.
    pub fn router(&self) -> Router {
        self.inner.router.clone()
    }

    /// The store under the rules, for looking at rows that no operation shows; of several, `main`.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// All databases under the rules.
    pub fn clusters(&self) -> &Clusters {
        &self.inner.clusters
    }

    /// The database of the cluster [`FAR`].
    ///
    /// # Panics
    /// When there is none.
    pub async fn far_store(&self) -> Store {
        self.inner
            .clusters
            .at(&ClusterName::parse(FAR).expect("a name"))
            .await
            .expect("the cluster can be opened")
    }

    pub fn clock(&self) -> &TestClock {
        &self.inner.clock
    }

    pub fn advance_seconds(&self, seconds: i64) {
        self.inner.clock.advance_seconds(seconds);
    }

    /// Sends a request and checks the answer against the published description.
    ///
    /// # Panics
    /// When the answer is not as documented.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let sent = to_bytes(body, usize::MAX).await.expect("the body of a test lies in memory");
        let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
        let asked = format!("{method} {}", parts.uri);
        let request = Request::from_parts(parts, Body::from(sent.clone()));
        let response =
            self.inner.router.clone().oneshot(request).await.expect("the router answers everything");
        let (parts, body) = response.into_parts();
        let body =
            to_bytes(body, usize::MAX).await.expect("an answer in process does not break off").to_vec();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body, asked };
        Contract::of(&method, &path).check(&method, &path, &sent, &answer);
        answer
    }

    /// Sends a request with these headers to a whole path.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        self.send(request(method, path, headers, body)).await
    }

    /// Sends a request without credentials to a whole path.
    pub async fn anonymous(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.call(method, path, &[], body).await
    }

    /// # Panics
    /// When the database is damaged or contradicts itself.
    pub async fn assert_consistent(&self) {
        assert_eq!(self.directory().check().await, Ok(Vec::new()));
    }
}

/// A database of SQLite, where the tests run on PostgreSQL; else none, for only there is another engine.
fn other_database() -> Option<TestDatabase> {
    TestDatabase::new().url.is_some().then(TestDatabase::sqlite)
}

/// How a cluster in the database is registered.
fn name_of(database: &Arc<TestDatabase>) -> String {
    database.url.clone().unwrap_or_else(|| format!("sqlite:{}", database.file().display()))
}

/// How what is registered so is opened.
fn options_of(name: &str) -> StoreOptions {
    match name.strip_prefix("sqlite:") {
        Some(file) => SqliteOptions::new(PathBuf::from(file)).into(),
        None => few_connections(name).into(),
    }
}

/// A request with headers and a JSON body.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let content = match body {
        Some(body) => {
            builder = builder.header("content-type", "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    builder.body(content).expect("the paths and headers of tests are well formed")
}
