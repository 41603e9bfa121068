//! Reading a JSON object into a type: what is not of the published form is refused with its place, and without its value,
//! which may be personal.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_path_to_error::Segment;

use super::super::call::Call;
use super::super::problem::{FieldProblem, Loc, Problem};
use super::depth;

/// The longest message about input, in characters: it may quote the name of a field, which callers choose.
const LONGEST: usize = 300;

// A struct that is written as a JSON object: the derived readers take a list of the values, too. No documentation comment,
// because that would stand in the published document.
#[derive(JsonSchema)]
#[schemars(inline)]
pub struct Object<T>(pub T);

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

/// Why a text is not what was to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    /// Whether it is JSON at all.
    pub is_json: bool,
    /// From the outside to the inside.
    pub field: Vec<String>,
    pub message: String,
}

impl Misread {
    fn no_json(message: String) -> Self {
        Self { is_json: false, field: Vec::new(), message }
    }
}

/// A JSON object of this form.
///
/// # Errors
/// What is no JSON, and what is JSON of another form.
pub fn read_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, Misread> {
    let text = std::str::from_utf8(text)
        .map_err(|error| Misread::no_json(format!("not UTF-8, at byte {}", error.valid_up_to() + 1)))?;
    if let Ok(Object(value)) = serde_json::from_str(text) {
        return Ok(value);
    }
    // Once more, and noting where it reads, which takes twice as long.
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().iter().filter_map(step).collect();
        misread(text, error.inner(), field)
    })?;
    deserializer.end().map_err(|error| misread(text, &error, Vec::new()))?;
    Ok(value)
}

/// The body of a request as a JSON object of this form.
///
/// # Errors
/// [`Problem::Invalid`], also when it is absent or nested too deeply.
pub fn read_body<T: DeserializeOwned>(call: &Call) -> Result<T, Problem> {
    let text = call.body();
    let most = call.app().settings.json_depth;
    if let Some(position) = depth::exceeds(text, most) {
        let reason = format!("nested more than {most} levels deep");
        return Err(Problem::field(FieldProblem::json_invalid(position, &reason)));
    }
    read_object(text).map_err(|Misread { message, field, .. }| {
        let field = field.into_iter().map(Loc::Key);
        let loc = std::iter::once(Loc::from("body")).chain(field);
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

fn misread(whole: &str, error: &serde_json::Error, mut field: Vec<String>) -> Misread {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if !error.is_data() {
        let before: usize =
            whole.split('\n').take(error.line().saturating_sub(1)).map(|line| line.len() + 1).sum();
        return Misread::no_json(format!("not JSON: {text}, at byte {}", before + error.column()));
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
    Misread { is_json: true, field, message }
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
        for (text, is_json, field, message) in [
            ("", false, "", "not JSON: EOF while parsing a value, at byte 0"),
            ("{\"inner\": [}", false, "", "not JSON: expected value, at byte 12"),
            ("{\n\"inner\":\n [}", false, "", "not JSON: expected value, at byte 14"),
            ("{\"inner\": []} x", false, "", "not JSON: trailing characters, at byte 15"),
            ("[[]]", true, "", "invalid type: sequence, expected a JSON object"),
            ("5", true, "", "invalid type: integer, expected a JSON object"),
            ("{}", true, "inner", "is missing"),
            ("{\"inner\": [{}]}", true, "inner.0.name", "is missing"),
            (r#"{"inner": [{"name": 5}]}"#, true, "inner.0.name", "invalid type: integer, expected a string"),
            (r#"{"inner": [["a", 1]]}"#, true, "inner.0", "invalid type: sequence, expected a JSON object"),
            (r#"{"inner": "Ada, expected"}"#, true, "inner", "invalid type: string, expected a sequence"),
            (
                r#"{"inner": [{"name": "a", "size": 300}]}"#,
                true,
                "inner.0.size",
                "invalid value: integer, expected u8",
            ),
            (
                r#"{"inner": [], "colour": 1}"#,
                true,
                "colour",
                "unknown field `colour`, expected `inner` or `texts`",
            ),
            (r#"{"inner": [], "inner": []}"#, true, "inner", "is there twice"),
            (
                r#"{"inner": [], "texts": {"a": null}}"#,
                true,
                "texts.a",
                "invalid type: null, expected a string",
            ),
            (
                "{\"inner\": \"\u{1}\"}",
                false,
                "",
                "not JSON: control character (\\u0000-\\u001F) found while parsing a string, at byte 12",
            ),
        ] {
            let problem = read_object::<Outer>(text.as_bytes()).err().unwrap();
            assert_eq!(
                (problem.is_json, problem.field.join(".").as_str(), problem.message.as_str()),
                (is_json, field, message),
                "{text}"
            );
        }
        let problem = read_object::<Outer>(b"{\"inner\": [{\"name\": \"\xff\"}]}").err().unwrap();
        assert_eq!((problem.is_json, problem.message.as_str()), (false, "not UTF-8, at byte 22"));
        let long = format!("{{\"{}\": 1}}", "x".repeat(10_000));
        assert_eq!(read_object::<Outer>(long.as_bytes()).err().unwrap().message.len(), LONGEST);
        assert!(read_object::<Outer>(br#"{"inner": []} "#).is_ok());
    }
}
