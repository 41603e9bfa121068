//! The two forms of times (contract section 5.9).

use std::borrow::Cow;

use denizen_domain::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// `2020-12-16T09:41:43Z`: whole seconds, what is finer is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dixa) struct Seconds(pub(in crate::dixa) Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Timestamp(self.0.unix_seconds().saturating_mul(Timestamp::MICROS_PER_SECOND)).serialize(serializer)
    }
}

impl JsonSchema for Seconds {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// `2021-12-01T12:46:36.581Z[GMT]`: three digits of a second, what is finer is cut off, and the name of the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dixa) struct ZonedMillis(pub(in crate::dixa) Timestamp);

impl Serialize for ZonedMillis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_millis("Z[GMT]", serializer)
    }
}

impl JsonSchema for ZonedMillis {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "ZonedMillis".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\[GMT\]$";
        json_schema!({"type": "string", "pattern": pattern, "examples": ["2021-12-01T12:46:36.581Z[GMT]"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_cut_off_what_they_do_not_show() {
        for (micros, seconds, millis) in [
            (1_767_268_800_000_000, "2026-01-01T12:00:00Z", "2026-01-01T12:00:00.000Z[GMT]"),
            (1_767_268_800_999_999, "2026-01-01T12:00:00Z", "2026-01-01T12:00:00.999Z[GMT]"),
            (1_767_268_800_070_000, "2026-01-01T12:00:00Z", "2026-01-01T12:00:00.070Z[GMT]"),
            (-1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999Z[GMT]"),
        ] {
            assert_eq!(serde_json::to_value(Seconds(Timestamp(micros))).unwrap(), seconds);
            assert_eq!(serde_json::to_value(ZonedMillis(Timestamp(micros))).unwrap(), millis);
        }
    }
}
