//! denizen side by side with what somebody would pick instead: the same people, the same work, the same machine, by turns.
//!
//! Each of the others has a folder in `bench/beside` with what makes it run, and why its settings are fair. What is
//! downloaded lies in the folder of the build, and so does the data, which is kept between runs.

mod denizen;
mod http;
mod ldap;
mod population;
mod process;
mod system;
mod table;

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use self::http::Sent;
use self::population::{Population, bytes_on_disk};
use self::process::Memory;
use self::system::{Requests, Started, System, Work};
use crate::report::progress;

/// Each system is tried with few and with many connections, and measured with those that suit it better.
const CONNECTIONS: [usize; 2] = [8, 64];

/// How much is measured.
pub(crate) struct Plan {
    pub(crate) people: usize,
    pub(crate) rounds: usize,
    /// Of one run.
    pub(crate) time: Duration,
    /// Names of the systems that are measured beside denizen; all, if there are none.
    pub(crate) only: Vec<String>,
}

#[derive(Clone, Copy)]
struct Measured {
    connections: usize,
    per_second: f64,
    /// Milliseconds.
    p50: f64,
    p99: f64,
    /// Processor time of the server's processes per request, in microseconds.
    cpu: f64,
}

/// What is known of data that was loaded.
#[derive(Clone, Serialize, Deserialize)]
struct Loaded {
    /// What loaded it.
    by: u64,
    seconds: f64,
    bytes: f64,
}

/// A system, its data, and what was measured of it.
struct Site {
    system: System,
    /// What runs: the build of another system, or denizen's program.
    program: PathBuf,
    folder: PathBuf,
    population: Population,
    loaded: Loaded,
    /// Seconds.
    ready: Vec<f64>,
    idle: Vec<Memory>,
    busy: Vec<Memory>,
    runs: Vec<(Work, Measured)>,
}

/// Measures all systems that can be had, round by round, and returns the table. `folder` is that of the build.
pub(crate) fn measure(program: &Path, folder: &Path, plan: &Plan) -> anyhow::Result<String> {
    for name in &plan.only {
        ensure!(System::ALL.iter().any(|system| system.name() == name), "no system is called {name}");
    }
    let folder = folder.join("beside");
    let mut sites = Vec::new();
    for system in System::ALL {
        // The ratios are to denizen's figures.
        if !plan.only.is_empty()
            && !system.is_denizen()
            && !plan.only.iter().any(|name| name == system.name())
        {
            continue;
        }
        let build = if system.is_denizen() { program.to_owned() } else { folder.join(system.name()) };
        if let Err(error) = system.install(&build) {
            progress(&format!("{} is left out, because it is not installed: {error:#}", system.title()));
            continue;
        }
        sites.push(Site::prepare(system, build, &folder.join("data"), plan.people)?);
    }
    for round in 0..plan.rounds {
        for site in &mut sites {
            progress(&format!("round {} of {}: {}", round + 1, plan.rounds, site.system.title()));
            site.round(round, plan)?;
        }
    }
    Ok(table::render(&sites, plan))
}

impl Site {
    /// Takes the data that is there from an earlier run, or loads it.
    fn prepare(system: System, program: PathBuf, folder: &Path, people: usize) -> anyhow::Result<Self> {
        let population = Population { people: system.feasible(people) };
        let folder = folder.join(format!("{}-{}", system.name(), population.people));
        let known = folder.join("loaded.json");
        let by = version(system, &program)?;
        let earlier = fs::read(&known).ok().and_then(|text| serde_json::from_slice::<Loaded>(&text).ok());
        let loaded = match earlier.filter(|loaded| loaded.by == by) {
            Some(loaded) => loaded,
            None => {
                let loaded = load(system, &program, &folder, &population, by)?;
                // Last: data that was interrupted is not mistaken for whole.
                fs::write(&known, serde_json::to_vec(&loaded)?)?;
                loaded
            }
        };
        Ok(Self {
            system,
            program,
            folder,
            population,
            loaded,
            ready: Vec::new(),
            idle: Vec::new(),
            busy: Vec::new(),
            runs: Vec::new(),
        })
    }

    /// Reads, and then writes into a copy of the data, which is thrown away.
    fn round(&mut self, round: usize, plan: &Plan) -> anyhow::Result<()> {
        let started = self.start(&self.folder.join("data"))?;
        self.ready.push(started.ready);
        self.idle.push(started.running.memory()?);
        for work in Work::READS {
            self.work(work, &started, round, plan)?;
        }
        self.busy.push(started.running.memory()?);
        started.running.stop()?;

        let copy = self.folder.join("written");
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        let copied = Command::new("cp").arg("-a").args([&self.folder.join("data"), &copy]).status()?;
        // The copy's own way to the disk must not be charged to the server.
        let synced = Command::new("sync").arg("--file-system").arg(&copy).status()?;
        ensure!(copied.success() && synced.success(), "the data could not be copied");
        let started = self.start(&copy)?;
        self.work(Work::Create, &started, round, plan)?;
        started.running.stop()?;
        fs::remove_dir_all(&copy)?;
        Ok(())
    }

    fn start(&self, data: &Path) -> anyhow::Result<Started> {
        let log = self.folder.join("log");
        self.system.start(&self.program, data, &log).with_context(|| self.system.title())
    }

    /// One kind of work: in the first round with few and with many connections, and then with what was better.
    fn work(&mut self, work: Work, started: &Started, round: usize, plan: &Plan) -> anyhow::Result<()> {
        let stamp = format!("r{round}n");
        let Some(requests) = self.system.requests(work, &self.population, started, &stamp)? else {
            return Ok(());
        };
        let (paths, headers) = (self.folder.join("requests"), self.folder.join("request-headers"));
        let lines = match &requests {
            Requests::Paths(paths) => paths.join("\n"),
            Requests::Post(path, _) => path.clone(),
            Requests::Ldap(_) => String::new(),
        };
        fs::write(&paths, lines)?;
        fs::write(&headers, &started.headers)?;
        self.check(work, &requests, started)?;

        let known = self.of(work).next().map(|run| run.connections);
        let mut best: Option<Measured> = None;
        for connections in CONNECTIONS {
            let skipped_over = self.system == System::OpenLdap && work == Work::DeepPage;
            if known.is_some_and(|known| known != connections) || (skipped_over && connections > 8) {
                continue;
            }
            let word = format!("{stamp}{connections}x");
            let sent = |write| Sent { paths: &paths, headers: &headers, begin: round * 997, write };
            let run = match &requests {
                Requests::Paths(_) => http::run(&started.running, sent(None), connections, plan.time),
                Requests::Post(_, body) => {
                    http::run(&started.running, sent(Some((body, &word))), connections, plan.time)
                }
                Requests::Ldap(asked) => {
                    let asked = asked.clone().with_stamp(&word);
                    ldap::run(&started.running, &asked, connections, plan.time)
                }
            };
            match run {
                Ok(run) => {
                    eprintln!(
                        "  {}, {connections} connections: {:.1}/s, {:.0} µs",
                        work.title(),
                        run.per_second,
                        run.cpu
                    );
                    if best.is_none_or(|best| best.per_second < run.per_second) {
                        best = Some(run);
                    }
                }
                Err(error) => {
                    eprintln!("  {}, {connections} connections: no figure: {error:#}", work.title());
                }
            }
        }
        self.runs.extend(best.map(|best| (work, best)));
        Ok(())
    }

    /// Asks once, and looks at the answer: everybody is to do the same work.
    fn check(&self, work: Work, requests: &Requests, started: &Started) -> anyhow::Result<()> {
        // LDAP's client looks at every answer.
        let Requests::Paths(paths) = requests else { return Ok(()) };
        let (status, answer) = http::call(started.running.port, "GET", &paths[0], &started.headers, "")?;
        let found = answer.matches(self.system.mark()).count();
        let is_right = match work {
            Work::Get => found == 1,
            Work::FirstPage | Work::DeepPage => found == 100,
            Work::Hit => found > 0 && answer.to_lowercase().contains(&self.population.needles()[0]),
            Work::Miss | Work::Create => found == 0,
        };
        ensure!(
            status == 200 && is_right,
            "{}, {}: {status} with {found} people: {answer:.300}",
            self.system.title(),
            work.title()
        );
        Ok(())
    }

    fn of(&self, work: Work) -> impl Iterator<Item = &Measured> {
        self.runs.iter().filter(move |(done, _)| *done == work).map(|(_, run)| run)
    }
}

fn load(
    system: System,
    program: &Path,
    folder: &Path,
    population: &Population,
    by: u64,
) -> anyhow::Result<Loaded> {
    progress(&format!("loading {} people into {}", population.people, system.title()));
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let people = folder.join("people");
    system.write_people(population, &people)?;
    let started = Instant::now();
    match system {
        System::Denizen(dialect) => denizen::load(dialect, program, &data, &people)?,
        _ => system.load(program, &data, &people)?,
    }
    let seconds = started.elapsed().as_secs_f64();
    fs::remove_file(people)?;
    Ok(Loaded { by, seconds, bytes: bytes_on_disk(&data)? })
}

/// Tells data that something else loaded from data that can be used again.
fn version(system: System, program: &Path) -> anyhow::Result<u64> {
    let mut hasher = DefaultHasher::new();
    if system.is_denizen() {
        let meta = fs::metadata(program)?;
        (meta.len(), meta.modified()?.duration_since(UNIX_EPOCH)?).hash(&mut hasher);
    } else {
        hash_files(&system.scripts(), &mut hasher)?;
    }
    Ok(hasher.finish())
}

fn hash_files(folder: &Path, hasher: &mut DefaultHasher) -> anyhow::Result<()> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            hash_files(&path, hasher)?;
        } else if path.extension().is_none_or(|ending| ending != "md") {
            fs::read(&path)?.hash(hasher);
        }
    }
    Ok(())
}
