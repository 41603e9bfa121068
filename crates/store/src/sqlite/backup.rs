//! One state of a database, page by page, for a backup that is made while others write.
//!
//! It must not know where the pages go, and it changes nothing: it opens the file for reading and migrates nothing.
//!
//! Engine: SQLite's backup API begins anew whenever another process has written between two of its steps, unless a read
//! transaction is held, and it writes its copy through a second page cache. So the pages are read in one read transaction
//! through `sqlite_dbpage`, as SQLite's own `sqlite3_rsync` does it: writers go on, and the log keeps what they write, and
//! no more than that, until the transaction ends.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use denizen_domain::member::Directory;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{SqliteOptions, check};
use crate::check::{Placement, Watch};
use crate::error::{Result, StoreError};
use crate::migration::newest;

/// How long to wait for a lock, which others hold for moments only.
const PATIENCE: Duration = Duration::from_secs(30);
/// Each page is read once, so keeping pages is of no use.
const CACHE_PAGES: u32 = 16;

/// The version of the schema that knows of clusters.
const CLUSTERS_SINCE: i64 = 6;

/// What the control store says of clusters: pairs of names, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map {
    /// Cluster and URL.
    pub clusters: Vec<(String, String)>,
    /// Organization and cluster.
    pub placements: Vec<(String, String)>,
    /// Organization and the cluster to which it is being moved.
    pub moving: Vec<(String, String)>,
}

/// What a database holds, by its own counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub bytes: u64,
    pub schema_version: i64,
    /// Those whose data lies in this database.
    pub organizations: i64,
    pub members: i64,
    pub contacts: i64,
    pub operators: i64,
}

/// One state of a SQLite database, held until this is dropped.
pub struct Snapshot {
    connection: Connection,
    facts: Facts,
    page_bytes: u64,
}

impl Snapshot {
    /// Holds the state that the database has now, beside whoever uses it. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file cannot be read, [`StoreError::Corrupt`] when it is no database of denizen, and
    /// [`StoreError::TooNew`] when it is one of a newer denizen.
    pub fn take(file: &Path) -> Result<Self> {
        // Opened by a file's name that SQLite would take for something else, such as `:memory:`, it would be another file.
        let connection = open(&uri(file, ""))?;
        Self::over(connection)
    }

    /// Takes a file for what it is without its log, and writes nothing beside it, so that it may lie where nobody may
    /// write. For files that nobody uses.
    fn of_lone(file: &Path) -> Result<Self> {
        Self::over(open(&uri(file, "?immutable=1"))?)
    }

    fn over(connection: Connection) -> Result<Self> {
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "cache_size", CACHE_PAGES)?;
        // Engine: a transaction sees the state of its first read.
        connection.execute_batch("BEGIN")?;
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let is_known =
            number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'")?;
        if is_known == 0 {
            return Err(StoreError::Corrupt("it holds no tables of denizen".to_owned()));
        }
        let schema_version = number("SELECT coalesce(max(version), 0) FROM schema_migration")?;
        if schema_version > newest() {
            return Err(StoreError::TooNew { found: schema_version, known: newest() });
        }
        let count = |directory: Directory| {
            connection
                .query_row(
                    "SELECT sum(users) FROM directory_counter WHERE directory = ?1",
                    [directory.number()],
                    |row| row.get::<_, Option<i64>>(0),
                )
                .optional()
                .map(|sum| sum.flatten().unwrap_or(0))
        };
        let page_bytes = number("PRAGMA page_size")?.unsigned_abs();
        let facts = Facts {
            bytes: number("PRAGMA page_count")?.unsigned_abs() * page_bytes,
            schema_version,
            organizations: number("SELECT count(*) FROM organization_profile")?,
            members: count(Directory::Members)?,
            contacts: count(Directory::Contacts)?,
            operators: count(Directory::Operators)?,
        };
        Ok(Self { connection, facts, page_bytes })
    }

    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// The clusters beside `main` that the control store knows, with their URLs, and where each organization lives; empty
    /// where the database has no control store of its own.
    ///
    /// # Errors
    /// Those of [`Self::take`].
    pub fn map(&self) -> Result<Map> {
        if self.facts.schema_version < CLUSTERS_SINCE {
            return Ok(Map::default());
        }
        let pairs = |sql: &str| -> Result<Vec<(String, String)>> {
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        Ok(Map {
            clusters: pairs("SELECT name, url FROM cluster ORDER BY name")?,
            placements: pairs("SELECT slug, cluster FROM organization ORDER BY slug")?,
            moving: pairs(
                "SELECT slug, target FROM organization_move JOIN organization USING (org_id) ORDER BY slug",
            )?,
        })
    }

    /// The installation and the cluster that the database says that it is.
    ///
    /// # Errors
    /// Those of [`Self::take`].
    pub fn belonging(&self) -> Result<Option<(Vec<u8>, String)>> {
        if self.facts.schema_version < CLUSTERS_SINCE {
            return Ok(None);
        }
        let found = self.connection.query_row("SELECT installation, cluster FROM belonging", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        Ok(found.optional()?)
    }

    /// Hands each page of the database out, in order: together they are the file. Blocks.
    ///
    /// # Errors
    /// Those of `take`, which end it, and those of [`Self::take`].
    pub fn read<E: From<StoreError>>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut statement =
            self.connection.prepare("SELECT data FROM sqlite_dbpage").map_err(StoreError::from)?;
        let mut rows = statement.query([]).map_err(StoreError::from)?;
        let mut bytes = 0;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let page = row.get_ref(0).map_err(StoreError::from)?;
            let page = page.as_blob().map_err(|error| StoreError::Corrupt(error.to_string()))?;
            if page.len() as u64 != self.page_bytes {
                return Err(StoreError::Corrupt(format!("a page of {} bytes", page.len())).into());
            }
            bytes += self.page_bytes;
            take(page)?;
        }
        if bytes == self.facts.bytes {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!("{bytes} bytes of pages were read of {}", self.facts.bytes)).into())
    }
}

/// Looks a database over that nobody uses, without writing anything beside it: what it holds, and a line for each problem.
/// Of an older schema only damage is looked for; what its tables say is for whoever migrates it. Blocks.
///
/// # Errors
/// Those of [`Snapshot::take`].
pub fn look_over(file: &Path) -> Result<(Facts, Vec<String>)> {
    let snapshot = Snapshot::of_lone(file)?;
    let facts = snapshot.facts();
    let problems = if facts.schema_version == newest() {
        // Which organizations belong into one of several files, the file of the control store says.
        let options = SqliteOptions::new(uri(file, "?immutable=1"));
        let nobody: Watch = Arc::new(|_| ());
        let report = check::run(&options, &Placement::Unknown, &nobody)?;
        report.findings.iter().map(ToString::to_string).collect()
    } else {
        let mut statement = snapshot.connection.prepare("PRAGMA integrity_check(20)")?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
        let lines = lines.collect::<rusqlite::Result<Vec<_>>>()?;
        lines.into_iter().filter(|line| line != "ok").map(|line| format!("damage: {line}")).collect()
    };
    Ok((facts, problems))
}

/// The newest version of the schema, to which a store is migrated when it is opened.
pub fn newest_schema() -> i64 {
    newest()
}

fn open(uri: &str) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(uri, flags)?)
}

/// Engine: SQLite is told by the name of a file what it may rely on.
fn uri(file: &Path, query: &str) -> String {
    // An absolute name follows an empty name of a host, or `//` at its beginning would be taken for one.
    let mut uri = if file.is_absolute() { "file://" } else { "file:" }.to_owned();
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(*byte));
            }
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri + query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_nothing_else_to_sqlite() {
        assert_eq!(
            uri(Path::new("/a b/?c#d%.db"), "?immutable=1"),
            "file:///a%20b/%3Fc%23d%25.db?immutable=1"
        );
        assert_eq!(uri(Path::new("//srv/a.db"), ""), "file:////srv/a.db");
        assert_eq!(uri(Path::new(":memory:"), ""), "file:%3Amemory%3A");
    }
}
