//! PostgreSQL: denizen's gets and invitations against single statements of the same database, by turns.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_postgres::Config;

use crate::Plan;
use crate::bare::{Bare, Servers};
use crate::data::{Data, Organization, Rng, person};
use crate::load::{self, Measured, Writing, median};
use crate::reads::{VARIED, by_size, write_gets};
use crate::server::Server;
use crate::writes::write_requests;

/// Organizations of the writers that are compared with as many in one organization.
const SPREAD: usize = 64;
/// Rounds of writes; more than on SQLite, because a run need not begin with a copy.
const WRITE_ROUNDS: usize = 5;

/// One kind of request beside the statement that does the least of the same.
pub(crate) struct Beside {
    pub(crate) name: &'static str,
    pub(crate) denizen: Vec<Measured>,
    pub(crate) bare: Vec<f64>,
    pub(crate) ratios: Vec<f64>,
}

impl Beside {
    fn new(name: &'static str) -> Self {
        Self { name, denizen: Vec::new(), bare: Vec::new(), ratios: Vec::new() }
    }

    /// A run between two runs of the bare statement.
    fn push(&mut self, run: Measured, before: f64, after: f64) {
        self.denizen.push(run);
        self.bare.push(f64::midpoint(before, after));
        self.ratios.push(run.per_second / f64::midpoint(before, after));
    }

    pub(crate) fn ratio(&self) -> f64 {
        median(self.ratios.iter().copied())
    }
}

/// Invitations, and what the writers of one organization reach of what they reach in many.
pub(crate) struct Writers {
    pub(crate) one: Beside,
    pub(crate) spread: Beside,
    pub(crate) ratios: Vec<f64>,
}

pub(crate) fn gets(
    program: &Path,
    data: &Data,
    servers: &Servers,
    plan: &Plan,
) -> anyhow::Result<Vec<Beside>> {
    let bare = Bare::open(&servers.bare)?;
    let slugs: Vec<&str> = data.organizations.iter().map(|one| one.org_id.as_str()).collect();
    let keys = bare.keys(&slugs)?;
    let mut rng = Rng(9);
    let drawn = (0..VARIED).map(|_| {
        let rank = by_size(&data.organizations, &mut rng);
        let mut id = [0; 16];
        id[..12].copy_from_slice(&person(rank, rng.below(data.organizations[rank].users)).id.0);
        (keys[rank], id)
    });
    let drawn = Arc::new(drawn.collect::<Vec<_>>());

    let server = Server::start(program, &data.folder, &data.variables())?;
    let (kinds, time) = (write_gets(&server, data)?, plan.read_time);
    let mut measured: Vec<Beside> = kinds.iter().map(|(name, _)| Beside::new(name)).collect();
    for (_, file) in &kinds {
        load::run(&server, file, time, 0, None)?;
    }
    bare.gets(&drawn, time)?;
    let mut before = bare.gets(&drawn, time)?;
    for round in 0..plan.rounds {
        for ((_, file), beside) in kinds.iter().zip(&mut measured) {
            let run = load::run(&server, file, time, round * VARIED / plan.rounds, None)?;
            let after = bare.gets(&drawn, time)?;
            beside.push(run, before, after);
            before = after;
        }
    }
    server.stop()?;
    Ok(measured)
}

/// Invitations go into a copy of the database, which is removed afterwards.
pub(crate) fn writers(
    program: &Path,
    data: &Data,
    servers: &Servers,
    plan: &Plan,
) -> anyhow::Result<Writers> {
    in_a_copy(servers, |written| write(program, data, written, plan))
}

/// Does something with a copy of the database, which is removed afterwards.
pub(crate) fn in_a_copy<T>(
    servers: &Servers,
    with: impl FnOnce(&Servers) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (_, name) =
        servers.store.split('?').next().and_then(|url| url.rsplit_once('/')).context("a database")?;
    let copy = format!("{name}_written");
    let written = servers.with_database(&copy)?;
    let elsewhere = Bare::open(&servers.with_database("postgres")?.bare)?;
    let drop = format!("DROP DATABASE IF EXISTS {copy}");
    elsewhere.batch(&drop)?;
    let config: Config = servers.store.parse()?;
    let owner = config.get_user().context("a user")?;
    elsewhere.batch(&format!("CREATE DATABASE {copy} OWNER {owner} TEMPLATE {name} STRATEGY file_copy"))?;
    let done = with(&written);
    elsewhere.batch(&drop)?;
    done
}

fn write(program: &Path, data: &Data, servers: &Servers, plan: &Plan) -> anyhow::Result<Writers> {
    let bare = Bare::open(&servers.bare)?;
    let folder = data.folder.with_file_name("data-written");
    fs::create_dir_all(&folder)?;
    let server = Server::start(program, &folder, &[("DENIZEN_STORE", &servers.store)])?;
    let place = |name: &'static str, organizations: &[Organization]| -> anyhow::Result<_> {
        let folder = folder.join(organizations.len().to_string());
        fs::create_dir_all(&folder)?;
        let file = write_requests(&server, organizations, &folder)?;
        let slugs: Vec<&str> = organizations.iter().map(|one| one.org_id.as_str()).collect();
        // The patterns are what denizen itself has written for such invitations.
        let stamp = format!("warm{}n", slugs.len());
        load::run(&server, &file, Duration::from_secs(2), 0, Some(Writing::invitation(&stamp)))?;
        let patterns = Arc::new(bare.patterns(&bare.keys(&slugs)?)?);
        bare.inserts(&patterns, &stamp, Duration::from_secs(2))?;
        Ok((Beside::new(name), file, patterns))
    };
    let spread = &data.organizations[..SPREAD.min(data.organizations.len())];
    let mut kinds = [
        place("invitations into one organization", &data.organizations[..1])?,
        place("invitations into 64 organizations", spread)?,
    ];
    let mut ratios = Vec::new();
    for round in 0..WRITE_ROUNDS {
        for turn in 0..2 {
            // Either comes first as often as the other.
            let which = (round + turn) % 2;
            let (beside, file, patterns) = &mut kinds[which];
            let before = bare.inserts(patterns, &format!("r{round}{which}b"), plan.write_time)?;
            let stamp = format!("r{round}{which}n");
            let run = load::run(&server, file, plan.write_time, 0, Some(Writing::invitation(&stamp)))?;
            let after = bare.inserts(patterns, &format!("r{round}{which}a"), plan.write_time)?;
            beside.push(run, before, after);
        }
        let rate = |which: usize| kinds[which].0.denizen[round].per_second;
        ratios.push(rate(0) / rate(1));
    }
    server.stop()?;
    let [(one, ..), (spread, ..)] = kinds;
    Ok(Writers { one, spread, ratios })
}
