//! What is written: one at a time by 64 connections, and a thousand at once by one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;

use super::callers::Callers;
use super::row::{Goal, Row, Target};
use crate::bare::Bare;
use crate::data::Data;
use crate::load::{self, Measured, Writing, median};
use crate::machine;
use crate::place::Place;
use crate::report::progress;
use crate::server::Server;
use crate::turns::{Plan, Series};

/// Creates, into a copy of the data, which grows with the run.
pub(crate) fn measure(
    server: &Server,
    callers: &Callers<'_>,
    data: &Data,
    copy: &Place,
    plan: &Plan,
) -> anyhow::Result<Vec<Row>> {
    let members = callers.same(
        "create-member",
        &callers.admin,
        &format!("/v1/{}/user/", callers.organization.org_id),
    )?;
    let contacts = callers.same("create-contact", &callers.token, "/v1/endusers")?;
    let kinds = [
        ("create one member, durable (Amigo)", &members, "invitation"),
        ("create one contact, durable (Dixa)", &contacts, "contact"),
    ];
    let mut series = [Series::default(), Series::default()];
    let second = Duration::from_secs(1);
    // The digits of a stamp begin numbers of telephones, so every run needs others.
    for (_, file, kind) in &kinds {
        load::run(server, file, second, 0, Some(Writing { kind, stamp: "w1" }))?;
    }
    // The patterns are what denizen itself has written for such invitations.
    let bare = match &copy.servers {
        None => None,
        Some(servers) => {
            let bare = Bare::open(&servers.bare)?;
            let patterns = Arc::new(bare.patterns(&bare.keys(&[&data.largest().org_id])?)?);
            bare.inserts(&patterns, "w", second)?;
            Some((bare, patterns))
        }
    };
    let beside = |stamp: &str| match &bare {
        None => machine::sync_rate(&copy.folder, plan.beside),
        Some((bare, patterns)) => bare.inserts(patterns, stamp, plan.beside),
    };
    for round in 0..plan.rounds {
        let mut before = beside(&format!("b{round}"))?;
        for (at, (_, file, kind)) in kinds.iter().enumerate() {
            let stamp = format!("r2{round}");
            let run = load::run(server, file, plan.write, 0, Some(Writing { kind, stamp: &stamp }))?;
            let after = beside(&format!("a{round}{at}"))?;
            series[at].push(run, before, after);
            before = after;
        }
    }
    let mut rows = Vec::new();
    for ((name, ..), series) in kinds.iter().zip(&series) {
        let goals = if bare.is_some() {
            vec![Goal::share(
                series.ratio(),
                "bare one-statement inserts of a member",
                series.rate_beside(),
                0.7,
            )]
        } else {
            vec![
                Goal::times(series.ratio(), "fdatasync", series.rate_beside(), 0.7),
                Goal::at_least(series.of(|run| run.per_second), "/s", 5_000.0),
            ]
        };
        rows.push(Row::new(Target::Create, *name, goals).of(&series.runs));
    }
    rows.push(bulk(server, callers, plan, if bare.is_some() { 100.0 } else { 60.0 })?);
    progress("targets: creates are measured");
    Ok(rows)
}

/// Bulk calls by one caller, who sends the next when the last is answered.
fn bulk(server: &Server, callers: &Callers<'_>, plan: &Plan, most: f64) -> anyhow::Result<Row> {
    let file = callers.same("bulk", &callers.token, "/v1/endusers/bulk")?;
    let run = |stamp: &str, time| {
        load::run_over(server, 1, &file, time, 0, Some(Writing { kind: "contacts", stamp }))
    };
    run("w3", Duration::from_secs(1))?;
    let runs: Vec<Measured> = (0..plan.rounds)
        .map(|round| run(&format!("r4{round}"), plan.write))
        .collect::<anyhow::Result<_>>()?;
    // A call succeeds whatever becomes of its items; one that is refused is told in a third of the room.
    ensure!(runs.iter().all(|run| run.bytes > 300_000.0), "contacts of a bulk call were refused");
    let p50 = median(runs.iter().map(|run| run.p50));
    Ok(Row::new(
        Target::Bulk,
        "bulk call that creates 1,000 contacts, one caller",
        [Goal::at_most("p50 ", p50, "ms", most)],
    )
    .of(&runs))
}
