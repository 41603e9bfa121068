//! JSON Schemas in words.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::html::inline;
use crate::kernel::Escaped;

const REFERENCES: &str = "#/components/schemas/";

/// The schemas that a document names.
pub(super) struct Schemas<'d>(pub(super) &'d Map<String, Value>);

impl Schemas<'_> {
    /// A type in a few words of HTML; a named schema is a link.
    pub(super) fn in_words(&self, schema: &Value) -> String {
        if let Some(name) = name_of(schema) {
            return format!("<a href=\"#schema-{0}\">{0}</a>", Escaped(name));
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(choices) = schema[key].as_array() {
                return choices.iter().map(|choice| self.in_words(choice)).collect::<Vec<_>>().join(" or ");
            }
        }
        if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
            return self.in_words(only);
        }
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().map(value).collect::<Vec<_>>().join(" or ");
        }
        if !schema["const"].is_null() {
            return value(&schema["const"]);
        }
        let mut words = match &schema["type"] {
            Value::String(kind) => self.kind(kind, schema),
            Value::Array(kinds) => {
                let kinds = kinds.iter().filter_map(Value::as_str);
                kinds.map(|kind| self.kind(kind, schema)).collect::<Vec<_>>().join(" or ")
            }
            _ => "anything".to_owned(),
        };
        for (key, sign) in [
            ("minimum", "≥ "),
            ("maximum", "≤ "),
            ("minLength", "characters ≥ "),
            ("maxLength", "characters ≤ "),
            ("minItems", "items ≥ "),
            ("maxItems", "items ≤ "),
            ("minProperties", "entries ≥ "),
            ("maxProperties", "entries ≤ "),
            ("pattern", "of the form "),
        ] {
            // The bounds that a whole number has by its width tell nobody anything.
            let by_width = key == "minimum" && schema[key] == 0 && schema["format"].is_string();
            if !schema[key].is_null() && !by_width {
                let _ = write!(words, ", {sign}{}", value(&schema[key]));
            }
        }
        if !schema["default"].is_null() {
            let _ = write!(words, " <span class=\"soft\">= {}</span>", value(&schema["default"]));
        }
        words
    }

    fn kind(&self, kind: &str, schema: &Value) -> String {
        match kind {
            "array" => format!("list of {}", self.in_words(&schema["items"])),
            "object" if schema["additionalProperties"].is_object() => {
                format!("map of {}", self.in_words(&schema["additionalProperties"]))
            }
            "string" => match schema["format"].as_str() {
                Some(format) => format!("text ({})", Escaped(format)),
                None => "text".to_owned(),
            },
            "integer" => "whole number".to_owned(),
            "boolean" => "true or false".to_owned(),
            other => Escaped(other).to_string(),
        }
    }

    /// The fields of an object as a table, one table for each form that it may have; nothing for schemas without fields.
    pub(super) fn fields(&self, schema: &Value) -> String {
        let choices = self.resolve(schema)["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        if choices.len() > 1 && choices.iter().all(|choice| choice["properties"].is_object()) {
            return choices.iter().map(|choice| self.fields(choice)).collect::<Vec<_>>().join("<p>or</p>");
        }
        let Some(properties) = self.resolve(schema)["properties"].as_object() else { return String::new() };
        let required: Vec<&str> = self.resolve(schema)["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut table = String::from(
            "<div class=\"scroll\"><table><tr><th>Field</th><th>Type</th><th>Description</th></tr>",
        );
        for (name, field) in properties {
            let _ = write!(
                table,
                "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td></tr>",
                Escaped(name),
                required_mark(required.contains(&name.as_str())),
                self.in_words(field),
                inline(field["description"].as_str().unwrap_or_default()),
            );
        }
        table.push_str("</table></div>");
        table
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        name_of(schema).and_then(|name| self.0.get(name)).unwrap_or(schema)
    }

    /// A value of the schema with its required fields only, for examples.
    pub(super) fn example(&self, schema: &Value) -> Value {
        self.example_within(schema, 6)
    }

    fn example_within(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.resolve(schema);
        // A schema that contains itself has no end.
        if depth == 0 {
            return Value::Null;
        }
        for key in ["default", "const"] {
            if !schema[key].is_null() {
                return schema[key].clone();
            }
        }
        if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
            return first.clone();
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema[key].as_array().and_then(|choices| choices.first()) {
                return self.example_within(first, depth - 1);
            }
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
        match kind {
            "object" => {
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let field = |name: &str| {
                    (name.to_owned(), self.example_within(&schema["properties"][name], depth - 1))
                };
                required.map(field).collect::<Map<_, _>>().into()
            }
            "array" => Value::Array(Vec::new()),
            "integer" | "number" => 1.into(),
            "boolean" => true.into(),
            "string" => match schema["format"].as_str() {
                Some("email") => "ada@example.com".into(),
                Some("uri") => "https://example.com/".into(),
                Some("date-time") => "2026-01-01T12:00:00Z".into(),
                Some("duration") => "P30D".into(),
                _ => "text".into(),
            },
            _ => Value::Null,
        }
    }
}

pub(super) fn required_mark(required: bool) -> &'static str {
    if required { "<span class=\"required\">required</span>" } else { "" }
}

fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(REFERENCES)
}

fn value(value: &Value) -> String {
    format!("<code>{}</code>", Escaped(&value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
}
