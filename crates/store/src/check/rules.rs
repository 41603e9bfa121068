//! What must hold between the rows of an organization: for each rule a query for what does not. Its first parameter is the
//! organization, its second how many rows are wanted at most; what it answers says where it is, and is nothing personal.

use super::{ADMINISTRATOR, COUNTER, FIGURES, Findings, HOLDER, Kind, LEFT, MOST, PLACE, POSITION, UNDONE};
use crate::conn::Conn;
use crate::error::{Result, StoreError};
use crate::sql::{Dialect, Param, Row, Sql};

struct Rule {
    kind: Kind,
    /// What stands before each value.
    shows: &'static [&'static str],
    sql: &'static Sql,
}

// Engine: sums of 64-bit numbers are of another type on PostgreSQL.
static COUNTERS: Sql = Sql::new(
    "check.counter",
    "SELECT directory, CAST(sum(counted) AS BIGINT), CAST(sum(kept) AS BIGINT)
     FROM (SELECT directory, count(*) AS counted, 0 AS kept FROM users WHERE org_id = $1 GROUP BY directory
           UNION ALL SELECT 1, count(*), 0 FROM contact WHERE org_id = $1
           UNION ALL SELECT 2, count(*), 0 FROM operator WHERE org_id = $1
           UNION ALL SELECT directory, 0, sum(users) FROM directory_counter WHERE org_id = $1 GROUP BY directory)
        AS both_ways
     GROUP BY directory HAVING sum(counted) <> sum(kept) LIMIT $2",
);
static ALL_FIGURES: Sql = Sql::new(
    "check.figures",
    "SELECT user_id FROM users WHERE org_id = $1 AND directory = 0 AND (
        num_conversations <> (SELECT count(*) FROM conversation
            WHERE conversation.org_id = $1 AND conversation.user_id = users.user_id)
        OR num_messages <> (SELECT count(*) FROM message
            WHERE message.org_id = $1 AND message.user_id = users.user_id)
        OR last_message_at <> (SELECT coalesce(max(message.created_at), 0) FROM message
            WHERE message.org_id = $1 AND message.user_id = users.user_id)) LIMIT $2",
);
static POSITIONS: Sql = Sql::split(
    "check.position",
    "SELECT numbered.directory, numbered.last, coalesce(given.last_seq, 0)
     FROM (SELECT directory, max(position & 4294967295) AS last FROM users WHERE org_id = $1 GROUP BY directory
           UNION ALL SELECT 1, max(position & 4294967295) FROM contact WHERE org_id = $1
           UNION ALL SELECT 2, max(position & 4294967295) FROM operator WHERE org_id = $1) AS numbered
     LEFT JOIN directory_counter AS given ON given.org_id = $1 AND given.directory = numbered.directory
     WHERE numbered.last > coalesce(given.last_seq, 0) LIMIT $2",
    "SELECT numbered.directory, numbered.last, given.last
     FROM (SELECT directory, max(position) AS last FROM users WHERE org_id = $1 GROUP BY directory
           UNION ALL SELECT 1, max(position) FROM contact WHERE org_id = $1
           UNION ALL SELECT 2, max(position) FROM operator WHERE org_id = $1) AS numbered
     CROSS JOIN (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM user_position) AS given
     WHERE numbered.last > given.last LIMIT $2",
);
// On SQLite each user's records are numbered on from the last of them.
static RECORD_POSITION: Sql = Sql::split(
    "check.record_position",
    "",
    "SELECT numbered.name, numbered.last, given.last
     FROM (SELECT CAST('external_event' AS TEXT) AS name, max(position) AS last FROM external_event WHERE org_id = $1
           UNION ALL SELECT 'memory', max(position) FROM memory WHERE org_id = $1
           UNION ALL SELECT 'temporary_grant', max(position) FROM temporary_grant WHERE org_id = $1) AS numbered
     CROSS JOIN (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM record_position) AS given
     WHERE numbered.last > given.last LIMIT $2",
);
// Only there a position is a place.
static PLACES: Sql = Sql::split(
    "check.place",
    "SELECT * FROM (
        SELECT 'users', position FROM users
            WHERE org_id = $1 AND (position >> 34 <> org_id OR (position >> 32) & 3 <> directory)
        UNION ALL SELECT 'contact', position FROM contact
            WHERE org_id = $1 AND (position >> 34 <> org_id OR (position >> 32) & 3 <> 1)
        UNION ALL SELECT 'operator', position FROM operator
            WHERE org_id = $1 AND (position >> 34 <> org_id OR (position >> 32) & 3 <> 2)) LIMIT $2",
    "",
);
static ADMINISTRATORS: Sql = Sql::new(
    "check.administrator",
    "SELECT user_id FROM operator WHERE org_id = $1 AND is_admin = 1 AND (
        EXISTS (SELECT 1 FROM operator_environment AS placed
            WHERE placed.org_id = operator.org_id AND placed.user_id = operator.user_id)
        OR EXISTS (SELECT 1 FROM operator_bot AS entrusted
            WHERE entrusted.org_id = operator.org_id AND entrusted.user_id = operator.user_id)) LIMIT $2",
);
static HOLDERS: Sql = Sql::new(
    "check.holder",
    "SELECT * FROM (
        SELECT CAST('message' AS TEXT) AS name, message_id FROM message
        JOIN conversation ON conversation.org_id = message.org_id
            AND conversation.conversation_id = message.conversation_id
        WHERE message.org_id = $1 AND conversation.user_id <> message.user_id
        UNION ALL SELECT 'contact_message', message_id FROM contact_message
        JOIN contact_conversation ON contact_conversation.org_id = contact_message.org_id
            AND contact_conversation.conversation_id = contact_message.conversation_id
        WHERE contact_message.org_id = $1 AND contact_conversation.user_id <> contact_message.user_id)
        AS astray LIMIT $2",
);
// Of a contact: its messages go, and its conversations are cleared. It is asked for by the contact's id as a text.
static LEFT_OF_CONTACT: Sql = Sql::split(
    "check.left_of_contact",
    "SELECT user_id FROM contact WHERE org_id = $1 AND anonymized_at IS NOT NULL AND (
        EXISTS (SELECT 1 FROM contact_message AS kept
            WHERE kept.org_id = contact.org_id AND kept.user_id = contact.user_id)
        OR EXISTS (SELECT 1 FROM contact_conversation AS kept WHERE kept.org_id = contact.org_id
            AND kept.user_id = contact.user_id AND kept.anonymized_at IS NULL))
     AND NOT EXISTS (SELECT 1 FROM anonymization_request AS asked WHERE asked.org_id = contact.org_id
        AND asked.entity = 'contact' AND asked.processed_at IS NULL
        AND replace(asked.target, '-', '') = lower(hex(contact.user_id))) LIMIT $2",
    "SELECT user_id FROM contact WHERE org_id = $1 AND anonymized_at IS NOT NULL AND (
        EXISTS (SELECT 1 FROM contact_message AS kept
            WHERE kept.org_id = contact.org_id AND kept.user_id = contact.user_id)
        OR EXISTS (SELECT 1 FROM contact_conversation AS kept WHERE kept.org_id = contact.org_id
            AND kept.user_id = contact.user_id AND kept.anonymized_at IS NULL))
     AND NOT EXISTS (SELECT 1 FROM anonymization_request AS asked WHERE asked.org_id = contact.org_id
        AND asked.entity = 'contact' AND asked.processed_at IS NULL
        AND replace(asked.target, '-', '') = encode(contact.user_id, 'hex')) LIMIT $2",
);
static LEFT_OF_CONVERSATION: Sql = Sql::new(
    "check.left_of_conversation",
    "SELECT conversation_id FROM contact_conversation AS cleared
     WHERE org_id = $1 AND anonymized_at IS NOT NULL
     AND EXISTS (SELECT 1 FROM contact_message AS kept WHERE kept.org_id = cleared.org_id
        AND kept.conversation_id = cleared.conversation_id AND kept.anonymized_at IS NULL)
     AND NOT EXISTS (SELECT 1 FROM anonymization_request AS asked WHERE asked.org_id = cleared.org_id
        AND asked.entity = 'conversation' AND asked.processed_at IS NULL
        AND asked.target = CAST(cleared.conversation_id AS TEXT)) LIMIT $2",
);
static ANONYMIZATION_UNDONE: Sql = Sql::split(
    "check.anonymization_undone",
    "SELECT request_id FROM anonymization_request WHERE org_id = $1 AND processed_at IS NULL
     AND lower(hex(request_id)) NOT IN (SELECT replace(payload ->> 'request_id', '-', '') FROM job
        WHERE org_id = $1 AND kind = 'contact.anonymize' AND payload ->> 'request_id' IS NOT NULL) LIMIT $2",
    "SELECT request_id FROM anonymization_request WHERE org_id = $1 AND processed_at IS NULL
     AND encode(request_id, 'hex') NOT IN (SELECT replace(CAST(payload AS JSON) ->> 'request_id', '-', '') FROM job
        WHERE org_id = $1 AND kind = 'contact.anonymize'
        AND CAST(payload AS JSON) ->> 'request_id' IS NOT NULL) LIMIT $2",
);
static AWAITED_UNDONE: Sql = Sql::new(
    "check.awaited_undone",
    "SELECT user_id FROM awaited_user WHERE org_id = $1
     AND NOT EXISTS (SELECT 1 FROM job WHERE org_id = $1 AND kind = 'awaited.erase') LIMIT $2",
);

static RULES: [Rule; 11] = [
    Rule { kind: COUNTER, shows: &["directory", "counted", "kept"], sql: &COUNTERS },
    Rule { kind: FIGURES, shows: &["users: user"], sql: &ALL_FIGURES },
    Rule { kind: POSITION, shows: &["directory", "position", "last given out"], sql: &POSITIONS },
    Rule { kind: POSITION, shows: &["", "position", "last given out"], sql: &RECORD_POSITION },
    Rule { kind: PLACE, shows: &["", "position"], sql: &PLACES },
    Rule { kind: ADMINISTRATOR, shows: &["operator: user"], sql: &ADMINISTRATORS },
    Rule { kind: HOLDER, shows: &["", "message"], sql: &HOLDERS },
    Rule { kind: LEFT, shows: &["contact: user"], sql: &LEFT_OF_CONTACT },
    Rule { kind: LEFT, shows: &["contact_conversation: conversation"], sql: &LEFT_OF_CONVERSATION },
    Rule { kind: UNDONE, shows: &["anonymization_request: request"], sql: &ANONYMIZATION_UNDONE },
    Rule { kind: UNDONE, shows: &["awaited_user: user"], sql: &AWAITED_UNDONE },
];

pub(crate) const STATEMENTS: &[&Sql] = &[
    &COUNTERS,
    &ALL_FIGURES,
    &POSITIONS,
    &RECORD_POSITION,
    &PLACES,
    &ADMINISTRATORS,
    &HOLDERS,
    &LEFT_OF_CONTACT,
    &LEFT_OF_CONVERSATION,
    &ANONYMIZATION_UNDONE,
    &AWAITED_UNDONE,
];

pub(super) fn check(conn: &Conn<'_>, findings: &mut Findings) -> Result<()> {
    let most = Param::Int(i64::try_from(MOST + 1).unwrap_or(i64::MAX));
    for rule in &RULES {
        let text = if conn.dialect() == Dialect::Sqlite { rule.sql.sqlite() } else { rule.sql.postgres() };
        // Of what only the other engine has.
        if text.is_empty() {
            continue;
        }
        let mut found = Vec::new();
        let looked = conn.all(rule.sql, &[conn.org_param(), most], |row| shown(row, rule.shows));
        findings.note(Some(conn.org), looked.map(|places| found = places))?;
        for place in found {
            findings.push(rule.kind, Some(conn.org), place);
        }
    }
    Ok(())
}

/// The values of a row, each behind its word.
pub(super) fn shown(row: &Row<'_>, words: &[&str]) -> Result<String> {
    let mut places = Vec::with_capacity(words.len());
    for (column, word) in words.iter().enumerate() {
        places.push(format!("{word} {}", value(row, column)?).trim_start().to_owned());
    }
    Ok(places.join(", "))
}

/// A number or a word as it is, bytes in hexadecimal digits.
fn value(row: &Row<'_>, column: usize) -> Result<String> {
    if let Ok(number) = row.int(column) {
        return Ok(number.to_string());
    }
    if let Ok(text) = row.text(column) {
        return Ok(text);
    }
    let bytes =
        row.blob(column).map_err(|_| StoreError::Corrupt(format!("column {column} holds no value")))?;
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Ok(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}
