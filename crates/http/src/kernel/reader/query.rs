//! Reading the query and the headers of a request.

use super::super::call::Call;
use super::super::problem::{FieldProblem, Loc, Problem};

/// Reads parameters and remembers what is wrong with them. After a problem a method returns a placeholder;
/// [`QueryReader::finish`] then fails, so that no placeholder gets out.
pub struct QueryReader<'c> {
    call: &'c Call,
    pub(super) problems: Vec<FieldProblem>,
}

impl<'c> QueryReader<'c> {
    pub fn new(call: &'c Call) -> Self {
        Self { call, problems: Vec::new() }
    }

    fn refuse(&mut self, source: &str, name: &str, problem: FieldProblem) {
        self.problems.push(problem.under(&[Loc::from(source), Loc::from(name)]));
    }

    /// Every value of a repeated key.
    pub fn strings(&self, name: &str) -> Vec<String> {
        self.call.query().all(name).map(str::to_owned).collect()
    }

    /// The last value of a key.
    pub fn text(&self, name: &str) -> Option<String> {
        self.call.query().get(name).map(str::to_owned)
    }

    /// The last value of a key that must be there; it may be empty.
    pub fn required(&mut self, name: &str) -> String {
        let value = self.text(name);
        if value.is_none() {
            self.refuse("query", name, FieldProblem::missing());
        }
        value.unwrap_or_default()
    }

    /// A header that must be there. A value that is not visible ASCII counts as absent.
    pub fn required_header(&mut self, name: &str) -> String {
        let value = self.call.header(name).map(str::to_owned);
        if value.is_none() {
            self.refuse("header", name, FieldProblem::missing());
        }
        value.unwrap_or_default()
    }

    /// A whole number with both bounds inclusive.
    pub fn int(&mut self, name: &str, default: i64, least: i64, most: i64) -> i64 {
        let Some(text) = self.call.query().get(name) else { return default };
        match parse_int(text, least, most) {
            Ok(value) => value,
            Err(problem) => {
                self.refuse("query", name, problem);
                default
            }
        }
    }

    pub fn bool(&mut self, name: &str) -> Option<bool> {
        let text = self.call.query().get(name)?;
        let value = parse_bool(text);
        if value.is_none() {
            self.refuse(
                "query",
                name,
                FieldProblem::new(
                    "bool_parsing",
                    "Input should be a valid boolean, unable to interpret input",
                ),
            );
        }
        value
    }

    /// The last value of a key, checked. The check leaves the place of its problem empty.
    pub fn custom<T>(
        &mut self,
        name: &str,
        check: impl FnOnce(&str) -> Result<T, FieldProblem>,
    ) -> Option<T> {
        match check(self.call.query().get(name)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.refuse("query", name, problem);
                None
            }
        }
    }

    /// Every value of a repeated key, each checked; a problem names the index of its value.
    pub fn customs<T>(&mut self, name: &str, check: impl Fn(&str) -> Result<T, FieldProblem>) -> Vec<T> {
        let mut values = Vec::new();
        for (index, text) in self.call.query().all(name).enumerate() {
            match check(text) {
                Ok(value) => values.push(value),
                Err(problem) => self.refuse("query", name, problem.under(&[Loc::Index(index)])),
            }
        }
        values
    }

    /// Reports a problem that no single method finds.
    pub fn problem(&mut self, problem: FieldProblem) {
        self.problems.push(problem);
    }

    /// `value`, unless anything was wrong.
    pub fn finish<T>(self, value: T) -> Result<T, Problem> {
        if self.problems.is_empty() { Ok(value) } else { Err(Problem::Invalid(self.problems)) }
    }
}

fn parse_int(text: &str, least: i64, most: i64) -> Result<i64, FieldProblem> {
    let value: i64 = text.trim().parse().map_err(|_| {
        FieldProblem::new(
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        )
    })?;
    bounded_int(value, least, most)
}

pub(super) fn bounded_int(value: i64, least: i64, most: i64) -> Result<i64, FieldProblem> {
    if value < least {
        Err(FieldProblem::greater_than_equal(least))
    } else if value > most {
        Err(FieldProblem::less_than_equal(most))
    } else {
        Ok(value)
    }
}

/// `true false 1 0 yes no on off t f y n` in any case.
pub fn parse_bool(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 6]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["true", "1", "yes", "on", "t", "y"]) {
        Some(true)
    } else if is_one_of(["false", "0", "no", "off", "f", "n"]) {
        Some(false)
    } else {
        None
    }
}
