//! What is told of a move, while it goes on and when it has ended.

use denizen_domain::text::ClusterName;
use denizen_store::relocation::Step;
use serde::Serialize;

/// How far a move is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveStep {
    /// So many jobs are still worked on.
    Draining(i64),
    /// From here on writes are refused.
    Shut,
    /// How many rows each table has.
    Counted(Vec<(&'static str, u64)>),
    Table(Step),
    /// Everything is there, and the map is switched.
    Switching,
}

/// A table that has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovedTable {
    pub table: &'static str,
    pub rows: u64,
}

/// What has moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MoveReport {
    pub source: ClusterName,
    pub target: ClusterName,
    pub rows: u64,
    pub tables: Vec<MovedTable>,
    /// Whether continuation tokens from before go on: not when numbers of PostgreSQL's are too great for SQLite.
    pub keeps_tokens: bool,
    /// From the call to the end.
    pub seconds: f64,
    /// For how long writes of the organization were refused.
    pub refused_seconds: f64,
    /// Of these, how long was copied.
    pub copy_seconds: f64,
    /// Whether only the last step of a move that was cut off was left to be done; then the numbers are not known.
    pub was_cut_off: bool,
}

impl MoveReport {
    pub(super) fn finished(source: ClusterName, target: ClusterName) -> Self {
        Self {
            source,
            target,
            rows: 0,
            tables: Vec::new(),
            keeps_tokens: true,
            seconds: 0.0,
            refused_seconds: 0.0,
            copy_seconds: 0.0,
            was_cut_off: true,
        }
    }
}
