//! All who have a needle, for whoever has to know how many they are.

use std::ops::ControlFlow;
use std::sync::Arc;

use denizen_domain::member::Directory;
use rusqlite::{Connection, MAIN_DB, OptionalExtension as _};

use super::search::{Blocks, gathered};
use super::sets::Numbers;
use super::{BLOCK, Place, mark, remembered};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::Sql;
use crate::users::Position;

/// What takes longer to find out than so many candidates take to be looked at is remembered.
const WORTH_IT: usize = 32;

static STAMP: Sql = Sql::split(
    "postings.stamp",
    "SELECT stamp FROM search_block WHERE org_id = $1 AND directory = $2 AND block = $3",
    "",
);

pub(crate) const STATEMENTS: &[&Sql] = &[&STAMP];

/// All users of a directory who have a needle.
pub(crate) struct Matches {
    place: Place,
    /// In the order of the blocks.
    blocks: Vec<(i64, Arc<Numbers>)>,
    /// The rows of those who are in no block, in their order.
    behind: Vec<i64>,
}

impl Matches {
    pub(crate) fn len(&self) -> usize {
        self.blocks.iter().map(|(_, numbers)| numbers.len()).sum::<usize>() + self.behind.len()
    }

    /// Whether the user of this row, which is one of the directory, is among them.
    pub(crate) fn have(&self, row: i64) -> bool {
        let (_, seq) = Place::of_row(row);
        let number = u16::try_from(seq % BLOCK).unwrap_or_default();
        let of_block = self.blocks.binary_search_by_key(&(seq / BLOCK), |(block, _)| *block);
        of_block.is_ok_and(|at| self.blocks[at].1.has(number)) || self.behind.binary_search(&row).is_ok()
    }

    /// Their rows, in the order of creation.
    pub(crate) fn rows(&self) -> Vec<i64> {
        let row = |block: i64, number: u16| self.place.row(block * BLOCK + i64::from(number));
        let in_blocks = self.blocks.iter().flat_map(|(block, numbers)| {
            Numbers::clone(numbers).list().into_iter().map(move |number| row(*block, number))
        });
        in_blocks.chain(self.behind.iter().copied()).collect()
    }
}

/// Everybody of a directory who has the needle, which is folded and not empty. `has` looks at one row, `behind` finds the rows of
/// those with the needle who come behind a position; both and this have to see the same state.
pub(crate) fn matches(
    conn: &Conn<'_>,
    directory: Directory,
    needle: &str,
    mut has: impl FnMut(i64) -> Result<bool>,
    find_behind: impl FnOnce(Position) -> Result<Vec<i64>>,
) -> Result<Matches> {
    let connection = conn.sqlite()?;
    let place = Place::new(conn.org, directory);
    let mark = mark(connection, place)?;
    let mut blocks = Blocks::new(connection, place, needle)?;
    let mut all = Vec::new();
    while let Some(block) = blocks.next(mark) {
        let stamp = stamp(connection, place, block)?;
        if let Some(known) = stamp.and_then(|stamp| remembered::recall(stamp, needle)) {
            blocks.pass(block);
            all.push((block, known));
            continue;
        }
        let mut numbers = blocks.find(block)?;
        let looked_at = numbers.len();
        if !blocks.are_exact() {
            let mut having = Vec::new();
            for number in numbers.list() {
                if has(place.row(block * BLOCK + i64::from(number)))? {
                    having.push(number);
                }
            }
            numbers = Numbers::listed(having);
        }
        let numbers = Arc::new(numbers);
        if looked_at >= WORTH_IT
            && let Some(stamp) = stamp
        {
            remembered::remember(stamp, needle, &numbers);
        }
        all.push((block, numbers));
    }
    let mut rows = Vec::new();
    let _ = gathered(connection, place, mark, needle, |row| {
        rows.push(row);
        Ok(ControlFlow::Continue(()))
    })?;
    rows.append(&mut find_behind(mark.last())?);
    Ok(Matches { place, blocks: all, behind: rows })
}

/// By what a block may be remembered. A transaction that writes sees users as nobody else does before the index follows them, so
/// there is nothing for it.
fn stamp(connection: &Connection, place: Place, block: i64) -> Result<Option<i64>> {
    if !connection.is_readonly(MAIN_DB)? {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached(STAMP.sqlite())?;
    let found = statement.query_row([place.org(), place.directory(), block], |row| row.get(0));
    Ok(found.optional()?)
}
