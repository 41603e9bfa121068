//! The tables, and their place in docs/performance.md.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::load::{CONNECTIONS, Measured, median};
use crate::postgres::{Beside, Writers};
use crate::reads::Read;
use crate::writes::Write;

const BEGIN: &str = "<!-- measured: written by bench, not by hand -->\n";
const BEGIN_POSTGRES: &str = "<!-- measured on PostgreSQL: written by bench, not by hand -->\n";
const BEGIN_CONTACTS: &str = "<!-- measured on contacts: written by bench, not by hand -->\n";
const BEGIN_CONTACTS_POSTGRES: &str =
    "<!-- measured on contacts on PostgreSQL: written by bench, not by hand -->\n";
const END: &str = "<!-- end of what was measured -->\n";

pub(crate) fn reads(reads: &[Read]) -> String {
    let mut text = String::from(
        "| request | of static | requests/s | server CPU, µs | p50, ms | p99, ms | answer, bytes |\n\
         | --- | --: | --: | --: | --: | --: | --: |\n",
    );
    for read in reads {
        let ratio = if read.is_static() { "100 %".to_owned() } else { percent(read.ratio()) };
        let _ = writeln!(
            text,
            "| {} | {ratio} | {:.0} | {:.1} | {:.2} | {:.2} | {:.0} |",
            read.name,
            read.of(|run| run.per_second),
            read.of(|run| run.cpu),
            read.of(|run| run.p50),
            read.of(|run| run.p99),
            read.of(|run| run.bytes),
        );
    }
    text
}

fn percent(ratio: f64) -> String {
    if ratio < 0.001 {
        format!("{:.3} %", ratio * 100.0)
    } else if ratio < 0.1 {
        format!("{:.1} %", ratio * 100.0)
    } else {
        format!("{:.0} %", ratio * 100.0)
    }
}

pub(crate) fn writes(writes: &[Write]) -> String {
    let mut text = String::from(
        "| request | against one transaction each | against fdatasync | invitations/s | one transaction each/s | \
         fdatasync/s | p50, ms | p99, ms |\n| --- | --: | --: | --: | --: | --: | --: | --: |\n",
    );
    for write in writes {
        let _ = writeln!(
            text,
            "| {} | {:.2} × | {:.2} × | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} |",
            write.name,
            write.gain(),
            write.per_sync(),
            median(write.grouped.iter().map(|run| run.per_second)),
            median(write.single.iter().map(|run| run.per_second)),
            median(write.syncs.iter().copied()),
            median(write.grouped.iter().map(|run| run.p50)),
            median(write.grouped.iter().map(|run| run.p99)),
        );
    }
    text
}

/// denizen on PostgreSQL beside single statements.
pub(crate) fn beside<'b>(gets: impl Iterator<Item = &'b Beside>, writers: Option<&'b Writers>) -> String {
    let mut text = String::from(
        "| request | of bare statements | requests/s | bare statements/s | server CPU, µs | p50, ms | p99, ms |\n\
         | --- | --: | --: | --: | --: | --: | --: |\n",
    );
    let invitations = writers.iter().flat_map(|writers| [&writers.one, &writers.spread]);
    for beside in gets.chain(invitations) {
        let of = |figure: fn(&Measured) -> f64| median(beside.denizen.iter().map(figure));
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} | {:.0} | {:.1} | {:.2} | {:.2} |",
            beside.name,
            percent(beside.ratio()),
            of(|run| run.per_second),
            median(beside.bare.iter().copied()),
            of(|run| run.cpu),
            of(|run| run.p50),
            of(|run| run.p99),
        );
    }
    if let Some(writers) = writers {
        let ratio = percent(median(writers.ratios.iter().copied()));
        let _ = writeln!(text, "\n64 writers in one organization reach {ratio} of what they reach in 64.");
    }
    text
}

/// What is written down: the place in docs/performance.md, and what of.
pub(crate) struct Place<'a> {
    /// Of contacts, and not of members.
    pub(crate) contacts: bool,
    /// The version of PostgreSQL.
    pub(crate) version: Option<&'a str>,
    /// Such as `1000000 users in 100 organizations`.
    pub(crate) population: String,
}

/// Puts tables into their place.
pub(crate) fn rewrite(tables: &str, place: &Place<'_>) -> anyhow::Result<()> {
    let begin = match (place.contacts, place.version.is_some()) {
        (false, false) => BEGIN,
        (false, true) => BEGIN_POSTGRES,
        (true, false) => BEGIN_CONTACTS,
        (true, true) => BEGIN_CONTACTS_POSTGRES,
    };
    let on = place.version.map(|version| format!("PostgreSQL {version}, ")).unwrap_or_default();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
    let page = fs::read_to_string(&file)?;
    let (before, rest) = page.split_once(begin).context("docs/performance.md has lost its mark")?;
    let (_, after) = rest.split_once(END).context("docs/performance.md has lost its second mark")?;
    let cores = std::thread::available_parallelism()?;
    let text = format!(
        "{before}{begin}\nMeasured {} at commit {}: {on}{cores} cores shared by everything, {CONNECTIONS} connections, \
         {}.\n\n{tables}\n{END}{after}",
        output("date", &["-u", "+%F"])?,
        output("git", &["rev-parse", "--short", "HEAD"])?,
        place.population,
    );
    fs::write(file, text)?;
    Ok(())
}

fn output(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let ran = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
    Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}
