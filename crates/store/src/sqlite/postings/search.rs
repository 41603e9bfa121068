//! Who may have a needle, in the order of creation.

use std::ops::ControlFlow;

use denizen_domain::member::Directory;
use rusqlite::{CachedStatement, params};

use super::sets::{Union, decode, intersect};
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
    let Mark { posted, gathered } = mark(connection, place)?;
    let mut blocks = Blocks::new(connection.prepare_cached(SEEK_SET.sqlite())?, place, needle);
    let mut sets = connection.prepare_cached(SETS_FROM.sqlite())?;
    let mut block = 0;
    while block * BLOCK < posted {
        let numbers = if blocks.windows.is_empty() {
            unite(&mut sets, place, block, needle)?
        } else {
            blocks.find(block)?
        };
        for number in numbers {
            if show(place.row(block * BLOCK + i64::from(number)))?.is_break() {
                return Ok(Found::Enough);
            }
        }
        block = blocks.next.max(block + 1);
    }
    if posted < gathered {
        let finder = memchr::memmem::Finder::new(needle);
        let mut texts = connection.prepare_cached(TEXTS_FROM.sqlite())?;
        let mut rows = texts.query([place.org(), place.directory(), posted / CHUNK, gathered / CHUNK])?;
        while let Some(row) = rows.next()? {
            let chunk: i64 = row.get(0)?;
            for slot in having(row.get_ref(1)?.as_blob().unwrap_or_default(), &finder) {
                let slot = i64::try_from(slot).unwrap_or_default();
                if show(place.row(chunk * CHUNK + slot))?.is_break() {
                    return Ok(Found::Enough);
                }
            }
        }
    }
    Ok(Found::AllUpTo(Position(gathered.max(1) - 1)))
}

fn no_set(block: i64) -> StoreError {
    StoreError::Corrupt(format!("user_window: a set of block {block} is none"))
}

/// Those of a block who have a window that begins with the needle, of one or two letters.
fn unite(sets: &mut CachedStatement<'_>, place: Place, block: i64, needle: &str) -> Result<Vec<u16>> {
    let last = format!("{needle}{}{}", char::MAX, char::MAX);
    let mut rows = sets.query(params![place.org(), place.directory(), block, needle, last])?;
    let mut union = None;
    while let Some(row) = rows.next()? {
        let all = union.get_or_insert_with(Union::new);
        if !all.add(row.get_ref(0)?.as_blob().unwrap_or_default()) {
            return Err(no_set(block));
        }
    }
    Ok(union.map(|union| union.numbers()).unwrap_or_default())
}

/// The search for a needle of three or more letters, block by block.
struct Blocks<'c> {
    seek: CachedStatement<'c>,
    place: Place,
    /// The windows of the needle, each with how long its set was in the last block in which it was looked up. Those that
    /// were the rarest are asked for first.
    windows: Vec<(usize, String)>,
    /// The next block of which there may be something.
    next: i64,
}

impl<'c> Blocks<'c> {
    fn new(seek: CachedStatement<'c>, place: Place, needle: &str) -> Self {
        let mut windows: Vec<(usize, String)> = Vec::new();
        for window in Window::of_needle(needle).take(MAX_WINDOWS) {
            let text = window.text();
            if !windows.iter().any(|(_, known)| *known == text) {
                windows.push((UNKNOWN, text));
            }
        }
        Self { seek, place, windows, next: 0 }
    }

    /// Those who have all windows, or enough of them.
    fn find(&mut self, block: i64) -> Result<Vec<u16>> {
        self.windows.sort_by_key(|(length, _)| *length);
        let mut found: Option<Vec<u16>> = None;
        for (length, window) in &mut self.windows {
            let (org, directory) = (self.place.org(), self.place.directory());
            let mut rows = self.seek.query(params![org, directory, block, *window])?;
            let Some(row) = rows.next()? else {
                // Nothing comes behind, in no block.
                self.next = i64::MAX / BLOCK;
                *length = 0;
                return Ok(Vec::new());
            };
            let (at, set) = (row.get(0)?, row.get_ref(1)?.as_blob_or_null().unwrap_or_default());
            let Some(set) = set else {
                self.next = at;
                *length = 0;
                return Ok(Vec::new());
            };
            *length = set.len();
            match &mut found {
                None => found = Some(decode(set).ok_or_else(|| no_set(block))?),
                Some(numbers) => {
                    let before = numbers.len();
                    if !intersect(numbers, set) {
                        return Err(no_set(block));
                    }
                    if numbers.len() == before && before <= LIKELY {
                        break;
                    }
                }
            }
            if found.as_ref().is_some_and(|numbers| numbers.len() <= FEW) {
                break;
            }
        }
        Ok(found.unwrap_or_default())
    }
}
