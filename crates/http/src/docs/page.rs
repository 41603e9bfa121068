//! The pages: an index, and one page for each dialect.
//!
//! Writing to a `String` cannot fail, so what `write!` returns is dropped in here.

use std::fmt::Write as _;

use axum::http::Method;
use serde_json::{Map, Value};

use super::curl;
use super::html::{inline, prose};
use super::schema::{Schemas, required_mark};
use super::style::STYLE;
use crate::kernel::{Dialect, Escaped, HeaderParam, LINES, Operation, Security, SecurityKind, openapi};

pub(super) fn index(dialects: &[Dialect]) -> String {
    let mut body = String::from(
        "<div class=\"alone\"><h1>denizen</h1><p>The APIs that this server speaks.</p><div class=\"cards\">",
    );
    for dialect in dialects {
        let _ = write!(
            body,
            "<div class=\"card\"><h3><a href=\"/docs/{name}\">{title}</a></h3>{description}\
             <p class=\"note\">{count} operations · <a href=\"/docs/{name}/openapi.json\">OpenAPI 3.1</a></p></div>",
            name = Escaped(dialect.name),
            title = Escaped(dialect.title),
            description = prose(dialect.description),
            count = (dialect.operations)().len(),
        );
    }
    body.push_str(
        "</div><p class=\"note\">For operators: <a href=\"/livez\">liveness</a>, <a href=\"/readyz\">readiness</a>, \
         <a href=\"/metrics\">metrics</a>, <a href=\"/.well-known/jwks.json\">public keys</a></p></div>",
    );
    document("denizen", &body)
}

pub(super) fn dialect(dialect: &Dialect, public_url: &str) -> String {
    let description = openapi(dialect);
    let nothing = Map::new();
    let schemas = Schemas(description["components"]["schemas"].as_object().unwrap_or(&nothing));
    let operations = (dialect.operations)();
    let mut tags: Vec<&str> = Vec::new();
    for operation in &operations {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
    }

    let mut body = String::from("<div class=\"page\">");
    contents(&mut body, &operations, &tags);
    let _ = write!(
        body,
        "<main><h1>{}</h1>{}<p class=\"note\">Version {} · <a href=\"/docs/{}/openapi.json\">OpenAPI 3.1</a></p>",
        Escaped(dialect.title),
        prose(dialect.description),
        Escaped(dialect.version),
        Escaped(dialect.name),
    );
    authentication(&mut body, dialect, &description, public_url);
    for tag in &tags {
        if !tag.is_empty() {
            let _ = write!(body, "<h2>{}</h2>", Escaped(tag));
        }
        for operation in operations.iter().filter(|operation| operation.tag == *tag) {
            section(&mut body, dialect, operation, &description, &schemas, public_url);
        }
    }
    named_schemas(&mut body, &schemas);
    body.push_str("</main></div>");
    document(dialect.title, &body)
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <style>{STYLE}</style></head><body>{body}</body></html>\n",
        Escaped(title)
    )
}

fn method_label(method: &Method) -> String {
    format!("<span class=\"method {method}\">{method}</span>")
}

/// What an operation is called; its id where it has no summary.
fn title_of(operation: &Operation) -> &'static str {
    if operation.summary.is_empty() { operation.id } else { operation.summary }
}

fn contents(body: &mut String, operations: &[Operation], tags: &[&str]) {
    body.push_str("<nav><a href=\"/docs\">denizen</a>");
    for tag in tags {
        let heading = if tag.is_empty() { "Operations" } else { tag };
        let _ = write!(body, "<h2>{}</h2><ul>", Escaped(heading));
        for operation in operations.iter().filter(|operation| operation.tag == *tag) {
            let _ = write!(
                body,
                "<li><a href=\"#{}\">{} <span>{}</span></a></li>",
                Escaped(operation.id),
                method_label(&operation.method),
                Escaped(title_of(operation)),
            );
        }
        body.push_str("</ul>");
    }
    body.push_str("<h2>More</h2><ul><li><a href=\"#schemas\">Schemas</a></li></ul></nav>");
}

fn authentication(body: &mut String, dialect: &Dialect, document: &Value, public_url: &str) {
    variables(body, dialect);
    if let Some(token) = curl::token(dialect, document, public_url) {
        let _ = write!(body, "<h4>A token in the place of the key</h4><pre>{}</pre>", Escaped(&token));
    }
    if !dialect.security_schemes.is_empty() {
        body.push_str(
            "<h4>Authentication</h4><div class=\"scroll\"><table><tr><th>Name</th><th>Header</th><th>Description</th></tr>",
        );
        for scheme in dialect.security_schemes {
            let carrier = match scheme.kind {
                SecurityKind::Bearer(_) | SecurityKind::Basic => "Authorization",
                SecurityKind::Header(name) => name,
            };
            let _ = write!(
                body,
                "<tr><td><code>{}</code></td><td><code>{}</code></td><td>{}</td></tr>",
                Escaped(scheme.name),
                Escaped(carrier),
                inline(scheme.description)
            );
        }
        body.push_str("</table></div>");
        let ways = dialect.security.iter().map(|schemes| together(schemes)).collect::<Vec<_>>();
        let _ = write!(body, "<p class=\"note\">Any of: {}</p>", ways.join("; or "));
    }
    if !dialect.headers.is_empty() {
        headers(body, "Headers of every operation", dialect.headers);
    }
}

/// What has to be set for the examples to run as they stand.
fn variables(body: &mut String, dialect: &Dialect) {
    body.push_str("<h4>The examples use variables of the shell</h4>");
    if !dialect.variables.is_empty() {
        let lines: Vec<String> =
            dialect.variables.iter().map(|(_, variable)| format!("export {variable}=…")).collect();
        let _ = write!(
            body,
            "<p>Paste the lines that <code>denizen serve --demo</code>, <code>denizen org create</code> and \
             <code>denizen key create</code> print, among which these are:</p><pre>{}</pre>",
            Escaped(&lines.join("\n"))
        );
    }
    body.push_str(
        "<p class=\"note\">Every other variable, such as one for the id in a path, is yours to fill in.</p>",
    );
}

/// Schemes that go together.
fn together(schemes: &[&str]) -> String {
    schemes.iter().map(|scheme| format!("<code>{}</code>", Escaped(scheme))).collect::<Vec<_>>().join(" + ")
}

fn section(
    body: &mut String,
    dialect: &Dialect,
    operation: &Operation,
    document: &Value,
    schemas: &Schemas<'_>,
    public_url: &str,
) {
    let described = &document["paths"][operation.path][operation.method.as_str().to_ascii_lowercase()];
    let _ = write!(
        body,
        "<section id=\"{0}\"><h3><a href=\"#{0}\">{1}</a></h3>",
        Escaped(operation.id),
        Escaped(title_of(operation)),
    );
    for (method, path) in operation.places() {
        let _ = write!(
            body,
            "<div class=\"place\">{} <code>{}</code></div>",
            method_label(method),
            path_in_html(path)
        );
    }
    body.push_str(&prose(operation.description));
    let mut notes: Vec<String> = vec![format!("operation <code>{}</code>", Escaped(operation.id))];
    match operation.security {
        Security::Default => {}
        Security::None => notes.push("no authentication needed".to_owned()),
        Security::All(schemes) => notes.push(format!("authenticate with {}", together(schemes))),
    }
    if operation.rate.is_some() {
        notes.push("limited per minute".to_owned());
    }
    let _ = write!(body, "<p class=\"note\">{}</p>", notes.join(" · "));
    let query: Vec<&Value> = described["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|param| param["in"] == "query")
        .collect();
    parameters(body, &query, schemas);
    headers(body, "Headers", &operation.headers);

    let schema = &described["requestBody"]["content"][operation.body_type()]["schema"];
    if !schema.is_null() {
        let optional = match operation.body_optional {
            _ if operation.streams => ", a line each",
            true => ", may be absent",
            false => "",
        };
        let _ =
            write!(body, "<h4>Body{optional}: {}</h4>{}", schemas.in_words(schema), schemas.fields(schema));
    }
    responses(body, described, schemas);
    let example = operation.body_example.clone();
    let example = example.or_else(|| (!schema.is_null()).then(|| schemas.example(schema)));
    let command = curl::command(dialect, operation, public_url, example.as_ref());
    let _ = write!(body, "<h4>Example</h4><pre>{}</pre></section>", Escaped(&command));
}

/// A path with its parameters set off.
fn path_in_html(path: &str) -> String {
    Escaped(path).to_string().replace('{', "<b>{").replace('}', "}</b>")
}

const NAMED: &str = "<div class=\"scroll\"><table><tr><th>Name</th><th>Type</th><th>Description</th></tr>";

fn parameters(body: &mut String, query: &[&Value], schemas: &Schemas<'_>) {
    if query.is_empty() {
        return;
    }
    let _ = write!(body, "<h4>Query</h4>{NAMED}");
    for param in query {
        let _ = write!(
            body,
            "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td></tr>",
            Escaped(param["name"].as_str().unwrap_or_default()),
            required_mark(param["required"] == true),
            schemas.in_words(&param["schema"]),
            inline(param["description"].as_str().unwrap_or_default()),
        );
    }
    body.push_str("</table></div>");
}

fn headers(body: &mut String, heading: &str, headers: &[HeaderParam]) {
    if headers.is_empty() {
        return;
    }
    let _ = write!(body, "<h4>{heading}</h4>{NAMED}");
    for HeaderParam { name, description, required } in headers {
        let _ = write!(
            body,
            "<tr><td><code>{}</code>{}</td><td>text</td><td>{}</td></tr>",
            Escaped(name),
            required_mark(*required),
            inline(description),
        );
    }
    body.push_str("</table></div>");
}

fn responses(body: &mut String, described: &Value, schemas: &Schemas<'_>) {
    let Some(all) = described["responses"].as_object().filter(|all| !all.is_empty()) else { return };
    body.push_str("<h4>Responses</h4><div class=\"scroll\"><table>");
    for (status, response) in all {
        let content = response["content"].as_object().and_then(|content| content.iter().next());
        let kind = match content {
            Some((media, content)) if media == LINES => {
                format!("a line each: {}", schemas.in_words(&content["schema"]))
            }
            Some((_, content)) if content["schema"]["type"] != "string" => {
                schemas.in_words(&content["schema"])
            }
            Some((media, _)) => Escaped(media).to_string(),
            None => "<span class=\"soft\">no body</span>".to_owned(),
        };
        let _ = write!(
            body,
            "<tr><td><code>{}</code></td><td>{}</td><td>{kind}</td></tr>",
            Escaped(status),
            inline(response["description"].as_str().unwrap_or_default()),
        );
    }
    body.push_str("</table></div>");
}

fn named_schemas(body: &mut String, schemas: &Schemas<'_>) {
    body.push_str("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in schemas.0 {
        let _ = write!(
            body,
            "<section id=\"schema-{0}\"><h3>{0}</h3>{1}",
            Escaped(name),
            prose(schema["description"].as_str().unwrap_or_default())
        );
        let fields = schemas.fields(schema);
        if fields.is_empty() {
            let _ = write!(body, "<p>{}</p>", schemas.in_words(schema));
        }
        body.push_str(&fields);
        body.push_str("</section>");
    }
}
