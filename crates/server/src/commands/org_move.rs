//! `denizen org move SLUG --to CLUSTER`: an organization's rows go to another database, beside running servers.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use denizen_directory::Directory;
use denizen_directory::relocation::{MoveError, MoveOrder, MoveReport, MoveStep};
use denizen_domain::text::ClusterName;
use denizen_store::StoreError;
use denizen_store::relocation::{Phase, Step};
use tokio::signal::unix::{SignalKind, signal};

use super::progress::{Progress, bar, grouped, rate};
use crate::cli::OrgMove;
use crate::config::Config;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure};

pub fn run(config: &Config, wanted: &OrgMove) -> anyhow::Result<()> {
    with_directory(config, Missing::Refuse, |directory| async move {
        match &wanted.to {
            Some(target) => carry(&directory, wanted, target).await,
            None => cancel(&directory, wanted).await,
        }
    })
}

async fn cancel(directory: &Directory, wanted: &OrgMove) -> anyhow::Result<()> {
    let target = directory.cancel_move(&wanted.slug).await.map_err(|error| refused(&error, wanted))?;
    let to = target.map(|target| format!(" to the cluster {target}")).unwrap_or_default();
    report::print(&format!(
        "Cancelled the move of {}{to}; it is written again where it was. What was copied is erased by a running server.\n",
        wanted.slug
    ))
}

async fn carry(directory: &Directory, wanted: &OrgMove, target: &ClusterName) -> anyhow::Result<()> {
    let order = MoveOrder { slug: wanted.slug.clone(), target: target.clone(), wait_seconds: wanted.wait };
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be listened for")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be listened for")?;
    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let shown = Shown::new(wanted.quiet);
    let moved = directory.move_organization(&order, stop, &|step| shown.tell(step)).await;
    shown.clear();
    let moved = moved.map_err(|error| refused(&error, wanted))?;
    if wanted.output.json {
        return report::print_json(&moved);
    }
    report::print(&told(&wanted.slug, &moved))
}

/// How far the move is.
struct Shown {
    progress: Mutex<Progress>,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    /// How many rows each table has.
    tables: BTreeMap<&'static str, u64>,
    /// Rows of tables that are done with, copied or compared.
    before: u64,
    now: Option<Step>,
}

impl Done {
    /// The rows of all tables, each of which is copied and compared.
    fn total(&self) -> u64 {
        2 * self.tables.values().sum::<u64>()
    }

    fn note(&mut self, step: Step) {
        if let Some(last) = self.now
            && (last.phase, last.table) != (step.phase, step.table)
        {
            self.before += last.rows;
        }
        self.now = Some(step);
    }

    fn line(&self, elapsed: Duration) -> String {
        let Some(Step { phase, table, rows }) = self.now else { return String::new() };
        let does = match phase {
            Phase::Copying => "copying",
            Phase::Comparing => "comparing",
        };
        let of = self.tables.get(table).copied().unwrap_or_default();
        let done = self.before + rows;
        format!(
            "{}{does} {table}: {} of {} rows; all in all {} of {}, {} rows/s",
            bar(done, Some(self.total())),
            grouped(rows),
            grouped(of),
            grouped(done),
            grouped(self.total()),
            grouped(rate(done, elapsed))
        )
    }
}

impl Shown {
    fn new(is_quiet: bool) -> Self {
        Self { progress: Mutex::new(Progress::start(is_quiet)), done: Mutex::default() }
    }

    fn tell(&self, step: MoveStep) {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            MoveStep::Draining(jobs) => {
                progress.show(|_| format!("waiting for {jobs} of the organization's jobs"));
            }
            MoveStep::Shut | MoveStep::Switching => {}
            MoveStep::Counted(tables) => done.tables = tables.into_iter().collect(),
            MoveStep::Table(step) => {
                done.note(step);
                progress.show(|elapsed| done.line(elapsed));
            }
        }
    }

    fn clear(&self) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn told(slug: &str, moved: &MoveReport) -> String {
    if moved.was_cut_off {
        return format!(
            "A move of {slug} to the cluster {} had been cut off when all was there; it is ended now.\n",
            moved.target
        );
    }
    let seconds = Duration::from_secs_f64(moved.refused_seconds);
    let mut text = format!(
        "Moved {slug} from the cluster {} to {}: {} rows in {:.1} s, {} rows/s, each copied and compared. Writes were refused \
         for {:.1} s. What the cluster {} has of it is erased in a minute by a running server.\n",
        moved.source,
        moved.target,
        grouped(moved.rows),
        moved.seconds,
        grouped(rate(moved.rows, seconds)),
        moved.refused_seconds,
        moved.source
    );
    if !moved.keeps_tokens {
        text.push_str(
            "Continuation tokens from before the move are not to be used: the members are numbered anew, in their order.\n",
        );
    }
    text
}

fn refused(error: &MoveError, wanted: &OrgMove) -> Failure {
    let slug = &wanted.slug;
    let again = "the organization lives where it was; the same command begins again";
    let hint = match error {
        MoveError::OrganizationNotFound => "`denizen org list` shows those that exist".to_owned(),
        MoveError::ClusterNotFound(_) => "`denizen cluster list` shows those that there are".to_owned(),
        MoveError::AlreadyThere(_) => "there is nothing to do".to_owned(),
        MoveError::UnderWay { since, .. } => {
            let since = since.map(|since| format!("it began at {since}; ")).unwrap_or_default();
            format!("{since}wait for it, or end it with `denizen org move {slug} --cancel`")
        }
        MoveError::Unreachable(name, StoreError::TooNew { .. }) => {
            format!("this denizen is older than the one that uses the cluster {name}: use that one")
        }
        MoveError::Unreachable(name, _) => format!("`denizen cluster check {name}` says more"),
        MoveError::Busy(_) => {
            format!("`denizen job list --org {slug}` shows them; wait longer for them with --wait SECONDS")
        }
        MoveError::TargetTaken(_) => "try again in a minute".to_owned(),
        MoveError::Differs(_) => {
            "nothing was switched, and the copy is erased; `denizen check` looks for what may be wrong in the source"
                .to_owned()
        }
        MoveError::Lost | MoveError::Stopped => again.to_owned(),
        MoveError::NotMoving => "`denizen cluster list` shows the moves that are under way".to_owned(),
        MoveError::TooLate(_) => format!("move it back with `denizen org move {slug} --to CLUSTER`"),
        MoveError::Store(error) => {
            return of_directory(&error.clone().into(), About { org: slug, ..About::default() });
        }
        MoveError::Directory(error) => return of_directory(error, About { org: slug, ..About::default() }),
    };
    Failure::new(error.to_string(), hint)
}
