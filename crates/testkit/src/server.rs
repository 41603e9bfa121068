//! A server in process: a database of its own, the rules, the router; no sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use denizen_directory::passwords::PasswordSettings;
use denizen_directory::{Directory, DirectorySettings};
use denizen_domain::permission::model::Rng;
use denizen_http::{App, HttpSettings, router};
use denizen_store::Store;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::answer::Answer;
use crate::contract::Contract;
use crate::engine::TestDatabase;
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
    settings: TestSettings,
    clock: Arc<TestClock>,
    /// Counts the processes over this database, so that each draws other random numbers.
    processes: Arc<AtomicU64>,
    // The last field, so that the store is closed before its database is removed.
    database: Arc<TestDatabase>,
}

impl TestServer {
    /// A server with the default settings over an empty store.
    pub async fn start() -> Self {
        Self::with(TestSettings::default()).await
    }

    pub async fn with(settings: TestSettings) -> Self {
        let database = Arc::new(TestDatabase::new());
        Self::open(settings, TestClock::at(NOON), database, Arc::default()).await
    }

    /// Another process over the same store, with the same clock and nothing else in common.
    pub async fn another_process(&self) -> Self {
        let inner = &self.inner;
        Self::open(
            inner.settings.clone(),
            Arc::clone(&inner.clock),
            Arc::clone(&inner.database),
            Arc::clone(&inner.processes),
        )
        .await
    }

    async fn open(
        settings: TestSettings,
        clock: Arc<TestClock>,
        database: Arc<TestDatabase>,
        processes: Arc<AtomicU64>,
    ) -> Self {
        // Neighbouring seeds of a shift register begin alike, so the process's number is stirred first.
        let seed = Rng::new(processes.fetch_add(1, Ordering::SeqCst) + 1).next_u64();
        let environment = environment(&clock, seed);
        let store = database.open(environment.now());
        let rules = DirectorySettings { passwords: settings.passwords, ..settings.directory.clone() };
        let directory = Directory::open(store.clone(), environment, rules)
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
        Self { inner: Arc::new(Inner { app, router, store, settings, clock, processes, database }) }
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

    /// The store under the rules, for looking at rows that no operation shows.
    pub fn store(&self) -> &Store {
        &self.inner.store
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
