//! The texts of many rows in one piece of memory, for what reads rows only to show them.
//!
//! A page has hundreds of short texts. To allocate each of them takes longer than to find it in the database.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::de::StrRead;

/// Texts, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    all: String,
    /// What lists and maps are made of.
    parts: Vec<Text>,
}

/// A text among [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    begin: usize,
    end: usize,
}

/// A list among [`Texts`], or a map, which is a list of names with the value of each behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct List {
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

    /// # Panics
    /// For a list that lies elsewhere.
    pub fn list(&self, list: List) -> impl Iterator<Item = &str> {
        self.parts[list.begin..list.end].iter().map(|text| self.get(*text))
    }

    /// The names and values of a map, in the order in which they were kept.
    ///
    /// # Panics
    /// For a map that lies elsewhere.
    pub fn map(&self, map: List) -> impl Iterator<Item = (&str, &str)> {
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
    type List;
    type Map;

    fn text(&mut self, text: &str) -> Self::Text;
    /// A JSON list of texts.
    fn list(&mut self, json: &str) -> serde_json::Result<Self::List>;
    /// A JSON object whose members are texts.
    fn map(&mut self, json: &str) -> serde_json::Result<Self::Map>;
}

/// Each text by itself.
pub(crate) struct Apart;

impl Keep for Apart {
    type Text = String;
    type List = Vec<String>;
    type Map = BTreeMap<String, String>;

    fn text(&mut self, text: &str) -> String {
        text.to_owned()
    }

    fn list(&mut self, json: &str) -> serde_json::Result<Vec<String>> {
        parsed(json, NO_LIST)
    }

    fn map(&mut self, json: &str) -> serde_json::Result<BTreeMap<String, String>> {
        parsed(json, NO_MAP)
    }
}

impl Keep for Texts {
    type Text = Text;
    type List = List;
    type Map = List;

    fn text(&mut self, text: &str) -> Text {
        self.keep(text)
    }

    fn list(&mut self, json: &str) -> serde_json::Result<List> {
        let begin = self.parts.len();
        if json != NO_LIST {
            read_to_end(json, |json| json.deserialize_seq(Parts(self)))?;
        }
        Ok(List { begin, end: self.parts.len() })
    }

    fn map(&mut self, json: &str) -> serde_json::Result<List> {
        let begin = self.parts.len();
        if json != NO_MAP {
            read_to_end(json, |json| json.deserialize_map(Parts(self)))?;
        }
        Ok(List { begin, end: self.parts.len() })
    }
}

/// An empty list or map is the usual case and needs no parsing.
const NO_LIST: &str = "[]";
const NO_MAP: &str = "{}";

fn parsed<T: Default + DeserializeOwned>(json: &str, empty: &str) -> serde_json::Result<T> {
    if json == empty { Ok(T::default()) } else { serde_json::from_str(json) }
}

fn read_to_end<'j>(
    json: &'j str,
    read: impl FnOnce(&mut serde_json::Deserializer<StrRead<'j>>) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_str(json);
    read(&mut json)?;
    json.end()
}

/// Keeps the texts of a list, or the names and values of a map.
struct Parts<'t>(&'t mut Texts);

/// Keeps one of them.
struct Part<'t>(&'t mut Texts);

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Part(self.0))?.is_some() {}
        Ok(())
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
    fn texts_lists_and_maps_come_back_as_they_were_kept() {
        let mut texts = Texts::default();
        let before = Keep::text(&mut texts, "Zoë");
        let list = Keep::list(&mut texts, r#"["a", "", "b\"\u00e9"]"#).unwrap();
        let map = Keep::map(&mut texts, r#"{"plan": "gold", "x\n": "é"}"#).unwrap();
        let (no_list, no_map) =
            (Keep::list(&mut texts, "[]").unwrap(), Keep::map(&mut texts, "{}").unwrap());
        let behind = Keep::text(&mut texts, "");
        assert_eq!((texts.get(before), texts.get(behind)), ("Zoë", ""));
        assert_eq!(texts.list(list).collect::<Vec<_>>(), ["a", "", "b\"é"]);
        assert_eq!(texts.map(map).collect::<Vec<_>>(), [("plan", "gold"), ("x\n", "é")]);
        assert_eq!(texts.list(no_list).count() + texts.map(no_map).count(), 0);
    }

    #[test]
    fn what_is_not_wholly_made_of_texts_is_refused() {
        for odd in ["", "[", "{", "null", "[1]", "[null]", "{}", r#"["a"] x"#, r#"[["a"]]"#] {
            assert!(Keep::list(&mut Texts::default(), odd).is_err(), "{odd}");
            assert!(Apart.list(odd).is_err(), "{odd}");
        }
        for odd in ["", "[", "{", "null", "[]", r#"{"a": 1}"#, r#"{"a": null}"#, r#"{"a": "b"} x"#] {
            assert!(Keep::map(&mut Texts::default(), odd).is_err(), "{odd}");
            assert!(Apart.map(odd).is_err(), "{odd}");
        }
    }
}
