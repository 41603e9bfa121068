//! Reading a line of a stream strictly: what is not of the published form is refused with its place.

use serde::de::DeserializeOwned;

use super::wire::LineProblem;
use crate::kernel::{Misread, read_object};

/// A JSON object of this form.
///
/// # Errors
/// `invalid_json` for what is no JSON at all, `invalid_field` for JSON of another form.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, LineProblem> {
    read_object(text).map_err(|Misread { is_json, field, message }| {
        if is_json {
            LineProblem { code: "invalid_field", message: in_words(message), field }
        } else {
            // It begins with "not".
            LineProblem { code: "invalid_json", message: format!("is {message}"), field }
        }
    })
}

/// `invalid type: string, expected i64` in words that do not ask for knowledge of the program; others as they are.
fn in_words(message: String) -> String {
    let is_about_a_value =
        ["invalid type: ", "invalid value: "].iter().any(|begin| message.starts_with(begin));
    let Some((found, expected)) = message.rsplit_once(", expected ").filter(|_| is_about_a_value) else {
        return message;
    };
    let is_out_of_range = found == "invalid value: integer" || found == "invalid type: integer";
    match expected {
        "i64" if is_out_of_range => format!("must be a whole number of at most {}", i64::MAX),
        "i32" if is_out_of_range => format!("must be a whole number from {} to {}", i32::MIN, i32::MAX),
        "i64" | "i32" => "must be a whole number".to_owned(),
        "a string" => "must be a text".to_owned(),
        "a boolean" => "must be true or false".to_owned(),
        "a sequence" => "must be a list".to_owned(),
        "a map" | "a JSON object" => "must be a JSON object".to_owned(),
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Everything {
        whole: Option<i64>,
        small: Option<i32>,
        text: Option<String>,
        is_so: Option<bool>,
        list: Option<Vec<String>>,
        map: Option<std::collections::BTreeMap<String, String>>,
        unit: Option<()>,
    }

    #[test]
    fn what_is_wrong_is_said_for_people_and_without_the_value() {
        for (line, field, message) in [
            (r#"{"whole": "7"}"#, "whole", "must be a whole number"),
            (r#"{"whole": 7.5}"#, "whole", "must be a whole number"),
            (
                r#"{"whole": 9223372036854775808}"#,
                "whole",
                "must be a whole number of at most 9223372036854775807",
            ),
            (r#"{"small": 2147483648}"#, "small", "must be a whole number from -2147483648 to 2147483647"),
            (r#"{"text": 7}"#, "text", "must be a text"),
            (r#"{"list": [null]}"#, "list.0", "must be a text"),
            (r#"{"is_so": 1}"#, "is_so", "must be true or false"),
            (r#"{"list": "Ann, expected i64"}"#, "list", "must be a list"),
            (r#"{"map": []}"#, "map", "must be a JSON object"),
            ("[]", "", "must be a JSON object"),
            (r#"{"unit": "Ann"}"#, "unit", "invalid type: string, expected unit"),
            ("{", "", "is not JSON: EOF while parsing an object, at byte 1"),
        ] {
            let problem = parse::<Everything>(line.as_bytes()).unwrap_err();
            assert_eq!(
                (problem.field.join(".").as_str(), problem.message.as_str()),
                (field, message),
                "{line}"
            );
        }
    }
}
