//! The store: transactions as functions, on either engine.

use std::sync::Arc;

use denizen_domain::ids::OrgKey;
use denizen_domain::time::Timestamp;
use futures_util::FutureExt as _;

use crate::changes::{Changes, Point};
use crate::check::{Placement, Report, Watch};
use crate::conn::{Admission, Conn, Tx};
use crate::error::{Result, StoreError};
use crate::postgres::{PostgresOptions, ReplicaState};
use crate::sqlite::SqliteOptions;
use crate::{postgres, sqlite};

/// Which database, and how it is used.
#[derive(Debug, Clone)]
pub enum StoreOptions {
    Sqlite(SqliteOptions),
    Postgres(Box<PostgresOptions>),
}

impl From<SqliteOptions> for StoreOptions {
    fn from(options: SqliteOptions) -> Self {
        Self::Sqlite(options)
    }
}

impl From<PostgresOptions> for StoreOptions {
    fn from(options: PostgresOptions) -> Self {
        Self::Postgres(Box::new(options))
    }
}

impl StoreOptions {
    /// For a process that does one thing and ends, and sees the latest: [`PostgresOptions::without_replica`],
    /// [`SqliteOptions::for_one_thing`].
    #[must_use]
    pub fn for_one_thing(self) -> Self {
        match self {
            Self::Sqlite(options) => options.for_one_thing().into(),
            Self::Postgres(options) => options.without_replica().into(),
        }
    }
}

/// A cluster's database. Cloning shares it.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
}

// Where a future of PostgreSQL's is awaited it is boxed: it is ten thousand bytes large, and the futures of all who wait for
// it would be as large, and be moved from one to the next.
enum Database {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Store {
    /// Opens the database, creating or migrating its tables as needed. `now` goes into the record of applied migrations.
    /// Blocks.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] when a newer denizen has migrated it; [`StoreError::Io`] when the file cannot be used,
    /// [`StoreError::Unreachable`] when the server cannot be reached, [`StoreError::Refused`] when the role may not do
    /// what is needed, or the database cannot hold every text.
    pub fn open(options: impl Into<StoreOptions>, now: Timestamp) -> Result<Self> {
        let database = match options.into() {
            StoreOptions::Sqlite(options) => Database::Sqlite(sqlite::Database::open(options, now.0)?),
            StoreOptions::Postgres(options) => Database::Postgres(postgres::Database::open(*options, now.0)?),
        };
        Ok(Self { database: Arc::new(database) })
    }

    /// Whether other processes may use the database at the same time.
    pub fn is_shared(&self) -> bool {
        matches!(*self.database, Database::Postgres(_))
    }

    /// What whoever runs denizen should know of the database though it works; a sentence each.
    pub fn warnings(&self) -> Vec<&'static str> {
        match &*self.database {
            Database::Postgres(database) if !database.walls_stand() => vec![
                "the database role is a superuser or may bypass row-level security, so PostgreSQL does not keep \
                 organizations apart as the second wall: use a plain role that owns the database",
            ],
            _ => Vec::new(),
        }
    }

    /// Runs `closure` in a write transaction bound to `org`; the answer comes after the commit reached the disk.
    ///
    /// An error of the closure undoes all that it did. The closure may be run again, and must have no effect but its
    /// SQL. When the caller goes away before the closure was started, it is not run.
    ///
    /// # Errors
    /// The closure's own, and [`StoreError`]: of these only [`StoreError::OutcomeUnknown`] leaves open whether the write
    /// was done. [`StoreError::Barred`] when the organization's gate is shut; the closure was not run then, or undone.
    pub async fn write<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write_as(org, Admission::Asked, closure).await
    }

    /// As [`Self::write`], for what only adds a few rows: on PostgreSQL it may share a transaction with others of its kind,
    /// one after the other, as every write does on SQLite. A row that is changed would keep others out for as long as that
    /// takes, and two such transactions could wait for one another.
    ///
    /// # Errors
    /// Those of [`Self::write`].
    pub async fn write_together<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.database {
            Database::Sqlite(database) => database.write(org, Admission::Asked, closure).await,
            Database::Postgres(database) => database.write_together(org, closure).await,
        }
    }

    /// As [`Self::write`], also where the organization's gate is shut: for whoever has shut it, and for what is done behind
    /// it; see [`crate::gate`].
    ///
    /// # Errors
    /// Those of [`Self::write`], but never [`StoreError::Barred`].
    pub async fn write_barred<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write_as(org, Admission::Given, closure).await
    }

    /// Runs a step of [`crate::gate`], bound to `org`, and nothing else.
    pub async fn write_gate<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write_as(org, Admission::Gatekeeper, closure).await
    }

    async fn write_as<T, E, F>(&self, org: OrgKey, admission: Admission, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.database {
            Database::Sqlite(database) => database.write(org, admission, closure).await,
            Database::Postgres(database) => database.write(org, admission, closure).boxed().await,
        }
    }

    /// Runs a read of a few rows, on this thread: on SQLite at once, on PostgreSQL again after each answer. A read that may touch many rows belongs into
    /// [`Self::scan`]; so do several statements that must see the same state, for here each sees the latest.
    /// The closure may be run again.
    pub async fn read<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.database {
            Database::Sqlite(database) => database.read(org, closure),
            Database::Postgres(database) => database.read(org, closure).boxed().await,
        }
    }

    /// As [`Self::read`], but what other processes have written a moment ago may be missing: it may be answered by a
    /// replica ([`PostgresOptions::with_replica`]). What this process has written in the organization is never missing.
    /// Nothing must be decided by it that a write or an admission depends on.
    pub async fn read_recent<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.database {
            Database::Sqlite(database) => database.read(org, closure),
            Database::Postgres(database) => database.read_recent(org, closure).boxed().await,
        }
    }

    /// Runs a longer read where it delays no short one, in one snapshot. When the caller goes away, the running
    /// statement is interrupted. The closure may be run again.
    pub async fn scan<T, E, F>(&self, org: OrgKey, mut closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.database {
            Database::Sqlite(database) => database.scan(org, closure).await,
            Database::Postgres(database) => database.scan(org, move |tx| closure(tx)).boxed().await,
        }
    }

    /// As [`Self::scan`], but what other processes have written a moment ago may be missing, as in [`Self::read_recent`].
    pub async fn scan_recent<T, E, F>(&self, org: OrgKey, mut closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &*self.database {
            Database::Sqlite(database) => database.scan(org, closure).await,
            Database::Postgres(database) => database.scan_recent(org, move |tx| closure(tx)).boxed().await,
        }
    }

    /// What is known of changes now, about an organization or, as [`OrgKey::CONTROL`], about the control store.
    pub(crate) fn point(&self, org: OrgKey) -> Point {
        let changes: &Arc<Changes> = match &*self.database {
            Database::Sqlite(database) => database.changes(),
            Database::Postgres(database) => database.changes(),
        };
        changes.point(org)
    }

    /// Takes all that is there of an organization for what this process has just written.
    pub(crate) fn note_arrival(&self, org: OrgKey) {
        match &*self.database {
            Database::Sqlite(_) => {}
            Database::Postgres(database) => database.note_arrival(org),
        }
    }

    /// What is known of the replica; `None` where none is named.
    pub fn replica_state(&self) -> Option<ReplicaState> {
        match &*self.database {
            Database::Sqlite(_) => None,
            Database::Postgres(database) => database.replica_state(),
        }
    }

    /// Whether the store answers; for readiness. Does not queue behind long reads, which say nothing about that.
    pub async fn ping(&self) -> Result<()> {
        self.read(OrgKey::CONTROL, |conn| crate::control::find_by_key(conn, OrgKey::CONTROL).map(drop)).await
    }

    /// Looks for damage and for what contradicts itself; see [`crate::check`]. `placement` is what the map says of this
    /// database, and `watch` is told now and then how far it is. Reads everything, which takes minutes for millions of
    /// users, and on SQLite blocks this thread for as long.
    pub async fn look_over(&self, placement: Placement, watch: Watch) -> Result<Report> {
        match &*self.database {
            Database::Sqlite(database) => database.look_over(&placement, &watch),
            Database::Postgres(database) => database.look_over(placement, watch).await,
        }
    }

    /// As [`Self::look_over`] without asking the map; a line for each finding, none when all is well.
    pub async fn check(&self) -> Result<Vec<String>> {
        let report = self.look_over(Placement::Unknown, Arc::new(|_| ())).await?;
        Ok(report.findings.iter().map(ToString::to_string).collect())
    }

    /// Clears the database's files of what was erased by writes that were committed before.
    ///
    /// On SQLite nothing of it is left in any file then. On PostgreSQL its place is free to be written over, and nothing
    /// leads to it; see `docs/erasure.md` for what its own files hold until then.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while somebody reads an older state of the database; it has to be tried again then.
    pub async fn scrub(&self) -> Result<()> {
        match &*self.database {
            Database::Sqlite(database) => database.scrub().await,
            Database::Postgres(database) => database.scrub().await,
        }
    }

    /// Finishes what was queued and closes the database. Later calls answer [`StoreError::Closed`]. Blocks.
    pub fn close(&self) {
        match &*self.database {
            Database::Sqlite(database) => database.close(),
            Database::Postgres(database) => database.close(),
        }
    }
}
