//! `denizen backup`: a copy of the store in a folder, made while a server goes on working.

use std::cell::RefCell;
use std::time::Instant;

use serde_json::json;

use super::progress::{Progress, bar, mebibytes, rate};
use crate::backup::{Draft, Held, Pace};
use crate::cli::Backup;
use crate::config::{Config, Place};
use crate::environment;
use crate::installation::must_exist;
use crate::report::{self, Failure};

pub fn run(config: &Config, wanted: &Backup) -> anyhow::Result<()> {
    let place = config.place();
    let Place::Sqlite(file) = &place else {
        return Err(Failure::usage(
            format!("the store {place} lies in PostgreSQL, which makes its backups with its own tools"),
            "pg_dump --format=custom, or pg_basebackup with an archive of the log: docs/operations.md has the commands, \
             in the chapter PostgreSQL",
        )
        .into());
    };
    must_exist(config)?;
    let draft = Draft::begin(&wanted.folder)?;
    let begun = Instant::now();
    // Whatever is copied later, this is the moment whose state it is.
    let made_at = environment::now();
    let Held { sources, not_included } = Held::take(config, file)?;

    let total = sources.iter().map(|source| source.snapshot.facts().bytes).sum();
    let progress = Progress::start(wanted.quiet);
    let pace = RefCell::new(Pace::new(wanted.rate));
    let (mut databases, mut before) = (Vec::new(), 0);
    for source in sources {
        let shown = |done: u64| {
            let done = before + done;
            progress.show(|elapsed| {
                let speed = mebibytes(rate(done, elapsed));
                format!("{}{} of {}, {speed}/s", bar(done, Some(total)), mebibytes(done), mebibytes(total))
            });
        };
        databases.push(draft.copy(&source, &mut pace.borrow_mut(), shown)?);
        before += source.snapshot.facts().bytes;
        // The state is let go of as soon as it is copied, since the log of the database keeps all that is written meanwhile.
        drop(source);
    }
    let manifest = draft.finish(made_at, databases, not_included)?;
    progress.clear();
    if !manifest.not_included.is_empty() {
        report::warn(&format!(
            "clusters in PostgreSQL are not in this backup: {}. They are backed up with PostgreSQL's tools, as \
             docs/operations.md says",
            manifest.not_included.join(", ")
        ));
    }

    let elapsed = begun.elapsed();
    let folder = wanted.folder.display();
    if wanted.output.json {
        return report::print_json(&json!({
            "folder": folder.to_string(),
            "seconds": elapsed.as_secs_f64(),
            "manifest": manifest,
        }));
    }
    let files: String =
        manifest.databases.iter().map(|entry| entry.file.clone() + " (" + &entry.counts() + ")\n").collect();
    report::print(&format!(
        "the backup {folder} is made: {} in {:.1} s, {}/s\n{files}`denizen restore {folder} --verify-only` looks it over\n",
        mebibytes(total),
        elapsed.as_secs_f64(),
        mebibytes(rate(total, elapsed))
    ))
}
