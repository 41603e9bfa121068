//! How fast denizen is over HTTP and what it takes, in ratios to what the same machine does without it.
//! `cargo run --release -p bench -- all` makes the data, measures every target on both engines, how costs grow, and writes
//! the tables of docs/performance.md.
//!
//! A reader finds the data set in `data`, the load in `load` (`wrk` makes it) and `turns`, what is compared with in `machine`
//! and `bare`, the lines of the table in `targets`, the scaling curves in `growth`, and the page in `report`. Only loopback is
//! used, and every process that this one starts is ended by it.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures for people, far below any limit"
)]

mod backups;
mod bare;
mod beside;
mod data;
mod growth;
mod load;
mod machine;
mod moves;
mod place;
mod plot;
mod report;
mod server;
mod sizes;
mod targets;
mod turns;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Parser, ValueEnum};

use crate::bare::{Bare, Servers};
use crate::data::{Data, Shape};
use crate::place::{Cluster, Place};
use crate::report::Section;
use crate::turns::Plan;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The targets and the growth on both engines, others beside, and the tables of docs/performance.md.
    All,
    /// Makes the data and ends.
    Data,
    /// The table of targets.
    Targets,
    /// What a request costs as users, or organizations, become more.
    Growth,
    /// The same work by denizen and by what somebody would pick instead, and their table of docs/performance.md.
    Beside,
    /// Backups of SQLite, and what they cost whoever writes meanwhile; prints.
    Backup,
    /// An organization that moves from SQLite to PostgreSQL and back; prints.
    Move,
    /// What users of each kind and what is known of them take on disk, by table and index; prints.
    Sizes,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    Sqlite,
    Postgres,
}

/// Measures denizen over HTTP on this machine.
#[derive(Parser)]
struct Arguments {
    what: What,
    /// Few users and one round of a second each, to see that everything runs; prints, and leaves the documentation alone.
    #[arg(long)]
    quick: bool,
    /// Prints, and leaves the documentation alone.
    #[arg(long)]
    print: bool,
    /// The engine that is measured, if not both.
    #[arg(long)]
    engine: Option<Engine>,
    /// A PostgreSQL to measure in the place of one that is made: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. USER owns the
    /// databases that are made there, whose names begin with `bench_`.
    #[arg(long, requires = "bare", value_name = "URL")]
    store: Option<String>,
    /// The same by a superuser, who makes and drops these databases, and for what is compared with.
    #[arg(long, requires = "store", value_name = "URL")]
    bare: Option<String>,
    /// Where an organization moves to: as `--store`, and the database has to be empty.
    #[arg(long, value_name = "URL", required_if_eq("what", "move"))]
    postgres: Option<String>,
    /// Beside denizen only this system, such as `django`; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How many members there are.
    #[arg(long, visible_alias = "people")]
    users: Option<usize>,
    /// Shows the growth up to five million, too.
    #[arg(long)]
    five_million: bool,
    /// Builds the server from nothing, too, and says how long it took.
    #[arg(long)]
    build: bool,
    /// How often everything is measured.
    #[arg(long)]
    rounds: Option<usize>,
    /// Where the data is kept between runs; default `bench-data` in the target folder.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A server's binary that is there already; otherwise it is built as it is released.
    #[arg(long)]
    program: Option<PathBuf>,
}

impl Arguments {
    fn plan(&self) -> Plan {
        let seconds = Duration::from_secs;
        let mut plan = if self.quick {
            Plan { rounds: 1, read: seconds(1), write: seconds(1), beside: seconds(1), is_quick: true }
        } else {
            Plan { rounds: 3, read: seconds(2), write: seconds(5), beside: seconds(1), is_quick: false }
        };
        plan.rounds = self.rounds.unwrap_or(plan.rounds);
        plan
    }

    fn users(&self) -> usize {
        self.users.unwrap_or(if self.quick { 20_000 } else { 1_000_000 })
    }

    fn organizations(&self) -> usize {
        if self.quick { 10 } else { 100 }
    }

    /// Sizes whose costs are compared.
    fn sizes(&self) -> Vec<usize> {
        let users = self.users();
        let mut sizes =
            if self.quick { vec![users / 10, users] } else { vec![users / 100, users / 10, users] };
        if self.five_million {
            sizes.push(5_000_000);
        }
        sizes
    }

    fn beside(&self) -> beside::Plan {
        let Plan { rounds, beside: time, .. } = self.plan();
        // The users of everything else are ten times as many as others have.
        let wanted = self.users.filter(|_| self.what == What::Beside);
        let people = wanted.unwrap_or(if self.quick { 5_000 } else { 100_000 });
        beside::Plan { people, rounds, time, only: self.only.clone() }
    }

    fn rewrites(&self) -> bool {
        !self.quick && !self.print && self.only.is_empty()
    }

    fn engines(&self) -> Vec<Engine> {
        self.engine.map_or(vec![Engine::Sqlite, Engine::Postgres], |engine| vec![engine])
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.what != What::Move && arguments.what != What::Sizes {
        machine::has_wrk()?;
    }
    if let (What::Move, Some(url)) = (arguments.what, &arguments.postgres) {
        let folder = arguments.data.unwrap_or_else(|| std::env::temp_dir().join("denizen-bench-move"));
        return moves::measure(&folder, arguments.users.unwrap_or(1_000_000), url);
    }
    let program = arguments.program.clone().map_or_else(build_server, Ok)?;
    let target = target()?;
    let name = if arguments.quick { "bench-data-quick" } else { "bench-data" };
    let root = arguments.data.clone().unwrap_or_else(|| target.join(name));
    report::progress(&format!("begun with {}", program.display()));
    let load = machine::load_average()?;
    match arguments.what {
        What::Sizes => {
            let servers =
                given(&arguments).map(|servers| servers.with_database("bench_sizes")).transpose()?;
            let place = Place { folder: root.join("sizes"), servers };
            let users = arguments.users.unwrap_or(if arguments.quick { 10_000 } else { 100_000 });
            println!("{}", sizes::measure(&program, &place, users)?);
        }
        What::Backup => {
            let place = Place { folder: root.join("sqlite").join("data"), servers: None };
            let data =
                data::prepare(&program, place, arguments.users(), arguments.organizations(), Shape::Uneven)?;
            println!("{}", backups::measure(&program, &data, &arguments.plan())?);
        }
        What::All | What::Data | What::Targets | What::Growth => {
            for engine in arguments.engines() {
                measure(&arguments, &program, &root, engine, load)?;
            }
            // What others need is installed first, which is not quick.
            if arguments.what == What::All && !arguments.quick {
                measure_beside(&arguments, &program, &target, load)?;
            }
        }
        What::Beside => measure_beside(&arguments, &program, &target, load)?,
        What::Move => {}
    }
    report::progress("done");
    Ok(())
}

/// What somebody would pick instead.
fn measure_beside(arguments: &Arguments, program: &Path, target: &Path, load: f64) -> anyhow::Result<()> {
    let plan = arguments.beside();
    let table = beside::measure(program, target, &plan)?;
    let about = machine::description(load)?;
    let text = format!("{about}: {} people, rounds: {}.\n\n{table}", plan.people, plan.rounds);
    show(arguments, Section::Beside, "Beside others", &text)
}

/// Everything that is wanted on one engine.
fn measure(
    arguments: &Arguments,
    program: &Path,
    root: &Path,
    engine: Engine,
    load: f64,
) -> anyhow::Result<()> {
    let (is_all, plan) = (arguments.what == What::All, arguments.plan());
    // Removed when this ends, well or not.
    let mut cluster = None;
    let servers = match (engine, given(arguments)) {
        (Engine::Sqlite, _) => None,
        (Engine::Postgres, Some(servers)) => Some(servers.with_database("bench_data")?),
        (Engine::Postgres, None) => Some(cluster.insert(Cluster::create(root)?).servers()?),
    };
    let folder = root.join(if engine == Engine::Sqlite { "sqlite" } else { "postgres" }).join("data");
    let place = Place { folder, servers };
    let data = data::prepare(program, place, arguments.users(), arguments.organizations(), Shape::Uneven)?;
    let engine = data.place.engine();
    let mut about = machine::description(load)?;
    if let Some(servers) = &data.place.servers {
        about = format!("{about}; PostgreSQL {}", Bare::open(&servers.bare)?.version()?);
    }
    if is_all || arguments.what == What::Targets {
        let mut rows = targets::measure(program, &data, &plan)?;
        if data.place.servers.is_none() {
            rows.extend(targets::program(program, root, arguments.build)?);
        }
        let text = format!(
            "{about}: {}. {} connections; rounds: {}.\n\n{}\n### Every operation\n\n{}",
            data.population(),
            load::CONNECTIONS,
            plan.rounds,
            targets::row::summary(&rows),
            targets::row::table(&rows, data.place.servers.is_some())
        );
        show(arguments, Section::Targets(engine), &format!("Targets on {engine}"), &text)?;
    }
    if is_all || arguments.what == What::Growth {
        let sizes = arguments.sizes();
        let show_growth = |growth: &growth::Growth| -> anyhow::Result<()> {
            let section = Section::Growth(engine, growth.name, &growth.svg);
            let title = format!("Growth by {} on {engine}", growth.name);
            show(arguments, section, &title, &format!("{about}.\n\n{}", growth.table))?;
            if !arguments.rewrites() {
                std::fs::write(root.join(format!("growth-{}-{engine}.svg", growth.name)), &growth.svg)?;
            }
            Ok(())
        };
        show_growth(&growth::by_users(program, &data, &sizes, &plan)?)?;
        show_growth(&growth::by_organizations(program, &data.place, &plan)?)?;
    }
    remove_temporary(&data)
}

/// Prints it, and writes it down where it is to be kept.
fn show(arguments: &Arguments, section: Section<'_>, title: &str, text: &str) -> anyhow::Result<()> {
    println!("\n## {title}\n\n{text}");
    if arguments.rewrites() { report::rewrite(section, text) } else { Ok(()) }
}

/// What lies beside databases that go with their cluster.
fn remove_temporary(data: &Data) -> anyhow::Result<()> {
    let beside = data.place.folder.parent().context("the folder of an engine")?;
    if data.place.is_kept() { Ok(()) } else { Ok(std::fs::remove_dir_all(beside)?) }
}

/// The PostgreSQL that was named.
fn given(arguments: &Arguments) -> Option<Servers> {
    let (store, bare) = (arguments.store.clone()?, arguments.bare.clone()?);
    Some(Servers { store, bare, postmaster: None, is_temporary: false })
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
