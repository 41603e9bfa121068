//! The table: a column for each system, a row for each figure, and whether denizen is ahead.

use std::fmt::Write as _;

use super::system::{System, Work};
use super::{FEW, Measured, Plan, Site};
use crate::load::median;

const WORKS: [Work; 6] = [Work::Get, Work::FirstPage, Work::DeepPage, Work::Hit, Work::Miss, Work::Create];

/// A figure of every system; `None` where there is none.
struct Row {
    title: String,
    unit: &'static str,
    more_is_better: bool,
    figures: Vec<Option<f64>>,
}

/// The table, and below it with how many connections each system did each kind of work best.
pub(super) fn render(sites: &[Site], plan: &Plan) -> String {
    let mut text = String::from("| |");
    for site in sites {
        let people = site.population.people;
        let fewer = if people < plan.people { format!(" ({people} people)") } else { String::new() };
        let _ = write!(text, " {}{fewer} |", site.system.title());
    }
    text += " ahead |\n| --- |";
    text += &" --: |".repeat(sites.len());
    text += " --- |\n";
    let mut behind = 0;
    let rows = rows(sites);
    for row in &rows {
        let _ = write!(text, "| {}, {} |", row.title, row.unit);
        for (site, figure) in sites.iter().zip(&row.figures) {
            let _ = write!(text, " {} |", cell(site.system, *figure, row.figures[0]));
        }
        let verdict = verdict(row, sites);
        behind += usize::from(verdict.is_some());
        let _ = writeln!(text, " {} |", verdict.as_deref().unwrap_or("yes"));
    }
    let _ = writeln!(text, "\nAhead of all in {} of {} rows.", rows.len() - behind, rows.len());
    text += &connections(sites);
    text
}

fn rows(sites: &[Site]) -> Vec<Row> {
    type Figure = fn(&Measured) -> f64;
    // Rate and cost are the best that a system has; how long an answer takes depends on how many ask at once.
    let figures: [(&'static str, Option<usize>, Figure); 4] = [
        ("requests/s", None, |run| run.per_second),
        ("server CPU, µs", None, |run| run.cpu),
        ("p50, ms", Some(FEW), |run| run.p50),
        ("p99, ms", Some(FEW), |run| run.p99),
    ];
    let mut rows = Vec::new();
    for work in WORKS {
        for (unit, connections, figure) in figures {
            let of = |site: &Site| {
                let runs = site.of(work, connections.or(site.best(work))?);
                some_median(runs.into_iter().map(figure))
            };
            let figures = sites.iter().map(of).collect();
            let more_is_better = unit == "requests/s";
            rows.push(Row { title: work.title().to_owned(), unit, more_is_better, figures });
        }
    }
    let mut row = |title: &str, unit, figure: &dyn Fn(&Site) -> Option<f64>| {
        let figures = sites.iter().map(figure).collect();
        rows.push(Row { title: title.to_owned(), unit, more_is_better: false, figures });
    };
    let of_one = |site: &Site, figure: f64| figure / site.population.people as f64;
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    row("start to first answer", "ms", &|site| some_median(site.ready.iter().map(|seconds| seconds * 1e3)));
    row("memory of its own, after the start", "MiB", &|site| {
        some_median(site.idle.iter().map(|memory| mib(memory.own)))
    });
    row("memory of its own, after all reads", "MiB", &|site| {
        some_median(site.busy.iter().map(|memory| mib(memory.own)))
    });
    row("the same with mapped files", "MiB", &|site| {
        some_median(site.busy.iter().map(|memory| mib(memory.resident)))
    });
    row("one person on disk", "bytes", &|site| {
        site.system.is_durable().then(|| of_one(site, site.loaded.bytes))
    });
    row("loading one person", "µs", &|site| {
        site.system.is_durable().then(|| of_one(site, site.loaded.seconds * 1e6))
    });
    rows
}

fn some_median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let figures: Vec<f64> = figures.collect();
    (!figures.is_empty()).then(|| median(figures))
}

/// The figure, and for others than denizen how many times denizen's it is.
fn cell(system: System, figure: Option<f64>, own: Option<f64>) -> String {
    match (figure, own) {
        (None, _) => "—".to_owned(),
        (Some(figure), Some(own)) if !system.is_denizen() => {
            format!("{} ({} ×)", number(figure), number(figure / own))
        }
        (Some(figure), _) => number(figure),
    }
}

/// With two or three digits that mean something.
fn number(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 0.1 => format!("{figure:.2}"),
        _ => format!("{figure:.4}"),
    }
}

/// Whom denizen is not ahead of, and in which dialects, unless it is in all of them.
fn verdict(row: &Row, sites: &[Site]) -> Option<String> {
    let figures = || sites.iter().zip(&row.figures).filter_map(|(site, figure)| Some((site, (*figure)?)));
    let own: Vec<_> = figures().filter(|(site, _)| site.system.is_denizen()).collect();
    let mut better = Vec::new();
    for (other, figure) in figures().filter(|(site, _)| !site.system.is_denizen()) {
        let is_behind = |own: f64| if row.more_is_better { own <= figure } else { own >= figure };
        let behind: Vec<&str> = own
            .iter()
            .filter(|(_, own)| is_behind(*own))
            .map(|(site, _)| site.system.title().trim_start_matches("denizen, "))
            .collect();
        if behind.len() == own.len() {
            better.push(other.system.title().to_owned());
        } else if !behind.is_empty() {
            better.push(format!("{} (only {})", other.system.title(), behind.join(" and ")));
        }
    }
    (!better.is_empty()).then(|| format!("**not of** {}", better.join(", ")))
}

/// Which work was done with other than 64 connections.
fn connections(sites: &[Site]) -> String {
    let mut few = Vec::new();
    for site in sites {
        let works: Vec<&str> =
            WORKS.into_iter().filter(|work| site.best(*work) == Some(FEW)).map(Work::title).collect();
        if !works.is_empty() {
            few.push(format!("{} ({})", site.system.title(), works.join("; ")));
        }
    }
    if few.is_empty() {
        return String::new();
    }
    format!("Rates with {FEW} connections in the place of 64, because these did more: {}.\n", few.join(", "))
}
