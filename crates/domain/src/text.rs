//! Text that is parsed once: after that its type says what it is.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress as Address, Options};
use serde::{Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;

/// The longest text of any single-line field, in characters.
pub const MAX_LINE: usize = 1_000;

/// Why a text was refused. The words are fit for a caller to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextError {
    /// Fewer than one character after trimming.
    Empty,
    /// More than so many characters.
    TooLong(usize),
    /// A NUL character, which PostgreSQL cannot store.
    Nul,
    /// Not of the form that the field asks for; the text says which.
    Form(&'static str),
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::TooLong(most) => write!(f, "must have at most {most} characters"),
            Self::Nul => f.write_str("must not contain a NUL character"),
            Self::Form(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for TextError {}

/// Trims white space, then asks for 1 to `most` characters and no NUL ("StrippedNonemptyString").
pub fn stripped(text: &str, most: usize) -> Result<String, TextError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    bounded(text, most)
}

/// At most `most` characters and no NUL; white space is kept and the text may be empty.
pub fn bounded(text: &str, most: usize) -> Result<String, TextError> {
    if text.contains('\0') {
        return Err(TextError::Nul);
    }
    // Bytes bound characters from above, so most texts need no count.
    if text.len() > most && text.chars().count() > most {
        return Err(TextError::TooLong(most));
    }
    Ok(text.to_owned())
}

/// An e-mail address in the spelling that its owner uses, with the key under which it is unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email {
    spelling: String,
    key: String,
}

impl Email {
    /// Parses an address `local@domain.tld`: no display name, no address literal, at most 254 bytes.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        const FORM: TextError =
            TextError::Form("value is not a valid email address: it must look like name@example.com");
        let text = text.trim();
        let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
        if text.len() > 254 || text.contains(['"', '\0']) {
            return Err(FORM);
        }
        let address = Address::parse_with_options(text, options).map_err(|_| FORM)?;
        Ok(Self { key: Self::key_of(address.as_str()), spelling: text.to_owned() })
    }

    /// The key of any text, for looking an address up: composed form, lower case, accents kept.
    pub fn key_of(text: &str) -> String {
        if text.is_ascii() {
            return text.to_ascii_lowercase();
        }
        text.nfc().flat_map(char::to_lowercase).nfc().collect()
    }

    pub fn as_str(&self) -> &str {
        &self.spelling
    }

    pub fn key(&self) -> &str {
        &self.key
    }
}

/// The name of an organization in paths: 1 to 63 of `a-z0-9`, `-` and `_`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

impl Slug {
    /// Words that are path segments of the published APIs and of denizen itself.
    pub const RESERVED: [&'static str; 12] = [
        "admin", "api", "beta", "contacts", "docs", "endusers", "health", "livez", "metrics", "readyz",
        "user", "v1",
    ];

    pub fn parse(text: &str) -> Result<Self, TextError> {
        if !is_short_name(text) {
            return Err(SHORT_NAME);
        }
        if Self::RESERVED.contains(&text) {
            return Err(TextError::Form("is reserved"));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::parse(text)
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Slug {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The name of a cluster, one of an installation's databases: 1 to 63 of `a-z0-9`, `-` and `_`, beginning with a letter or
/// digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterName(Cow<'static, str>);

impl ClusterName {
    /// The database that an installation begins with, in which its control store lies.
    pub const MAIN: Self = Self(Cow::Borrowed("main"));

    pub fn parse(text: &str) -> Result<Self, TextError> {
        if !is_short_name(text) {
            return Err(SHORT_NAME);
        }
        Ok(if text == Self::MAIN.as_str() { Self::MAIN } else { Self(Cow::Owned(text.to_owned())) })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_main(&self) -> bool {
        *self == Self::MAIN
    }
}

impl FromStr for ClusterName {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::parse(text)
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ClusterName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

const SHORT_NAME: TextError = TextError::Form(
    "must be 1 to 63 lower-case letters, digits, '-' or '_', beginning with a letter or digit",
);

fn is_short_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        && !text.starts_with(['-', '_'])
}

/// The scheme, host and port of a web address: what a browser compares before it shares a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin of an absolute `http` or `https` address; user information in the address is refused.
    pub fn of(url: &str) -> Result<Self, TextError> {
        const FORM: TextError =
            TextError::Form("must be an absolute http or https address without user information");
        if url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(FORM);
        }
        let (scheme, rest) = url.split_once("://").ok_or(FORM)?;
        let scheme = scheme.to_ascii_lowercase();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(FORM),
        };
        let host_and_port = authority.strip_suffix(default_port).unwrap_or(&authority);
        // No user information, and nothing that means something else where origins are listed.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if host_and_port.is_empty() || host_and_port.starts_with(':') || !host_and_port.bytes().all(is_plain)
        {
            return Err(FORM);
        }
        Ok(Self(format!("{scheme}://{host_and_port}")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the host is this machine as seen by itself (`localhost`, `127.0.0.1`, `[::1]`), whatever the port.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let name =
            if host.starts_with('[') { host.split_inclusive(']').next() } else { host.split(':').next() };
        matches!(name, Some("localhost" | "127.0.0.1" | "[::1]"))
    }
}

/// The name of a user variable: `^[a-z_][a-z0-9_]+$`, not `user_id`, at most 128 characters.
pub fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    (2..=128).contains(&name.len())
        && bytes.next().is_some_and(|first| matches!(first, b'a'..=b'z' | b'_'))
        && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && name != "user_id"
}

/// A key term for speech recognition: `^[a-z-]+( [a-z-]+){0,2}$`.
pub fn is_audio_keyterm(term: &str) -> bool {
    let words: Vec<&str> = term.split(' ').collect();
    words.len() <= 3
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_spelling_and_has_a_key_of_its_own() {
        let email = Email::parse(" Ada.Lovelace@Example.COM ").unwrap();
        assert_eq!(email.as_str(), "Ada.Lovelace@Example.COM");
        assert_eq!(email.key(), "ada.lovelace@example.com");
        assert_ne!(Email::key_of("josé@x.org"), Email::key_of("jose@x.org"));
        assert_eq!(Email::key_of("JOSE\u{301}@x.org"), Email::key_of("josé@x.org"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ada",
            "ada@",
            "@x.org",
            "a b@x.org",
            "ada@localhost",
            "Ada <ada@x.org>",
            "a@b@c.org",
            "a\n@x.org",
            "ada@x..org",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn text_is_trimmed_and_bounded() {
        assert_eq!(stripped("  é ", 1), Ok("é".to_owned()));
        assert_eq!(stripped(" \t", 5), Err(TextError::Empty));
        assert_eq!(stripped("abc", 2), Err(TextError::TooLong(2)));
        assert_eq!(stripped("a\0b", 9), Err(TextError::Nul));
    }

    #[test]
    fn the_origin_of_an_address_is_what_a_browser_compares() {
        assert_eq!(
            Origin::of("HTTPS://App.Example.com:443/a?b#c").unwrap().as_str(),
            "https://app.example.com"
        );
        assert_eq!(Origin::of("http://localhost:3000").unwrap().as_str(), "http://localhost:3000");
        assert!(Origin::of("http://localhost:3000").unwrap().is_loopback());
        assert!(Origin::of("http://[::1]:3000/x").unwrap().is_loopback());
        assert!(!Origin::of("http://localhost.example.com").unwrap().is_loopback());
        for url in [
            "javascript:alert(1)",
            "//x.org",
            "https://",
            "https://a@b.org/",
            "https://x.org\\@y.org",
            "ftp://x.org",
        ] {
            assert!(Origin::of(url).is_err(), "{url}");
        }
    }

    #[test]
    fn names_of_variables_and_key_terms_follow_their_patterns() {
        assert!(is_variable_name("plan_2") && is_variable_name("_x"));
        assert!(
            !is_variable_name("x")
                && !is_variable_name("2x")
                && !is_variable_name("user_id")
                && !is_variable_name("Plan")
        );
        assert!(is_audio_keyterm("blood-sugar level test") && is_audio_keyterm("-"));
        assert!(
            !is_audio_keyterm("a b c d")
                && !is_audio_keyterm("a  b")
                && !is_audio_keyterm("A")
                && !is_audio_keyterm("")
        );
    }
}
