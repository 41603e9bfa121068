//! One connection: hyper's HTTP/1.1 with a watch over the peer's pace.
//!
//! hyper's own head timeout also counts the time in which an idle connection waits for its next request, and it has no
//! guard against a peer that takes no bytes; so both, and the idle timeout, are kept here, in the connection's own task.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::Service as _;

use super::{Options, Statistics, Stop};

/// How long, and for how many bytes, a connection that is done listens for what the peer still sends.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 8 << 20;

/// How long a stop waits for a request that is on its way on an idle connection, before the connection is closed.
pub(super) const LAST_CALL: Duration = Duration::from_millis(50);

/// What all connections have in common.
pub(super) struct Shared {
    app: Router,
    http: http1::Builder,
    pub(super) options: Options,
}

impl Shared {
    pub(super) fn new(app: Router, options: Options) -> Self {
        let mut http = http1::Builder::new();
        // A head over `header_bytes` is answered by the kernel in the dialect's form. hyper answers with a bare 431 only
        // what does not even fit here, and this is also how much memory a peer can make a connection hold.
        let head = (options.header_bytes * 2).max(64 << 10);
        http.max_buf_size(head).max_header_size(head).header_read_timeout(None);
        // hyper keeps up to 100 headers on the stack and answers more with a bare 431 too. A count of our own moves them to
        // the heap, so it is given only where it is needed.
        if options.header_count >= 100 {
            http.max_headers(options.header_count * 2);
        }
        Self { app, http, options }
    }
}

/// Serves one connection until it ends, or its peer is too slow, or the stop is requested and its request is answered.
pub(super) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    stop: Stop,
    statistics: Arc<Statistics>,
) {
    // Without it, small answers to pipelined requests wait for the peer's delayed acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return; // Fails only when the peer is gone already.
    }
    let pace = Arc::new(Pace::new());
    let service = service_fn({
        let pace = Arc::clone(&pace);
        let shared = Arc::clone(&shared);
        move |request: Request<Incoming>| {
            let turn = Turn::begin(&pace);
            let mut app = shared.app.clone();
            async move {
                let mut request = request.map(|body| {
                    if body.is_end_stream() {
                        Body::new(body)
                    } else {
                        Body::new(Arriving::begin(body, &turn.0))
                    }
                });
                request.extensions_mut().insert(ConnectInfo(peer));
                let mut answer = app.call(request).await?;
                if turn.0.leaving.load(Ordering::Relaxed) {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer.map(|body| Answer { body, _turn: turn }))
            }
        }
    });
    let io = TokioIo::new(Watched { stream, pace: Arc::clone(&pace) });
    let connection = pin!(shared.http.serve_connection(io, service));
    match watch(connection, &pace, &shared.options, &stop).await {
        // A peer that breaks off, or sends what is not HTTP, is no event for the log: anybody can cause any number of them.
        None | Some(Slow::Lingering) => {}
        Some(Slow::Head) => count(&statistics.slow_head),
        Some(Slow::Idle) => count(&statistics.idle),
        Some(Slow::Reader) => count(&statistics.stalled),
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What a [`http1::Connection`] can do, so that [`watch`] need not name its type.
trait Graceful: Future {
    fn close_gracefully(self: Pin<&mut Self>);
}

impl<I, B, S> Graceful for http1::Connection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: HttpBody + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn close_gracefully(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Drives the connection. Returns why it was given up, or `None` when it ended by itself.
async fn watch(
    mut connection: Pin<&mut impl Graceful>,
    pace: &Pace,
    options: &Options,
    stop: &Stop,
) -> Option<Slow> {
    let mut alarm = pin!(tokio::time::sleep(options.header_read));
    let mut stopping = pin!(async {
        stop.draining().await;
        pace.leaving.store(true, Ordering::Relaxed);
        stop.requested().await;
        tokio::time::sleep(LAST_CALL).await;
    });
    let mut told = false;
    std::future::poll_fn(|cx| {
        let is_stopping = !told && stopping.as_mut().poll(cx).is_ready();
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if is_stopping {
            told = true;
            pace.stopping.store(true, Ordering::Relaxed);
            connection.as_mut().close_gracefully();
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
        }
        // The pace changes only while the connection is polled, which is here. The alarm is moved only when it would ring
        // too late; when it rings too early, it is set again. So a busy connection does not touch the timer for each request.
        loop {
            let Some((deadline, reason)) = pace.deadline(options) else { return Poll::Pending };
            if deadline < alarm.deadline() {
                alarm.as_mut().reset(deadline);
            }
            ready!(alarm.as_mut().poll(cx));
            if deadline <= Instant::now() {
                return Poll::Ready(Some(reason));
            }
            alarm.as_mut().reset(deadline);
        }
    })
    .await
}

/// Why a connection was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    Head,
    Idle,
    Reader,
    Lingering,
}

/// What the connection waits for from its peer.
const HEAD: u8 = 0;
const IDLE: u8 = 1;
const BUSY: u8 = 2;
const CLOSING: u8 = 3;

/// The peer's pace. Atomics because hyper wants everything `Send`; they are touched by the connection's task only, except
/// where an answer's body is dropped elsewhere, so relaxed order will do.
struct Pace {
    begun: Instant,
    phase: AtomicU8,
    /// Milliseconds after `begun` at which the phase began.
    since: AtomicU64,
    /// Milliseconds after `begun`, plus one, since when the peer takes no byte; 0 while it does.
    unread_since: AtomicU64,
    /// Whether answers ask for the connection to be closed.
    leaving: AtomicBool,
    stopping: AtomicBool,
    /// Whether a part of a request's body has not been read, so that the peer may still be sending it.
    body_is_unread: AtomicBool,
    peer_is_done: AtomicBool,
    lingered: AtomicU64,
}

impl Pace {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            phase: AtomicU8::new(HEAD),
            since: AtomicU64::new(0),
            unread_since: AtomicU64::new(0),
            leaving: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            body_is_unread: AtomicBool::new(false),
            peer_is_done: AtomicBool::new(false),
            lingered: AtomicU64::new(0),
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
        self.since.store(self.elapsed(), Ordering::Relaxed);
    }

    fn is(&self, phase: u8) -> bool {
        self.phase.load(Ordering::Relaxed) == phase
    }

    /// When to give up, unless something happens before, and why.
    fn deadline(&self, options: &Options) -> Option<(Instant, Slow)> {
        let after = |millis: u64, patience: Duration| self.begun + Duration::from_millis(millis) + patience;
        let since = self.since.load(Ordering::Relaxed);
        let waiting = match self.phase.load(Ordering::Relaxed) {
            HEAD => Some((after(since, options.header_read), Slow::Head)),
            IDLE => Some((after(since, options.keep_alive), Slow::Idle)),
            CLOSING => Some((after(since, LINGER), Slow::Lingering)),
            _ => None,
        };
        let unread = match self.unread_since.load(Ordering::Relaxed) {
            0 => None,
            since => Some((after(since - 1, options.write_stall), Slow::Reader)),
        };
        match (waiting, unread) {
            // Both only while an answer is still on its way: the one that is about to be missed first.
            (Some(waiting), Some(unread)) => Some(if unread.0 < waiting.0 { unread } else { waiting }),
            (waiting, unread) => waiting.or(unread),
        }
    }
}

/// A request's turn: from its complete head to the end of its answer's body.
struct Turn(Arc<Pace>);

impl Turn {
    fn begin(pace: &Arc<Pace>) -> Self {
        pace.enter(BUSY);
        Self(Arc::clone(pace))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.enter(IDLE);
    }
}

/// A request's body, which says whether it was read to its end.
struct Arriving {
    body: Incoming,
    pace: Arc<Pace>,
}

impl Arriving {
    fn begin(body: Incoming, pace: &Arc<Pace>) -> Self {
        pace.body_is_unread.store(true, Ordering::Relaxed);
        Self { body, pace: Arc::clone(pace) }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.pace.body_is_unread.store(false, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body, which ends the turn when hyper is done with it.
struct Answer {
    body: Body,
    _turn: Turn,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The socket, reporting its pace.
struct Watched {
    stream: TcpStream,
    pace: Arc<Pace>,
}

impl Watched {
    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let unread = &self.pace.unread_since;
        if result.is_ready() {
            unread.store(0, Ordering::Relaxed);
        } else if unread.load(Ordering::Relaxed) == 0 {
            unread.store(self.pace.elapsed() + 1, Ordering::Relaxed);
        }
        result
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() == before {
            self.pace.peer_is_done.store(true, Ordering::Relaxed);
        } else if self.pace.is(IDLE) {
            self.pace.enter(HEAD);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Closes our direction, then listens for a moment before the socket is dropped.
    ///
    /// A socket that is closed while received bytes lie unread resets the connection, and the reset can destroy the answer
    /// before the peer has read it. So a client that is still sending a body that is too large would see a broken pipe
    /// instead of its 413, and one that streams would miss the line that says where it was stopped. At a stop nobody else
    /// is waited for.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let pace = Arc::clone(&self.pace);
        if !pace.is(CLOSING) {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            pace.enter(CLOSING);
        }
        let mut scratch = [0; 8 << 10];
        loop {
            let over = pace.lingered.load(Ordering::Relaxed) > LINGER_BYTES;
            let hurries =
                pace.stopping.load(Ordering::Relaxed) && !pace.body_is_unread.load(Ordering::Relaxed);
            if over || hurries || pace.peer_is_done.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            match buffer.filled().len() {
                0 => pace.peer_is_done.store(true, Ordering::Relaxed),
                more => drop(pace.lingered.fetch_add(more as u64, Ordering::Relaxed)),
            }
        }
    }
}
