//! How long what was read is used before it is read again.

use denizen_domain::time::Timestamp;
use denizen_store::Mark;

/// For how long it is used in any case, in microseconds, as long as this process changes nothing of it.
const FRESH: i64 = 1_000_000;
/// From when on it is asked whether others have written, in microseconds.
const ASKED_AFTER: i64 = 500_000;
/// For how long it is used at most while it is known that nobody else has written either: what nobody has foreseen, such as a
/// file that was put in the place of another one, is not believed for longer. Reading once a minute costs nothing.
const LONGEST: i64 = 60_000_000;

/// Since when something is known.
#[derive(Debug)]
pub(crate) struct Freshness {
    loaded_at: Timestamp,
    /// Of before it was read.
    mark: Mark,
}

impl Freshness {
    pub(crate) fn new(loaded_at: Timestamp, mark: Mark) -> Self {
        Self { loaded_at, mark }
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Whether it can be used now.
    pub(crate) fn lasts(&self, now: Timestamp) -> bool {
        let age = now.0.saturating_sub(self.loaded_at.0);
        // It is asked before it matters: the answer comes in time for another call.
        let lasts = age < ASKED_AFTER || (self.mark.holds_on(now) && age < LONGEST) || age < FRESH;
        lasts && self.mark.holds()
    }
}
