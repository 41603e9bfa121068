//! What changes operators.

use denizen_domain::fold::fold;
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::operator::Access;
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use serde::Serialize;

use super::Operator;
use crate::conn::{IndexChange, Tx};
use crate::error::Result;
use crate::records::{hex, id_list, write_in_lists};
use crate::sql::{Dialect, Param, Row, Sql, to_json};
use crate::users::{self, SearchEntry};

// On PostgreSQL many operators are one statement, with their search entries and what they reach: each statement costs more
// than the work for an operator. What comes together is numbered in its order.
static INSERT: Sql = Sql::split(
    "operator.insert",
    "INSERT INTO operator (org_id, user_id, email, email_key, name, name_key, company, company_key, is_admin, role, image,
     search_text, password_hash, credential_version, created_at, updated_at, position)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $14, $15)",
    "WITH given AS MATERIALIZED (
        SELECT nextval('user_position') AS position, decode(id, 'hex') AS user_id, row.*
        FROM json_to_recordset(CAST(CAST($2 AS TEXT) AS JSON)) AS row (id TEXT, email TEXT, email_key TEXT, name TEXT,
            name_key TEXT, company TEXT, company_key TEXT, is_admin SMALLINT, role TEXT, image TEXT, search_text TEXT,
            password_hash TEXT, created_at BIGINT, windows TEXT, environments JSON, bots JSON)),
     added AS (
        INSERT INTO operator (org_id, user_id, email, email_key, name, name_key, company, company_key, is_admin, role,
        image, search_text, password_hash, credential_version, created_at, updated_at, position)
        SELECT $1, user_id, email, email_key, name, name_key, company, company_key, is_admin, role, image, search_text,
        password_hash, 1, created_at, created_at, position FROM given),
     indexed AS (
        INSERT INTO user_search (org_id, position, windows) SELECT $1, position, CAST(windows AS TSVECTOR) FROM given),
     placed AS (
        INSERT INTO operator_environment (org_id, user_id, environment_id)
        SELECT $1, user_id, decode(json_array_elements_text(environments), 'hex') FROM given),
     entrusted AS (
        INSERT INTO operator_bot (org_id, user_id, bot_id)
        SELECT $1, user_id, decode(json_array_elements_text(bots), 'hex') FROM given)
     INSERT INTO directory_counter (org_id, directory, slot, users) SELECT $1, $3, $4, count(*) FROM given
     ON CONFLICT (org_id, directory, slot) DO UPDATE SET users = directory_counter.users + excluded.users",
);
static ADD_ENVIRONMENTS: Sql = Sql::split(
    "operator.add_environments",
    "INSERT INTO operator_environment (org_id, user_id, environment_id)
     SELECT $1, unhex(value ->> 0), unhex(value ->> 1) FROM json_each($2) WHERE TRUE ON CONFLICT DO NOTHING",
    "INSERT INTO operator_environment (org_id, user_id, environment_id)
     SELECT CAST($1 AS BIGINT), decode(pair ->> 0, 'hex'), decode(pair ->> 1, 'hex')
     FROM json_array_elements(CAST(CAST($2 AS TEXT) AS JSON)) AS pair ON CONFLICT DO NOTHING",
);
static ADD_BOTS: Sql = Sql::split(
    "operator.add_bots",
    "INSERT INTO operator_bot (org_id, user_id, bot_id)
     SELECT $1, unhex(value ->> 0), unhex(value ->> 1) FROM json_each($2) WHERE TRUE ON CONFLICT DO NOTHING",
    "INSERT INTO operator_bot (org_id, user_id, bot_id)
     SELECT CAST($1 AS BIGINT), decode(pair ->> 0, 'hex'), decode(pair ->> 1, 'hex')
     FROM json_array_elements(CAST(CAST($2 AS TEXT) AS JSON)) AS pair ON CONFLICT DO NOTHING",
);
static KEEP_ENVIRONMENTS: Sql = Sql::split(
    "operator.keep_environments",
    "DELETE FROM operator_environment WHERE org_id = $1 AND user_id = $2
     AND environment_id NOT IN (SELECT unhex(value) FROM json_each($3))",
    "DELETE FROM operator_environment WHERE org_id = $1 AND user_id = $2 AND environment_id <> ALL(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($3 AS TEXT) AS JSONB)) AS id))",
);
static KEEP_BOTS: Sql = Sql::split(
    "operator.keep_bots",
    "DELETE FROM operator_bot WHERE org_id = $1 AND user_id = $2
     AND bot_id NOT IN (SELECT unhex(value) FROM json_each($3))",
    "DELETE FROM operator_bot WHERE org_id = $1 AND user_id = $2 AND bot_id <> ALL(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($3 AS TEXT) AS JSONB)) AS id))",
);
static UPDATE: Sql = Sql::new(
    "operator.update",
    "UPDATE operator SET email = $3, email_key = $4, name = $5, name_key = $6, company = $7, company_key = $8,
     is_admin = $9, role = $10, image = $11, search_text = $12, updated_at = $13 WHERE org_id = $1 AND user_id = $2",
);
static SEARCH_TEXT: Sql = Sql::split(
    "operator.search_text",
    "SELECT position, search_text FROM operator WHERE org_id = $1 AND user_id = $2",
    "",
);
static UPDATE_WINDOWS: Sql = Sql::split(
    "operator.update_windows",
    "",
    "UPDATE user_search SET windows = $3 WHERE org_id = $1
     AND position = (SELECT position FROM operator WHERE org_id = $1 AND user_id = $2)",
);
static SEARCH_ENTRY: SearchEntry = SearchEntry { find: &SEARCH_TEXT, set_windows: &UPDATE_WINDOWS };
static SET_PASSWORD: Sql = Sql::new(
    "operator.set_password",
    "UPDATE operator SET password_hash = $3, credential_version = credential_version + $4, updated_at = $5
     WHERE org_id = $1 AND user_id = $2",
);
static DELETE: Sql = Sql::split(
    "operator.delete",
    "DELETE FROM operator WHERE org_id = $1 AND user_id = $2 RETURNING position, search_text",
    "WITH deleted AS (DELETE FROM operator WHERE org_id = $1 AND user_id = $2 RETURNING position),
     forgotten AS (
        DELETE FROM user_search WHERE org_id = $1 AND position IN (SELECT position FROM deleted))
     SELECT position FROM deleted",
);

pub(crate) const STATEMENTS: &[&Sql] = &[
    &INSERT,
    &ADD_ENVIRONMENTS,
    &ADD_BOTS,
    &KEEP_ENVIRONMENTS,
    &KEEP_BOTS,
    &UPDATE,
    &SEARCH_TEXT,
    &UPDATE_WINDOWS,
    &SET_PASSWORD,
    &DELETE,
];

/// The longest key that operators are sorted by, in bytes: an entry of a PostgreSQL index takes at most 2,704, and the name
/// stands beside its key. Folding can lengthen a text many times over; who agrees in so much stands in the order of the
/// names as they are written.
pub(super) const MOST_SORT_KEY: usize = 1_500;

/// What an operator is sorted by, of a folded text.
pub(super) fn sort_key(mut folded: String) -> String {
    folded.truncate(folded.floor_char_boundary(MOST_SORT_KEY));
    folded
}

/// The text that search looks into: name, address and company.
fn search_text(operator: &Operator) -> String {
    search_text_of(&operator.name, &operator.email, operator.company.as_deref())
}

fn search_text_of(name: &str, email: &str, company: Option<&str>) -> String {
    let parts = [Some(name), Some(email), company];
    let folded: Vec<String> = parts.into_iter().flatten().map(fold).collect();
    users::apart(&folded)
}

/// The keys of an operator that do not fit the texts that they are made from; for what looks for damage. From `column` on
/// stand the address and its key, the name and its key, the company and its key, and the search text.
pub(crate) fn unfit_keys(row: &Row<'_>, column: usize) -> Result<Vec<&'static str>> {
    let text = |at: usize| row.str(column + at);
    let company = row.optional_text(column + 4)?;
    let fits = [
        ("email_key", Email::key_of(text(0)?) == text(1)?),
        ("name_key", sort_key(fold(text(2)?)) == text(3)?),
        ("company_key", sort_key(fold(company.as_deref().unwrap_or_default())) == text(5)?),
        ("search_text", search_text_of(text(2)?, text(0)?, company.as_deref()) == text(6)?),
    ];
    Ok(fits.into_iter().filter(|(_, fits)| !fits).map(|(name, _)| name).collect())
}

/// What an operator reaches: the environments and the bots.
fn reached(access: &Access) -> (Vec<Uuid>, Vec<Uuid>) {
    match access {
        Access::Administrator => (Vec::new(), Vec::new()),
        Access::Environments { environments, .. } => {
            (environments.keys().copied().collect(), environments.values().flatten().copied().collect())
        }
    }
}

/// An operator's columns as they are written.
#[derive(Serialize)]
struct Columns<'o> {
    email: &'o str,
    email_key: String,
    name: &'o str,
    name_key: String,
    company: Option<&'o str>,
    company_key: String,
    is_admin: i64,
    role: Option<&'static str>,
    image: Option<&'o str>,
    search_text: String,
}

impl<'o> Columns<'o> {
    fn of(operator: &'o Operator) -> Self {
        let company = operator.company.as_deref();
        Self {
            email: &operator.email,
            email_key: Email::key_of(&operator.email),
            name: &operator.name,
            name_key: sort_key(fold(&operator.name)),
            company,
            company_key: sort_key(fold(company.unwrap_or_default())),
            is_admin: operator.access.is_administrator().into(),
            role: match &operator.access {
                Access::Administrator => None,
                Access::Environments { role, .. } => Some(role.as_str()),
            },
            image: operator.image.as_deref(),
            search_text: search_text(operator),
        }
    }

    /// From `$3` on, in the order of [`UPDATE`] and of [`INSERT`] on SQLite.
    fn params(&self) -> [Param<'_>; 10] {
        [
            Param::Text(self.email),
            Param::Text(&self.email_key),
            Param::Text(self.name),
            Param::Text(&self.name_key),
            Param::optional_text(self.company),
            Param::Text(&self.company_key),
            Param::Int(self.is_admin),
            Param::optional_text(self.role),
            Param::optional_text(self.image),
            Param::Text(&self.search_text),
        ]
    }
}

/// Adds operators, each with the hash of its password if it has one. None of the addresses may be taken, and what they reach
/// must be there.
pub fn insert(tx: &Tx<'_>, operators: &[(Operator, Option<String>)]) -> Result<()> {
    match tx.dialect() {
        _ if operators.is_empty() => Ok(()),
        Dialect::Sqlite => insert_each(tx, operators),
        Dialect::Postgres => insert_together(tx, operators),
    }
}

fn insert_each(tx: &Tx<'_>, operators: &[(Operator, Option<String>)]) -> Result<()> {
    let places = users::reserve(tx, Directory::Operators, operators.len())?;
    let (mut environments, mut bots) = (Vec::new(), Vec::new());
    for (row, (operator, password_hash)) in places.into_iter().zip(operators) {
        let columns = Columns::of(operator);
        let mut params = vec![tx.org_param(), Param::Blob(&operator.user_id.0)];
        params.extend(columns.params());
        params.extend([
            Param::optional_text(password_hash.as_deref()),
            Param::Int(operator.created_at.0),
            Param::Int(row),
        ]);
        tx.execute(&INSERT, &params)?;
        tx.index(IndexChange { row, before: None, after: Some(columns.search_text) });
        let (placed, entrusted) = reached(&operator.access);
        environments.extend(placed.into_iter().map(|id| (operator.user_id, id)));
        bots.extend(entrusted.into_iter().map(|id| (operator.user_id, id)));
    }
    add_reached(tx, &ADD_ENVIRONMENTS, &environments)?;
    add_reached(tx, &ADD_BOTS, &bots)
}

/// Lets operators reach environments or bots, whether they do already or not.
fn add_reached(tx: &Tx<'_>, sql: &Sql, pairs: &[(UserId, Uuid)]) -> Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let pairs: Vec<(String, String)> = pairs.iter().map(|(user, id)| (hex(user), hex(id))).collect();
    tx.write(sql, &[tx.org_param(), Param::Text(&to_json(&pairs))])
}

/// A row of [`INSERT`] on PostgreSQL.
#[derive(Serialize)]
struct NewRow<'o> {
    id: String,
    #[serde(flatten)]
    columns: Columns<'o>,
    password_hash: Option<&'o str>,
    created_at: i64,
    windows: String,
    environments: Vec<String>,
    bots: Vec<String>,
}

impl<'o> NewRow<'o> {
    fn of(tx: &Tx<'_>, (operator, password_hash): &'o (Operator, Option<String>)) -> Self {
        let columns = Columns::of(operator);
        let (environments, bots) = reached(&operator.access);
        let texts = |ids: Vec<Uuid>| ids.iter().map(hex).collect();
        let windows = users::windows(tx.org, Directory::Operators, &columns.search_text).join(" ");
        Self {
            id: hex(&operator.user_id),
            columns,
            password_hash: password_hash.as_deref(),
            created_at: operator.created_at.0,
            windows,
            environments: texts(environments),
            bots: texts(bots),
        }
    }
}

fn insert_together(tx: &Tx<'_>, operators: &[(Operator, Option<String>)]) -> Result<()> {
    let (directory, slot) = (Param::Int(Directory::Operators.number()), Param::Int(tx.slot()));
    write_in_lists(
        operators,
        |operator| NewRow::of(tx, operator),
        |rows| tx.write(&INSERT, &[tx.org_param(), Param::Text(rows), directory, slot]),
    )
}

/// Changes everything of an operator but the password and the time of creation. The address may not be another's, and what is
/// reached must be there.
pub fn update(tx: &Tx<'_>, before: &Operator, after: &Operator, now: Timestamp) -> Result<()> {
    let user = Param::Blob(&after.user_id.0);
    let columns = Columns::of(after);
    let is_renamed = search_text(before) != columns.search_text;
    let held = if is_renamed { SEARCH_ENTRY.held(tx, after.user_id)? } else { None };
    let mut params = vec![tx.org_param(), user];
    params.extend(columns.params());
    params.push(Param::Int(now.0));
    tx.write(&UPDATE, &params)?;
    if is_renamed {
        SEARCH_ENTRY.replace(tx, (Directory::Operators, after.user_id), held, columns.search_text)?;
    }
    if before.access != after.access {
        set_reached(tx, after)?;
    }
    Ok(())
}

/// Makes an operator reach what is said, and nothing else: neither does a bot stay that was given once and has moved since.
fn set_reached(tx: &Tx<'_>, operator: &Operator) -> Result<()> {
    let user = Param::Blob(&operator.user_id.0);
    let (environments, bots) = reached(&operator.access);
    let of_operator = |ids: &[Uuid]| ids.iter().map(|id| (operator.user_id, *id)).collect::<Vec<_>>();
    tx.write(&KEEP_ENVIRONMENTS, &[tx.org_param(), user, Param::Text(&id_list(&environments))])?;
    tx.write(&KEEP_BOTS, &[tx.org_param(), user, Param::Text(&id_list(&bots))])?;
    add_reached(tx, &ADD_ENVIRONMENTS, &of_operator(&environments))?;
    add_reached(tx, &ADD_BOTS, &of_operator(&bots))
}

/// Sets the hash of the password. `is_other` says whether it is that of another password: then what was signed before is good
/// for nothing. `false` when there is no such operator.
pub fn set_password(tx: &Tx<'_>, user: UserId, hash: &str, is_other: bool, now: Timestamp) -> Result<bool> {
    let params =
        [tx.org_param(), Param::Blob(&user.0), Param::Text(hash), Param::bool(is_other), Param::Int(now.0)];
    Ok(tx.execute(&SET_PASSWORD, &params)? > 0)
}

/// Deletes an operator to whom nothing refers any more, with the search entry. Does nothing when the operator is gone
/// already, so that the counter goes down once for each.
pub fn delete(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let dialect = tx.dialect();
    let deleted = tx.optional(&DELETE, &[tx.org_param(), Param::Blob(&user.0)], |row| {
        Ok((row.int(0)?, if dialect == Dialect::Sqlite { Some(row.text(1)?) } else { None }))
    })?;
    let Some((row, indexed)) = deleted else { return Ok(()) };
    users::add_to_count(tx, Directory::Operators, -1)?;
    if indexed.is_some() {
        tx.index(IndexChange { row, before: indexed, after: None });
    }
    Ok(())
}
