//! The data folder and the store in it, opened for the server or for a command that works beside a running one.

use std::fs::{self, DirBuilder};
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::pin::Pin;

use anyhow::Context as _;
use denizen_directory::Directory;
use denizen_store::{Store, StoreOptions};

use crate::config::{Config, Log, LogFormat, Place};
use crate::report::{self, Failure};
use crate::wiring::Opener;
use crate::{environment, logging, refusal, wiring};

/// Whether a command may begin a new installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Create,
    Refuse,
}

const WRITABLE: &str = "name a folder that this user may write to: --data DIR";

/// Makes the data folder, for its owner only. One that is there keeps its mode: an operator may have chosen it.
/// Where the data is in PostgreSQL and mails leave through a server, nothing is kept in a folder, and none is made.
pub fn create_data_folder(config: &Config) -> Result<(), Failure> {
    if matches!(config.place(), Place::Postgres(_)) && config.mail.smtp_url.is_some() {
        return Ok(());
    }
    let data = config.data.as_path();
    let failed = |error: &io::Error| {
        Failure::new(format!("cannot use the data folder {}: {error}", data.display()), WRITABLE)
    };
    if data.is_file() {
        return Err(no_folder(data));
    }
    if let Some(parent) = data.parent() {
        fs::create_dir_all(parent).map_err(|error| failed(&error))?;
    }
    match DirBuilder::new().mode(0o700).create(data) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && data.is_dir() => {}
        made => return made.map_err(|error| failed(&error)),
    }
    // Tried here, so that whatever is made first in it is not blamed.
    if config.store.is_none() || config.mail.smtp_url.is_none() {
        let probe = data.join(format!(".denizen-{}", std::process::id()));
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&probe)
            .and_then(|_| fs::remove_file(&probe))
            .map_err(|error| {
                Failure::new(format!("cannot write to the data folder {}: {error}", data.display()), WRITABLE)
            })?;
    }
    Ok(())
}

fn no_folder(data: &Path) -> Failure {
    Failure::new(format!("{} is a file and not a data folder", data.display()), WRITABLE)
}

/// Opens the store, which must have a folder to lie in, or a database.
pub fn open_store(config: &Config, opener: Opener) -> Result<Store, Failure> {
    Store::open(opener.wants(wiring::store_options(config)?), environment::now())
        .map_err(|error| refusal::of_store(&error, config))
}

/// Runs a command's work on the directory, and closes the store whatever came of it. A server may be running beside.
pub fn with_directory<T, F>(
    config: &Config,
    missing: Missing,
    work: impl FnOnce(Directory) -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    match missing {
        // Commands send no mail, so only the server needs the folder for that.
        Missing::Create if matches!(config.place(), Place::Postgres(_)) => {}
        Missing::Create => create_data_folder(config)?,
        Missing::Refuse => must_exist(config)?,
    }
    let _logging = start_logging()?;
    on_this_thread(async {
        let store = open_store(config, Opener::Command)?;
        // Who begins an installation is the one who can still change it easily.
        if missing == Missing::Create {
            store.warnings().into_iter().for_each(report::warn);
        }
        let settings = wiring::directory_settings(config, config.listen);
        let stores = wiring::clusters(config, store.clone(), Opener::Command);
        let opened = Directory::open(stores.clone(), environment::system(), settings).await;
        let result = match opened {
            Ok(directory) => {
                let result = work(directory.clone()).await;
                // An answer that says nothing of them would be taken for a whole one.
                for (cluster, reason) in directory.failing_clusters().into_iter().filter(|_| result.is_ok()) {
                    report::warn(&format!(
                        "the cluster {cluster} is left out, because it does not answer: {reason}"
                    ));
                }
                result
            }
            Err(error) => Err(refusal::of_directory(&error, refusal::About::default()).into()),
        };
        stores.close();
        result
    })
}

/// Runs a command's work to its end.
pub fn on_this_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    // By a pointer, since Tokio would hold the code of each command's work three times.
    let work: Pin<Box<dyn Future<Output = _> + '_>> = Box::pin(work);
    runtime.block_on(work)
}

/// Causes that are not for callers are only logged; at a terminal they belong to the answer. What an operator takes away
/// from the jobs is told wherever the work at jobs is. The log ends with the answer.
pub fn start_logging() -> anyhow::Result<logging::Logging> {
    let filter = "error,denizen_directory::job_control=warn".to_owned();
    logging::start(&Log { format: LogFormat::Text, filter })
}

/// # Errors
/// When there is no store where the configuration says.
pub fn must_exist(config: &Config) -> Result<(), Failure> {
    let file = match config.place() {
        Place::Sqlite(file) => file,
        Place::Postgres(_) => return must_have_tables(config),
    };
    if config.store.is_none() && config.data.is_file() {
        return Err(no_folder(&config.data));
    }
    match fs::metadata(&file) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(Failure::new(
            format!("the store {} is not a file", file.display()),
            "name the data folder with --data DIR, or the file with --store sqlite:PATH",
        )),
        Err(error) => Err(unseen(&file, &error)),
    }
}

fn must_have_tables(config: &Config) -> Result<(), Failure> {
    let StoreOptions::Postgres(options) = wiring::store_options(config)? else { return Ok(()) };
    match options.has_tables() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::new(
            format!("the database {} has no tables of denizen", config.place()),
            "name another with --store, or begin in this one: `denizen serve` or `denizen org create`",
        )),
        Err(error) => Err(refusal::of_store(&error, config)),
    }
}

/// Why a store's file cannot be looked at.
fn unseen(file: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Failure::new(
            format!("there is no store at {}", file.display()),
            "name the data folder with --data DIR, or begin one: `denizen serve` or `denizen org create`",
        ),
        io::ErrorKind::PermissionDenied => Failure::new(
            format!("this user may not look at the store {}: {error}", file.display()),
            "run the command as the user that the server runs as, for instance with sudo -u",
        ),
        _ => Failure::new(
            format!("cannot look at the store {}: {error}", file.display()),
            "name another data folder with --data DIR, if this is not the one you mean",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_may_not_be_seen_is_not_called_absent() {
        let file = Path::new("/srv/denizen/denizen.db");
        let denied = unseen(file, &io::ErrorKind::PermissionDenied.into());
        assert!(
            denied.to_string().starts_with("this user may not look at the store /srv/denizen/denizen.db")
        );
        assert!(denied.hint().contains("sudo -u"));
        assert!(unseen(file, &io::ErrorKind::NotFound.into()).to_string().starts_with("there is no store"));
    }
}
