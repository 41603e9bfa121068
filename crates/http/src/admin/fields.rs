//! Values of one field, parsed once: ids, times, addresses.

use std::borrow::Cow;
use std::fmt;

use denizen_domain::ids::{ObjectId, UserId, Uuid};
use denizen_domain::text;
use denizen_domain::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// The id of anything but a user.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub(super) struct Id(#[schemars(with = "String", regex(pattern = "^[0-9a-f]{24}$"))] pub(super) ObjectId);

/// The id of a user.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub(super) struct User(#[schemars(with = "String", regex(pattern = "^[0-9a-f]{24}$"))] pub(super) UserId);

// The id of a contact, or of what belongs to contacts. Upper case is taken, too.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub(super) struct Guid(#[schemars(with = "String", extend("format" = "uuid"))] pub(super) Uuid);

// Not of the format `date-time`: times without a zone are taken too.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub(super) struct Time(
    #[schemars(with = "String", regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:"))]
    pub(super)  Timestamp,
);

// A time of a help desk's, behind which the zone may be named once more, as in the answers of one of them:
// `2021-12-01T12:46:36.581Z[GMT]`.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub(super) struct DeskTime(
    #[schemars(with = "String", regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:"))]
    pub(super)  Timestamp,
);

// The id of a definition, where people are tempted to write its identifier.
#[derive(Clone, Copy)]
pub(super) struct DefinitionId(pub(super) Uuid);

#[derive(JsonSchema)]
#[schemars(inline)]
pub(super) struct Email(#[schemars(with = "String", extend("format" = "email"))] pub(super) text::Email);

const TIME_FORM: &str = "must be a time such as 2026-01-31T12:00:00Z; without a zone it is taken for UTC";
const ID_FORM: &str = "must be an id of 24 lower-case hexadecimal digits";
const GUID_FORM: &str = "must be a UUID such as 018f4e7c-6a00-7000-8000-000000000001";

const DEFINITION_ID_FORM: &str = "must be the definition's id, a UUID such as 018f4e7c-6a00-7000-8000-000000000001, and not its identifier";

/// A value that is written as one of a few words.
pub(super) trait Vocabulary: Copy + 'static {
    const ALL: &'static [Self];
    fn word(self) -> &'static str;
}

pub(super) struct Word<T>(pub(super) T);

/// The words that may stand there.
struct Words<T>(std::marker::PhantomData<T>);

impl<T: Vocabulary> fmt::Display for Words<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = T::ALL.iter().map(|one| one.word()).collect();
        match words.as_slice() {
            [others @ .., last] if !others.is_empty() => write!(f, "must be {} or {last}", others.join(", ")),
            words => write!(f, "must be {}", words.join("")),
        }
    }
}

impl<T: Vocabulary> Visitor<'_> for Words<T> {
    type Value = Word<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word<T>, E> {
        let found = T::ALL.iter().find(|one| one.word() == text);
        found.map(|found| Word(*found)).ok_or_else(|| E::custom(self))
    }
}

impl<'de, T: Vocabulary> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Words(std::marker::PhantomData))
    }
}

impl<T: Vocabulary> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = T::ALL.iter().map(|one| one.word()).collect();
        json_schema!({"type": "string", "enum": words})
    }
}

/// Reads a text; of whatever else stands there it is said, too, that it must be of this form.
struct Text<F> {
    form: &'static str,
    read: F,
}

impl<T, F: FnOnce(&str) -> Result<T, String>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.form)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).map_err(E::custom)
    }
}

/// A text from which `read` makes a value, and of which nothing but its form can be wrong.
fn of_form<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    form: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let read = |text: &str| read(text).ok_or_else(|| form.to_owned());
    deserializer.deserialize_str(Text { form, read })
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        of_form(deserializer, ID_FORM, ObjectId::parse).map(Self)
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        of_form(deserializer, ID_FORM, UserId::parse_member).map(Self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        of_form(deserializer, GUID_FORM, Uuid::parse).map(Self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        of_form(deserializer, TIME_FORM, Timestamp::parse).map(Self)
    }
}

/// A name in brackets changes nothing behind what is in UTC already; behind anything else it could contradict it.
fn desk_time(text: &str) -> Option<Timestamp> {
    let bare = ["[GMT]", "[UTC]"].iter().find_map(|zone| text.strip_suffix(zone));
    Timestamp::parse(match bare {
        Some(bare) if bare.ends_with(['Z', 'z']) => bare,
        Some(_) => return None,
        None => text,
    })
}

impl<'de> Deserialize<'de> for DeskTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        of_form(deserializer, TIME_FORM, desk_time).map(Self)
    }
}

impl<'de> Deserialize<'de> for DefinitionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        of_form(deserializer, DEFINITION_ID_FORM, Uuid::parse).map(Self)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| text::Email::parse(text).map_err(|error| error.to_string());
        deserializer.deserialize_str(Text { form: "must be an e-mail address", read }).map(Self)
    }
}
