//! Receipts: who was erased, as a hash, so that what arrives late about such a user is not taken in.
//!
//! A receipt holds nothing of the user. Whoever knows the id of a user can ask whether there is one, and no more.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::member::Directory;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::sql::{Param, Sql, Statement, Value};

/// Begins what is hashed, so that the hash of a receipt is no hash of anything else.
const PREFIX: &[u8] = b"denizen erasure receipt 1\0";

static PUT: Sql = Sql::new(
    "erasure.put",
    "INSERT INTO erasure_receipt (org_id, subject_hash, erased_at) VALUES ($1, $2, $3)
     ON CONFLICT (org_id, subject_hash) DO NOTHING",
);
static FIND: Sql =
    Sql::new("erasure.find", "SELECT erased_at FROM erasure_receipt WHERE org_id = $1 AND subject_hash = $2");

pub const STATEMENTS: &[&Sql] = &[&PUT, &FIND];

/// SHA-256 over a fixed prefix, the organization's key, the directory and the user's id.
fn subject_hash(org: OrgKey, directory: Directory, user: UserId) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(PREFIX);
    context.update(&org.0.to_be_bytes());
    context.update(&directory.number().to_be_bytes());
    context.update(&user.0);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Notes that a user was erased. Belongs into the transaction that deletes the user's row.
pub fn put(tx: &Tx<'_>, directory: Directory, user: UserId, now: Timestamp) -> Result<()> {
    let hash = subject_hash(tx.org, directory, user);
    tx.write(&PUT, &[tx.org_param(), Param::Blob(&hash), Param::Int(now.0)])
}

/// When a user was erased, if there is a receipt.
pub fn find(conn: &Conn<'_>, directory: Directory, user: UserId) -> Result<Option<Timestamp>> {
    let hash = subject_hash(conn.org, directory, user);
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(&hash)], |row| Ok(Timestamp(row.int(0)?)))
}

/// Which of these users of a directory were erased. Whoever takes in records asks in the same transaction: then a record is either
/// taken in before the erasure, which finds it, or refused.
pub fn is_erased_many(conn: &Conn<'_>, directory: Directory, users: &[UserId]) -> Result<BTreeSet<UserId>> {
    let by_hash: BTreeMap<[u8; 32], UserId> =
        users.iter().map(|user| (subject_hash(conn.org, directory, *user), *user)).collect();
    if by_hash.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut statement = Statement::new("SELECT subject_hash FROM erasure_receipt WHERE org_id = ");
    statement.bind(Value::Int(conn.org.0));
    statement
        .push(" AND subject_hash IN ")
        .bind_list(by_hash.keys().map(|hash| Value::Blob(hash.to_vec())).collect());
    let found = conn.all_of(&statement, |row| row.id(0, |bytes| <[u8; 32]>::try_from(bytes).ok()))?;
    Ok(found.iter().filter_map(|hash| by_hash.get(hash).copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_of_one_user_of_one_directory_of_one_organization() {
        let hash = subject_hash(OrgKey(1), Directory::Members, UserId([1; 16]));
        assert_ne!(hash, subject_hash(OrgKey(2), Directory::Members, UserId([1; 16])));
        assert_ne!(hash, subject_hash(OrgKey(1), Directory::Contacts, UserId([1; 16])));
        assert_ne!(hash, subject_hash(OrgKey(1), Directory::Members, UserId([2; 16])));
    }
}
