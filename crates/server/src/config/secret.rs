//! URLs that may carry a password: they show themselves masked, whoever prints them.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What stands where a secret was.
pub const MASK: &str = "********";

/// A URL that may carry a password. `Debug`, `Display` and serialization mask it, so that neither a log line nor
/// `denizen config` can show it by accident; [`SecretUrl::expose`] is the one way to the text.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(String);

impl From<String> for SecretUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl SecretUrl {
    /// The URL as it was written. Only for the code that opens the connection.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the printed form differs from the real one.
    pub fn is_masked(&self) -> bool {
        self.to_string() != self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", masked(&self.0))
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&masked(&self.0))
    }
}

/// `url` without its password and without query values whose name sounds secret.
///
/// People write passwords with `/`, `?` and `@` in them unescaped. So everything from the first colon after the scheme to
/// the *last* `@` of the text is taken for the password: hiding a port too much is harmless, showing half a password is not.
fn masked(url: &str) -> String {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let mut shown = url.to_owned();
    if let Some(at) = url.rfind('@').filter(|at| *at > authority) {
        let colon = url[authority..at].find(':').map(|colon| authority + colon);
        if let Some(colon) = colon {
            shown = format!("{}:{MASK}@{}", &url[..colon], rest_after(url, at));
        }
    }
    match shown.split_once('?') {
        Some((head, query)) => format!("{head}?{}", masked_query(query)),
        None => shown,
    }
}

/// What follows the `@` at `at`. Where the `@` belongs to a secret value of the query, its second half is hidden as well.
fn rest_after(url: &str, at: usize) -> String {
    let rest = &url[at + 1..];
    let before = &url[..at];
    let part = before.rfind(['?', '&']).map_or("", |start| &before[start + 1..]);
    match part.split_once('=') {
        Some((name, _)) if sounds_secret(name) => {
            let end = rest.find('&').unwrap_or(rest.len());
            format!("{MASK}{}", &rest[end..])
        }
        _ => rest.to_owned(),
    }
}

fn masked_query(query: &str) -> String {
    let mut parts = Vec::new();
    for part in query.split('&') {
        match part.split_once('=') {
            Some((name, _)) if sounds_secret(name) => parts.push(format!("{name}={MASK}")),
            _ => parts.push(part.to_owned()),
        }
    }
    parts.join("&")
}

fn sounds_secret(name: &str) -> bool {
    let folded = name.to_ascii_lowercase();
    // The name of a file is what is looked for when it cannot be read.
    if folded == "password_file" {
        return false;
    }
    ["pass", "pwd", "secret", "token", "key"].iter().any(|word| folded.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_never_shown() {
        for (url, shown) in [
            ("smtp://mail.example", "smtp://mail.example"),
            ("smtp://mail.example:25", "smtp://mail.example:25"),
            ("smtps://ada:pa55@mail.example:465", "smtps://ada:********@mail.example:465"),
            ("smtps://ada:p/a?5@5#@mail.example", "smtps://ada:********@mail.example"),
            ("smtps://:pa55@mail.example", "smtps://:********@mail.example"),
            (
                "postgres://h/db?user=a&password=pa55&sslmode=require",
                "postgres://h/db?user=a&password=********&sslmode=require",
            ),
            (
                "postgres://ada@h/db?password_file=/etc/denizen/one&passfile=pa55",
                "postgres://ada@h/db?password_file=/etc/denizen/one&passfile=********",
            ),
            (
                "postgres://ada:p@a:5@one:5433,[::1]:5434,three/db?target_session_attrs=any",
                "postgres://ada:********@one:5433,[::1]:5434,three/db?target_session_attrs=any",
            ),
            ("postgresql://ada@one:5433,two:5434/db", "postgresql://ada@one:5433,two:5434/db"),
            (
                "postgres://one:5433/db?user=ada&password=pa@55&sslmode=require",
                "postgres://one:********@********&sslmode=require",
            ),
            (
                "postgres:///db?host=/run/pg&user=a&password=p:a@55",
                "postgres:///db?host=/run/pg&user=a&password=********",
            ),
            ("sqlite:/srv/denizen.db", "sqlite:/srv/denizen.db"),
            ("ada:pa55@mail.example", "ada:********@mail.example"),
        ] {
            let url = SecretUrl(url.to_owned());
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("{shown:?}"));
            assert_eq!(serde_json::to_value(&url).unwrap(), shown);
        }
    }
}
