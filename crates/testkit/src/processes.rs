//! Where processes under test keep their data: a folder of the test's own, and on PostgreSQL a database of its own.

use std::path::Path;

use tempfile::TempDir;

use crate::engine::TestDatabase;

/// What is removed when the test ends. Processes that use it must have ended before.
pub struct ProcessHome {
    folder: TempDir,
    database: TestDatabase,
}

impl ProcessHome {
    /// On the engine that the environment names.
    ///
    /// # Panics
    /// When the engine is not known, or PostgreSQL cannot be used.
    #[expect(clippy::new_without_default, reason = "what makes a database should look like it")]
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: TestDatabase::new() }
    }

    /// An empty folder, for the processes to work in.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of the store; `None` on SQLite, where it lies in the folder.
    pub fn store(&self) -> Option<&str> {
        self.database.url.as_deref()
    }
}
