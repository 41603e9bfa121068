//! Who may have a needle, in the order of creation.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use denizen_domain::member::Directory;
use rusqlite::{CachedStatement, Connection, params};

use super::sets::{BITS, Numbers};
use super::texts::having;
use super::windows::Window;
use super::{BLOCK, CHUNK, Mark, Place, mark};
use crate::conn::Conn;
use crate::error::{Result, StoreError};
use crate::sql::Sql;
use crate::users::Position;

/// Windows of a needle that are looked up at most; more do not narrow the candidates down in practice.
const MAX_WINDOWS: usize = 24;
/// So few candidates are looked at rather than narrowed down: a user costs as much as a set.
const FEW: usize = 2;
/// So many are looked at when a further window has ruled none of them out, for then they are likely to have the needle.
const LIKELY: usize = 100;

/// The length of a set that was never looked at: between those of rare windows and of frequent ones, so that further windows
/// are tried before a frequent one is read again.
const UNKNOWN: usize = 500;

// The set of a window of a block; or else, so that blocks of which there is nothing are passed over, which block comes next.
static SEEK_SET: Sql = Sql::split(
    "postings.seek_set",
    "SELECT block, CASE WHEN block = $3 AND letters = $4 THEN users END FROM user_window
     WHERE org_id = $1 AND directory = $2 AND (block, letters) >= ($3, $4) ORDER BY block, letters LIMIT 1",
    "",
);
static SETS_FROM: Sql = Sql::split(
    "postings.sets_from",
    "SELECT users FROM user_window
     WHERE org_id = $1 AND directory = $2 AND block = $3 AND letters >= $4 AND letters <= $5",
    "",
);
static TEXTS_FROM: Sql = Sql::split(
    "postings.texts_from",
    "SELECT chunk, texts FROM user_text WHERE org_id = $1 AND directory = $2 AND chunk >= $3 AND chunk < $4
     ORDER BY chunk",
    "",
);

pub(crate) const STATEMENTS: &[&Sql] = &[&SEEK_SET, &SETS_FROM, &TEXTS_FROM];

/// Where a search has come to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Enough were found.
    Enough,
    /// Those behind this position are not in the index: they have to be looked at.
    AllUpTo(Position),
}

/// Shows the row of everybody in the index who may have the needle, which is folded and not empty, in the order of creation,
/// until they are enough.
pub(crate) fn candidates(
    conn: &Conn<'_>,
    directory: Directory,
    needle: &str,
    mut show: impl FnMut(i64) -> Result<ControlFlow<()>>,
) -> Result<Found> {
    let connection = conn.sqlite()?;
    let place = Place::new(conn.org, directory);
    let mark = mark(connection, place)?;
    let mut blocks = Blocks::new(connection, place, needle)?;
    while let Some(block) = blocks.next(mark) {
        for number in blocks.find(block)?.list() {
            if show(place.row(block * BLOCK + i64::from(number)))?.is_break() {
                return Ok(Found::Enough);
            }
        }
    }
    if gathered(connection, place, mark, needle, &mut show)?.is_break() {
        return Ok(Found::Enough);
    }
    Ok(Found::AllUpTo(mark.last()))
}

/// Shows the row of everybody whose text is gathered and has the needle.
pub(super) fn gathered(
    connection: &Connection,
    place: Place,
    Mark { posted, gathered }: Mark,
    needle: &str,
    mut show: impl FnMut(i64) -> Result<ControlFlow<()>>,
) -> Result<ControlFlow<()>> {
    if posted == gathered {
        return Ok(ControlFlow::Continue(()));
    }
    let finder = memchr::memmem::Finder::new(needle);
    let mut texts = connection.prepare_cached(TEXTS_FROM.sqlite())?;
    let mut rows = texts.query([place.org(), place.directory(), posted / CHUNK, gathered / CHUNK])?;
    while let Some(row) = rows.next()? {
        let chunk: i64 = row.get(0)?;
        for slot in having(row.get_ref(1)?.as_blob().unwrap_or_default(), &finder) {
            let slot = i64::try_from(slot).unwrap_or_default();
            if show(place.row(chunk * CHUNK + slot))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn no_set(block: i64) -> StoreError {
    StoreError::Corrupt(format!("user_window: a set of block {block} is none"))
}

/// A window of the needle, and what was learnt of it in the blocks before.
struct Asked {
    letters: String,
    /// How long its set was.
    length: usize,
    /// What it kept of those who had the windows before it, as the length of a set that keeps as many of a whole block.
    keeps: usize,
}

/// The search in the postings, block by block.
pub(super) struct Blocks<'c> {
    seek: CachedStatement<'c>,
    sets: CachedStatement<'c>,
    place: Place,
    needle: &'c str,
    /// Those that promise to leave the fewest are asked for first. A needle of one or two letters has none.
    windows: Vec<Asked>,
    /// The next block of which there may be something.
    next: i64,
}

impl<'c> Blocks<'c> {
    pub(super) fn new(connection: &'c Connection, place: Place, needle: &'c str) -> Result<Self> {
        let mut spread: Vec<(usize, Window)> =
            Window::of_needle(needle).take(MAX_WINDOWS).enumerate().collect();
        // The first, and those in the middle of what lies between: who has a window mostly has its neighbours as well.
        spread.sort_by_key(|(at, _)| Reverse(at.trailing_zeros()));
        let mut windows: Vec<Asked> = Vec::new();
        for (_, window) in spread {
            let letters = window.text();
            if !windows.iter().any(|known| known.letters == letters) {
                windows.push(Asked { letters, length: UNKNOWN, keeps: usize::MAX });
            }
        }
        Ok(Self {
            seek: connection.prepare_cached(SEEK_SET.sqlite())?,
            sets: connection.prepare_cached(SETS_FROM.sqlite())?,
            place,
            needle,
            windows,
            next: 0,
        })
    }

    /// Whether all who are found have the needle.
    pub(super) fn are_exact(&self) -> bool {
        self.windows.len() <= 1 && self.needle.chars().count() <= 3
    }

    /// The next block of which there may be something; [`Self::find`] has to be asked for it.
    pub(super) fn next(&self, mark: Mark) -> Option<i64> {
        (self.next * BLOCK < mark.posted).then_some(self.next)
    }

    /// Those who have all windows, or enough of them.
    pub(super) fn find(&mut self, block: i64) -> Result<Numbers> {
        self.next = block + 1;
        if self.windows.is_empty() { self.unite(block) } else { self.intersect(block) }
    }

    /// Passes over a block of which everything is known.
    pub(super) fn pass(&mut self, block: i64) {
        self.next = block + 1;
    }

    /// Those who have a window that begins with the needle, of one or two letters.
    fn unite(&mut self, block: i64) -> Result<Numbers> {
        let last = format!("{}{}{}", self.needle, char::MAX, char::MAX);
        let (org, directory) = (self.place.org(), self.place.directory());
        let mut rows = self.sets.query(params![org, directory, block, self.needle, last])?;
        let mut all = Numbers::none();
        while let Some(row) = rows.next()? {
            if !all.unite(row.get_ref(0)?.as_blob().unwrap_or_default()) {
                return Err(no_set(block));
            }
        }
        Ok(all)
    }

    fn intersect(&mut self, block: i64) -> Result<Numbers> {
        self.windows.sort_by_key(|window| window.length.min(window.keeps));
        let mut found: Option<Numbers> = None;
        for window in &mut self.windows {
            let (org, directory) = (self.place.org(), self.place.directory());
            let mut rows = self.seek.query(params![org, directory, block, window.letters])?;
            let Some(row) = rows.next()? else {
                // Nothing comes behind, in no block.
                self.next = i64::MAX / BLOCK;
                window.length = 0;
                return Ok(Numbers::none());
            };
            let (at, set) = (row.get(0)?, row.get_ref(1)?.as_blob_or_null().unwrap_or_default());
            let Some(set) = set else {
                self.next = self.next.max(at);
                window.length = 0;
                return Ok(Numbers::none());
            };
            window.length = set.len();
            let left = if let Some(numbers) = &mut found {
                let before = numbers.len();
                if !numbers.intersect(set) {
                    return Err(no_set(block));
                }
                let left = numbers.len();
                window.keeps = left * BITS / before.max(1);
                if left == before && left <= LIKELY {
                    break;
                }
                left
            } else {
                let numbers = Numbers::of(set).ok_or_else(|| no_set(block))?;
                found.insert(numbers).len()
            };
            if left <= FEW {
                break;
            }
        }
        Ok(found.unwrap_or_else(Numbers::none))
    }
}
