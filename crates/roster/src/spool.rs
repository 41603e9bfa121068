//! A text that is written first and read afterwards: in memory while it is short, and encrypted in a scratch file when it
//! is not.

use std::collections::VecDeque;
use std::io;

use crate::scratch::{BLOCK, Run, RunReader, Scratch};

/// Bytes that are held in memory before they go to the file.
const HELD: usize = 4 * BLOCK;

/// What is being written.
pub struct Spool {
    scratch: Scratch,
    runs: VecDeque<Run>,
    held: Vec<u8>,
    /// How much of what is held stays.
    marked: usize,
}

impl Spool {
    pub fn new(scratch: Scratch) -> Self {
        Self { scratch, runs: VecDeque::new(), held: Vec::new(), marked: 0 }
    }

    /// What was written so far stays.
    pub fn mark(&mut self) -> io::Result<()> {
        if self.held.len() >= HELD {
            let mut writer = self.scratch.begin();
            writer.write(&self.held)?;
            self.runs.push_back(writer.end()?);
            self.held.clear();
        }
        self.marked = self.held.len();
        Ok(())
    }

    /// Takes back what was written since the last mark.
    pub fn take_back(&mut self) {
        self.held.truncate(self.marked);
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next piece, from the beginning on; `None` at the end. What was read is gone.
    pub fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(run) = self.runs.pop_front() {
            // As long as what was held once.
            let length = usize::try_from(run.bytes).map_err(|_| crate::pack::damaged())?;
            let mut piece = Vec::with_capacity(length);
            RunReader::new(run).read(&self.scratch, length, &mut piece)?;
            return Ok(Some(piece));
        }
        self.marked = 0;
        Ok(Some(std::mem::take(&mut self.held)).filter(|held| !held.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written_without_what_was_taken_back() {
        let mut spool = Spool::new(Scratch::new(None, &[1; 32]));
        let mut expected = Vec::new();
        for number in 0..200_u32 {
            spool.mark().unwrap();
            spool.write(b"taken back");
            spool.take_back();
            let text = format!("{number};").repeat(5_000);
            spool.write(text.as_bytes());
            expected.extend_from_slice(text.as_bytes());
        }
        assert!(spool.scratch.length() > 0);
        let mut found = Vec::new();
        while let Some(piece) = spool.next_piece().unwrap() {
            assert!(piece.len() < HELD + 30_000);
            found.extend(piece);
        }
        assert!(found == expected);
    }
}
