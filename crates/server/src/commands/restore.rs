//! `denizen restore`: a store from a backup, which is looked over before it gets its name; or only the looking over.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use denizen_domain::ids::OrgKey;
use denizen_domain::text::ClusterName;
use denizen_domain::time::Timestamp;
use denizen_store::clusters::registry::{self, Cluster};
use denizen_store::{Snapshot, SqliteOptions, Store, StoreError, Tx, jobs, look_over};
use serde_json::json;

use super::job::HOW_TO_GO_ON;
use super::progress::{Progress, bar, mebibytes};
use crate::backup::{Copied, Entry, MAIN, NewFile, Whole};
use crate::cli::Restore;
use crate::config::{Config, Place};
use crate::environment;
use crate::installation::{create_data_folder, on_this_thread, start_logging};
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
    let places = places(&whole, file, &wanted.clusters)?;
    // A store with a place of its own needs no data folder yet.
    if config.store.is_none() {
        create_data_folder(config)?;
    }
    let mut files = Vec::new();
    for (entry, path) in &places {
        files.push((*entry, NewFile::begin(path)?));
    }
    for (entry, new) in &mut files {
        let _: Copied = read(&whole, entry, Some(new), &progress)?;
    }
    progress.say("looking the copy over …");
    let mut held = 0;
    for (entry, new) in &files {
        held += prepare(&whole, entry, new, wanted.send_mails, &places)?;
    }
    // `main` comes last: without it, nothing of the others is used.
    for (_, new) in files.into_iter().rev() {
        new.put_in_place()?;
    }
    progress.clear();
    tell_restored(&whole, &places, config, wanted, held)
}

/// Where a database of the backup is to be.
type Placed<'a> = (&'a Entry, PathBuf);

/// The places of all databases, that of `main` first.
fn places<'a>(whole: &'a Whole, main: &Path, named: &[String]) -> Result<Vec<Placed<'a>>, Failure> {
    let entries = &whole.manifest.databases;
    let mut of_others = HashMap::new();
    for named in named {
        let (name, path) = named.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or_else(|| {
            Failure::usage(
                format!("--cluster {named}: must be NAME=PATH"),
                "for instance --cluster eu=/srv/denizen/eu.db",
            )
        })?;
        if name == MAIN || entries.iter().all(|entry| entry.cluster != name) {
            return Err(Failure::usage(
                format!("--cluster {named}: the backup has no other cluster {name}"),
                "the place of `main` is that of the store, which --data or --store names",
            ));
        }
        // What the control store says must not depend on where a server is started.
        let path = std::path::absolute(path).map_err(|error| {
            Failure::usage(format!("--cluster {named}: {error}"), "name a path of a file")
        })?;
        of_others.insert(name, path);
    }
    let mut places = Vec::new();
    for entry in entries {
        if entry.cluster == MAIN {
            places.insert(0, (entry, main.to_owned()));
        } else if let Some(path) = of_others.remove(entry.cluster.as_str()) {
            places.push((entry, path));
        } else {
            return Err(Failure::usage(
                format!(
                    "the backup also has the cluster {}, and it is not said where that is to be",
                    entry.cluster
                ),
                format!("name a file that is not there yet: --cluster {}=PATH", entry.cluster),
            ));
        }
    }
    Ok(places)
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
    // They quote what stands in the file.
    let lines: String = problems.iter().map(|line| report::harmless(line) + "\n").collect();
    report::print(&lines)?;
    Err(whole.harmed(entry, problems.len()).into())
}

/// Makes the copy a store of this denizen's version, looks it over and holds its mails; says how many these are. `main`
/// learns where the others are.
fn prepare(
    whole: &Whole,
    entry: &Entry,
    new: &NewFile,
    send_mails: bool,
    places: &[Placed<'_>],
) -> anyhow::Result<usize> {
    let others: Vec<(String, String)> = places
        .iter()
        .filter(|(other, _)| entry.cluster == MAIN && other.cluster != MAIN)
        .map(|(other, path)| (other.cluster.clone(), format!("sqlite:{}", path.display())))
        .collect();
    let refused = |error: StoreError| whole.refused(entry, &error);
    // Before anything is changed of it, and let go of at once.
    whole.must_fit(entry, Snapshot::take(new.path()).map_err(refused)?.facts())?;
    on_this_thread(async {
        let store = Store::open(SqliteOptions::new(new.path()), environment::now()).map_err(refused)?;
        let prepared = async {
            none_of(whole, entry, &store.check().await.map_err(refused)?)?;
            let settle = move |tx: &Tx<'_>| {
                for (name, url) in &others {
                    let name =
                        ClusterName::parse(name).map_err(|error| StoreError::Corrupt(error.to_string()))?;
                    let found = registry::find(tx, &name)?;
                    let known =
                        found.ok_or_else(|| StoreError::Corrupt(format!("no cluster {name} is known")))?;
                    registry::update(tx, &Cluster { url: url.clone(), ..known })?;
                }
                Ok::<_, StoreError>(())
            };
            store.write(OrgKey::CONTROL, settle).await.map_err(refused)?;
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
    places: &[Placed<'_>],
    config: &Config,
    wanted: &Restore,
    held: usize,
) -> anyhow::Result<()> {
    let manifest = &whole.manifest;
    if !manifest.not_included.is_empty() {
        report::warn(&format!(
            "clusters in PostgreSQL are not in the backup, and the restored store uses them where they are: {}. Put them back \
             to the same time, and do not let two installations use them",
            manifest.not_included.join(", ")
        ));
    }
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
    let files: Vec<String> =
        places.iter().map(|(entry, path)| format!("{} ({})", path.display(), entry.counts())).collect();
    let files = files.join("\n");
    report::print(&format!(
        "the backup of {} ({age}) is restored:\n{files}\n\
         What was done after it is undone. Before you let anybody in (docs/operations.md, \"After a restore\"):\n\
         - who was erased since is there again: users, operators, organizations, and contacts that were made anonymous. \
         Erase them again\n\
         - credentials of then are good again, though they were revoked, retired or changed since: API keys, tokens, signing \
         keys, passwords. Revoke, retire or change them again\n{mails}",
        manifest.made_at,
    ))
}
