//! Values of one field, parsed once: ids, times, addresses.

use std::fmt;

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::text;
use denizen_domain::time::Timestamp;
use schemars::JsonSchema;
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

// Not of the format `date-time`: times without a zone are taken too.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub(super) struct Time(
    #[schemars(with = "String", regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:"))]
    pub(super)  Timestamp,
);

#[derive(JsonSchema)]
#[schemars(inline)]
pub(super) struct Email(#[schemars(with = "String", extend("format" = "email"))] pub(super) text::Email);

const TIME_FORM: &str = "must be a time such as 2026-01-31T12:00:00Z; without a zone it is taken for UTC";
const ID_FORM: &str = "must be an id of 24 lower-case hexadecimal digits";

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

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        of_form(deserializer, TIME_FORM, Timestamp::parse).map(Self)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| text::Email::parse(text).map_err(|error| error.to_string());
        deserializer.deserialize_str(Text { form: "must be an e-mail address", read }).map(Self)
    }
}
