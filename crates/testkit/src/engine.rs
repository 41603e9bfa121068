//! Which engine the tests run on: the one place that knows.

use std::env;
use std::path::Path;

use denizen_domain::time::Timestamp;
use denizen_store::{SqliteOptions, Store};

/// Names the engine; `sqlite` when it is not set.
const VARIABLE: &str = "DENIZEN_TEST_ENGINE";

/// Opens the database of a test in its folder, which may hold it already: then this is another process's connection.
///
/// # Panics
/// When the engine is not known or the database cannot be opened.
pub(crate) fn open(folder: &Path, now: Timestamp) -> Store {
    let engine = env::var(VARIABLE).unwrap_or_else(|_| "sqlite".to_owned());
    assert_eq!(engine, "sqlite", "{VARIABLE} names an engine that the tests do not know");
    Store::open(SqliteOptions::new(folder.join("denizen.db")), now).expect("a fresh folder takes a database")
}
