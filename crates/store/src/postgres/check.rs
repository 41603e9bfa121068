//! Looking for contradictions: what `denizen check` reports of a PostgreSQL database.
//!
//! It must not mend anything, and it looks at one organization after the other, each behind its wall. Damage of the files
//! is for PostgreSQL's own tools to find: data checksums, `pg_amcheck`.

use std::collections::BTreeSet;

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory as UserDirectory;

use super::Database;
use crate::conn::Conn;
use crate::contacts;
use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql};
use crate::users;

/// After so many problems of one kind in one organization the rest is not listed.
const MOST: usize = 20;
/// Users that are compared with their search entries at a time.
const BATCH: i64 = 2_000;

/// Organizations on the map, and those that are off it and still being erased.
static ORGANIZATIONS: Sql = Sql::split(
    "check.organizations",
    "",
    "SELECT org_id FROM organization UNION SELECT org_id FROM job UNION SELECT org_id FROM user_search
     ORDER BY org_id",
);
static COUNTERS: Sql = Sql::split(
    "check.counters",
    "",
    "SELECT 'directory ' || directory || ': ' || sum(counted) || ' counted, ' || sum(kept) || ' kept'
     FROM (SELECT directory, count(*) AS counted, 0 AS kept FROM users WHERE org_id = $1 GROUP BY directory
           UNION ALL
           SELECT 1, count(*), 0 FROM contact WHERE org_id = $1
           UNION ALL
           SELECT 2, count(*), 0 FROM operator WHERE org_id = $1
           UNION ALL
           SELECT directory, 0, sum(users) FROM directory_counter WHERE org_id = $1 GROUP BY directory) AS both_ways
     GROUP BY directory HAVING sum(counted) <> sum(kept)",
);
static ROLES: Sql = Sql::split(
    "check.roles",
    "",
    "SELECT 'position ' || position FROM users WHERE org_id = $1 AND NOT EXISTS
        (SELECT 1 FROM role WHERE role.org_id = users.org_id AND role.role_id = users.role_id) LIMIT 20",
);
static LINKS: Sql = Sql::split(
    "check.links",
    "",
    "SELECT 'of ' || encode(user_id, 'hex') FROM link WHERE org_id = $1 AND NOT EXISTS
        (SELECT 1 FROM users WHERE users.org_id = link.org_id AND users.user_id = link.user_id) LIMIT 20",
);
static NOBODYS_WINDOWS: Sql = Sql::split(
    "check.nobodys_windows",
    "",
    "SELECT 'position ' || position FROM user_search WHERE org_id = $1 AND NOT EXISTS
        (SELECT 1 FROM users WHERE users.org_id = user_search.org_id AND users.position = user_search.position)
     AND NOT EXISTS
        (SELECT 1 FROM contact WHERE contact.org_id = user_search.org_id AND contact.position = user_search.position
         AND contact.search_text IS NOT NULL)
     AND NOT EXISTS
        (SELECT 1 FROM operator WHERE operator.org_id = user_search.org_id AND operator.position = user_search.position)
     LIMIT 20",
);
static WINDOWS: Sql = Sql::split(
    "check.windows",
    "",
    "SELECT users.position, users.search_text, array_to_string(tsvector_to_array(user_search.windows), ' ')
     FROM users
     LEFT JOIN user_search ON user_search.org_id = $1 AND user_search.position = users.position
     WHERE users.org_id = $1 AND users.directory = $2 AND users.position > $3
     ORDER BY users.position LIMIT $4",
);
static OPERATORS: Sql = Sql::split(
    "check.operators",
    "",
    "SELECT operator.position, operator.search_text, array_to_string(tsvector_to_array(user_search.windows), ' ')
     FROM operator
     LEFT JOIN user_search ON user_search.org_id = $1 AND user_search.position = operator.position
     WHERE operator.org_id = $1 AND operator.position > $2
     ORDER BY operator.position LIMIT $3",
);
static ADMINISTRATORS: Sql = Sql::split(
    "check.administrators",
    "",
    "SELECT 'position ' || position FROM operator WHERE org_id = $1 AND is_admin = 1 AND (
        EXISTS (SELECT 1 FROM operator_environment AS placed
            WHERE placed.org_id = operator.org_id AND placed.user_id = operator.user_id)
        OR EXISTS (SELECT 1 FROM operator_bot AS entrusted
            WHERE entrusted.org_id = operator.org_id AND entrusted.user_id = operator.user_id)) LIMIT 20",
);
static IDENTIFIERS: Sql = Sql::split(
    "check.identifiers",
    "",
    "SELECT 'of ' || encode(user_id, 'hex') FROM contact_identifier AS known WHERE org_id = $1 AND NOT EXISTS
        (SELECT 1 FROM contact WHERE contact.org_id = known.org_id AND contact.user_id = known.user_id) LIMIT 20",
);
static ANONYMIZED: Sql = Sql::split(
    "check.anonymized",
    "",
    "SELECT 'position ' || position FROM contact WHERE org_id = $1 AND anonymized_at IS NOT NULL
     AND coalesce(display_name, first_name, last_name, middle_names, email, additional_emails, phone, additional_phones,
         external_id, avatar_url, attributes, search_text) IS NOT NULL LIMIT 20",
);
// The columns of a contact, then what is known of it elsewhere.
static CONTACTS: Sql = Sql::split(
    "check.contacts",
    "",
    "SELECT user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at, contact.position, search_text,
     array_to_string(tsvector_to_array(user_search.windows), ' '),
     (SELECT coalesce(json_agg(json_build_array(kind, key)), '[]')::text FROM contact_identifier AS known
      WHERE known.org_id = $1 AND known.user_id = contact.user_id)
     FROM contact
     LEFT JOIN user_search ON user_search.org_id = $1 AND user_search.position = contact.position
     WHERE contact.org_id = $1 AND contact.position > $2
     ORDER BY contact.position LIMIT $3",
);
/// A role that is a member of the owner has the owner's rights.
static FOREIGN: Sql = Sql::split(
    "check.foreign",
    "",
    "SELECT CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || relname || ' belongs to '
         || pg_get_userbyid(relowner)
     FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'p', 'S')
     AND NOT pg_has_role(relowner, 'USAGE') ORDER BY relkind, relname",
);

pub(crate) const STATEMENTS: &[&Sql] = &[
    &ORGANIZATIONS,
    &COUNTERS,
    &ROLES,
    &LINKS,
    &NOBODYS_WINDOWS,
    &WINDOWS,
    &OPERATORS,
    &ADMINISTRATORS,
    &IDENTIFIERS,
    &ANONYMIZED,
    &CONTACTS,
    &FOREIGN,
];

/// What must hold between tables: a query for what does not, each row a line of text.
const RULES: [(&str, &Sql); 7] = [
    ("a counter differs from its users", &COUNTERS),
    ("a user has no role", &ROLES),
    ("a link has no user", &LINKS),
    ("the search index holds nobody's words", &NOBODYS_WINDOWS),
    ("an address or number has no contact", &IDENTIFIERS),
    ("something is left of an anonymized contact", &ANONYMIZED),
    ("an administrator has been given what everybody of them reaches", &ADMINISTRATORS),
];

pub(crate) async fn run(database: &Database) -> Result<Vec<String>> {
    let foreign = database.scan(OrgKey::CONTROL, |conn| conn.all(&FOREIGN, &[], |row| row.text(0))).await?;
    let mut problems: Vec<String> =
        foreign.into_iter().map(|line| format!("the role does not own what it uses: {line}")).collect();
    let organizations =
        database.scan(OrgKey::CONTROL, |conn| conn.all(&ORGANIZATIONS, &[], |row| row.int(0))).await;
    let organizations = match organizations {
        Ok(organizations) => organizations,
        // What was found already is why.
        Err(StoreError::Refused(_)) if !problems.is_empty() => return Ok(problems),
        Err(error) => return Err(error),
    };
    for org in organizations {
        let found = database.scan(OrgKey(org), |conn| check_organization(conn)).await?;
        problems.extend(found.into_iter().map(|problem| format!("org_id {org}: {problem}")));
    }
    Ok(problems)
}

fn check_organization(conn: &Conn<'_>) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for (title, rule) in RULES {
        let found = conn.all(rule, &[conn.org_param()], |row| row.text(0))?;
        problems.extend(found.into_iter().take(MOST).map(|line| format!("{title}: {line}")));
    }
    check_users(conn, &mut problems)?;
    check_contacts(conn, &mut problems)?;
    Ok(problems)
}

/// The index holds for each user just the windows of its search text.
fn check_users(conn: &Conn<'_>, problems: &mut Vec<String>) -> Result<()> {
    for directory in [UserDirectory::Members, UserDirectory::Contacts, UserDirectory::Operators] {
        check_windows(conn, directory, problems, |after| {
            let params =
                [conn.org_param(), Param::Int(directory.number()), Param::Int(after), Param::Int(BATCH)];
            conn.all(&WINDOWS, &params, read_windows)
        })?;
    }
    // Operators have a table of their own.
    check_windows(conn, UserDirectory::Operators, problems, |after| {
        let params = [conn.org_param(), Param::Int(after), Param::Int(BATCH)];
        conn.all(&OPERATORS, &params, read_windows)
    })
}

/// A position, the search text, and the windows that the index holds of it.
type Windows = (i64, Option<String>, Option<String>);

fn read_windows(row: &Row<'_>) -> Result<Windows> {
    Ok((row.int(0)?, row.optional_text(1)?, row.optional_text(2)?))
}

/// Compares what `batch` reads behind a position, until there is nothing behind it.
fn check_windows(
    conn: &Conn<'_>,
    directory: UserDirectory,
    problems: &mut Vec<String>,
    batch: impl Fn(i64) -> Result<Vec<Windows>>,
) -> Result<()> {
    let (mut after, mut listed) = (0, Listed::new("the search index does not fit its user"));
    loop {
        let found = batch(after)?;
        let Some((last, ..)) = found.last() else { return Ok(()) };
        after = *last;
        for (position, text, held) in found {
            if !windows_fit(conn.org, directory, text, held) {
                listed.push(position, problems);
            }
        }
    }
}

/// The same of each contact, and each has just the addresses and numbers that its row names.
fn check_contacts(conn: &Conn<'_>, problems: &mut Vec<String>) -> Result<()> {
    let mut after = 0;
    let mut unfit_windows = Listed::new("the search index does not fit its user");
    let mut unfit_identifiers = Listed::new("the addresses and numbers of a contact do not fit it");
    loop {
        let params = [conn.org_param(), Param::Int(after), Param::Int(BATCH)];
        let batch = conn.all(&CONTACTS, &params, |row| {
            const NEXT: usize = contacts::COLUMN_COUNT;
            let (text, held) = (row.optional_text(NEXT + 1)?, row.optional_text(NEXT + 2)?);
            let windows = windows_fit(conn.org, UserDirectory::Contacts, text, held);
            Ok((row.int(NEXT)?, windows, contacts::identifiers_fit(row, NEXT + 3)?))
        })?;
        let Some((last, ..)) = batch.last() else { return Ok(()) };
        after = *last;
        for (position, windows, identifiers) in batch {
            if !windows {
                unfit_windows.push(position, problems);
            }
            if !identifiers {
                unfit_identifiers.push(position, problems);
            }
        }
    }
}

/// Whether these are the windows of the text; of no text there are none.
fn windows_fit(org: OrgKey, directory: UserDirectory, text: Option<String>, held: Option<String>) -> bool {
    let wanted = text.map(|text| users::windows(org, directory, &text)).unwrap_or_default();
    let held = held.unwrap_or_default();
    let held: BTreeSet<&str> = held.split_whitespace().collect();
    held.len() == wanted.len() && wanted.iter().all(|word| held.contains(word.as_str()))
}

/// Problems of one kind, of which the first ones are listed.
struct Listed {
    title: &'static str,
    found: usize,
}

impl Listed {
    fn new(title: &'static str) -> Self {
        Self { title, found: 0 }
    }

    fn push(&mut self, position: i64, problems: &mut Vec<String>) {
        self.found += 1;
        if self.found <= MOST {
            problems.push(format!("{}: position {position}", self.title));
        }
    }
}
