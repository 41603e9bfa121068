//! What follows from declarations: that what a row refers to is there, that the rows about a user are about somebody, and
//! that nothing declared as personal is left in a row that was cleared.

use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;

use super::rows::name_of;
use super::rules::shown;
use super::{ERASED, Findings, LEFT, MOST, REFERENCE, STRANGER};
use crate::conn::Conn;
use crate::erasures;
use crate::error::Result;
use crate::holdings::{Erasing, Holds, TABLES, Table};
use crate::sql::{Dialect, Statement, Value};

/// That a row of `table` refers to one of `parent` of the same organization, by columns that are named alike in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub table: &'static str,
    /// Beside `org_id`.
    pub columns: &'static [&'static str],
    pub parent: &'static str,
}

const fn refers(table: &'static str, columns: &'static [&'static str], parent: &'static str) -> Reference {
    Reference { table, columns, parent }
}

/// Every foreign key of the schema but that of the map to itself; a test compares them with the catalogue of both engines.
/// The engines keep them, but not in a file that was changed by other programs or restored without them.
pub const REFERENCES: [Reference; 20] = [
    refers("organization_image", &[], "organization_profile"),
    refers("users", &["role_id"], "role"),
    refers("api_key", &["role_id"], "role"),
    refers("access_token", &["role_id"], "role"),
    refers("link", &["user_id"], "users"),
    refers("linked_account", &["user_id"], "users"),
    refers("temporary_grant", &["user_id"], "users"),
    refers("temporary_grant_tag", &["grant_id"], "temporary_grant"),
    refers("memory_reference", &["memory_id"], "memory"),
    // Kept by the rules on PostgreSQL, where checking a foreign key would have writers undo one another.
    refers("contact_identifier", &["user_id"], "contact"),
    refers("contact_conversation", &["user_id"], "contact"),
    refers("contact_message", &["conversation_id"], "contact_conversation"),
    refers("bot", &["environment_id"], "environment"),
    refers("operator_environment", &["user_id"], "operator"),
    refers("operator_environment", &["environment_id"], "environment"),
    refers("operator_bot", &["user_id"], "operator"),
    refers("operator_bot", &["bot_id"], "bot"),
    refers("operator_configuration", &["user_id"], "operator"),
    refers("operator_link", &["user_id"], "operator"),
    // Kept by the rules: there is no foreign key, for the column is empty where a value is for no bot in particular.
    refers("operator_configuration", &["bot_id"], "bot"),
];

/// What the rows of `reference` name that is not there.
fn dangling(reference: &Reference, org: i64) -> Statement {
    let Reference { table, columns, parent } = reference;
    let list = if columns.is_empty() { "org_id".to_owned() } else { columns.join(", ") };
    let mut statement =
        Statement::new(&format!("SELECT {list} FROM (SELECT DISTINCT {list} FROM {table} WHERE org_id = "));
    statement.bind(Value::Int(org));
    for column in *columns {
        // Bytes of which there are none name nothing.
        if *column == "bot_id" {
            statement.push(&format!(" AND length({column}) > 0"));
        }
    }
    statement.push(&format!(") AS named WHERE NOT EXISTS (SELECT 1 FROM {parent} WHERE {parent}.org_id = "));
    statement.bind(Value::Int(org));
    for column in *columns {
        statement.push(&format!(" AND {parent}.{column} = named.{column}"));
    }
    limited(statement.push(")"))
}

fn limited(statement: &mut Statement) -> Statement {
    statement.push(" LIMIT ").bind(Value::Int(i64::try_from(MOST + 1).unwrap_or(i64::MAX)));
    std::mem::take(statement)
}

/// The tables where users of a directory are.
fn homes(directory: Option<Directory>) -> &'static [&'static str] {
    match directory {
        Some(Directory::Members) => &["users"],
        Some(Directory::Contacts) => &["contact"],
        Some(Directory::Operators) => &["operator"],
        None => &["users", "contact", "operator"],
    }
}

/// The tables with rows about users whom no foreign key holds to be there, each with the column that names the user.
fn about_users(dialect: Dialect) -> impl Iterator<Item = (&'static Table, &'static str)> {
    TABLES.iter().filter(move |table| table.is_on(dialect)).filter_map(move |table| {
        // Where users are themselves, they are there; and who is awaited is not.
        let is_home = matches!(table.erasing, Erasing::User | Erasing::Contact | Erasing::Operator);
        if is_home || table.name == "awaited_user" {
            return None;
        }
        let subject = table.columns_on(dialect).find(|column| column.holds == Holds::Subject)?;
        let is_held = |known: &Reference| {
            known.table == table.name
                && known.columns == [subject.name]
                && homes(table.directory).contains(&known.parent)
        };
        (!REFERENCES.iter().any(is_held)).then_some((table, subject.name))
    })
}

/// Users whom rows of a table are about and who are not there, not awaited, and not being erased.
fn strangers(dialect: Dialect, (table, subject): (&Table, &str), org: i64) -> Statement {
    let name = table.name;
    let mut statement = Statement::new(&format!(
        "SELECT user_id FROM (SELECT DISTINCT {subject} AS user_id FROM {name} WHERE org_id = "
    ));
    statement.bind(Value::Int(org)).push(&format!(" AND {subject} IS NOT NULL) AS named WHERE TRUE"));
    let mut places = homes(table.directory).to_vec();
    if table.directory == Some(Directory::Members) {
        places.push("awaited_user");
    }
    for place in places {
        statement.push(&format!(" AND NOT EXISTS (SELECT 1 FROM {place} WHERE {place}.org_id = "));
        statement.bind(Value::Int(org)).push(&format!(" AND {place}.user_id = named.user_id)"));
    }
    if table.directory == Some(Directory::Members) {
        // The job says whom it erases, by the id that a member has outside.
        let named = match dialect {
            Dialect::Sqlite => "instr(payload, lower(hex(substr(named.user_id, 1, 12))))",
            Dialect::Postgres => "strpos(payload, encode(substr(named.user_id, 1, 12), 'hex'))",
        };
        statement.push(" AND NOT EXISTS (SELECT 1 FROM job WHERE job.org_id = ").bind(Value::Int(org));
        statement.push(&format!(" AND kind = 'user.erase' AND {named} > 0)"));
    }
    limited(&mut statement)
}

/// The tables whose rows can be cleared, each with the column that says when a row was.
fn cleared(dialect: Dialect) -> impl Iterator<Item = (&'static Table, &'static str)> {
    TABLES.iter().filter(move |table| table.is_on(dialect)).filter_map(|table| Some((table, table.marked?)))
}

/// Rows that were cleared, with each column that is said to be personal and is not.
fn uncleared(dialect: Dialect, (table, marked): (&Table, &str), org: i64) -> Statement {
    let personal: Vec<&str> = table
        .columns_on(dialect)
        .filter(|column| column.holds == Holds::Personal)
        .map(|column| column.name)
        .collect();
    let key = match table.erasing {
        Erasing::InBatches { key, .. } | Erasing::Cleared { key, .. } => key,
        _ => "user_id",
    };
    // A bit for each column; which they are is told afterwards.
    let bits: Vec<String> = personal
        .iter()
        .enumerate()
        .map(|(bit, column)| format!("CASE WHEN {column} IS NULL THEN 0 ELSE {} END", 1_u64 << bit))
        .collect();
    let mut statement = Statement::new(&format!(
        "SELECT {key}, {} FROM {} WHERE {marked} IS NOT NULL AND (",
        bits.join(" + "),
        table.name
    ));
    let tests: Vec<String> = personal.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    statement.push(&tests.join(" OR ")).push(") AND org_id = ").bind(Value::Int(org));
    limited(&mut statement)
}

pub(super) fn check(conn: &Conn<'_>, findings: &mut Findings) -> Result<()> {
    let (org, dialect) = (conn.org, conn.dialect());
    for reference in &REFERENCES {
        let Reference { table, columns, parent } = reference;
        let words = if columns.is_empty() { &["org_id"][..] } else { columns };
        let looked = conn.all_of(&dangling(reference, org.0), |row| shown(row, words));
        let mut found = Vec::new();
        findings.note(Some(org), looked.map(|places| found = places))?;
        for place in found {
            findings.push(REFERENCE, Some(org), format!("{table}: {place} is not in {parent}"));
        }
    }
    for (table, subject) in about_users(dialect) {
        let statement = strangers(dialect, (table, subject), org.0);
        let mut found = Vec::new();
        let looked = conn.all_of(&statement, |row| row.id(0, UserId::from_column));
        findings.note(Some(org), looked.map(|users| found = users))?;
        tell_strangers(conn, table, &found, findings)?;
    }
    for table in cleared(dialect) {
        let (mut found, statement) = (Vec::new(), uncleared(dialect, table, org.0));
        let looked = conn.all_of(&statement, |row| Ok((shown(row, &[""])?, row.int(1)?)));
        findings.note(Some(org), looked.map(|rows| found = rows))?;
        for (key, bits) in found {
            let personal = table.0.columns_on(dialect).filter(|column| column.holds == Holds::Personal);
            let left: Vec<&str> = personal
                .enumerate()
                .filter(|(bit, _)| bits & (1 << bit) != 0)
                .map(|(_, column)| column.name)
                .collect();
            findings.push(LEFT, Some(org), format!("{}: {} of {key}", table.0.name, left.join(", ")));
        }
    }
    Ok(())
}

/// Of those who are not there, some were erased.
fn tell_strangers(conn: &Conn<'_>, table: &Table, found: &[UserId], findings: &mut Findings) -> Result<()> {
    let all = [Directory::Members, Directory::Contacts, Directory::Operators];
    let of_table = |directory: &Directory| table.is_of(*directory);
    let directories: Vec<Directory> = all.into_iter().filter(of_table).collect();
    for user in found {
        let mut whose = None;
        for directory in &directories {
            if erasures::find(conn, *directory, *user)?.is_some() {
                whose = Some(*directory);
            }
        }
        let kind = if whose.is_some() { ERASED } else { STRANGER };
        let directory = whose.unwrap_or(directories[0]);
        findings.push(kind, Some(conn.org), format!("{}: user {}", table.name, name_of(directory, *user)));
    }
    Ok(())
}

/// One statement of each shape, for the test that prepares them.
pub fn example_statements(dialect: Dialect) -> Vec<Statement> {
    let mut statements: Vec<Statement> = REFERENCES.iter().map(|reference| dangling(reference, 0)).collect();
    statements.extend(about_users(dialect).map(|table| strangers(dialect, table, 0)));
    statements.extend(cleared(dialect).map(|table| uncleared(dialect, table, 0)));
    statements.push(super::organizations::residue(dialect, denizen_domain::ids::OrgKey(0)));
    statements.push(super::organizations::in_table("user_search").clone());
    if dialect == Dialect::Sqlite {
        statements.pop();
    }
    statements.push(super::organizations::in_table("organization"));
    statements
}
