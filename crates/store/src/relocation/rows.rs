//! Rows on their way from one database to another, in the form that both engines share: numbers, texts, bytes and NULL.

use ring::digest::{Context, SHA256};

use crate::error::Result;
use crate::sql::{Param, Row, Value};

/// Rows of one table. What they hold lies in two long pieces of memory: a million rows of twenty columns would else be
/// twenty million allocations.
#[derive(Debug, Default)]
pub(super) struct Rows {
    width: usize,
    texts: String,
    bytes: Vec<u8>,
    cells: Vec<Cell>,
}

/// Where a value lies.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Null,
    Int(i64),
    Text(usize, usize),
    Blob(usize, usize),
}

impl Rows {
    pub(super) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len() / self.width
    }

    /// How many bytes the texts and blobs take.
    pub(super) fn size(&self) -> usize {
        self.texts.len() + self.bytes.len()
    }

    /// Appends a row; the column that has a number of a user is brought into the form of neither engine.
    pub(super) fn push(&mut self, row: &Row<'_>, position: Option<usize>) -> Result<()> {
        for column in 0..self.width {
            let cell = if position == Some(column) {
                Cell::Int(row.position(column)?.0)
            } else {
                match row.param(column)? {
                    Param::Int(value) => Cell::Int(value),
                    Param::Text(text) => {
                        let from = self.texts.len();
                        self.texts.push_str(text);
                        Cell::Text(from, self.texts.len())
                    }
                    Param::Blob(bytes) => {
                        let from = self.bytes.len();
                        self.bytes.extend_from_slice(bytes);
                        Cell::Blob(from, self.bytes.len())
                    }
                    Param::Null | Param::Words(_) => Cell::Null,
                }
            };
            self.cells.push(cell);
        }
        Ok(())
    }

    pub(super) fn get(&self, row: usize, column: usize) -> Param<'_> {
        match self.cells[row * self.width + column] {
            Cell::Null => Param::Null,
            Cell::Int(value) => Param::Int(value),
            Cell::Text(from, to) => Param::Text(&self.texts[from..to]),
            Cell::Blob(from, to) => Param::Blob(&self.bytes[from..to]),
        }
    }

    pub(super) fn int(&self, row: usize, column: usize) -> Option<i64> {
        if let Param::Int(value) = self.get(row, column) { Some(value) } else { None }
    }

    pub(super) fn text(&self, row: usize, column: usize) -> Option<&str> {
        if let Param::Text(text) = self.get(row, column) { Some(text) } else { None }
    }

    /// What the last row has in these columns; `None` when there is no row.
    pub(super) fn last(&self, columns: &[usize]) -> Option<Vec<Value>> {
        let row = self.len().checked_sub(1)?;
        columns.iter().map(|column| self.get(row, *column).to_value()).collect()
    }
}

/// How many rows there are and what all of them hold, in whatever order they come: so two tables are compared that lie
/// in different databases, and neither is held in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub rows: u64,
    /// Hashes of the rows, added up: a table with one row twice has another sum than one without the two.
    pub hash: u128,
}

impl Sum {
    /// Adds rows, all of their columns but one that is numbered anew.
    pub(super) fn add(&mut self, rows: &Rows, but: Option<usize>) {
        for row in 0..rows.len() {
            let mut context = Context::new(&SHA256);
            for column in (0..rows.width).filter(|column| but != Some(*column)) {
                // Each with its kind and length before it, so that no two rows make the same bytes.
                let (kind, bytes): (u8, &[u8]) = match rows.get(row, column) {
                    Param::Null | Param::Words(_) => (0, &[]),
                    Param::Int(value) => {
                        context.update(&[1]);
                        context.update(&value.to_le_bytes());
                        continue;
                    }
                    Param::Text(text) => (2, text.as_bytes()),
                    Param::Blob(bytes) => (3, bytes),
                };
                context.update(&[kind]);
                context.update(&bytes.len().to_le_bytes());
                context.update(bytes);
            }
            let digest = context.finish();
            let half: [u8; 16] = std::array::from_fn(|at| digest.as_ref()[at]);
            self.hash = self.hash.wrapping_add(u128::from_le_bytes(half));
            self.rows += 1;
        }
    }
}
