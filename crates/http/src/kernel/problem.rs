//! What can go wrong with a request. The kernel carries it; a dialect gives it the vendor's status and body.

use std::borrow::Cow;
use std::fmt;

use axum::http::HeaderValue;
use denizen_directory::{Error, ErrorCode};
use denizen_domain::text::TextError;
use denizen_domain::time::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};

/// Why a request is not answered as it was meant.
///
/// The kernel adds the headers that belong to a problem (`Allow`, `Retry-After`, `X-RateLimit-…`, `Connection`) to
/// whatever reply a dialect makes of it.
#[derive(Debug)]
pub enum Problem {
    /// The rules refused it.
    Directory(Error),
    /// Path, query, headers or body are not of the published form: all the places at once.
    Invalid(Vec<FieldProblem>),
    /// No operation has this path.
    NotFound,
    /// Operations have this path, none with this method. `allow` is the value of the `Allow` header.
    MethodNotAllowed { allow: HeaderValue },
    /// The body is of another type than the operation takes, which is this one.
    UnsupportedMediaType { taken: &'static str },
    /// The body has more than `limit` bytes.
    BodyTooLarge { limit: usize },
    /// The head has more than `bytes` bytes or more than `count` header lines.
    HeadersTooLarge { bytes: usize, count: usize },
    /// The body did not arrive within so many seconds.
    BodyTimeout { seconds: u64 },
    /// The body broke off or was not framed as HTTP asks.
    BodyUnreadable,
    /// The operation was given up after so many seconds. Unless `safe`, nobody can say whether it took effect.
    RequestTimeout { seconds: u64, safe: bool },
    /// As many requests are worked on as the process admits.
    Overloaded,
    /// `limit` requests a minute were used up. `reset` is in seconds since 1970 UTC, `retry_after` in seconds from now.
    RateLimited { limit: u32, reset: i64, retry_after: i64 },
    /// The caller has called more often than it may, and may do so again in so many seconds.
    TooManyRequests { retry_after: i64 },
    /// A defect; the log has the cause.
    Internal,
}

/// What of a request a dialect may want to repeat in the answer to one that has a problem.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'r> {
    /// The path as it was sent.
    pub path: &'r str,
    /// When the answer is made.
    pub now: Timestamp,
}

impl Problem {
    /// One refused field.
    pub fn field(problem: FieldProblem) -> Self {
        Self::Invalid(vec![problem])
    }

    /// The status and the words of the problems that the kernel itself finds, for dialects that have none of their own.
    /// `None` for [`Problem::Directory`] and [`Problem::Invalid`].
    pub fn status_and_text(&self) -> Option<(u16, Cow<'static, str>)> {
        Some(match self {
            Self::Directory(_) | Self::Invalid(_) => return None,
            Self::NotFound => (404, "Not Found".into()),
            Self::MethodNotAllowed { .. } => (405, "Method Not Allowed".into()),
            Self::UnsupportedMediaType { taken } => (415, format!("The body must be {taken}").into()),
            Self::BodyTooLarge { limit } => (413, format!("The body must have at most {limit} bytes").into()),
            Self::HeadersTooLarge { bytes, count } => (
                431,
                format!("The request head must have at most {bytes} bytes and {count} header lines").into(),
            ),
            Self::BodyTimeout { seconds } => {
                (408, format!("The body did not arrive within {seconds} s").into())
            }
            Self::BodyUnreadable => (400, "The body could not be read to its end".into()),
            Self::RequestTimeout { seconds, safe: true } => {
                (503, format!("There was no answer within {seconds} s").into())
            }
            Self::RequestTimeout { seconds, safe: false } => (
                503,
                format!(
                    "There was no answer within {seconds} s, and the outcome is unknown: \
                     look whether the change was made before you try again"
                )
                .into(),
            ),
            Self::Overloaded => (503, "The service is busy, try again".into()),
            Self::RateLimited { limit, .. } => {
                (429, format!("Rate limit of {limit} requests per minute exceeded").into())
            }
            Self::TooManyRequests { .. } => (429, "Too Many Requests".into()),
            Self::Internal => (500, "Internal error".into()),
        })
    }

    /// Whether nothing was done and the same request may soon be answered.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Overloaded => true,
            Self::Directory(error) => {
                matches!(error.code, ErrorCode::Busy | ErrorCode::Unavailable | ErrorCode::OrganizationMoving)
            }
            _ => false,
        }
    }

    /// Whether the rest of the request may still be on its way, so that the connection cannot be used again.
    pub(crate) fn closes_connection(&self) -> bool {
        matches!(
            self,
            Self::BodyTooLarge { .. }
                | Self::HeadersTooLarge { .. }
                | Self::BodyTimeout { .. }
                | Self::BodyUnreadable
        )
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Directory(error)
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Self::Directory(code.into())
    }
}

/// One step to the place of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loc {
    Key(String),
    Index(usize),
}

impl From<&str> for Loc {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Loc {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl Serialize for Loc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Key(key) => serializer.serialize_str(key),
            Self::Index(index) => serializer.serialize_u64(*index as u64),
        }
    }
}

/// One field that was refused, in the words and types of pydantic, which clients of such APIs know how to read.
///
/// Serialized as `{"type", "loc", "msg", "ctx"?}`. The value itself is not repeated: it may be personal.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldProblem {
    /// From the outside to the inside, beginning with `body`, `query`, `path` or `header`.
    pub loc: Vec<Loc>,
    /// Such as `missing`, `string_type`, `value_error`.
    pub kind: &'static str,
    pub message: String,
    pub ctx: Option<Map<String, Value>>,
}

impl FieldProblem {
    /// A problem whose place the reader fills in.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { loc: Vec::new(), kind, message: message.into(), ctx: None }
    }

    /// A value of the right type that a rule refuses.
    pub fn value_error(reason: impl fmt::Display) -> Self {
        let reason = reason.to_string();
        Self::new("value_error", format!("Value error, {reason}")).with_ctx("error", reason)
    }

    pub fn missing() -> Self {
        Self::new("missing", "Field required")
    }

    pub fn string_type() -> Self {
        Self::new("string_type", "Input should be a valid string")
    }

    pub fn list_type() -> Self {
        Self::new("list_type", "Input should be a valid list")
    }

    pub fn dict_type() -> Self {
        Self::new("dict_type", "Input should be a valid dictionary")
    }

    pub fn object_type() -> Self {
        Self::new(
            "model_attributes_type",
            "Input should be a valid dictionary or object to extract fields from",
        )
    }

    pub fn string_too_short(least: usize) -> Self {
        let plural = if least == 1 { "" } else { "s" };
        Self::new("string_too_short", format!("String should have at least {least} character{plural}"))
            .with_ctx("min_length", least)
    }

    pub fn string_too_long(most: usize) -> Self {
        let plural = if most == 1 { "" } else { "s" };
        Self::new("string_too_long", format!("String should have at most {most} character{plural}"))
            .with_ctx("max_length", most)
    }

    /// `what` is `List` or `Dictionary`.
    pub fn too_long(what: &'static str, most: usize, actual: usize) -> Self {
        let plural = if most == 1 { "" } else { "s" };
        Self::new(
            "too_long",
            format!("{what} should have at most {most} item{plural} after validation, not {actual}"),
        )
        .with_ctx("field_type", what)
        .with_ctx("max_length", most)
        .with_ctx("actual_length", actual)
    }

    /// `what` is `List` or `Dictionary`.
    pub fn too_short(what: &'static str, least: usize, actual: usize) -> Self {
        let plural = if least == 1 { "" } else { "s" };
        Self::new(
            "too_short",
            format!("{what} should have at least {least} item{plural} after validation, not {actual}"),
        )
        .with_ctx("field_type", what)
        .with_ctx("min_length", least)
        .with_ctx("actual_length", actual)
    }

    pub fn greater_than_equal(least: i64) -> Self {
        Self::new("greater_than_equal", format!("Input should be greater than or equal to {least}"))
            .with_ctx("ge", least)
    }

    pub fn less_than_equal(most: i64) -> Self {
        Self::new("less_than_equal", format!("Input should be less than or equal to {most}"))
            .with_ctx("le", most)
    }

    /// A text that does not match a published pattern.
    pub fn pattern(pattern: &str) -> Self {
        Self::new("string_pattern_mismatch", format!("String should match pattern '{pattern}'"))
            .with_ctx("pattern", pattern)
    }

    /// A text that is none of a published list.
    pub fn literal(expected: &str) -> Self {
        Self::new("literal_error", format!("Input should be {expected}")).with_ctx("expected", expected)
    }

    /// An address that is none.
    pub fn email(reason: &TextError) -> Self {
        let text = reason.to_string();
        let reason = text.strip_prefix("value is not a valid email address: ").unwrap_or(&text).to_owned();
        Self::new("value_error", format!("value is not a valid email address: {reason}"))
            .with_ctx("reason", reason)
    }

    /// A text that is not JSON; `position` counts bytes.
    pub fn json_invalid(position: usize, reason: &str) -> Self {
        let mut problem = Self::new("json_invalid", "JSON decode error").with_ctx("error", reason);
        problem.loc = vec![Loc::from("body"), Loc::from(position)];
        problem
    }

    #[must_use]
    pub fn with_ctx(mut self, key: &str, value: impl Serialize) -> Self {
        self.ctx.get_or_insert_with(Map::new).insert(key.to_owned(), json!(value));
        self
    }

    /// Sets the whole place.
    #[must_use]
    pub fn at(mut self, loc: impl IntoIterator<Item = impl Into<Loc>>) -> Self {
        self.loc = loc.into_iter().map(Into::into).collect();
        self
    }

    /// Puts `outer` before the place that stands already: a check of one item names the item, the reader the field.
    pub(crate) fn under(mut self, outer: &[Loc]) -> Self {
        self.loc.splice(0..0, outer.iter().cloned());
        self
    }
}

impl From<TextError> for FieldProblem {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Empty => Self::string_too_short(1),
            TextError::TooLong(most) => Self::string_too_long(most),
            TextError::Nul | TextError::Form(_) => Self::value_error(error),
        }
    }
}

impl Serialize for FieldProblem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind)?;
        map.serialize_entry("loc", &self.loc)?;
        map.serialize_entry("msg", &self.message)?;
        if let Some(ctx) = &self.ctx {
            map.serialize_entry("ctx", ctx)?;
        }
        map.end()
    }
}
