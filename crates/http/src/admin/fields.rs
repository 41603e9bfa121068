//! Values of one field, parsed once: ids, times, addresses.

use std::borrow::Cow;

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::text;
use denizen_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The id of anything but a user.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub(super) struct Id(#[schemars(with = "String", regex(pattern = "^[0-9A-Fa-f]{24}$"))] pub(super) ObjectId);

/// The id of a user.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub(super) struct User(#[schemars(with = "String", regex(pattern = "^[0-9A-Fa-f]{24}$"))] pub(super) UserId);

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

const ID_FORM: &str = "must be an id of 24 hexadecimal digits";

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        ObjectId::parse(&text).map(Self).ok_or_else(|| D::Error::custom(ID_FORM))
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        UserId::parse_member(&text).map(Self).ok_or_else(|| D::Error::custom(ID_FORM))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Timestamp::parse(&text).map(Self).ok_or_else(|| {
            D::Error::custom(
                "must be a time such as 2026-01-31T12:00:00Z; without a zone it is taken for UTC",
            )
        })
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text::Email::parse(&text).map(Self).map_err(D::Error::custom)
    }
}
