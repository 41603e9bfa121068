//! A user's place in the order of creation, and where that is in each engine's table.

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;

use crate::error::{Result, StoreError};
use crate::sql::{Dialect, Row};

const SEQ_BITS: u32 = 32;
const DIRECTORY_BITS: u32 = 2;
const SEQ_MASK: i64 = (1 << SEQ_BITS) - 1;

/// A user's number: within one directory, numbers rise with creation. 0 stands before every user. Below 2^53, so that
/// every client can read it as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

impl Position {
    pub const START: Self = Self(0);
    pub(crate) const END: Self = Self(i64::MAX);

    /// What stands in the column `position`. On SQLite this is the row's place on disk, and packs the organization, the
    /// directory and the number; a number that no user can have is after all of them.
    pub(crate) fn in_column(self, dialect: Dialect, org: OrgKey, directory: Directory) -> i64 {
        match dialect {
            Dialect::Sqlite => sqlite_base(org, directory) | self.0.clamp(0, SEQ_MASK),
            Dialect::Postgres => self.0,
        }
    }

    /// The row of a new user on SQLite.
    pub(crate) fn sqlite_row(self, org: OrgKey, directory: Directory) -> Result<i64> {
        let fits =
            (1..1 << (62 - SEQ_BITS - DIRECTORY_BITS)).contains(&org.0) && (1..=SEQ_MASK).contains(&self.0);
        if !fits {
            return Err(StoreError::Internal("a directory has used up its 4,294,967,295 numbers".to_owned()));
        }
        Ok(sqlite_base(org, directory) | self.0)
    }
}

fn sqlite_base(org: OrgKey, directory: Directory) -> i64 {
    (org.0 << (SEQ_BITS + DIRECTORY_BITS)) | (directory.number() << SEQ_BITS)
}

impl Row<'_> {
    /// A column that holds a position.
    pub(crate) fn position(&self, column: usize) -> Result<Position> {
        let value = self.int(column)?;
        Ok(Position(if matches!(self, Self::Sqlite(_)) { value & SEQ_MASK } else { value }))
    }
}
