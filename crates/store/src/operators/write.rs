//! What changes operators.

use denizen_domain::ids::UserId;
use denizen_domain::time::Timestamp;

use super::Operator;
use crate::conn::Tx;
use crate::error::Result;

/// Adds operators, each with the hash of its password if it has one. None of the addresses may be taken, and what they reach
/// must be there.
pub fn insert(tx: &Tx<'_>, operators: &[(Operator, Option<String>)]) -> Result<()> {
    todo!()
}

/// Changes everything of an operator but the password and the time of creation. The address may not be another's.
pub fn update(tx: &Tx<'_>, before: &Operator, after: &Operator, now: Timestamp) -> Result<()> {
    todo!()
}

/// Sets the hash of the password. `is_other` says whether it is that of another password: then what was signed before is good
/// for nothing. `false` when there is no such operator.
pub fn set_password(tx: &Tx<'_>, user: UserId, hash: &str, is_other: bool, now: Timestamp) -> Result<bool> {
    todo!()
}

/// Deletes an operator to whom nothing refers any more, and leaves a tombstone.
pub fn delete(tx: &Tx<'_>, user: UserId, now: Timestamp) -> Result<()> {
    todo!()
}
