//! The gaps of pages: the space between the rows of a page, in which erased rows may still be read.
//!
//! Engine: `secure_delete` writes zeros over a row that is deleted. But when SQLite puts the rows of a page in order
//! anew, to make room or to balance a tree, it moves them and leaves what stood in their old places; and a row that is
//! deleted later is overwritten in its new place only. So the gaps of all pages are cleared: they are looked for without
//! holding up anybody, and the pages that have one are written by the writer.
//!
//! `sqlite_dbpage` reads and writes pages as they lie in the file, within a transaction like any other.

use rusqlite::Connection;

use crate::error::{Result, StoreError};

/// Of a page number from here on, the first byte may be one of the marks of a tree's page, so that a page which goes on
/// with another one could be taken for it. A database has so many pages at 128 GiB.
const MOST_PAGES: u32 = 0x0200_0000;

/// Bytes before the first page's content: the header of the file.
const FILE_HEADER: usize = 100;

fn number(page: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(page.get(at..at + 2)?.try_into().ok()?)))
}

/// The parts of a page that belong to no row, where they are more than zeros. `None` when it is no page of a tree.
fn dirty_gaps(page: &[u8], is_first: bool) -> Option<Vec<std::ops::Range<usize>>> {
    let header = if is_first { FILE_HEADER } else { 0 };
    let length = match page.get(header)? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let cells = number(page, header + 3)?;
    let content = match number(page, header + 5)? {
        0 => 65_536,
        at => at,
    };
    let begin = header + length + 2 * cells;
    if begin > content || content > page.len() {
        return None;
    }
    for cell in 0..cells {
        if !(content..page.len()).contains(&number(page, header + length + 2 * cell)?) {
            return None;
        }
    }
    let mut gaps = Vec::new();
    gaps.push(begin..content);
    // Each free block tells where the next one is, and how long it is.
    let mut block = number(page, header + 1)?;
    while block != 0 {
        let (next, size) = (number(page, block)?, number(page, block + 2)?);
        if block < content || block + size > page.len() || size < 4 || (next != 0 && next <= block) {
            return None;
        }
        gaps.push(block + 4..block + size);
        block = next;
    }
    gaps.retain(|gap| page[gap.clone()].iter().any(|byte| *byte != 0));
    Some(gaps)
}

/// How many pages the database has.
pub(crate) fn page_count(connection: &Connection) -> Result<u32> {
    let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages >= MOST_PAGES {
        return Err(StoreError::Internal(
            "the gaps of so large a database cannot be told from its rows".to_owned(),
        ));
    }
    Ok(pages)
}

/// Which of these pages, which are in their order, have gaps to be cleared.
pub(crate) fn find(connection: &Connection, pages: &[u32]) -> Result<Vec<u32>> {
    let mut statement = connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
    let mut found = Vec::new();
    for page in pages {
        let mut rows = statement.query([page])?;
        let Some(row) = rows.next()? else { break };
        let data = row.get_ref(0)?.as_blob().map_err(|error| StoreError::Corrupt(error.to_string()))?;
        if dirty_gaps(data, *page == 1).is_some_and(|gaps| !gaps.is_empty()) {
            found.push(*page);
        }
    }
    Ok(found)
}

/// Clears the gaps of these pages, as they are now.
pub(crate) fn clear(connection: &Connection, pages: &[u32]) -> Result<()> {
    let mut read = connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
    let mut write = connection.prepare_cached("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")?;
    for page in pages {
        let mut data: Vec<u8> = read.query_row([page], |row| row.get(0))?;
        let gaps = dirty_gaps(&data, *page == 1).unwrap_or_default();
        for gap in &gaps {
            data[gap.clone()].fill(0);
        }
        if !gaps.is_empty() {
            write.execute(rusqlite::params![page, data])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leaf of 512 bytes with one row at its end, another at 300, and a free block between them.
    fn leaf() -> Vec<u8> {
        let mut page = vec![0; 512];
        page[0] = 13;
        page[1..3].copy_from_slice(&400_u16.to_be_bytes());
        page[3..5].copy_from_slice(&2_u16.to_be_bytes());
        page[5..7].copy_from_slice(&300_u16.to_be_bytes());
        page[8..10].copy_from_slice(&500_u16.to_be_bytes());
        page[10..12].copy_from_slice(&300_u16.to_be_bytes());
        page[402..404].copy_from_slice(&100_u16.to_be_bytes());
        page[300..400].fill(7);
        page[500..].fill(7);
        page
    }

    #[test]
    fn what_stands_between_rows_is_found_and_rows_are_left_alone() {
        let mut page = leaf();
        assert_eq!(dirty_gaps(&page, false), Some(vec![]));
        page[12] = 1;
        page[450] = 1;
        assert_eq!(dirty_gaps(&page, false), Some(vec![12..300, 404..500]));
    }

    #[test]
    fn what_is_no_page_of_a_tree_is_left_alone() {
        let mut page = leaf();
        page[12] = 1;
        for (at, byte) in [(0, 0), (0, 3), (5, 3), (8, 0), (402, 1), (1, 0xff)] {
            let mut other = page.clone();
            other[at] = byte;
            assert_eq!(dirty_gaps(&other, false), None, "byte {at} is {byte}");
        }
        assert_eq!(dirty_gaps(&[], false), None);
        assert_eq!(dirty_gaps(&[13; 9], true), None);
    }
}
