//! `denizen key` in its two dialects.

use std::process::Output;

use denizen_testkit::ProcessHome;
use serde_json::{Value, json};

use crate::{assert_refused, denizen_at, text};

/// What a command of a home prints, after `--data data`.
struct Commands<'h>(&'h ProcessHome);

impl Commands<'_> {
    fn run(&self, line: &str) -> Output {
        denizen_at(self.0).args(line.split(' ')).args(["--data", "data"]).output().unwrap()
    }

    fn text(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.text(&format!("{line} --json"))).unwrap()
    }

    fn create_org(&self) -> Value {
        self.json("org create acme --name Acme --admin-email ada@acme.example")
    }

    /// The value of a member in each of the credentials that are listed.
    fn listed(&self, dialect: &str, member: &str) -> Vec<Value> {
        let listed = self.json(&format!("key list --org acme --dialect {dialect}"));
        listed.as_array().unwrap().iter().map(|credential| credential[member].clone()).collect()
    }
}

#[test]
fn a_new_organization_has_a_key_and_a_token_which_are_told_once() {
    let home = ProcessHome::new();
    let commands = Commands(&home);
    let shown = commands.text("org create globex --name Globex --admin-email ada@globex.example");
    let token = shown.split("export DENIZEN_DIXA_TOKEN=").nth(1).unwrap().lines().next().unwrap();
    assert!(token.starts_with("globex."), "{shown}");
    assert!(shown.contains(&format!("/v1/endusers?pageLimit=3' \\\n    -H 'authorization: {token}'")));

    let made = commands.create_org();
    assert!(made["dixa_token"].as_str().unwrap().starts_with("acme."), "{made}");
    assert_eq!(commands.listed("dixa", "dixa_token_id"), [made["dixa_token_id"].clone()]);
    assert_eq!(commands.listed("dixa", "role"), ["DefaultAdministratorRole"]);
    assert_eq!(commands.listed("dixa", "expires_at"), [Value::Null]);
    assert_eq!(commands.listed("amigo", "api_key_id"), [made["api_key_id"].clone()]);
    for line in ["key list --org acme --dialect dixa", "key list --org acme", "org show acme", "org list"] {
        for output in [commands.text(line), commands.json(line).to_string()] {
            let secret = made["dixa_token"].as_str().unwrap().strip_prefix("acme.").unwrap();
            assert!(!output.contains(secret), "{line}");
        }
    }
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let home = ProcessHome::new();
    let commands = Commands(&home);
    let first = commands.create_org();
    let made = commands.run("key create --org acme --dialect dixa --json");
    assert_eq!(text(&made.stderr), "", "an administrator's role serves tokens");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let members: Vec<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["dixa_token", "dixa_token_id", "expires_at"]);
    assert_eq!(made["expires_at"], Value::Null);
    let limited = "key create --org acme --dialect dixa --role DefaultUserRole --name desk --expires-days 3";
    let limited = commands.run(&format!("{limited} --json"));
    let warning = text(&limited.stderr);
    assert!(
        warning.starts_with("warning: the role DefaultUserRole grants none of Directory:ReadContact"),
        "{warning}"
    );
    let limited: Value = serde_json::from_slice(&limited.stdout).unwrap();
    assert!(limited["expires_at"].is_string());
    assert_eq!(commands.listed("dixa", "name"), [json!("first token"), Value::Null, json!("desk")]);
    assert_eq!(
        commands.listed("dixa", "role"),
        ["DefaultAdministratorRole", "DefaultAdministratorRole", "DefaultUserRole"]
    );
    let table = commands.text("key list --org acme --dialect dixa");
    assert!(table.starts_with("DIXA TOKEN ID "), "{table}");
    assert_eq!(table.matches(" never\n").count(), 2, "{table}");

    let revoke = |word: &str, made: &Value| {
        format!("key {word} --org acme --dialect dixa {}", made["dixa_token_id"].as_str().unwrap())
    };
    let revoked = commands.json(&revoke("revoke", &made));
    assert_eq!(revoked, json!({"dixa_token_id": made["dixa_token_id"], "revoked": true}));
    commands.text(&revoke("delete", &limited));
    assert_eq!(commands.listed("dixa", "dixa_token_id"), [first["dixa_token_id"].clone()]);
    assert_refused(&commands.run(&revoke("revoke", &made)), 1, "has no Dixa token");
    assert_refused(&commands.run("key revoke --org acme --dialect dixa nonsense"), 1, "has no Dixa token");
    commands.text(&revoke("revoke", &first));
    let empty = commands.text("key list --org acme --dialect dixa");
    assert!(empty.contains("denizen key create --org acme --dialect dixa"), "{empty}");
}

#[test]
fn credentials_of_the_other_dialect_are_not_revoked_and_the_command_that_would_is_told() {
    let home = ProcessHome::new();
    let commands = Commands(&home);
    let made = commands.create_org();
    let (key, token) = (made["api_key_id"].as_str().unwrap(), made["dixa_token_id"].as_str().unwrap());
    let refused = commands.run(&format!("key revoke --org acme {token}"));
    assert_refused(&refused, 1, &format!("denizen key revoke --org acme --dialect dixa {token}"));
    let refused = commands.run(&format!("key revoke --org acme --dialect dixa {key}"));
    assert_refused(&refused, 1, &format!("denizen key revoke --org acme {key}"));
    assert_eq!(commands.listed("amigo", "api_key_id"), [key]);
    assert_eq!(commands.listed("dixa", "dixa_token_id"), [token]);
    commands.text(&format!("key revoke --org acme {key}"));
    assert_eq!(commands.listed("amigo", "api_key_id"), Vec::<Value>::new());
}

#[test]
fn what_cannot_be_made_is_told_with_what_can() {
    let home = ProcessHome::new();
    let commands = Commands(&home);
    commands.create_org();
    let refused = |arguments: &str, code: i32, message: &str| {
        assert_refused(&commands.run(&format!("key create {arguments}")), code, message);
    };
    refused("--org globex --dialect dixa", 1, "denizen org list");
    refused("--org acme --dialect dixa --role Nobody", 1, "DefaultAdministratorRole");
    refused("--org acme --dialect dixa --expires-days 0", 2, "1..=36500");
    refused("--org acme --dialect admin", 2, "dixa");
    refused("--org acme --dialect amigo --role DefaultUserRole --name n", 2, "--days");
    refused("--org acme --role DefaultUserRole --name n --days 91", 2, "1 to 90");
    let name = "x".repeat(10_000);
    refused(&format!("--org acme --dialect dixa --name {name}"), 2, "--name");
    assert_eq!(commands.listed("dixa", "name"), ["first token"]);
    assert_eq!(commands.listed("amigo", "name"), ["first key"]);
}
