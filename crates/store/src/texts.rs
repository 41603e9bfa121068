//! The texts of many rows in one piece of memory, for what reads rows only to show them.
//!
//! A page has hundreds of short texts. To allocate each of them takes longer than to find it in the database.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

/// Texts, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    all: String,
    /// What maps are made of: each name with its value behind it.
    parts: Vec<Text>,
}

/// A text among [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    begin: usize,
    end: usize,
}

/// A map among [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextMap {
    begin: usize,
    end: usize,
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
        &self.all[text.begin..text.end]
    }

    /// The names and values of a map, in the order in which they were kept.
    ///
    /// # Panics
    /// For a map that lies elsewhere.
    pub fn map(&self, map: TextMap) -> impl Iterator<Item = (&str, &str)> {
        let (pairs, _) = self.parts[map.begin..map.end].as_chunks();
        pairs.iter().map(|[name, value]| (self.get(*name), self.get(*value)))
    }

    /// How many bytes there are of all texts.
    pub fn size(&self) -> usize {
        self.all.len()
    }

    fn keep(&mut self, text: &str) -> Text {
        let begin = self.all.len();
        self.all.push_str(text);
        Text { begin, end: self.all.len() }
    }
}

/// How the texts of rows are kept: each by itself, so that it can be changed, or those of a page together.
pub(crate) trait Keep {
    type Text;
    type Map;

    fn text(&mut self, text: &str) -> Self::Text;
    /// A JSON object whose members are texts.
    fn map(&mut self, json: &str) -> serde_json::Result<Self::Map>;
}

/// Each text by itself.
pub(crate) struct Apart;

impl Keep for Apart {
    type Text = String;
    type Map = BTreeMap<String, String>;

    fn text(&mut self, text: &str) -> String {
        text.to_owned()
    }

    fn map(&mut self, json: &str) -> serde_json::Result<BTreeMap<String, String>> {
        if json == NOTHING { Ok(BTreeMap::new()) } else { serde_json::from_str(json) }
    }
}

impl Keep for Texts {
    type Text = Text;
    type Map = TextMap;

    fn text(&mut self, text: &str) -> Text {
        self.keep(text)
    }

    fn map(&mut self, json: &str) -> serde_json::Result<TextMap> {
        let begin = self.parts.len();
        if json != NOTHING {
            let mut json = serde_json::Deserializer::from_str(json);
            json.deserialize_map(Parts(self))?;
            json.end()?;
        }
        Ok(TextMap { begin, end: self.parts.len() })
    }
}

/// An empty map is the usual case and needs no parsing.
const NOTHING: &str = "{}";

/// Keeps the names and values of a map.
struct Parts<'t>(&'t mut Texts);

/// Keeps one of them.
struct Part<'t>(&'t mut Texts);

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Part(self.0))?.is_some() {
            map.next_value_seed(Part(self.0))?;
        }
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

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let part = self.0.keep(text);
        self.0.parts.push(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_maps_come_back_as_they_were_kept() {
        let mut texts = Texts::default();
        let before = Keep::text(&mut texts, "Zoë");
        let map = Keep::map(&mut texts, r#"{"plan": "gold", "x\n": "é"}"#).unwrap();
        let nothing = Keep::map(&mut texts, "{}").unwrap();
        let behind = Keep::text(&mut texts, "");
        assert_eq!((texts.get(before), texts.get(behind)), ("Zoë", ""));
        assert_eq!(texts.map(map).collect::<Vec<_>>(), [("plan", "gold"), ("x\n", "é")]);
        assert_eq!(texts.map(nothing).count(), 0);
    }

    #[test]
    fn what_is_not_wholly_made_of_texts_is_refused() {
        for odd in [
            "",
            "[",
            "{",
            "null",
            "[]",
            r#"{"a": 1}"#,
            r#"{"a": null}"#,
            r#"{"a": ["b"]}"#,
            r#"{"a": "b"} x"#,
        ] {
            assert!(Keep::map(&mut Texts::default(), odd).is_err(), "{odd}");
            assert!(Apart.map(odd).is_err(), "{odd}");
        }
    }
}
