//! What each row of a user has to agree with: its keys with the texts that they are made from, a contact's addresses and
//! numbers with those that only one can have, on PostgreSQL its entry in the search index with its search text, and that
//! nobody is there who was erased. Rows are read some thousand at a time, in their order.
//!
//! SQLite's search index is not in the order of users; `sqlite/check.rs` compares all of it.

use std::collections::BTreeSet;

use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::member::Directory;

use super::{ERASED, Findings, IDENTIFIERS, KEYS, NOBODY, SEARCH, Step, Watch};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::{Dialect, Param, Row, Sql};
use crate::users::Position;
use crate::{contacts, erasures, operators, users};

/// Rows that are read at a time.
const BATCH: i64 = 2_000;

// What is read of each: position, user_id, the windows in the search index; then what belongs to the table.
static MEMBERS: Sql = Sql::split(
    "check.members",
    "SELECT position, user_id, NULL, email, email_key, first_name, first_key, last_name, last_key, search_text FROM users
     WHERE position > $2 AND position <= $3 AND +org_id = $1 ORDER BY position LIMIT $4",
    "SELECT users.position, user_id, array_to_string(tsvector_to_array(user_search.windows), ' '),
     email, email_key, first_name, first_key, last_name, last_key, search_text
     FROM users LEFT JOIN user_search ON user_search.org_id = $1 AND user_search.position = users.position
     WHERE users.org_id = $1 AND directory = $2 AND users.position > $3 ORDER BY users.position LIMIT $4",
);
static CONTACTS: Sql = Sql::split(
    "check.contacts",
    "SELECT position, contact.user_id, NULL, anonymized_at, search_text,
     (SELECT json_group_array(json_array(kind, key)) FROM contact_identifier AS known
      WHERE known.org_id = contact.org_id AND known.user_id = contact.user_id),
     user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at
     FROM contact WHERE position > $2 AND position <= $3 AND +org_id = $1 ORDER BY position LIMIT $4",
    "SELECT contact.position, contact.user_id, array_to_string(tsvector_to_array(user_search.windows), ' '),
     anonymized_at, search_text,
     (SELECT coalesce(json_agg(json_build_array(kind, key)), '[]')::text FROM contact_identifier AS known
      WHERE known.org_id = $1 AND known.user_id = contact.user_id),
     user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at
     FROM contact LEFT JOIN user_search ON user_search.org_id = $1 AND user_search.position = contact.position
     WHERE contact.org_id = $1 AND $2 = 1 AND contact.position > $3 ORDER BY contact.position LIMIT $4",
);
static OPERATORS: Sql = Sql::split(
    "check.operators",
    "SELECT position, user_id, NULL, email, email_key, name, name_key, company, company_key, search_text FROM operator
     WHERE position > $2 AND position <= $3 AND +org_id = $1 ORDER BY position LIMIT $4",
    "SELECT operator.position, user_id, array_to_string(tsvector_to_array(user_search.windows), ' '),
     email, email_key, name, name_key, company, company_key, search_text
     FROM operator LEFT JOIN user_search ON user_search.org_id = $1 AND user_search.position = operator.position
     WHERE operator.org_id = $1 AND $2 = 2 AND operator.position > $3 ORDER BY operator.position LIMIT $4",
);
static AWAITED: Sql = Sql::new(
    "check.awaited",
    "SELECT user_id FROM awaited_user WHERE org_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
);
static HAS_RECEIPTS: Sql =
    Sql::new("check.has_receipts", "SELECT 1 FROM erasure_receipt WHERE org_id = $1 LIMIT 1");
static NOBODYS_WINDOWS: Sql = Sql::split(
    "check.nobodys_windows",
    "",
    "SELECT position FROM user_search WHERE org_id = $1 AND NOT EXISTS
        (SELECT 1 FROM users WHERE users.org_id = user_search.org_id AND users.position = user_search.position)
     AND NOT EXISTS
        (SELECT 1 FROM contact WHERE contact.org_id = user_search.org_id AND contact.position = user_search.position
         AND contact.search_text IS NOT NULL)
     AND NOT EXISTS
        (SELECT 1 FROM operator WHERE operator.org_id = user_search.org_id AND operator.position = user_search.position)
     LIMIT $2",
);

pub(crate) const STATEMENTS: &[&Sql] =
    &[&MEMBERS, &CONTACTS, &OPERATORS, &AWAITED, &HAS_RECEIPTS, &NOBODYS_WINDOWS];

/// The id of a user as it is written outside.
pub(super) fn name_of(directory: Directory, user: UserId) -> String {
    match directory {
        Directory::Members => user.as_member().to_string(),
        Directory::Contacts | Directory::Operators => user.as_uuid().to_string(),
    }
}

/// A table with users of a directory, and how a row of it is read.
struct Home {
    table: &'static str,
    directory: Directory,
    sql: &'static Sql,
    read: fn(&Row<'_>) -> Result<Held>,
}

/// What a row says of a user.
struct Held {
    /// Columns whose keys do not fit their texts.
    unfit: Vec<&'static str>,
    identifiers_fit: bool,
    search_text: Option<String>,
    /// Whether the user is there as somebody.
    is_known: bool,
}

/// The first column that belongs to the table.
const OWN: usize = 3;

fn read_member(row: &Row<'_>) -> Result<Held> {
    let search_text = Some(row.text(OWN + 6)?);
    Ok(Held { unfit: users::unfit_keys(row, OWN)?, identifiers_fit: true, search_text, is_known: true })
}

fn read_contact(row: &Row<'_>) -> Result<Held> {
    let (is_known, search_text) = (row.optional_int(OWN)?.is_none(), row.optional_text(OWN + 1)?);
    let fit = contacts::fit(row, OWN + 2)?;
    // What was made anonymous has no text; that there is none is the affair of another rule.
    let is_fit = !is_known || search_text.as_ref() == Some(&fit.search_text);
    let unfit = if is_fit { Vec::new() } else { vec!["search_text"] };
    Ok(Held { unfit, identifiers_fit: fit.identifiers_fit, search_text, is_known })
}

fn read_operator(row: &Row<'_>) -> Result<Held> {
    let search_text = Some(row.text(OWN + 6)?);
    Ok(Held { unfit: operators::unfit_keys(row, OWN)?, identifiers_fit: true, search_text, is_known: true })
}

const HOMES: [Home; 5] = [
    Home { table: "users", directory: Directory::Members, sql: &MEMBERS, read: read_member },
    // The table has room for users of every directory.
    Home { table: "users", directory: Directory::Contacts, sql: &MEMBERS, read: read_member },
    Home { table: "users", directory: Directory::Operators, sql: &MEMBERS, read: read_member },
    Home { table: "contact", directory: Directory::Contacts, sql: &CONTACTS, read: read_contact },
    Home { table: "operator", directory: Directory::Operators, sql: &OPERATORS, read: read_operator },
];

pub(super) fn check(conn: &Conn<'_>, watch: &Watch, step: &mut Step, findings: &mut Findings) -> Result<()> {
    let has_receipts = conn.optional(&HAS_RECEIPTS, &[conn.org_param()], |_| Ok(()))?.is_some();
    for home in &HOMES {
        let mut after = Position::START.in_column(conn.dialect(), conn.org, home.directory);
        loop {
            let looked = check_batch(conn, home, after, has_receipts, findings)?;
            let Some((last, rows)) = looked else { break };
            after = last;
            step.rows += rows;
            watch(*step);
        }
    }
    if has_receipts {
        check_awaited(conn, findings)?;
    }
    if conn.dialect() == Dialect::Postgres {
        let params = [conn.org_param(), Param::Int(BATCH)];
        for position in conn.all(&NOBODYS_WINDOWS, &params, |row| row.int(0))? {
            findings.push(NOBODY, Some(conn.org), format!("user_search: position {position}"));
        }
    }
    Ok(())
}

/// Looks at some rows behind a position; the position of the last one, and how many they were.
fn check_batch(
    conn: &Conn<'_>,
    home: &Home,
    after: i64,
    has_receipts: bool,
    findings: &mut Findings,
) -> Result<Option<(i64, u64)>> {
    let (org, directory, dialect) = (conn.org, home.directory, conn.dialect());
    let params = match dialect {
        Dialect::Sqlite => {
            let end = Position::END.in_column(dialect, org, directory);
            [conn.org_param(), Param::Int(after), Param::Int(end), Param::Int(BATCH)]
        }
        Dialect::Postgres => {
            [conn.org_param(), Param::Int(directory.number()), Param::Int(after), Param::Int(BATCH)]
        }
    };
    let mut there = Vec::new();
    let mut last = None;
    let mut told = |kind, place| findings.push(kind, Some(org), place);
    let rows = conn.all(home.sql, &params, |row| {
        last = Some(row.int(0)?);
        let user = row.id(1, UserId::from_column)?;
        let place = || format!("{}: user {}", home.table, name_of(directory, user));
        let held = (home.read)(row)?;
        if !held.unfit.is_empty() {
            told(KEYS, format!("{}: {}", place(), held.unfit.join(", ")));
        }
        if !held.identifiers_fit {
            told(IDENTIFIERS, place());
        }
        if dialect == Dialect::Postgres
            && !windows_fit(org, directory, held.search_text.as_deref(), row.optional_text(2)?)
        {
            told(SEARCH, place());
        }
        if held.is_known {
            there.push(user);
        }
        Ok(())
    })?;
    if has_receipts {
        for user in erasures::is_erased_many(conn, directory, &there)? {
            let place = format!("{}: user {}", home.table, name_of(directory, user));
            findings.push(ERASED, Some(org), place);
        }
    }
    Ok(last.map(|last| (last, rows.len() as u64)))
}

/// Whether these are the windows of the text; of no text there are none.
fn windows_fit(org: OrgKey, directory: Directory, text: Option<&str>, held: Option<String>) -> bool {
    let wanted = text.map(|text| users::windows(org, directory, text)).unwrap_or_default();
    let held = held.unwrap_or_default();
    let held: BTreeSet<&str> = held.split_whitespace().collect();
    held.len() == wanted.len() && wanted.iter().all(|word| held.contains(word.as_str()))
}

/// Whoever was erased is not awaited: what arrives is refused.
fn check_awaited(conn: &Conn<'_>, findings: &mut Findings) -> Result<()> {
    // Any id is greater than no bytes.
    let mut after = Vec::new();
    loop {
        let params = [conn.org_param(), Param::Blob(&after), Param::Int(BATCH)];
        let awaited = conn.all(&AWAITED, &params, |row| row.id(0, UserId::from_column))?;
        let Some(last) = awaited.last() else { return Ok(()) };
        after = last.0.to_vec();
        for user in erasures::is_erased_many(conn, Directory::Members, &awaited)? {
            let place = format!("awaited_user: user {}", name_of(Directory::Members, user));
            findings.push(ERASED, Some(conn.org), place);
        }
    }
}
