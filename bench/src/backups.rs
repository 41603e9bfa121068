//! Backups beside a server: how fast one is made, and what whoever invites notices of it.
//!
//! The same server is invited over by turns, alone and while one backup after the other is made of its store, so that only
//! the backups differ. Each round begins with its own copy of the data.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::data::Data;
use crate::load::{self, Measured, Writing, median};
use crate::server::Server;
use crate::targets::callers::Callers;
use crate::turns::Plan;

const ROUNDS: usize = 3;
const MEBIBYTE: f64 = 1_048_576.0;

/// What `denizen backup --json` prints, as far as it is looked at.
#[derive(Deserialize)]
struct Made {
    seconds: f64,
    manifest: Manifest,
}

#[derive(Deserialize)]
struct Manifest {
    databases: Vec<Database>,
}

#[derive(Deserialize)]
struct Database {
    bytes: f64,
}

/// Seconds, and MiB in a second.
struct Speed {
    seconds: f64,
    mebibytes: f64,
}

pub(crate) fn measure(program: &Path, data: &Data, plan: &Plan) -> anyhow::Result<String> {
    let (mut alone, mut beside, mut idle, mut busy) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let copy = data.place.copy("backed-up")?;
        let server = Server::start(program, &copy)?;
        let callers = Callers::sign_in(&server, data.largest(), &copy.folder)?;
        let path = format!("/v1/{}/user/", data.largest().org_id);
        let file = callers.same("create", &callers.admin, &path)?;
        let invite =
            |stamp: String| load::run(&server, &file, plan.write, 0, Some(Writing::invitation(&stamp)));
        invite(format!("w{round}"))?;
        idle.push(back_up(program, &copy.folder)?);
        alone.push(invite(format!("a{round}n"))?);
        let is_over = AtomicBool::new(false);
        let (measured, made) = std::thread::scope(|scope| {
            let making = scope.spawn(|| {
                let mut made = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    made.push(back_up(program, &copy.folder)?);
                }
                Ok::<_, anyhow::Error>(made)
            });
            let measured = invite(format!("b{round}n"));
            is_over.store(true, Ordering::Relaxed);
            (measured, making.join())
        });
        beside.push(measured?);
        busy.extend(made.map_err(|_| anyhow::anyhow!("the thread that makes backups panicked"))??);
        server.stop()?;
        copy.remove()?;
    }
    Ok(table(&alone, &beside, &idle, &busy)?)
}

fn back_up(program: &Path, data: &Path) -> anyhow::Result<Speed> {
    let folder = data.join("backup");
    let output = Command::new(program)
        .args(["backup", "--quiet", "--json"])
        .arg(&folder)
        .arg("--data")
        .arg(data)
        .output()?;
    ensure!(output.status.success(), "no backup: {}", String::from_utf8_lossy(&output.stderr));
    let made: Made = serde_json::from_slice(&output.stdout).context("what the backup says")?;
    fs::remove_dir_all(&folder)?;
    let bytes: f64 = made.manifest.databases.iter().map(|database| database.bytes).sum();
    Ok(Speed { seconds: made.seconds, mebibytes: bytes / MEBIBYTE / made.seconds })
}

type Figure = fn(&Measured) -> f64;

fn table(
    alone: &[Measured],
    beside: &[Measured],
    idle: &[Speed],
    busy: &[Speed],
) -> Result<String, std::fmt::Error> {
    let ratio = |of: Figure| median(alone.iter().zip(beside).map(|(alone, beside)| of(beside) / of(alone)));
    let of = |all: &[Measured], of: Figure| median(all.iter().map(of));
    let mut text =
        String::from("| invitations | alone | beside backups | ratio |\n| --- | --: | --: | --: |\n");
    let figures: [(&str, Figure); 3] = [
        ("a second", |measured| measured.per_second),
        ("p50, ms", |measured| measured.p50),
        ("p99, ms", |measured| measured.p99),
    ];
    for (name, figure) in figures {
        let (alone, beside) = (of(alone, figure), of(beside, figure));
        writeln!(text, "| {name} | {alone:.1} | {beside:.1} | {:.2} × |", ratio(figure))?;
    }
    text += "\n| a backup | seconds | MiB/s |\n| --- | --: | --: |\n";
    for (name, speeds) in [("of an idle server", idle), ("beside invitations", busy)] {
        let seconds = median(speeds.iter().map(|speed| speed.seconds));
        let mebibytes = median(speeds.iter().map(|speed| speed.mebibytes));
        writeln!(text, "| {name} | {seconds:.2} | {mebibytes:.0} |")?;
    }
    Ok(text)
}
