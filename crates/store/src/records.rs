//! What the tables of ingested records have in common: many rows are found at once by their ids, and a digest over all
//! of a record says whether a record that comes again brings anything new.

use denizen_domain::ids::{ObjectId, UserId, Uuid, encode_hex};

use serde::Serialize;

use crate::error::{Result, StoreError};
use crate::sql::{Row, to_json};

/// The first half of a SHA-256 over all of a record.
pub type Digest = [u8; 16];

/// What decides about a record that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    pub id: ObjectId,
    pub user_id: UserId,
    pub digest: Digest,
}

/// The columns id, `user_id` and `digest`, in this order.
pub(crate) fn read_stored(row: &Row<'_>) -> Result<Stored> {
    Ok(Stored {
        id: row.id(0, ObjectId::from_column)?,
        user_id: row.id(1, UserId::from_column)?,
        digest: read_digest(row, 2)?,
    })
}

pub(crate) fn read_digest(row: &Row<'_>, column: usize) -> Result<Digest> {
    let bytes = row.blob(column)?;
    bytes.try_into().map_err(|_| StoreError::Corrupt(format!("column {column} is no digest")))
}

/// The bytes of an id, for [`id_list`].
pub(crate) trait IdBytes {
    fn bytes(&self) -> &[u8];
}

impl IdBytes for ObjectId {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl IdBytes for UserId {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl IdBytes for Uuid {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Ids as one parameter, so that lists of every length share one statement: a JSON array of hexadecimal texts, which both
/// engines take apart.
pub(crate) fn id_list<I: IdBytes>(ids: &[I]) -> String {
    to_json(&ids.iter().map(hex).collect::<Vec<String>>())
}

/// An id as it stands in such a list.
pub(crate) fn hex<I: IdBytes>(id: &I) -> String {
    let bytes = id.bytes();
    encode_hex(bytes, &mut [0; 32][..2 * bytes.len()]).to_owned()
}

/// Bytes of a list that is one parameter, about: a row takes several times as many in it as were said.
const MOST_BYTES: usize = 1 << 20;

/// Writes rows that are made of things, many of them in a JSON list that is one parameter, and no list of many megabytes.
pub(crate) fn write_in_lists<'t, T, R: Serialize>(
    things: &'t [T],
    row: impl Fn(&'t T) -> R,
    mut write: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let mut list = String::new();
    for (at, thing) in things.iter().enumerate() {
        list.push(if list.is_empty() { '[' } else { ',' });
        list.push_str(&to_json(&row(thing)));
        if list.len() >= MOST_BYTES || at + 1 == things.len() {
            list.push(']');
            write(&list)?;
            list.clear();
        }
    }
    Ok(())
}
