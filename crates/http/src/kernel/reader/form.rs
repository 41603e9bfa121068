//! Bodies that a form sends: `application/x-www-form-urlencoded`, pairs of texts.

use percent_encoding::percent_decode;

use crate::kernel::call::Call;
use crate::kernel::problem::{FieldProblem, Problem};

/// The media type.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// The pairs of a form, in order.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a call. A request that names no media type is taken at its word.
    ///
    /// # Errors
    /// [`Problem::Invalid`] when the body is of another media type, has a field twice, or is not UTF-8 behind its percent
    /// signs: a password must not be changed on its way.
    pub fn read(call: &Call) -> Result<Self, Problem> {
        let media = call.headers().get("content-type").map(|sent| {
            String::from_utf8_lossy(sent.as_bytes()).split(';').next().unwrap_or_default().trim().to_owned()
        });
        if media.is_some_and(|media| !media.eq_ignore_ascii_case(FORM)) {
            return Err(refused(format!("the body has to be of the type {FORM}")));
        }
        Self::parse(call.body()).map_err(refused)
    }

    fn parse(body: &[u8]) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=').map(decode);
            let name = halves.next().flatten().ok_or("the name of a field is not UTF-8")?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(format!("there is a field twice: {name}"));
            }
            let value = halves.next().unwrap_or_else(|| Some(String::new()));
            let value = value.ok_or_else(|| format!("the value of a field is not UTF-8: {name}"))?;
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of a field; `None` also where it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }
}

fn decode(text: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).ok()
}

fn refused(reason: impl Into<String>) -> Problem {
    Problem::field(FieldProblem::new("form", reason).at(["body"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_forms_write_them() {
        let form = Form::parse(b"user+name=a%40b.c&password=p%26+%2B%C3%A4%&empty=&bare&&x=1=2")
            .unwrap_or_else(|_| panic!());
        for (name, value) in [
            ("user name", Some("a@b.c")),
            ("password", Some("p& +ä%")),
            ("empty", None),
            ("bare", None),
            ("x", Some("1=2")),
            ("absent", None),
        ] {
            assert_eq!(form.get(name), value, "{name}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for body in ["a=1&a=1", "a=%ff", "%ff=1", "a&%61"] {
            assert!(Form::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
