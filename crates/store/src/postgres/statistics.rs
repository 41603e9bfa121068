//! What the planner knows of tables, kept up with what is written.
//!
//! Engine: of a table that was never analysed the planner supposes that hardly any row is of a given organization and
//! directory, and finds rows by walking through all of them. Autovacuum looks once a minute; whoever moves in has written a
//! hundred thousand users by then, each batch of them slower than the last.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::session::Session;

/// How often is looked, while something is written.
const LOOK: Duration = Duration::from_millis(500);

/// Tables that have become so many times as large since they were analysed; of the smallest any way to a row is short. What
/// matters is that something is known at all, and autovacuum sees to the rest. The search index is left to it altogether:
/// analysing its words takes longest, no plan depends on them, and searches do without for a while (`shares.rs`).
const OUTGROWN: &str = "SELECT coalesce(string_agg(quote_ident(relname), ', '), '') FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname <> 'user_search'
    AND relpages * 8 + 8 < pg_relation_size(oid) / current_setting('block_size')::bigint";

/// When it was looked last.
#[derive(Default)]
pub(super) struct Statistics(Mutex<Option<Instant>>);

impl Statistics {
    /// Analyses what has outgrown its statistics, unless it was looked a moment ago. What is being vacuumed is left alone.
    pub(super) fn keep_up(&self, session: &mut Session) {
        let now = Instant::now();
        // Somebody else looks at this moment.
        let Ok(mut looked) = self.0.try_lock() else { return };
        if !session.is_connected() || looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return;
        }
        *looked = Some(now);
        let analysed = session.ask_alone(OUTGROWN).and_then(|tables| match tables.as_str() {
            "" => Ok(()),
            tables => session.run_alone(&format!("ANALYZE (SKIP_LOCKED) {tables}")),
        });
        if let Err(error) = analysed {
            tracing::debug!(%error, "the statistics of the planner could not be brought up to date");
        }
    }
}
