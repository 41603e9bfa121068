//! How fast denizen answers over HTTP, as ratios to its own static answer, and how fast it makes durable invitations, as
//! ratios to one transaction per request and to the disk. `cargo run --release -p denizen-bench -- all` measures and
//! writes the tables of docs/performance.md.
//!
//! Only loopback is used; `wrk` makes the load; every process that this one starts is ended by it.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures for people, far below any limit"
)]

mod data;
mod load;
mod reads;
mod report;
mod server;
mod writes;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Parser, ValueEnum};

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
}

/// Measures denizen over HTTP on this machine.
#[derive(Parser)]
struct Arguments {
    what: What,
    /// A tenth of the users and short rounds, to see that everything runs; leaves the documentation alone.
    #[arg(long)]
    quick: bool,
    /// Where the data is kept between runs; default `bench-data` in the target folder.
    #[arg(long)]
    data: Option<PathBuf>,
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
    let plan = if arguments.quick {
        Plan { users: 100_000, rounds: 2, read_time: secs(1), write_time: secs(2) }
    } else {
        Plan { users: 1_000_000, rounds: 5, read_time: secs(2), write_time: secs(5) }
    };
    let program = build_server()?;
    let target = program.parent().and_then(Path::parent).context("the folder of the build")?;
    let name = if arguments.quick { "bench-data-quick" } else { "bench-data" };
    let folder = arguments.data.unwrap_or_else(|| target.join(name));
    let data = data::prepare(&program, &folder, plan.users)?;

    let reads = match arguments.what {
        What::All | What::Reads => Some(reads::measure(&program, &data, &plan)?),
        _ => None,
    };
    if let Some(reads) = &reads {
        println!("{}", report::reads(reads));
    }
    let writes = match arguments.what {
        What::All | What::Writes => Some(writes::measure(&program, &data, &plan)?),
        _ => None,
    };
    if let Some(writes) = &writes {
        println!("{}", report::writes(writes));
    }
    if let (Some(reads), Some(writes), false) = (&reads, &writes, arguments.quick) {
        report::rewrite(reads, writes, plan.users)?;
    }
    Ok(())
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Builds the server as it is released, into the folder that this program was built into.
fn build_server() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--release", "-p", "denizen"]).status()?;
    ensure!(built.success(), "the server could not be built");
    let own = std::env::current_exe()?;
    let target = own.parent().and_then(Path::parent).context("the folder of the build")?;
    Ok(target.join("release").join("denizen"))
}
