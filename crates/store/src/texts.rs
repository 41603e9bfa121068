//! The texts of many rows in one piece of memory, for what reads rows only to show them.
//!
//! A page has hundreds of short texts. To allocate each of them takes longer than to find it in the database.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::error::StoreError;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Why a column does not hold what it should.
pub(crate) type Misfit = Box<dyn std::error::Error + Send + Sync>;

/// Texts, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    all: String,
    /// What maps and lists are made of: of a map each name with its value behind it.
    parts: Vec<Text>,
}

/// A text among [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    begin: u32,
    end: u32,
}

/// A map among [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextMap {
    begin: u32,
    end: u32,
}

/// A list among [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextList {
    begin: u32,
    end: u32,
}

/// Rows whose texts lie together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<R> {
    pub rows: Vec<R>,
    pub texts: Texts,
}

impl<R> Default for Listed<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), texts: Texts::default() }
    }
}

impl Texts {
    /// # Panics
    /// For a text that lies elsewhere.
    pub fn get(&self, text: Text) -> &str {
        &self.all[span(text.begin, text.end)]
    }

    /// The names and values of a map, in the order in which they were kept.
    ///
    /// # Panics
    /// For a map that lies elsewhere.
    pub fn map(&self, map: TextMap) -> impl Iterator<Item = (&str, &str)> {
        let (pairs, _) = self.parts[span(map.begin, map.end)].as_chunks();
        pairs.iter().map(|[name, value]| (self.get(*name), self.get(*value)))
    }

    /// The texts of a list.
    ///
    /// # Panics
    /// For a list that lies elsewhere.
    pub fn list(&self, list: TextList) -> impl Iterator<Item = &str> {
        self.parts[span(list.begin, list.end)].iter().map(|text| self.get(*text))
    }

    /// How many bytes there are of all texts.
    pub fn size(&self) -> usize {
        self.all.len()
    }
}

/// Where something lies is kept in half of a word each, for a page has a thousand of them; [`Gathered::finish`] sees to it
/// that all of it fits.
fn span(begin: u32, end: u32) -> Range<usize> {
    begin as usize..end as usize
}

fn place(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// [`Texts`] that are being gathered. Whether they are texts at all is looked at once, when all are there.
#[derive(Default)]
pub(crate) struct Gathered {
    all: Vec<u8>,
    parts: Vec<Text>,
}

impl Gathered {
    /// With room for about so many rows.
    pub(crate) fn with_room(rows: usize) -> Self {
        Self { all: Vec::with_capacity(rows.min(MOST_ROOM) * USUAL_ROW), parts: Vec::new() }
    }

    pub(crate) fn finish(self) -> Result<Texts, Misfit> {
        if place(self.all.len().max(self.parts.len())) == u32::MAX {
            return Err("there are 4 GiB of texts".into());
        }
        Ok(Texts { all: String::from_utf8(self.all)?, parts: self.parts })
    }

    #[inline]
    fn keep(&mut self, text: &[u8]) -> Result<Text, Misfit> {
        // Two halves of a character are none, though they would be one behind each other.
        if text.first().is_some_and(|first| first & 0b1100_0000 == 0b1000_0000) {
            return Err("a text begins within a character".into());
        }
        let begin = place(self.all.len());
        self.all.extend_from_slice(text);
        Ok(Text { begin, end: place(self.all.len()) })
    }

    fn keep_map(&mut self, json: &[u8]) -> Result<TextMap, Misfit> {
        let begin = place(self.parts.len());
        if !self.keep_plain(json, [b"{", b":", b",", b"}"])? {
            let mut json = serde_json::Deserializer::from_slice(json);
            json.deserialize_map(Parts(self))?;
            json.end()?;
        }
        Ok(TextMap { begin, end: place(self.parts.len()) })
    }

    /// Keeps the texts of a map or list as it is written here, which is without spaces, where none of them has an escape: so
    /// only texts have quotes. `false`, and nothing is kept, where it has to be parsed. What stands before, between and behind
    /// the texts differs; in a map it alternates.
    fn keep_plain(&mut self, json: &[u8], [opening, odd, even, closing]: [&[u8]; 4]) -> Result<bool, Misfit> {
        let begin = self.parts.len();
        let mut pieces = json.split(|byte| *byte == b'"');
        let mut is_plain = !json.contains(&b'\\') && pieces.next() == Some(opening);
        while is_plain {
            let (Some(text), Some(behind)) = (pieces.next(), pieces.next()) else { break };
            let part = self.keep(text)?;
            self.parts.push(part);
            let is_odd = (self.parts.len() - begin) % 2 == 1;
            // A name has a value behind it.
            if behind == closing && !(is_odd && odd != even) && pieces.next().is_none() {
                return Ok(true);
            }
            is_plain = behind == if is_odd { odd } else { even };
        }
        self.parts.truncate(begin);
        Ok(false)
    }
}

/// Rows for which there is room before the first of them is read, and about the bytes of the texts of one.
const MOST_ROOM: usize = 1_024;
const USUAL_ROW: usize = 80;

/// Room for the rows of a statement that finds at most so many.
pub(crate) fn room_for<R>(rows: usize) -> Vec<R> {
    Vec::with_capacity(rows.min(MOST_ROOM))
}

/// Rows with the texts that were gathered while they were read.
pub(crate) fn listed_with<R>(rows: Vec<R>, texts: Gathered) -> crate::error::Result<Listed<R>> {
    let texts =
        texts.finish().map_err(|error| StoreError::Corrupt(format!("what should be texts: {error}")))?;
    Ok(Listed { rows, texts })
}

/// How the texts of rows are kept: each by itself, so that it can be changed, or those of a page together. What is given may
/// be no text.
pub(crate) trait Keep {
    type Text;
    type Map: Default;
    type List: Default;

    fn text(&mut self, text: &[u8]) -> Result<Self::Text, Misfit>;
    /// A JSON object whose members are texts.
    fn map(&mut self, json: &[u8]) -> Result<Self::Map, Misfit>;
    /// A JSON array of texts.
    fn list(&mut self, json: &[u8]) -> Result<Self::List, Misfit>;
}

/// Each text by itself.
pub(crate) struct Apart;

impl Keep for Apart {
    type Text = String;
    type Map = BTreeMap<String, String>;
    type List = Vec<String>;

    fn text(&mut self, text: &[u8]) -> Result<String, Misfit> {
        Ok(std::str::from_utf8(text)?.to_owned())
    }

    fn map(&mut self, json: &[u8]) -> Result<BTreeMap<String, String>, Misfit> {
        Ok(if json == NOTHING { BTreeMap::new() } else { serde_json::from_slice(json)? })
    }

    fn list(&mut self, json: &[u8]) -> Result<Vec<String>, Misfit> {
        Ok(serde_json::from_slice(json)?)
    }
}

impl Keep for Gathered {
    type Text = Text;
    type Map = TextMap;
    type List = TextList;

    #[inline]
    fn text(&mut self, text: &[u8]) -> Result<Text, Misfit> {
        self.keep(text)
    }

    #[inline]
    fn map(&mut self, json: &[u8]) -> Result<TextMap, Misfit> {
        if json == NOTHING { Ok(TextMap::default()) } else { self.keep_map(json) }
    }

    fn list(&mut self, json: &[u8]) -> Result<TextList, Misfit> {
        let begin = place(self.parts.len());
        if !self.keep_plain(json, [b"[", b",", b",", b"]"])? {
            let mut json = serde_json::Deserializer::from_slice(json);
            json.deserialize_seq(Parts(self))?;
            json.end()?;
        }
        Ok(TextList { begin, end: place(self.parts.len()) })
    }
}

/// An empty map is the usual case and needs no parsing.
const NOTHING: &[u8] = b"{}";

/// Keeps the names and values of a map, or the texts of a list.
struct Parts<'t>(&'t mut Gathered);

/// Keeps one of them.
struct Part<'t>(&'t mut Gathered);

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Part(self.0))?.is_some() {
            map.next_value_seed(Part(self.0))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Part(self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Part<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let part = self.0.keep(text.as_bytes()).map_err(E::custom)?;
        self.0.parts.push(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_maps_and_lists_come_back_as_they_were_kept() {
        let mut kept = Gathered::default();
        let before = kept.text("Zoë".as_bytes()).unwrap();
        let map = kept.map(r#"{"plan": "gold", "x\n": "é"}"#.as_bytes()).unwrap();
        let nothing = kept.map(b"{}").unwrap();
        let list = kept.list(r#"["ann", "", "\u00e9"]"#.as_bytes()).unwrap();
        let behind = kept.text(b"").unwrap();
        let texts = kept.finish().unwrap();
        assert_eq!((texts.get(before), texts.get(behind)), ("Zoë", ""));
        assert_eq!(texts.map(map).collect::<Vec<_>>(), [("plan", "gold"), ("x\n", "é")]);
        assert_eq!(texts.map(nothing).count(), 0);
        assert_eq!(texts.list(list).collect::<Vec<_>>(), ["ann", "", "é"]);
        assert_eq!(texts.list(TextList::default()).count(), 0);
    }

    #[test]
    fn what_is_written_without_spaces_is_kept_as_what_is_written_with_them() {
        for (plain, spaced) in [
            (r#"{"a":"b"}"#, r#"{"a": "b"}"#),
            (r#"{"a":"b","c":"","d":"{,}:[]"}"#, r#"{"a":"b", "c":"","d":"{,}:[]"}"#),
            (r#"{"a\n":"b","é":"\"x\\"}"#, r#"{"a\n":"b", "é":"\"x\\"}"#),
        ] {
            let read = |json: &str| {
                let mut kept = Gathered::default();
                let map = kept.map(json.as_bytes()).unwrap();
                let texts = kept.finish().unwrap();
                texts.map(map).map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
            };
            assert_eq!(read(plain), read(spaced));
            assert_eq!(
                read(plain).into_iter().collect::<BTreeMap<_, _>>(),
                Apart.map(plain.as_bytes()).unwrap()
            );
        }
        for (plain, spaced) in
            [(r#"["a"]"#, r#"[ "a"]"#), (r#"["a","","[,]"]"#, r#"["a", "","[,]"]"#), ("[]", "[ ]")]
        {
            let read = |json: &str| {
                let mut kept = Gathered::default();
                let list = kept.list(json.as_bytes()).unwrap();
                let texts = kept.finish().unwrap();
                texts.list(list).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(read(plain), read(spaced));
            assert_eq!(read(plain), Apart.list(plain.as_bytes()).unwrap());
        }
    }

    #[test]
    fn what_is_not_wholly_made_of_texts_is_refused() {
        for odd in
            ["", "[", "{", "null", r#"{"a": 1}"#, r#"{"a": null}"#, r#"{"a": ["b"]}"#, r#"{"a": "b"} x"#]
        {
            assert!(Gathered::default().map(odd.as_bytes()).is_err(), "{odd}");
            assert!(Apart.map(odd.as_bytes()).is_err(), "{odd}");
        }
        for odd in [
            "",
            "[",
            "null",
            "{",
            "[1]",
            r#"["a", null]"#,
            r#"["a"] x"#,
            r#"["a",]"#,
            r#"["a":"b"]"#,
            r#"["a""b"]"#,
            r#"["a"}"#,
            r#"["a"]""#,
        ] {
            assert!(Gathered::default().list(odd.as_bytes()).is_err(), "{odd}");
            assert!(Apart.list(odd.as_bytes()).is_err(), "{odd}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused_and_so_are_halves_of_a_character() {
        let is_refused = |pieces: [&[u8]; 2]| {
            let mut kept = Gathered::default();
            let all = pieces.into_iter().try_for_each(|piece| kept.text(piece).map(drop));
            all.and_then(|()| kept.finish()).is_err()
        };
        for pieces in [[&b"\xc3"[..], &b"\xa9"[..]], [b"a", b"\xff"], [b"\xc3", b"a"], [b"\x80", b""]] {
            assert!(is_refused(pieces), "{pieces:?}");
        }
        assert!(!is_refused(["é".as_bytes(), "\u{1f980}".as_bytes()]));
        assert!(Apart.text(b"\xc3").is_err());
    }
}
