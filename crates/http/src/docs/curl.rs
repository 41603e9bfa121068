//! A call that can be pasted into a shell, after the lines that denizen prints with new credentials.

use std::fmt::Write as _;

use serde_json::Value;

use crate::kernel::{Dialect, Operation, Security, SecurityKind};

/// The command for an operation of the server at `url`. What differs between calls stands in variables, which the page's
/// top explains.
pub(super) fn command(dialect: &Dialect, operation: &Operation, url: &str, body: Option<&Value>) -> String {
    let mut address = url.trim_end_matches('/').to_owned();
    for segment in operation.path.split('/').skip(1) {
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => {
                let _ = write!(address, "/${}", variable(dialect, name));
            }
            None => {
                let _ = write!(address, "/{segment}");
            }
        }
    }
    for (place, param) in operation.query.iter().filter(|param| param.required).enumerate() {
        let sign = if place == 0 { '?' } else { '&' };
        let _ = write!(address, "{sign}{}=${}", param.name, variable(dialect, param.name));
    }
    let mut command = String::from("curl");
    if operation.method != "GET" {
        let _ = write!(command, " -X {}", operation.method);
    }
    let _ = write!(command, " \"{address}\"");
    let mut headers: Vec<String> = headers_of(dialect, operation);
    // Of a form curl says so by itself.
    let is_form = operation.is_form || operation.takes_file;
    if (body.is_some() && !is_form) || operation.streams {
        headers.push(format!("Content-Type: {}", operation.body_type()));
    }
    for header in headers {
        let _ = write!(command, " \\\n  -H \"{header}\"");
    }
    if operation.streams {
        // Sent while it is read, where `-d` would take the whole file into memory first.
        command.push_str(" \\\n  -T records.ndjson");
    } else if operation.takes_file {
        command.push_str(" \\\n  -F file=@users.csv");
    } else if let Some(fields) = body.filter(|_| operation.is_form).and_then(Value::as_object) {
        for (name, value) in fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(command, " \\\n  --data-urlencode '{name}={}'", value.replace('\'', r"'\''"));
        }
    } else if let Some(body) = body {
        let _ = write!(command, " \\\n  -d '{}'", body.to_string().replace('\'', r"'\''"));
    }
    command
}

/// The lines of a shell that set `TOKEN`: a call of the operation that changes keys in headers for a token, where there
/// is one.
pub(super) fn token(dialect: &Dialect, document: &Value, url: &str) -> Option<String> {
    (dialect.operations)().iter().find_map(|operation| {
        let Security::All(_) = operation.security else { return None };
        let described = &document["paths"][operation.path][operation.method.as_str().to_ascii_lowercase()];
        let answer = &described["responses"]["200"]["content"]["application/json"]["schema"];
        let name = answer["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let fields = &document["components"]["schemas"][name.unwrap_or_default()]["properties"];
        let token = fields.as_object()?.keys().find(|name| name.ends_with("token"))?;
        let call = command(dialect, operation, url, None).replacen("curl", "curl -sS", 1);
        Some(format!("TOKEN=$({call} \\\n  | sed 's/.*\"{token}\": *\"\\([^\"]*\\)\".*/\\1/')"))
    })
}

/// The headers of the way to authenticate that the examples show, and those that the operation asks for itself.
fn headers_of(dialect: &Dialect, operation: &Operation) -> Vec<String> {
    let schemes: &[&str] = match operation.security {
        Security::Default => shown_way(dialect),
        Security::None => &[],
        Security::All(schemes) => schemes,
    };
    let mut headers: Vec<String> = Vec::new();
    for scheme in dialect.security_schemes.iter().filter(|scheme| schemes.contains(&scheme.name)) {
        headers.push(match scheme.kind {
            SecurityKind::Bearer(_) => "Authorization: Bearer $TOKEN".to_owned(),
            SecurityKind::Basic => "Authorization: Basic $BASIC".to_owned(),
            SecurityKind::Header(name) => header(dialect, name),
        });
    }
    for asked in operation.headers.iter().filter(|asked| asked.required) {
        let line = header(dialect, asked.name);
        if !headers.contains(&line) {
            headers.push(line);
        }
    }
    headers
}

/// The first way whose headers all have variables that are set already, or the first of all.
fn shown_way(dialect: &Dialect) -> &'static [&'static str] {
    let is_set = |name: &&str| {
        dialect.security_schemes.iter().filter(|scheme| scheme.name == *name).all(|scheme| {
            match scheme.kind {
                SecurityKind::Header(header) => named(dialect, header).is_some(),
                SecurityKind::Bearer(_) | SecurityKind::Basic => false,
            }
        })
    };
    let set = dialect.security.iter().find(|way| way.iter().all(is_set));
    set.or(dialect.security.first()).copied().unwrap_or_default()
}

fn header(dialect: &Dialect, name: &str) -> String {
    format!("{name}: ${}", variable(dialect, name))
}

/// What the dialect calls a header or parameter.
fn named(dialect: &Dialect, name: &str) -> Option<&'static str> {
    dialect.variables.iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, variable)| *variable)
}

/// The name that the dialect gives, or else its own: `requested_user_id` is `REQUESTED_USER_ID`, `userId` is `USER_ID`, and
/// `x-api-key` is `X_API_KEY`.
fn variable(dialect: &Dialect, name: &str) -> String {
    if let Some(named) = named(dialect, name) {
        return named.to_owned();
    }
    let mut variable = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if was_lower && c.is_ascii_uppercase() {
            variable.push('_');
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        variable.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    }
    variable
}
