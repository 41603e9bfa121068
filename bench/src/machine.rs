//! The machine: what it is, whether it has time, and what it can do when nothing of denizen's stands in the way.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// What the server hashes with, unless it is told otherwise.
const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
/// Of each core: a load beyond that makes figures those of a shared machine.
const BUSY: f64 = 0.3;

/// A sentence about where and when it was measured.
pub(crate) fn description(load: f64) -> anyhow::Result<String> {
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib: f64 = memory.split_whitespace().nth(1).context("/proc/meminfo")?.parse()?;
    Ok(format!(
        "Measured {} at commit {}, on {} cores that server, database and load share, {:.0} GB of memory, load average {load:.1} at \
         the beginning{}",
        run("date", &["-u", "+%F"])?,
        commit()?,
        cores()?,
        kib / 1e6,
        if load > BUSY * cores()? as f64 { ", so **the machine was not free**" } else { "" },
    ))
}

/// The load average of the last minute, with a warning where it is high.
pub(crate) fn load_average() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let load: f64 = text.split_whitespace().next().context("/proc/loadavg")?.parse()?;
    if load > BUSY * cores()? as f64 {
        eprintln!(
            "warning: the load average is {load}, so what is measured now says little about a free machine"
        );
    }
    Ok(load)
}

pub(crate) fn cores() -> anyhow::Result<usize> {
    Ok(std::thread::available_parallelism()?.get())
}

pub(crate) fn commit() -> anyhow::Result<String> {
    let changed = !run("git", &["status", "--porcelain", "--untracked-files=no", "--", ":/*.rs"])?.is_empty();
    Ok(run("git", &["rev-parse", "--short", "HEAD"])? + if changed { " with changes" } else { "" })
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let ran = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let ran = ran.with_context(|| program.to_owned())?;
    ensure!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}

/// Fails with what to install, before anything is measured.
pub(crate) fn has_wrk() -> anyhow::Result<()> {
    let there = Command::new("wrk").arg("--version").output();
    ensure!(there.is_ok(), "wrk makes the load and is missing; on Debian: `apt-get install wrk`");
    Ok(())
}

/// Appended 4 KiB that reached the disk, each second.
pub(crate) fn sync_rate(folder: &Path, time: Duration) -> anyhow::Result<f64> {
    let path = folder.join("fdatasync");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let (started, mut syncs) = (Instant::now(), 0);
    while started.elapsed() < time {
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        syncs += 1;
    }
    let rate = f64::from(syncs) / started.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

/// Hashes a second by argon2id, with a thread of ordinary priority on every core.
pub(crate) fn hash_rate(time: Duration) -> anyhow::Result<f64> {
    let started = Instant::now();
    let work = || {
        let params = Params::new(MEMORY_KIB, ITERATIONS, 1, Some(32)).map_err(|error| anyhow!("{error}"))?;
        let mut memory = vec![Block::default(); params.block_count()];
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let (mut made, mut hash) = (0_u32, [0; 32]);
        while started.elapsed() < time {
            hasher
                .hash_password_into_with_memory(b"Passw0rd", &[7; 16], &mut hash, &mut memory)
                .map_err(|error| anyhow!("{error}"))?;
            made += 1;
        }
        anyhow::Ok(f64::from(made) / started.elapsed().as_secs_f64())
    };
    let cores = cores()?;
    std::thread::scope(|scope| {
        let hashing: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut sum = 0.0;
        for thread in hashing {
            sum += thread.join().map_err(|_| anyhow!("a thread that hashes panicked"))??;
        }
        Ok(sum)
    })
}
