//! Where a user lies: the row id, which packs organization, directory and order of creation.

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;

use crate::error::{Result, StoreError};

const SEQ_BITS: u32 = 32;
const DIRECTORY_BITS: u32 = 2;
const SEQ_MASK: i64 = (1 << SEQ_BITS) - 1;

/// A user's place. Within one directory, positions rise with creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

impl Position {
    pub(crate) fn new(org: OrgKey, directory: Directory, seq: i64) -> Result<Self> {
        let fits =
            (1..1 << (62 - SEQ_BITS - DIRECTORY_BITS)).contains(&org.0) && (1..=SEQ_MASK).contains(&seq);
        if !fits {
            return Err(StoreError::Internal("a directory has used up its 4,294,967,295 numbers".to_owned()));
        }
        Ok(Self(Self::base(org, directory) | seq))
    }

    /// The position before every user of the directory.
    pub(crate) fn base(org: OrgKey, directory: Directory) -> i64 {
        (org.0 << (SEQ_BITS + DIRECTORY_BITS)) | (directory.number() << SEQ_BITS)
    }

    /// The position after every user of the directory.
    pub(crate) fn end(org: OrgKey, directory: Directory) -> i64 {
        Self::base(org, directory) | SEQ_MASK
    }

    /// The number within the directory: what a continuation token shows, below 2^32.
    pub fn token(self) -> i64 {
        self.0 & SEQ_MASK
    }

    /// The position that a continuation token names; a number that no user can have is after all of them.
    pub fn from_token(org: OrgKey, directory: Directory, token: i64) -> Self {
        Self(Self::base(org, directory) | token.clamp(0, SEQ_MASK))
    }
}
