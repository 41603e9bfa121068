//! SQLite's search index: which users of a directory have which three letters one after another in their search texts.
//!
//! Users of a directory are numbered in the order of their creation. The index holds them in three parts, one behind the
//! other, and a row of `search_mark` says where each part ends:
//!
//! - Up to the number `posted` users are in **postings**: for each block of 65,536 numbers and each window of three
//!   characters that occurs in one of its texts, a row of `user_window` has the set of users who have it ([`sets`]). Texts are
//!   padded, so that their last two characters begin a window, too. A needle of three or more letters is looked for by
//!   intersecting the sets of its windows, a shorter one by uniting those of all windows that begin with it, which lie side
//!   by side.
//! - Up to the number `gathered` their **texts** are gathered: 256 of them are a row of `user_text` ([`texts`]), which is
//!   searched through as it is, faster than the rows of the users.
//! - Who comes behind has no entry. There are fewer than 256 of them, unless the index has fallen behind, and their rows are
//!   walked through.
//!
//! So a new user costs nothing but its row; every 256th has texts gathered, and with the 4,096th behind the postings all that
//! are gathered become postings, in one go in which each set is written once ([`write`]). A small organization never has a
//! posting. Where the marks are is a matter of speed alone: what is found is the same. A database whose marks are at the
//! beginning catches up by itself, a step at a time.
//!
//! What the index names are candidates, who are then looked at themselves: the windows of a needle can come from different
//! places of a text. Whoever wants to know all that match ([`matches`]) is told so at once of a needle of three letters or
//! fewer, and of a longer one what was found out before, for as long as the block stays as it is ([`remembered`]).
//!
//! Nothing here may outlive a text: whoever changes one tells the writer, which changes the sets and gathered texts in the same
//! transaction. A window that nobody has any more has no row.

mod matches;
mod remembered;
mod search;
mod sets;
mod texts;
mod windows;
mod write;

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::Result;
use crate::sql::Sql;
use crate::users::Position;

pub(crate) use matches::{Matches, matches};
pub(crate) use search::{Found, candidates};
pub(crate) use sets::decode;
pub(crate) use texts::split;
pub(crate) use windows::Window;
pub(crate) use write::{CatchUp, apply, recede};

/// Numbers whose texts are one row of `user_text`. Up to so many users are walked through by each search.
const CHUNK: i64 = 256;
/// When the postings are so many numbers behind, they follow. The more they take in at once, the fewer sets have to be
/// written for each user, and the more texts each search has to look through.
const POSTED_TOGETHER: i64 = 4_096;
/// Numbers of one block: as many as two bytes can tell apart.
const BLOCK: i64 = 65_536;
/// Users that one step takes in at most, so that nobody waits for it for long.
const STEP: usize = 16_384;

const SEQ_BITS: u32 = 32;

/// A directory of an organization, as the high bits of its users' rows name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(i64);

impl Place {
    pub(crate) fn new(org: OrgKey, directory: Directory) -> Self {
        Self::of(org.0, directory.number())
    }

    /// The same of what the columns of the index say.
    pub(crate) fn of(org: i64, directory: i64) -> Self {
        Self((org << 2) | directory)
    }

    /// The place and the number of a user's row.
    pub(crate) fn of_row(row: i64) -> (Self, i64) {
        (Self(row >> SEQ_BITS), row & ((1 << SEQ_BITS) - 1))
    }

    pub(crate) fn row(self, seq: i64) -> i64 {
        (self.0 << SEQ_BITS) | seq
    }

    pub(crate) fn org(self) -> i64 {
        self.0 >> 2
    }

    pub(crate) fn directory(self) -> i64 {
        self.0 & 3
    }
}

/// Where the parts of the index end: the first number that is not posted, and the first that is not gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) posted: i64,
    pub(crate) gathered: i64,
}

impl Mark {
    /// Behind whom nobody is in the index.
    pub(crate) fn last(self) -> Position {
        Position(self.gathered.max(1) - 1)
    }
}

static MARK: Sql = Sql::split(
    "postings.mark",
    "SELECT posted, gathered FROM search_mark WHERE org_id = $1 AND directory = $2",
    "",
);

pub(crate) const STATEMENTS: &[&Sql] = &[&MARK];
pub(crate) use matches::STATEMENTS as MATCH_STATEMENTS;
pub(crate) use search::STATEMENTS as SEARCH_STATEMENTS;
pub(crate) use write::STATEMENTS as WRITE_STATEMENTS;

pub(crate) fn mark(connection: &Connection, place: Place) -> Result<Mark> {
    let mut statement = connection.prepare_cached(MARK.sqlite())?;
    let found = statement.query_row([place.org(), place.directory()], |row| {
        let (posted, gathered): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Mark { posted, gathered: gathered.max(posted) })
    });
    Ok(found.optional()?.unwrap_or_default())
}
