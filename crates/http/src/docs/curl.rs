//! A call that can be pasted into a shell.

use std::fmt::Write as _;

use serde_json::Value;

use crate::kernel::{Dialect, Operation, Security, SecurityKind};

/// The command for an operation. What differs between calls stands in variables, which the page's top explains.
pub(super) fn command(dialect: &Dialect, operation: &Operation, body: Option<&Value>) -> String {
    let mut address = String::from("$URL");
    for segment in operation.path.split('/').skip(1) {
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => {
                let _ = write!(address, "/${}", variable(name));
            }
            None => {
                let _ = write!(address, "/{segment}");
            }
        }
    }
    for (place, param) in operation.query.iter().filter(|param| param.required).enumerate() {
        let sign = if place == 0 { '?' } else { '&' };
        let _ = write!(address, "{sign}{}=${}", param.name, variable(param.name));
    }
    let mut command = String::from("curl");
    if operation.method != "GET" {
        let _ = write!(command, " -X {}", operation.method);
    }
    let _ = write!(command, " \"{address}\"");
    let mut headers: Vec<String> = headers_of(dialect, operation);
    if body.is_some() || operation.streams {
        headers.push(format!("Content-Type: {}", operation.body_type()));
    }
    for header in headers {
        let _ = write!(command, " \\\n  -H \"{header}\"");
    }
    if operation.streams {
        // Sent while it is read, where `-d` would take the whole file into memory first.
        command.push_str(" \\\n  -T records.ndjson");
    } else if let Some(body) = body {
        let _ = write!(command, " \\\n  -d '{}'", body.to_string().replace('\'', r"'\''"));
    }
    command
}

/// The lines of a shell that set `TOKEN`: a call of the operation that changes keys in headers for a token, where there
/// is one.
pub(super) fn token(dialect: &Dialect, document: &Value) -> String {
    for operation in (dialect.operations)() {
        let Security::All(schemes) = operation.security else { continue };
        let described = &document["paths"][operation.path][operation.method.as_str().to_ascii_lowercase()];
        let answer = &described["responses"]["200"]["content"]["application/json"]["schema"];
        let name = answer["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let fields = &document["components"]["schemas"][name.unwrap_or_default()]["properties"];
        let token = fields.as_object().and_then(|fields| fields.keys().find(|name| name.ends_with("token")));
        let Some(token) = token else { continue };
        let mut lines = String::new();
        for scheme in dialect.security_schemes.iter().filter(|scheme| schemes.contains(&scheme.name)) {
            if let SecurityKind::Header(name) = scheme.kind {
                let _ = writeln!(lines, "{}=…", variable(name));
            }
        }
        let call = command(dialect, &operation, None).replacen("curl", "curl -sS", 1);
        let _ = write!(lines, "TOKEN=$({call} \\\n  | sed 's/.*\"{token}\": *\"\\([^\"]*\\)\".*/\\1/')");
        return lines;
    }
    let first = dialect.security.first().and_then(|schemes| schemes.first());
    let scheme = dialect.security_schemes.iter().find(|scheme| Some(&scheme.name) == first);
    match scheme.map(|scheme| scheme.kind) {
        Some(SecurityKind::Header(name)) => format!("{}=…", variable(name)),
        _ => "TOKEN=…".to_owned(),
    }
}

/// The headers of the first way to authenticate, and those that the operation asks for itself.
fn headers_of(dialect: &Dialect, operation: &Operation) -> Vec<String> {
    let schemes: &[&str] = match operation.security {
        Security::Default => dialect.security.first().copied().unwrap_or_default(),
        Security::None => &[],
        Security::All(schemes) => schemes,
    };
    let mut headers: Vec<String> = Vec::new();
    for scheme in dialect.security_schemes.iter().filter(|scheme| schemes.contains(&scheme.name)) {
        headers.push(match scheme.kind {
            SecurityKind::Bearer(_) => "Authorization: Bearer $TOKEN".to_owned(),
            SecurityKind::Basic => "Authorization: Basic $BASIC".to_owned(),
            SecurityKind::Header(name) => header(name),
        });
    }
    for asked in operation.headers.iter().filter(|asked| asked.required) {
        let line = header(asked.name);
        if !headers.contains(&line) {
            headers.push(line);
        }
    }
    headers
}

fn header(name: &str) -> String {
    format!("{name}: ${}", variable(name))
}

/// `requested_user_id` is `REQUESTED_USER_ID`, and `x-api-key` is `X_API_KEY`.
pub(super) fn variable(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_ascii_uppercase()
}
