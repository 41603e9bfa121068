//! What a dialect gives the kernel: its list of operations and its form of errors.

use serde_json::Value;

use super::operation::{ErrorResponse, Operation};
use super::problem::{Asked, Problem};
use super::reply::Reply;

/// A vendor's API, as far as the kernel needs to know it.
#[derive(Clone)]
pub struct Dialect {
    /// As in paths of the documentation and in metrics, such as `amigo`.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// One or a few sentences for the top of the page and the OpenAPI document.
    pub description: &'static str,
    /// The version of the published API.
    pub version: &'static str,
    /// The beginnings of its paths, in whole parts and without a slash at the end, such as `/v1`: where no operation is
    /// meant, the dialect with the longest beginning answers, in its form of errors.
    pub roots: &'static [&'static str],
    /// Whether a word can be the value of a parameter of this name. It is asked about paths that mean operations of
    /// several dialects: `/v1/things/user` is no thing if `user` cannot be a thing's id.
    pub fits: fn(&str, &str) -> bool,
    /// Whether operations look at their parameters of the path before they look anything up by them, so that they are
    /// given what cannot be read, too, and refuse it in their own way. Otherwise such a path means nothing.
    pub judges_params: bool,
    /// Whether a method that a path lacks is looked for in less literal ones: `GET /v1/things/bulk` is then the thing with
    /// the id `bulk`, though only `POST` has a path of its own. Otherwise the method is not allowed.
    pub falls_through: bool,
    /// The vendor's form of a problem: status and body.
    pub problem: fn(&Problem, &Asked<'_>) -> Reply,
    pub operations: fn() -> Vec<Operation>,
    /// Request headers that every operation takes.
    pub headers: &'static [HeaderParam],
    pub security_schemes: &'static [SecurityScheme],
    /// The alternatives of authenticating, each a list of scheme names that go together; for operations with
    /// [`super::Security::Default`].
    pub security: &'static [&'static [&'static str]],
    /// What the examples for a shell call a header or a parameter of a path, by its name: the variables that are set by the
    /// lines which denizen prints with new credentials. Everything else is called by its own name.
    pub variables: &'static [(&'static str, &'static str)],
    /// The body and the description of an error status, for the OpenAPI document.
    pub error_response: fn(u16) -> ErrorResponse,
}

/// A request header that an operation takes.
#[derive(Debug, Clone, Copy)]
pub struct HeaderParam {
    pub name: &'static str,
    pub description: &'static str,
    pub required: bool,
}

/// A way to authenticate, as OpenAPI describes it.
#[derive(Debug, Clone, Copy)]
pub struct SecurityScheme {
    /// The name that [`Dialect::security`] uses.
    pub name: &'static str,
    pub kind: SecurityKind,
    pub description: &'static str,
}

/// The kinds of schemes in use.
#[derive(Debug, Clone, Copy)]
pub enum SecurityKind {
    /// `Authorization: Bearer`; the text names the token's format.
    Bearer(&'static str),
    Basic,
    /// A header of this name.
    Header(&'static str),
}

impl SecurityScheme {
    pub(crate) fn openapi(&self) -> Value {
        match self.kind {
            SecurityKind::Bearer(format) => serde_json::json!({
                "type": "http", "scheme": "bearer", "bearerFormat": format, "description": self.description
            }),
            SecurityKind::Basic => {
                serde_json::json!({"type": "http", "scheme": "basic", "description": self.description})
            }
            SecurityKind::Header(name) => serde_json::json!({
                "type": "apiKey", "in": "header", "name": name, "description": self.description
            }),
        }
    }
}
