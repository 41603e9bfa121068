//! Where users lie on disk: on SQLite, what spares the way through an index when one user is found by id.
//!
//! An id leads through two trees, the index of ids and the table itself, and each costs a page that no cache holds when
//! there are many users. Here is remembered to which row an id has led, so that the next time it leads there at once.
//!
//! Nothing is ever taken back from here, so what is remembered may be wrong: the user is gone, or it is another's. So the
//! statement by which the row is read names the id as well; when it finds nothing, the index is asked.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::member::Directory;

use crate::conn::Conn;
use crate::sql::{Dialect, Param};
use crate::users::Position;

/// A million users are remembered in 8 MiB, a shelf of which is made when it is first needed. A user has one place, and the
/// last one who needs it has it.
const SHELVES: usize = 256;
const PLACES: usize = 4_096;

type Shelf = Box<[AtomicU64]>;

/// What this process remembers, of all its databases.
static REMEMBERED: [OnceLock<Shelf>; SHELVES] = [const { OnceLock::new() }; SHELVES];

/// The place of a user among those that are remembered, and what tells who has it.
struct Mark {
    shelf: usize,
    place: usize,
    /// In the upper half.
    tag: u64,
}

const TAG: u64 = !(u32::MAX as u64);

impl Mark {
    fn of(org: OrgKey, user: UserId) -> Self {
        let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| user.0[at + byte]));
        // SplitMix64's last steps, so that every bit depends on all of the id.
        let mix = |mut bits: u64| {
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bits ^ (bits >> 31)
        };
        let mixed = mix(mix(half(0) ^ org.0.unsigned_abs()) ^ half(8));
        let low = usize::try_from(mixed & u64::from(u32::MAX)).unwrap_or_default();
        Self { shelf: low % SHELVES, place: low / SHELVES % PLACES, tag: mixed & TAG }
    }

    fn recall(&self) -> Option<Position> {
        let kept = REMEMBERED[self.shelf].get()?[self.place].load(Ordering::Relaxed);
        let number = i64::try_from(kept & !TAG).unwrap_or_default();
        (kept & TAG == self.tag && number != 0).then_some(Position(number))
    }

    fn remember(&self, position: Position) {
        // A number has 32 bits on SQLite.
        let Ok(number) = u32::try_from(position.0) else { return };
        let shelf = REMEMBERED[self.shelf].get_or_init(|| (0..PLACES).map(|_| AtomicU64::new(0)).collect());
        shelf[self.place].store(self.tag | u64::from(number), Ordering::Relaxed);
    }
}

/// The row that an id has led to, as its table counts rows; always `None` on PostgreSQL.
pub(crate) fn recall(conn: &Conn<'_>, directory: Directory, user: UserId) -> Option<Param<'static>> {
    if conn.dialect() == Dialect::Postgres {
        return None;
    }
    let position = Mark::of(conn.org, user).recall()?;
    Some(Param::Int(position.in_column(Dialect::Sqlite, conn.org, directory)))
}

/// Remembers to which row an id leads.
pub(crate) fn remember(conn: &Conn<'_>, user: UserId, position: Position) {
    if conn.dialect() == Dialect::Sqlite {
        Mark::of(conn.org, user).remember(position);
    }
}
