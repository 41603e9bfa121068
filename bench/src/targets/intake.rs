//! What is taken in as files: NDJSON by `denizen ingest`, and operators with their passwords by an upload.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::callers::Callers;
use super::row::{Goal, Row, Target, number};
use crate::data::people::{As, Person, person};
use crate::data::records::{self, Line};
use crate::data::{self, Data, Loaded};
use crate::load::median;
use crate::machine;
use crate::place::Place;
use crate::server::Server;
use crate::turns::Plan;

const LEAST: f64 = 20_000.0;

/// What loading the data was, and the same kinds once more into the full store.
pub(crate) fn ndjson(program: &Path, data: &Data, copy: &Place, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let records = if plan.is_quick { 2_000 } else { 40_000 };
    let (org, users) = (&data.largest().org_id, data.largest().users);
    let take = |what: &str, records: &mut dyn FnMut(&mut Line<'_>) -> anyhow::Result<()>| {
        data::ingest(program, copy, org, what, records)
    };
    let (first, last) = (users, users + records);
    let mut loaded = vec![
        take("members", &mut |write| (first..last).try_for_each(|number| write(records::member(0, number))))?,
        take("contacts", &mut |write| {
            (first..last).try_for_each(|number| write(records::contact(0, number)))
        })?,
    ];
    // A conversation with its messages and a memory is a dozen records.
    let (first, last) = (users, users + records / 12);
    loaded.push(take("conversations, messages and memories", &mut |write| {
        (first..last).try_for_each(|number| records::talk_of_member(0, number % users, number, write))
    })?);
    let all = |loaded: &[Loaded]| {
        let records = loaded.iter().map(|one| one.records).sum::<usize>() as f64;
        records / loaded.iter().map(|one| one.seconds).sum::<f64>()
    };
    let told = |loaded: &[Loaded]| {
        let parts: Vec<String> =
            loaded.iter().map(|one| format!("{} {}/s", one.what, number(one.rate()))).collect();
        parts.join(", ")
    };
    // Operators come in by no NDJSON.
    let loaded_first = &data.loaded[..data.loaded.len() - 1];
    let count: usize = loaded_first.iter().map(|one| one.records).sum();
    let name = format!("NDJSON ingestion, {} records of the largest organization", number(count as f64));
    let now = "NDJSON ingestion into the full store".to_owned();
    Ok(vec![
        Row::new(Target::Ingest, name, [Goal::at_least(all(loaded_first), "records/s", LEAST)])
            .tell(format!("{} (at commit {})", told(loaded_first), data.commit)),
        Row::new(Target::Ingest, now, [Goal::at_least(all(&loaded), "records/s", LEAST)]).tell(told(&loaded)),
    ])
}

/// An upload against bare hashing, which comes before and after it.
pub(crate) fn csv(server: &Server, callers: &Callers<'_>, plan: &Plan) -> anyhow::Result<Row> {
    let operators = if plan.is_quick { 60 } else { 500 };
    let time = if plan.is_quick { Duration::from_secs(1) } else { Duration::from_secs(5) };
    let (mut rates, mut ratios, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    let mut before = machine::hash_rate(time)?;
    for round in 0..plan.rounds.min(2) {
        let seconds = upload(server, callers, &file(&format!("quiet{round}"), operators))?;
        let after = machine::hash_rate(time)?;
        let bare = f64::midpoint(before, after);
        rates.push(operators as f64 / seconds);
        ratios.push(operators as f64 / seconds / bare);
        bares.push(bare);
        before = after;
    }
    let goal = Goal::share(median(ratios), "bare argon2id on all cores", median(bares), 0.9);
    Ok(Row::new(Target::Csv, format!("CSV of {} operators with passwords", number(operators as f64)), [goal])
        .tell(format!("{} operators/s", number(median(rates)))))
}

/// A file of operators whom nobody else has; `word` makes their addresses new.
pub(crate) fn file(word: &str, operators: usize) -> String {
    let mut text = "email;name;company;role;password\n".to_owned();
    for number in 0..operators {
        let Person { first_name, last_name, .. } = person(As::Operator, 7, number);
        let _ = writeln!(
            text,
            "{word}.{number}@example.com;{first_name} {last_name};Acme;ADMIN;Passw0rd{number}"
        );
    }
    text
}

/// Uploads it and returns the seconds that it took; all of its operators have to be made.
pub(crate) fn upload(server: &Server, callers: &Callers<'_>, file: &str) -> anyhow::Result<f64> {
    let body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"users.csv\"\r\n\r\n{file}\r\n--edge--\r\n"
    );
    let (path, token) =
        (format!("{}/csv/silent", callers.operators_path()), format!("Bearer {}", callers.operator));
    let started = Instant::now();
    let form = "multipart/form-data; boundary=edge";
    let (status, answer) = server.send("POST", &path, &[("authorization", &token)], form, body.as_bytes())?;
    ensure!(status == 200 && answer == json!({"errors": []}), "an upload: {status} {answer}");
    Ok(started.elapsed().as_secs_f64())
}
