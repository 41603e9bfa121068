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
        time(&text).map(Self).ok_or_else(|| {
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

/// RFC 3339, or the same without a zone, which means UTC.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(time.as_microsecond()));
    }
    // A date alone says too little.
    if !text.contains(['T', 't', ' ']) {
        return None;
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    let time = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp(time.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_utc_and_a_date_is_no_time() {
        let noon = Some(Timestamp(1_767_268_800_000_000));
        for text in [
            "2026-01-01T12:00:00Z",
            "2026-01-01T13:00:00+01:00",
            "2026-01-01 12:00:00Z",
            "2026-01-01T12:00:00",
            "2026-01-01T12:00:00.000000000",
            "2026-01-01 12:00",
        ] {
            assert_eq!(time(text), noon, "{text}");
        }
        assert_eq!(time("2026-01-01T12:00:00.25"), Some(Timestamp(1_767_268_800_250_000)));
        for text in
            ["", "2026-01-01", "2026-02-30T12:00:00", "12:00:00", "1767268800", "2026-01-01T12:00:00X"]
        {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
