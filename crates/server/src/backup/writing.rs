//! A backup while it is made: a folder with another name, which only its maker uses.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use denizen_domain::time::Timestamp;
use denizen_store::{Snapshot, StoreError};

use super::file::{self, Output, beside};
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
    /// Kept from other backups for as long as it is open.
    _held: File,
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
        match fs::read_dir(wanted).map(|mut entries| entries.next().is_none()) {
            // Somebody may have made it beforehand, with the rights that it has to have.
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
        file::create_folder(&folder).map_err(failed)?;
        let held = File::open(&folder).and_then(|opened| file::hold(opened, &folder)).map_err(failed)?;
        let Some(held) = held else {
            return Err(Failure::new(
                format!("another process is making the backup {place}"),
                "let it finish, or name another folder",
            ));
        };
        let draft = Self { wanted: wanted.to_owned(), folder, _held: held, is_done: false };
        if draft.clear().map_err(failed)? > 0 {
            report::warn("what an earlier backup left here when it was cut off has been removed");
        }
        Ok(draft)
    }

    /// Removes what backups put into the folder, and says how many files that were. What somebody else has put there
    /// stays, and is in the way.
    fn clear(&self) -> io::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_ours = name == NAME || Path::new(&name).extension().is_some_and(|ending| ending == "db");
            if is_ours {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Copies a database. `shown` is told how many bytes have been copied.
    pub fn copy(&self, source: &Source, pace: &mut Pace, shown: impl Fn(u64)) -> Result<Entry, Failure> {
        let path = self.folder.join(file_of(&source.cluster));
        let copied = (|| {
            let mut out = Output::new(file::create(&path)?);
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
        let mut file = file::create(&self.folder.join(NAME))?;
        file.write_all((serde_json::to_string_pretty(manifest)? + "\n").as_bytes())?;
        file.sync_all()?;
        file::sync_folder(&self.folder)?;
        // Replaces an empty folder at most.
        fs::rename(&self.folder, &self.wanted)?;
        self.is_done = true;
        file::sync_folder(self.wanted.parent().unwrap_or(Path::new("")))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        if let Err(error) = self.clear().and_then(|_| fs::remove_dir(&self.folder)) {
            report::warn(&format!("{} could not be removed: {error}", self.folder.display()));
        }
    }
}
