//! Where data lies: a data folder, and a database of PostgreSQL unless the store is a file in the folder. And a cluster of
//! PostgreSQL of our own, which is made for a run and removed after it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use tokio_postgres::Config;

use crate::bare::{Bare, Servers};

#[derive(Clone)]
pub(crate) struct Place {
    /// The data folder of the server.
    pub(crate) folder: PathBuf,
    pub(crate) servers: Option<Servers>,
}

impl Place {
    /// The same store under another name, which does not exist yet.
    pub(crate) fn named(&self, name: &str) -> anyhow::Result<Self> {
        let servers = self
            .servers
            .as_ref()
            .map(|servers| servers.with_database(&format!("bench_{}", name.replace('-', "_"))));
        Ok(Self { folder: self.folder.with_file_name(name), servers: servers.transpose()? })
    }

    pub(crate) fn engine(&self) -> &'static str {
        if self.servers.is_some() { "PostgreSQL" } else { "SQLite" }
    }

    /// Whether data outlasts the run: a database does not say whether it is still the one that was filled.
    pub(crate) fn is_kept(&self) -> bool {
        self.servers.as_ref().is_none_or(|servers| !servers.is_temporary)
    }

    /// Where the server finds its store. A variable, because arguments are for all to see.
    pub(crate) fn variables(&self) -> Vec<(&'static str, &str)> {
        self.servers.iter().map(|servers| ("DENIZEN_STORE", servers.store.as_str())).collect()
    }

    /// A command of denizen on this store.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("DENIZEN_DATA", &self.folder).envs(self.variables());
        command
    }

    /// Makes it an empty place, whatever was there.
    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        self.remove()?;
        fs::create_dir_all(&self.folder)?;
        if let Some(servers) = &self.servers {
            let (elsewhere, name, owner) = servers.elsewhere()?;
            elsewhere.batch(&format!("CREATE DATABASE {name} OWNER {owner}"))?;
        }
        Ok(())
    }

    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        if let Some(servers) = &self.servers {
            let (elsewhere, name, _) = servers.elsewhere()?;
            elsewhere.batch(&format!("DROP DATABASE IF EXISTS {name}"))?;
        }
        Ok(())
    }

    /// A copy of it, for writes that the original is not to see.
    pub(crate) fn copy(&self, name: &str) -> anyhow::Result<Self> {
        let copy = self.named(name)?;
        copy.remove()?;
        fs::create_dir_all(&copy.folder)?;
        if let Some(servers) = &copy.servers {
            let (elsewhere, name, owner) = servers.elsewhere()?;
            let original = self.servers.as_ref().context("the database to be copied")?.database()?;
            elsewhere.batch(&format!(
                "CREATE DATABASE {name} OWNER {owner} TEMPLATE {original} STRATEGY file_copy"
            ))?;
        } else {
            let file = copy.folder.join("denizen.db");
            fs::copy(self.folder.join("denizen.db"), &file)?;
            // The copy's own way to the disk must not be charged to the server.
            fs::File::open(&file)?.sync_all()?;
        }
        Ok(copy)
    }

    /// What the whole database takes.
    pub(crate) fn bytes(&self) -> anyhow::Result<f64> {
        match &self.servers {
            Some(servers) => Bare::open(&servers.bare)?.bytes(),
            None => Ok(fs::metadata(self.folder.join("denizen.db"))?.len() as f64),
        }
    }
}

impl Servers {
    /// The name of the database.
    pub(crate) fn database(&self) -> anyhow::Result<String> {
        let config: Config = self.store.parse()?;
        Ok(config.get_dbname().context("a database in the URL")?.to_owned())
    }

    /// A connection from which the database can be made and dropped, its name, and its owner's.
    fn elsewhere(&self) -> anyhow::Result<(Bare, String, String)> {
        let config: Config = self.store.parse()?;
        let owner = config.get_user().context("a user in the URL")?.to_owned();
        Ok((Bare::open(&self.with_database("postgres")?.bare)?, self.database()?, owner))
    }
}

/// A cluster of PostgreSQL that keeps what it has acknowledged, in a folder of its own.
pub(crate) struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    /// Makes and starts one, on the disk that `folder` lies on if its user may write there.
    pub(crate) fn create(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        // What a run left that was interrupted: its server is no child of that run's, and goes on.
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("denizen-postgres.") {
                drop(Self { folder: entry.path() });
            }
        }
        let log = folder.join("postgres.log");
        let made = Command::new(script())
            .arg("create")
            .arg(&log)
            .args(["fsync=on", "full_page_writes=on", "synchronous_commit=on"])
            // As an operator would set them on a machine for a million users; the default is for one of thirty years ago.
            .args(["shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=15min"])
            .env("TMPDIR", folder)
            .output()?;
        ensure!(
            made.status.success(),
            "PostgreSQL cannot be started; on Debian: `scripts/postgres.sh install`, or measure without it: \
             `--engine sqlite`.\n{}",
            String::from_utf8_lossy(&made.stderr)
        );
        Ok(Self { folder: PathBuf::from(String::from_utf8(made.stdout)?.trim()) })
    }

    /// Its roles, on a database that is still to be made. Both come by TCP, as they would to a server elsewhere: by its socket
    /// each statement takes both sides a third less, and then a comparison would say more about that.
    pub(crate) fn servers(&self) -> anyhow::Result<Servers> {
        let read = |name: &str| fs::read_to_string(self.folder.join(name));
        let folder = self.folder.display().to_string().replace('/', "%2F");
        let port: u16 = read("port")?.trim().parse()?;
        let by_socket = format!("postgres:///postgres?host={folder}&port={port}&user=postgres");
        // For a cluster that only this run knows.
        Bare::open(&by_socket)?.batch("ALTER ROLE postgres PASSWORD 'bench'")?;
        let bare = format!("postgres://postgres:bench@127.0.0.1:{port}/postgres");
        let postmaster = read("data/postmaster.pid")?.lines().next().context("a process")?.parse()?;
        let store = read("url")?.trim().to_owned();
        Servers { store, bare, postmaster: Some(postmaster), is_temporary: true }.with_database("bench_data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let removed = Command::new(script()).arg("remove").arg(&self.folder).status();
        if !removed.is_ok_and(|status| status.success()) {
            eprintln!("the cluster in {} could not be removed", self.folder.display());
        }
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/postgres.sh")
}
