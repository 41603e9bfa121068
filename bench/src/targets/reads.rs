//! What is read: one user, lists, pages at some depth, and searches, in each dialect; in the largest organization.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use denizen_domain::ids::ObjectId;

use super::Figures;
use super::callers::{Callers, PAGE};
use super::row::{Goal, Row, Target, number};
use crate::bare::{Bare, Key, Servers};
use crate::data::Data;
use crate::data::people::{As, Rng, UNLUCKY_ADDRESSES, member_id, unlucky_name};
use crate::load::{self, Measured};
use crate::report::progress;
use crate::server::Server;
use crate::turns::{Plan, by_turns};

/// Different keys for bare statements.
const KEYS: usize = 20_000;

/// What a kind aims at.
enum Aim {
    /// Nothing: others are compared with it.
    Nothing,
    /// Of static answers; on PostgreSQL by itself, if that is another figure.
    Static { sqlite: f64, postgres: f64 },
    /// So many times the cost of the kind at this place.
    Within(usize, f64),
    /// Milliseconds.
    P99 { sqlite: f64, postgres: f64 },
}

struct Kind {
    target: Target,
    name: String,
    file: PathBuf,
    aim: Aim,
}

impl Kind {
    fn new(target: Target, name: impl Into<String>, file: PathBuf, aim: Aim) -> Self {
        Self { target, name: name.into(), file, aim }
    }
}

pub(crate) fn measure(
    program: &Path,
    data: &Data,
    plan: &Plan,
    figures: &mut Figures,
) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(program, &data.place)?;
    let callers = Callers::sign_in(&server, data.largest(), &data.place.folder)?;
    let mut rows = Vec::new();
    let fixed = callers.fixed()?;
    let mut answers: Vec<Measured> = Vec::new();
    let mut static_rate = || {
        let run = load::run(&server, &fixed, plan.beside, 0, None)?;
        answers.push(run);
        Ok(run.per_second)
    };

    let gets = gets(&callers)?;
    let files: Vec<PathBuf> = gets.iter().map(|(_, file)| file.clone()).collect();
    if let Some(servers) = &data.place.servers {
        let (bare, keys) = bare_gets(servers, data)?;
        let series = by_turns(&server, &files, files.len(), plan, &mut || bare.gets(&keys, plan.beside))?;
        for ((name, _), series) in gets.iter().zip(&series) {
            let goal = Goal::share(series.ratio(), "bare pooled gets", series.rate_beside(), 0.6);
            rows.push(Row::new(Target::Get, *name, [goal]).of(&series.runs));
        }
    } else {
        let series = by_turns(&server, &files, files.len(), plan, &mut static_rate)?;
        for ((name, _), series) in gets.iter().zip(&series) {
            let goal = Goal::share(series.ratio(), "static", series.rate_beside(), 0.65);
            rows.push(Row::new(Target::Get, *name, [goal]).of(&series.runs));
        }
    }
    // A head alone takes half of that: nobody was found.
    ensure!(rows.iter().all(|row| row.bytes() > 400.0), "an answer to a get is empty");
    progress("targets: one user is measured");

    let mut kinds = lists(&server, &callers)?;
    kinds.extend(searches(&callers)?);
    let files: Vec<PathBuf> = kinds.iter().map(|kind| kind.file.clone()).collect();
    // Those that are a share of the static answer come first.
    let compared = kinds.iter().filter(|kind| matches!(kind.aim, Aim::Static { .. })).count();
    let series = by_turns(&server, &files, compared, plan, &mut static_rate)?;
    let on_postgres = data.place.servers.is_some();
    for (kind, one) in kinds.iter().zip(&series) {
        let goal = match kind.aim {
            Aim::Nothing => None,
            Aim::Static { sqlite, postgres } => {
                let least = if on_postgres { postgres } else { sqlite };
                Some(Goal::share(one.ratio(), "static", one.rate_beside(), least))
            }
            Aim::Within(first, most) => Some(Goal::within(one.times(&series[first]), "the first page", most)),
            Aim::P99 { sqlite, postgres } => {
                let most = if on_postgres { postgres } else { sqlite };
                Some(Goal::at_most("p99 ", one.of(|run| run.p99), "ms", most))
            }
        };
        rows.push(Row::new(kind.target, &kind.name, goal).of(&one.runs));
    }
    progress("targets: lists and searches are measured");
    rows.insert(
        0,
        Row::new(Target::None, "static answer (`/livez`)", [])
            .tell("what the others are compared with")
            .of(&answers),
    );
    figures.peak(&server)?;
    server.stop()?;
    Ok(rows)
}

fn gets(callers: &Callers<'_>) -> anyhow::Result<[(&'static str, PathBuf); 4]> {
    Ok([
        ("get one member (Amigo)", callers.get_member()?),
        ("the same by a role with conditions", callers.get_member_with_conditions()?),
        ("get one contact (Dixa)", callers.get_contact()?),
        ("get one operator (eva)", callers.get_operator()?),
    ])
}

/// The statement that finds a member by the primary key, by as many callers, and members of the largest organization.
fn bare_gets(servers: &Servers, data: &Data) -> anyhow::Result<(Bare, Arc<Vec<Key>>)> {
    let bare = Bare::open(&servers.bare)?;
    let org = bare.keys(&[&data.largest().org_id])?[0];
    let mut rng = Rng(9);
    let mut keys = Vec::new();
    for _ in 0..KEYS {
        let text = member_id(0, rng.below(data.largest().users));
        let mut id = [0; 16];
        id[..12].copy_from_slice(&ObjectId::parse(&text).context("an id")?.0);
        keys.push((org, id));
    }
    Ok((bare, Arc::new(keys)))
}

fn lists(server: &Server, callers: &Callers<'_>) -> anyhow::Result<Vec<Kind>> {
    let users = callers.organization.users;
    let (members, contacts) = (callers.member_places(server)?, callers.contact_places(server)?);
    // One operator came with the organization.
    let last = users / PAGE;
    let list = |whose: &str, file| {
        let name = format!("list of 100 {whose}, from anywhere");
        Kind::new(Target::List, name, file, Aim::Static { sqlite: 0.18, postgres: 0.15 })
    };
    let mut kinds = vec![
        list("members", callers.list_members(&members)?),
        list("contacts", callers.list_contacts(&contacts)?),
        list("operators with total", callers.list_operators("list-operators", 0, last - 1)?),
    ];
    for (whose, places) in [("members", &members), ("contacts", &contacts)] {
        let at = |depth| match whose {
            "members" => callers.members_at(places, depth),
            _ => callers.contacts_at(places, depth),
        };
        let first = kinds.len();
        let name = format!("page of 100 {whose}, the first");
        kinds.push(Kind::new(Target::None, name, at(None)?.1, Aim::Nothing));
        let mut deepest = 0;
        for depth in [1_000, 100_000] {
            let (depth, file) = at(Some(depth))?;
            if depth > deepest {
                let name = format!("page of 100 {whose} behind {}", number(depth as f64));
                kinds.push(Kind::new(Target::Depth, name, file, Aim::Within(first, 1.3)));
            }
            deepest = depth;
        }
    }
    for (name, file, at) in [("page 0", "operators-first", 0), ("last page", "operators-last", last)] {
        let file = callers.list_operators(file, at, at)?;
        let aim = Aim::P99 { sqlite: 25.0, postgres: 25.0 };
        kinds.push(Kind::new(Target::NumberedPages, format!("{name} of operators with total"), file, aim));
    }
    Ok(kinds)
}

fn searches(callers: &Callers<'_>) -> anyhow::Result<Vec<Kind>> {
    let (long, short) = (Target::Search, Target::ShortSearch);
    let mut kinds = Vec::new();
    for (of, whose, answers) in [
        (As::Member, "members", "1,000 answers"),
        (As::Contact, "contacts", "20 answers"),
        (As::Operator, "operators", "20 answers with total"),
    ] {
        let absent = |rng: &mut Rng| format!("qzx{}", rng.below(1_000_000));
        let frequent = |rng: &mut Rng| (*rng.pick(&["stein", "mann", "ling", "ova", "vera"])).to_owned();
        let unlucky = |rng: &mut Rng| {
            if of != As::Contact && rng.below(2) == 0 {
                (*rng.pick(&UNLUCKY_ADDRESSES)).to_owned()
            } else {
                unlucky_name(rng)
            }
        };
        let few = |rng: &mut Rng| (*rng.pick(&["a", "an", "be", "o", "ro", "li", "s", "k"])).to_owned();
        let none = |rng: &mut Rng| (*rng.pick(&["qx", "ww", "zq", "xx", "jz"])).to_owned();
        let mut add = |what: &str, file, target| {
            let aim = match target {
                Target::Search => Aim::P99 { sqlite: 20.0, postgres: 40.0 },
                _ => Aim::P99 { sqlite: 30.0, postgres: 60.0 },
            };
            kinds.push(Kind::new(target, format!("search {whose}: {what}"), file, aim));
        };
        add("a full name", callers.search(of, "name", |rng| callers.full_name(of, rng))?, long);
        add(&format!("3 to 5 letters, {answers}"), callers.search(of, "frequent", frequent)?, long);
        add("absent", callers.search(of, "absent", absent)?, long);
        add("unlucky: frequent windows, no match", callers.search(of, "unlucky", unlucky)?, long);
        add(&format!("1 or 2 letters, {answers}"), callers.search(of, "short", few)?, short);
        add("2 letters, absent", callers.search(of, "short-absent", none)?, short);
    }
    Ok(kinds)
}
