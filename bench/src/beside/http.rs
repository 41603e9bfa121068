//! Load over HTTP by `wrk`, and single calls.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::Measured;
use super::process::Running;

/// What `requests.lua` prints at the end.
#[derive(Deserialize)]
struct Printed {
    requests: f64,
    micros: f64,
    refused: u64,
    broken: u64,
    p50: f64,
    p99: f64,
}

/// What is sent: files with a path and with a header a line, and for writes a body and a word that makes addresses new.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) paths: &'a Path,
    pub(super) headers: &'a Path,
    pub(super) begin: usize,
    pub(super) write: Option<(&'a str, &'a str)>,
}

pub(super) fn run(
    server: &Running,
    sent: Sent<'_>,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Measured> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("beside/requests.lua");
    let before = server.cpu_seconds()?;
    let output = Command::new("wrk")
        .args(["--threads", "1", "--timeout", "10s", "--connections", &connections.to_string()])
        .args(["--duration", &format!("{}s", time.as_secs()), "--script"])
        .arg(script)
        .args([&format!("http://127.0.0.1:{}/", server.port), "--"])
        .args([sent.paths, sent.headers])
        .arg(sent.begin.to_string())
        .args(sent.write.iter().flat_map(|(body, stamp)| [body, stamp]))
        .output()
        .context("wrk, which is a package of that name on Debian")?;
    let cpu = server.cpu_seconds()? - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("MEASURED "));
    let line = line.with_context(|| format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    let printed: Printed = serde_json::from_str(line)?;
    ensure!(
        printed.refused == 0 && printed.broken == 0 && printed.requests > 0.0,
        "{} answers, {} of them errors; {} did not come",
        printed.requests,
        printed.refused,
        printed.broken
    );
    Ok(Measured {
        connections,
        per_second: printed.requests / printed.micros * 1e6,
        p50: printed.p50 / 1e3,
        p99: printed.p99 / 1e3,
        cpu: cpu / printed.requests * 1e6,
    })
}

/// One call; the answer's status and what follows its head.
pub(super) fn call(
    port: u16,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> anyhow::Result<(u16, String)> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    for header in headers.lines() {
        request.extend([header, "\r\n"]);
    }
    if method != "GET" {
        request.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.get(9..12).context("a status line")?.parse()?;
    let (_, body) = answer.split_once("\r\n\r\n").context("a whole head")?;
    Ok((status, body.to_owned()))
}
