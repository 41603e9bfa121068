//! The pages that were written since the files were scrubbed: only in these can anything be left that was erased.
//!
//! Engine: SQLite tells of a commit how many pages the log has then, and not which. The log names them: before each page
//! stands its number (<https://www.sqlite.org/walformat.html>, section 2). Unlike the database, the log may be opened beside
//! SQLite, which holds no locks on it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// Bytes of the log before its first frame, and of a frame before its page.
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Some pages of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pages {
    /// Nobody has kept books of them.
    All,
    /// Those whose bits are set.
    Some(Vec<u64>),
}

impl Pages {
    fn add(&mut self, page: u32) {
        let Self::Some(bits) = self else { return };
        let (word, bit) = (page as usize / 64, page % 64);
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << bit;
    }

    fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Some(bits), Self::Some(more)) => {
                bits.resize(bits.len().max(more.len()), 0);
                bits.iter_mut().zip(more).for_each(|(word, more)| *word |= more);
            }
            _ => *self = Self::All,
        }
    }

    /// In their order.
    fn list(&self) -> Option<Vec<u32>> {
        let Self::Some(bits) = self else { return None };
        let set = |(at, word): (usize, &u64)| {
            let (first, word) = (u32::try_from(at * 64).unwrap_or(u32::MAX), *word);
            (0..64).filter(move |bit| (word >> bit) & 1 == 1).map(move |bit| first + bit)
        };
        Some(bits.iter().enumerate().flat_map(set).collect())
    }
}

/// What a scrub has to look at.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) number: u64,
    /// In their order; `None`: all of them.
    pub(crate) pages: Option<Vec<u32>>,
}

/// How far the log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    /// What tells the log from what it was before it was begun anew.
    salt: [u8; 8],
    frames: u32,
}

pub(crate) struct Touched {
    path: PathBuf,
    log: Option<File>,
    place: Place,
    /// What SQLite calls the state in which others have left the database.
    version: Option<i64>,
    /// What no scrub was given yet.
    new: Pages,
    /// What scrubs were given that have not ended, by their numbers.
    taken: Vec<(u64, Pages)>,
    last_number: u64,
}

impl Touched {
    /// Of what was written before the process began nothing is known.
    pub(crate) fn new(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self {
            path: path.into(),
            log: None,
            place: Place::default(),
            version: None,
            new: Pages::All,
            taken: Vec::new(),
            last_number: 0,
        }
    }

    /// Looks, at the beginning of a transaction, whether somebody else has written since the one before: what they wrote
    /// may be in the log no more.
    pub(crate) fn look_for_others(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let version = connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        let before = self.version.replace(version);
        let have_written = before != Some(version);
        if have_written {
            self.new = Pages::All;
        }
        Ok(have_written)
    }

    /// Notes, after a commit that has written, the pages that it has written. The log has so many frames then.
    pub(crate) fn note(&mut self, frames: u32) {
        if let Err(error) = self.read(frames) {
            tracing::warn!(%error, "the log cannot be read, so the next scrub looks at every page");
            self.new = Pages::All;
        }
    }

    fn read(&mut self, frames: u32) -> io::Result<()> {
        if self.log.is_none() {
            self.log = Some(File::open(&self.path)?);
        }
        let Some(log) = &self.log else { return Ok(()) };
        let mut header = [0; LOG_HEADER];
        log.read_exact_at(&mut header, 0)?;
        let [_, _, page_size, _, salt_1, salt_2, ..] = numbers(&header);
        let salt = salt_bytes(salt_1, salt_2);
        if self.place.salt != salt {
            self.place = Place { salt, frames: 0 };
        }
        // Of all pages none has to be named.
        if matches!(self.new, Pages::All) {
            self.place.frames = frames;
            return Ok(());
        }
        let length = FRAME_HEADER as u64 + u64::from(page_size);
        let mut frame = [0; FRAME_HEADER];
        for number in self.place.frames..frames {
            log.read_exact_at(&mut frame, LOG_HEADER as u64 + u64::from(number) * length)?;
            let [page, _, salt_1, salt_2, ..] = numbers(&frame);
            if salt_bytes(salt_1, salt_2) != salt {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of an older log"));
            }
            self.new.add(page);
        }
        self.place.frames = frames;
        Ok(())
    }

    /// What a scrub that begins has to look at: what was written since the last one that has come to its end.
    pub(crate) fn take(&mut self) -> Taken {
        self.last_number += 1;
        self.taken.push((self.last_number, std::mem::replace(&mut self.new, Pages::Some(Vec::new()))));
        let mut pages = Pages::Some(Vec::new());
        self.taken.iter().for_each(|(_, taken)| pages.merge(taken));
        Taken { number: self.last_number, pages: pages.list() }
    }

    /// A scrub has come to its end, and with it all that had begun before.
    pub(crate) fn scrubbed(&mut self, number: u64) {
        self.taken.retain(|(taken, _)| *taken > number);
    }
}

/// The whole numbers of a header.
fn numbers<const BYTES: usize>(header: &[u8; BYTES]) -> [u32; 6] {
    let mut numbers = [0; 6];
    for (number, bytes) in numbers.iter_mut().zip(header.as_chunks().0) {
        *number = u32::from_be_bytes(*bytes);
    }
    numbers
}

fn salt_bytes(first: u32, second: u32) -> [u8; 8] {
    ((u64::from(first) << 32) | u64::from(second)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        _folder: tempfile::TempDir,
        path: PathBuf,
        writer: Connection,
        touched: Touched,
    }

    fn open(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").unwrap();
        connection
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.db");
            let writer = open(&path);
            writer.execute_batch("CREATE TABLE a (x); CREATE TABLE b (x)").unwrap();
            let touched = Touched::new(&path);
            let mut scene = Self { _folder: folder, path, writer, touched };
            scene.write("INSERT INTO a VALUES (1)");
            let first = scene.touched.take();
            assert_eq!(first.pages, None, "of what was before nothing is known");
            scene.touched.scrubbed(first.number);
            scene
        }

        /// As the writer does it.
        fn write(&mut self, statement: &str) {
            self.writer.execute_batch("BEGIN IMMEDIATE").unwrap();
            self.touched.look_for_others(&self.writer).unwrap();
            self.writer.execute_batch(statement).unwrap();
            self.writer.execute_batch("COMMIT").unwrap();
            let frames: i64 =
                self.writer.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap();
            self.touched.note(u32::try_from(frames).unwrap());
        }

        fn take(&mut self) -> Option<Vec<u32>> {
            let taken = self.touched.take();
            self.touched.scrubbed(taken.number);
            taken.pages
        }
    }

    const INTO_A: &str = "INSERT INTO a VALUES (2)";
    const INTO_B: &str = "INSERT INTO b VALUES (2)";

    #[test]
    fn the_pages_of_every_commit_are_known_also_when_the_log_begins_anew() {
        let mut scene = Scene::new();
        scene.write(INTO_A);
        assert_eq!(scene.take(), Some(vec![2]));
        assert_eq!(scene.take(), Some(vec![]));
        for mode in ["RESTART", "TRUNCATE"] {
            scene.write(INTO_A);
            scene.writer.execute_batch(&format!("PRAGMA wal_checkpoint({mode})")).unwrap();
            scene.write(INTO_B);
            assert_eq!(scene.take(), Some(vec![2, 3]), "{mode}");
        }
    }

    #[test]
    fn what_a_scrub_has_left_undone_the_next_one_does() {
        let mut scene = Scene::new();
        scene.write(INTO_A);
        let failed = scene.touched.take();
        scene.write(INTO_B);
        let later = scene.touched.take();
        assert_eq!((failed.pages, later.pages), (Some(vec![2]), Some(vec![2, 3])));
        // Whoever began earlier has not looked at what came later.
        scene.touched.scrubbed(failed.number);
        assert_eq!(scene.take(), Some(vec![3]));
        assert_eq!(scene.take(), Some(vec![]));
    }

    #[test]
    fn after_somebody_else_has_written_every_page_is_looked_at() {
        let mut scene = Scene::new();
        let other = open(&scene.path);
        scene.write(INTO_A);
        other.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0)).unwrap();
        scene.write(INTO_A);
        assert_eq!(scene.take(), Some(vec![2]), "a reader changes nothing");
        other.execute_batch(INTO_B).unwrap();
        scene.write(INTO_A);
        assert_eq!(scene.take(), None);
        scene.write(INTO_A);
        assert_eq!(scene.take(), Some(vec![2]));
    }
}
