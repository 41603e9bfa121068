//! A request from its arrival to its line in the log, be the answer whole or a stream.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, Response};
use bytes::Bytes;
use http_body::Frame;
use tracing::Level;

use super::app::App;
use super::metrics::OperationMetrics;
use super::problem::Problem;
use super::rate::Standing;
use super::reply::Reply;
use super::stream::Stream;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The status in the log of a request whose caller went away; nobody receives it.
const ABANDONED: u16 = 499;

/// What is found out about a caller while its request is worked on, and matters also when the caller goes away.
#[derive(Default)]
pub(crate) struct Note {
    /// The caller needs valid credentials, and has not been found to have them.
    pub(crate) is_unproven: AtomicBool,
    /// For the log: where the path names it and it has the form of a name, or where the credentials do.
    pub(crate) organization: OnceLock<String>,
}

impl Note {
    pub(crate) fn organization(&self, slug: &str) {
        if tracing::enabled!(target: "denizen::access", Level::INFO) {
            self.organization.get_or_init(|| slug.to_owned());
        }
    }
}

/// A request from its arrival to its line in the log, which it also gets when its caller goes away.
pub(super) struct Visit {
    app: Arc<App>,
    begun: Instant,
    method: Method,
    request_id: Arc<str>,
    pub(super) dialect: &'static str,
    pub(super) template: &'static str,
    pub(super) note: Arc<Note>,
    pub(super) quiet: bool,
    /// The length of the answer's body, as far as it was made.
    bytes: usize,
    answered: bool,
}

impl Visit {
    /// Counts the request, and says how many were worked on before it.
    pub(super) fn begin(
        app: &Arc<App>,
        begun: Instant,
        method: Method,
        request_id: Arc<str>,
    ) -> (Self, usize) {
        let busy = app.in_flight.fetch_add(1, Ordering::Relaxed);
        let visit = Self {
            app: Arc::clone(app),
            begun,
            method,
            request_id,
            dialect: "none",
            template: "none",
            note: Arc::default(),
            quiet: false,
            bytes: 0,
            answered: false,
        };
        (visit, busy)
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The answer, made of a reply; the visit ends now, or when the reply's stream does.
    pub(super) fn end(
        mut self,
        reply: Reply,
        standing: Option<Standing>,
        problem: Option<&Problem>,
        metrics: &OperationMetrics,
    ) -> Response<Body> {
        let Reply { status, headers, body, stream } = reply;
        let is_head = self.method == Method::HEAD;
        let length = body.len();
        let request_id = HeaderValue::from_str(&self.request_id).expect("a request id is visible ASCII");
        let body = if let Some(stream) = stream.filter(|_| !is_head) {
            Body::new(Streamed { stream, visit: self, status: status.as_u16(), metrics: metrics.clone() })
        } else {
            self.bytes = length;
            self.answered(status.as_u16(), metrics);
            if is_head { Body::empty() } else { Body::from(body) }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let all = response.headers_mut();
        all.reserve(headers.len() + 8);
        for (name, value) in headers {
            all.append(name, value);
        }
        if is_head && length > 0 {
            all.insert(CONTENT_LENGTH, length.into());
        }
        all.insert(REQUEST_ID, request_id);
        all.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        all.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if let Some(Standing { limit, remaining, reset }) = standing {
            all.insert(RATE_LIMIT, limit.into());
            all.insert(RATE_REMAINING, remaining.into());
            all.insert(RATE_RESET, reset.into());
        }
        match problem {
            Some(Problem::MethodNotAllowed { allow }) => {
                all.insert(ALLOW, allow.clone());
            }
            Some(Problem::RateLimited { retry_after, .. } | Problem::TooManyRequests { retry_after }) => {
                all.insert(RETRY_AFTER, (*retry_after).into());
            }
            Some(Problem::Directory(error)) if error.retry_after.is_some() => {
                all.insert(RETRY_AFTER, error.retry_after.unwrap_or(1).into());
            }
            Some(problem) if problem.passes() => {
                all.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Some(problem) if problem.closes_connection() => {
                all.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }

    fn answered(&mut self, status: u16, metrics: &OperationMetrics) {
        self.answered = true;
        self.log(status);
        metrics.record(status, self.begun.elapsed());
    }

    fn log(&self, status: u16) {
        let micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        if self.quiet && status < 400 {
            tracing::event!(
                target: "denizen::access",
                Level::DEBUG,
                method = self.method.as_str(),
                dialect = self.dialect,
                route = self.template,
                status,
                micros,
                request_id = &*self.request_id,
                bytes = self.bytes,
            );
            return;
        }
        tracing::event!(
            target: "denizen::access",
            Level::INFO,
            method = self.method.as_str(),
            dialect = self.dialect,
            route = self.template,
            organization = self.note.organization.get().map(String::as_str),
            status,
            micros,
            request_id = &*self.request_id,
            bytes = self.bytes,
        );
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.app.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            self.app.metrics.abandoned.inc();
            self.log(ABANDONED);
        }
    }
}

/// The body of a streamed answer. The request lasts as long as it does: it counts as worked on, and is logged at its end
/// or when the client goes away.
struct Streamed {
    stream: Stream,
    visit: Visit,
    status: u16,
    metrics: OperationMetrics,
}

/// Why a body ends before its end, which a client sees by the connection's.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for Broken {}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        if this.visit.answered {
            return Poll::Ready(None);
        }
        // Nothing of the work is looked at again after it panicked, so nothing broken can be seen.
        let polled = catch_unwind(AssertUnwindSafe(|| this.stream.poll_piece(context)));
        let Ok(polled) = polled else {
            tracing::error!(
                route = this.visit.template,
                request_id = this.visit.request_id(),
                "an operation panicked"
            );
            this.visit.answered(500, &this.metrics);
            return Poll::Ready(Some(Err(Broken)));
        };
        let piece = ready!(polled);
        match &piece {
            Some(piece) => this.visit.bytes += piece.len(),
            None => this.visit.answered(this.status, &this.metrics),
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}
