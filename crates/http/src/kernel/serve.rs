//! The way of a request: id, route, limits, body, handler, answer, log, numbers.
//!
//! Everything that is answered comes through here, so that nothing is answered without an id and a line in the log.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response};
use denizen_directory::limits::Counted;
use prometheus_client::metrics::counter::Counter;

use super::app::App;
use super::body;
use super::call::Call;
use super::dialect::Dialect;
use super::problem::{Asked, Problem};
use super::rate::{Standing, Ticket};
use super::reply::Reply;
use super::routes::{Endpoint, Found, Mounted, Routes, Served};
use super::visit::{Note, REQUEST_ID, Visit};

/// Everything that this process answers.
///
/// # Panics
/// When the lists of operations contradict each other; see [`Routes::new`].
pub fn router(app: Arc<App>, dialects: &[Dialect]) -> axum::Router {
    let mut mounted: Vec<Mounted> = dialects.iter().map(Mounted::dialect).collect();
    mounted.push(crate::health::mounted());
    mounted.push(crate::operator_pages::mounted());
    mounted.push(crate::docs::mounted(dialects, &app.settings.public_url));
    let kernel = Arc::new(Kernel {
        routes: Routes::new(&mounted, &app.metrics, &app.settings),
        overloaded: app.metrics.of_refusal("overloaded"),
        rate_limited: app.metrics.of_refusal("rate_limit"),
        app,
    });
    let service = tower::service_fn(move |request| {
        let kernel = Arc::clone(&kernel);
        async move { Ok::<_, Infallible>(kernel.answer(request).await) }
    });
    axum::Router::new().fallback_service(service)
}

struct Kernel {
    app: Arc<App>,
    routes: Routes,
    overloaded: Counter,
    rate_limited: Counter,
}

impl Kernel {
    async fn answer(&self, request: Request) -> Response<Body> {
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let given = parts.headers.get(&REQUEST_ID).map(HeaderValue::as_bytes);
        let request_id = self.app.request_ids.take(given, self.app.directory.now());
        let (mut visit, busy) = Visit::begin(&self.app, begun, parts.method.clone(), Arc::clone(&request_id));
        match self.routes.find(&parts.method, parts.uri.path()) {
            Found::Problem(form, problem) => {
                visit.dialect = form.dialect;
                let problem = self.head_problem(&parts).unwrap_or(problem);
                let reply = (form.problem)(&problem, &self.asked(parts.uri.path()));
                let mut refusal = visit.end(reply, None, Some(&problem), &form.metrics);
                // A client that sends its body behind the head must not take the connection for one that it can use again.
                if has_body {
                    close(&mut refusal);
                }
                refusal
            }
            Found::Endpoint(endpoint, params) => {
                let operation = &endpoint.operation;
                visit.dialect = operation.dialect;
                visit.template = endpoint.template;
                visit.quiet = operation.quiet;
                note_organization(&visit.note, &endpoint, &params);
                let mut standing = None;
                let is_left = operation.streams || is_left(operation, &parts);
                let is_ignored = has_body && !operation.streams && !operation.reads_body;
                let note = Arc::clone(&visit.note);
                let uri = parts.uri.clone();
                let arrived = Arrived { begun, parts, params, body, request_id, note, busy };
                match self.perform(&endpoint, arrived, &mut standing).await {
                    Ok(reply) => {
                        let mut response = visit.end(reply, standing, None, &operation.metrics);
                        if is_ignored {
                            close(&mut response);
                        }
                        response
                    }
                    Err(problem) => {
                        match &problem {
                            Problem::Directory(error) => {
                                error.log(Some(visit.request_id()), Some(visit.template));
                            }
                            Problem::TooManyRequests { .. } => {
                                self.rate_limited.inc();
                            }
                            _ => {}
                        }
                        let reply = (operation.problem)(&problem, &self.asked(uri.path()));
                        let mut refusal = visit.end(reply, standing, Some(&problem), &operation.metrics);
                        // Nobody reads the rest of the body, of which there may be any amount.
                        let is_unread = is_ignored || has_body && matches!(problem, Problem::Overloaded);
                        if is_left || is_unread {
                            close(&mut refusal);
                        }
                        refusal
                    }
                }
            }
        }
    }

    fn asked<'r>(&self, path: &'r str) -> Asked<'r> {
        Asked { path, now: self.app.directory.now() }
    }

    /// The limits of the head, which the connection below has already read within twice their size.
    fn head_problem(&self, parts: &Parts) -> Option<Problem> {
        let settings = &self.app.settings;
        let lines: usize =
            parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
        let bytes = lines + target + parts.method.as_str().len() + " HTTP/1.1\r\n\r\n".len() + 1;
        let too_large = bytes > settings.header_bytes || parts.headers.len() > settings.header_count;
        too_large.then_some(Problem::HeadersTooLarge {
            bytes: settings.header_bytes,
            count: settings.header_count,
        })
    }

    async fn perform(
        &self,
        endpoint: &Endpoint,
        arrived: Arrived,
        standing: &mut Option<Standing>,
    ) -> Result<Reply, Problem> {
        let Arrived { begun, parts, params, body, request_id, note, busy } = arrived;
        let settings = &self.app.settings;
        let operation = &endpoint.operation;
        if let Some(problem) = self.head_problem(&parts) {
            return Err(problem);
        }
        // A process that is busy is alive: whoever watches it must hear so.
        if busy >= settings.concurrent_requests && !operation.internal {
            self.overloaded.inc();
            return Err(Problem::Overloaded);
        }
        let limit = operation.body_limit;
        let mut arriving = None;
        let mut whole = bytes::Bytes::new();
        if operation.streams {
            arriving = Some(body);
        } else if body::declared_length(&parts.headers).is_some_and(|length| length > limit as u64) {
            return Err(Problem::BodyTooLarge { limit });
        } else if is_left(operation, &parts) {
            arriving = Some(body);
        } else if operation.reads_body {
            let seconds = settings.body_read_seconds.min(settings.request_seconds);
            whole = body::read(body, limit, seconds).await?;
        }
        // After the body, so that a caller who sends slowly does not hold a share of the minute meanwhile.
        let seconds = settings.request_seconds;
        let deadline = tokio::time::Instant::from_std(begun) + Duration::from_secs(seconds);
        let ticket = tokio::time::timeout_at(deadline, self.count(endpoint, &params, &parts, standing))
            .await
            .unwrap_or(Err(Problem::RequestTimeout { seconds, safe: true }))?;

        let safe = parts.method.is_safe();
        let counts_failures = operation.rate.is_some_and(|(rate, _)| rate.header.is_some());
        let mut abandoned = Abandoned {
            app: Arc::clone(&self.app),
            note: Arc::clone(&note),
            ticket: ticket.filter(|_| !counts_failures),
        };
        let app = Arc::clone(&self.app);
        let call = Call {
            app,
            parts,
            params,
            query: OnceLock::new(),
            body: whole,
            arriving: Mutex::new(arriving),
            body_limit: limit,
            request_id,
            note,
        };
        let running = run(endpoint, call);
        let outcome = if operation.takes_its_time {
            running.await
        } else {
            let timed = tokio::time::timeout_at(deadline, running).await;
            timed.unwrap_or(Err(Problem::RequestTimeout { seconds, safe }))
        };
        abandoned.ticket = None;
        if let Some(ticket) = ticket {
            // Who could not be authenticated must not use the organization's share up.
            let is_free = !counts_failures
                && match &outcome {
                    Ok(reply) => reply.status() == 401,
                    Err(problem @ Problem::Directory(_)) => {
                        (operation.problem)(problem, &self.asked("")).status() == 401
                    }
                    Err(_) => false,
                };
            *standing = Some(if is_free {
                self.app.rates.take_back(ticket, &self.app.directory).await
            } else {
                ticket.standing
            });
        }
        outcome
    }

    async fn count(
        &self,
        endpoint: &Endpoint,
        params: &[(&'static str, String)],
        parts: &Parts,
        standing: &mut Option<Standing>,
    ) -> Result<Option<Ticket>, Problem> {
        let Some((rate, limit)) = endpoint.operation.rate else { return Ok(None) };
        let organization = params.first().map(|(_, value)| value.as_str());
        // Ids mean the same in either letter case, and are counted as one.
        let caller =
            rate.header.and_then(|name| Some(parts.headers.get(name)?.as_bytes().to_ascii_lowercase()));
        // Read as the handlers read it, so that nobody escapes a count by a header that authenticates nothing.
        let issuer = rate
            .issuer
            .and_then(|name| parts.headers.get(name)?.to_str().ok())
            .filter(|issuer| !issuer.is_empty() && Some(*issuer) != organization);
        let counted = issuer.filter(|_| rate.names_new).or(organization);
        let key = self.app.rates.key((endpoint.operation.dialect, rate.key, counted, &caller, issuer));
        let directory = &self.app.directory;
        let outcome = if directory.shares_limits() {
            let counted = Counted {
                limit: (endpoint.operation.dialect, rate.key),
                organization: counted.unwrap_or_default(),
                issuer,
                api_key: caller.as_deref().map(|id| std::str::from_utf8(id).unwrap_or_default()),
            };
            self.app.rates.count_shared(key, limit, directory, &counted).await
        } else {
            self.app.rates.count(key, limit, directory.now())
        };
        match outcome {
            Ok(ticket) => Ok(Some(ticket)),
            Err(refused) => {
                *standing = Some(refused);
                self.rate_limited.inc();
                let retry_after = (refused.reset - directory.now().unix_seconds()).max(1);
                Err(Problem::RateLimited { limit, reset: refused.reset, retry_after })
            }
        }
    }
}

/// The counted call of a caller who may go away before it is known who calls: otherwise anybody could use an
/// organization's share up by hanging up.
struct Abandoned {
    app: Arc<App>,
    note: Arc<Note>,
    ticket: Option<Ticket>,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take()
            && self.note.is_unproven.load(Ordering::Relaxed)
        {
            self.app.rates.forget(ticket);
        }
    }
}

/// Says that the connection ends with this answer: what is left of the request is read by nobody.
fn close(response: &mut Response<Body>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Whether a body is long, or may be, for somebody who is not known yet: it is left on its way until the operation has
/// established who sends it.
fn is_left(operation: &Served, parts: &Parts) -> bool {
    let may_be_long = || {
        body::declared_length(&parts.headers).map_or_else(
            || parts.headers.contains_key(TRANSFER_ENCODING),
            |length| length > operation.read_at_once as u64,
        )
    };
    operation.reads_body && operation.read_at_once < operation.body_limit && may_be_long()
}

/// A request whose path and method are known.
struct Arrived {
    begun: Instant,
    parts: Parts,
    params: Vec<(&'static str, String)>,
    body: Body,
    request_id: Arc<str>,
    note: Arc<Note>,
    /// How many requests were worked on when it came.
    busy: usize,
}

/// Runs a handler; a panic in it is this request's misfortune and nobody else's.
async fn run(endpoint: &Endpoint, call: Call) -> Result<Reply, Problem> {
    let request_id = call.shared_request_id();
    let mut call = Some(call);
    let mut answering = None;
    poll_fn(|context| {
        // Nothing of a handler is looked at again after it panicked, so nothing broken can be seen.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(call) = call.take() {
                answering = Some(endpoint.operation.handler.call(call));
            }
            answering
                .as_mut()
                .map_or(Poll::Ready(Err(Problem::Internal)), |future| future.as_mut().poll(context))
        }));
        polled.unwrap_or_else(|_| {
            tracing::error!(
                operation = endpoint.operation.id,
                request_id = &*request_id,
                "an operation panicked"
            );
            Poll::Ready(Err(Problem::Internal))
        })
    })
    .await
}

/// Notes the first parameter of the path where it is an organization's and has the form of one: what else stands there may
/// be anything, an address too, and does not belong in the log.
fn note_organization(note: &Note, endpoint: &Endpoint, params: &[(&'static str, String)]) {
    if let Some((_, slug)) = params.first()
        && endpoint.names_organization()
        && denizen_domain::text::Slug::parse(slug).is_ok()
    {
        note.organization(slug);
    }
}
