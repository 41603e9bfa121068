//! A line of the table of targets: what was measured, what was aimed at, and whether it is reached.

use std::fmt::Write as _;

use crate::load::{Measured, median};

/// What is aimed at; several operations may aim at the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Nothing: it is told beside.
    None,
    Get,
    List,
    Depth,
    NumberedPages,
    Search,
    ShortSearch,
    Create,
    Bulk,
    Ingest,
    Csv,
    Company,
    Erase,
    IdleMemory,
    PeakMemory,
    Start,
    Binary,
    Build,
}

/// In the order in which they are told.
const TARGETS: [(Target, &str); 17] = [
    (Target::Get, "get one user, each dialect"),
    (Target::List, "list of 100"),
    (Target::Depth, "list page behind 1,000 and 100,000 users"),
    (Target::NumberedPages, "first and last page with total (eva)"),
    (Target::Search, "search, 3 or more letters: hit, miss, unlucky"),
    (Target::ShortSearch, "search, 1 or 2 letters"),
    (Target::Create, "create one, durable, all indexes"),
    (Target::Bulk, "bulk of 1,000"),
    (Target::Ingest, "NDJSON ingestion"),
    (Target::Csv, "CSV with passwords"),
    (Target::Company, "p99 of a get beside an import, a bulk load and anonymizations"),
    (Target::Erase, "erase one person with 10,000 memories"),
    (Target::IdleMemory, "resident memory, idle"),
    (Target::PeakMemory, "resident memory, under full load"),
    (Target::Start, "start to ready"),
    (Target::Binary, "stripped binary"),
    (Target::Build, "clean release build"),
];

/// One aim of a line.
pub(crate) struct Goal {
    measured: String,
    target: String,
    /// How many times better than what was aimed at; below 1 it is missed.
    margin: f64,
}

impl Goal {
    /// At least so much of a rate that was measured beside.
    pub(crate) fn share(ratio: f64, of: &str, rate: f64, least: f64) -> Self {
        Self {
            measured: format!("{} of {of} ({})", percent(ratio), number(rate)),
            target: format!("≥ {}", percent(least)),
            margin: ratio / least,
        }
    }

    /// At most so many times as much as something that was measured beside.
    pub(crate) fn within(times: f64, of: &str, most: f64) -> Self {
        Self {
            measured: format!("{times:.2} × {of}"), target: format!("≤ {most} ×"), margin: most / times
        }
    }

    /// At least so many times as much.
    pub(crate) fn times(times: f64, of: &str, rate: f64, least: f64) -> Self {
        Self {
            measured: format!("{times:.2} × {of} ({})", number(rate)),
            target: format!("≥ {least} ×"),
            margin: times / least,
        }
    }

    pub(crate) fn at_most(what: &str, value: f64, unit: &str, most: f64) -> Self {
        Self {
            measured: format!("{what}{} {unit}", number(value)),
            target: format!("≤ {} {unit}", number(most)),
            margin: most / value,
        }
    }

    pub(crate) fn at_least(value: f64, unit: &str, least: f64) -> Self {
        Self {
            measured: format!("{} {unit}", number(value)),
            target: format!("≥ {}", number(least)),
            margin: value / least,
        }
    }
}

/// A line, of several aims or, where something is only told, of none.
pub(crate) struct Row {
    target: Target,
    name: String,
    goals: Vec<Goal>,
    told: String,
    run: Option<Measured>,
}

impl Row {
    pub(crate) fn new(
        target: Target,
        name: impl Into<String>,
        goals: impl IntoIterator<Item = Goal>,
    ) -> Self {
        let goals = goals.into_iter().collect();
        Self { target, name: name.into(), goals, told: String::new(), run: None }
    }

    /// What no target asks for.
    pub(crate) fn tell(mut self, told: impl Into<String>) -> Self {
        self.told = told.into();
        self
    }

    /// With the medians of its runs.
    pub(crate) fn of(mut self, runs: &[Measured]) -> Self {
        let of = |figure: fn(&Measured) -> f64| median(runs.iter().map(figure));
        self.run = Some(Measured {
            per_second: of(|run| run.per_second),
            bytes: of(|run| run.bytes),
            p50: of(|run| run.p50),
            p99: of(|run| run.p99),
            cpu: of(|run| run.cpu),
            database_cpu: of(|run| run.database_cpu),
        });
        self
    }

    /// Of an answer.
    pub(crate) fn bytes(&self) -> f64 {
        self.run.map_or(0.0, |run| run.bytes)
    }

    /// Whether every aim is reached; `None` where there is none.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        (!self.goals.is_empty()).then(|| self.goals.iter().all(|goal| goal.margin >= 1.0))
    }
}

/// The table, with a column for the database where that is another process.
pub(crate) fn table(rows: &[Row], has_database: bool) -> String {
    let (head, line) = if has_database { (" database CPU, µs |", " --: |") } else { ("", "") };
    let mut text = format!(
        "| operation | measured | target | | per second | p50, ms | p99, ms | server CPU, µs |{head} bytes |\n\
         | --- | --- | --- | --- | --: | --: | --: | --: |{line} --: |\n"
    );
    for row in rows {
        let part = |of: fn(&Goal) -> &str| row.goals.iter().map(of).collect::<Vec<_>>().join("; ");
        let mut measured = part(|goal| &goal.measured);
        if !row.told.is_empty() {
            measured =
                if measured.is_empty() { row.told.clone() } else { format!("{measured}; {}", row.told) };
        }
        let reached = match row.is_reached() {
            Some(true) => "reached",
            Some(false) => "**missed**",
            None => "",
        };
        let _ = write!(text, "| {} | {measured} | {} | {reached} |", row.name, part(|goal| &goal.target));
        match &row.run {
            Some(run) => {
                let _ = write!(
                    text,
                    " {} | {} | {} | {} |",
                    number(run.per_second),
                    number(run.p50),
                    number(run.p99),
                    number(run.cpu)
                );
                if has_database {
                    let _ = write!(text, " {} |", number(run.database_cpu));
                }
                let _ = writeln!(text, " {} |", number(run.bytes));
            }
            None => text += if has_database { " | | | | | |\n" } else { " | | | | |\n" },
        }
    }
    text
}

/// What is aimed at, a line for each target, with the operation that is the farthest from it.
pub(crate) fn summary(rows: &[Row]) -> String {
    let mut text =
        String::from("| target | | measured; of several the worst | |\n| --- | --- | --- | --- |\n");
    for (target, words) in TARGETS {
        let goals: Vec<(&Row, &Goal)> = rows
            .iter()
            .filter(|row| row.target == target)
            .flat_map(|row| row.goals.iter().map(move |goal| (row, goal)))
            .collect();
        let worst = goals.iter().min_by(|one, other| one.1.margin.total_cmp(&other.1.margin));
        let Some((row, worst)) = worst else { continue };
        let missed = goals.iter().filter(|(_, goal)| goal.margin < 1.0).count();
        let verdict = match missed {
            0 => "reached".to_owned(),
            _ if missed == goals.len() => "**missed**".to_owned(),
            _ => format!("**missed** by {missed} of {}", goals.len()),
        };
        let which = if goals.len() == 1 { String::new() } else { format!(" ({})", row.name) };
        let _ = writeln!(text, "| {words} | {} | {}{which} | {verdict} |", worst.target, worst.measured);
    }
    text
}

pub(crate) fn percent(ratio: f64) -> String {
    if ratio < 0.1 { format!("{:.1} %", ratio * 100.0) } else { format!("{:.0} %", ratio * 100.0) }
}

/// Three digits that count, and no fewer than a whole number has, which has its thousands apart.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 999.5 {
        return format!("{value}");
    }
    if value.abs() < 9.995 {
        return format!("{value:.2}");
    }
    if value.abs() < 99.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_three_digits_and_their_thousands() {
        for (value, text) in [
            (0.5, "0.50"),
            (7.0, "7"),
            (9.996, "10.0"),
            (42.04, "42.0"),
            (999.6, "1,000"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_line_is_missed_when_one_of_its_aims_is() {
        let row = Row::new(
            Target::Create,
            "create",
            [Goal::at_least(6_000.0, "/s", 5_000.0), Goal::times(0.5, "fdatasync", 1.0, 0.7)],
        );
        assert_eq!(row.is_reached(), Some(false));
        let line = "| create | 6,000 /s; 0.50 × fdatasync (1) | ≥ 5,000; ≥ 0.7 × | **missed** |";
        assert!(table(&[row], false).contains(line));
    }
}
