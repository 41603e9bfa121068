//! The contacts of a help desk: whoever writes to an organization or calls it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::ids::Uuid;
use crate::text::{Email, TextError};

/// The most characters of a contact's names, of the values of its text attributes, and of its picture's address.
pub const MAX_NAME: usize = crate::text::MAX_LINE;
/// The most bytes of an external id: it has to fit into an index.
pub const MAX_EXTERNAL_ID: usize = 1_000;
/// The most additional addresses, additional numbers, middle names, and chosen options.
pub const MAX_LIST: usize = 100;

/// The most bytes that are held of one contact: what is said of it and what is noted of it. A page has a thousand of them.
pub const MAX_CONTACT_BYTES: usize = 32 << 10;
/// The most bytes of what a conversation has of its kind, and of what is noted of it.
pub const MAX_CONVERSATION_BYTES: usize = 64 << 10;

/// An address that a contact writes from, in the spelling in which it came, with the key under which it is unique.
///
/// It need not look like more than an address: what a help desk was written from cannot be put right afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactEmail {
    spelling: String,
    key: String,
}

impl ContactEmail {
    /// Parses a text with one `@` between two parts that are not empty, without spaces, control characters and those that
    /// nobody sees; at most 254 bytes.
    ///
    /// # Errors
    /// [`TextError::Form`].
    pub fn parse(text: &str) -> Result<Self, TextError> {
        const FORM: TextError = TextError::Form("must look like name@example.com");
        let (local, domain) = text.split_once('@').ok_or(FORM)?;
        let is_unseen = |c: char| !c.is_ascii() && c.general_category() == GeneralCategory::Format;
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || is_unseen(c);
        if local.is_empty()
            || domain.is_empty()
            || domain.contains('@')
            || text.len() > 254
            || text.contains(is_odd)
        {
            return Err(FORM);
        }
        Ok(Self { key: Self::key_of(text), spelling: text.to_owned() })
    }

    /// The key of any text: that of [`Email::key_of`], in which the Greek sigma has one form wherever it stands, as its
    /// capital letter has.
    pub fn key_of(text: &str) -> String {
        Email::key_of(text).replace('ς', "σ")
    }

    pub fn as_str(&self) -> &str {
        &self.spelling
    }

    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Whether a text can be the id that a contact has elsewhere. No other is a contact's, and no other is looked up: a
/// database may refuse to be asked for it.
pub fn is_external_id(text: &str) -> bool {
    text.len() <= MAX_EXTERNAL_ID && !text.contains(char::is_control)
}

/// A telephone number: `+` and 7 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

impl Phone {
    /// Parses a number; spaces, dashes, dots and parentheses between the digits are dropped. No country's numbering plan
    /// is asked.
    ///
    /// # Errors
    /// [`TextError::Form`].
    pub fn parse(text: &str) -> Result<Self, TextError> {
        const FORM: TextError = TextError::Form("must be + and 7 to 15 digits");
        let plain = without_marks(text);
        let digits = plain.strip_prefix('+').ok_or(FORM)?;
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FORM);
        }
        Ok(Self(plain))
    }

    /// What the numbers begin with that are meant by a text: `+` and up to 15 digits, also where `00` or nothing stands for
    /// the `+`.
    pub fn beginning(text: &str) -> Option<String> {
        let plain = without_marks(text.trim());
        let digits = plain.strip_prefix('+').or_else(|| plain.strip_prefix("00")).unwrap_or(&plain);
        let is_one = (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_one.then(|| format!("+{digits}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A number without what is written between digits.
fn without_marks(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect()
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What attributes are noted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeEntity {
    Contact,
    Conversation,
}

impl AttributeEntity {
    /// As in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Conversation => "conversation",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Contact, Self::Conversation].into_iter().find(|entity| entity.as_str() == text)
    }
}

/// What is noted under an attribute: a text, or the chosen options, outer ones before those nested in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    Text(String),
    Options(Vec<String>),
}

/// The attributes of one contact or conversation, by the id of their definition.
pub type Attributes = BTreeMap<Uuid, AttributeValue>;

/// How an attribute is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AttributeInput {
    Text { placeholder: Option<String> },
    Select { options: Vec<SelectOption> },
}

/// A choice, and those that it opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectOption {
    pub id: Uuid,
    pub label: String,
    /// What is noted when it is chosen.
    pub value: String,
    pub is_deactivated: bool,
    pub order_index: i32,
    pub nested_options: Vec<SelectOption>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_makes_no_other_address() {
        let key = |text: &str| ContactEmail::parse(text).unwrap().key().to_owned();
        for (one, other) in [
            ("Ann@Example.ORG", "ann@example.org"),
            ("JOSE\u{301}@x.org", "josé@x.org"),
            ("ΟΔΟΣ@x.gr", "οδος@x.gr"),
            ("ΟΔΟΣ@x.gr", "οδοσ@x.gr"),
            ("ann@ΟΔΟΣ.gr", "ann@οδος.gr"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert_ne!(key("josé@x.org"), key("jose@x.org"));
        assert_eq!(ContactEmail::parse("ΟΔΟΣ@x.gr").unwrap().as_str(), "ΟΔΟΣ@x.gr");
    }

    #[test]
    fn an_address_has_no_character_that_cannot_be_seen() {
        for odd in [
            '\0',
            '\n',
            ' ',
            '\u{a0}',
            '\u{ad}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2060}',
            '\u{feff}',
            '\u{e0061}',
        ] {
            for text in
                [format!("a{odd}nn@example.org"), format!("ann@ex{odd}ample.org"), format!("{odd}a@b")]
            {
                assert!(ContactEmail::parse(&text).is_err(), "{text:?}");
            }
        }
        for text in ["a@b", "ann+x@example.org", "münch@bücher.example", "用户@例子.广告", "ann@🦀.example"]
        {
            assert!(ContactEmail::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn an_external_id_is_a_line_that_fits_into_an_index() {
        let longest = "é".repeat(MAX_EXTERNAL_ID / 2);
        for text in ["", " ", "crm-1", longest.as_str()] {
            assert!(is_external_id(text), "{text:?}");
        }
        for text in ["\0", "a\0b", "a\nb", "\u{85}", &format!("{longest}x")] {
            assert!(!is_external_id(text), "{text:?}");
        }
    }

    #[test]
    fn an_address_has_one_at_sign_between_two_parts_and_a_key_without_case() {
        for text in ["a@b", "Ann.Lee+x@Example.org", "ÄNNE@exämple.org", "\"odd\"@[::1]"] {
            let email = ContactEmail::parse(text).unwrap();
            assert_eq!(email.as_str(), text);
            assert_eq!(email.key(), text.to_lowercase());
        }
        let long = format!("{}@b", "a".repeat(253));
        for text in ["", "@", "a@", "@b", "ab", "a@b@c", "a b@c", "a@b ", "a@b\u{7}", "a\u{a0}@b", &long] {
            assert!(ContactEmail::parse(text).is_err(), "{text:?}");
        }
        assert!(ContactEmail::parse(&long[1..]).is_ok());
    }

    #[test]
    fn a_number_is_a_plus_and_seven_to_fifteen_digits_whatever_stands_between_them() {
        for text in ["+49 (151) 123-45.67", "+491511234567", " +49-1511234567 "] {
            assert_eq!(Phone::parse(text).unwrap().as_str(), "+491511234567");
        }
        for text in [
            "",
            "+",
            "+123456",
            "+1234567890123456",
            "491511234567",
            "++491511234567",
            "+49/1511234567",
            "+４９１５１１２３",
        ] {
            assert!(Phone::parse(text).is_err(), "{text:?}");
        }
        assert!(Phone::parse("+1234567").is_ok() && Phone::parse("+123456789012345").is_ok());
    }

    #[test]
    fn what_begins_like_a_number_is_the_beginning_of_one() {
        for (text, beginning) in [
            ("+49 (15", "+4915"),
            ("0049-15", "+4915"),
            (" 4915 ", "+4915"),
            ("+1", "+1"),
            ("+491511234567", "+491511234567"),
        ] {
            assert_eq!(Phone::beginning(text).as_deref(), Some(beginning), "{text:?}");
        }
        for text in ["", "+", "00", "ann", "49a", "+1234567890123456"] {
            assert_eq!(Phone::beginning(text), None, "{text:?}");
        }
    }
}
