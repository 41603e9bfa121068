//! Time as the store keeps it: whole microseconds since 1970-01-01 UTC.

use std::fmt;

use serde::{Serialize, Serializer};

/// An instant in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub const MICROS_PER_SECOND: i64 = 1_000_000;
    pub const MICROS_PER_DAY: i64 = 86_400 * Self::MICROS_PER_SECOND;

    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(Self::MICROS_PER_SECOND)))
    }

    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Reads a date and time in RFC 3339 form; without a zone it is in UTC. From the year 1 to two days before the end of
    /// 9999, so that every zone can write it; what is finer than a microsecond is cut off. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let utc = jiff::tz::TimeZone::UTC;
        let instant = text.parse::<jiff::Timestamp>().or_else(|_| {
            // With a zone it would have been an instant, so what is left has none, or cannot be one.
            let naive: jiff::civil::DateTime = text.parse()?;
            naive.to_zoned(utc.clone()).map(|zoned| zoned.timestamp())
        });
        // The library also reads bare dates, and names of zones in brackets.
        let instant = instant.ok().filter(|_| text.contains(':') && !text.contains('['))?;
        let micros = i64::try_from(instant.as_nanosecond().div_euclid(1_000)).ok()?;
        // What could not be written again is not taken.
        let written = jiff::Timestamp::from_microsecond(micros).ok()?.to_zoned(utc);
        (1..=9999).contains(&written.year()).then_some(Self(micros))
    }

    /// Whole seconds since the epoch, as JSON Web Tokens count.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(Self::MICROS_PER_SECOND)
    }

    /// As it is shown otherwise, but without the zone and with three digits of a second: what is finer is cut off.
    pub fn to_millis(self) -> String {
        let seconds = Self(self.unix_seconds().saturating_mul(Self::MICROS_PER_SECOND)).to_string();
        let millis = self.0.rem_euclid(Self::MICROS_PER_SECOND) / 1_000;
        format!("{}.{millis:03}", seconds.trim_end_matches('Z'))
    }
}

/// RFC 3339 in UTC with the zone `Z`; a time outside the years -9999 to 9999 is shown as the nearest bound.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(bound).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_any_zone_and_without_one_in_utc() {
        let noon = Some(Timestamp(1_767_268_800_000_000));
        for text in [
            "2026-01-01T12:00:00Z",
            "2026-01-01T14:00:00+02:00",
            "2026-01-01T12:00:00",
            "2026-01-01 12:00:00+00:00",
            "2026-01-01T12:00:00.0000009Z",
            "2025-12-31T23:30:00-12:30",
        ] {
            assert_eq!(Timestamp::parse(text), noon, "{text}");
        }
        assert_eq!(Timestamp::parse("1969-12-31T23:59:59.9999999Z"), Some(Timestamp(-1)));
        for bound in ["0001-01-01T00:00:00Z", "9999-12-30T22:00:00Z"] {
            assert_eq!(Timestamp::parse(bound).unwrap().to_string(), bound);
        }
    }

    #[test]
    fn what_is_no_time_or_out_of_range_is_none() {
        for text in [
            "",
            "noon",
            "2026-01-01",
            "12:00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00",
            "1767268800",
            "0001-01-01T00:00:00+01:00",
            "0000-01-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
            "2026-01-01T12:00:00Zx",
            "2026-01-01T12:00:00[Europe/Berlin]",
            "9999-12-31T00:00:00+01:00",
            "9999-12-31T00:00:00",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_timestamp_is_written_with_its_zone() {
        assert_eq!(Timestamp(1_767_268_800_000_000).to_string(), "2026-01-01T12:00:00Z");
        assert_eq!(Timestamp(1_767_268_800_250_000).to_string(), "2026-01-01T12:00:00.25Z");
    }
}
