//! Ids of every kind: parsed once, compared as bytes, written in the form that the wire knows.
//!
//! All user-like ids fit one 16-byte column. A member's id is 12 bytes, written as 24 lower-case hexadecimal digits,
//! and stands in the first 12 of the 16 bytes; a contact's and an operator's id is a UUID and fills all 16.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The organization's key inside the store: small, so that every index that begins with it stays small.
/// It is allocated by the control store and never leaves the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgKey(pub i64);

impl OrgKey {
    /// No organization: the tables of the control store. Organizations count from 1.
    pub const CONTROL: Self = Self(0);
}

/// A 12-byte, time-ordered id, written as 24 lower-case hexadecimal digits (roles, events, memories, key records).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub [u8; 12]);

impl ObjectId {
    /// A new id that sorts by `unix_micros`: 32 bits of seconds, 20 bits of microseconds, 44 random bits.
    pub fn new(unix_micros: i64, random: [u8; 6]) -> Self {
        let seconds = u32::try_from(unix_micros.div_euclid(1_000_000)).unwrap_or(u32::MAX);
        // Below 2^20, so that the shift leaves four low bits for randomness.
        let micros = u32::try_from(unix_micros.rem_euclid(1_000_000)).unwrap_or_default();
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        let middle = (micros << 4) | u32::from(random[0] & 0x0f);
        bytes[4..7].copy_from_slice(&middle.to_be_bytes()[1..]);
        bytes[7..].copy_from_slice(&random[1..]);
        Self(bytes)
    }

    /// Parses exactly 24 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 12];
        decode_hex(text, &mut bytes).then_some(Self(bytes))
    }

    /// The id from a store column of 12 or 16 bytes.
    pub fn from_column(bytes: &[u8]) -> Option<Self> {
        bytes.get(..12)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(encode_hex(&self.0, &mut [0; 24]))
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = Aligned([0; 24]);
        for (at, byte) in self.0.into_iter().enumerate() {
            digits.0[2 * at..2 * at + 2].copy_from_slice(&PAIRS[usize::from(byte)]);
        }
        serializer.serialize_str(ascii(&digits.0))
    }
}

/// The id of a user in any directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub [u8; 16]);

impl UserId {
    pub fn from_object_id(id: ObjectId) -> Self {
        let mut bytes = [0; 16];
        bytes[..12].copy_from_slice(&id.0);
        Self(bytes)
    }

    /// Parses a member's id: exactly 24 lower-case hexadecimal digits.
    pub fn parse_member(text: &str) -> Option<Self> {
        ObjectId::parse(text).map(Self::from_object_id)
    }

    /// The id of a contact or an operator.
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id.0)
    }

    /// The id as a contact's or an operator's.
    pub fn as_uuid(&self) -> Uuid {
        Uuid(self.0)
    }

    pub fn from_column(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The id as a member's: 24 hexadecimal digits.
    pub fn as_member(&self) -> ObjectId {
        let mut bytes = [0; 12];
        bytes.copy_from_slice(&self.0[..12]);
        ObjectId(bytes)
    }
}

/// A UUID, written with hyphens in lower case (API keys, organizations).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// A version 4 UUID from 16 random bytes.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// A version 7 UUID: 48 bits of milliseconds since 1970, 12 bits of the rest of the time, 62 random bits. Such ids
    /// sort by their time.
    pub fn new_v7(unix_micros: i64, random: [u8; 8]) -> Self {
        let millis = u64::try_from(unix_micros.div_euclid(1_000)).unwrap_or_default();
        // Below 1,000 thousandths, spread over the 4,096 places of twelve bits.
        let fraction = u16::try_from(unix_micros.rem_euclid(1_000) * 4_096 / 1_000).unwrap_or_default();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(0x7000 | fraction).to_be_bytes());
        bytes[8..].copy_from_slice(&random);
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Parses the hyphenated form, upper case accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let raw = text.as_bytes();
        if raw.len() != 36 || [8, 13, 18, 23].iter().any(|&at| raw[at] != b'-') {
            return None;
        }
        let digits: String = text.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
        let mut bytes = [0; 16];
        decode_hex(&digits, &mut bytes).then_some(Self(bytes))
    }

    pub fn from_column(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    fn write<'o>(&self, out: &'o mut Aligned<36>) -> &'o str {
        /// Where the digits of each byte stand.
        const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        out.0 = [b'-'; 36];
        for (byte, place) in self.0.into_iter().zip(PLACES) {
            out.0[place..place + 2].copy_from_slice(&PAIRS[usize::from(byte)]);
        }
        ascii(&out.0)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write(&mut Aligned([0; 36])))
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("no UUID"))
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.write(&mut Aligned([0; 36])))
    }
}

/// Text in the making, at an address from which the library checks sixteen bytes at once. A page has hundreds of ids.
#[repr(align(16))]
struct Aligned<const N: usize>([u8; N]);

/// The two digits of each byte.
static PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

fn ascii(written: &[u8]) -> &str {
    std::str::from_utf8(written).expect("hexadecimal digits and hyphens are ASCII")
}

/// Writes `bytes` as lower-case hexadecimal digits into `out`, which is twice as long.
pub fn encode_hex<'o>(bytes: &[u8], out: &'o mut [u8]) -> &'o str {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair.copy_from_slice(&PAIRS[usize::from(*byte)]);
    }
    ascii(out)
}

fn decode_hex(text: &str, out: &mut [u8]) -> bool {
    fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
    let raw = text.as_bytes();
    if raw.len() != out.len() * 2 {
        return false;
    }
    for (byte, pair) in out.iter_mut().zip(raw.chunks_exact(2)) {
        match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => *byte = (high << 4) | low,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_ids_sort_by_their_time() {
        let early = ObjectId::new(1_700_000_000_000_001, [0xff; 6]);
        let late = ObjectId::new(1_700_000_000_000_002, [0; 6]);
        assert!(early < late);
        assert!(
            ObjectId::new(1_700_000_000_999_999, [0xff; 6]) < ObjectId::new(1_700_000_001_000_000, [0; 6])
        );
    }

    #[test]
    fn ids_come_back_from_their_text() {
        let id = ObjectId::new(1_700_000_000_123_456, [1, 2, 3, 4, 5, 6]);
        assert_eq!(ObjectId::parse(&id.to_string()), Some(id));
        assert_eq!(UserId::parse_member(&id.to_string()).map(|user| user.as_member()), Some(id));
        let uuid = Uuid::from_random([0xab; 16]);
        assert_eq!(Uuid::parse(&uuid.to_string().to_uppercase()), Some(uuid));
    }

    #[test]
    fn uuids_of_version_7_sort_by_their_time() {
        let early = Uuid::new_v7(1_700_000_000_000_999, [0xff; 8]);
        let late = Uuid::new_v7(1_700_000_000_001_000, [0; 8]);
        assert!(early < late);
        assert_eq!(early.to_string(), "018bcfe5-6800-7ffb-bfff-ffffffffffff");
    }

    #[test]
    fn a_malformed_id_is_none() {
        for text in
            ["", "65f0", "65F000000000000000000000", "zzf000000000000000000000", "é5f00000000000000000000"]
        {
            assert_eq!(ObjectId::parse(text), None, "{text}");
        }
        assert_eq!(Uuid::parse("0123456789abcdef0123456789abcdef0123"), None);
    }
}
