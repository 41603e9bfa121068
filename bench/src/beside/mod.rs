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
use crate::load::median;
use crate::report::progress;

/// How long an answer takes is compared with so many connections for all.
const FEW: usize = 8;
/// How much is answered is compared with as many of these as suit each system better.
const CONNECTIONS: [usize; 2] = [FEW, 64];

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
    by_turns(&mut sites, &Work::READS, plan)?;
    by_turns(&mut sites, &[Work::Create], plan)?;
    Ok(table::render(&sites, plan))
}

/// Starts every system, lets each one warm up, and measures round by round; those whose turn it is not do nothing. What is
/// written goes into copies of the data, which are thrown away.
fn by_turns(sites: &mut [Site], works: &[Work], plan: &Plan) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for site in &mut *sites {
        let data = if works == [Work::Create] { site.copy()? } else { site.folder.join("data") };
        let started = site.start(&data)?;
        site.ready.push(started.ready);
        if works != [Work::Create] {
            site.idle.push(started.running.memory()?);
        }
        all.push(started);
    }
    for (site, started) in sites.iter_mut().zip(&all) {
        progress(&format!("warming up: {}", site.system.title()));
        for work in works {
            site.work(*work, started, None, plan)?;
        }
    }
    for round in 0..plan.rounds {
        for (site, started) in sites.iter_mut().zip(&all) {
            progress(&format!("round {} of {}: {}", round + 1, plan.rounds, site.system.title()));
            for work in works {
                site.work(*work, started, Some(round), plan)?;
            }
        }
    }
    for (site, started) in sites.iter_mut().zip(all) {
        if works != [Work::Create] {
            site.busy.push(started.running.memory()?);
        }
        started.running.stop()?;
    }
    Ok(())
}

impl Site {
    /// Takes the data that is there from an earlier run, or loads it.
    fn prepare(system: System, program: PathBuf, folder: &Path, people: usize) -> anyhow::Result<Self> {
        let population = Population { people: system.feasible(people) };
        let folder = folder.join(format!("{}-{}", system.name(), population.people));
        let known = folder.join("loaded.json");
        let by = version(system, &program)?;
        let earlier = fs::read(&known).ok().and_then(|text| serde_json::from_slice::<Loaded>(&text).ok());
        let loaded = if let Some(loaded) = earlier.filter(|loaded| loaded.by == by) {
            loaded
        } else {
            let loaded = load(system, &program, &folder, &population, by)?;
            // Last: data that was interrupted is not mistaken for whole.
            fs::write(&known, serde_json::to_vec(&loaded)?)?;
            loaded
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

    /// A copy of the data, for what writes.
    fn copy(&self) -> anyhow::Result<PathBuf> {
        let copy = self.folder.join("written");
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        let copied = Command::new("cp").arg("-a").args([&self.folder.join("data"), &copy]).status()?;
        // The copy's own way to the disk must not be charged to the server.
        let synced = Command::new("sync").arg("--file-system").arg(&copy).status()?;
        ensure!(copied.success() && synced.success(), "the data could not be copied");
        Ok(copy)
    }

    fn start(&self, data: &Path) -> anyhow::Result<Started> {
        let log = self.folder.join("log");
        self.system.start(&self.program, data, &log).with_context(|| self.system.title())
    }

    /// One kind of work, with few and with many connections; without a round, to warm up only.
    fn work(
        &mut self,
        work: Work,
        started: &Started,
        round: Option<usize>,
        plan: &Plan,
    ) -> anyhow::Result<()> {
        let stamp = round.map_or("w".to_owned(), |round| format!("r{round}n"));
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

        for connections in CONNECTIONS {
            if connections > FEW && (round.is_none() || !self.system.takes_many(work)) {
                continue;
            }
            let word = format!("{stamp}{connections}x");
            let begin = round.unwrap_or(plan.rounds) * 997;
            let sent = |write| Sent { paths: &paths, headers: &headers, begin, write };
            let time = plan.time * self.system.patience();
            let run = match &requests {
                Requests::Paths(_) => http::run(&started.running, sent(None), connections, time),
                Requests::Post(_, body) => {
                    http::run(&started.running, sent(Some((body, &word))), connections, time)
                }
                Requests::Ldap(asked) => {
                    ldap::run(&started.running, &asked.clone().with_stamp(&word), connections, time)
                }
            };
            match run {
                Ok(run) => {
                    let Measured { per_second, cpu, p99, .. } = run;
                    eprintln!(
                        "  {}, {connections} connections: {per_second:.1}/s, {cpu:.0} µs, p99 {p99:.2} ms",
                        work.title()
                    );
                    self.runs.extend(round.map(|_| (work, run)));
                }
                Err(error) => {
                    eprintln!("  {}, {connections} connections: no figure: {error:#}", work.title());
                }
            }
        }
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

    fn of(&self, work: Work, connections: usize) -> Vec<&Measured> {
        let runs = self.runs.iter().filter(|(done, run)| *done == work && run.connections == connections);
        runs.map(|(_, run)| run).collect()
    }

    /// With how many connections it does the most of this work, if it does it.
    fn best(&self, work: Work) -> Option<usize> {
        let rate = |connections: usize| {
            let runs = self.of(work, connections);
            if runs.is_empty() { 0.0 } else { median(runs.iter().map(|run| run.per_second)) }
        };
        let best = CONNECTIONS.into_iter().max_by(|one, other| rate(*one).total_cmp(&rate(*other)))?;
        (rate(best) > 0.0).then_some(best)
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
