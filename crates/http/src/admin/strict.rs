//! Reading one JSON value strictly: what is not of the published form is refused with its place.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_path_to_error::Segment;

use super::wire::LineProblem;
use crate::kernel::{FieldProblem, Problem};

/// The longest message about input, in characters: it may quote the name of a field, which callers choose.
const LONGEST: usize = 300;

// A struct that is written as a JSON object: the derived readers take a list of the values, too. No documentation comment,
// because that would stand in the published document.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }
        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// A JSON object of this form.
///
/// # Errors
/// `invalid_json` for what is no JSON at all, `invalid_field` for JSON of another form.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, LineProblem> {
    let text = std::str::from_utf8(text).map_err(|error| {
        let message = format!("not UTF-8, at byte {}", error.valid_up_to() + 1);
        LineProblem { code: "invalid_json", message, field: Vec::new() }
    })?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().iter().filter_map(step).collect();
        problem(error.inner(), field)
    })?;
    deserializer.end().map_err(|error| problem(&error, Vec::new()))?;
    Ok(value)
}

/// The body of a request.
pub(super) fn body<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    parse(text).map_err(|LineProblem { message, field, .. }| {
        let loc = std::iter::once("body").chain(field.iter().map(String::as_str));
        Problem::field(FieldProblem::new("value_error", message).at(loc))
    })
}

fn step(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

fn problem(error: &serde_json::Error, mut field: Vec<String>) -> LineProblem {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if !error.is_data() {
        // The text is one line, so its column is its place.
        let message = format!("not JSON: {text}, at byte {}", error.column());
        return LineProblem { code: "invalid_json", message, field: Vec::new() };
    }
    // These two are found after the field, so its name stands in the words only.
    let named = |begin: &str| text.strip_prefix(begin).and_then(|rest| rest.strip_suffix('`'));
    let message = match (named("missing field `"), named("duplicate field `")) {
        (Some(name), _) => {
            field.push(name.to_owned());
            "is missing".to_owned()
        }
        (None, Some(name)) => {
            field.push(name.to_owned());
            "is there twice".to_owned()
        }
        (None, None) => without_value(text).chars().take(LONGEST).collect(),
    };
    LineProblem { code: "invalid_field", message, field }
}

/// `invalid type: string "Ada", expected …` without the value: it may be personal, and whoever sent it has it.
fn without_value(text: &str) -> String {
    let is_about_a_value = ["invalid type: ", "invalid value: "].iter().any(|begin| text.starts_with(begin));
    let Some((found, expected)) = text.rsplit_once(", expected ").filter(|_| is_about_a_value) else {
        return text.to_owned();
    };
    // Values that are written as texts say themselves of which form they have to be.
    if expected.starts_with("must be ") {
        return expected.to_owned();
    }
    let kind = found.split(['"', '`']).next().unwrap_or_default().trim_end();
    format!("{kind}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Outer {
        inner: Vec<Object<Inner>>,
        texts: Option<BTreeMap<String, String>>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Inner {
        name: String,
        size: Option<u8>,
    }

    #[test]
    fn a_problem_has_its_place_and_does_not_repeat_the_value() {
        for (text, code, field, message) in [
            ("", "invalid_json", "", "not JSON: EOF while parsing a value, at byte 0"),
            ("{\"inner\": [}", "invalid_json", "", "not JSON: expected value, at byte 12"),
            ("{\"inner\": []} x", "invalid_json", "", "not JSON: trailing characters, at byte 15"),
            ("[[]]", "invalid_field", "", "invalid type: sequence, expected a JSON object"),
            ("5", "invalid_field", "", "invalid type: integer, expected a JSON object"),
            ("{}", "invalid_field", "inner", "is missing"),
            ("{\"inner\": [{}]}", "invalid_field", "inner.0.name", "is missing"),
            (
                r#"{"inner": [{"name": 5}]}"#,
                "invalid_field",
                "inner.0.name",
                "invalid type: integer, expected a string",
            ),
            (
                r#"{"inner": [["a", 1]]}"#,
                "invalid_field",
                "inner.0",
                "invalid type: sequence, expected a JSON object",
            ),
            (
                r#"{"inner": "Ada, expected"}"#,
                "invalid_field",
                "inner",
                "invalid type: string, expected a sequence",
            ),
            (
                r#"{"inner": [{"name": "a", "size": 300}]}"#,
                "invalid_field",
                "inner.0.size",
                "invalid value: integer, expected u8",
            ),
            (
                r#"{"inner": [], "colour": 1}"#,
                "invalid_field",
                "colour",
                "unknown field `colour`, expected `inner` or `texts`",
            ),
            (r#"{"inner": [], "inner": []}"#, "invalid_field", "inner", "is there twice"),
            (
                r#"{"inner": [], "texts": {"a": null}}"#,
                "invalid_field",
                "texts.a",
                "invalid type: null, expected a string",
            ),
            (
                "{\"inner\": \"\u{1}\"}",
                "invalid_json",
                "",
                "not JSON: control character (\\u0000-\\u001F) found while parsing a string, at byte 12",
            ),
        ] {
            let problem = parse::<Outer>(text.as_bytes()).err().unwrap();
            assert_eq!(
                (problem.code, problem.field.join(".").as_str(), problem.message.as_str()),
                (code, field, message),
                "{text}"
            );
        }
        let problem = parse::<Outer>(b"{\"inner\": [{\"name\": \"\xff\"}]}").err().unwrap();
        assert_eq!((problem.code, problem.message.as_str()), ("invalid_json", "not UTF-8, at byte 22"));
        let long = format!("{{\"{}\": 1}}", "x".repeat(10_000));
        assert_eq!(parse::<Outer>(long.as_bytes()).err().unwrap().message.len(), LONGEST);
        assert!(parse::<Outer>(br#"{"inner": []} "#).is_ok());
    }
}
