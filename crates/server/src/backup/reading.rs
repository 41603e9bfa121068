//! A backup that is there: whether it is whole, and its files put where a store is to be.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use denizen_store::{Facts, StoreError, newest_schema};

use super::file::{self, Refused, beside};
use super::manifest::{Entry, Manifest, NAME, NEWER};
use crate::report::{Failure, harmless};

const TAKE_ANOTHER: &str = "do not use this backup: take another one";
const NEWER_ONE: &str = "use the denizen that made it, or a newer one";
/// A manifest has some hundred bytes for each cluster.
const MOST_OF_A_MANIFEST: u64 = 1 << 20;
/// Behind the name of a store that is being restored.
const RESTORING: &str = ".restoring";
/// What SQLite keeps beside a database. It would be taken for the new one's, whatever it is.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A folder whose manifest lists the files that are in it, and their sizes are right.
pub struct Whole {
    folder: PathBuf,
    pub manifest: Manifest,
}

/// A file of the backup that was read to its end, and is the one that was written.
#[must_use]
pub struct Copied;

impl Whole {
    /// Looks at the manifest and at the names and sizes of the files.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let place = folder.display();
        let unusable = |reason: &dyn Display| {
            Failure::new(format!("cannot use the {NAME} of the backup {place}: {reason}"), TAKE_ANOTHER)
        };
        let unread = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound if folder.is_dir() => Failure::new(
                format!("{place} is no backup, or one that was cut off: it has no {NAME}"),
                "name the folder that `denizen backup` was given",
            ),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Failure::new(
                format!("there is no folder {place}"),
                "name the folder that `denizen backup` was given",
            ),
            _ => Failure::new(
                format!("cannot read the backup {place}: {error}"),
                "run the command as the user that made the backup, for instance with sudo -u",
            ),
        };
        let file = file::open(&folder.join(NAME)).map_err(|refused| match refused {
            Refused::Io(error) => unread(error),
            Refused::Strange(reason) => unusable(&reason),
        })?;
        let mut text = Vec::new();
        file.take(MOST_OF_A_MANIFEST + 1).read_to_end(&mut text).map_err(unread)?;
        if text.len() as u64 > MOST_OF_A_MANIFEST {
            return Err(unusable(&"it has more than 1 MiB, which no manifest has"));
        }
        let manifest = Manifest::parse(&text).map_err(|reason| {
            // The backup is good.
            if reason.ends_with(NEWER) {
                return Failure::new(
                    format!("cannot use the {NAME} of the backup {place}: {reason}"),
                    NEWER_ONE,
                );
            }
            unusable(&reason)
        })?;
        for entry in &manifest.databases {
            if entry.schema_version > newest_schema() {
                return Err(too_new(entry.schema_version));
            }
            let found = file::open(&folder.join(&entry.file))
                .and_then(|opened| Ok(opened.metadata()?))
                .map_err(|refused| unreadable(folder, &entry.file, &refused))?;
            if found.len() != entry.bytes {
                return Err(Failure::new(
                    format!(
                        "{} of the backup {place} has {} bytes, and its manifest says {}: it was cut off or changed",
                        entry.file,
                        found.len(),
                        entry.bytes
                    ),
                    TAKE_ANOTHER,
                ));
            }
        }
        Ok(Self { folder: folder.to_owned(), manifest })
    }

    pub fn path(&self, entry: &Entry) -> PathBuf {
        self.folder.join(&entry.file)
    }

    pub fn bytes(&self) -> u64 {
        self.manifest.databases.iter().map(|entry| entry.bytes).sum()
    }

    /// Reads a file to its end, and into `out`, if there is one. `shown` is told of each piece.
    ///
    /// # Errors
    /// When it is not the file that was written.
    pub fn read(
        &self,
        entry: &Entry,
        mut out: Option<&mut NewFile>,
        mut shown: impl FnMut(u64),
    ) -> Result<Copied, Failure> {
        enum Ended {
            Reading(io::Error),
            Writing(Failure),
        }
        impl From<io::Error> for Ended {
            fn from(error: io::Error) -> Self {
                Self::Reading(error)
            }
        }
        let opened = file::open(&self.path(entry))
            .map_err(|refused| unreadable(&self.folder, &entry.file, &refused))?;
        let read = file::read(opened, |piece| {
            if let Some(out) = out.as_deref_mut() {
                out.write(piece).map_err(Ended::Writing)?;
            }
            shown(piece.len() as u64);
            Ok(())
        });
        let (bytes, sha256) = read.map_err(|ended| match ended {
            Ended::Reading(error) => unreadable(&self.folder, &entry.file, &error),
            Ended::Writing(failure) => failure,
        })?;
        if (bytes, &sha256) == (entry.bytes, &entry.sha256) {
            return Ok(Copied);
        }
        Err(Failure::new(
            format!(
                "{} of the backup {} is not the file that was written: its SHA-256 is {sha256}, and its manifest says {}",
                entry.file,
                self.folder.display(),
                entry.sha256
            ),
            TAKE_ANOTHER,
        ))
    }

    /// Whether what a file holds is what the manifest says.
    pub fn must_fit(&self, entry: &Entry, facts: Facts) -> Result<(), Failure> {
        if entry.fits(facts) {
            return Ok(());
        }
        let found = Entry::new(&entry.cluster, facts, String::new());
        Err(Failure::new(
            format!(
                "{} of the backup {} does not hold what its manifest says: {} instead of {}",
                entry.file,
                self.folder.display(),
                found.counts(),
                entry.counts()
            ),
            TAKE_ANOTHER,
        ))
    }

    /// An error of the store about a file of the backup.
    pub fn refused(&self, entry: &Entry, error: &StoreError) -> Failure {
        match error {
            StoreError::TooNew { found, .. } => too_new(*found),
            error => Failure::new(
                format!(
                    "{} of the backup {} cannot be used: {}",
                    entry.file,
                    self.folder.display(),
                    // It may quote what stands in the file.
                    harmless(&error.to_string())
                ),
                TAKE_ANOTHER,
            ),
        }
    }

    /// Problems that a look at a file has found.
    pub fn harmed(&self, entry: &Entry, count: usize) -> Failure {
        Failure::new(
            format!(
                "{count} {} in {} of the backup {}",
                if count == 1 { "problem" } else { "problems" },
                entry.file,
                self.folder.display()
            ),
            "the store had them when the backup was made: take an older backup, or ask for help with this list",
        )
    }
}

fn too_new(version: i64) -> Failure {
    Failure::new(
        format!(
            "the backup has schema version {version}, and this denizen knows versions up to {}",
            newest_schema()
        ),
        NEWER_ONE,
    )
}

fn unreadable(folder: &Path, name: &str, error: &dyn Display) -> Failure {
    Failure::new(format!("cannot read {name} of the backup {}: {error}", folder.display()), TAKE_ANOTHER)
}

/// A store's file under another name, until it is good. It is removed when this is dropped before its end.
pub struct NewFile {
    wanted: PathBuf,
    path: PathBuf,
    /// Kept from other restores for as long as it is open.
    file: File,
    is_done: bool,
}

impl NewFile {
    /// Begins a store at a place where none is. What is left of a restore that was cut off is removed.
    pub fn begin(wanted: &Path) -> Result<Self, Failure> {
        must_be_free(wanted)?;
        let path = beside(wanted, RESTORING);
        // Before anything is made, so that nothing has to be cleared away.
        for path in BESIDE.map(|ending| beside(&path, ending)) {
            file::is_left(&path).map_err(|refused| in_the_way(wanted, &path, refused))?;
        }
        let Some(file) = file::begin(&path).map_err(|refused| in_the_way(wanted, &path, refused))? else {
            return Err(Failure::new(
                format!("another process is restoring {}", wanted.display()),
                "let it finish, or name another place with --data or --store",
            ));
        };
        let new = Self { wanted: wanted.to_owned(), path, file, is_done: false };
        new.remove_beside()?;
        Ok(new)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.file.write_all(piece).map_err(|error| unwritable(&self.wanted, &error))
    }

    /// SQLite's own files beside the store that is being made.
    fn remove_beside(&self) -> Result<(), Failure> {
        for path in BESIDE.map(|ending| beside(&self.path, ending)) {
            file::remove(&path).map_err(|refused| in_the_way(&self.wanted, &path, refused))?;
        }
        Ok(())
    }

    /// Gives the store its name. It must be closed.
    pub fn put_in_place(mut self) -> Result<(), Failure> {
        let failed = |error: io::Error| unwritable(&self.wanted, &error);
        // A log that was not copied into the database would be lost with its name.
        let log = fs::symlink_metadata(beside(&self.path, "-wal")).map_or(0, |found| found.len());
        if log > 0 {
            return Err(failed(io::Error::other("the log was not copied into the database")));
        }
        self.file.sync_all().map_err(failed)?;
        self.remove_beside()?;
        must_be_free(&self.wanted)?;
        if !file::is_at(&self.file, &self.path).map_err(failed)? {
            return Err(failed(io::Error::other("somebody has moved the file in which it was made")));
        }
        // A link replaces nothing; a new name would.
        match fs::hard_link(&self.path, &self.wanted) {
            Ok(()) => {
                // It stands under both names now, and what is left to do is no reason to say that it does not.
                self.is_done = true;
                fs::remove_file(&self.path).map_err(failed)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                must_be_free(&self.wanted)?;
                return Err(failed(error));
            }
            // Some file systems have no links.
            Err(_) => {
                fs::rename(&self.path, &self.wanted).map_err(failed)?;
                self.is_done = true;
            }
        }
        file::sync_folder(self.wanted.parent().unwrap_or(Path::new(""))).map_err(failed)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let others = BESIDE.map(|ending| beside(&self.path, ending));
        for path in others.iter().chain([&self.path]) {
            if let Err(error) = file::remove(path) {
                crate::report::warn(&format!("{} could not be removed: {error}", path.display()));
            }
        }
    }
}

fn unwritable(wanted: &Path, error: &io::Error) -> Failure {
    Failure::new(
        format!("cannot write the store {}: {error}", wanted.display()),
        "the folder must be writable for this user, and its disk must have room for the store; nothing was restored",
    )
}

fn in_the_way(wanted: &Path, path: &Path, refused: Refused) -> Failure {
    match refused {
        Refused::Io(error) => unwritable(wanted, &error),
        Refused::Strange(reason) => Failure::new(
            format!(
                "cannot write the store {}: {} is where it would be made, and is not used since {reason}",
                wanted.display(),
                path.display()
            ),
            "find out who made it, and remove it if nobody needs it; or name a place where only this user may write, with \
             --data or --store",
        ),
    }
}

/// # Errors
/// When there is a store, or something that SQLite would take for its log.
fn must_be_free(wanted: &Path) -> Result<(), Failure> {
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    if is_there(wanted) {
        return Err(Failure::new(
            format!("there is a store at {}, and a restore overwrites nothing", wanted.display()),
            "stop what uses it and move it away, with its -wal and -shm files; or name another place with --data or --store",
        ));
    }
    let Some(left) = BESIDE.map(|ending| beside(wanted, ending)).into_iter().find(|path| is_there(path))
    else {
        return Ok(());
    };
    Err(Failure::new(
        format!("{} is there, which would be taken for the restored store's", left.display()),
        "stop what uses it and move it to the store that it belongs to; or name another place with --data or --store",
    ))
}
