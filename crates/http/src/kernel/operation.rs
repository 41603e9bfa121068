//! One published operation: where it is found, what it takes and answers, and the function that does it.
//!
//! The router, the OpenAPI document and the page for people are all made from a list of these.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::app::HttpSettings;
use super::call::Call;
use super::dialect::HeaderParam;
use super::problem::Problem;
use super::reader::FORM;
use super::reply::Reply;

type Answering = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

/// The function of an operation.
#[derive(Clone)]
pub struct Handler(Arc<dyn Fn(Call) -> Answering + Send + Sync>);

impl Handler {
    pub(crate) fn call(&self, call: Call) -> Answering {
        (self.0)(call)
    }
}

/// Makes a handler of an `async fn(Call) -> Result<Reply, Problem>`.
pub fn handler<F, Fut>(function: F) -> Handler
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Problem>> + Send + 'static,
{
    Handler(Arc::new(move |call| Box::pin(function(call))))
}

/// The media type of a sequence of JSON values, one in each line.
pub const LINES: &str = "application/x-ndjson";

/// The media type of a form with files.
pub const FORM_DATA: &str = "multipart/form-data";

/// The schema of a Rust type, to be asked for when a document is made.
#[derive(Clone, Copy)]
pub struct SchemaRef(pub(crate) fn(&mut SchemaGenerator) -> Schema);

impl SchemaRef {
    pub fn of<T: JsonSchema>() -> Self {
        Self(SchemaGenerator::subschema_for::<T>)
    }
}

/// How large a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLimit {
    /// `limits.body_bytes`.
    Ordinary,
    /// Eight times as much, for pictures in base64.
    Images,
    /// `limits.body_bytes`, and a transcript of `amigo.transcript_bytes` in the longest spelling that JSON has for it.
    Transcript,
    /// `dixa.bulk_bytes`, for many records in one call.
    Bulk,
    /// `eva.csv_bytes`, for a file of operators, and what a form has around it.
    Csv,
}

impl BodyLimit {
    pub(crate) fn bytes(self, settings: &HttpSettings) -> usize {
        match self {
            Self::Ordinary => settings.body_bytes,
            Self::Images => settings.body_bytes.saturating_mul(8),
            // A character of one byte can be spelt in six: `\u0061`.
            Self::Transcript => {
                settings.body_bytes.saturating_add(settings.transcript_bytes.saturating_mul(6))
            }
            Self::Bulk => settings.dixa.bulk_bytes,
            Self::Csv => settings.eva.csv_bytes.saturating_add(settings.body_bytes),
        }
    }

    /// Up to how many bytes are read before it is known who sends them: what anybody can have held in memory.
    pub(crate) fn at_once(self, settings: &HttpSettings) -> usize {
        match self {
            Self::Bulk => settings.body_bytes.min(settings.dixa.bulk_bytes),
            other => other.bytes(settings),
        }
    }
}

/// A place of an operation that is served where the settings want it, and not published.
#[derive(Clone)]
pub(crate) struct ChosenPlace {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) is_wanted: fn(&HttpSettings) -> bool,
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Any of the dialect's ways to authenticate.
    Default,
    /// Also, or only, callers who do not authenticate.
    None,
    /// These schemes, which go together.
    All(&'static [&'static str]),
}

/// How calls are counted against the limit of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The key of the limit in the settings.
    pub key: &'static str,
    /// Counted for each value of this header, besides the organization. Such an operation proves who the caller is, so
    /// failures count too; elsewhere a caller who could not be authenticated must not use an organization's share up.
    pub header: Option<&'static str>,
    /// The header in which a caller names an organization other than the path's as its own. Such callers are counted
    /// apart: they may turn out to have no business in the path's organization, and must not use its share up.
    pub issuer: Option<&'static str>,
    /// Whether the organization in the path is only about to be: then calls are counted for the caller's own, or every
    /// new name would have a minute of its own.
    pub names_new: bool,
}

/// A parameter after the `?`.
#[derive(Debug, Clone)]
pub struct QueryParam {
    pub name: &'static str,
    pub description: &'static str,
    pub required: bool,
    /// JSON Schema.
    pub schema: Value,
}

impl QueryParam {
    /// An optional parameter with a JSON Schema.
    pub fn new(name: &'static str, schema: Value) -> Self {
        Self { name, description: "", required: false, schema }
    }

    pub fn text(name: &'static str) -> Self {
        Self::new(name, json!({"type": "string"}))
    }

    /// A repeated key.
    pub fn texts(name: &'static str) -> Self {
        Self::new(name, json!({"type": "array", "items": {"type": "string"}, "default": []}))
    }

    /// A whole number with both bounds inclusive.
    pub fn int(name: &'static str, default: i64, least: i64, most: i64) -> Self {
        Self::new(name, json!({"type": "integer", "default": default, "minimum": least, "maximum": most}))
    }

    pub fn bool(name: &'static str) -> Self {
        Self::new(name, json!({"type": "boolean"}))
    }

    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    #[must_use]
    pub fn about(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }
}

/// A successful answer.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    pub description: Cow<'static, str>,
    pub schema: Option<SchemaRef>,
    /// The media type of the body, where there is one.
    pub content_type: &'static str,
}

/// An error answer, as a dialect describes it for a status.
#[derive(Clone)]
pub struct ErrorResponse {
    pub description: &'static str,
    pub schema: Option<SchemaRef>,
    /// The media type of the body, where there is one.
    pub content_type: &'static str,
}

/// A published operation.
#[derive(Clone)]
pub struct Operation {
    pub method: Method,
    /// Exactly as published, parameters in braces: `/v1/{organization}/user/`.
    pub path: &'static str,
    /// Unique within the dialect, such as `get-users`.
    pub id: &'static str,
    /// Other published places of the same operation. Each must have the same parameters.
    pub aliases: Vec<(Method, &'static str)>,
    pub(crate) chosen_places: Vec<ChosenPlace>,
    pub summary: &'static str,
    pub description: &'static str,
    /// The heading under which it is listed.
    pub tag: &'static str,
    pub query: Vec<QueryParam>,
    pub headers: Vec<HeaderParam>,
    pub body: Option<SchemaRef>,
    /// Whether a request without a body is understood too.
    pub body_optional: bool,
    /// A body for the page's example call.
    pub body_example: Option<Value>,
    pub responses: Vec<Response>,
    pub errors: Vec<u16>,
    pub security: Security,
    pub rate: Option<Rate>,
    pub body_limit: BodyLimit,
    /// The body is given to the handler as it arrives, and the answer may be made while it is sent: neither has a limit
    /// of size or time as a whole. Such a body is a sequence of JSON values, a line each.
    pub streams: bool,
    /// The body is what a form sends, and not JSON.
    pub is_form: bool,
    /// The body is a form with a file in it, which the handler reads as it arrives, and there is no limit to the time that
    /// the operation takes.
    pub takes_file: bool,
    /// Whether the concurrency limit leaves it alone and the published description leaves it out.
    pub(crate) internal: bool,
    pub(crate) quiet: bool,
    pub(crate) handler: Handler,
}

impl Operation {
    pub fn new(method: Method, path: &'static str, id: &'static str, handler: Handler) -> Self {
        Self {
            method,
            path,
            id,
            aliases: Vec::new(),
            chosen_places: Vec::new(),
            summary: "",
            description: "",
            tag: "",
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            body_optional: false,
            body_example: None,
            responses: Vec::new(),
            errors: Vec::new(),
            security: Security::Default,
            rate: None,
            body_limit: BodyLimit::Ordinary,
            streams: false,
            is_form: false,
            takes_file: false,
            internal: false,
            quiet: false,
            handler,
        }
    }

    pub fn get(path: &'static str, id: &'static str, handler: Handler) -> Self {
        Self::new(Method::GET, path, id, handler)
    }

    pub fn post(path: &'static str, id: &'static str, handler: Handler) -> Self {
        Self::new(Method::POST, path, id, handler)
    }

    pub fn put(path: &'static str, id: &'static str, handler: Handler) -> Self {
        Self::new(Method::PUT, path, id, handler)
    }

    pub fn patch(path: &'static str, id: &'static str, handler: Handler) -> Self {
        Self::new(Method::PATCH, path, id, handler)
    }

    pub fn delete(path: &'static str, id: &'static str, handler: Handler) -> Self {
        Self::new(Method::DELETE, path, id, handler)
    }

    /// Another published place of the same operation.
    #[must_use]
    pub fn alias(mut self, method: Method, path: &'static str) -> Self {
        self.aliases.push((method, path));
        self
    }

    /// Another place of the same operation, which is not published, and served only where the settings want it.
    #[must_use]
    pub fn alias_if(
        mut self,
        is_wanted: fn(&HttpSettings) -> bool,
        method: Method,
        path: &'static str,
    ) -> Self {
        self.chosen_places.push(ChosenPlace { method, path, is_wanted });
        self
    }

    /// A few words.
    #[must_use]
    pub fn summary(mut self, text: &'static str) -> Self {
        self.summary = text;
        self
    }

    /// A paragraph.
    #[must_use]
    pub fn description(mut self, text: &'static str) -> Self {
        self.description = text;
        self
    }

    #[must_use]
    pub fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    #[must_use]
    pub fn query(mut self, param: QueryParam) -> Self {
        self.query.push(param);
        self
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, description: &'static str, required: bool) -> Self {
        self.headers.push(HeaderParam { name, description, required });
        self
    }

    /// The media type of the request's body.
    pub(crate) fn body_type(&self) -> &'static str {
        match self {
            Self { streams: true, .. } => LINES,
            Self { is_form: true, .. } => FORM,
            Self { takes_file: true, .. } => FORM_DATA,
            _ => "application/json",
        }
    }

    /// The operation reads a JSON body of this form. Without this call no body is read.
    #[must_use]
    pub fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(SchemaRef::of::<T>());
        self
    }

    /// The operation reads the fields of a form; `T` is what they would be as an object.
    #[must_use]
    pub fn form<T: JsonSchema>(mut self) -> Self {
        self.is_form = true;
        self.body::<T>()
    }

    /// Like [`Operation::body`], but it may be absent.
    #[must_use]
    pub fn optional_body<T: JsonSchema>(mut self) -> Self {
        self.body_optional = true;
        self.body::<T>()
    }

    /// A body for the page's example call.
    #[must_use]
    pub fn example(mut self, body: Value) -> Self {
        self.body_example = Some(body);
        self
    }

    /// See [`Operation::streams`]; `T` is the form of a line of the body.
    #[must_use]
    pub fn streaming<T: JsonSchema>(mut self) -> Self {
        self.streams = true;
        self.body_optional = true;
        self.body::<T>()
    }

    /// See [`Operation::takes_file`] and [`BodyLimit::Csv`]; `T` is the form with its parts.
    #[must_use]
    pub fn csv<T: JsonSchema>(mut self) -> Self {
        self.takes_file = true;
        self.body_limit = BodyLimit::Csv;
        self.body::<T>()
    }

    #[must_use]
    pub fn images(mut self) -> Self {
        self.body_limit = BodyLimit::Images;
        self
    }

    #[must_use]
    pub fn transcript(mut self) -> Self {
        self.body_limit = BodyLimit::Transcript;
        self
    }

    /// See [`BodyLimit::Bulk`].
    #[must_use]
    pub fn bulk(mut self) -> Self {
        self.body_limit = BodyLimit::Bulk;
        self
    }

    /// A success with a JSON body.
    #[must_use]
    pub fn responds<T: JsonSchema>(self, status: u16) -> Self {
        self.response(status, Some(SchemaRef::of::<T>()), "application/json")
    }

    /// A success with a JSON value in each line, of this form.
    #[must_use]
    pub fn responds_lines<T: JsonSchema>(self, status: u16) -> Self {
        self.response(status, Some(SchemaRef::of::<T>()), LINES)
    }

    /// A success without a body.
    #[must_use]
    pub fn responds_empty(self, status: u16) -> Self {
        self.response(status, None, "")
    }

    /// A success with a page for people.
    #[must_use]
    pub fn responds_html(self, status: u16) -> Self {
        self.response(status, None, "text/html")
    }

    fn response(mut self, status: u16, schema: Option<SchemaRef>, content_type: &'static str) -> Self {
        let description = match status {
            201 => "Created",
            202 => "Accepted",
            204 => "Done; no body",
            303 => "See the address in `Location`",
            404 => "A page that says that there is nothing here",
            _ => "Success",
        };
        self.responses.push(Response { status, description: description.into(), schema, content_type });
        self
    }

    /// The error statuses that it documents; their bodies are the dialect's.
    #[must_use]
    pub fn errors(mut self, statuses: &[u16]) -> Self {
        self.errors.extend_from_slice(statuses);
        self
    }

    /// Callers need not authenticate.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.security = Security::None;
        self
    }

    #[must_use]
    pub fn security(mut self, schemes: &'static [&'static str]) -> Self {
        self.security = Security::All(schemes);
        self
    }

    /// Counted per organization (the first parameter of the path) and minute, under this key of the settings.
    #[must_use]
    pub fn rate(mut self, key: &'static str) -> Self {
        self.rate = Some(Rate { key, header: None, issuer: None, names_new: false });
        self
    }

    /// Counted per organization, value of a header, and minute; failures count too.
    #[must_use]
    pub fn rate_by_header(mut self, key: &'static str, header: &'static str) -> Self {
        self.rate = Some(Rate { key, header: Some(header), issuer: None, names_new: false });
        self
    }

    /// See [`Rate::names_new`].
    #[must_use]
    pub fn rate_of_caller(mut self, key: &'static str) -> Self {
        self.rate = Some(Rate { key, header: None, issuer: None, names_new: true });
        self
    }

    /// See [`Rate::issuer`]. Does nothing where calls are not counted, or counted before anybody is authenticated:
    /// there the header could be anything.
    #[must_use]
    pub fn issuer_header(mut self, header: &'static str) -> Self {
        if let Some(rate) = self.rate.as_mut().filter(|rate| rate.header.is_none()) {
            rate.issuer = Some(header);
        }
        self
    }

    /// Of this process and not of a dialect: never turned away for load, and not published.
    #[must_use]
    pub(crate) fn internal(mut self) -> Self {
        self.internal = true;
        self.public()
    }

    /// Asked all day by whoever watches the process: that it succeeded is logged as detail only.
    #[must_use]
    pub(crate) fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Every published place of the operation, its own first.
    pub fn places(&self) -> impl Iterator<Item = (&Method, &'static str)> {
        std::iter::once((&self.method, self.path))
            .chain(self.aliases.iter().map(|(method, path)| (method, *path)))
    }
}
