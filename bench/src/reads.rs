//! Reads: each kind between two runs of the static answer, so that what else the machine does cancels out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Plan;
use crate::data::{Data, Organization, Rng, person};
use crate::load::{self, Measured, median};
use crate::server::Server;

/// Different requests of a kind.
pub(crate) const VARIED: usize = 20_000;
/// What every other kind is compared with.
pub(crate) const STATIC: &str = "static answer (`/livez`)";
/// The first kinds: gets by id.
const GETS: usize = 2;

pub(crate) struct Read {
    pub(crate) name: &'static str,
    /// Rates divided by the static rates around them.
    pub(crate) ratios: Vec<f64>,
    pub(crate) runs: Vec<Measured>,
}

impl Read {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, ratios: Vec::new(), runs: Vec::new() }
    }

    pub(crate) fn ratio(&self) -> f64 {
        median(self.ratios.iter().copied())
    }

    /// Whether it is what the others are compared with.
    pub(crate) fn is_static(&self) -> bool {
        self.name.starts_with("static")
    }

    /// A run between two runs of the static answer.
    pub(crate) fn push(&mut self, run: Measured, before: &Measured, after: &Measured) {
        self.ratios.push(run.per_second / f64::midpoint(before.per_second, after.per_second));
        self.runs.push(run);
    }

    pub(crate) fn of(&self, figure: impl Fn(&Measured) -> f64) -> f64 {
        median(self.runs.iter().map(figure))
    }
}

/// The static answer first.
pub(crate) fn measure(program: &Path, data: &Data, plan: &Plan) -> anyhow::Result<Vec<Read>> {
    let server = Server::start(program, &data.folder, &data.variables())?;
    let (fixed, kinds) = write_requests(&server, data)?;
    let reads = by_turns(&server, &fixed, &kinds, plan)?;
    server.stop()?;
    Ok(reads)
}

/// Every kind in every round, each run between two of the static answer, which comes first in what is returned.
pub(crate) fn by_turns(
    server: &Server,
    fixed: &Path,
    kinds: &[Kind],
    plan: &Plan,
) -> anyhow::Result<Vec<Read>> {
    let mut reads: Vec<Read> =
        std::iter::once(STATIC).chain(kinds.iter().map(|(name, _)| *name)).map(Read::new).collect();
    // Fills caches, and is not counted.
    for (_, file) in kinds {
        load::run(server, file, plan.read_time, 0, None)?;
    }
    let mut before = load::run(server, fixed, plan.read_time, 0, None)?;
    for round in 0..plan.rounds {
        for (number, (_, file)) in kinds.iter().enumerate() {
            let run = load::run(server, file, plan.read_time, round * VARIED / plan.rounds, None)?;
            let after = load::run(server, fixed, plan.read_time, 0, None)?;
            reads[number + 1].push(run, &before, &after);
            reads[0].push(after, &before, &before);
            before = after;
        }
    }
    Ok(reads)
}

pub(crate) type Kind = (&'static str, PathBuf);

/// The gets alone.
pub(crate) fn write_gets(server: &Server, data: &Data) -> anyhow::Result<Vec<Kind>> {
    Ok(write_requests(server, data)?.1.into_iter().take(GETS).collect())
}

fn write_requests(server: &Server, data: &Data) -> anyhow::Result<(PathBuf, Vec<Kind>)> {
    let organizations = &data.organizations;
    let mut tokens = Vec::new();
    for organization in organizations {
        tokens.push(server.token(organization, &organization.member_id)?);
    }
    let largest = &organizations[0];
    let reader = server.token_with_conditions(largest)?;
    let mut rng = Rng(7);

    let write = |name: &str, lines: Vec<String>| -> anyhow::Result<PathBuf> {
        let file = data.folder.join(format!("requests-{name}"));
        fs::write(&file, lines.join("\n"))?;
        Ok(file)
    };
    let many = |line: &mut dyn FnMut() -> String| (0..VARIED).map(|_| line()).collect::<Vec<_>>();
    let by_id = |rank: usize, number: usize, token: &str| {
        let id = person(rank, number).id;
        format!("/v1/{}/user/?user_id={id}\t{token}", organizations[rank].org_id)
    };
    let search = |needle: &str| format!("/v1/{}/user/search/?query={needle}\t{}", largest.org_id, tokens[0]);

    let get = many(&mut || {
        let rank = by_size(organizations, &mut rng);
        by_id(rank, rng.below(organizations[rank].users), &tokens[rank])
    });
    // As long as the others, so that the client's work is the same.
    let fixed = get.iter().map(|line| format!("/livez?{line}")).collect();
    // The filter admits four of five; asked for are those whom it admits, for an empty answer is cheaper.
    let filtered = many(&mut || by_id(0, rng.below(largest.users / 5 - 1) * 5 + 1, &reader));
    let list = many(&mut || {
        let rank = by_size(organizations, &mut rng);
        let (first, last) = organizations[rank].positions;
        let token = first + rng.below(last - first);
        format!(
            "/v1/{}/user/?limit=100&continuation_token={token}\t{}",
            organizations[rank].org_id, tokens[rank]
        )
    });
    let full_name = many(&mut || {
        let person = person(0, rng.below(largest.users));
        search(&format!("{}%20{}", person.first_name, person.last_name).replace('é', "%C3%A9"))
    });
    let miss = many(&mut || search(&format!("qzx{}", rng.below(1_000_000))));
    let pick = |rng: &mut Rng, needles: &[&str]| search(rng.pick::<&str>(needles));
    let short = many(&mut || pick(&mut rng, &["a", "an", "be", "o", "ro", "li", "s", "k"]));
    let short_miss = many(&mut || pick(&mut rng, &["qx", "ww", "zq", "xx", "jz"]));
    let frequent = many(&mut || pick(&mut rng, &["stein", "mann", "ling", "ova", "vera", "gmail"]));

    Ok((
        write("static", fixed)?,
        vec![
            ("GET by id, an administrator", write("get", get)?),
            ("GET by id, a role with conditions", write("get-filtered", filtered)?),
            ("list of 100, from anywhere", write("list", list)?),
            ("search, a full name", write("search-name", full_name)?),
            ("search, absent", write("search-absent", miss)?),
            ("search, 1–2 letters, absent", write("search-short-absent", short_miss)?),
            ("search, 1–2 letters, 1,000 answers", write("search-short", short)?),
            ("search, 3–5 letters, 1,000 answers", write("search-frequent", frequent)?),
        ],
    ))
}

/// An organization, each with the probability of its share of all users.
pub(crate) fn by_size(organizations: &[Organization], rng: &mut Rng) -> usize {
    let mut number = rng.below(organizations.iter().map(|one| one.users).sum());
    for (rank, organization) in organizations.iter().enumerate() {
        match number.checked_sub(organization.users) {
            None => return rank,
            Some(rest) => number = rest,
        }
    }
    0
}
