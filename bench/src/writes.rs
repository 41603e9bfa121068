//! Invitations: with group commit and with one transaction per request by turns, and what the disk can do.
//!
//! Every run begins with its own copy of the data, because invitations change it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::Plan;
use crate::data::{Data, Organization};
use crate::load::{self, Measured, Writing, median};
use crate::server::Server;

const ROUNDS: usize = 3;

pub(crate) struct Write {
    pub(crate) name: &'static str,
    pub(crate) grouped: Vec<Measured>,
    pub(crate) single: Vec<Measured>,
    /// Appended 4 KiB that reached the disk, each second, beside each round.
    pub(crate) syncs: Vec<f64>,
}

impl Write {
    /// Group commit against one transaction per request.
    pub(crate) fn gain(&self) -> f64 {
        median(
            self.grouped
                .iter()
                .zip(&self.single)
                .map(|(grouped, single)| grouped.per_second / single.per_second),
        )
    }

    pub(crate) fn per_sync(&self) -> f64 {
        median(self.grouped.iter().zip(&self.syncs).map(|(grouped, syncs)| grouped.per_second / syncs))
    }
}

pub(crate) fn measure(program: &Path, data: &Data, plan: &Plan) -> anyhow::Result<Vec<Write>> {
    let copy = data.folder.with_file_name("data-written");
    let all = &data.organizations[..];
    let mut writes = Vec::new();
    for (name, organizations) in
        [("invitations into one organization", &all[..1]), ("invitations over all organizations", all)]
    {
        let mut write = Write { name, grouped: Vec::new(), single: Vec::new(), syncs: Vec::new() };
        for round in 0..ROUNDS {
            for group in ["1", "512"] {
                let run = invite(program, data, &copy, organizations, group, plan.write_time, round)?;
                if group == "1" { write.single.push(run) } else { write.grouped.push(run) }
            }
            write.syncs.push(sync_rate(&copy)?);
        }
        writes.push(write);
    }
    fs::remove_dir_all(&copy)?;
    Ok(writes)
}

fn invite(
    program: &Path,
    data: &Data,
    copy: &Path,
    organizations: &[Organization],
    group: &str,
    time: Duration,
    round: usize,
) -> anyhow::Result<Measured> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    fs::create_dir_all(copy)?;
    fs::copy(data.folder.join("denizen.db"), copy.join("denizen.db"))?;
    // The copy's own way to the disk must not be charged to the server.
    fs::File::open(copy.join("denizen.db"))?.sync_all()?;
    let server = Server::start(program, copy, &[("DENIZEN_SQLITE_GROUP_COMMIT_MAX", group)])?;
    let file = write_requests(&server, organizations, copy)?;
    load::run(&server, &file, Duration::from_secs(1), 0, Some(Writing::invitation("warm")))?;
    let measured = load::run(&server, &file, time, 0, Some(Writing::invitation(&format!("r{round}n"))))?;
    server.stop()?;
    Ok(measured)
}

pub(crate) fn write_requests(
    server: &Server,
    organizations: &[Organization],
    folder: &Path,
) -> anyhow::Result<PathBuf> {
    let mut lines = Vec::new();
    for one in organizations {
        lines.push(format!("/v1/{}/user/\t{}", one.org_id, server.token(one, &one.member_id)?));
    }
    let file = folder.join("requests-invite");
    fs::write(&file, lines.join("\n"))?;
    Ok(file)
}

fn sync_rate(folder: &Path) -> anyhow::Result<f64> {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("fdatasync"))?;
    let (started, mut syncs) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(2) {
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        syncs += 1;
    }
    ensure!(syncs > 0, "the disk did not answer");
    Ok(f64::from(syncs) / started.elapsed().as_secs_f64())
}
