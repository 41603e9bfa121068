//! Giving the place of erased rows free: VACUUM of the tables that hold something of users.
//!
//! Engine: a deleted row stays in its table until no transaction can see it any more and VACUUM has come by. VACUUM runs
//! in no transaction, so it has a connection of its own, which lasts as long as it does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::options::PostgresOptions;
use super::session::{Mode, Session};
use crate::error::{Result, StoreError};
use crate::holdings::{Erasing, TABLES};
use crate::sql::Dialect;

/// How often it is looked whether an older transaction is over, and how long.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 100;

/// A transaction's number: whatever was committed before has a lower one.
const MARK: &str = "SELECT pg_current_xact_id()::xid::text";

/// How many sessions still see what was erased before the transaction `mark`, as far as the role may know.
fn older(mark: &str) -> String {
    format!(
        "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
         AND backend_type = 'client backend' AND age(backend_xmin) > age('{mark}'::xid)"
    )
}

/// As autovacuum goes about it: a pause after every few pages, whose price the server has settings for. Without it the
/// tables are read as fast as the server can, and everybody who asks for something meanwhile waits behind that.
const PACE: &str = "SET vacuum_cost_delay = '2ms'";

/// The statistics of the planner hold values of the tables, so they are made anew too.
///
/// Engine: workers in parallel would take the processor from those who wait for an answer, and giving the end of a table back
/// to the system takes the table from everybody for a moment.
fn vacuum() -> String {
    let tables: Vec<&str> = TABLES
        .iter()
        .filter(|table| table.is_on(Dialect::Postgres) && !matches!(table.erasing, Erasing::Kept(_)))
        .map(|table| table.name)
        .collect();
    format!("VACUUM (ANALYZE, INDEX_CLEANUP ON, PARALLEL 0, TRUNCATE OFF) {}", tables.join(", "))
}

pub(crate) async fn run(options: &PostgresOptions) -> Result<()> {
    // It takes as long as it takes.
    let patient = PostgresOptions { statement_timeout: Duration::from_hours(24), ..options.clone() };
    let (reply, answer) = oneshot::channel();
    std::thread::Builder::new()
        .name("denizen-scrub".to_owned())
        .spawn(move || {
            // Whoever asked may have gone meanwhile.
            let _ = reply.send(scrub(&Arc::new(patient)));
        })
        .map_err(|error| StoreError::Io(format!("a thread could not be started: {error}")))?;
    answer.await.map_err(|_| StoreError::Internal("a scrub panicked".to_owned()))?
}

fn scrub(options: &Arc<PostgresOptions>) -> Result<()> {
    let mut session = Session::new(Arc::clone(options), Mode::Step)?;
    session.connect().map_err(|failure| failure.error())?;
    let mark = session.ask_alone(MARK)?;
    let older = older(&mark);
    let mut looks = 0;
    while session.ask_alone(&older)? != "0" {
        looks += 1;
        if looks == LOOKS {
            return Err(StoreError::Busy);
        }
        std::thread::sleep(LOOK);
    }
    session.run_alone(PACE)?;
    session.run_alone(&vacuum())
}
