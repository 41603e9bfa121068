//! SQL texts: written once with `$1`-style positions, registered by name, rewritten per engine.

use std::sync::OnceLock;

use bytes::BufMut as _;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, Kind, Type};

use crate::changes::Alters;
use crate::error::{Result, StoreError};
use crate::texts::Misfit;

/// What a statement is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// A fixed statement. Every one stands in its module's `STATEMENTS`, and a test prepares each of them.
pub struct Sql {
    pub name: &'static str,
    for_sqlite: &'static str,
    for_postgres: &'static str,
    sqlite: OnceLock<String>,
    alters: OnceLock<Alters>,
}

impl Sql {
    /// A statement that both engines understand.
    pub const fn new(name: &'static str, text: &'static str) -> Self {
        Self::split(name, text, text)
    }

    /// A statement that the engines write differently. One that an engine never runs is empty there.
    pub const fn split(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        Self {
            name,
            for_sqlite: sqlite,
            for_postgres: postgres,
            sqlite: OnceLock::new(),
            alters: OnceLock::new(),
        }
    }

    /// The text for SQLite.
    pub fn sqlite(&self) -> &str {
        self.sqlite.get_or_init(|| numbered_for_sqlite(self.for_sqlite))
    }

    /// The text for PostgreSQL.
    pub fn postgres(&self) -> &'static str {
        self.for_postgres
    }

    /// What it may change of what is remembered, on either engine.
    pub(crate) fn alters(&self) -> Alters {
        *self.alters.get_or_init(|| Alters::of(self.for_sqlite).max(Alters::of(self.for_postgres)))
    }
}

/// Rewrites `$n` to `?n`.
///
/// Engine: rusqlite numbers `$1` by its first appearance, as a name, and so binds the wrong value in silence.
pub(crate) fn numbered_for_sqlite(text: &str) -> String {
    text.replace('$', "?")
}

/// A value on its way into a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Param<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
    /// The words of a text-search vector; PostgreSQL only.
    Words(&'a [String]),
}

impl Param<'_> {
    pub fn bool(value: bool) -> Self {
        Self::Int(i64::from(value))
    }

    /// The value, for a statement that is sent later; `None` is NULL.
    pub(crate) fn to_value(self) -> Option<Value> {
        Some(match self {
            Self::Null => return None,
            Self::Int(value) => Value::Int(value),
            Self::Text(value) => Value::Text(value.to_owned()),
            Self::Blob(value) => Value::Blob(value.to_owned()),
            Self::Words(words) => Value::Words(words.to_owned()),
        })
    }
}

impl<'a> Param<'a> {
    pub fn optional_text(value: Option<&'a str>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }
    pub fn optional_blob(value: Option<&'a [u8]>) -> Self {
        value.map_or(Self::Null, Self::Blob)
    }
    pub fn optional_int(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
            Self::Words(_) => {
                let error = "SQLite has no text-search vectors".to_owned();
                return Err(rusqlite::Error::ToSqlConversionFailure(error.into()));
            }
        }))
    }
}

impl tokio_postgres::types::ToSql for Param<'_> {
    /// Written as the type that the server wants in this place: numbers and booleans have several.
    fn to_sql(
        &self,
        wanted: &Type,
        out: &mut bytes::BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (*self, wanted) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::Int(value), &Type::INT8) => value.to_sql(wanted, out)?,
            (Self::Int(value), &Type::INT4) => i32::try_from(value)?.to_sql(wanted, out)?,
            (Self::Int(value), &Type::INT2) => i16::try_from(value)?.to_sql(wanted, out)?,
            (Self::Int(value), &Type::BOOL) => (value != 0).to_sql(wanted, out)?,
            (Self::Text(value), &Type::TEXT) => value.to_sql(wanted, out)?,
            (Self::Blob(value), &Type::BYTEA) => value.to_sql(wanted, out)?,
            (Self::Words(words), &Type::TS_VECTOR) => return write_words(words, out),
            _ => return Err(format!("a parameter of the type {wanted} was given another value").into()),
        };
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// The binary form of a text-search vector: how many words there are, then each with a zero behind it and no positions.
fn write_words(
    words: &[String],
    out: &mut bytes::BytesMut,
) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
    out.put_i32(i32::try_from(words.len())?);
    for word in words {
        out.put_slice(word.as_bytes());
        out.put_u8(0);
        out.put_u16(0);
    }
    Ok(IsNull::No)
}

/// The values of one column of many rows, on their way into PostgreSQL as an array.
#[derive(Debug)]
pub(crate) struct Many<'a>(pub(crate) Vec<Param<'a>>);

impl tokio_postgres::types::ToSql for Many<'_> {
    /// The binary form of an array: one dimension, the type of the elements, how many they are, the number of the first,
    /// and each with its length before it, which is -1 for NULL.
    fn to_sql(
        &self,
        wanted: &Type,
        out: &mut bytes::BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Kind::Array(element) = wanted.kind() else {
            return Err(format!("a parameter of the type {wanted} was given an array").into());
        };
        out.put_i32(1);
        out.put_i32(1);
        out.put_u32(element.oid());
        out.put_i32(i32::try_from(self.0.len())?);
        out.put_i32(1);
        for value in &self.0 {
            let at = out.len();
            out.put_i32(-1);
            if let IsNull::No = value.to_sql(element, out)? {
                let length = i32::try_from(out.len() - at - size_of::<i32>())?;
                out[at..at + size_of::<i32>()].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// An owned value, for statements that are put together at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
    /// The words of a text-search vector; PostgreSQL only.
    Words(Vec<String>),
}

impl Value {
    pub fn as_param(&self) -> Param<'_> {
        match self {
            Self::Int(value) => Param::Int(*value),
            Self::Text(value) => Param::Text(value),
            Self::Blob(value) => Param::Blob(value),
            Self::Words(words) => Param::Words(words),
        }
    }
}

/// Lists that are longer than this are padded to a multiple of it.
const PADDING_STEP: usize = 1_024;

/// A statement that is put together at run time, with its values. Text comes from denizen only; values are bound.
#[derive(Debug, Clone, Default)]
pub struct Statement {
    text: String,
    values: Vec<Value>,
}

impl Statement {
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a position and binds `value` to it.
    pub fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// Appends `(v, v, …)`. The list is padded with its last value to a power of two, or beyond 1,024 to a multiple of
    /// that, so that lists of many lengths share few prepared statements; an empty list becomes `(NULL)`, which nothing
    /// equals, and whose negation is unknown. A statement holds at most 32,766 values.
    pub fn bind_list(&mut self, values: Vec<Value>) -> &mut Self {
        let Some(last) = values.last().cloned() else {
            return self.push("(NULL)");
        };
        let length = match values.len() {
            short @ ..=PADDING_STEP => short.next_power_of_two(),
            long => long.next_multiple_of(PADDING_STEP),
        };
        self.text.push('(');
        for (at, value) in values.into_iter().chain(std::iter::repeat(last)).take(length).enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.bind(value);
        }
        self.push(")")
    }

    pub(crate) fn sqlite(&self) -> String {
        numbered_for_sqlite(&self.text)
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is bound to `$1`, `$2`, …
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    pub(crate) fn params(&self) -> Vec<Param<'_>> {
        self.values.iter().map(Value::as_param).collect()
    }
}

/// One row of an answer; columns are numbered from 0.
pub enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

/// A number of any width, or a boolean.
struct Number(i64);

impl<'a> tokio_postgres::types::FromSql<'a> for Number {
    fn from_sql(
        found: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *found {
            Type::INT8 => i64::from_sql(found, raw)?,
            Type::INT4 => i32::from_sql(found, raw)?.into(),
            Type::INT2 => i16::from_sql(found, raw)?.into(),
            _ => bool::from_sql(found, raw)?.into(),
        }))
    }

    fn accepts(found: &Type) -> bool {
        matches!(*found, Type::INT8 | Type::INT4 | Type::INT2 | Type::BOOL)
    }
}

/// A text as it came.
struct RawText<'a>(&'a [u8]);

impl<'a> tokio_postgres::types::FromSql<'a> for RawText<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> std::result::Result<Self, Misfit> {
        Ok(Self(raw))
    }

    fn accepts(found: &Type) -> bool {
        *found == Type::TEXT
    }
}

// A page has more than a thousand columns: what takes one out is put where it is asked for, and what tells of a misfit elsewhere.
impl Row<'_> {
    #[inline]
    pub fn int(&self, column: usize) -> Result<i64> {
        match self {
            Self::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Integer(value) => Ok(value),
                other => Err(of_another_type(column, other)),
            },
            Self::Postgres(_) => self.optional_int(column)?.ok_or_else(|| is_null(column)),
        }
    }

    #[inline]
    pub fn optional_int(&self, column: usize) -> Result<Option<i64>> {
        match self {
            Self::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Integer(value) => Ok(Some(value)),
                ValueRef::Null => Ok(None),
                other => Err(of_another_type(column, other)),
            },
            Self::Postgres(row) => {
                let value: Option<Number> = from_postgres(row, column)?;
                Ok(value.map(|number| number.0))
            }
        }
    }

    #[inline]
    pub fn bool(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub fn str(&self, column: usize) -> Result<&str> {
        self.optional_str(column)?.ok_or_else(|| is_null(column))
    }

    pub(crate) fn optional_str(&self, column: usize) -> Result<Option<&str>> {
        match self {
            Self::Sqlite(_) => {
                let bytes = self.optional_bytes(column)?;
                bytes.map(std::str::from_utf8).transpose().map_err(|error| unexpected(column, &error))
            }
            Self::Postgres(row) => from_postgres(row, column),
        }
    }

    /// The bytes of a text, at which nobody has looked yet.
    #[inline]
    pub(crate) fn optional_bytes(&self, column: usize) -> Result<Option<&[u8]>> {
        match self {
            Self::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Text(bytes) => Ok(Some(bytes)),
                ValueRef::Null => Ok(None),
                other => Err(of_another_type(column, other)),
            },
            Self::Postgres(row) => Ok(from_postgres::<RawText<'_>>(row, column)?.map(|text| text.0)),
        }
    }

    /// A text, which `keep` keeps.
    #[inline]
    pub(crate) fn kept<'r, T>(
        &'r self,
        column: usize,
        keep: impl FnOnce(&'r [u8]) -> std::result::Result<T, Misfit>,
    ) -> Result<T> {
        match self.optional_bytes(column)? {
            Some(bytes) => keep(bytes).map_err(|error| unexpected(column, &error)),
            None => Err(is_null(column)),
        }
    }

    /// A text, if there is one, which `keep` keeps.
    #[inline]
    pub(crate) fn optional_kept<'r, T>(
        &'r self,
        column: usize,
        keep: impl FnOnce(&'r [u8]) -> std::result::Result<T, Misfit>,
    ) -> Result<Option<T>> {
        match self.optional_bytes(column)? {
            Some(bytes) => keep(bytes).map(Some).map_err(|error| unexpected(column, &error)),
            None => Ok(None),
        }
    }

    pub fn text(&self, column: usize) -> Result<String> {
        self.str(column).map(str::to_owned)
    }

    pub fn optional_text(&self, column: usize) -> Result<Option<String>> {
        Ok(self.optional_str(column)?.map(str::to_owned))
    }

    #[inline]
    pub fn blob(&self, column: usize) -> Result<&[u8]> {
        match self.optional_blob(column)? {
            Some(bytes) => Ok(bytes),
            None => Err(is_null(column)),
        }
    }

    #[inline]
    pub fn optional_blob(&self, column: usize) -> Result<Option<&[u8]>> {
        match self {
            Self::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Blob(bytes) => Ok(Some(bytes)),
                ValueRef::Null => Ok(None),
                other => Err(of_another_type(column, other)),
            },
            Self::Postgres(row) => from_postgres(row, column),
        }
    }

    /// A column of whatever type, in the form that both engines share: booleans are numbers.
    pub(crate) fn param(&self, column: usize) -> Result<Param<'_>> {
        match self {
            Self::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Null => Ok(Param::Null),
                ValueRef::Integer(value) => Ok(Param::Int(value)),
                ValueRef::Text(text) => {
                    std::str::from_utf8(text).map(Param::Text).map_err(|error| unexpected(column, &error))
                }
                ValueRef::Blob(bytes) => Ok(Param::Blob(bytes)),
                ValueRef::Real(_) => Err(unexpected(column, &"it is a fraction")),
            },
            Self::Postgres(row) => match *row.columns()[column].type_() {
                Type::TEXT => Ok(Param::optional_text(from_postgres(row, column)?)),
                Type::BYTEA => Ok(Param::optional_blob(from_postgres(row, column)?)),
                _ => Ok(Param::optional_int(self.optional_int(column)?)),
            },
        }
    }

    /// A column that holds an id; `parse` makes it from the bytes.
    #[inline]
    pub fn id<T>(&self, column: usize, parse: fn(&[u8]) -> Option<T>) -> Result<T> {
        match parse(self.blob(column)?) {
            Some(id) => Ok(id),
            None => Err(unexpected(column, &"it is no id")),
        }
    }

    /// A column that holds JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T> {
        serde_json::from_str(self.str(column)?).map_err(|error| unexpected(column, &error))
    }
}

#[inline]
fn from_postgres<'r, T: tokio_postgres::types::FromSql<'r>>(
    row: &'r tokio_postgres::Row,
    column: usize,
) -> Result<Option<T>> {
    row.try_get(column).map_err(|error| unexpected(column, &error))
}

#[cold]
fn is_null(column: usize) -> StoreError {
    unexpected(column, &"it is NULL")
}

#[cold]
fn of_another_type(column: usize, found: ValueRef<'_>) -> StoreError {
    unexpected(column, &format_args!("it is of the type {}", found.data_type()))
}

#[cold]
fn unexpected(column: usize, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("column {column}: {error}"))
}

/// Any value as JSON text for a column.
pub(crate) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("maps with text keys and plain values always serialize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_similar_length_share_a_statement() {
        let text = |n: i64| {
            let mut statement = Statement::new("IN ");
            statement.bind_list((0..n).map(Value::Int).collect());
            statement.sqlite()
        };
        assert_eq!(text(3), "IN (?1,?2,?3,?4)");
        assert_eq!(text(3), text(4));
        assert_eq!(text(0), "IN (NULL)");
    }
}
