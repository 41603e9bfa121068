//! Which operation a path and a method mean.
//!
//! Tolerated: several slashes at the beginning, and one more or one less at the end. Nothing else is: an empty segment
//! in the middle would let a forgotten id turn one operation into another.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;

use super::dialect::Dialect;
use super::metrics::{Metrics, OperationMetrics};
use super::operation::{BodyLimit, Handler, Operation, Rate};
use super::problem::Problem;
use super::reply::Reply;

/// A dialect, or the process itself, with its operations.
pub(crate) struct Mounted {
    pub(crate) name: &'static str,
    pub(crate) owns_path: fn(&str) -> bool,
    pub(crate) problem: fn(&Problem) -> Reply,
    pub(crate) operations: Vec<Operation>,
}

impl Mounted {
    pub(crate) fn dialect(dialect: &Dialect) -> Self {
        Self {
            name: dialect.name,
            owns_path: dialect.owns_path,
            problem: dialect.problem,
            operations: (dialect.operations)(),
        }
    }
}

/// What the kernel needs of an operation for each request, looked up once.
pub(crate) struct Endpoint {
    pub(crate) template: &'static str,
    pub(crate) params: Vec<&'static str>,
    pub(crate) operation: Arc<Served>,
}

/// The part of an endpoint that all places of an operation share.
pub(crate) struct Served {
    pub(crate) dialect: &'static str,
    pub(crate) id: &'static str,
    pub(crate) problem: fn(&Problem) -> Reply,
    pub(crate) handler: Handler,
    pub(crate) reads_body: bool,
    pub(crate) body_limit: usize,
    pub(crate) streams: bool,
    /// The limit of a minute, where there is one.
    pub(crate) rate: Option<(Rate, u32)>,
    pub(crate) internal: bool,
    pub(crate) quiet: bool,
    pub(crate) metrics: OperationMetrics,
}

/// Who answers for paths without an operation.
struct Stranger {
    owns_path: fn(&str) -> bool,
    form: Arc<Form>,
}

/// The form of the problems of requests that mean no operation.
pub(crate) struct Form {
    pub(crate) dialect: &'static str,
    pub(crate) problem: fn(&Problem) -> Reply,
    pub(crate) metrics: OperationMetrics,
}

/// The methods of one shape of paths.
#[derive(Default)]
struct Methods {
    by_method: Vec<(Method, Arc<Endpoint>)>,
    allow: Option<HeaderValue>,
}

/// All routes of a process.
pub(crate) struct Routes {
    table: matchit::Router<Methods>,
    strangers: Vec<Stranger>,
    plain: Arc<Form>,
}

/// What a request means.
pub(crate) enum Found {
    Endpoint(Arc<Endpoint>, Vec<(&'static str, String)>),
    Problem(Arc<Form>, Problem),
}

impl Routes {
    /// # Panics
    /// When two operations claim one place, or an alias has other parameters than its operation: a defect that shows at
    /// every start.
    pub(crate) fn new(mounted: &[Mounted], metrics: &Metrics, settings: &super::app::HttpSettings) -> Self {
        let mut shapes: HashMap<String, Methods> = HashMap::new();
        for part in mounted {
            for operation in &part.operations {
                let rate = operation.rate.and_then(|rate| {
                    let limits = settings.rate_limits.as_ref()?.get(part.name)?;
                    limits.get(rate.key).filter(|limit| **limit > 0).map(|limit| (rate, *limit))
                });
                let served = Arc::new(Served {
                    dialect: part.name,
                    id: operation.id,
                    problem: part.problem,
                    handler: operation.handler.clone(),
                    reads_body: operation.body.is_some(),
                    body_limit: match operation.body_limit {
                        BodyLimit::Ordinary => settings.body_bytes,
                        BodyLimit::Images => settings.body_bytes.saturating_mul(8),
                        // A character of one byte can be spelt in six: `\u0061`.
                        BodyLimit::Transcript => {
                            settings.body_bytes.saturating_add(settings.transcript_bytes.saturating_mul(6))
                        }
                    },
                    streams: operation.streams,
                    rate,
                    internal: operation.internal,
                    quiet: operation.quiet,
                    metrics: metrics.of_operation(part.name, operation.id),
                });
                for (method, template) in operation.places() {
                    let (shape, params) = shape_of(template);
                    let same_params = shape_of(operation.path).1.iter().all(|name| params.contains(name));
                    assert!(same_params, "{template} lacks a parameter of {}", operation.path);
                    let methods = shapes.entry(shape).or_default();
                    let taken = methods.by_method.iter().any(|(known, _)| known == method);
                    assert!(!taken, "two operations claim {method} {template}");
                    let endpoint = Endpoint { template, params, operation: Arc::clone(&served) };
                    methods.by_method.push((method.clone(), Arc::new(endpoint)));
                }
            }
        }
        let mut table = matchit::Router::new();
        for (shape, mut methods) in shapes {
            methods.seal();
            table.insert(&shape, methods).unwrap_or_else(|error| panic!("{shape} cannot be routed: {error}"));
        }
        let form = |dialect, problem| {
            Arc::new(Form { dialect, problem, metrics: metrics.of_operation(dialect, "none") })
        };
        let strangers = mounted
            .iter()
            .map(|part| Stranger { owns_path: part.owns_path, form: form(part.name, part.problem) })
            .collect();
        Self { table, strangers, plain: form("none", plain) }
    }

    pub(crate) fn find(&self, method: &Method, path: &str) -> Found {
        let path = tidy(path);
        let trimmed = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
        let Ok(matched) = self.table.at(trimmed) else {
            return Found::Problem(self.form(path), Problem::NotFound);
        };
        let Some(endpoint) = matched.value.endpoint(method) else {
            let allow = matched.value.allow.clone().unwrap_or_else(|| HeaderValue::from_static(""));
            return Found::Problem(self.form(path), Problem::MethodNotAllowed { allow });
        };
        let mut params = Vec::with_capacity(endpoint.params.len());
        for (name, (_, value)) in endpoint.params.iter().zip(matched.params.iter()) {
            let value = percent_decode_str(value).decode_utf8().ok();
            let Some(value) = value.filter(|value| can_be_a_name(value)) else {
                return Found::Problem(self.form(path), Problem::NotFound);
            };
            params.push((*name, value.into_owned()));
        }
        Found::Endpoint(Arc::clone(endpoint), params)
    }

    fn form(&self, path: &str) -> Arc<Form> {
        let owner = self.strangers.iter().find(|stranger| (stranger.owns_path)(path));
        Arc::clone(owner.map_or(&self.plain, |stranger| &stranger.form))
    }
}

/// What is empty names nothing, and neither does what holds a NUL character, which no text has: a database may refuse to
/// be asked for it, and that would look as if the database failed.
fn can_be_a_name(param: &str) -> bool {
    !param.is_empty() && !param.contains('\0')
}

impl Methods {
    fn seal(&mut self) {
        let mut names: Vec<&str> = self.by_method.iter().map(|(method, _)| method.as_str()).collect();
        if names.contains(&"GET") && !names.contains(&"HEAD") {
            names.push("HEAD");
        }
        names.sort_unstable();
        self.allow =
            Some(HeaderValue::try_from(names.join(", ")).expect("names of methods are visible ASCII"));
    }

    fn endpoint(&self, method: &Method) -> Option<&Arc<Endpoint>> {
        let of = |wanted: &Method| {
            self.by_method.iter().find(|(known, _)| known == wanted).map(|(_, endpoint)| endpoint)
        };
        of(method).or_else(|| if *method == Method::HEAD { of(&Method::GET) } else { None })
    }
}

/// Several slashes at the beginning count as one.
fn tidy(path: &str) -> &str {
    let mut path = path;
    while let Some(rest) = path.strip_prefix('/').filter(|rest| rest.starts_with('/')) {
        path = rest;
    }
    path
}

/// A published path without its final slash and with numbered parameters, so that operations whose parameters have
/// different names can share a place; and the names.
fn shape_of(template: &'static str) -> (String, Vec<&'static str>) {
    let mut params = Vec::new();
    let mut shape = String::new();
    for segment in template.split('/').filter(|segment| !segment.is_empty()) {
        shape.push('/');
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => {
                shape.push_str("{p");
                shape.push_str(&params.len().to_string());
                shape.push('}');
                params.push(name);
            }
            None => shape.push_str(segment),
        }
    }
    if shape.is_empty() {
        shape.push('/');
    }
    (shape, params)
}

/// The form of errors where no dialect has a say.
pub(crate) fn plain(problem: &Problem) -> Reply {
    let (status, text) = match problem {
        Problem::Directory(error) => (500, error.text.clone().into()),
        Problem::Invalid(problems) => return Reply::json(422, &serde_json::json!({ "detail": problems })),
        other => other.status_and_text().unwrap_or((500, "Internal error".into())),
    };
    Reply::json(status, &serde_json::json!({ "detail": text }))
}
