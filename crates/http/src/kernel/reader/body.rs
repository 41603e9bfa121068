//! Reading a JSON object field by field.

use std::collections::BTreeMap;

use denizen_domain::patch::Patch;
use denizen_domain::text::{Email, bounded, stripped};
use serde_json::{Map, Value};

use super::super::call::Call;
use super::super::problem::{FieldProblem, Loc, Problem};
use super::depth;
use super::query::{QueryReader, bounded_int, parse_bool};

/// Takes fields out of an object and remembers what is wrong with them. Unknown fields are ignored.
///
/// After a problem a method returns a placeholder (an empty text, `None`, an address of nobody);
/// [`Reader::finish`] then fails, so that no placeholder gets out. "Absent" below means that the key is missing or its
/// value is `null`, unless it says otherwise.
pub struct Reader {
    members: Map<String, Value>,
    loc: Vec<Loc>,
    problems: Vec<FieldProblem>,
}

impl Reader {
    /// The request's body, which must be a JSON object.
    ///
    /// # Errors
    /// [`Problem::Invalid`] when it is absent, not JSON, nested too deeply, or no object.
    pub fn body(call: &Call) -> Result<Self, Problem> {
        match parse(call)? {
            Value::Null => Err(Problem::field(FieldProblem::missing().at(["body"]))),
            value => Self::root(value),
        }
    }

    /// Like [`Reader::body`], but an absent body and `null` read as an object without fields.
    pub fn optional_body(call: &Call) -> Result<Self, Problem> {
        match parse(call)? {
            Value::Null => Self::root(Value::Object(Map::new())),
            value => Self::root(value),
        }
    }

    fn root(value: Value) -> Result<Self, Problem> {
        let loc = vec![Loc::from("body")];
        match value {
            Value::Object(members) => Ok(Self { members, loc, problems: Vec::new() }),
            _ => Err(Problem::field(FieldProblem::object_type().under(&loc))),
        }
    }

    /// Reports a problem of a field, whatever found it.
    pub fn problem(&mut self, name: &str, problem: FieldProblem) {
        let mut loc = self.loc.clone();
        loc.push(Loc::from(name));
        self.problems.push(problem.under(&loc));
    }

    /// The value of a field, if it is there and not `null`.
    fn present(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// The value of a field that must be there; `null` is left for the check of its type to refuse.
    fn required(&mut self, name: &str) -> Option<Value> {
        let value = self.members.remove(name);
        if value.is_none() {
            self.problem(name, FieldProblem::missing());
        }
        value
    }

    fn checked<T>(
        &mut self,
        name: &str,
        value: Option<Value>,
        check: impl FnOnce(Value) -> Result<T, FieldProblem>,
    ) -> Option<T> {
        match check(value?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(name, problem);
                None
            }
        }
    }

    /// Whether the key is there, `null` included. To be asked before the field is read.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A text of 1 to `most` characters after trimming.
    pub fn required_text(&mut self, name: &str, most: usize) -> String {
        let value = self.required(name);
        self.checked(name, value, |value| stripped_text(&value, most)).unwrap_or_default()
    }

    /// Like [`Reader::required_text`], or absent.
    pub fn optional_text(&mut self, name: &str, most: usize) -> Option<String> {
        let value = self.present(name);
        self.checked(name, value, |value| stripped_text(&value, most))
    }

    /// A text of at most `most` characters as it was sent: not trimmed, and it may be empty.
    pub fn required_raw_text(&mut self, name: &str, most: usize) -> String {
        let value = self.required(name);
        self.checked(name, value, |value| raw_text(&value, most)).unwrap_or_default()
    }

    /// Like [`Reader::required_raw_text`], or absent.
    pub fn optional_raw_text(&mut self, name: &str, most: usize) -> Option<String> {
        let value = self.present(name);
        self.checked(name, value, |value| raw_text(&value, most))
    }

    /// An e-mail address.
    pub fn email(&mut self, name: &str) -> Email {
        let value = self.required(name);
        self.checked(name, value, |value| email(&value)).unwrap_or_else(|| {
            Email::parse("nobody@example.invalid").expect("the placeholder has the form of an address")
        })
    }

    /// A truth value, or absent.
    pub fn bool(&mut self, name: &str) -> Option<bool> {
        let value = self.present(name);
        self.checked(name, value, |value| truth(&value))
    }

    pub fn required_bool(&mut self, name: &str) -> bool {
        let value = self.required(name);
        self.checked(name, value, |value| truth(&value)).unwrap_or_default()
    }

    /// A whole number with both bounds inclusive, or absent.
    pub fn int(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        let value = self.present(name);
        self.checked(name, value, |value| {
            let number = value
                .as_i64()
                .ok_or_else(|| FieldProblem::new("int_type", "Input should be a valid integer"))?;
            bounded_int(number, least, most)
        })
    }

    /// A list of texts, each of 1 to `longest` characters after trimming; at most `most` of them; or absent.
    pub fn strings(&mut self, name: &str, most: usize, longest: usize) -> Option<Vec<String>> {
        self.list(name, most, |value| stripped_text(&value, longest))
    }

    /// A list of at most `most` items, each checked; or absent. A check leaves the place of its problem empty.
    pub fn list<T>(
        &mut self,
        name: &str,
        most: usize,
        check: impl Fn(Value) -> Result<T, FieldProblem>,
    ) -> Option<Vec<T>> {
        let value = self.present(name);
        let items = self.checked(name, value, |value| items_of(value, most))?;
        let mut checked = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match check(item) {
                Ok(item) => checked.push(item),
                Err(problem) => self.problem(name, problem.under(&[Loc::Index(index)])),
            }
        }
        Some(checked)
    }

    /// A map of at most `most` texts, each name and value checked; or absent.
    pub fn map(
        &mut self,
        name: &str,
        most: usize,
        longest: usize,
        check_name: impl Fn(&str) -> Result<(), FieldProblem>,
    ) -> Option<BTreeMap<String, String>> {
        let value = self.present(name);
        let members = self.checked(name, value, |value| match value {
            Value::Object(members) if members.len() > most => {
                Err(FieldProblem::too_long("Dictionary", most, members.len()))
            }
            Value::Object(members) => Ok(members),
            _ => Err(FieldProblem::dict_type()),
        })?;
        let mut checked = BTreeMap::new();
        for (key, value) in members {
            let at = [Loc::Key(key.clone())];
            if let Err(problem) = check_name(&key) {
                self.problem(name, problem.under(&[at[0].clone(), Loc::from("[key]")]));
            }
            match raw_text(&value, longest) {
                Ok(text) => {
                    checked.insert(key, text);
                }
                Err(problem) => self.problem(name, problem.under(&at)),
            }
        }
        Some(checked)
    }

    /// An object inside of this one, read by a function; or absent.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Reader) -> T) -> Option<T> {
        let value = self.present(name)?;
        self.inner(&[Loc::from(name)], value, read)
    }

    /// A list of at most `most` objects, each read by a function; or absent.
    pub fn array_of<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl Fn(&mut Reader) -> T,
    ) -> Option<Vec<T>> {
        let value = self.present(name);
        self.objects(name, value, most, read)
    }

    /// Like [`Reader::array_of`], but it must be there.
    pub fn required_array_of<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl Fn(&mut Reader) -> T,
    ) -> Vec<T> {
        let value = self.required(name);
        self.objects(name, value, most, read).unwrap_or_default()
    }

    fn objects<T>(
        &mut self,
        name: &str,
        value: Option<Value>,
        most: usize,
        read: impl Fn(&mut Reader) -> T,
    ) -> Option<Vec<T>> {
        let items = self.checked(name, value, |value| items_of(value, most))?;
        let read_one = |(index, item)| self.inner(&[Loc::from(name), Loc::Index(index)], item, &read);
        Some(items.into_iter().enumerate().filter_map(read_one).collect())
    }

    fn inner<T>(&mut self, place: &[Loc], value: Value, read: impl FnOnce(&mut Reader) -> T) -> Option<T> {
        let loc: Vec<Loc> = self.loc.iter().chain(place).cloned().collect();
        let Value::Object(members) = value else {
            self.problems.push(FieldProblem::object_type().under(&loc));
            return None;
        };
        let mut reader = Reader { members, loc, problems: std::mem::take(&mut self.problems) };
        let read = read(&mut reader);
        self.problems = reader.problems;
        Some(read)
    }

    /// A field that can be erased: a missing key and `{}` keep it, `null` clears it, a text sets it.
    pub fn patch_text(&mut self, name: &str, most: usize) -> Patch<String> {
        self.patch(name, |value| stripped_text(&value, most))
    }

    /// Like [`Reader::patch_text`] for values of any type. The check sees whatever is neither `null` nor `{}`.
    pub fn patch<T>(&mut self, name: &str, check: impl FnOnce(Value) -> Result<T, FieldProblem>) -> Patch<T> {
        match self.members.remove(name) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Clear,
            Some(Value::Object(members)) if members.is_empty() => Patch::Keep,
            value => Patch::from_option(self.checked(name, value, check)),
        }
    }

    /// A field of any form, or absent. The check leaves the place of its problem empty.
    pub fn custom<T>(
        &mut self,
        name: &str,
        check: impl FnOnce(Value) -> Result<T, FieldProblem>,
    ) -> Option<T> {
        let value = self.present(name);
        self.checked(name, value, check)
    }

    /// A field of any form that must be there; `null` reaches the check. `None` only after a problem.
    pub fn required_custom<T>(
        &mut self,
        name: &str,
        check: impl FnOnce(Value) -> Result<T, FieldProblem>,
    ) -> Option<T> {
        let value = self.required(name);
        self.checked(name, value, check)
    }

    /// Takes over the problems of the query, so that one answer reports both.
    pub fn join(&mut self, query: QueryReader<'_>) {
        self.problems.splice(0..0, query.problems);
    }

    /// Whether nothing was wrong so far.
    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }

    /// `value`, unless anything was wrong.
    pub fn finish<T>(self, value: T) -> Result<T, Problem> {
        if self.problems.is_empty() { Ok(value) } else { Err(Problem::Invalid(self.problems)) }
    }

    /// The value of `Some`, unless anything was wrong. For values whose parts have no placeholder: build them with `?`
    /// or `zip` in an `Option`.
    pub fn finish_some<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Problem::Invalid(self.problems)),
        }
    }
}

/// The body as JSON; `Null` when there is none.
fn parse(call: &Call) -> Result<Value, Problem> {
    let text = call.body();
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let most = call.app().settings.json_depth;
    if let Some(position) = depth::exceeds(text, most) {
        let reason = format!("nested more than {most} levels deep");
        return Err(Problem::field(FieldProblem::json_invalid(position, &reason)));
    }
    serde_json::from_slice(text).map_err(|error| {
        let position =
            if error.is_eof() { text.len() } else { position_of(text, error.line(), error.column()) };
        let reason = error.to_string();
        // The place stands in `loc` already.
        let reason = reason.split(" at line ").next().unwrap_or_default();
        Problem::field(FieldProblem::json_invalid(position, reason))
    })
}

/// The byte at a line and column, which both count from 1 (a column of 0 is the line's beginning).
fn position_of(text: &[u8], line: usize, column: usize) -> usize {
    let before: usize =
        text.split(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(|line| line.len() + 1).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

fn text_of(value: &Value) -> Result<&str, FieldProblem> {
    value.as_str().ok_or_else(FieldProblem::string_type)
}

fn stripped_text(value: &Value, most: usize) -> Result<String, FieldProblem> {
    Ok(stripped(text_of(value)?, most)?)
}

fn raw_text(value: &Value, most: usize) -> Result<String, FieldProblem> {
    Ok(bounded(text_of(value)?, most)?)
}

fn email(value: &Value) -> Result<Email, FieldProblem> {
    Email::parse(text_of(value)?).map_err(|reason| FieldProblem::email(&reason))
}

/// What pydantic takes for a truth value: `true`, `false`, 1, 0 and the words of [`parse_bool`].
fn truth(value: &Value) -> Result<bool, FieldProblem> {
    let parsing =
        || FieldProblem::new("bool_parsing", "Input should be a valid boolean, unable to interpret input");
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) => parse_bool(text).ok_or_else(parsing),
        Value::Number(number) => match number.as_f64() {
            Some(0.0) => Ok(false),
            Some(1.0) => Ok(true),
            _ => Err(parsing()),
        },
        _ => Err(FieldProblem::new("bool_type", "Input should be a valid boolean")),
    }
}

fn items_of(value: Value, most: usize) -> Result<Vec<Value>, FieldProblem> {
    match value {
        Value::Array(items) if items.len() > most => Err(FieldProblem::too_long("List", most, items.len())),
        Value::Array(items) => Ok(items),
        _ => Err(FieldProblem::list_type()),
    }
}
