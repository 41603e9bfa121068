//! Whether a connection is a session of the server's.
//!
//! Before a read stands the setting of its organization, and statements are prepared once. A pooler that hands out single
//! transactions gives both to whichever client comes next, and reads would go past their wall and find nothing: wrong
//! answers without an error. So such a pooler is refused at the opening.

use super::session::Session;
use crate::error::{Result, StoreError};

/// How often it is looked: a pooler may happen to give a session back to whom it took it from.
const LOOKS: u32 = 3;

/// Two clients that each note who they are, and ask it again after the other one has.
///
/// # Errors
/// [`StoreError::Refused`] when one of them is told that it is the other. What else goes wrong shows in the work as well.
pub(super) fn must_keep_sessions(one: &mut Session, other: &mut Session) -> Result<()> {
    for look in 0..LOOKS {
        let found = note(one, "one").and_then(|()| note(other, "other")).and_then(|()| {
            // In either order: two sessions that are handed out by turns may just fit one of them.
            if look % 2 == 0 {
                Ok((whose(one)?, whose(other)?))
            } else {
                let other = whose(other)?;
                Ok((whose(one)?, other))
            }
        });
        let Ok((first, second)) = found else { return Ok(()) };
        if (first.as_str(), second.as_str()) != ("one", "other") {
            return Err(StoreError::Refused(
                "a pooler on the way hands out single transactions, and denizen needs sessions".to_owned(),
            ));
        }
    }
    Ok(())
}

fn note(session: &mut Session, name: &str) -> Result<()> {
    session.run_alone(&format!("SET denizen.session = '{name}'"))
}

fn whose(session: &mut Session) -> Result<String> {
    session.ask_alone("SELECT coalesce(current_setting('denizen.session', true), '')")
}
