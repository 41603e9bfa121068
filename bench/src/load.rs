//! One load: `wrk` with 64 connections for a few seconds, and what the server spent on it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::server::Server;

pub(crate) const CONNECTIONS: usize = 64;

/// What `requests.lua` prints at the end.
#[derive(Deserialize)]
struct Printed {
    requests: f64,
    micros: f64,
    bytes: f64,
    refused: u64,
    broken: u64,
    p50: f64,
    p99: f64,
}

#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    /// Bytes of an answer, head included.
    pub(crate) bytes: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Processor time of the server per request, in microseconds.
    pub(crate) cpu: f64,
    /// The same of the database's processes; 0 where they are the server's own, or not known.
    pub(crate) database_cpu: f64,
}

/// What is written, and a word that makes its addresses new; the digits in it make new numbers.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    /// As in `requests.lua`.
    pub(crate) kind: &'a str,
    pub(crate) stamp: &'a str,
}

impl<'a> Writing<'a> {
    pub(crate) fn invitation(stamp: &'a str) -> Self {
        Self { kind: "invitation", stamp }
    }
}

/// Sends the requests of `file` over [`CONNECTIONS`], beginning at one of them, for `time`.
pub(crate) fn run(
    server: &Server,
    file: &Path,
    time: Duration,
    begin: usize,
    write: Option<Writing<'_>>,
) -> anyhow::Result<Measured> {
    run_over(server, CONNECTIONS, file, time, begin, write)
}

/// As [`run`], over so many connections.
pub(crate) fn run_over(
    server: &Server,
    connections: usize,
    file: &Path,
    time: Duration,
    begin: usize,
    write: Option<Writing<'_>>,
) -> anyhow::Result<Measured> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("requests.lua");
    let before = server.spent()?;
    let output = Command::new("wrk")
        .args(["--threads", "1", "--timeout", "10s", "--connections", &connections.to_string()])
        .args(["--duration", &format!("{}s", time.as_secs()), "--script"])
        .arg(script)
        .args([&server.url(), "--"])
        .arg(file)
        .arg(begin.to_string())
        .args(write.iter().flat_map(|write| [write.kind, write.stamp]))
        .output()
        .context("wrk, which is a package of that name on Debian")?;
    let after = server.spent()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("MEASURED "));
    let line = line.with_context(|| format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    let printed: Printed = serde_json::from_str(line)?;
    ensure!(
        printed.refused == 0 && printed.broken == 0,
        "{} answers were errors and {} did not come: {}",
        printed.refused,
        printed.broken,
        file.display()
    );
    Ok(Measured {
        per_second: printed.requests / printed.micros * 1e6,
        bytes: printed.bytes / printed.requests,
        p50: printed.p50 / 1e3,
        p99: printed.p99 / 1e3,
        cpu: (after.server - before.server) / printed.requests * 1e6,
        database_cpu: (after.database - before.database) / printed.requests * 1e6,
    })
}

pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
