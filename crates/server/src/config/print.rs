//! The effective configuration as a TOML file, with the origin of each value behind it and secrets masked.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::Config;
use super::keys;
use super::load::{Loaded, Origin};

/// Comments begin in this column where the value leaves room for it.
const COMMENT_COLUMN: usize = 44;

impl Loaded {
    /// A TOML file that says everything that is in force. What is not set stands as a comment, with what takes its place.
    pub fn to_toml(&self) -> String {
        let tree =
            serde_json::to_value(&self.config).expect("the configuration is plain data with text keys");
        let mut text = String::from("# The effective configuration of denizen.\n");
        if let Value::Object(members) = &tree {
            self.section("", members, &mut text);
        }
        text
    }

    fn section(&self, prefix: &str, members: &Map<String, Value>, text: &mut String) {
        // TOML wants a section's own keys before the sections in it.
        for (name, value) in members {
            if !value.is_object() {
                self.line(&keys::join(prefix, name), name, value, text);
            }
        }
        for (name, value) in members {
            if let Value::Object(inner) = value {
                let section = keys::join(prefix, name);
                if inner.values().any(|value| !value.is_object()) {
                    text.push_str("\n[");
                    text.push_str(&section);
                    text.push_str("]\n");
                }
                self.section(&section, inner, text);
            }
        }
    }

    fn line(&self, key: &str, name: &str, value: &Value, text: &mut String) {
        let origin = self.origin(key);
        let (setting, comment) = match value {
            Value::Null => {
                let (stand_in, why) = instead(&self.config, key);
                (
                    format!("# {name} = {}", literal(&Value::String(stand_in))),
                    format!("{origin}, not set: {why}"),
                )
            }
            value if self.is_masked(key) => (
                format!("{name} = {}", literal(value)),
                format!("{origin}; masked: put the secret back before you use this file"),
            ),
            value => (format!("{name} = {}", literal(value)), origin.to_string()),
        };
        let comment = one_line(&comment);
        writeln!(text, "{setting:COMMENT_COLUMN$} # {comment}").expect("writing to memory cannot fail");
    }

    fn is_masked(&self, key: &str) -> bool {
        let secret = match key {
            "store" => &self.config.store,
            "postgres.replica" => &self.config.postgres.replica,
            "mail.smtp_url" => &self.config.mail.smtp_url,
            _ => return false,
        };
        *self.origin(key) != Origin::Default && secret.as_ref().is_some_and(super::SecretUrl::is_masked)
    }
}

/// What is used where an optional key is not set, and the reason in words.
fn instead(config: &Config, key: &str) -> (String, &'static str) {
    match key {
        "public_url" => (config.public_url(config.listen), "follows `listen`"),
        "store" => (format!("sqlite:{}", config.place()), "follows `data`"),
        "postgres.replica" => (String::new(), "all reads go to the store itself"),
        "mail.smtp_url" => (String::new(), "mails are written as files in the data folder"),
        "mail.templates" => (String::new(), "the built-in texts"),
        "identity.google_project" => (String::new(), "the project that the credentials name, if any"),
        "identity.google_credentials" => {
            (String::new(), "no account at Google can be deleted but the emulator's")
        }
        "identity.organizations" => (String::new(), "accounts can be linked in every organization"),
        _ => (String::new(), "nothing"),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        value => value.to_string(),
    }
}

/// A path may hold a line break, and a comment ends at one.
fn one_line(comment: &str) -> String {
    comment.replace(|c: char| c.is_control(), "?")
}
