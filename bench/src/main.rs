//! How fast denizen answers over HTTP, as ratios to its own static answer, and how fast it makes durable invitations, as
//! ratios to one transaction per request and to the disk; on PostgreSQL, as ratios to single statements of the same
//! database. `cargo run --release -p bench -- all` measures and writes the tables of docs/performance.md.
//!
//! Only loopback is used; `wrk` makes the load; every process that this one starts is ended by it.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures for people, far below any limit"
)]

mod backups;
mod bare;
mod contacts;
mod data;
mod eva;
mod load;
mod moves;
mod postgres;
mod reads;
mod report;
mod server;
mod sizes;
mod writes;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Parser, ValueEnum};

use crate::bare::{Bare, Servers};
use crate::report::Place;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Everything, and the tables of docs/performance.md.
    All,
    /// Reads only; prints.
    Reads,
    /// Invitations only; prints.
    Writes,
    /// Makes the data and ends.
    Data,
    /// Contacts in the Dixa dialect, which have data of their own, and their table of docs/performance.md.
    Dixa,
    /// Backups of SQLite, and what they cost whoever writes meanwhile; prints.
    Backup,
    /// An organization that moves from SQLite to PostgreSQL and back; prints.
    Move,
    /// What users of each kind and what is known of them take on disk, by table and index; prints.
    Sizes,
    /// An uploaded file of operators in the eva dialect, against bare hashing and beside readers; prints.
    Eva,
}

/// Measures denizen over HTTP on this machine.
#[derive(Parser)]
struct Arguments {
    what: What,
    /// A tenth of the users and short rounds, to see that everything runs; leaves the documentation alone.
    #[arg(long)]
    quick: bool,
    /// Measures PostgreSQL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, a database of its own whose owner is USER.
    #[arg(long, requires = "bare", value_name = "URL")]
    store: Option<String>,
    /// The same database by a superuser, for what is compared with.
    #[arg(long, requires = "store", value_name = "URL")]
    bare: Option<String>,
    /// Where an organization moves to: as `--store`, and the database has to be empty.
    #[arg(long, value_name = "URL", required_if_eq("what", "move"))]
    postgres: Option<String>,
    /// How many users there are.
    #[arg(long)]
    users: Option<usize>,
    /// Where the data is kept between runs; default `bench-data` in the target folder.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A server's binary that is there already; otherwise it is built as it is released.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// How much is measured.
pub(crate) struct Plan {
    pub(crate) users: usize,
    pub(crate) rounds: usize,
    pub(crate) read_time: Duration,
    pub(crate) write_time: Duration,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let (What::Move, Some(url)) = (arguments.what, &arguments.postgres) {
        let folder = arguments.data.unwrap_or_else(|| std::env::temp_dir().join("denizen-bench-move"));
        moves::measure(&folder, arguments.users.unwrap_or(1_000_000), url)?;
        return Ok(());
    }
    let mut plan = if arguments.quick {
        Plan { users: 100_000, rounds: 2, read_time: secs(1), write_time: secs(2) }
    } else {
        Plan { users: 1_000_000, rounds: 5, read_time: secs(2), write_time: secs(5) }
    };
    plan.users = arguments.users.unwrap_or(plan.users);
    let servers = arguments.store.zip(arguments.bare).map(|(store, bare)| Servers { store, bare });
    let program = arguments.program.map_or_else(build_server, Ok)?;
    let target = target()?;
    let name = format!(
        "bench-data{}{}{}",
        if arguments.what == What::Dixa { "-contacts" } else { "" },
        if servers.is_some() { "-postgres" } else { "" },
        if arguments.quick { "-quick" } else { "" }
    );
    let folder = arguments.data.unwrap_or_else(|| target.join(name));
    if arguments.what == What::Sizes {
        let folder = target.join("bench-data-sizes");
        let users = arguments.users.unwrap_or(if arguments.quick { 10_000 } else { 100_000 });
        println!("{}", sizes::measure(&program, &folder, users, servers.as_ref())?);
        return Ok(());
    }
    if arguments.what == What::Eva {
        // A user more takes a hash more, and makes the ratio no truer.
        let operators = arguments.users.unwrap_or(if arguments.quick { 500 } else { 5_000 });
        println!("{}", eva::measure(&program, &target.join("bench-data-operators"), operators)?);
        return Ok(());
    }
    if arguments.what == What::Dixa {
        return measure_contacts(&program, &folder, &plan, servers.as_ref(), arguments.quick);
    }
    let data = data::prepare(&program, &folder, plan.users, servers.as_ref())?;
    if arguments.what == What::Backup {
        ensure!(servers.is_none(), "PostgreSQL makes its backups with its own tools");
        println!("{}", backups::measure(&program, &data, &plan)?);
        return Ok(());
    }

    let is_wanted = |kind| [What::All, kind].contains(&arguments.what);
    let reads = is_wanted(What::Reads).then(|| reads::measure(&program, &data, &plan)).transpose()?;
    let mut tables: Vec<String> = reads.iter().map(|reads| report::reads(reads)).collect();
    match &servers {
        None => {
            let writes =
                is_wanted(What::Writes).then(|| writes::measure(&program, &data, &plan)).transpose()?;
            tables.extend(writes.map(|writes| report::writes(&writes)));
        }
        Some(servers) => {
            let gets = is_wanted(What::Reads)
                .then(|| postgres::gets(&program, &data, servers, &plan))
                .transpose()?;
            let writers = is_wanted(What::Writes)
                .then(|| postgres::writers(&program, &data, servers, &plan))
                .transpose()?;
            tables.push(report::beside(gets.iter().flatten(), writers.as_ref()));
        }
    }
    println!("{}", tables.join("\n"));
    if arguments.what == What::All && !arguments.quick {
        let version = servers.as_ref().map(|servers| Bare::open(&servers.bare)?.version()).transpose()?;
        let population = format!("{} users in {} organizations", plan.users, data::ORGANIZATIONS);
        let place = Place { contacts: false, version: version.as_deref(), population };
        report::rewrite(&tables.join("\n"), &place)?;
    }
    Ok(())
}

fn measure_contacts(
    program: &Path,
    folder: &Path,
    plan: &Plan,
    servers: Option<&Servers>,
    is_quick: bool,
) -> anyhow::Result<()> {
    let data = contacts::prepare(program, folder, plan.users, servers)?;
    let table = report::reads(&contacts::measure(program, &data, servers, plan)?);
    println!("{table}");
    if is_quick {
        return Ok(());
    }
    let version = servers.map(|servers| Bare::open(&servers.bare)?.version()).transpose()?;
    let population =
        format!("{} contacts in one organization, and {} in others", plan.users, contacts::ELSEWHERE);
    report::rewrite(&table, &Place { contacts: true, version: version.as_deref(), population })
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Builds the server as it is released, into the folder that this program was built into.
fn build_server() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--release", "-p", "denizen"]).status()?;
    ensure!(built.success(), "the server could not be built");
    Ok(target()?.join("release").join("denizen"))
}

/// The folder that this program was built into.
fn target() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().and_then(Path::parent).context("the folder of the build")?.to_owned())
}
