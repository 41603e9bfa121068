//! The accept loop: HTTP/1.1 connections over one listener, each in a task that a stop waits for.
//!
//! It guards what happens below a request (slow heads, idle and stalled peers, too many connections) and knows nothing of
//! what a request means: the router it is given answers, and has its own limits for bodies and for time.

mod background;
mod connection;
mod manager;
mod metrics;
mod stop;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

pub use background::Background;
pub use manager::Manager;
pub use metrics::{register, register_passwords, register_replicas};
pub use stop::{Signals, Stop};

use crate::config::Limits;
use crate::report::Failure;

/// What one connection may do. See the keys of the same name in [`Limits`].
#[derive(Debug, Clone)]
pub struct Options {
    pub header_bytes: usize,
    pub header_count: usize,
    pub header_read: Duration,
    pub keep_alive: Duration,
    pub write_stall: Duration,
    pub connections: usize,
    pub shutdown: Duration,
}

impl From<&Limits> for Options {
    fn from(limits: &Limits) -> Self {
        Self {
            header_bytes: limits.header_bytes,
            header_count: limits.header_count,
            header_read: limits.header_read(),
            keep_alive: limits.keep_alive(),
            write_stall: limits.write_stall(),
            connections: limits.connections,
            shutdown: limits.shutdown(),
        }
    }
}

/// Numbers of the loop, for the metrics. Counters only grow; `open` goes up and down.
#[derive(Debug, Default)]
pub struct Statistics {
    pub open: AtomicUsize,
    pub accepted: AtomicU64,
    /// Closed because a request head was not complete in time.
    pub slow_head: AtomicU64,
    /// Closed because no request came.
    pub idle: AtomicU64,
    /// Closed because the peer did not take its answer.
    pub stalled: AtomicU64,
}

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Connections that were still busy when they were closed: the grace period was over, or the stop was forced.
    pub cut: usize,
    /// Whether a second signal asked to end at once.
    pub forced: bool,
}

/// The runtime of the whole process: one worker for each processor, timers and sockets. Built by hand rather than by an
/// attribute on `main`, so that commands that need none do not start its threads.
pub fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("denizen-worker")
        .on_thread_park(denizen_store::rest)
        .enable_all()
        .build()
}

/// Listens on `address`.
///
/// # Errors
/// A [`Failure`] that says what to do when the port is taken or not allowed.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "another process listens there, perhaps another denizen: stop it, or choose another port with --listen",
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege: choose a higher one with --listen",
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address: 0.0.0.0 and [::] stand for all it has",
            _ => "choose another address with --listen ADDR:PORT",
        };
        Failure::new(format!("cannot listen on {address}: {error}"), hint)
    })
}

/// Accepts connections and answers their requests with `app` until `stop` is requested; then no connection is accepted
/// any more, idle ones are closed, and in-flight requests get `options.shutdown` to finish. A forced stop ends at once.
///
/// While the process drains, everything is answered, and every answer asks for its connection to be closed: so clients
/// that keep connections open have none left, or know that none is left, when the stop begins.
///
/// When this returns all connections are gone, and with them all requests: the caller can close the store.
/// Each request carries an [`axum::extract::ConnectInfo`] with the peer's address.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    options: Options,
    stop: Stop,
    statistics: Arc<Statistics>,
) -> Ended {
    let shared = Arc::new(connection::Shared::new(app, options));
    let options = &shared.options;
    let mut connections: JoinSet<()> = JoinSet::new();

    loop {
        statistics.open.store(connections.len(), Ordering::Relaxed);
        tokio::select! {
            biased;
            () = stop.requested() => break,
            Some(ended) = connections.join_next() => reap(ended),
            // At the cap the system's queue holds who comes next, which is kinder than an error: most of them will be served.
            (stream, peer) = accept(&listener), if connections.len() < options.connections => {
                statistics.accepted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connection::run(stream, peer, Arc::clone(&shared), stop.clone(), Arc::clone(&statistics)));
            }
        }
    }
    // Whoever the system has already let in would be reset together with the listener.
    for (stream, peer) in waiting(listener, options.connections.saturating_sub(connections.len())) {
        statistics.accepted.fetch_add(1, Ordering::Relaxed);
        connections.spawn(connection::run(
            stream,
            peer,
            Arc::clone(&shared),
            stop.clone(),
            Arc::clone(&statistics),
        ));
    }

    let deadline = Instant::now() + connection::LAST_CALL + options.shutdown;
    let mut forced = false;
    loop {
        statistics.open.store(connections.len(), Ordering::Relaxed);
        tokio::select! {
            biased;
            () = stop.forced() => { forced = true; break }
            ended = connections.join_next() => match ended {
                Some(ended) => reap(ended),
                None => break,
            },
            () = tokio::time::sleep_until(deadline) => break,
        }
    }
    let cut = connections.len();
    connections.shutdown().await;
    statistics.open.store(0, Ordering::Relaxed);
    Ended { cut, forced }
}

/// The next connection. Errors of a single connection are its peer's business; errors of ours (no file descriptors left)
/// pass only with time, so the loop must not spin on them.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused => {}
                _ => {
                    tracing::warn!(%error, "cannot accept connections, trying again in a moment");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            },
        }
    }
}

/// The connections that wait to be accepted, at most so many; the listener is closed behind them. Asks the system itself,
/// since the runtime may not have heard of the last ones yet.
fn waiting(listener: TcpListener, most: usize) -> Vec<(TcpStream, SocketAddr)> {
    let listener = match listener.into_std() {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, "connections that wait to be accepted are closed");
            return Vec::new();
        }
    };
    let accept = || {
        let (stream, peer) = listener.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    };
    std::iter::from_fn(accept).take(most).collect()
}

fn reap(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        // The panic hook has logged where; what is added is what became of it.
        tracing::error!("a request panicked, its connection was closed");
    }
}
