//! The search texts of the users of one chunk, as a row of `user_text` has them: one behind the other in the order of their
//! numbers, each with a zero behind it. Who is not there, or has no text, has an empty one.

use super::CHUNK;

#[allow(clippy::cast_possible_truncation, reason = "it is small")]
const SLOTS: usize = CHUNK as usize;
const END: u8 = 0;

/// The texts of a chunk, by the number of the user within it.
pub(crate) fn split(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (last, before) = bytes.split_last()?;
    let texts: Vec<&[u8]> = before.split(|byte| *byte == END).collect();
    (*last == END && texts.len() == SLOTS).then_some(texts)
}

/// Texts on their way into a row.
pub(super) struct Chunk(Vec<Vec<u8>>);

impl Chunk {
    pub(super) fn empty() -> Self {
        Self(vec![Vec::new(); SLOTS])
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self(split(bytes)?.into_iter().map(<[u8]>::to_vec).collect()))
    }

    pub(super) fn set(&mut self, slot: usize, text: &str) {
        // No folded text has a zero; one that were written by somebody else must not move the others.
        self.0[slot] = text.bytes().map(|byte| if byte == END { 1 } else { byte }).collect();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let length = self.0.iter().map(|text| text.len() + 1).sum();
        let mut bytes = Vec::with_capacity(length);
        for text in &self.0 {
            bytes.extend_from_slice(text);
            bytes.push(END);
        }
        bytes
    }
}

/// The users of a chunk whose texts have the needle, which has no zero, in their order.
pub(super) fn having(bytes: &[u8], needle: &memchr::memmem::Finder<'_>) -> Vec<usize> {
    let mut found = Vec::new();
    let (mut at, mut slot) = (0, 0);
    while let Some(distance) = needle.find(&bytes[at..]) {
        let begin = at + distance;
        slot += memchr::memchr_iter(END, &bytes[at..begin]).count();
        found.push(slot);
        // What else the text has is of no interest.
        let Some(rest) = memchr::memchr(END, &bytes[begin..]) else { break };
        at = begin + rest + 1;
        slot += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_where_they_were_put() {
        let mut chunk = Chunk::empty();
        for (slot, text) in [(0, "ada"), (3, "adam ada"), (200, "eve"), (255, "nada")] {
            chunk.set(slot, text);
        }
        let bytes = chunk.encode();
        let found = |needle: &str| having(&bytes, &memchr::memmem::Finder::new(needle));
        assert_eq!(found("ada"), [0, 3, 255]);
        assert_eq!(found("eve"), [200]);
        assert_eq!(found("adae"), [0_usize; 0]);
        let mut again = Chunk::decode(&bytes).unwrap();
        again.set(3, "");
        assert_eq!(having(&again.encode(), &memchr::memmem::Finder::new("ada")), [0, 255]);
        assert!(!again.is_empty() && Chunk::empty().is_empty());
        assert_eq!(split(&bytes).unwrap()[3], b"adam ada");
    }

    #[test]
    fn what_are_no_texts_of_a_chunk_is_refused() {
        assert!(split(b"").is_none() && split(&[0; 255]).is_none() && split(&[0; 257]).is_none());
        assert!(split(&[&[0; 256][..], b"a"].concat()).is_none());
    }
}
