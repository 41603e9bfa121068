//! The values which conditions compare: booleans, whole numbers and text.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

/// A value in a condition. Comparison is exact: values of different kinds are never equal, and text
/// is compared by its bytes.
///
/// JSON's `null` has no place here, because an attribute without a value is a missing one, and no
/// condition holds for that. Fractions, lists and objects are refused when a condition is parsed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    Text(String),
}

/// A [`Scalar`] that borrows its text, so that evaluating a filter allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScalarRef<'a> {
    Bool(bool),
    Int(i64),
    Text(&'a str),
}

impl Scalar {
    pub fn view(&self) -> ScalarRef<'_> {
        match self {
            Self::Bool(value) => ScalarRef::Bool(*value),
            Self::Int(value) => ScalarRef::Int(*value),
            Self::Text(value) => ScalarRef::Text(value),
        }
    }
}

impl PartialEq<ScalarRef<'_>> for Scalar {
    fn eq(&self, other: &ScalarRef<'_>) -> bool {
        self.view() == *other
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<ScalarRef<'_>> for Scalar {
    fn from(value: ScalarRef<'_>) -> Self {
        match value {
            ScalarRef::Bool(value) => Self::Bool(value),
            ScalarRef::Int(value) => Self::Int(value),
            ScalarRef::Text(value) => Self::Text(value.to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, a whole number of 64 bits, or text")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        i64::try_from(value)
            .map(Scalar::Int)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(value), &self))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        // Not every engine can hold the character, so it would fail later and less clearly.
        if value.contains('\0') {
            return Err(E::custom("text must not contain the character U+0000"));
        }
        Ok(Scalar::Text(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scalar_is_a_boolean_a_whole_number_or_text() {
        for value in [json!(true), json!(-3), json!(i64::MAX), json!("x"), json!("")] {
            let scalar: Scalar = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&scalar).unwrap(), value);
        }
    }

    #[test]
    fn every_other_json_value_is_refused_as_a_scalar() {
        for value in [
            json!(null),
            json!(1.0),
            json!(1.5),
            json!(u64::MAX),
            json!([]),
            json!(["x"]),
            json!({}),
            json!("a\0b"),
        ] {
            serde_json::from_value::<Scalar>(value.clone()).expect_err(&value.to_string());
        }
    }

    #[test]
    fn values_of_different_kinds_are_never_equal() {
        assert_ne!(Scalar::from("1"), Scalar::from(1));
        assert_ne!(Scalar::from("true"), ScalarRef::Bool(true));
        assert_eq!(Scalar::from("a"), ScalarRef::Text("a"));
    }
}
