//! The contacts of a help desk: whoever writes to an organization or calls it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Uuid;
use crate::text::{Email, TextError};

/// The most characters of a contact's names, of the values of its text attributes, and of its picture's address.
pub const MAX_NAME: usize = crate::text::MAX_LINE;
/// The most bytes of an external id: it has to fit into an index.
pub const MAX_EXTERNAL_ID: usize = 1_000;
/// The most additional addresses, additional numbers, middle names, and chosen options.
pub const MAX_LIST: usize = 100;

/// An address that a contact writes from, in the spelling in which it came, with the key under which it is unique.
///
/// It need not look like more than an address: what a help desk was written from cannot be put right afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactEmail {
    spelling: String,
    key: String,
}

impl ContactEmail {
    /// Parses a text with one `@` between two parts that are not empty, without spaces and control characters; at most
    /// 254 bytes.
    ///
    /// # Errors
    /// [`TextError::Form`].
    pub fn parse(text: &str) -> Result<Self, TextError> {
        const FORM: TextError = TextError::Form("must look like name@example.com");
        let (local, domain) = text.split_once('@').ok_or(FORM)?;
        let is_odd = |c: char| c.is_whitespace() || c.is_control();
        if local.is_empty()
            || domain.is_empty()
            || domain.contains('@')
            || text.len() > 254
            || text.contains(is_odd)
        {
            return Err(FORM);
        }
        Ok(Self { key: Email::key_of(text), spelling: text.to_owned() })
    }

    pub fn as_str(&self) -> &str {
        &self.spelling
    }

    pub fn key(&self) -> &str {
        &self.key
    }
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
        let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let digits = plain.strip_prefix('+').ok_or(FORM)?;
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FORM);
        }
        Ok(Self(plain))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
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
