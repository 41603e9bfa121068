//! Which organizations belong into a database, by the map, and which are there.

use std::collections::BTreeSet;

use denizen_domain::ids::OrgKey;
use denizen_domain::text::ClusterName;

use super::{Findings, MOST, Mapped, NUMBERS, Placement, REFERENCE, UNFINISHED, UNPLACED};
use crate::conn::Conn;
use crate::error::Result;
use crate::holdings::{TABLES, Table};
use crate::sql::{Dialect, Param, Row, Sql, Statement, Value};

static PLACED: Sql = Sql::new("check.placed", "SELECT org_id FROM organization WHERE cluster = $1");
static MOVING: Sql = Sql::new("check.moving", "SELECT org_id FROM organization_move");
// What has moved away, or was on its way, and is about to be erased: these jobs are the control store's.
static LEAVING: Sql = Sql::split(
    "check.leaving",
    "SELECT CAST(payload ->> 'org_key' AS INTEGER) FROM job WHERE org_id = 0 AND kind = 'organization.erase'
     AND state IN ('waiting', 'running') AND payload ->> 'cluster' = $1 AND payload ->> 'org_key' IS NOT NULL",
    "SELECT CAST(CAST(payload AS JSONB) ->> 'org_key' AS BIGINT) FROM job WHERE org_id = 0
     AND kind = 'organization.erase' AND state IN ('waiting', 'running')
     AND CAST(payload AS JSONB) ->> 'cluster' = $1 AND CAST(payload AS JSONB) ->> 'org_key' IS NOT NULL",
);
static PARENTS: Sql = Sql::new(
    "check.parents",
    "SELECT org_id FROM organization AS child WHERE parent_org_id IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM organization AS parent WHERE parent.org_id = child.parent_org_id) ORDER BY org_id LIMIT $1",
);
static GREATEST: Sql = Sql::new("check.greatest", "SELECT coalesce(max(org_id), 0) FROM organization");
// Engine: whatever a snapshot shows was given out before, but a sequence is read as it is now.
static LAST_NUMBER: Sql = Sql::split(
    "check.last_number",
    "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'organization'), 0)",
    "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM organization_org_id_seq",
);
static IS_BEING_ERASED: Sql = Sql::new(
    "check.is_being_erased",
    "SELECT 1 FROM job WHERE org_id = $1 AND kind = 'organization.erase' AND state IN ('waiting', 'running') LIMIT 1",
);
// One that was shut for a move; who held it, or whoever finds that nobody does, sees to the rows.
static IS_SHUT: Sql = Sql::new(
    "check.is_shut",
    "SELECT 1 FROM organization_gate WHERE org_id = $1 AND state IN ('draining', 'closed')",
);
static HAS_PROFILE: Sql =
    Sql::new("check.has_profile", "SELECT 1 FROM organization_profile WHERE org_id = $1");

static THERE: Sql = Sql::split(
    "check.there",
    "SELECT name FROM sqlite_schema WHERE type = 'table'",
    "SELECT CAST(relname AS TEXT) FROM pg_class
     WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'p')",
);

pub(crate) const STATEMENTS: &[&Sql] = &[
    &THERE,
    &PLACED,
    &MOVING,
    &LEAVING,
    &PARENTS,
    &GREATEST,
    &LAST_NUMBER,
    &IS_BEING_ERASED,
    &IS_SHUT,
    &HAS_PROFILE,
];

/// What may be there of an organization that is not: the map itself, and what goes by itself or outlives it.
const OUTLIVING: [&str; 5] = ["organization", "organization_gate", "organization_move", "job", "rate_permit"];

fn has_org(table: &Table, dialect: Dialect) -> bool {
    table.is_on(dialect) && table.columns_on(dialect).any(|column| column.name == "org_id")
}

/// The organizations of a table, each found by a step through an index that begins with them.
pub(super) fn in_table(table: &str) -> Statement {
    Statement::new(&format!(
        "WITH RECURSIVE found (org_id) AS (
            SELECT min(org_id) FROM {table}
            UNION ALL
            SELECT (SELECT min(org_id) FROM {table} WHERE org_id > found.org_id) FROM found
            WHERE found.org_id IS NOT NULL)
         SELECT org_id FROM found WHERE org_id IS NOT NULL"
    ))
}

/// The tables that hold something of an organization which must not outlive it.
pub(super) fn residue(dialect: Dialect, org: OrgKey) -> Statement {
    let mut statement = Statement::default();
    let tables = TABLES.iter().filter(|table| has_org(table, dialect) && !OUTLIVING.contains(&table.name));
    for (number, table) in tables.enumerate() {
        let (name, and) = (table.name, if number == 0 { "" } else { " UNION ALL " });
        statement.push(&format!(
            "{and}SELECT CAST('{name}' AS TEXT) WHERE EXISTS (SELECT 1 FROM {name} WHERE org_id = "
        ));
        statement.bind(Value::Int(org.0)).push(")");
    }
    statement
}

/// The declared tables that are not there, of which nothing can be asked.
pub(super) fn missing(conn: &Conn<'_>) -> Result<Vec<&'static str>> {
    let there: BTreeSet<String> = conn.all(&THERE, &[], |row| row.text(0))?.into_iter().collect();
    let declared = TABLES.iter().filter(|table| table.is_on(conn.dialect())).map(|table| table.name);
    Ok(declared.filter(|name| !there.contains(*name)).collect())
}

/// The map itself, where it lies here.
pub(super) fn check_map(conn: &Conn<'_>, placement: &Placement, findings: &mut Findings) -> Result<()> {
    if matches!(placement, Placement::Elsewhere(_)) {
        return Ok(());
    }
    let most = Param::Int(i64::try_from(MOST + 1).unwrap_or(i64::MAX));
    for org in conn.all(&PARENTS, &[most], |row| row.int(0))? {
        findings.push(REFERENCE, Some(OrgKey(org)), "organization: its parent_org_id is none".to_owned());
    }
    let (greatest, last) = (number(conn, &GREATEST)?, number(conn, &LAST_NUMBER)?);
    if greatest > last {
        findings.push(NUMBERS, Some(OrgKey(greatest)), format!("the last number is {last}"));
    }
    Ok(())
}

fn number(conn: &Conn<'_>, sql: &Sql) -> Result<i64> {
    Ok(conn.optional(sql, &[], |row| row.int(0))?.unwrap_or_default())
}

fn org_of(row: &Row<'_>) -> Result<OrgKey> {
    row.int(0).map(OrgKey)
}

/// What the map says of a cluster; asked of the control store.
pub fn mapped(conn: &Conn<'_>, cluster: &ClusterName) -> Result<Mapped> {
    let cluster = [Param::Text(cluster.as_str())];
    let mut moving: BTreeSet<OrgKey> = conn.all(&MOVING, &[], org_of)?.into_iter().collect();
    moving.extend(conn.all(&LEAVING, &cluster, org_of)?);
    Ok(Mapped {
        here: conn.all(&PLACED, &cluster, org_of)?.into_iter().collect(),
        moving,
        last: number(conn, &GREATEST)?.max(number(conn, &LAST_NUMBER)?),
    })
}

/// The organizations that belong here, after those that do not have been looked for.
pub(super) fn placed(conn: &Conn<'_>, placement: &Placement, findings: &mut Findings) -> Result<Vec<OrgKey>> {
    let Mapped { here, moving, last } = match placement {
        Placement::Unknown => return Ok(present(conn)?.into_iter().collect()),
        Placement::Own => mapped(conn, &ClusterName::MAIN)?,
        Placement::Elsewhere(mapped) => mapped.clone(),
    };
    let mut candidates = present(conn)?;
    if conn.dialect() == Dialect::Postgres {
        // Behind the walls only an organization that is named can be seen.
        candidates.extend((1..=last).map(OrgKey));
    }
    let is_strange = |org: &OrgKey| org.0 > 0 && !here.contains(org) && !moving.contains(org);
    for org in candidates.into_iter().filter(is_strange) {
        let conn = Conn::new(conn.engine, org);
        let tables = conn.all_of(&residue(conn.dialect(), org), |row| row.text(0))?;
        if !tables.is_empty() && !is_there(&conn, &IS_BEING_ERASED)? && !is_there(&conn, &IS_SHUT)? {
            findings.push(UNPLACED, Some(org), tables.join(", "));
        }
    }
    for org in &here {
        if !is_there(&Conn::new(conn.engine, *org), &HAS_PROFILE)? {
            findings.push(UNFINISHED, Some(*org), "organization_profile".to_owned());
        }
    }
    Ok(here.into_iter().collect())
}

fn is_there(conn: &Conn<'_>, sql: &Sql) -> Result<bool> {
    Ok(conn.optional(sql, &[conn.org_param()], |_| Ok(()))?.is_some())
}

/// The organizations of which something is seen.
fn present(conn: &Conn<'_>) -> Result<BTreeSet<OrgKey>> {
    let dialect = conn.dialect();
    let tables = TABLES.iter().filter(|table| match dialect {
        Dialect::Sqlite => has_org(table, dialect),
        // The others are behind walls.
        Dialect::Postgres => ["organization", "job", "user_search"].contains(&table.name),
    });
    let mut found = BTreeSet::new();
    for table in tables {
        found.extend(conn.all_of(&in_table(table.name), org_of)?);
    }
    found.remove(&OrgKey::CONTROL);
    Ok(found)
}
