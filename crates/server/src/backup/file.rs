//! Files and folders as backups need them: for their owner only, hashed as they are written or read, and on the disk
//! before they are relied on.
//!
//! Their names can be foretold, and others may write to the folder above them. So no symbolic link is followed at these
//! names, and what is there already is used only when it is this user's.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

/// So much is read or written at once.
pub const PIECE: usize = 256 << 10;
/// So much is written before it is sent to the disk: little enough that nobody else waits long for the disk.
const SYNCED: u64 = 4 << 20;

/// Why something that is there is not used.
#[derive(Debug)]
pub enum Refused {
    Io(io::Error),
    /// Somebody may have put it there in order that it is used.
    Strange(&'static str),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Strange(reason) => f.write_str(reason),
        }
    }
}

/// A file that is written from its beginning to its end.
pub struct Output {
    file: File,
    hash: Context,
    piece: Vec<u8>,
    bytes: u64,
    unsynced: u64,
}

impl Output {
    pub fn new(file: File) -> Self {
        Self {
            file,
            hash: Context::new(&SHA256),
            piece: Vec::with_capacity(2 * PIECE),
            bytes: 0,
            unsynced: 0,
        }
    }

    /// Takes the next bytes. Says how many went to the file now, with those that had waited.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() < PIECE { Ok(0) } else { self.write() }
    }

    fn write(&mut self) -> io::Result<usize> {
        let written = self.piece.len();
        self.hash.update(&self.piece);
        self.file.write_all(&self.piece)?;
        self.piece.clear();
        self.bytes += written as u64;
        self.unsynced += written as u64;
        if self.unsynced >= SYNCED {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(written)
    }

    /// How many bytes there were, and their SHA-256; they are on the disk then.
    pub fn finish(mut self) -> io::Result<(u64, String)> {
        self.write()?;
        self.file.sync_all()?;
        Ok((self.bytes, hex(self.hash)))
    }
}

/// Opens a file for reading. Neither a link is followed, nor is anything opened that keeps its reader waiting or never ends.
pub fn open(path: &Path) -> Result<File, Refused> {
    must_be_a_file(&fs::symlink_metadata(path)?)?;
    // Something else may have taken its place since.
    let opened = OpenOptions::new().read(true).custom_flags(unfollowed(OFlags::NONBLOCK)).open(path)?;
    must_be_a_file(&opened.metadata()?)?;
    Ok(opened)
}

fn must_be_a_file(found: &Metadata) -> Result<(), Refused> {
    match found.file_type() {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_symlink() => Err(Refused::Strange("it is a symbolic link")),
        _ => Err(Refused::Strange("it is no regular file")),
    }
}

fn must_be_of(user: u32, found: &Metadata) -> Result<(), Refused> {
    if found.uid() == user { Ok(()) } else { Err(Refused::Strange("it belongs to another user")) }
}

fn must_be_a_folder_of(user: u32, found: &Metadata) -> Result<(), Refused> {
    match found.file_type() {
        kind if kind.is_symlink() => return Err(Refused::Strange("it is a symbolic link")),
        kind if !kind.is_dir() => return Err(Refused::Strange("it is no folder")),
        _ => must_be_of(user, found)?,
    }
    if found.mode() & 0o022 == 0 { Ok(()) } else { Err(Refused::Strange("others may write to it")) }
}

fn this_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn unfollowed(more: OFlags) -> i32 {
    (OFlags::NOFOLLOW | OFlags::NOCTTY | more).bits().cast_signed()
}

/// Reads a file to its end, a piece at a time; the answer is how many bytes there were, and their SHA-256.
pub fn read<E: From<io::Error>>(
    mut file: File,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(u64, String), E> {
    let (mut hash, mut bytes, mut piece) = (Context::new(&SHA256), 0, vec![0; PIECE]);
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => return Ok((bytes, hex(hash))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        hash.update(&piece[..read]);
        bytes += read as u64;
        take(&piece[..read])?;
    }
}

fn hex(hash: Context) -> String {
    hash.finish().as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Makes a file that only its owner may read, and holds it as [`hold`] does. What this user has left there is removed.
pub fn begin(path: &Path) -> Result<Option<File>, Refused> {
    let made = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made() {
        Ok(opened) => return Ok(hold(opened, path)?),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    // The one that is there is held until the new one is: whoever writes to it is not robbed of its name.
    let left = open(path)?;
    must_be_of(this_user(), &left.metadata()?)?;
    let Some(_left) = hold(left, path)? else { return Ok(None) };
    fs::remove_file(path)?;
    match made() {
        Ok(opened) => Ok(hold(opened, path)?),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether there is a file, which must be this user's.
pub fn is_left(path: &Path) -> Result<bool, Refused> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    must_be_a_file(&found)?;
    must_be_of(this_user(), &found)?;
    Ok(true)
}

/// Removes a file of this user, if there is one.
pub fn remove(path: &Path) -> Result<(), Refused> {
    if is_left(path)? { Ok(fs::remove_file(path)?) } else { Ok(()) }
}

/// Makes a folder that only its owner may use, or takes the one of this user that is there; and holds it as [`hold`] does.
pub fn begin_folder(path: &Path) -> Result<Option<File>, Refused> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    must_be_a_folder_of(this_user(), &fs::symlink_metadata(path)?)?;
    let opened = OpenOptions::new().read(true).custom_flags(unfollowed(OFlags::DIRECTORY)).open(path)?;
    must_be_a_folder_of(this_user(), &opened.metadata()?)?;
    let held = hold(opened, path)?;
    if let Some(held) = &held {
        held.set_permissions(Permissions::from_mode(0o700))?;
    }
    Ok(held)
}

/// Makes a file that only its owner may read, and that was not there, in a folder that may have another name by now.
pub fn create_in(folder: &File, name: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Removes the files of these names from a folder, and says how many there were.
pub fn remove_in(folder: &File, wanted: impl Fn(&Path) -> bool) -> Result<usize, Refused> {
    let mut removed = 0;
    for entry in Dir::read_from(folder).map_err(io::Error::from)? {
        let entry = entry.map_err(io::Error::from)?;
        let name = Path::new(OsStr::from_bytes(entry.file_name().to_bytes()));
        if !wanted(name) {
            continue;
        }
        let found = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(Refused::Strange("it holds something that no backup has left"));
        }
        rustix::fs::unlinkat(folder, name, AtFlags::empty()).map_err(io::Error::from)?;
        removed += 1;
    }
    Ok(removed)
}

/// Sends what a folder lists to the disk.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

/// Holds a file or folder against others who hold it in the same way, for as long as the answer lives or its process.
/// `None` when somebody else holds it.
pub fn hold(opened: File, path: &Path) -> io::Result<Option<File>> {
    match opened.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    // Whoever held it before may have given it another name since it was opened.
    Ok(is_at(&opened, path)?.then_some(opened))
}

/// Whether a file or folder has this name, and not by way of a link.
pub fn is_at(opened: &File, path: &Path) -> io::Result<bool> {
    let (held, named) = (opened.metadata()?, fs::symlink_metadata(path));
    Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino())))
}

/// The path with something behind its last name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_user_owns_or_may_change_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let (file, folder) = (home.path().join("file"), home.path().join("folder"));
        fs::write(&file, "x").unwrap();
        fs::create_dir(&folder).unwrap();
        let (us, found) = (this_user(), |path: &Path| fs::symlink_metadata(path).unwrap());
        for mode in [0o700, 0o755, 0o770, 0o702] {
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            let refused = must_be_a_folder_of(us, &found(&folder)).err().map(|refused| refused.to_string());
            let expected = (mode & 0o022 != 0).then(|| "others may write to it".to_owned());
            assert_eq!(refused, expected, "{mode:o}");
        }
        must_be_of(us, &found(&file)).unwrap();
        let foreign = [must_be_of(us + 1, &found(&file)), must_be_a_folder_of(us + 1, &found(&folder))];
        for refused in foreign {
            assert_eq!(refused.unwrap_err().to_string(), "it belongs to another user");
        }
        assert_eq!(must_be_a_folder_of(us, &found(&file)).unwrap_err().to_string(), "it is no folder");
        assert_eq!(must_be_a_file(&found(&folder)).unwrap_err().to_string(), "it is no regular file");
    }
}
