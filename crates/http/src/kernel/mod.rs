//! What all dialects share: routing, limits, request ids, the access log, metrics, reading input, and the published
//! description of operations.
//!
//! Invariant: no vendor's word in here. What differs between dialects comes in through a [`Dialect`] value.

mod app;
mod body;
mod call;
pub(crate) mod caller;
mod dialect;
mod escaped;
mod json;
mod language;
mod metrics;
mod openapi;
mod operation;
mod problem;
mod rate;
mod reader;
mod reply;
mod request_id;
mod routes;
mod serve;
mod shape;
mod stream;
mod upload;
mod visit;

pub use app::{App, DixaSettings, EvaSettings, HttpSettings, TokenRate};
pub use call::{Call, Query};
pub use dialect::{Dialect, HeaderParam, SecurityKind, SecurityScheme};
pub use metrics::{JobCount, Metrics};
pub use openapi::{openapi, openapi_text};
pub use operation::{
    BodyLimit, ErrorResponse, FORM_DATA, Handler, LINES, Operation, QueryParam, Rate, Response, SchemaRef,
    Security, handler,
};
pub use problem::{Asked, FieldProblem, Loc, Problem};
pub use reader::{FORM, Form, Misread, Object, QueryReader, Reader, parse_bool, read_body, read_object};
pub use reply::Reply;
pub use serve::router;
pub use stream::{Arriving, Outlet};
pub use upload::Upload;

pub(crate) use escaped::Escaped;
pub(crate) use language::preferred;
pub(crate) use routes::Mounted;
