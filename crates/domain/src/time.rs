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

    /// As it is shown otherwise, but with three digits of a second, what is finer being cut off, and with this zone.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize_millis<S: Serializer>(self, zone: &str, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.rem_euclid(Self::MICROS_PER_SECOND) / 1_000;
        let mut out = [0; MILLIS + ZONE];
        let end = MILLIS + zone.len();
        if end > out.len() || !self.write_seconds(&mut out) {
            let seconds = Self(self.unix_seconds().saturating_mul(Self::MICROS_PER_SECOND)).to_string();
            let seconds = seconds.trim_end_matches('Z');
            return serializer.collect_str(&format_args!("{seconds}.{millis:03}{zone}"));
        }
        out[SECONDS] = b'.';
        digits(millis, &mut out[SECONDS + 1..MILLIS]);
        out[MILLIS..end].copy_from_slice(zone.as_bytes());
        serializer.serialize_str(text_of(&out[..end]))
    }

    /// Begins `out` with date and time to the second, without the zone; `false` outside the years 1 to 9999.
    fn write_seconds(self, out: &mut [u8]) -> bool {
        let seconds = self.unix_seconds();
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        if !(1..=9999).contains(&year) {
            return false;
        }
        let out = &mut out[..SECONDS];
        out.copy_from_slice(b"0000-00-00T00:00:00");
        let places = [0..4, 5..7, 8..10, 11..13, 14..16, 17..19];
        let parts = [year, month, day, second / 3_600, second / 60 % 60, second % 60];
        for (place, part) in places.into_iter().zip(parts) {
            digits(part, &mut out[place]);
        }
        true
    }

    /// As [`Display`](fmt::Display) shows it; `None` outside the years 1 to 9999.
    fn write(self, out: &mut [u8; MICROS]) -> Option<&str> {
        if !self.write_seconds(out) {
            return None;
        }
        let mut length = SECONDS;
        let micros = self.0.rem_euclid(Self::MICROS_PER_SECOND);
        if micros != 0 {
            out[length] = b'.';
            digits(micros, &mut out[length + 1..length + 7]);
            length += 7;
            while out[length - 1] == b'0' {
                length -= 1;
            }
        }
        out[length] = b'Z';
        Some(text_of(&out[..=length]))
    }
}

/// The length of a date and time to the second, without the zone.
const SECONDS: usize = "2026-01-01T12:00:00".len();
/// The same with three digits of a second.
const MILLIS: usize = "2026-01-01T12:00:00.000".len();
/// The length of the longest zone that is written behind it without a detour.
const ZONE: usize = "Z[GMT]".len();
/// The length of the longest time in the years 1 to 9999.
const MICROS: usize = "2026-01-01T12:00:00.000001Z".len();

/// Fills `out` with the last digits of a number that is not negative.
fn digits(mut number: i64, out: &mut [u8]) {
    for place in out.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn text_of(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).expect("digits are ASCII")
}

/// Year, month and day of a day that is counted from 1970-01-01, by H. Hinnant's `civil_from_days`: years begin in March, so
/// that a leap day is the last one, and 146,097 days are 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// RFC 3339 in UTC with the zone `Z`; a time outside the years -9999 to 9999 is shown as the nearest bound.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.write(&mut [0; MICROS]) {
            return f.write_str(text);
        }
        let bound = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(bound).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.write(&mut [0; MICROS]) {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_str(self),
        }
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

    /// What the library writes, which knows the calendar.
    fn by_the_library(time: Timestamp) -> String {
        let bound = if time.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_microsecond(time.0).unwrap_or(bound).to_string()
    }

    #[test]
    fn days_of_the_whole_calendar_are_written_as_the_library_writes_it() {
        let first = Timestamp::parse("0001-01-01T00:00:00Z").unwrap().0;
        let last = Timestamp::parse("9999-12-30T00:00:00Z").unwrap().0;
        let (mut midnight, mut odd) = (first, 1_i64);
        while midnight <= last {
            // Another second and another fraction on each day.
            odd = odd * 48_271 % 2_147_483_647;
            let fraction = [0, odd % 1_000_000, odd % 1_000 * 1_000, odd % 10 * 100_000][(odd % 4) as usize];
            let time = Timestamp(midnight + odd % 86_400 * Timestamp::MICROS_PER_SECOND + fraction);
            assert_eq!(time.to_string(), by_the_library(time), "{}", time.0);
            // Every day from 1890 to 2110, and every 89th of the others.
            let is_near = (-2_524_608_000..4_417_977_600).contains(&time.unix_seconds());
            midnight += Timestamp::MICROS_PER_DAY * if is_near { 1 } else { 89 };
        }
    }

    #[test]
    fn a_time_outside_of_the_usual_years_is_written_as_the_library_writes_it() {
        let year_1 = Timestamp::parse("0001-01-01T00:00:00Z").unwrap().0;
        let year_9999 = Timestamp::parse("9999-12-30T00:00:00Z").unwrap().0;
        for micros in [i64::MIN, i64::MAX, year_1 - 1, year_1, year_9999, -1, 0, 1, year_9999 * 2] {
            let time = Timestamp(micros);
            assert_eq!(time.to_string(), by_the_library(time), "{micros}");
        }
    }

    #[test]
    fn three_digits_of_a_second_are_written_in_any_year_with_any_zone() {
        struct Millis(Timestamp, &'static str);
        impl Serialize for Millis {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize_millis(self.1, serializer)
            }
        }
        let year_1 = Timestamp::parse("0001-01-01T00:00:00Z").unwrap().0;
        for (micros, zone, text) in [
            (year_1 - 1, "Z", "0000-12-31T23:59:59.999Z"),
            (year_1, "Z", "0001-01-01T00:00:00.000Z"),
            (-1, "Z[GMT]", "1969-12-31T23:59:59.999Z[GMT]"),
            (1_767_268_800_070_999, "", "2026-01-01T12:00:00.070"),
            (1_767_268_800_070_999, " of a long zone", "2026-01-01T12:00:00.070 of a long zone"),
        ] {
            let written = serde_json::to_value(Millis(Timestamp(micros), zone)).unwrap();
            assert_eq!(written, text, "{micros}");
        }
    }
}
