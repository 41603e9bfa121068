//! The SQLite engine: one writer thread with group commit, readers apart, migrations.

pub(crate) mod backup;
mod check;
mod checkpoints;
mod database;
mod gaps;
pub(crate) mod migrate;
pub(crate) mod postings;
pub(crate) mod readers;
mod touched;
pub(crate) mod writer;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Result, StoreError};

pub(crate) use database::Database;

/// What can be tuned of the SQLite engine.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub path: PathBuf,
    /// The most closures that share one commit.
    pub group_commit_max: usize,
    /// At so many pages the write-ahead log is copied into the database. The more there are, the more often one of them was
    /// written several times and is copied once; and the longer reads look for pages in the log.
    pub checkpoint_pages: u32,
    /// Page cache of each reading connection, in KiB.
    pub reader_cache_kib: u32,
    /// Page cache of the writer, in KiB.
    pub writer_cache_kib: u32,
    /// A closure that could go on may go on for so long while nobody of this process waits. Whoever comes then waits for the
    /// end of its next step, and for the disk to take what it has written. Another process that writes waits for all of it,
    /// which is a tenth of a second at most once it was found to write.
    pub spare_time: Duration,
    /// Threads for reads that may take longer than a few rows.
    pub long_read_threads: usize,
    /// How long to wait for another process that writes.
    pub busy_timeout: Duration,
}

impl SqliteOptions {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            group_commit_max: 512,
            checkpoint_pages: 8_000,
            reader_cache_kib: 8_192,
            writer_cache_kib: 32_768,
            spare_time: Duration::from_millis(100),
            long_read_threads: 2,
            busy_timeout: Duration::from_secs(30),
        }
    }

    /// For a process that does one thing and ends. Users have their entries anywhere in the indexes: the more of them one
    /// transaction takes in, the more share a page and its way to the log and into the database, if the cache holds it until
    /// the end.
    #[must_use]
    pub fn for_one_thing(self) -> Self {
        Self { writer_cache_kib: 262_144, spare_time: Duration::from_secs(1), ..self }
    }
}

/// How far the threads that write, copy the log and read for long stand behind those that answer, which are few and are needed
/// for every answer: where all want the processor, an answer must not wait until each of them had its turn. They get a third
/// of what one of the others does.
pub(crate) const BEHIND: i32 = 5;

const STATEMENT_CACHE: usize = 256;

fn open_writer(options: &SqliteOptions) -> Result<Connection> {
    create_private(&options.path)?;
    let connection = Connection::open(&options.path)?;
    connection.busy_timeout(options.busy_timeout)?;
    keep_statements(&connection)?;
    keep_log(&connection, options.busy_timeout)?;
    // Engine: FULL syncs the log at every commit; NORMAL would lose acknowledged writes when the machine stops.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Engine: what the pages of a closure were like is kept until it has succeeded, from 64 KiB on in a file, and writing
    // that costs as much as writing the log. Of what a closure writes not many megabytes are meant to be one transaction.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // An erased person must not stay readable in freed pages.
    connection.pragma_update(None, "secure_delete", true)?;
    // The writer decides when to checkpoint.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -i64::from(options.writer_cache_kib))?;
    Ok(connection)
}

/// Prepares each statement once.
///
/// Engine: else SQLite looks at the values that are bound to a statement with an order, a join or a limit, and so has to
/// prepare it anew whenever they have changed, which takes longer than to run it.
fn keep_statements(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Switches to a write-ahead log.
///
/// Engine: of processes that switch a new file at once, SQLite tells all but one that it is busy, without waiting.
fn keep_log(connection: &Connection, patience: Duration) -> Result<()> {
    let started = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL").map_err(StoreError::from) {
            Err(StoreError::Busy) if started.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

pub(crate) fn open_reader(options: &SqliteOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    keep_statements(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -i64::from(options.reader_cache_kib))?;
    Ok(connection)
}

/// Creates the database file so that only its owner can read it; SQLite gives the log the same mode.
fn create_private(path: &Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| StoreError::Io(format!("{}: {error}", path.display())))
}
