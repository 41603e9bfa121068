//! Operators: one row each, with what they reach.
//!
//! An operator is a user of the directory `operators`: it is counted and numbered as users are, and is found by the same
//! search index.

mod page;
mod search;
mod walk;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::operator::{Access, OperatorRole};
use denizen_domain::time::Timestamp;

use crate::conn::Conn;
use crate::error::{Result, StoreError};
use crate::records::id_list;
use crate::sql::{Dialect, Param, Row, Sql, to_json};
use crate::texts::{Apart, Gathered, Keep, Listed, Text};
use crate::{users, whereabouts};

pub(crate) use page::STATEMENTS as PAGE_STATEMENTS;
pub use page::{
    OperatorOrder, OperatorPage, OperatorQuery, page, page_at_once, page_statements, suggest_names,
};
pub use search::{sample_statement, search_statement, sqlite_search_statements};
pub(crate) use walk::STATEMENTS as WALK_STATEMENTS;
pub use walk::walk;
pub(crate) use write::STATEMENTS as WRITE_STATEMENTS;
pub(crate) use write::unfit_keys;
pub use write::{delete, insert, set_password, update};

/// An operator as the store keeps it. Where it is one of a list, its texts lie elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator<T = String> {
    pub user_id: UserId,
    /// As it was written; unique by [`denizen_domain::text::Email::key_of`].
    pub email: T,
    pub name: T,
    pub company: Option<T>,
    /// An address, or the picture itself behind `data:`.
    pub image: Option<T>,
    /// What was granted, whether it is active now or not.
    pub access: Access,
    pub created_at: Timestamp,
}

/// An operator of a list.
pub type ListedOperator = Operator<Text>;

impl<T> Operator<T> {
    pub fn id(&self) -> Uuid {
        self.user_id.as_uuid()
    }
}

/// With what an operator signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user_id: UserId,
    /// In PHC form; `None` until a password is set.
    pub password_hash: Option<String>,
    /// Rises with every change of the password.
    pub version: i64,
    pub is_admin: bool,
}

/// An environment that an operator reaches, with those of its bots: only what is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub environment_id: Uuid,
    pub name: String,
    /// Id and name, in the order of the ids.
    pub bots: Vec<(Uuid, String)>,
}

/// The columns of [`Operator`], in the order in which [`read_operator`] takes them.
const COLUMNS: &str = "user_id, email, name, company, image, is_admin, role, created_at";

static FIND: Sql = Sql::split(
    "operator.find",
    "SELECT user_id, email, name, company, image, is_admin, role, created_at, position FROM operator
     WHERE org_id = $1 AND user_id = $2",
    "SELECT user_id, email, name, company, image, is_admin, role, created_at FROM operator
     WHERE org_id = $1 AND user_id = $2",
);
static FIND_AT: Sql = Sql::split(
    "operator.find_at",
    "SELECT user_id, email, name, company, image, is_admin, role, created_at FROM operator
     WHERE position = $3 AND org_id = $1 AND user_id = $2",
    "",
);
static FIND_MANY: Sql = Sql::split(
    "operator.find_many",
    "SELECT user_id, email, name, company, image, is_admin, role, created_at FROM operator
     WHERE org_id = $1 AND user_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT user_id, email, name, company, image, is_admin, role, created_at FROM operator
     WHERE org_id = $1 AND user_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
// A bot that has moved into an environment that its operator does not reach is out of reach.
// Engine: here and below, SQLite joins in the order that CROSS JOIN gives; by itself it would begin with all bots.
static REACHED: Sql = Sql::new(
    "operator.reached",
    "SELECT environment_id, CAST(NULL AS BYTEA) FROM operator_environment WHERE org_id = $1 AND user_id = $2
     UNION ALL
     SELECT bot.environment_id, bot.bot_id
     FROM operator_bot AS entrusted CROSS JOIN bot CROSS JOIN operator_environment AS placed
     WHERE entrusted.org_id = $1 AND entrusted.user_id = $2
     AND bot.org_id = $1 AND bot.bot_id = entrusted.bot_id
     AND placed.org_id = $1 AND placed.user_id = $2 AND placed.environment_id = bot.environment_id",
);
static CREDENTIALS: Sql = Sql::new(
    "operator.credentials",
    "SELECT user_id, password_hash, credential_version, is_admin FROM operator WHERE org_id = $1 AND user_id = $2",
);
static CREDENTIALS_BY_EMAIL: Sql = Sql::new(
    "operator.credentials_by_email",
    "SELECT user_id, password_hash, credential_version, is_admin FROM operator WHERE org_id = $1 AND email_key = $2",
);
static TAKEN: Sql = Sql::split(
    "operator.taken",
    "SELECT email_key FROM operator WHERE org_id = $1 AND email_key IN (SELECT value FROM json_each($2))",
    "SELECT email_key FROM operator WHERE org_id = $1 AND email_key = ANY(ARRAY(
        SELECT jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB))))",
);
static PLACES: Sql = Sql::split(
    "operator.places",
    "SELECT placed.user_id, environment.environment_id, environment.name FROM operator_environment AS placed
     CROSS JOIN environment
     WHERE environment.org_id = $1 AND environment.environment_id = placed.environment_id AND placed.org_id = $1 AND placed.user_id IN (SELECT unhex(value) FROM json_each($2))
     AND environment.is_active = 1",
    "SELECT placed.user_id, environment.environment_id, environment.name FROM operator_environment AS placed
     CROSS JOIN environment
     WHERE environment.org_id = $1 AND environment.environment_id = placed.environment_id AND placed.org_id = $1 AND placed.user_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))
     AND environment.is_active = 1",
);
static BOTS: Sql = Sql::split(
    "operator.bots",
    "SELECT entrusted.user_id, bot.environment_id, bot.bot_id, bot.name FROM operator_bot AS entrusted
     CROSS JOIN bot
     WHERE bot.org_id = $1 AND bot.bot_id = entrusted.bot_id AND entrusted.org_id = $1 AND entrusted.user_id IN (SELECT unhex(value) FROM json_each($2))
     AND bot.is_active = 1",
    "SELECT entrusted.user_id, bot.environment_id, bot.bot_id, bot.name FROM operator_bot AS entrusted
     CROSS JOIN bot
     WHERE bot.org_id = $1 AND bot.bot_id = entrusted.bot_id AND entrusted.org_id = $1 AND entrusted.user_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))
     AND bot.is_active = 1",
);

pub const STATEMENTS: &[&Sql] =
    &[&FIND, &FIND_AT, &FIND_MANY, &REACHED, &CREDENTIALS, &CREDENTIALS_BY_EMAIL, &TAKEN, &PLACES, &BOTS];

/// An operator, as one who reaches no environment.
fn read_operator(row: &Row<'_>) -> Result<Operator> {
    keep_operator(row, &mut Apart)
}

/// As [`read_operator`], and the texts are kept in this way.
#[inline]
fn keep_operator<K: Keep>(row: &Row<'_>, keep: &mut K) -> Result<Operator<K::Text>> {
    let access = if row.bool(5)? {
        Access::Administrator
    } else {
        let role = row.str(6)?;
        let role =
            OperatorRole::parse(role).ok_or_else(|| StoreError::Corrupt(format!("operator.role {role}")))?;
        Access::Environments { role, environments: BTreeMap::new() }
    };
    Ok(Operator {
        user_id: row.id(0, UserId::from_column)?,
        email: row.kept(1, |text| keep.text(text))?,
        name: row.kept(2, |text| keep.text(text))?,
        company: row.optional_kept(3, |text| keep.text(text))?,
        image: row.optional_kept(4, |text| keep.text(text))?,
        access,
        created_at: Timestamp(row.int(7)?),
    })
}

fn read_credentials(row: &Row<'_>) -> Result<Credentials> {
    Ok(Credentials {
        user_id: row.id(0, UserId::from_column)?,
        password_hash: row.optional_text(1)?,
        version: row.int(2)?,
        is_admin: row.bool(3)?,
    })
}

/// The operator with this id.
pub fn find(conn: &Conn<'_>, user: UserId) -> Result<Option<Operator>> {
    let params = [conn.org_param(), Param::Blob(&user.0)];
    let Some(mut operator) = find_row(conn, user)? else { return Ok(None) };
    if let Access::Environments { environments, .. } = &mut operator.access {
        let reached = conn.all(&REACHED, &params, |row| {
            let bot = row.optional_blob(1)?.is_some().then(|| row.id(1, Uuid::from_column)).transpose()?;
            Ok((row.id(0, Uuid::from_column)?, bot))
        })?;
        for (environment, bot) in reached {
            environments.entry(environment).or_default().extend(bot);
        }
    }
    Ok(Some(operator))
}

/// The operator with this id, without what it reaches.
fn find_row(conn: &Conn<'_>, user: UserId) -> Result<Option<Operator>> {
    let (org, id) = (conn.org_param(), Param::Blob(&user.0));
    if let Some(place) = whereabouts::recall(conn, Directory::Operators, user) {
        let found = conn.optional(&FIND_AT, &[org, id, place], read_operator)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    conn.optional(&FIND, &[org, id], |row| {
        if conn.dialect() == Dialect::Sqlite {
            whereabouts::remember(conn, user, row.position(8)?);
        }
        read_operator(row)
    })
}

/// Those of these operators that are there, in no order, without what they reach.
fn find_many(conn: &Conn<'_>, users: &[UserId], texts: &mut Gathered) -> Result<Vec<ListedOperator>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let params = [conn.org_param(), Param::Text(&id_list(users))];
    conn.all(&FIND_MANY, &params, |row| keep_operator(row, texts))
}

impl Listed<ListedOperator> {
    /// Each operator with texts of its own.
    pub fn apart(self) -> Vec<Operator> {
        let texts = &self.texts;
        let text = |text: Text| texts.get(text).to_owned();
        let apart = |operator: ListedOperator| Operator {
            user_id: operator.user_id,
            email: text(operator.email),
            name: text(operator.name),
            company: operator.company.map(text),
            image: operator.image.map(text),
            access: operator.access,
            created_at: operator.created_at,
        };
        self.rows.into_iter().map(apart).collect()
    }
}

/// With what the operator signs in who has this address.
pub fn find_credentials_by_email(conn: &Conn<'_>, email_key: &str) -> Result<Option<Credentials>> {
    conn.optional(&CREDENTIALS_BY_EMAIL, &[conn.org_param(), Param::Text(email_key)], read_credentials)
}

/// With what the operator signs in who has this id.
pub fn find_credentials(conn: &Conn<'_>, user: UserId) -> Result<Option<Credentials>> {
    conn.optional(&CREDENTIALS, &[conn.org_param(), Param::Blob(&user.0)], read_credentials)
}

/// Which of these addresses operators have, by their keys.
pub fn find_taken(conn: &Conn<'_>, email_keys: &[&str]) -> Result<BTreeSet<String>> {
    if email_keys.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found =
        conn.all(&TAKEN, &[conn.org_param(), Param::Text(&to_json(&email_keys))], |row| row.text(0))?;
    Ok(found.into_iter().collect())
}

/// What each of these operators reaches, in the order of the environments' ids; who reaches nothing, as administrators do by
/// themselves, is absent. `with_bots` says whether the bots are read.
pub fn places(conn: &Conn<'_>, users: &[UserId], with_bots: bool) -> Result<BTreeMap<UserId, Vec<Place>>> {
    if users.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids = id_list(users);
    let params = [conn.org_param(), Param::Text(&ids)];
    let mut reached = BTreeMap::<UserId, BTreeMap<Uuid, (String, BTreeMap<Uuid, String>)>>::new();
    conn.all(&PLACES, &params, |row| {
        let of_user = reached.entry(row.id(0, UserId::from_column)?).or_default();
        of_user.insert(row.id(1, Uuid::from_column)?, (row.text(2)?, BTreeMap::new()));
        Ok(())
    })?;
    if with_bots {
        conn.all(&BOTS, &params, |row| {
            let (user, environment) = (row.id(0, UserId::from_column)?, row.id(1, Uuid::from_column)?);
            // Where the environment is not reached, neither is the bot.
            if let Some((_, bots)) = reached.get_mut(&user).and_then(|places| places.get_mut(&environment)) {
                bots.insert(row.id(2, Uuid::from_column)?, row.text(3)?);
            }
            Ok(())
        })?;
    }
    let place = |(environment_id, (name, bots)): (Uuid, (String, BTreeMap<Uuid, String>))| Place {
        environment_id,
        name,
        bots: bots.into_iter().collect(),
    };
    Ok(reached.into_iter().map(|(user, places)| (user, places.into_iter().map(place).collect())).collect())
}

/// How many operators there are.
pub fn count(conn: &Conn<'_>) -> Result<i64> {
    users::count(conn, Directory::Operators)
}
