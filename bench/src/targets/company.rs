//! What readers notice of heavy work beside them: an upload of operators with passwords, bulk calls and anonymizations, all at
//! once and one after the other for as long as the readers read.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{anyhow, ensure};
use serde_json::{Value, json};

use super::callers::Callers;
use super::intake;
use super::row::{Goal, Row, Target, number};
use crate::data::people::{As, Person, contact_id, person};
use crate::load::{self, Measured, median};
use crate::server::Server;
use crate::turns::Plan;

/// Operators of an upload, which takes a few seconds.
const OPERATORS: usize = 200;
/// Contacts of a bulk call.
const CONTACTS: usize = 1_000;

pub(crate) fn measure(server: &Server, callers: &Callers<'_>, plan: &Plan) -> anyhow::Result<Row> {
    let file = callers.get_member()?;
    let read = || load::run(server, &file, plan.write, 0, None);
    if !plan.is_quick {
        read()?;
    }
    let (mut quiet, mut busy, mut done) = (Vec::new(), Vec::new(), [0_usize; 3]);
    for round in 0..plan.rounds {
        quiet.push(read()?);
        let (run, more) = beside(server, callers, round, &read)?;
        busy.push(run);
        for (sum, more) in done.iter_mut().zip(more) {
            *sum += more;
        }
    }
    let times = median(quiet.iter().zip(&busy).map(|(quiet, busy)| busy.p99 / quiet.p99));
    let p99 = median(quiet.iter().map(|run| run.p99));
    let seconds = plan.write.as_secs_f64() * plan.rounds as f64;
    let [operators, contacts, anonymized] = done.map(|done| number(done as f64 / seconds));
    let goal = Goal::within(times, &format!("quiet p99 ({} ms)", number(p99)), 3.0);
    let name = "p99 of get one member beside a CSV import, a bulk load and an anonymization run";
    Ok(Row::new(Target::Company, name, [goal])
        .tell(format!(
            "meanwhile each second {operators} operators, {contacts} contacts made, {anonymized} anonymized"
        ))
        .of(&busy))
}

/// Reads while three callers work, each one thing after the other; with how many operators and contacts were made and how
/// many contacts were made anonymous.
fn beside(
    server: &Server,
    callers: &Callers<'_>,
    round: usize,
    read: &dyn Fn() -> anyhow::Result<Measured>,
) -> anyhow::Result<(Measured, [usize; 3])> {
    let is_over = AtomicBool::new(false);
    let until_over = |work: &dyn Fn(usize) -> anyhow::Result<usize>| {
        let mut done = 0;
        for turn in 0.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            done += work(turn)?;
        }
        anyhow::Ok(done)
    };
    let import = |turn: usize| {
        intake::upload(server, callers, &intake::file(&format!("busy{round}-{turn}"), OPERATORS))?;
        Ok(OPERATORS)
    };
    let bulk = |turn: usize| {
        let first = (round * 1_000 + turn) * CONTACTS;
        let items: Vec<Value> = (first..first + CONTACTS).map(contact).collect();
        let headers = [("authorization", callers.token.as_str())];
        let (status, answer) =
            server.call("POST", "/v1/endusers/bulk", &headers, &json!({ "data": items }))?;
        ensure!(status == 201, "a bulk call: {status} {answer}");
        Ok(CONTACTS)
    };
    // Every fiftieth contact has talked, so that there is more to do than a row.
    let anonymize = |turn: usize| {
        let number = (round * 2_000 + turn) * 50 % callers.organization.users;
        let path = format!("/v1/endusers/{}/anonymize", contact_id(0, number));
        let headers = [("authorization", callers.token.as_str())];
        let (status, answer) = server.call("PATCH", &path, &headers, &json!({}))?;
        ensure!(status == 200 || status == 202, "an anonymization: {status} {answer}");
        Ok(1)
    };
    std::thread::scope(|scope| {
        let working = [
            scope.spawn(|| until_over(&import)),
            scope.spawn(|| until_over(&bulk)),
            scope.spawn(|| until_over(&anonymize)),
        ];
        let run = read();
        is_over.store(true, Ordering::Relaxed);
        let mut done = [0; 3];
        for (done, thread) in done.iter_mut().zip(working) {
            *done = thread.join().map_err(|_| anyhow!("a thread that works beside panicked"))??;
        }
        Ok((run?, done))
    })
}

fn contact(number: usize) -> Value {
    let Person { first_name, last_name, .. } = person(As::Contact, 8, number);
    json!({
        "displayName": format!("{first_name} {last_name}"), "firstName": first_name, "lastName": last_name,
        "email": format!("beside{number}@example.com"), "phoneNumber": format!("+5{number:010}"),
    })
}
