//! Erasing one person with much to erase: the answer, the last row, and the last byte in the files.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::callers::Callers;
use super::row::{Goal, Row, Target, number};
use crate::data::people::member_id;
use crate::data::{self, Data, records};
use crate::load::median;
use crate::place::Place;
use crate::server::Server;
use crate::turns::Plan;

const MEMORIES: usize = 10_000;
/// Between two looks at the jobs.
const PAUSE: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) fn measure(
    program: &Path,
    server: &Server,
    callers: &Callers<'_>,
    data: &Data,
    copy: &Place,
    plan: &Plan,
) -> anyhow::Result<Row> {
    let org = &data.largest().org_id;
    let (mut answered, mut gone, mut scrubbed) = (Vec::new(), Vec::new(), f64::NAN);
    for round in 0..plan.rounds {
        // Members whose numbers nobody else has.
        let member = 50_000_000 + round;
        data::ingest(program, copy, org, "a person and memories", &mut |write| {
            write(records::member(0, member))?;
            let first = 50_000_000 + round * MEMORIES;
            (first..first + MEMORIES).try_for_each(|number| write(records::memory(0, member, number)))
        })?;
        let (id, token) = (member_id(0, member), format!("Bearer {}", callers.admin));
        let headers = [("authorization", token.as_str())];
        let started = Instant::now();
        let milliseconds = || started.elapsed().as_secs_f64() * 1e3;
        let (status, answer) =
            server.call("DELETE", &format!("/v1/{org}/user/{id}"), &headers, &Value::Null)?;
        ensure!(status == 200, "a deletion: {status} {answer}");
        answered.push(milliseconds());
        wait(server, org, &headers, "user.erase")?;
        gone.push(milliseconds());
        // Scrubs keep a pause, so the first only comes at once, and those of the later rounds after these.
        if round > 0 {
            continue;
        }
        wait(server, org, &headers, "store.scrub")?;
        scrubbed = milliseconds();
        let proof = copy.command(program).args(["user", "erased", "--org", org, &id]).output()?;
        ensure!(proof.status.success(), "not erased: {}", String::from_utf8_lossy(&proof.stdout));
    }
    let most = if copy.servers.is_some() { 250.0 } else { 150.0 };
    let name =
        format!("erase one person with {} memories, until the last row is gone", number(MEMORIES as f64));
    let told = format!(
        "answered after {} ms, files scrubbed after {} ms",
        number(median(answered)),
        number(scrubbed)
    );
    Ok(Row::new(Target::Erase, name, [Goal::at_most("", median(gone), "ms", most)]).tell(told))
}

/// Until the organization has no job of this kind.
fn wait(server: &Server, org: &str, headers: &[(&str, &str)], kind: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let (status, answer) = server.get(&format!("/admin/v1/{org}/jobs"), headers)?;
        ensure!(status == 200, "jobs: {status} {answer}");
        let jobs = answer["jobs"].as_array().context("a list of jobs")?;
        if !jobs.iter().any(|job| job["kind"] == kind) {
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "a job {kind} does not end: {answer}");
        std::thread::sleep(PAUSE);
    }
}
