//! `denizen restore`: a store from a backup, which is looked over before it gets its name; or only the looking over.

use anyhow::Context as _;
use denizen_domain::ids::OrgKey;
use denizen_domain::time::Timestamp;
use denizen_store::{Snapshot, SqliteOptions, Store, StoreError, Tx, jobs, look_over};
use serde_json::json;

use super::job::HOW_TO_GO_ON;
use super::progress::{Progress, bar, mebibytes};
use crate::backup::{Copied, Entry, NewFile, Whole};
use crate::cli::Restore;
use crate::config::{Config, Place};
use crate::environment;
use crate::installation::{create_data_folder, start_logging};
use crate::report::{self, Failure};

pub fn run(config: &Config, wanted: &Restore) -> anyhow::Result<()> {
    let whole = Whole::open(&wanted.folder)?;
    let _logging = start_logging()?;
    let progress = Progress::start(wanted.quiet);
    if wanted.verify_only {
        verify(&whole, &progress)?;
        progress.clear();
        return tell_verified(&whole, wanted);
    }
    let place = config.place();
    let Place::Sqlite(file) = &place else {
        return Err(Failure::usage(
            format!("the store {place} lies in PostgreSQL, and this is a backup of SQLite"),
            "--store sqlite:PATH or --data DIR names where the store is to be; a dump of PostgreSQL is restored with \
             pg_restore: docs/operations.md has the commands",
        )
        .into());
    };
    // One database until there are more, each of which has its own place.
    let entry = &whole.manifest.databases[0];
    // A store with a place of its own needs no data folder yet.
    if config.store.is_none() {
        create_data_folder(config)?;
    }
    let mut new = NewFile::begin(file)?;
    let _: Copied = read(&whole, entry, Some(&mut new), &progress)?;
    progress.say("looking the copy over …");
    let held = prepare(&whole, entry, &new, wanted.send_mails)?;
    new.put_in_place()?;
    progress.clear();
    tell_restored(&whole, entry, config, wanted, held)
}

fn read(
    whole: &Whole,
    entry: &Entry,
    out: Option<&mut NewFile>,
    progress: &Progress,
) -> Result<Copied, Failure> {
    let (total, mut done) = (whole.bytes(), 0);
    whole.read(entry, out, |bytes| {
        done += bytes;
        progress.show(|_| format!("{}{} of {}", bar(done, Some(total)), mebibytes(done), mebibytes(total)));
    })
}

/// Looks every file over where it lies.
fn verify(whole: &Whole, progress: &Progress) -> anyhow::Result<()> {
    for entry in &whole.manifest.databases {
        let _: Copied = read(whole, entry, None, progress)?;
        progress.say(&format!("looking {} over …", entry.file));
        let (facts, problems) =
            look_over(&whole.path(entry)).map_err(|error| whole.refused(entry, &error))?;
        none_of(whole, entry, &problems)?;
        whole.must_fit(entry, facts)?;
    }
    Ok(())
}

fn none_of(whole: &Whole, entry: &Entry, problems: &[String]) -> anyhow::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    report::print(&format!("{}\n", problems.join("\n")))?;
    Err(whole.harmed(entry, problems.len()).into())
}

/// Makes the copy a store of this denizen's version, looks it over and holds its mails; says how many these are.
fn prepare(whole: &Whole, entry: &Entry, new: &NewFile, send_mails: bool) -> anyhow::Result<usize> {
    let refused = |error: StoreError| whole.refused(entry, &error);
    // Before anything is changed of it, and let go of at once.
    whole.must_fit(entry, Snapshot::take(new.path()).map_err(refused)?.facts())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(async {
        let store = Store::open(SqliteOptions::new(new.path()), environment::now()).map_err(refused)?;
        let prepared = async {
            none_of(whole, entry, &store.check().await.map_err(refused)?)?;
            if send_mails {
                return Ok(0);
            }
            let now = environment::now();
            // Whoever had a lease does not work on this store.
            let hold = move |tx: &Tx<'_>| jobs::hold_mails(tx, Timestamp(i64::MAX), now);
            Ok(store.write(OrgKey::CONTROL, hold).await.map_err(refused)?)
        };
        let prepared: anyhow::Result<usize> = prepared.await;
        store.close();
        prepared
    })
}

fn age_seconds(whole: &Whole) -> i64 {
    environment::now().unix_seconds() - whole.manifest.made_at().unix_seconds()
}

fn tell_verified(whole: &Whole, wanted: &Restore) -> anyhow::Result<()> {
    let age = whole.manifest.age(environment::now());
    if wanted.output.json {
        return report::print_json(&json!({ "manifest": whole.manifest, "age_seconds": age_seconds(whole) }));
    }
    report::print(&format!(
        "no problems in the backup {}, made at {} ({age}) by denizen {}\n",
        wanted.folder.display(),
        whole.manifest.made_at,
        whole.manifest.denizen
    ))?;
    for entry in &whole.manifest.databases {
        report::print(&format!("{} ({}; {})\n", entry.file, mebibytes(entry.bytes), entry.counts()))?;
        if entry.schema_version < denizen_store::newest_schema() {
            report::print(&format!(
                "its schema version {} is older than this denizen's: only damage was looked for, and the rest is at a restore\n",
                entry.schema_version
            ))?;
        }
    }
    Ok(())
}

fn tell_restored(
    whole: &Whole,
    entry: &Entry,
    config: &Config,
    wanted: &Restore,
    held: usize,
) -> anyhow::Result<()> {
    let manifest = &whole.manifest;
    let age = manifest.age(environment::now());
    if wanted.output.json {
        return report::print_json(&json!({
            "store": config.place().to_string(),
            "manifest": manifest,
            "age_seconds": age_seconds(whole),
            "held_mails": held,
        }));
    }
    let mails = match held {
        0 => String::new(),
        1 => format!(
            "- 1 mail waited then, and is held since it may have been sent meanwhile: {HOW_TO_GO_ON}\n"
        ),
        held => format!(
            "- {held} mails waited then, and are held since they may have been sent meanwhile: {HOW_TO_GO_ON}\n"
        ),
    };
    report::print(&format!(
        "the backup of {} ({age}) is restored to {} ({})\n\
         What was done after it is undone. Before you let anybody in (docs/operations.md, \"After a restore\"):\n\
         - who was erased since is there again: users, operators, organizations, and contacts that were made anonymous. \
         Erase them again\n\
         - credentials of then are good again, though they were revoked, retired or changed since: API keys, tokens, signing \
         keys, passwords. Revoke, retire or change them again\n{mails}",
        manifest.made_at,
        config.place(),
        entry.counts()
    ))
}
