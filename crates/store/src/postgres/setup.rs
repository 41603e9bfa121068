//! What is set for every connection, and how many statements one keeps.

use std::collections::HashMap;

use tokio_postgres::Statement;

use super::options::PostgresOptions;
use super::session::NOBODY;

/// Prepared statements that a connection keeps. Beyond this all are dropped, which happens only when callers make many
/// shapes of lists.
const MOST_STATEMENTS: usize = 1_000;
/// The most bytes of text that they have together: the server holds forty times as much for each, and callers choose how
/// long the lists in them are.
const MOST_TEXT: usize = 256 << 10;
/// What is set for every connection. A server that was told not to wait for its disk would lose what was acknowledged.
pub(crate) fn settings(options: &PostgresOptions) -> String {
    let milliseconds = options.statement_timeout.as_millis();
    format!(
        "SET statement_timeout = {milliseconds};
         SET idle_in_transaction_session_timeout = {milliseconds};
         SET jit = off;
         SET denizen.org_id = '{}';
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        NOBODY.0
    )
}

/// Drops every statement when there is no room for one more, which happens only when callers make many shapes of lists.
pub(crate) fn make_room<T: AsRef<str>>(statements: &mut HashMap<T, Statement>, text: &str) {
    let held: usize = statements.keys().map(|text| text.as_ref().len()).sum();
    if statements.len() >= MOST_STATEMENTS || held + text.len() > MOST_TEXT {
        statements.clear();
    }
}
