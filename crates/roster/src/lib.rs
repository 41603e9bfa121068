//! Rosters: CSV files that list operators, a row each, or several for who reaches several environments or bots (contract
//! section 10).
//!
//! A file is read as it comes, in constant memory: rows are sorted by e-mail in scratch files, those of one e-mail are
//! merged and checked as far as that goes without a database, and what comes out are entries in the order of the file.
//! It must not know of a store, of a network, or of who may make operators.

mod check;
mod entry;
mod layout;
mod merge;
mod neutral;
mod pack;
mod records;
mod row;
mod scratch;
mod separator;
mod sort;
mod spool;
mod write;

use std::fmt;
use std::io;
use std::path::PathBuf;

use denizen_domain::operator::PasswordPolicy;

pub use check::Check;
pub use entry::{Candidate, Entry, Verdict, Wanted};
pub use layout::COLUMNS;
pub use merge::Entries;
pub use neutral::{neutralised, restored};
pub use records::MAX_CELL;
pub use scratch::Scratch;
pub use spool::Spool;
pub use write::RowWriter;

use layout::Layout;
use merge::merge;
use records::Records;
use row::Row;
use sort::Sorter;

/// How a roster is read.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What every password must have.
    pub policy: PasswordPolicy,
    /// Bytes of rows that are held in memory; what is more is sorted in scratch files.
    pub memory: usize,
    /// Where scratch files are made; `None` for the system's folder for such files.
    pub folder: Option<PathBuf>,
    /// What scratch files are encrypted with, for there are passwords among the rows: random, and never used before.
    pub keys: [[u8; 32]; 2],
}

impl Terms {
    /// Bytes of rows in memory, where nothing else is asked for.
    pub const MEMORY: usize = 8 << 20;
}

/// Why a file as a whole cannot be used.
#[derive(Debug)]
pub enum Unreadable {
    /// It is not UTF-8.
    Encoding,
    /// There is no row in it.
    Empty,
    /// Its header does not name these columns.
    Missing(Vec<&'static str>),
    /// Its header names this column twice.
    Repeated(&'static str),
    /// A quotation mark is not closed, in the record that begins in this line.
    OpenQuote(u64),
    /// A scratch file cannot be used.
    Io(io::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding => f.write_str("The file is not encoded in UTF-8"),
            Self::Empty => f.write_str("The file has no rows"),
            Self::Missing(columns) if columns.len() == 1 => {
                write!(f, "The header lacks the column {}", columns[0])
            }
            Self::Missing(columns) => write!(f, "The header lacks the columns {}", columns.join(", ")),
            Self::Repeated(column) => write!(f, "The header has the column {column} twice"),
            Self::OpenQuote(line) => write!(f, "Line {line}: a quotation mark is not closed"),
            Self::Io(_) => f.write_str("A scratch file could not be used"),
        }
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A roster that is being read. It blocks where it uses scratch files, and works for as long as pieces are large.
pub struct Reading {
    records: Records,
    layout: Option<Layout>,
    rows: Sorter<Row>,
    terms: Terms,
}

impl Reading {
    pub fn new(terms: Terms) -> Self {
        let rows = Sorter::new(terms.memory, Scratch::new(terms.folder.clone(), &terms.keys[0]));
        Self { records: Records::default(), layout: None, rows, terms }
    }

    /// Takes the next piece of the file.
    ///
    /// # Errors
    /// [`Unreadable`]; there is no use in going on then.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Unreadable> {
        let Self { records, layout, rows, terms } = self;
        records.feed(piece, &mut |line, cells| take(layout, rows, terms, line, cells))
    }

    /// The file has ended: what is in it, in the order of the file.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn finish(self) -> Result<Entries, Unreadable> {
        let Self { records, mut layout, mut rows, terms } = self;
        records.finish(&mut |line, cells| take(&mut layout, &mut rows, &terms, line, cells))?;
        if rows.is_empty() {
            return Err(Unreadable::Empty);
        }
        merge(rows, &terms)
    }
}

fn take(
    layout: &mut Option<Layout>,
    rows: &mut Sorter<Row>,
    terms: &Terms,
    line: u64,
    cells: &[String],
) -> Result<(), Unreadable> {
    let known = if let Some(known) = layout {
        known
    } else {
        let (found, is_header) = Layout::of_first(cells)?;
        let known = layout.insert(found);
        if is_header {
            return Ok(());
        }
        known
    };
    rows.push(Row::new(line, known, cells, &terms.policy))?;
    Ok(())
}
