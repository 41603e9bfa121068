//! The data folder and the store in it, opened for the server or for a command that works beside a running one.

use std::fs::{self, DirBuilder};
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::Context as _;
use denizen_directory::Directory;
use denizen_store::Store;

use crate::config::{Config, Log, LogFormat};
use crate::report::Failure;
use crate::{environment, logging, refusal, wiring};

/// Whether a command may begin a new installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Create,
    Refuse,
}

/// Makes the data folder, for its owner only. One that is there keeps its mode: an operator may have chosen it.
pub fn create_data_folder(data: &Path) -> Result<(), Failure> {
    let failed = |error: &io::Error| {
        Failure::new(
            format!("cannot use the data folder {}: {error}", data.display()),
            "name a folder that this user may write to: --data DIR",
        )
    };
    if let Some(parent) = data.parent() {
        fs::create_dir_all(parent).map_err(|error| failed(&error))?;
    }
    match DirBuilder::new().mode(0o700).create(data) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && data.is_dir() => Ok(()),
        made => made.map_err(|error| failed(&error)),
    }
}

/// Opens the store, which must have a folder to lie in.
pub fn open_store(config: &Config) -> Result<Store, Failure> {
    Store::open(wiring::sqlite_options(config), environment::now())
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
        Missing::Create => create_data_folder(&config.data)?,
        Missing::Refuse => must_exist(config)?,
    }
    // Causes that are not for callers are only logged; at a terminal they belong to the answer.
    let _logging = logging::start(&Log { format: LogFormat::Text, filter: "error".to_owned() })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(async {
        let store = open_store(config)?;
        let settings = wiring::directory_settings(config, config.listen);
        let opened = Directory::open(store.clone(), environment::system(), settings).await;
        let result = match opened {
            Ok(directory) => work(directory).await,
            Err(error) => Err(refusal::of_directory(&error, refusal::About::default()).into()),
        };
        store.close();
        result
    })
}

fn must_exist(config: &Config) -> Result<(), Failure> {
    let file = config.sqlite_file();
    if file.is_file() {
        return Ok(());
    }
    Err(Failure::new(
        format!("there is no store at {}", file.display()),
        "name the data folder with --data DIR, or begin one: `denizen serve` or `denizen org create`",
    ))
}
