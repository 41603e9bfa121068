//! Which operation a path and a method mean.
//!
//! Tolerated: several slashes at the beginning, and one more or one less at the end. Nothing else is: an empty segment
//! in the middle would let a forgotten id turn one operation into another.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;

use super::app::HttpSettings;
use super::dialect::Dialect;
use super::metrics::{Metrics, OperationMetrics};
use super::operation::{Handler, Operation, Rate};
use super::problem::{Asked, Problem};
use super::reply::Reply;
use super::shape::{Shape, with_common};

/// A dialect, or the process itself, with its operations.
pub(crate) struct Mounted {
    pub(crate) name: &'static str,
    /// See [`Dialect::roots`].
    pub(crate) roots: &'static [&'static str],
    /// See [`Dialect::fits`].
    pub(crate) fits: fn(&str, &str) -> bool,
    /// See [`Dialect::judges_params`].
    pub(crate) judges_params: bool,
    /// See [`Dialect::falls_through`].
    pub(crate) falls_through: bool,
    pub(crate) problem: fn(&Problem, &Asked<'_>) -> Reply,
    pub(crate) operations: Vec<Operation>,
}

impl Mounted {
    pub(crate) fn dialect(dialect: &Dialect) -> Self {
        Self {
            name: dialect.name,
            roots: dialect.roots,
            fits: dialect.fits,
            judges_params: dialect.judges_params,
            falls_through: dialect.falls_through,
            problem: dialect.problem,
            operations: (dialect.operations)(),
        }
    }

    /// A part of the process itself, whose paths have no parameters and which answers for no others.
    pub(crate) fn own(name: &'static str, operations: Vec<Operation>) -> Self {
        Self {
            name,
            roots: &[],
            fits: |_, _| true,
            judges_params: false,
            falls_through: false,
            problem: plain,
            operations,
        }
    }
}

/// What the kernel needs of an operation for each request, looked up once.
pub(crate) struct Endpoint {
    pub(crate) template: &'static str,
    /// Each with its place among the parts of the path.
    params: Vec<(usize, &'static str)>,
    pub(crate) operation: Arc<Served>,
}

impl Endpoint {
    /// Whether the first parameter of the path is an organization's name.
    pub(crate) fn names_organization(&self) -> bool {
        self.params.first().is_some_and(|(_, name)| *name == "organization")
    }
}

/// The part of an endpoint that all places of an operation share.
pub(crate) struct Served {
    pub(crate) dialect: &'static str,
    pub(crate) id: &'static str,
    pub(crate) problem: fn(&Problem, &Asked<'_>) -> Reply,
    pub(crate) judges_params: bool,
    pub(crate) handler: Handler,
    pub(crate) reads_body: bool,
    pub(crate) body_limit: usize,
    /// The body is given to the handler as it arrives.
    pub(crate) streams: bool,
    /// There is no limit to the time that the handler takes.
    pub(crate) takes_its_time: bool,
    /// Bodies longer than this are left on their way until it is known who sends them.
    pub(crate) read_at_once: usize,
    /// The limit of a minute, where there is one.
    pub(crate) rate: Option<(Rate, u32)>,
    pub(crate) internal: bool,
    pub(crate) quiet: bool,
    pub(crate) metrics: OperationMetrics,
}

/// The form of the problems of requests that mean no operation.
pub(crate) struct Form {
    pub(crate) dialect: &'static str,
    pub(crate) problem: fn(&Problem, &Asked<'_>) -> Reply,
    pub(crate) metrics: OperationMetrics,
}

/// One method of one published path.
struct Place<'m> {
    part: &'m Mounted,
    method: Method,
    shape: Shape,
    endpoint: Arc<Endpoint>,
}

impl Place<'_> {
    /// Whether the words of a nearer shape can stand where this place has parameters.
    fn takes(&self, shape: &Shape) -> bool {
        let takes = |(place, name): &(usize, &str)| {
            shape.word(*place).is_none_or(|word| (self.part.fits)(name, word))
        };
        self.endpoint.params.iter().all(takes)
    }
}

/// The methods of one shape of paths.
struct Methods {
    by_method: Vec<(Method, Arc<Endpoint>)>,
    allow: HeaderValue,
    form: Arc<Form>,
}

/// All routes of a process.
pub(crate) struct Routes {
    table: matchit::Router<Methods>,
    /// Who answers for paths without an operation: longer beginnings first.
    strangers: Vec<(&'static str, Arc<Form>)>,
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
    pub(crate) fn new(mounted: &[Mounted], metrics: &Metrics, settings: &HttpSettings) -> Self {
        let form = |dialect, problem| {
            Arc::new(Form { dialect, problem, metrics: metrics.of_operation(dialect, "none") })
        };
        let forms: HashMap<&str, Arc<Form>> =
            mounted.iter().map(|part| (part.name, form(part.name, part.problem))).collect();
        let mut places = Vec::new();
        for part in mounted {
            for operation in &part.operations {
                places.extend(places_of(part, operation, metrics, settings));
            }
        }
        // Nearer ones first.
        places.sort_by(|one, other| one.shape.cmp(&other.shape));
        let mut table = matchit::Router::new();
        for shape in with_common(places.iter().map(|place| place.shape.clone()).collect()) {
            let methods = Methods::of(&shape, &places, &forms);
            let pattern = shape.pattern();
            table
                .insert(&pattern, methods)
                .unwrap_or_else(|error| panic!("{pattern} cannot be routed: {error}"));
        }
        let mut strangers: Vec<(&'static str, Arc<Form>)> = mounted
            .iter()
            .flat_map(|part| part.roots.iter().map(|root| (*root, Arc::clone(&forms[part.name]))))
            .collect();
        strangers.sort_by_key(|(root, _)| std::cmp::Reverse(root.len()));
        Self { table, strangers, plain: form("none", plain) }
    }

    pub(crate) fn find(&self, method: &Method, path: &str) -> Found {
        let path = tidy(path);
        let trimmed = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
        let Ok(matched) = self.table.at(trimmed) else {
            return Found::Problem(self.form(path), Problem::NotFound);
        };
        let Some(endpoint) = matched.value.endpoint(method) else {
            let allow = matched.value.allow.clone();
            return Found::Problem(Arc::clone(&matched.value.form), Problem::MethodNotAllowed { allow });
        };
        let mut params = Vec::with_capacity(endpoint.params.len());
        // A path begins with a slash, before which there is nothing.
        let mut parts = trimmed.split('/').skip(1);
        let mut passed = 0;
        for (place, name) in &endpoint.params {
            let part = parts.nth(place - passed).unwrap_or_default();
            passed = place + 1;
            let Some(value) = param(part, endpoint.operation.judges_params) else {
                return Found::Problem(self.form(path), Problem::NotFound);
            };
            params.push((*name, value));
        }
        Found::Endpoint(Arc::clone(endpoint), params)
    }

    fn form(&self, path: &str) -> Arc<Form> {
        let is_below =
            |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let owner = self.strangers.iter().find(|(root, _)| is_below(root));
        Arc::clone(owner.map_or(&self.plain, |(_, form)| form))
    }
}

/// Every place of an operation, where the settings want it.
fn places_of<'m>(
    part: &'m Mounted,
    operation: &Operation,
    metrics: &Metrics,
    settings: &HttpSettings,
) -> Vec<Place<'m>> {
    let rate = operation.rate.and_then(|rate| {
        let limits = settings.rate_limits.as_ref()?.get(part.name)?;
        limits.get(rate.key).filter(|limit| **limit > 0).map(|limit| (rate, *limit))
    });
    let served = Arc::new(Served {
        dialect: part.name,
        id: operation.id,
        problem: part.problem,
        judges_params: part.judges_params,
        handler: operation.handler.clone(),
        reads_body: operation.body.is_some(),
        body_limit: operation.body_limit.bytes(settings),
        streams: operation.streams || operation.takes_file,
        takes_its_time: operation.takes_file,
        read_at_once: operation.body_limit.at_once(settings),
        rate,
        internal: operation.internal,
        quiet: operation.quiet,
        metrics: metrics.of_operation(part.name, operation.id),
    });
    let own_params = Shape::of(operation.path).1;
    let chosen = operation.chosen_places.iter().filter(|chosen| (chosen.is_wanted)(settings));
    let chosen = chosen.map(|chosen| (&chosen.method, chosen.path));
    operation
        .places()
        .chain(chosen)
        .map(|(method, template)| {
            let (shape, params) = Shape::of(template);
            let has = |wanted: &str| params.iter().any(|(_, name)| *name == wanted);
            assert!(
                own_params.iter().all(|(_, name)| has(name)),
                "{template} lacks a parameter of {}",
                operation.path
            );
            let endpoint = Arc::new(Endpoint { template, params, operation: Arc::clone(&served) });
            Place { part, method: method.clone(), shape, endpoint }
        })
        .collect()
}

/// A parameter of the path. What is empty names nothing, and neither does what holds a NUL character, which no text has: a
/// database may refuse to be asked for it, and that would look as if the database failed. An operation that judges its
/// parameters is given what is not empty, whatever it is.
fn param(part: &str, is_judged: bool) -> Option<String> {
    let bytes = percent_decode_str(part);
    let value = if is_judged { bytes.decode_utf8_lossy() } else { bytes.decode_utf8().ok()? };
    let is_name = !value.is_empty() && (is_judged || !value.contains('\0'));
    is_name.then(|| value.into_owned())
}

impl Methods {
    /// The methods of a shape, of all places, nearer ones first.
    ///
    /// A nearer place of the same dialect hides others, whatever their methods, unless the dialect falls through. Of
    /// another dialect a place counts if what stands in the path can be what its parameters mean; when no place is left
    /// by that, the nearest one's dialect answers.
    fn of(shape: &Shape, places: &[Place<'_>], forms: &HashMap<&str, Arc<Form>>) -> Self {
        let meant: Vec<&Place<'_>> = places.iter().filter(|place| place.shape.covers(shape)).collect();
        let is_hidden = |place: &Place<'_>| {
            let hides = |other: &&Place<'_>| {
                other.part.name == place.part.name
                    && other.shape != place.shape
                    && place.shape.covers(&other.shape)
            };
            meant.iter().any(hides)
        };
        let counts = |place: &&&Place<'_>| {
            if is_hidden(place) { place.part.falls_through } else { place.takes(shape) }
        };
        let mut chosen: Vec<&Place<'_>> = meant.iter().filter(counts).copied().collect();
        if chosen.is_empty() {
            let nearest = meant[0].part.name;
            chosen = meant
                .iter()
                .filter(|place| place.part.name == nearest && !is_hidden(place))
                .copied()
                .collect();
        }
        let mut by_method: Vec<(Method, Arc<Endpoint>)> = Vec::new();
        for place in &chosen {
            let twin = |other: &&&Place<'_>| other.method == place.method && other.shape == place.shape;
            assert!(
                chosen.iter().filter(twin).count() == 1,
                "two operations claim {} {}",
                place.method,
                place.endpoint.template
            );
            if !by_method.iter().any(|(known, _)| *known == place.method) {
                by_method.push((place.method.clone(), Arc::clone(&place.endpoint)));
            }
        }
        let mut names: Vec<&str> = by_method.iter().map(|(method, _)| method.as_str()).collect();
        if names.contains(&"GET") && !names.contains(&"HEAD") {
            names.push("HEAD");
        }
        names.sort_unstable();
        let allow = HeaderValue::try_from(names.join(", ")).expect("names of methods are visible ASCII");
        Self { by_method, allow, form: Arc::clone(&forms[chosen[0].part.name]) }
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

/// The form of errors where no dialect has a say: the words stand where clients of either look for them.
pub(crate) fn plain(problem: &Problem, _: &Asked<'_>) -> Reply {
    let (status, text) = match problem {
        Problem::Directory(error) => (500, error.text.clone().into()),
        Problem::Invalid(problems) => return Reply::json(422, &serde_json::json!({ "detail": problems })),
        other => other.status_and_text().unwrap_or((500, "Internal error".into())),
    };
    Reply::json(status, &serde_json::json!({ "detail": text, "message": text }))
}
