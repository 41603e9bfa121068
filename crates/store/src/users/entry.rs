//! The entry of a user in the search index, and how it follows the row: the same for members, contacts and operators, whose
//! rows lie in tables of their own.

use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;

use super::windows::windows;
use crate::conn::{Conn, IndexChange, Tx};
use crate::error::Result;
use crate::sql::{Dialect, Param, Sql};

/// The statements of one table; each takes the organization and the user first.
pub(crate) struct SearchEntry {
    /// On SQLite: the columns `position` and `search_text` of a row that has an entry.
    pub(crate) find: &'static Sql,
    /// On PostgreSQL: sets the windows of the entry.
    pub(crate) set_windows: &'static Sql,
}

/// What SQLite's index holds of a row, and where: it has to be told when that changes.
pub(crate) struct Held {
    row: i64,
    text: String,
}

impl SearchEntry {
    /// What the index holds, to be asked before the row changes: what the caller knows of it may be old. Nothing on
    /// PostgreSQL, where the entry is a row that statements reach.
    pub(crate) fn held(&self, conn: &Conn<'_>, user: UserId) -> Result<Option<Held>> {
        if conn.dialect() == Dialect::Postgres {
            return Ok(None);
        }
        let params = [conn.org_param(), Param::Blob(&user.0)];
        conn.optional(self.find, &params, |row| Ok(Held { row: row.int(0)?, text: row.text(1)? }))
    }

    /// Lets the index follow a row that has another text by now; nothing where there was no entry.
    pub(crate) fn replace(
        &self,
        tx: &Tx<'_>,
        (directory, user): (Directory, UserId),
        held: Option<Held>,
        text: String,
    ) -> Result<()> {
        match tx.dialect() {
            Dialect::Sqlite => {
                if let Some(Held { row, text: before }) = held {
                    tx.index(IndexChange { row, before: Some(before), after: Some(text) });
                }
                Ok(())
            }
            Dialect::Postgres => {
                let windows = windows(tx.org, directory, &text);
                tx.write(self.set_windows, &[tx.org_param(), Param::Blob(&user.0), Param::Words(&windows)])
            }
        }
    }
}

impl Held {
    /// Takes the entry out, with the row or with what was personal in it.
    pub(crate) fn forget(self, tx: &Tx<'_>) {
        tx.index(IndexChange { row: self.row, before: Some(self.text), after: None });
    }
}

/// Characters of a search text at most, for whoever writes a user waits while the index takes in each of them. Nearly all
/// users have fewer than a hundred; who has more is found by those that come first.
const MOST_INDEXED: usize = 2_000;

/// A search text of several folded ones, apart by a control character, which folding drops from each of them and from
/// needles, so that no needle matches across the borders.
pub(crate) fn apart(folded: &[String]) -> String {
    let mut text = folded.join("\u{1}");
    if let Some((end, _)) = text.char_indices().nth(MOST_INDEXED) {
        text.truncate(end);
    }
    text
}
