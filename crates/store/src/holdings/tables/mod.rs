//! The declarations: every table and every column of the schema.

mod contacts;
mod members;
mod operators;
mod organizations;

use denizen_domain::member::Directory;

use super::{Column, Erasing, Holds, Moving, Numbers, Table};
use crate::sql::Dialect;

const fn column(name: &'static str, holds: Holds, why: &'static str) -> Column {
    Column { name, holds, why, only: None }
}

const fn subject(name: &'static str) -> Column {
    column(name, Holds::Subject, "whom the row is about")
}

const fn personal(name: &'static str, why: &'static str) -> Column {
    column(name, Holds::Personal, why)
}

const fn mention(name: &'static str, why: &'static str) -> Column {
    column(name, Holds::Mention, why)
}

const fn plain(name: &'static str, why: &'static str) -> Column {
    column(name, Holds::Nothing, why)
}

const fn only(engine: Dialect, column: Column) -> Column {
    Column { only: Some(engine), ..column }
}

const fn table(name: &'static str, erasing: Erasing, columns: &'static [Column]) -> Table {
    Table {
        name,
        erasing,
        columns,
        only: None,
        directory: None,
        marked: None,
        moving: Moving::Unsaid,
        refers_to: &[],
    }
}

const fn sqlite_table(name: &'static str, erasing: Erasing, columns: &'static [Column]) -> Table {
    Table { only: Some(Dialect::Sqlite), ..table(name, erasing, columns) }
}

const fn postgres_table(name: &'static str, erasing: Erasing, columns: &'static [Column]) -> Table {
    Table { only: Some(Dialect::Postgres), ..table(name, erasing, columns) }
}

impl Table {
    /// Holds something of users of one directory.
    const fn of(self, directory: Directory) -> Self {
        Self { directory: Some(directory), ..self }
    }

    /// Has rows that are cleared, and the column that then has the time.
    const fn marked(self, column: &'static str) -> Self {
        Self { marked: Some(column), ..self }
    }

    /// Goes along when the organization moves; `key` names a row within the organization.
    const fn copied(self, key: &'static [&'static str]) -> Self {
        Self { moving: Moving::Copied { key, numbers: Numbers::None }, ..self }
    }

    /// Goes along when the organization moves; `position` has the numbers of its rows.
    const fn numbered(self, numbers: Numbers) -> Self {
        let key: &[&str] = match numbers {
            Numbers::Kept => &["directory", "position"],
            _ => &["position"],
        };
        Self { moving: Moving::Copied { key, numbers }, ..self }
    }

    /// A table that goes along, and whose column `position` has numbers of records.
    const fn with_records(self) -> Self {
        let Moving::Copied { key, .. } = self.moving else {
            panic!("only what is copied has numbers that go along")
        };
        Self { moving: Moving::Copied { key, numbers: Numbers::Records }, ..self }
    }

    /// Is copied after those that its rows refer to.
    const fn after(self, refers_to: &'static [&'static str]) -> Self {
        Self { refers_to, ..self }
    }

    /// Is made anew from what was copied.
    const fn rebuilt(self, why: &'static str) -> Self {
        Self { moving: Moving::Rebuilt(why), ..self }
    }

    /// Stays where it is.
    const fn staying(self, why: &'static str) -> Self {
        Self { moving: Moving::Stays(why), ..self }
    }
}

const ORG: Column = plain("org_id", "the organization");
const CREATED: Column = plain("created_at", "a time");
const UPDATED: Column = plain("updated_at", "a time");
/// It would confirm a guess of the whole record, so it goes with it.
const DIGEST: Column = personal("digest", "hash of the record");

/// Every table, on either engine. Of those that are erased in batches, the first one is emptied first: a memory shows only
/// while its messages are there.
pub const TABLES: &[Table] =
    &together::<{ PARTS[0].len() + PARTS[1].len() + PARTS[2].len() + PARTS[3].len() }>();

const PARTS: [&[Table]; 4] = [organizations::TABLES, members::TABLES, contacts::TABLES, operators::TABLES];

/// The tables of all parts, which `ALL` are.
const fn together<const ALL: usize>() -> [Table; ALL] {
    let mut all = [PARTS[0][0]; ALL];
    let (mut part, mut table, mut next) = (0, 0, 0);
    while part < PARTS.len() {
        if table == PARTS[part].len() {
            (part, table) = (part + 1, 0);
        } else {
            all[next] = PARTS[part][table];
            (table, next) = (table + 1, next + 1);
        }
    }
    all
}
