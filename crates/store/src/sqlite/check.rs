//! Looking for damage and contradictions: what `denizen check` reports.
//!
//! It must not mend anything, and it must not keep writers waiting: it reads one snapshot.

use rusqlite::Connection;

use super::{SqliteOptions, open_reader};
use crate::contacts;
use crate::error::{Result, StoreError};
use crate::sql::Row;
use crate::users::grams;

/// After so many problems of one kind the rest is not listed.
const MOST: usize = 20;

/// What must hold between tables: a query for what does not, each row a line of text.
const RULES: [(&str, &str); 12] = [
    (
        "a counter differs from its users",
        "SELECT 'org_id ' || org_id || ' directory ' || directory || ': ' || sum(counted) || ' counted, '
            || sum(kept) || ' kept'
         FROM (SELECT org_id, directory, count(*) AS counted, 0 AS kept FROM users GROUP BY org_id, directory
               UNION ALL SELECT org_id, 1, count(*), 0 FROM contact GROUP BY org_id
               UNION ALL SELECT org_id, 2, count(*), 0 FROM operator GROUP BY org_id
               UNION ALL SELECT org_id, directory, 0, users FROM directory_counter)
         GROUP BY org_id, directory HAVING sum(counted) <> sum(kept)",
    ),
    (
        "a user lies behind the last number of its directory",
        "SELECT 'position ' || max(position) FROM users JOIN directory_counter USING (org_id, directory)
         GROUP BY org_id, directory HAVING max(position & 4294967295) > max(last_seq)",
    ),
    (
        "a user lies in the place of another directory",
        "SELECT 'position ' || position FROM users WHERE position >> 34 <> org_id OR (position >> 32) & 3 <> directory",
    ),
    (
        "a contact lies behind the last number of its directory",
        "SELECT 'position ' || max(position) FROM contact
         JOIN directory_counter ON directory_counter.org_id = contact.org_id AND directory = 1
         GROUP BY contact.org_id HAVING max(position & 4294967295) > max(last_seq)",
    ),
    (
        "a contact lies in the place of another directory",
        "SELECT 'position ' || position FROM contact WHERE position >> 34 <> org_id OR (position >> 32) & 3 <> 1",
    ),
    (
        "an operator lies behind the last number of its directory",
        "SELECT 'position ' || max(position) FROM operator
         JOIN directory_counter ON directory_counter.org_id = operator.org_id AND directory = 2
         GROUP BY operator.org_id HAVING max(position & 4294967295) > max(last_seq)",
    ),
    (
        "an operator lies in the place of another directory",
        "SELECT 'position ' || position FROM operator WHERE position >> 34 <> org_id OR (position >> 32) & 3 <> 2",
    ),
    (
        "an administrator has been given what everybody of them reaches",
        "SELECT 'position ' || position FROM operator WHERE is_admin = 1 AND (
            EXISTS (SELECT 1 FROM operator_environment AS placed
                WHERE placed.org_id = operator.org_id AND placed.user_id = operator.user_id)
            OR EXISTS (SELECT 1 FROM operator_bot AS entrusted
                WHERE entrusted.org_id = operator.org_id AND entrusted.user_id = operator.user_id))",
    ),
    (
        "an address or number has no contact",
        "SELECT 'org_id ' || org_id || ' of ' || lower(hex(user_id)) FROM contact_identifier AS known WHERE NOT EXISTS
            (SELECT 1 FROM contact WHERE contact.org_id = known.org_id AND contact.user_id = known.user_id)",
    ),
    (
        "something is left of an anonymized contact",
        "SELECT 'position ' || position FROM contact WHERE anonymized_at IS NOT NULL AND coalesce(display_name,
            first_name, last_name, middle_names, email, additional_emails, phone, additional_phones, external_id,
            avatar_url, attributes, search_text) IS NOT NULL",
    ),
    (
        "a user has no role",
        "SELECT 'position ' || position FROM users WHERE NOT EXISTS
            (SELECT 1 FROM role WHERE role.org_id = users.org_id AND role.role_id = users.role_id)",
    ),
    (
        "a link has no user",
        "SELECT 'org_id ' || org_id FROM link WHERE NOT EXISTS
            (SELECT 1 FROM users WHERE users.org_id = link.org_id AND users.user_id = link.user_id)",
    ),
];

pub(crate) fn run(options: &SqliteOptions) -> Result<Vec<String>> {
    let connection = open_reader(options)?;
    // The file is open for reading only; a temporary table over the search index is wanted none the less.
    connection.pragma_update(None, "query_only", false)?;
    let snapshot = connection.unchecked_transaction()?;
    let mut problems = Vec::new();
    // The engine's own check reads every page, the search index included.
    let found = texts(&snapshot, &format!("PRAGMA integrity_check({MOST})"));
    let lines = note(found, &mut problems)?.into_iter().filter(|line| line != "ok");
    problems.extend(lines.map(|line| format!("damage: {line}")).collect::<Vec<_>>());
    let dangling =
        "SELECT \"table\" || ' row ' || ifnull(rowid, '?') || ' refers to no row of ' || \"parent\"
        FROM pragma_foreign_key_check LIMIT 20";
    let found = note(texts(&snapshot, dangling), &mut problems)?;
    problems.extend(found);
    for (title, query) in RULES {
        let found = note(texts(&snapshot, &format!("{query} LIMIT {MOST}")), &mut problems)?;
        problems.extend(found.into_iter().map(|line| format!("{title}: {line}")));
    }
    for check in [check_search, check_identifiers] {
        let found = note(check(&snapshot), &mut problems)?;
        problems.extend(found);
    }
    Ok(problems)
}

/// What was found; where damage kept it from being found, that is the problem.
fn note(found: Result<Vec<String>>, problems: &mut Vec<String>) -> Result<Vec<String>> {
    match found {
        Err(StoreError::Corrupt(text)) => {
            problems.push(format!("damage: {text}"));
            Ok(Vec::new())
        }
        other => other,
    }
}

fn texts(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The index holds for each user, contact and operator just the words of its search text, and nothing for anybody else.
///
/// It cannot be asked for the words of a user, so two sums are compared for each: the number of its words and the
/// sum of their hashes.
fn check_search(connection: &Connection) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut held = std::collections::HashMap::<i64, (u32, u64)>::new();
    connection
        .execute_batch("CREATE VIRTUAL TABLE temp.word USING fts5vocab('main', 'user_search', 'instance')")?;
    let mut words = connection.prepare("SELECT doc, term FROM temp.word")?;
    let mut rows = words.query([])?;
    while let Some(row) = rows.next()? {
        add(held.entry(row.get(0)?).or_default(), row.get_ref(1)?.as_str().unwrap_or_default());
    }
    let mut users = connection.prepare(
        "SELECT position, search_text FROM users UNION ALL SELECT position, search_text FROM contact
         UNION ALL SELECT position, search_text FROM operator",
    )?;
    let mut rows = users.query([])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let text = grams(row.get_ref(1)?.as_str().unwrap_or_default());
        let words: std::collections::BTreeSet<&str> =
            text.split(' ').filter(|word| !word.is_empty()).collect();
        let mut wanted = (0, 0);
        for word in words {
            add(&mut wanted, word);
        }
        if held.remove(&position).unwrap_or_default() != wanted && problems.len() < MOST {
            problems.push(format!("the search index does not fit its user: position {position}"));
        }
    }
    let left = held.into_keys().take(MOST);
    problems
        .extend(left.map(|position| format!("the search index holds nobody's words: position {position}")));
    Ok(problems)
}

/// Each contact has just the addresses and numbers that its row names.
fn check_identifiers(connection: &Connection) -> Result<Vec<String>> {
    let mut contacts = connection.prepare(&format!(
        "SELECT {}, position, (SELECT json_group_array(json_array(kind, key)) FROM contact_identifier AS known
         WHERE known.org_id = contact.org_id AND known.user_id = contact.user_id) FROM contact",
        contacts::COLUMNS
    ))?;
    let mut rows = contacts.query([])?;
    let mut problems = Vec::new();
    while let Some(row) = rows.next()? {
        let row = Row::Sqlite(row);
        if problems.len() < MOST && !contacts::identifiers_fit(&row, contacts::COLUMN_COUNT + 1)? {
            let position = row.int(contacts::COLUMN_COUNT)?;
            problems
                .push(format!("the addresses and numbers of a contact do not fit it: position {position}"));
        }
    }
    Ok(problems)
}

fn add(sums: &mut (u32, u64), word: &str) {
    // FNV-1a: a difference has to be noticed, nobody makes one on purpose.
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    *sums = (sums.0 + 1, sums.1.wrapping_add(hash));
}
