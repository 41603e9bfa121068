//! What a request costs as users, or organizations, become more: the same requests to a server over each size, by turns.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::data::people::{As, Rng, member_id, person, unlucky_name};
use crate::data::{self, Data, Organization, Shape};
use crate::load::{self, Measured, Writing};
use crate::place::Place;
use crate::plot::{Curve, Plot};
use crate::report::progress;
use crate::server::Server;
use crate::targets::callers::VARIED;
use crate::targets::row::number;
use crate::turns::{Plan, Series};

/// From the smallest size to the largest, of server and database together.
const MOST: f64 = 1.5;
/// Aims hold up to this size; a larger one is shown.
const AIMED: usize = 1_000_000;
/// Users of all organizations together, where organizations become more; as many as fit on a page are in each.
const SPREAD: usize = 100_000;

/// A server over data of one size, with the files of requests of each kind.
struct Measuring<'a> {
    data: &'a Data,
    /// For a kind that is measured, by its place.
    series: Vec<Series>,
}

/// The curves of one table.
pub(crate) struct Growth {
    pub(crate) table: String,
    pub(crate) svg: String,
    pub(crate) name: &'static str,
}

/// What is measured of each size; only the last one writes.
const KINDS: [&str; 5] = ["get", "list", "search, a full name", "search, unlucky", "create"];
const CREATE: usize = 4;

/// Which organizations are called, and how long a list is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The largest, for 100 users.
    Users,
    /// All of them, for 10 users, which each of them has.
    Organizations,
}

/// By the number of users, in the largest organization.
pub(crate) fn by_users(program: &Path, main: &Data, sizes: &[usize], plan: &Plan) -> anyhow::Result<Growth> {
    let users: usize = main.organizations.iter().map(|one| one.users).sum();
    let mut smaller = Vec::new();
    for size in sizes.iter().filter(|size| **size != users) {
        let place = main.place.named(&format!("users-{size}"))?;
        smaller.push((*size, data::prepare(program, place, *size, main.organizations.len(), Shape::Uneven)?));
    }
    let mut all: Vec<(usize, &Data)> = smaller.iter().map(|(size, data)| (*size, data)).collect();
    all.push((users, main));
    all.sort_by_key(|(size, _)| *size);
    measure(program, &all, By::Users, plan)
}

/// By the number of organizations, with the same number of users.
pub(crate) fn by_organizations(program: &Path, place: &Place, plan: &Plan) -> anyhow::Result<Growth> {
    let (users, counts): (usize, &[usize]) =
        if plan.is_quick { (2_000, &[1, 100]) } else { (SPREAD, &[1, 100, 10_000]) };
    let mut made = Vec::new();
    for &count in counts {
        let place = place.named(&format!("organizations-{count}"))?;
        made.push((count, data::prepare(program, place, users, count, Shape::Even)?));
    }
    let all: Vec<(usize, &Data)> = made.iter().map(|(count, data)| (*count, data)).collect();
    measure(program, &all, By::Organizations, plan)
}

fn measure(program: &Path, sizes: &[(usize, &Data)], by: By, plan: &Plan) -> anyhow::Result<Growth> {
    let mut measuring: Vec<Measuring<'_>> = sizes
        .iter()
        .map(|(_, data)| Measuring { data, series: KINDS.iter().map(|_| Series::default()).collect() })
        .collect();
    read(program, &mut measuring, by, plan)?;
    create(program, &mut measuring, by, plan)?;
    let what = if by == By::Users { "users" } else { "organizations" };
    progress(&format!("growth: by the number of {what} is measured"));
    Ok(told(sizes, &measuring, by))
}

fn read(program: &Path, all: &mut [Measuring<'_>], by: By, plan: &Plan) -> anyhow::Result<()> {
    let mut servers = Vec::new();
    for one in &*all {
        let server = Server::start(program, &one.data.place)?;
        let files = requests(&server, one.data, by)?;
        if !plan.is_quick {
            for file in &files {
                load::run(&server, file, plan.beside, 0, None)?;
            }
        }
        servers.push((server, files));
    }
    for round in 0..plan.rounds {
        for kind in 0..CREATE {
            for ((server, files), one) in servers.iter().zip(&mut *all) {
                let run = load::run(server, &files[kind], plan.read, round * VARIED / plan.rounds, None)?;
                one.series[kind].push(run, 0.0, 0.0);
            }
        }
    }
    servers.into_iter().try_for_each(|(server, _)| server.stop())
}

/// Into copies, which are removed.
fn create(program: &Path, all: &mut [Measuring<'_>], by: By, plan: &Plan) -> anyhow::Result<()> {
    let mut servers = Vec::new();
    for one in &*all {
        let name = one.data.place.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let copy = one.data.place.copy(&format!("{name}-written"))?;
        let server = Server::start(program, &copy)?;
        let mut lines = Vec::new();
        for organization in called(one.data, by) {
            let token = server.token(organization, &organization.member_id)?;
            lines.push(format!("/v1/{}/user/\t{token}", organization.org_id));
        }
        let file = copy.folder.join("requests-create");
        std::fs::write(&file, lines.join("\n"))?;
        if !plan.is_quick {
            load::run(&server, &file, plan.beside, 0, Some(Writing::invitation("w")))?;
        }
        servers.push((server, file, copy));
    }
    for round in 0..plan.rounds {
        for ((server, file, _), one) in servers.iter().zip(&mut *all) {
            let stamp = format!("r{round}n");
            let run = load::run(server, file, plan.write, round * 97, Some(Writing::invitation(&stamp)))?;
            one.series[CREATE].push(run, 0.0, 0.0);
        }
    }
    for (server, _, copy) in servers {
        server.stop()?;
        copy.remove()?;
    }
    Ok(())
}

fn called(data: &Data, by: By) -> &[Organization] {
    if by == By::Users { &data.organizations[..1] } else { &data.organizations }
}

/// The files of requests of all kinds that read.
fn requests(server: &Server, data: &Data, by: By) -> anyhow::Result<Vec<PathBuf>> {
    let organizations = called(data, by);
    let mut tokens = Vec::new();
    for organization in organizations {
        tokens.push(server.token(organization, &organization.member_id)?);
    }
    let limit = if by == By::Users { 100 } else { 10 };
    let mut rng = Rng(21);
    let write =
        |name: &str, path: &mut dyn FnMut(usize, &Organization) -> String| -> anyhow::Result<PathBuf> {
            let file = data.place.folder.join(format!("requests-growth-{name}"));
            let mut drawn = Rng(22);
            let lines: Vec<String> = (0..VARIED)
                .map(|_| {
                    let rank = drawn.below(organizations.len());
                    format!(
                        "/v1/{}/user/{}\t{}",
                        organizations[rank].org_id,
                        path(rank, &organizations[rank]),
                        tokens[rank]
                    )
                })
                .collect();
            std::fs::write(&file, lines.join("\n"))?;
            Ok(file)
        };
    let get = write("get", &mut |rank, one| format!("?user_id={}", member_id(rank, rng.below(one.users))))?;
    let list = write("list", &mut |_, _| format!("?limit={limit}"))?;
    let name = write("name", &mut |rank, one| {
        let person = person(As::Member, rank, rng.below(one.users));
        format!("search/?query={}%20{}", person.first_name, person.last_name).replace('é', "%C3%A9")
    })?;
    let unlucky = write("unlucky", &mut |_, _| format!("search/?query={}", unlucky_name(&mut rng)))?;
    Ok(vec![get, list, name, unlucky])
}

/// Of server and database together, in microseconds.
fn cost(run: &Measured) -> f64 {
    run.cpu + run.database_cpu
}

fn told(sizes: &[(usize, &Data)], all: &[Measuring<'_>], by: By) -> Growth {
    let (what, name, list) = match by {
        By::Users => ("users", "users", "list of 100, the first page"),
        By::Organizations => ("organizations", "organizations", "list of 10, the first page"),
    };
    let engine = sizes[0].1.place.engine();
    let mut table = String::from("| CPU µs of a request (p50, ms) |");
    for (size, _) in sizes {
        let what = if *size == 1 { what.trim_end_matches('s') } else { what };
        let _ = write!(table, " {} {what} |", number(*size as f64));
    }
    let _ =
        writeln!(table, " grows by | target | |\n| --- |{} --: | --- | --- |", " --: |".repeat(sizes.len()));
    let mut curves = Vec::new();
    for (kind, title) in KINDS.iter().enumerate() {
        let title = if kind == 1 { list } else { title };
        let _ = write!(table, "| {title} |");
        let costs: Vec<f64> = all.iter().map(|one| one.series[kind].of(cost)).collect();
        for (one, cost) in all.iter().zip(&costs) {
            let _ = write!(table, " {} ({}) |", number(*cost), number(one.series[kind].of(|run| run.p50)));
        }
        let last = sizes.iter().rposition(|(size, _)| by == By::Organizations || *size <= AIMED).unwrap_or(0);
        let times = costs[last] / costs[0];
        let reached = if times <= MOST { "reached" } else { "**missed**" };
        let _ = writeln!(table, " {times:.2} × | ≤ {MOST} × | {reached} |");
        let points =
            sizes.iter().zip(&costs).map(|((size, _), cost)| (*size as f64, cost / costs[0])).collect();
        curves.push(Curve { name: KINDS[kind].to_owned(), points });
    }
    let title = format!("What a request costs on {engine} as {what} become more");
    let plot = Plot {
        title: &title,
        across: what,
        up: "processor time, × that of the smallest",
        curves: &curves,
        limit: MOST,
    };
    Growth { table, svg: plot.svg(), name }
}
