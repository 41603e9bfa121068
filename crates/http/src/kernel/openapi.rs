//! The OpenAPI 3.1 document of a dialect, made from its list of operations.
//!
//! The same list always gives the same bytes: the document is kept in the repository and compared in a test.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::dialect::{Dialect, HeaderParam};
use super::operation::{Operation, SchemaRef, Security};

const REFERENCES: &str = "#/components/schemas/";

/// The document.
pub fn openapi(dialect: &Dialect) -> Value {
    let operations = (dialect.operations)();
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut tags: Vec<&str> = Vec::new();
    for operation in &operations {
        if !operation.tag.is_empty() && !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
        for (place, (method, path)) in operation.places().enumerate() {
            let id =
                if place == 0 { operation.id.to_owned() } else { format!("{}-{}", operation.id, place + 1) };
            let described = describe(dialect, operation, path, &id, &mut schemas);
            paths.entry(path).or_default().insert(key_of(method), described);
        }
    }
    let paths: Map<String, Value> =
        paths.into_iter().map(|(path, item)| (path.to_owned(), item.into())).collect();
    let schemes: BTreeMap<&str, Value> =
        dialect.security_schemes.iter().map(|scheme| (scheme.name, scheme.openapi())).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {"title": dialect.title, "description": dialect.description, "version": dialect.version},
        "servers": [{"url": "/"}],
        "tags": tags.iter().map(|tag| json!({"name": tag})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {"schemas": {}, "securitySchemes": schemes},
    });
    schemas.finish(&mut document);
    sort(&mut document);
    document
}

/// The document as it is served and kept: indented, with a line's end at the end.
pub fn openapi_text(dialect: &Dialect) -> String {
    format!("{:#}\n", openapi(dialect))
}

fn key_of(method: &Method) -> String {
    method.as_str().to_ascii_lowercase()
}

fn describe(dialect: &Dialect, operation: &Operation, path: &str, id: &str, schemas: &mut Schemas) -> Value {
    let mut described = Map::new();
    described.insert("operationId".to_owned(), id.into());
    described.insert("summary".to_owned(), operation.summary.into());
    if !operation.description.is_empty() {
        described.insert("description".to_owned(), operation.description.into());
    }
    if !operation.tag.is_empty() {
        described.insert("tags".to_owned(), json!([operation.tag]));
    }
    let parameters = parameters(dialect, operation, path);
    if !parameters.is_empty() {
        described.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(body) = operation.body {
        let content = json!({operation.body_type(): {"schema": schemas.input(body)}});
        described.insert(
            "requestBody".to_owned(),
            json!({"required": !operation.body_optional, "content": content}),
        );
    }
    described.insert("responses".to_owned(), responses(dialect, operation, schemas).into());
    let security: Vec<Value> = match operation.security {
        Security::Default => dialect.security.iter().map(|schemes| requirement(schemes)).collect(),
        Security::None => Vec::new(),
        Security::All(schemes) => vec![requirement(schemes)],
    };
    described.insert("security".to_owned(), security.into());
    described.into()
}

fn requirement(schemes: &[&str]) -> Value {
    schemes.iter().map(|scheme| ((*scheme).to_owned(), json!([]))).collect::<Map<_, _>>().into()
}

fn parameters(dialect: &Dialect, operation: &Operation, path: &str) -> Vec<Value> {
    let mut all: Vec<Value> = path_params(path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    for param in &operation.query {
        let mut described = json!({
            "name": param.name, "in": "query", "required": param.required, "schema": param.schema
        });
        if !param.description.is_empty() {
            described["description"] = param.description.into();
        }
        all.push(described);
    }
    for HeaderParam { name, description, required } in operation.headers.iter().chain(dialect.headers) {
        all.push(json!({
            "name": name, "in": "header", "required": required, "description": description,
            "schema": {"type": "string"}
        }));
    }
    all
}

/// The names in braces of a path.
pub(crate) fn path_params(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn responses(dialect: &Dialect, operation: &Operation, schemas: &mut Schemas) -> Map<String, Value> {
    let mut all = BTreeMap::new();
    for response in &operation.responses {
        let mut described = json!({"description": response.description});
        if let Some(schema) = response.schema {
            described["content"] = json!({response.content_type: {"schema": schemas.output(schema)}});
        } else if !response.content_type.is_empty() {
            described["content"] = json!({response.content_type: {"schema": {"type": "string"}}});
        }
        if operation.rate.is_some() {
            described["headers"] = rate_headers();
        }
        all.insert(response.status, described);
    }
    let documented: BTreeSet<u16> = operation.errors.iter().copied().collect();
    for status in documented {
        let error = (dialect.error_response)(status);
        let mut described = json!({"description": error.description});
        if let Some(schema) = error.schema {
            described["content"] = json!({error.content_type: {"schema": schemas.output(schema)}});
        }
        if status == 429 {
            let mut headers = if operation.rate.is_some() { rate_headers() } else { json!({}) };
            headers["Retry-After"] = integer("Seconds until the next request is admitted");
            described["headers"] = headers;
        }
        all.insert(status, described);
    }
    all.into_iter().map(|(status, described)| (status.to_string(), described)).collect()
}

fn rate_headers() -> Value {
    json!({
        "X-RateLimit-Limit": integer("Requests a minute"),
        "X-RateLimit-Remaining": integer("Requests left in this minute"),
        "X-RateLimit-Reset": integer("When the minute ends, in seconds since 1970 UTC"),
    })
}

fn integer(description: &str) -> Value {
    json!({"description": description, "schema": {"type": "integer"}})
}

/// Collects the schemas of bodies. What a type accepts and what it writes can differ (a field with a default may be
/// absent in a request and is always there in an answer), so there are two generators.
struct Schemas {
    input: SchemaGenerator,
    output: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            input: settings.clone().for_deserialize().into_generator(),
            output: settings.for_serialize().into_generator(),
        }
    }

    /// A schema of a request. Its references are marked until [`Schemas::finish`] knows their names.
    fn input(&mut self, schema: SchemaRef) -> Value {
        let mut schema = (schema.0)(&mut self.input).to_value();
        rename(&mut schema, &|name| Some(format!("{name}\u{0}")));
        schema
    }

    fn output(&mut self, schema: SchemaRef) -> Value {
        (schema.0)(&mut self.output).to_value()
    }

    /// Puts the schemas into the document. Only where the two sides of a type differ the request's gets a name of its own.
    fn finish(mut self, document: &mut Value) {
        let outputs = self.output.take_definitions(true);
        let inputs = self.input.take_definitions(true);
        let mut differing: BTreeSet<&str> = inputs
            .iter()
            .filter(|(name, schema)| outputs.get(*name).is_some_and(|output| output != *schema))
            .map(|(name, _)| name.as_str())
            .collect();
        // Whoever refers to a schema with a new name differs as well, if it has two sides.
        loop {
            let known = differing.len();
            for (name, schema) in &inputs {
                if outputs.contains_key(name) && differing.iter().any(|other| refers_to(schema, other)) {
                    differing.insert(name);
                }
            }
            if differing.len() == known {
                break;
            }
        }
        let name_of = |name: &str| {
            if differing.contains(name) { format!("{name}Input") } else { name.to_owned() }
        };
        let mut all: BTreeMap<String, Value> = outputs.into_iter().collect();
        for (name, schema) in &inputs {
            let mut schema = schema.clone();
            rename(&mut schema, &|name| Some(name_of(name)));
            all.insert(name_of(name), schema);
        }
        rename(document, &|name| name.strip_suffix('\u{0}').map(name_of));
        document["components"]["schemas"] = all.into_iter().collect::<Map<_, _>>().into();
    }
}

fn refers_to(schema: &Value, name: &str) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(key, value)| {
            (key == "$ref" && value.as_str().and_then(|text| text.strip_prefix(REFERENCES)) == Some(name))
                || refers_to(value, name)
        }),
        Value::Array(items) => items.iter().any(|item| refers_to(item, name)),
        _ => false,
    }
}

/// Changes the names in references; a function that answers `None` leaves a name.
fn rename(schema: &mut Value, new_name: &impl Fn(&str) -> Option<String>) {
    match schema {
        Value::Object(members) => {
            for (key, value) in members.iter_mut() {
                let renamed = (key == "$ref")
                    .then(|| value.as_str()?.strip_prefix(REFERENCES).and_then(new_name))
                    .flatten();
                match renamed {
                    Some(name) => *value = format!("{REFERENCES}{name}").into(),
                    None => rename(value, new_name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, new_name)),
        _ => {}
    }
}

/// Puts the keys of every object in order, whatever map `serde_json` was built with.
fn sort(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let mut sorted: BTreeMap<String, Value> = std::mem::take(members).into_iter().collect();
            sorted.values_mut().for_each(sort);
            members.extend(sorted);
        }
        Value::Array(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}
