//! A directory over a fresh store, a clock that tests move, and a dialect that shows what the kernel gave it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use denizen_directory::{Clock, Directory, DirectorySettings, Entropy, Environment, Error, ErrorCode};
use denizen_domain::time::Timestamp;
use denizen_http::kernel::{
    App, Asked, Call, Dialect, ErrorResponse, HeaderParam, HttpSettings, Operation, Problem, QueryParam,
    QueryReader, Reader, Reply, SchemaRef, SecurityKind, SecurityScheme, handler, router,
};
use denizen_store::{SqliteOptions, Store, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// 2026-01-01 12:00:00 UTC, the beginning of a minute.
pub(crate) const NOON: i64 = 1_767_268_800;

pub(crate) struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Different bytes at every call, and the same ones in every run.
struct CountingEntropy(AtomicU8);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.0.fetch_add(1, Ordering::SeqCst));
    }
}

pub(crate) struct Server {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<MovedClock>,
    pub(crate) router: Router,
    _folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The places of a refused input.
    pub(crate) fn places(&self) -> Vec<(String, String)> {
        assert_eq!(self.status, 422, "{}", self.text());
        let problems = self.json()["wrong"].as_array().unwrap().clone();
        let place = |problem: &Value| {
            let steps = problem["loc"].as_array().unwrap();
            let steps =
                steps.iter().map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned));
            (steps.collect::<Vec<_>>().join("."), problem["type"].as_str().unwrap().to_owned())
        };
        problems.iter().map(place).collect()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(HttpSettings::default()).await
    }

    pub(crate) async fn with(settings: HttpSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(MovedClock(AtomicI64::new(NOON * 1_000_000)));
        let environment =
            Environment { clock: clock.clone(), entropy: Arc::new(CountingEntropy(AtomicU8::new(0))) };
        let store =
            Store::open(SqliteOptions::new(folder.path().join("test.db")), environment.now()).unwrap();
        let directory = Directory::open(store, environment, DirectorySettings::default()).await.unwrap();
        let app = App::new(directory, settings);
        let router = router(Arc::clone(&app), &[dialect()]);
        Self { app, clock, router, _folder: folder }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call(Method::POST, path, body).await
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

/// Limits of the test dialect.
pub(crate) fn limits(pairs: &[(&str, u32)]) -> BTreeMap<String, BTreeMap<String, u32>> {
    let limits = pairs.iter().map(|(key, limit)| ((*key).to_owned(), *limit)).collect();
    BTreeMap::from([("test".to_owned(), limits)])
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Wrong {
    wrong: Value,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Part {
    name: String,
    #[serde(default)]
    size: u32,
}

/// What a client sends.
#[derive(JsonSchema, Deserialize)]
#[allow(dead_code, reason = "only its schema is used")]
struct NewThing {
    /// What it is called.
    name: String,
    email: String,
    parts: Option<Vec<Part>>,
}

#[derive(Serialize, JsonSchema)]
struct Thing {
    thing_id: String,
    part: Part,
}

fn problem(problem: &Problem, _: &Asked<'_>) -> Reply {
    match problem {
        Problem::Directory(error) => {
            let status = if error.code == ErrorCode::InvalidCredentials { 401 } else { 409 };
            Reply::json(status, &Wrong { wrong: error.text.clone().into() })
        }
        Problem::Invalid(problems) => Reply::json(422, &Wrong { wrong: json!(problems) }),
        other => {
            let (status, text) = other.status_and_text().unwrap();
            Reply::json(status, &Wrong { wrong: text.into() })
        }
    }
}

pub(crate) fn dialect() -> Dialect {
    Dialect {
        name: "test",
        title: "Test API",
        description: "Things & <parts>.",
        version: "1",
        roots: &["/v1"],
        fits: |_, _| true,
        judges_params: false,
        falls_through: false,
        problem,
        operations,
        headers: &[HeaderParam { name: "x-cluster", description: "Ignored", required: false }],
        security_schemes: &[
            SecurityScheme { name: "bearer", kind: SecurityKind::Bearer("JWT"), description: "A token" },
            SecurityScheme { name: "key", kind: SecurityKind::Header("x-api-key"), description: "A key" },
        ],
        security: &[&["bearer"], &["key"]],
        variables: &[("X-Api-Key", "TEST_KEY"), ("organization", "TEST_ORGANIZATION")],
        error_response: |_| ErrorResponse {
            description: "Wrong",
            schema: Some(SchemaRef::of::<Wrong>()),
            content_type: "application/json",
        },
    }
}

fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/{organization}/thing/", "list-things", handler(list))
            .summary("List things")
            .query(QueryParam::texts("id").about("Only these"))
            .query(QueryParam::int("limit", 10, 1, 100))
            .responds::<Vec<Thing>>(200)
            .errors(&[401, 422, 429])
            .rate("list"),
        Operation::post("/v1/{organization}/thing/", "create-thing", handler(create))
            .alias(Method::PUT, "/v1/{organization}/thing/new")
            .summary("Create a thing")
            .description("Makes <one> thing & its parts.")
            .body::<NewThing>()
            .example(json!({"name": "it's", "email": "ada@example.com"}))
            .responds::<Thing>(201)
            .errors(&[409, 422])
            .rate("create"),
        Operation::get("/v1/{organization}/thing/search/", "search-things", handler(search))
            .query(QueryParam::text("query").required()),
        Operation::get("/v1/{organization}/thing/{thing_id}", "get-thing", handler(echo)),
        Operation::delete("/v1/{organization}/thing/{thing_id}", "delete-thing", handler(echo)),
        Operation::get("/v1/{organization}/thing/{owner_id}/part", "get-part", handler(echo)),
        Operation::post("/v1/{organization}/picture", "put-picture", handler(size))
            .body::<NewThing>()
            .images(),
        Operation::post("/v1/{organization}/signin", "sign-in", handler(sign_in))
            .public()
            .rate_by_header("signin", "x-api-key-id"),
        Operation::get("/v1/{organization}/slow", "slow", handler(slow)),
        Operation::put("/v1/{organization}/slow", "slow-write", handler(slow)),
        Operation::get("/v1/{organization}/broken/{failure}", "broken", handler(broken)),
        Operation::get("/v1/{organization}/panic", "panic", handler(panics)),
        Operation::post("/v1/{organization}/stream", "stream", handler(stream))
            .streaming::<Part>()
            .responds_lines::<Thing>(200)
            .errors(&[401])
            .rate("stream"),
    ]
}

async fn list(call: Call) -> Result<Reply, Problem> {
    if call.header("authorization").is_some_and(|value| value == "Bearer wrong") {
        return Err(ErrorCode::InvalidCredentials.into());
    }
    let mut query = QueryReader::new(&call);
    let ids = query.strings("id");
    let limit = query.int("limit", 10, 1, 100);
    let checked = query.bool("checked");
    let even = query.customs("even", |text| match text.parse::<u32>() {
        Ok(number) if number % 2 == 0 => Ok(number),
        _ => Err(denizen_http::kernel::FieldProblem::value_error("must be even")),
    });
    let answer = json!({"ids": ids, "limit": limit, "checked": checked, "even": even});
    Ok(Reply::json(200, &query.finish(answer)?))
}

async fn search(call: Call) -> Result<Reply, Problem> {
    let mut query = QueryReader::new(&call);
    let text = query.required("query");
    Ok(Reply::json(200, &query.finish(text)?))
}

async fn create(call: Call) -> Result<Reply, Problem> {
    let mut query = QueryReader::new(&call);
    query.int("limit", 1, 1, 9);
    let mut reader = Reader::body(&call)?;
    reader.join(query);
    let name = reader.required_text("name", 5);
    let email = reader.email("email");
    let nickname = reader.patch_text("nickname", 5);
    let flag = reader.bool("flag");
    let tags = reader.strings("tags", 2, 3);
    let words = reader.map("words", 2, 3, |_| Ok(()));
    let owner = reader.object("owner", |owner| owner.required_text("name", 5));
    let parts = reader.array_of("parts", 2, |part| part.required_text("name", 5));
    let answer = json!({
        "name": name, "email": email.as_str(), "nickname": format!("{nickname:?}"), "flag": flag, "tags": tags,
        "words": words, "owner": owner, "parts": parts
    });
    Ok(Reply::json(201, &reader.finish(answer)?))
}

/// Shows what the kernel made of the request.
async fn echo(call: Call) -> Result<Reply, Problem> {
    let id = if call.query().get("owner").is_some() { call.path("owner_id") } else { "" };
    Ok(Reply::json(
        200,
        &json!({
            "organization": call.path("organization"), "owner": id, "method": call.method().as_str(),
            "request_id": call.request_id(), "target": call.header("x-target"),
        }),
    ))
}

async fn size(call: Call) -> Result<Reply, Problem> {
    Ok(Reply::json(200, &call.body().len()))
}

async fn sign_in(call: Call) -> Result<Reply, Problem> {
    let mut headers = QueryReader::new(&call);
    let key = headers.required_header("x-api-key-id");
    headers.finish(())?;
    if key == "wrong" { Err(ErrorCode::InvalidCredentials.into()) } else { Ok(Reply::null()) }
}

/// Meets a failure of the store.
async fn broken(call: Call) -> Result<Reply, Problem> {
    let text = "permission denied for table users (42501)".to_owned();
    let failure = match call.path("failure") {
        "refused" => StoreError::Refused(text),
        "unreachable" => StoreError::Unreachable(text),
        _ => StoreError::Busy,
    };
    Err(Error::from(failure).into())
}

async fn slow(_: Call) -> Result<Reply, Problem> {
    tokio::time::sleep(Duration::from_mins(1)).await;
    Ok(Reply::null())
}

/// Answers each piece of the body as it comes.
async fn stream(call: Call) -> Result<Reply, Problem> {
    if call.header("authorization").is_some() {
        return Err(ErrorCode::InvalidCredentials.into());
    }
    let mut arriving = call.arriving().await;
    let app = Arc::clone(call.app());
    Ok(Reply::stream(HeaderValue::from_static("application/x-ndjson"), |out| async move {
        loop {
            let next = tokio::select! {
                next = arriving.next() => next,
                () = app.stopping() => return out.send("stopped").await,
            };
            match next {
                Ok(Some(piece)) => {
                    assert!(!piece.starts_with(b"panic"), "as the body asks");
                    out.send(piece).await;
                }
                Ok(None) => return out.send("end").await,
                Err(problem) => return out.send(problem.status_and_text().unwrap().1.into_owned()).await,
            }
        }
    }))
}

async fn panics(call: Call) -> Result<Reply, Problem> {
    Ok(Reply::text(200, call.path("no such parameter").to_owned()))
}
