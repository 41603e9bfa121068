//! A wire between a store and its server that can be cut, at the moment of a commit too.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Whole,
    /// Cut when a commit is about to pass; the server never hears of it.
    CutBeforeCommit,
    /// Cut when the server has said that it has committed; the store never hears of it.
    CutAfterCommit,
    /// Whoever connects is hung up on.
    Down,
    /// Whoever connects waits for a word.
    Silent,
}

struct State {
    wire: Wire,
    connections: Vec<TcpStream>,
}

/// Stands between a store and its server.
pub(super) struct Proxy {
    state: Arc<Mutex<State>>,
    port: u16,
}

/// How both sides write a commit: the store's request, and the server's word that it is done, end like this.
const COMMIT: &[u8] = b"COMMIT\0";

fn holds_commit(bytes: &[u8]) -> bool {
    bytes.windows(COMMIT.len()).any(|window| window == COMMIT)
}

impl Proxy {
    /// A proxy before the server of this URL. Its threads end with their connections, and with the process.
    pub(super) fn before(url: &str) -> Self {
        let server = authority(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { wire: Wire::Whole, connections: Vec::new() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                {
                    let mut state = shared.lock().unwrap();
                    match state.wire {
                        Wire::Down => continue,
                        Wire::Silent => {
                            state.connections.push(client);
                            continue;
                        }
                        _ => {}
                    }
                }
                let server = TcpStream::connect(&server).unwrap();
                let ends = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                shared.lock().unwrap().connections.extend(ends);
                let ends = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (up, down) = (Arc::clone(&shared), Arc::clone(&shared));
                std::thread::spawn(move || pass(client, server, &up, Wire::CutBeforeCommit));
                std::thread::spawn(move || pass(ends.1, ends.0, &down, Wire::CutAfterCommit));
            }
        });
        Self { state, port }
    }

    /// The URL of the same database, by way of the proxy.
    pub(super) fn url(&self, url: &str) -> String {
        url.replacen(authority(url), &format!("127.0.0.1:{}", self.port), 1)
    }

    pub(super) fn set(&self, wire: Wire) {
        let mut state = self.state.lock().unwrap();
        state.wire = wire;
        if wire == Wire::Down {
            for end in state.connections.drain(..) {
                // It may be closed already.
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }
}

/// Host and port.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").unwrap().1;
    let authority = rest.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap()
}

/// Passes bytes on until one side has ended, or the wire is to be cut at a commit that comes this way.
fn pass(mut from: TcpStream, mut to: TcpStream, state: &Mutex<State>, cut: Wire) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..length];
        let is_cut = state.lock().unwrap().wire == cut && holds_commit(bytes);
        if is_cut || to.write_all(bytes).is_err() {
            break;
        }
    }
    for end in [from, to] {
        // It may be closed already.
        let _ = end.shutdown(Shutdown::Both);
    }
}
