//! Kinds of requests by turns with what they are compared with, so that what else the machine does cancels out.

use std::path::PathBuf;
use std::time::Duration;

use crate::load::{self, Measured, median};
use crate::server::Server;
use crate::targets::callers::VARIED;

/// How long, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Of a kind of reads.
    pub(crate) read: Duration,
    /// Of a kind of writes.
    pub(crate) write: Duration,
    /// Of what is compared with.
    pub(crate) beside: Duration,
    /// Whether everything is small: it shows that it runs, and no more.
    pub(crate) is_quick: bool,
}

/// The runs of a kind, and what was measured beside each.
#[derive(Default)]
pub(crate) struct Series {
    pub(crate) runs: Vec<Measured>,
    /// Rates, each the mean of the one before and the one after.
    pub(crate) beside: Vec<f64>,
}

impl Series {
    pub(crate) fn push(&mut self, run: Measured, before: f64, after: f64) {
        self.runs.push(run);
        self.beside.push(f64::midpoint(before, after));
    }

    /// The median of rates divided by the rates beside them.
    pub(crate) fn ratio(&self) -> f64 {
        median(self.runs.iter().zip(&self.beside).map(|(run, beside)| run.per_second / beside))
    }

    /// The median of what was measured beside.
    pub(crate) fn rate_beside(&self) -> f64 {
        median(self.beside.iter().copied())
    }

    /// The median of figures of the runs.
    pub(crate) fn of(&self, figure: impl Fn(&Measured) -> f64) -> f64 {
        median(self.runs.iter().map(figure))
    }

    /// How many times the time of a request of another series one of these takes: the median over rounds.
    pub(crate) fn times(&self, other: &Self) -> f64 {
        median(self.runs.iter().zip(&other.runs).map(|(own, other)| other.per_second / own.per_second))
    }
}

/// Reads every kind in every round, each run between two of what it is compared with; the first `compared` kinds, that is, and
/// the others by turns with one another only.
pub(crate) fn by_turns(
    server: &Server,
    kinds: &[PathBuf],
    compared: usize,
    plan: &Plan,
    beside: &mut dyn FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<Vec<Series>> {
    let mut all: Vec<Series> = kinds.iter().map(|_| Series::default()).collect();
    if !plan.is_quick {
        // Fills caches, and is not counted.
        for file in kinds {
            load::run(server, file, Duration::from_secs(1), 0, None)?;
        }
    }
    for round in 0..plan.rounds {
        let mut before = beside()?;
        for (at, (file, series)) in kinds.iter().zip(&mut all).enumerate() {
            let run = load::run(server, file, plan.read, round * VARIED / plan.rounds, None)?;
            let after = if plan.is_quick || at >= compared { before } else { beside()? };
            series.push(run, before, after);
            before = after;
        }
    }
    Ok(all)
}
