//! `denizen health`: asks a running server whether it is ready, for machines that have no curl, such as a container's.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::Context as _;
use axum::http::Uri;

use crate::config::{Config, local_url};
use crate::report::{self, Failure};

/// How long each step may take: to reach the server, to send, and to hear from it. A server asks its database before it
/// answers, which takes no longer than that while anybody would call it ready.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of the answer only its first line is wanted.
const ENOUGH: usize = 256;

pub fn run(config: &Config, url: Option<&str>) -> anyhow::Result<()> {
    if url.is_none() && config.listen.port() == 0 {
        return Err(Failure::usage(
            "the server takes a free port, which only it knows",
            "name the address that it printed: --url http://HOST:PORT",
        )
        .into());
    }
    let url = url.map_or_else(|| local_url(config.listen), str::to_owned);
    let authority = authority(&url)?;
    let status = ask(&authority).map_err(|error| {
        Failure::new(
            format!("no server answers at {url}: {error:#}"),
            "is it running, and does it listen there? `listen` is where this command looks unless --url says otherwise",
        )
    })?;
    if status != 200 {
        return Err(Failure::new(
            format!("the server at {url} is not ready: it answers {status}"),
            "503: its database does not answer, or it is about to stop; its log says which",
        )
        .into());
    }
    report::print("ready\n")
}

/// Host and port of a server's address.
fn authority(url: &str) -> Result<String, Failure> {
    let refused = || {
        Failure::usage(
            format!("{url} is no address of a server"),
            "write http://HOST:PORT: the server itself is asked, and not the proxy before it, which would speak https",
        )
    };
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let is_bare = uri.scheme_str() == Some("http") && uri.query().is_none() && uri.path() == "/";
    let authority = uri.authority().filter(|authority| is_bare && !authority.as_str().contains('@'));
    let authority = authority.ok_or_else(refused)?;
    Ok(match authority.port() {
        Some(_) => authority.to_string(),
        None => format!("{authority}:80"),
    })
}

/// The status with which `/readyz` is answered.
fn ask(authority: &str) -> anyhow::Result<u16> {
    let mut stream = connect(authority)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut head, mut piece) = (Vec::new(), [0; ENOUGH]);
    while head.len() < ENOUGH && !head.contains(&b'\n') {
        match stream.read(&mut piece)? {
            0 => break,
            read => head.extend_from_slice(&piece[..read]),
        }
    }
    let line = String::from_utf8_lossy(&head);
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    status.context("what answers there does not speak HTTP")
}

/// A connection to the first of the host's addresses that takes one.
fn connect(authority: &str) -> anyhow::Result<TcpStream> {
    let mut last = None;
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error.into()),
        None => anyhow::bail!("the host has no address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_server_is_taken_with_or_without_a_port_and_nothing_else_is() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", Some("127.0.0.1:8080")),
            ("http://[::1]:8080/", Some("[::1]:8080")),
            ("http://users.internal", Some("users.internal:80")),
            ("https://users.example", None),
            ("http://ada:secret@users.internal", None),
            ("http://users.internal/readyz", None),
            ("http://users.internal/?a=b", None),
            ("127.0.0.1:8080", None),
            ("", None),
        ] {
            assert_eq!(authority(url).ok().as_deref(), expected, "{url}");
        }
    }
}
