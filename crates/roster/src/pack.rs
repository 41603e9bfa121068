//! How values lie in scratch files, which this process alone reads.

use std::io;

pub(crate) fn put_u64(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_u64(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

pub(crate) fn put_texts<'t>(bytes: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'t String>) {
    put_u64(bytes, texts.len() as u64);
    for text in texts {
        put_text(bytes, text);
    }
}

/// Takes values off in the order in which they were put.
pub(crate) struct Unpack<'b>(pub(crate) &'b [u8]);

/// What was put there by this process is there, unless the file was changed.
pub(crate) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a scratch file was damaged")
}

impl Unpack<'_> {
    pub(crate) fn byte(&mut self) -> io::Result<u8> {
        let (first, rest) = self.0.split_first().ok_or_else(damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn u64(&mut self) -> io::Result<u64> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(damaged)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    fn length(&mut self) -> io::Result<usize> {
        usize::try_from(self.u64()?).map_err(|_| damaged())
    }

    pub(crate) fn text(&mut self) -> io::Result<String> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length).ok_or_else(damaged)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| damaged())
    }

    pub(crate) fn texts<C: FromIterator<String>>(&mut self) -> io::Result<C> {
        (0..self.length()?).map(|_| self.text()).collect()
    }
}
