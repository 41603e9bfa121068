//! Values as JSON: byte for byte what `serde_json` writes, in a fraction of its time.
//!
//! A list is long, and more than half of it are the names of its members, which are the same for each thing in it. They are
//! written as they stand in the source, without a look at what needs an escape; texts are looked through as a whole first,
//! and copied as a whole where nothing does.

#![expect(clippy::inline_always, reason = "names are known where they are written, and only there")]

use std::fmt::{self, Display, Write as _};

use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};
use serde_json::{Error, Result};

/// Writes a value into a buffer that begins with room for `room` bytes.
///
/// # Errors
/// When the value cannot be JSON: a map with keys that are no text.
pub(crate) fn to_vec(value: &impl Serialize, room: usize) -> Result<Vec<u8>> {
    let mut writer = Writer { out: vec![0; room], length: 0 };
    value.serialize(&mut writer)?;
    writer.out.truncate(writer.length);
    Ok(writer.out)
}

/// What is written is the beginning of `out`, of this length; what lies behind is room. So each piece is looked for room once,
/// and a name that stands in the source becomes a few stores.
struct Writer {
    out: Vec<u8>,
    length: usize,
}

/// Whether a byte cannot stand in a JSON text by itself.
#[inline]
fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Looks at all of these: without a way out, they are compared at once.
#[inline]
fn any_special<'b>(bytes: impl IntoIterator<Item = &'b u8>) -> bool {
    bytes.into_iter().fold(false, |found, byte| found | is_special(*byte))
}

/// Looks at sixteen bytes at once, or eight: at the end at some of them again, rather than at the rest one by one.
#[inline]
fn has_special(text: &str) -> bool {
    let bytes = text.as_bytes();
    if let Some(end) = bytes.last_chunk::<16>() {
        let (pieces, _) = bytes.as_chunks::<16>();
        pieces.iter().any(any_special) || any_special(end)
    } else if let (Some(begin), Some(end)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        any_special(begin) | any_special(end)
    } else {
        bytes.iter().any(|byte| is_special(*byte))
    }
}

impl Writer {
    /// The next bytes, to be filled.
    #[inline(always)]
    fn next(&mut self, length: usize) -> &mut [u8] {
        let begin = self.length;
        let end = begin + length;
        if end > self.out.len() {
            self.grow(end);
        }
        self.length = end;
        &mut self.out[begin..end]
    }

    #[cold]
    fn grow(&mut self, least: usize) {
        self.out.resize(least.max(2 * self.out.len()).max(128), 0);
    }

    #[inline(always)]
    fn put(&mut self, text: &str) {
        self.next(text.len()).copy_from_slice(text.as_bytes());
    }

    #[inline(always)]
    fn put_byte(&mut self, byte: u8) {
        self.next(1)[0] = byte;
    }

    /// A text that is known to need no escapes, between quotes.
    #[inline(always)]
    fn put_name(&mut self, name: &str) {
        debug_assert!(!has_special(name), "{name} cannot be the name of a member");
        let out = self.next(name.len() + 2);
        out[0] = b'"';
        out[1..=name.len()].copy_from_slice(name.as_bytes());
        out[name.len() + 1] = b'"';
    }

    #[inline]
    fn put_text(&mut self, text: &str) {
        if has_special(text) {
            self.put_byte(b'"');
            self.put_escaped(text);
            self.put_byte(b'"');
        } else {
            let out = self.next(text.len() + 2);
            out[0] = b'"';
            out[1..=text.len()].copy_from_slice(text.as_bytes());
            out[text.len() + 1] = b'"';
        }
    }

    #[inline]
    fn put_inner(&mut self, text: &str) {
        if has_special(text) {
            self.put_escaped(text);
        } else {
            self.put(text);
        }
    }

    #[cold]
    fn put_escaped(&mut self, text: &str) {
        for &byte in text.as_bytes() {
            let short = match byte {
                b'"' | b'\\' => byte,
                0x08 => b'b',
                b'\t' => b't',
                b'\n' => b'n',
                0x0c => b'f',
                b'\r' => b'r',
                _ if is_special(byte) => {
                    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0') as u8;
                    self.put("\\u00");
                    self.put_byte(digit(byte >> 4));
                    self.put_byte(digit(byte & 15));
                    continue;
                }
                _ => {
                    self.put_byte(byte);
                    continue;
                }
            };
            self.put_byte(b'\\');
            self.put_byte(short);
        }
    }

    #[inline]
    fn put_number(&mut self, number: impl itoa::Integer) {
        self.put(itoa::Buffer::new().format(number));
    }

    /// A variant with something in it is an object with one member.
    fn begin_variant(&mut self, variant: &'static str, opening: &str) {
        self.put_byte(b'{');
        self.put_name(variant);
        self.put(opening);
    }

    fn parts(&mut self, begins: u8, ends: &'static str) -> Parts<'_> {
        Parts { writer: self, before: begins, ends }
    }
}

macro_rules! integers {
    ($($serialize:ident: $integer:ty,)*) => {
        $(
            #[inline]
            fn $serialize(self, value: $integer) -> Result<()> {
                self.put_number(value);
                Ok(())
            }
        )*
    };
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Parts<'w>;
    type SerializeTuple = Parts<'w>;
    type SerializeTupleStruct = Parts<'w>;
    type SerializeTupleVariant = Parts<'w>;
    type SerializeMap = Parts<'w>;
    type SerializeStruct = Parts<'w>;
    type SerializeStructVariant = Parts<'w>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<()> {
        self.put(if value { "true" } else { "false" });
        Ok(())
    }

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
    }

    fn serialize_f32(self, value: f32) -> Result<()> {
        self.put(&serde_json::to_string(&value)?);
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<()> {
        self.put(&serde_json::to_string(&value)?);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.put_text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<()> {
        self.put_text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        self.collect_seq(value)
    }

    #[inline]
    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<()> {
        self.put("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.put_name(variant);
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.begin_variant(variant, ":");
        value.serialize(&mut *self)?;
        self.put("}");
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'w>> {
        Ok(self.parts(b'[', "]"))
    }

    fn serialize_tuple(self, length: usize) -> Result<Parts<'w>> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Parts<'w>> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'w>> {
        self.begin_variant(variant, ":");
        Ok(self.parts(b'[', "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'w>> {
        Ok(self.parts(b'{', "}"))
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'w>> {
        Ok(self.parts(b'{', "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'w>> {
        self.begin_variant(variant, ":");
        Ok(self.parts(b'{', "}}"))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<()> {
        /// What is formatted piece by piece may need escapes in each of them.
        struct Pieces<'w>(&'w mut Writer);

        impl fmt::Write for Pieces<'_> {
            fn write_str(&mut self, piece: &str) -> fmt::Result {
                self.0.put_inner(piece);
                Ok(())
            }
        }

        self.put_byte(b'"');
        write!(Pieces(self), "{value}").map_err(Error::custom)?;
        self.put_byte(b'"');
        Ok(())
    }
}

/// The parts of something, with commas between them.
struct Parts<'w> {
    writer: &'w mut Writer,
    /// What stands before the next part: what the whole begins with, then commas.
    before: u8,
    ends: &'static str,
}

impl Parts<'_> {
    #[inline(always)]
    fn next(&mut self) {
        self.writer.put_byte(std::mem::replace(&mut self.before, b','));
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.next();
        value.serialize(&mut *self.writer)
    }

    // Where it is called, the name is known.
    #[inline(always)]
    fn member<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        debug_assert!(!has_special(name), "{name} cannot be the name of a member");
        let out = self.writer.next(name.len() + 4);
        out[0] = std::mem::replace(&mut self.before, b',');
        out[1] = b'"';
        out[2..name.len() + 2].copy_from_slice(name.as_bytes());
        out[name.len() + 2] = b'"';
        out[name.len() + 3] = b':';
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn close(mut self) {
        if self.before != b',' {
            self.next();
        }
        self.writer.put(self.ends);
    }
}

/// Kinds of things with parts: how serde tells of a part, and what is done with it.
macro_rules! parts {
    ($($kind:ident: $serialize:ident as $as:ident($($name:ident: $text:ty)?),)*) => {
        $(
            impl $kind for Parts<'_> {
                type Ok = ();
                type Error = Error;

                #[inline(always)]
                fn $serialize<T: Serialize + ?Sized>(&mut self, $($name: $text,)? value: &T) -> Result<()> {
                    self.$as($($name,)? value)
                }

                #[inline]
                fn end(self) -> Result<()> {
                    self.close();
                    Ok(())
                }
            }
        )*
    };
}

parts! {
    SerializeSeq: serialize_element as element(),
    SerializeTuple: serialize_element as element(),
    SerializeTupleStruct: serialize_field as element(),
    SerializeTupleVariant: serialize_field as element(),
    SerializeStruct: serialize_field as member(name: &'static str),
    SerializeStructVariant: serialize_field as member(name: &'static str),
}

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Error;

    /// A text is written as everywhere; a number or truth value is put between quotes.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.next();
        let begin = self.writer.length;
        key.serialize(&mut *self.writer)?;
        match &self.writer.out[begin..self.writer.length] {
            [b'"', ..] => {}
            [b'-' | b'0'..=b'9', ..] | b"true" | b"false" => {
                self.writer.put("\"\"");
                let end = self.writer.length - 1;
                self.writer.out.copy_within(begin..end - 1, begin + 1);
                self.writer.out[begin] = b'"';
            }
            _ => return Err(Error::custom("a key must be a text")),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.writer.put_byte(b':');
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct New(u8);

    #[derive(Serialize)]
    struct Two(i8, &'static str);

    #[derive(Serialize)]
    enum Choice {
        Unit,
        #[serde(rename = "renamed-é")]
        New(Option<bool>),
        Two(u16, i16),
        Named {
            first: u32,
            second: (),
        },
    }

    #[derive(Serialize)]
    #[serde(tag = "type", rename_all = "camelCase")]
    enum Tagged {
        OneThing { is_it: bool },
    }

    #[derive(Serialize)]
    struct Everything {
        unit: Unit,
        new: New,
        two: Two,
        none: Option<&'static str>,
        some: Option<char>,
        #[serde(skip_serializing_if = "Option::is_none")]
        absent: Option<u8>,
        #[serde(rename = "_id")]
        choices: Vec<Choice>,
        tagged: Tagged,
        numbers: (i32, i64, i128, u64, u128, f32, f64),
        odd: [f64; 4],
        bytes: &'static [u8],
        by_number: BTreeMap<i16, bool>,
        by_truth: BTreeMap<bool, Vec<()>>,
        by_letter: BTreeMap<char, &'static str>,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }

    fn is_written_alike(value: &impl Serialize) {
        let written = String::from_utf8(to_vec(value, 0).unwrap()).unwrap();
        assert_eq!(written, serde_json::to_string(value).unwrap());
    }

    #[test]
    fn every_kind_of_value_is_written_as_serde_json_writes_it() {
        is_written_alike(&Everything {
            unit: Unit,
            new: New(255),
            two: Two(-128, "two"),
            none: None,
            some: Some('\u{1f980}'),
            absent: None,
            choices: vec![
                Choice::Unit,
                Choice::New(Some(true)),
                Choice::New(None),
                Choice::Two(0, -7),
                Choice::Named { first: u32::MAX, second: () },
            ],
            tagged: Tagged::OneThing { is_it: false },
            numbers: (i32::MIN, i64::MIN, i128::MIN, u64::MAX, u128::MAX, 0.1, -1.5e300),
            odd: [f64::NAN, f64::INFINITY, 0.0, 1e21],
            bytes: b"a\0",
            by_number: [(-1, true), (20, false)].into(),
            by_truth: [(true, vec![(), ()]), (false, Vec::new())].into(),
            by_letter: [('"', "quote"), ('z', "")].into(),
            rest: [("a \"rest\"".to_owned(), json!({"b": [null, 1, -2, 2.5, {"c": {}}, []]}))].into(),
        });
    }

    #[test]
    fn every_character_is_written_as_serde_json_writes_it() {
        let all: String = (0..0x300).filter_map(char::from_u32).collect();
        is_written_alike(&all);
        for special in all.chars() {
            // At every place of the pieces in which a text may be looked through.
            for before in 0..40 {
                let text = format!("{}{special}{}", "x".repeat(before), "é".repeat(before % 7));
                is_written_alike(&text);
                is_written_alike(&Shown(&text));
                is_written_alike(&json!({ text.as_str(): [text] }));
            }
        }
    }

    struct Shown<'t>(&'t str);

    impl Serialize for Shown<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("{}-{}", self.0, self.0))
        }
    }

    #[test]
    fn a_key_that_is_no_text_is_an_error_as_with_serde_json() {
        for odd in [BTreeMap::from([(vec![1], 2)]), BTreeMap::from([(Vec::new(), 2)])] {
            assert!(to_vec(&odd, 0).is_err() && serde_json::to_vec(&odd).is_err());
        }
        let none = BTreeMap::from([((), 1)]);
        assert!(to_vec(&none, 0).is_err() && serde_json::to_vec(&none).is_err());
    }
}
