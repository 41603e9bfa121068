//! What the compiler cannot keep: which crate may see which, where SQL is written, how long a file may be.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Who may depend on whom. A crate that is not listed has no place yet, and fails.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("roster", &["domain"]),
    ("directory", &["domain", "store", "roster"]),
    ("courier", &["domain"]),
    ("http", &["domain", "directory"]),
    ("server", &["domain", "store", "directory", "roster", "courier", "http"]),
    ("testkit", &["domain", "store", "directory", "courier", "http"]),
];

/// No source file is longer than this; tests and migrations may be.
const LONGEST: usize = 600;

/// A path that leads out of the project; put together here, so that this file does not hold it.
const OUTSIDE: &str = concat!("..", "/shared");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file under a folder with one of these endings, in order.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if path.extension().and_then(|ending| ending.to_str()).is_some_and(|e| endings.contains(&e)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn crates() -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .collect();
    found.sort();
    found
}

/// The sources of every crate with their text.
fn sources() -> Vec<(String, PathBuf, String)> {
    let mut all = Vec::new();
    for (name, folder) in crates() {
        for path in files(&folder.join("src"), &["rs"]) {
            let text = read(&path);
            all.push((name.clone(), path, text));
        }
    }
    assert!(all.len() > 100, "the sources were not found");
    all
}

/// A source without its tests: those are for the last part of a file, behind `#[cfg(test)]`.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap()
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    name == "tests" || name.ends_with("_test")
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn table(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    manifest
        .get(section)
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn crates_depend_on_each_other_in_one_direction_only() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut faults = Vec::new();
    for (name, folder) in crates() {
        let manifest: toml::Table = read(&folder.join("Cargo.toml")).parse().unwrap();
        let Some(may) = allowed.get(name.as_str()) else {
            faults.push(format!("the crate {name} has no place in the order of crates"));
            continue;
        };
        for section in ["dependencies", "build-dependencies"] {
            for other in table(&manifest, section) {
                if let Some(other) = other.strip_prefix("denizen-")
                    && !may.contains(&other)
                {
                    faults.push(format!("{name} must not depend on {other}"));
                }
            }
        }
        assert!(manifest.get("target").is_none(), "{name} hides dependencies behind a target");
    }
    assert_none(&faults);
}

#[test]
fn only_the_store_knows_the_database() {
    let mut faults = Vec::new();
    for (name, folder) in crates() {
        let manifest: toml::Table = read(&folder.join("Cargo.toml")).parse().unwrap();
        for section in ["dependencies", "dev-dependencies"] {
            for driver in ["rusqlite", "libsqlite3-sys", "tokio-postgres", "deadpool-postgres", "sqlx"] {
                // The testkit makes and removes the databases of tests.
                let is_allowed = name == "store" || (name == "testkit" && driver == "tokio-postgres");
                if !is_allowed && table(&manifest, section).contains(driver) {
                    faults.push(format!("{name} must not have {driver} in its {section}"));
                }
            }
        }
    }
    for (name, path, text) in sources() {
        if path.ends_with("testkit/src/engine.rs") {
            continue;
        }
        for sql in ["rusqlite", "SELECT ", "INSERT INTO", "DELETE FROM", "UPDATE users", "PRAGMA "] {
            if name != "store" && text.contains(sql) {
                faults.push(format!("{} contains {sql:?}", path.display()));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn a_dialect_knows_the_kernel_the_rules_the_domain_and_itself() {
    let folder = root().join("crates/http/src");
    // What is in the folder and no dialect.
    let shared = ["kernel", "docs", "operator_pages"];
    let dialects: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !shared.contains(&name.as_str()))
        .collect();
    assert!(dialects.contains(&"amigo".to_owned()));
    let mut faults = Vec::new();
    for dialect in &dialects {
        for path in files(&folder.join(dialect), &["rs"]) {
            for (number, line) in shipped(&read(&path)).lines().enumerate() {
                let mut paths = line.split("crate::").skip(1).map(|rest| {
                    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
                });
                let foreign = paths.any(|first| first != "kernel" && first != *dialect);
                if foreign || line.contains("denizen_store") || line.contains("super::super::") {
                    faults.push(format!("{}:{}: {line}", path.display(), number + 1));
                }
            }
        }
    }
    // The kernel must not know a dialect at all.
    for path in files(&folder.join("kernel"), &["rs"]) {
        let text = read(&path);
        for dialect in &dialects {
            if shipped(&text).contains(&format!("{dialect}::")) {
                faults.push(format!("{} knows the dialect {dialect}", path.display()));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn no_source_file_is_too_long_and_each_says_what_it_is_for() {
    let mut faults = Vec::new();
    for (_, path, text) in sources() {
        let lines = text.lines().count();
        if lines > LONGEST && !is_test(&path) {
            faults.push(format!("{} has {lines} lines", path.display()));
        }
        if !text.starts_with("//! ") {
            faults.push(format!("{} does not begin with what it is for", path.display()));
        }
    }
    assert_none(&faults);
}

#[test]
fn nothing_unfinished_and_nothing_unsafe_is_shipped() {
    let mut faults = Vec::new();
    for (_, path, text) in sources() {
        for word in ["todo!", "unimplemented!", "dbg!", "unsafe ", "allow(unsafe_code)"] {
            if text.contains(word) {
                faults.push(format!("{} contains {word}", path.display()));
            }
        }
    }
    let workspace: toml::Table = read(&root().join("Cargo.toml")).parse().unwrap();
    let lint = &workspace["workspace"]["lints"]["rust"]["unsafe_code"];
    assert_eq!(lint.as_str(), Some("forbid"));
    for (name, folder) in crates() {
        let manifest: toml::Table = read(&folder.join("Cargo.toml")).parse().unwrap();
        let inherits =
            manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        if inherits != Some(true) {
            faults.push(format!("{name} does not take the lints of the workspace"));
        }
    }
    assert_none(&faults);
}

#[test]
fn nothing_refers_to_what_is_not_in_the_project() {
    let mut faults = Vec::new();
    let endings = ["rs", "md", "toml", "sql", "py", "sh", "html", "txt", "json", "css", "js"];
    let mut all = Vec::new();
    for folder in ["crates", "docs", "tests", ".ci", "scripts", "tools", "bench"] {
        all.extend(files(&root().join(folder), &endings));
    }
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            all.push(path);
        }
    }
    for path in all {
        // A file that is no text is no reference either.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if line.contains(OUTSIDE) {
                faults.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert_none(&faults);
}

/// Each kind of document names what it points to by a path that is there.
#[test]
fn a_link_between_documents_leads_somewhere() {
    let mut faults = Vec::new();
    let mut documents = files(&root().join("docs"), &["md"]);
    documents.extend(
        fs::read_dir(root())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "md")),
    );
    for path in documents {
        for link in read(&path).split("](").skip(1) {
            let target = link.split([')', '#', ' ']).next().unwrap();
            if target.is_empty()
                || target.contains("://")
                || target.starts_with("mailto:")
                || target.starts_with('/')
            {
                continue;
            }
            if !path.parent().unwrap().join(target).exists() {
                faults.push(format!("{} points to {target}, which is not there", path.display()));
            }
        }
    }
    assert_none(&faults);
}
