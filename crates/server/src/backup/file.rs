//! Files and folders as backups need them: for their owner only, hashed as they are written or read, and on the disk
//! before they are relied on.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

/// So much is read or written at once.
pub const PIECE: usize = 256 << 10;
/// So much is written before it is sent to the disk: little enough that nobody else waits long for the disk.
const SYNCED: u64 = 4 << 20;

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

/// Reads a file to its end, a piece at a time; the answer is how many bytes there were, and their SHA-256.
pub fn read<E: From<io::Error>>(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(u64, String), E> {
    let mut file = File::open(path)?;
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

/// Makes a file that only its owner may read, and that was not there.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder that only its owner may read, unless it is there.
pub fn create_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
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
    let (held, named) = (opened.metadata()?, fs::metadata(path));
    let is_same = named.is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino()));
    Ok(is_same.then_some(opened))
}

/// The path with something behind its last name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
