//! A backup while it is made: a folder with another name, which only its maker uses.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use denizen_domain::time::Timestamp;
use denizen_store::{Snapshot, StoreError};

use super::file::{self, Output, Refused, beside};
use super::manifest::{Entry, Manifest, NAME, file_of};
use super::pace::Pace;
use crate::report::{self, Failure};

/// Behind the name of a backup that is not whole.
const INCOMPLETE: &str = ".incomplete";
const ANOTHER: &str = "name a folder that is not there yet, in one that this user may write to";

/// A database to be copied, in the state that is copied.
pub struct Source {
    pub cluster: String,
    pub snapshot: Snapshot,
}

/// The folder is removed when this is dropped before its end.
pub struct Draft {
    wanted: PathBuf,
    folder: PathBuf,
    /// The folder, kept from other backups for as long as it is open. What is made in it is made by way of this, for its
    /// name may come to mean another one.
    held: File,
    is_done: bool,
}

/// Why a database was not copied.
#[derive(Debug)]
pub enum Broken {
    Store(StoreError),
    Io(io::Error),
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Draft {
    /// Begins a backup that is to have this name. What is left of one that was cut off is removed.
    pub fn begin(wanted: &Path) -> Result<Self, Failure> {
        let place = wanted.display();
        let failed =
            |error: io::Error| Failure::new(format!("cannot make the backup {place}: {error}"), ANOTHER);
        if wanted.file_name().is_none() {
            return Err(Failure::usage(format!("{place} cannot be the name of a backup"), ANOTHER));
        }
        let is_empty = fs::symlink_metadata(wanted).and_then(|found| {
            Ok(found.is_dir() && fs::read_dir(wanted).map(|mut entries| entries.next().is_none())?)
        });
        match is_empty {
            // Somebody may have made it beforehand.
            Ok(true) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(false) => {
                return Err(Failure::new(
                    format!("{place} is there already, and a backup overwrites nothing"),
                    "name another folder, or remove that one first, if you do not need it",
                ));
            }
            Err(error) => return Err(failed(error)),
        }
        let folder = beside(wanted, INCOMPLETE);
        let refused = |refused: Refused| match refused {
            Refused::Io(error) => failed(error),
            Refused::Strange(reason) => Failure::new(
                format!(
                    "cannot make the backup {place}: {} is where it would be made, and is not used since {reason}",
                    folder.display()
                ),
                "find out who made it, and remove it if nobody needs it; or name a folder where only this user may write",
            ),
        };
        let Some(held) = file::begin_folder(&folder).map_err(refused)? else {
            return Err(Failure::new(
                format!("another process is making the backup {place}"),
                "let it finish, or name another folder",
            ));
        };
        if clear(&held).map_err(refused)? > 0 {
            report::warn("what an earlier backup left here when it was cut off has been removed");
        }
        Ok(Self { wanted: wanted.to_owned(), folder, held, is_done: false })
    }

    /// Copies a database. `shown` is told how many bytes have been copied.
    pub fn copy(&self, source: &Source, pace: &mut Pace, shown: impl Fn(u64)) -> Result<Entry, Failure> {
        let name = file_of(&source.cluster);
        let copied = (|| {
            let mut out = Output::new(file::create_in(&self.held, &name)?);
            let mut done = 0;
            source.snapshot.read(|page| {
                done += page.len() as u64;
                let written = out.push(page)?;
                if written > 0 {
                    shown(done);
                    pace.after(written);
                }
                Ok::<_, Broken>(())
            })?;
            Ok::<_, Broken>(out.finish()?)
        })();
        let (_, sha256) = copied.map_err(|error| self.broken(&source.cluster, error))?;
        Ok(Entry::new(&source.cluster, source.snapshot.facts(), sha256))
    }

    fn broken(&self, cluster: &str, error: Broken) -> Failure {
        match error {
            Broken::Store(error) => Failure::new(
                format!("the database of the cluster {cluster} cannot be read: {error}"),
                "`denizen check` looks it over; nothing was kept of this backup",
            ),
            Broken::Io(error) => self.unwritable(&error),
        }
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        Failure::new(
            format!("cannot write the backup {}: {error}", self.wanted.display()),
            "its disk must have room for a copy of every database; nothing was kept of this backup",
        )
    }

    /// Writes the manifest, and gives the folder its name when all of it is on the disk.
    pub fn finish(
        mut self,
        made_at: Timestamp,
        databases: Vec<Entry>,
        not_included: Vec<String>,
    ) -> Result<Manifest, Failure> {
        let manifest = Manifest::new(made_at, databases, not_included);
        self.put_in_place(&manifest).map_err(|error| self.unwritable(&error))?;
        Ok(manifest)
    }

    fn put_in_place(&mut self, manifest: &Manifest) -> io::Result<()> {
        let mut file = file::create_in(&self.held, NAME)?;
        file.write_all((serde_json::to_string_pretty(manifest)? + "\n").as_bytes())?;
        file.sync_all()?;
        self.held.sync_all()?;
        if !file::is_at(&self.held, &self.folder)? {
            return Err(io::Error::other("somebody has moved the folder in which it was made"));
        }
        // Replaces an empty folder at most.
        fs::rename(&self.folder, &self.wanted)?;
        self.is_done = true;
        file::sync_folder(self.wanted.parent().unwrap_or(Path::new("")))
    }
}

/// Removes what backups put into the folder, and says how many files that were. What somebody else has put there stays,
/// and is in the way.
fn clear(folder: &File) -> Result<usize, Refused> {
    let is_ours =
        |name: &Path| name == Path::new(NAME) || name.extension().is_some_and(|ending| ending == "db");
    file::remove_in(folder, is_ours)
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        if let Err(error) = clear(&self.held).and_then(|_| Ok(fs::remove_dir(&self.folder)?)) {
            report::warn(&format!("{} could not be removed: {error}", self.folder.display()));
        }
    }
}
