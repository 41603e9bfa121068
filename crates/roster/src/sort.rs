//! Sorting more than fits into memory: runs that fit are sorted and written to a scratch file, then merged.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::io;

use crate::pack::damaged;
use crate::scratch::{BLOCK, Run, RunReader, Scratch};

/// Runs that are merged at once; a block of each is in memory then.
const FAN: usize = 16;

/// What can be sorted. No two values may be equal by their order.
pub(crate) trait Sorted: Sized {
    fn compare(&self, other: &Self) -> Ordering;
    /// Bytes of memory, about.
    fn size(&self) -> usize;
    fn pack(&self, bytes: &mut Vec<u8>);
    fn unpack(bytes: &[u8]) -> io::Result<Self>;
}

/// Takes values in any order.
pub(crate) struct Sorter<T> {
    values: Vec<T>,
    size: usize,
    memory: usize,
    scratch: Scratch,
    runs: VecDeque<Run>,
}

impl<T: Sorted> Sorter<T> {
    /// `memory` is how many bytes of values are held at once.
    pub(crate) fn new(memory: usize, scratch: Scratch) -> Self {
        Self { values: Vec::new(), size: 0, memory, scratch, runs: VecDeque::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.runs.is_empty()
    }

    pub(crate) fn push(&mut self, value: T) -> io::Result<()> {
        let size = value.size();
        if self.size + size > self.memory && !self.values.is_empty() {
            self.spill()?;
        }
        self.size += size;
        self.values.push(value);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.values.sort_unstable_by(T::compare);
        let mut writer = self.scratch.begin();
        let mut bytes = Vec::new();
        for value in self.values.drain(..) {
            pack(&value, &mut bytes);
            writer.write(&bytes)?;
        }
        self.runs.push_back(writer.end()?);
        self.size = 0;
        Ok(())
    }

    /// The values in their order.
    pub(crate) fn finish(mut self) -> io::Result<InOrder<T>> {
        if self.runs.is_empty() {
            self.values.sort_unstable_by(T::compare);
            return Ok(InOrder::Memory(self.values.into_iter()));
        }
        self.spill()?;
        self.values = Vec::new();
        // The oldest first, so that every value is written about as often as every other.
        while self.runs.len() > FAN {
            let oldest: Vec<Run> = self.runs.drain(..FAN).collect();
            let mut merged = Merged::<T>::new(&self.scratch, &oldest)?;
            // A run is written while others are read, so what was merged waits in a piece of its own.
            let mut pieces = Pieces::default();
            loop {
                let next = merged.next(&self.scratch)?;
                let is_last = next.is_none();
                if let Some(value) = &next {
                    pieces.add(value);
                }
                pieces.flush(&mut self.scratch, is_last)?;
                if is_last {
                    break;
                }
            }
            self.runs.push_back(pieces.run.ok_or_else(damaged)?);
        }
        let runs: Vec<Run> = self.runs.into_iter().collect();
        let merged = Merged::new(&self.scratch, &runs)?;
        Ok(InOrder::Scratch(Box::new((self.scratch, merged))))
    }
}

/// A run that grows by whole blocks, between which others may be read.
#[derive(Default)]
struct Pieces {
    waiting: Vec<u8>,
    packed: Vec<u8>,
    run: Option<Run>,
}

impl Pieces {
    fn add<T: Sorted>(&mut self, value: &T) {
        pack(value, &mut self.packed);
        self.waiting.extend_from_slice(&self.packed);
    }

    fn flush(&mut self, scratch: &mut Scratch, is_last: bool) -> io::Result<()> {
        let whole = if is_last { self.waiting.len() } else { self.waiting.len() / BLOCK * BLOCK };
        if whole == 0 {
            return Ok(());
        }
        let mut writer = scratch.begin();
        writer.write(&self.waiting[..whole])?;
        let piece = writer.end()?;
        self.run.get_or_insert(Run { bytes: 0, ..piece }).bytes += piece.bytes;
        self.waiting.drain(..whole);
        Ok(())
    }
}

/// A value behind its length.
fn pack<T: Sorted>(value: &T, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(&[0; 8]);
    value.pack(bytes);
    let length = bytes.len() as u64 - 8;
    bytes[..8].copy_from_slice(&length.to_le_bytes());
}

/// Values in their order.
pub(crate) enum InOrder<T> {
    Memory(std::vec::IntoIter<T>),
    Scratch(Box<(Scratch, Merged<T>)>),
}

impl<T: Sorted> InOrder<T> {
    pub(crate) fn next(&mut self) -> io::Result<Option<T>> {
        match self {
            Self::Memory(values) => Ok(values.next()),
            Self::Scratch(both) => {
                let (scratch, merged) = &mut **both;
                merged.next(scratch)
            }
        }
    }
}

/// Runs that are merged.
pub(crate) struct Merged<T> {
    readers: Vec<RunReader>,
    heads: BinaryHeap<Head<T>>,
    bytes: Vec<u8>,
}

/// The first value of a run that was not taken yet.
struct Head<T> {
    value: T,
    reader: usize,
}

impl<T: Sorted> Ord for Head<T> {
    /// The least is on top.
    fn cmp(&self, other: &Self) -> Ordering {
        other.value.compare(&self.value)
    }
}

impl<T: Sorted> PartialOrd for Head<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Sorted> PartialEq for Head<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Sorted> Eq for Head<T> {}

impl<T: Sorted> Merged<T> {
    fn new(scratch: &Scratch, runs: &[Run]) -> io::Result<Self> {
        let readers: Vec<RunReader> = runs.iter().map(|run| RunReader::new(*run)).collect();
        let mut merged = Self { heads: BinaryHeap::with_capacity(readers.len()), readers, bytes: Vec::new() };
        for reader in 0..runs.len() {
            merged.advance(scratch, reader)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, scratch: &Scratch, reader: usize) -> io::Result<()> {
        let bytes = &mut self.bytes;
        bytes.clear();
        if !self.readers[reader].read(scratch, 8, bytes)? {
            return Ok(());
        }
        let length = bytes.as_slice().try_into().map_or(0, u64::from_le_bytes);
        let length = usize::try_from(length).map_err(|_| damaged())?;
        bytes.clear();
        if !self.readers[reader].read(scratch, length, bytes)? {
            return Err(damaged());
        }
        self.heads.push(Head { value: T::unpack(bytes)?, reader });
        Ok(())
    }

    fn next(&mut self, scratch: &Scratch) -> io::Result<Option<T>> {
        let Some(Head { value, reader }) = self.heads.pop() else { return Ok(None) };
        self.advance(scratch, reader)?;
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use denizen_domain::permission::model::Rng;

    use super::*;
    use crate::pack::{Unpack, put_text};

    impl Sorted for String {
        fn compare(&self, other: &Self) -> Ordering {
            self.cmp(other)
        }

        fn size(&self) -> usize {
            self.len()
        }

        fn pack(&self, bytes: &mut Vec<u8>) {
            put_text(bytes, self);
        }

        fn unpack(bytes: &[u8]) -> io::Result<Self> {
            Unpack(bytes).text()
        }
    }

    /// In memory, in one merge, and in several over each other; with values longer than a block.
    #[test]
    fn values_come_back_in_their_order_however_little_memory_there_is() {
        let mut rng = Rng::new(3);
        let values: Vec<String> = (0..3_000)
            .map(|at| {
                let length = if at % 500 == 0 { BLOCK * 2 } else { at % 50 };
                format!("{:016x}{at}{}", rng.next_u64(), "x".repeat(length))
            })
            .collect();
        for memory in [usize::MAX, 300_000, 5_000, 1] {
            let mut sorter = Sorter::new(memory, Scratch::new(None, &[1; 32]));
            for value in &values {
                sorter.push(value.clone()).unwrap();
            }
            let mut sorted = sorter.finish().unwrap();
            let mut found = Vec::new();
            while let Some(value) = sorted.next().unwrap() {
                found.push(value);
            }
            let mut expected = values.clone();
            expected.sort();
            assert!(found == expected, "{memory}");
        }
        let mut none = Sorter::<String>::new(1, Scratch::new(None, &[1; 32])).finish().unwrap();
        assert!(none.next().unwrap().is_none());
    }
}
