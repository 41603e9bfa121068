//! Scratch files: without a name, so that nothing is left of them whatever ends the process, and encrypted with a key that
//! lies in memory only, so that no password of a file lies on a disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, MAX_TAG_LEN, Nonce, UnboundKey};

use crate::pack::damaged;

/// Bytes that are encrypted at once.
pub(crate) const BLOCK: usize = 64 << 10;

/// Bytes that were written one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) offset: u64,
    /// How much can be read.
    pub(crate) bytes: u64,
}

/// A file to which runs are written, and from which they are read in any order. It is made when something is written.
pub struct Scratch {
    folder: Option<PathBuf>,
    key: LessSafeKey,
    file: Option<File>,
    length: u64,
}

impl Scratch {
    /// `key` must be random and serve for this file only; `folder` is where the file is, or `None` for the system's folder.
    pub fn new(folder: Option<PathBuf>, key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key is as long as the algorithm asks");
        Self { folder, key: LessSafeKey::new(key), file: None, length: 0 }
    }

    /// Bytes of the disk that are used.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn begin(&mut self) -> RunWriter<'_> {
        let offset = self.length;
        RunWriter { scratch: self, run: Run { offset, bytes: 0 }, block: Vec::with_capacity(BLOCK) }
    }

    /// No block is at the place of another, so no two have the same nonce.
    fn nonce(offset: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&offset.to_le_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    fn append(&mut self, block: &mut Vec<u8>) -> io::Result<()> {
        let file = if let Some(file) = &self.file {
            file
        } else {
            let file = match &self.folder {
                Some(folder) => tempfile::tempfile_in(folder)?,
                None => tempfile::tempfile()?,
            };
            self.file.insert(file)
        };
        let sealed = self.key.seal_in_place_append_tag(Self::nonce(self.length), Aad::empty(), block);
        sealed.map_err(|_| io::Error::other("a scratch file could not be encrypted"))?;
        file.write_all_at(block, self.length)?;
        self.length += block.len() as u64;
        block.clear();
        Ok(())
    }

    /// The part of a run from `at`, which is where a block begins.
    pub(crate) fn read(&self, run: Run, at: u64, block: &mut Vec<u8>) -> io::Result<()> {
        let file = self.file.as_ref().ok_or_else(damaged)?;
        let length = usize::try_from(run.bytes - at).unwrap_or(BLOCK).min(BLOCK);
        let offset = run.offset + at / BLOCK as u64 * (BLOCK + MAX_TAG_LEN) as u64;
        block.resize(length + MAX_TAG_LEN, 0);
        file.read_exact_at(block, offset)?;
        self.key.open_in_place(Self::nonce(offset), Aad::empty(), block).map_err(|_| damaged())?;
        block.truncate(length);
        Ok(())
    }
}

/// Writes a run.
pub(crate) struct RunWriter<'s> {
    scratch: &'s mut Scratch,
    run: Run,
    block: Vec<u8>,
}

impl RunWriter<'_> {
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.run.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK {
                self.scratch.append(&mut self.block)?;
            }
        }
        Ok(())
    }

    pub(crate) fn end(mut self) -> io::Result<Run> {
        if !self.block.is_empty() {
            self.scratch.append(&mut self.block)?;
        }
        Ok(self.run)
    }
}

/// Reads a run from its beginning.
pub(crate) struct RunReader {
    run: Run,
    /// Where the next block begins.
    next: u64,
    block: Vec<u8>,
    /// How much of the block was read.
    at: usize,
}

impl RunReader {
    pub(crate) fn new(run: Run) -> Self {
        Self { run, next: 0, block: Vec::new(), at: 0 }
    }

    /// Appends so many bytes to `into`; `false` at the end of the run.
    pub(crate) fn read(
        &mut self,
        scratch: &Scratch,
        mut count: usize,
        into: &mut Vec<u8>,
    ) -> io::Result<bool> {
        let wanted = count;
        while count > 0 {
            if self.at == self.block.len() {
                if self.next >= self.run.bytes {
                    return if count == wanted { Ok(false) } else { Err(damaged()) };
                }
                scratch.read(self.run, self.next, &mut self.block)?;
                self.next += self.block.len() as u64;
                self.at = 0;
            }
            let now = count.min(self.block.len() - self.at);
            into.extend_from_slice(&self.block[self.at..self.at + now]);
            self.at += now;
            count -= now;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[test]
    fn runs_are_read_as_they_were_written() {
        let mut scratch = Scratch::new(None, &[7; 32]);
        let lengths = [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5, 0];
        let mut runs = Vec::new();
        for length in lengths {
            let mut writer = scratch.begin();
            for piece in bytes(length).chunks(1_000) {
                writer.write(piece).unwrap();
            }
            runs.push(writer.end().unwrap());
        }
        for (run, length) in runs.into_iter().zip(lengths).rev() {
            let mut reader = RunReader::new(run);
            let mut read = Vec::new();
            assert!(reader.read(&scratch, length, &mut read).unwrap());
            assert!(read == bytes(length), "{length}");
            assert!(!reader.read(&scratch, 1, &mut read).unwrap());
        }
    }

    #[test]
    fn nothing_can_be_read_off_the_file_and_what_was_changed_is_refused() {
        let mut scratch = Scratch::new(None, &[7; 32]);
        let mut writer = scratch.begin();
        writer.write(b"Abcde1 is my password").unwrap();
        let run = writer.end().unwrap();
        let file = scratch.file.as_ref().unwrap();
        let mut raw = vec![0; usize::try_from(scratch.length).unwrap()];
        file.read_exact_at(&mut raw, 0).unwrap();
        assert!(!raw.windows(6).any(|window| window == b"Abcde1"));
        file.write_all_at(&[raw[3] ^ 1], 3).unwrap();
        let error = RunReader::new(run).read(&scratch, 5, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
