//! What a server takes besides time: memory, the time of a start, room on the disk, and the size of the program.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::Figures;
use super::row::{Goal, Row, Target, number};
use crate::data::Data;
use crate::load::median;
use crate::server::Server;
use crate::turns::Plan;

/// Until a server that was started does nothing more.
const REST: Duration = Duration::from_secs(2);
const STARTS: usize = 5;

pub(crate) fn measure(
    program: &Path,
    data: &Data,
    plan: &Plan,
    figures: &Figures,
) -> anyhow::Result<Vec<Row>> {
    let mut ready = Vec::new();
    for _ in 0..STARTS {
        let server = Server::start(program, &data.place)?;
        ready.push(server.ready.as_secs_f64() * 1e3);
        server.stop()?;
    }
    let server = Server::start(program, &data.place)?;
    std::thread::sleep(if plan.is_quick { REST / 4 } else { REST });
    let (idle, _) = server.memory()?;
    server.stop()?;
    let users = data.everybody();
    let of = format!("on {} users", number(users as f64));
    let bytes = data.place.bytes()?;
    Ok(vec![
        Row::new(
            Target::IdleMemory,
            format!("resident memory, idle {of}"),
            [Goal::at_most("", idle, "MB", 40.0)],
        ),
        Row::new(
            Target::PeakMemory,
            "resident memory, the most in all that stands above",
            [Goal::at_most("", figures.peak, "MB", 200.0)],
        ),
        Row::new(
            Target::Start,
            format!("start to ready {of}"),
            [Goal::at_most("", median(ready), "ms", 200.0)],
        ),
        Row::new(Target::None, "database bytes per user, with what is known of them", []).tell(format!(
            "{} ({} MB in all)",
            number(bytes / users as f64),
            number(bytes / 1e6)
        )),
    ])
}

/// The program without its symbols, and with `is_built` how long it takes to make from nothing.
pub(crate) fn program(program: &Path, folder: &Path, is_built: bool) -> anyhow::Result<Vec<Row>> {
    let stripped = folder.join("stripped");
    let made = Command::new("strip").arg("-o").arg(&stripped).arg(program).status();
    ensure!(
        made.is_ok_and(|status| status.success()),
        "`strip` is missing; on Debian: `apt-get install binutils`"
    );
    let bytes = fs::metadata(&stripped)?.len() as f64;
    fs::remove_file(&stripped)?;
    let mut rows =
        vec![Row::new(Target::Binary, "stripped binary", [Goal::at_most("", bytes / 1e6, "MB", 25.0)])];
    if is_built {
        let target = folder.join("clean-build");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let started = Instant::now();
        let built = Command::new(cargo)
            .args(["build", "--release", "--locked", "-p", "denizen", "--target-dir"])
            .arg(&target)
            .status()
            .context("cargo")?;
        ensure!(built.success(), "the server could not be built");
        let minutes = started.elapsed().as_secs_f64() / 60.0;
        fs::remove_dir_all(&target)?;
        rows.push(Row::new(
            Target::Build,
            "clean release build",
            [Goal::at_most("", minutes, "minutes", 5.0)],
        ));
    }
    Ok(rows)
}
