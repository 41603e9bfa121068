//! Users of every directory: one row each.

mod entry;
mod import;
mod page;
mod position;
mod search;
mod windows;

use denizen_domain::fold::fold;
use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::{Directory, Preferences, UserStats, Variables};
use denizen_domain::permission::ScalarRef;
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, IndexChange, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Dialect, Param, Row, Sql, Statement, to_json};
use crate::texts::{Apart, Gathered, Keep, Listed, Text, TextMap, listed_with};
use crate::whereabouts;

pub(crate) use entry::{SearchEntry, apart};
pub(crate) use import::STATEMENTS as IMPORT_STATEMENTS;
pub use import::{Known, add_to_stats, find_many, find_owners, find_places, import, recount_stats};
pub(crate) use page::STATEMENTS as PAGE_STATEMENTS;
pub use page::{
    After, RoleNames, SortField, SortKey, UserPage, UserQuery, admits, example_statements, page, page_by,
    page_statement, sort_values,
};
pub use position::Position;
pub use search::{Route, UserSearch, search, search_statement};
pub(crate) use search::{WALKED_FIRST, cheaper_route, search_index};
pub(crate) use windows::{PLACE_LENGTH, WindowQuery, windows};

/// A user as the store keeps it, but for [`additional_context`]. Where it is one of a list, its texts lie elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User<T = String, M = Variables> {
    pub position: Position,
    pub user_id: UserId,
    pub email: T,
    pub first_name: T,
    pub last_name: T,
    pub role_id: ObjectId,
    pub is_verified: bool,
    pub preferences: Preferences,
    pub open_variables: M,
    /// Values that are never given out again; only their names are shown.
    pub secret_variables: M,
    pub stats: UserStats,
    /// The user has created an API key, which keeps a tombstone when the user is deleted.
    pub created_api_key: bool,
    pub created_at: Timestamp,
}

/// A user of a list.
pub type ListedUser = User<Text, TextMap>;

/// What is needed to add a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    pub directory: Directory,
    pub user_id: UserId,
    pub email: Email,
    pub first_name: String,
    pub last_name: String,
    pub role_id: ObjectId,
    pub is_verified: bool,
    pub preferences: Preferences,
    pub open_variables: Variables,
    pub secret_variables: Variables,
}

/// The columns of [`User`], in the order in which [`read_user`] takes them.
pub(crate) const COLUMNS: &str = "position, user_id, email, first_name, last_name, role_id, is_verified, preferences, \
    open_variables, secret_variables, num_conversations, num_messages, last_message_at, \
    created_api_key, created_at";

static FIND: Sql = Sql::new(
    "user.find",
    "SELECT position, user_id, email, first_name, last_name, role_id, is_verified, preferences,
     open_variables, secret_variables, num_conversations, num_messages, last_message_at,
     created_api_key, created_at FROM users WHERE org_id = $1 AND user_id = $2 AND directory = $3",
);
static FIND_AT: Sql = Sql::split(
    "user.find_at",
    "SELECT position, user_id, email, first_name, last_name, role_id, is_verified, preferences,
     open_variables, secret_variables, num_conversations, num_messages, last_message_at,
     created_api_key, created_at FROM users WHERE position = $3 AND org_id = $1 AND user_id = $2",
    "",
);
static FIND_BY_EMAIL: Sql = Sql::new(
    "user.find_by_email",
    "SELECT position, user_id, email, first_name, last_name, role_id, is_verified, preferences,
     open_variables, secret_variables, num_conversations, num_messages, last_message_at,
     created_api_key, created_at FROM users WHERE org_id = $1 AND directory = $2 AND email_key = $3",
);
// Engine: on SQLite these three cost half of what one statement does that adds or changes and answers the number: for its
// answer it makes a table.
static RESERVE: Sql = Sql::split(
    "user.reserve",
    "UPDATE directory_counter SET users = users + $3, last_seq = last_seq + $3 WHERE org_id = $1 AND directory = $2",
    "",
);
static BEGIN_COUNT: Sql = Sql::split(
    "user.begin_count",
    "INSERT INTO directory_counter (org_id, directory, users, last_seq) VALUES ($1, $2, $3, $3)",
    "",
);
static LAST_SEQ: Sql = Sql::split(
    "user.last_seq",
    "SELECT last_seq FROM directory_counter WHERE org_id = $1 AND directory = $2",
    "",
);
static ADD_TO_COUNT: Sql = Sql::split(
    "user.add_to_count",
    "UPDATE directory_counter SET users = users + $3 WHERE org_id = $1 AND directory = $2",
    "INSERT INTO directory_counter (org_id, directory, slot, users) VALUES ($1, $2, $4, $3)
     ON CONFLICT (org_id, directory, slot) DO UPDATE SET users = directory_counter.users + $3",
);
static COUNT: Sql = Sql::new(
    "user.count",
    "SELECT CAST(coalesce(sum(users), 0) AS BIGINT) FROM directory_counter WHERE org_id = $1 AND directory = $2",
);
static EMAIL_TAKEN: Sql = Sql::new(
    "user.email_taken",
    "SELECT 1 FROM users WHERE org_id = $1 AND directory = $2 AND email_key = $3",
);
static INSERT: Sql = Sql::split(
    "user.insert",
    "INSERT INTO users (org_id, directory, user_id, email, email_key, first_name, last_name, first_key, last_key,
     search_text, role_id, is_verified, preferences, open_variables, secret_variables, additional_context,
     created_at, updated_at, position)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    "WITH added AS (
        INSERT INTO users (org_id, directory, user_id, email, email_key, first_name, last_name, first_key, last_key,
        search_text, role_id, is_verified, preferences, open_variables, secret_variables, additional_context,
        created_at, updated_at, position)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
        nextval('user_position'))
        ON CONFLICT (org_id, directory, email_key) DO NOTHING RETURNING position),
     indexed AS (
        INSERT INTO user_search (org_id, position, windows) SELECT $1, position, CAST($19 AS TSVECTOR) FROM added),
     counted AS (
        INSERT INTO directory_counter (org_id, directory, slot, users) SELECT $1, $2, CAST($20 AS SMALLINT), 1 FROM added
        ON CONFLICT (org_id, directory, slot) DO UPDATE SET users = directory_counter.users + 1)
     SELECT position FROM added",
);
// Many at once: what comes together is numbered in its order.
static ADD: Sql = Sql::split(
    "user.add",
    "",
    "WITH given AS MATERIALIZED (
        SELECT nextval('user_position') AS position, row.* FROM unnest(CAST($2 AS SMALLINT[]), CAST($3 AS BYTEA[]),
            CAST($4 AS TEXT[]), CAST($5 AS TEXT[]), CAST($6 AS TEXT[]), CAST($7 AS TEXT[]), CAST($8 AS TEXT[]),
            CAST($9 AS TEXT[]), CAST($10 AS TEXT[]), CAST($11 AS BYTEA[]), CAST($12 AS BOOLEAN[]), CAST($13 AS TEXT[]),
            CAST($14 AS TEXT[]), CAST($15 AS TEXT[]), CAST($16 AS TEXT[]), CAST($17 AS BIGINT[]), CAST($18 AS BIGINT[]),
            CAST($19 AS TSVECTOR[]), CAST($20 AS SMALLINT[])) AS row (directory, user_id, email, email_key, first_name,
            last_name, first_key, last_key, search_text, role_id, is_verified, preferences, open_variables,
            secret_variables, additional_context, created_at, updated_at, windows, slot)),
     added AS (
        INSERT INTO users (org_id, directory, user_id, email, email_key, first_name, last_name, first_key, last_key,
        search_text, role_id, is_verified, preferences, open_variables, secret_variables, additional_context,
        created_at, updated_at, position)
        SELECT CAST($1 AS BIGINT), directory, user_id, email, email_key, first_name, last_name, first_key, last_key,
        search_text, role_id, is_verified, preferences, open_variables, secret_variables, additional_context,
        created_at, updated_at, position FROM given),
     indexed AS (
        INSERT INTO user_search (org_id, position, windows) SELECT $1, position, windows FROM given)
     INSERT INTO directory_counter (org_id, directory, slot, users)
     SELECT $1, directory, slot, count(*) FROM given GROUP BY directory, slot
     ON CONFLICT (org_id, directory, slot) DO UPDATE SET users = directory_counter.users + excluded.users",
);
static SEARCH_TEXT: Sql = Sql::split(
    "user.search_text",
    "SELECT position, search_text FROM users WHERE org_id = $1 AND user_id = $2",
    "",
);
static UPDATE: Sql = Sql::new(
    "user.update",
    "UPDATE users SET first_name = $3, last_name = $4, first_key = $5, last_key = $6, search_text = $7, role_id = $8,
     is_verified = $9, preferences = $10, open_variables = $11, secret_variables = $12,
     created_api_key = $13, updated_at = $14, email = $15, email_key = $16,
     created_at = $17 WHERE org_id = $1 AND user_id = $2",
);
static CONTEXT: Sql = Sql::new(
    "user.additional_context",
    "SELECT additional_context FROM users WHERE org_id = $1 AND user_id = $2",
);
static SET_CONTEXT: Sql = Sql::new(
    "user.set_additional_context",
    "UPDATE users SET additional_context = $3, updated_at = $4 WHERE org_id = $1 AND user_id = $2",
);
static DELETE: Sql = Sql::split(
    "user.delete",
    "DELETE FROM users WHERE org_id = $1 AND user_id = $2 RETURNING position",
    "WITH deleted AS (DELETE FROM users WHERE org_id = $1 AND user_id = $2 RETURNING position),
     forgotten AS (
        DELETE FROM user_search WHERE org_id = $1 AND position IN (SELECT position FROM deleted))
     SELECT position FROM deleted",
);
static UPDATE_WINDOWS: Sql = Sql::split(
    "user.update_windows",
    "",
    "UPDATE user_search SET windows = $3 WHERE org_id = $1
     AND position = (SELECT position FROM users WHERE org_id = $1 AND user_id = $2)",
);
static BURY: Sql = Sql::new(
    "user.bury",
    "INSERT INTO user_tombstone (org_id, user_id, directory, deleted_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (org_id, user_id) DO UPDATE SET directory = $3, deleted_at = $4",
);
static IS_BURIED: Sql =
    Sql::new("user.is_buried", "SELECT 1 FROM user_tombstone WHERE org_id = $1 AND user_id = $2");

pub const STATEMENTS: &[&Sql] = &[
    &FIND,
    &FIND_AT,
    &FIND_BY_EMAIL,
    &RESERVE,
    &BEGIN_COUNT,
    &LAST_SEQ,
    &ADD_TO_COUNT,
    &COUNT,
    &EMAIL_TAKEN,
    &INSERT,
    &ADD,
    &SEARCH_TEXT,
    &UPDATE,
    &CONTEXT,
    &SET_CONTEXT,
    &DELETE,
    &UPDATE_WINDOWS,
    &BURY,
    &IS_BURIED,
];

/// An empty map, list or set of preferences is the usual case and needs no parsing. NULL stands for one, too.
fn json_or_default<T: Default + serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    match row.optional_bytes(column)? {
        None | Some(b"{}" | b"[]") => Ok(T::default()),
        _ => row.json(column),
    }
}

pub(crate) fn read_user(row: &Row<'_>) -> Result<User> {
    keep_user(row, &mut Apart)
}

/// A user whose texts are kept in this way. NULL may stand for what is usual, as [`page::listed_columns`] says.
#[inline]
fn keep_user<K: Keep>(row: &Row<'_>, keep: &mut K) -> Result<User<K::Text, K::Map>> {
    let number = |column| Ok::<_, StoreError>(row.optional_int(column)?.unwrap_or(0));
    let last_message_at = number(12)?;
    Ok(User {
        position: row.position(0)?,
        user_id: row.id(1, UserId::from_column)?,
        email: row.kept(2, |text| keep.text(text))?,
        first_name: row.kept(3, |text| keep.text(text))?,
        last_name: row.kept(4, |text| keep.text(text))?,
        role_id: row.id(5, ObjectId::from_column)?,
        is_verified: row.bool(6)?,
        preferences: json_or_default(row, 7)?,
        open_variables: row.optional_kept(8, |json| keep.map(json))?.unwrap_or_default(),
        secret_variables: row.optional_kept(9, |json| keep.map(json))?.unwrap_or_default(),
        stats: UserStats {
            conversations: number(10)?,
            messages: number(11)?,
            last_message_at: (last_message_at != 0).then_some(Timestamp(last_message_at)),
        },
        created_api_key: number(13)? != 0,
        created_at: Timestamp(row.int(14)?),
    })
}

/// The users of a statement that was put together at run time.
fn listed(conn: &Conn<'_>, statement: &Statement) -> Result<Listed<ListedUser>> {
    let mut texts = Gathered::default();
    let rows = conn.all_of(statement, |row| keep_user(row, &mut texts))?;
    listed_with(rows, texts)
}

/// The longest key that users are sorted by, in bytes: an entry of a PostgreSQL index takes at most 2,704, and folding can
/// lengthen a text many times over. Users who agree in so much stand in the order of their creation.
const MOST_SORT_KEY: usize = 2_000;

/// What a user is sorted by, of a folded name.
fn sort_key(folded: &str) -> &str {
    &folded[..folded.floor_char_boundary(MOST_SORT_KEY)]
}

/// The text that search looks into: "first last", then the address, apart by a control character, which folding
/// drops from every name and needle, so that no needle matches across the border.
fn search_text(first_key: &str, last_key: &str, email: &str) -> String {
    format!("{first_key} {last_key}\u{1}{}", fold(email))
}

/// The keys of a user that do not fit the texts that they are made from; for what looks for damage. From `column` on stand
/// the address and its key, the first name and its key, the last name and its key, and the search text.
pub(crate) fn unfit_keys(row: &Row<'_>, column: usize) -> Result<Vec<&'static str>> {
    let text = |at: usize| row.str(column + at);
    let (first_key, last_key) = (fold(text(2)?), fold(text(4)?));
    let fits = [
        ("email_key", Email::key_of(text(0)?) == text(1)?),
        ("first_key", sort_key(&first_key) == text(3)?),
        ("last_key", sort_key(&last_key) == text(5)?),
        ("search_text", search_text(&first_key, &last_key, text(0)?) == text(6)?),
    ];
    Ok(fits.into_iter().filter(|(_, fits)| !fits).map(|(name, _)| name).collect())
}

/// Default preferences are kept as an empty object, which [`json_or_default`] reads without parsing.
fn preferences_json(preferences: &Preferences) -> String {
    if *preferences == Preferences::default() { "{}".to_owned() } else { to_json(preferences) }
}

impl<T, M> User<T, M> {
    /// The attributes that a grant's conditions can name; see the table in `domain::permission`.
    /// `role_name` is not a column of the user and is given by the caller when it is known.
    pub fn attribute<'u>(&'u self, texts: &'u AttributeTexts, name: &str) -> Option<ScalarRef<'u>> {
        match name {
            "user_id" => Some(ScalarRef::Text(&texts.user_id)),
            "email" => Some(ScalarRef::Text(&texts.email_key)),
            "role_id" => Some(ScalarRef::Text(&texts.role_id)),
            "role_name" => texts.role_name.as_deref().map(ScalarRef::Text),
            "is_verified" => Some(ScalarRef::Bool(self.is_verified)),
            _ => None,
        }
    }

    fn attribute_texts_with(&self, email: &str, role_name: Option<String>) -> AttributeTexts {
        AttributeTexts {
            user_id: self.user_id.as_member().to_string(),
            email_key: Email::key_of(email),
            role_id: self.role_id.to_string(),
            role_name,
        }
    }
}

impl User {
    pub fn attribute_texts(&self, role_name: Option<String>) -> AttributeTexts {
        self.attribute_texts_with(&self.email, role_name)
    }
}

/// The attributes of a user that are compared as text.
pub struct AttributeTexts {
    user_id: String,
    email_key: String,
    role_id: String,
    role_name: Option<String>,
}

impl Listed<ListedUser> {
    /// Each user with texts of its own.
    pub fn apart(self) -> Vec<User> {
        let texts = &self.texts;
        let text = |text: Text| texts.get(text).to_owned();
        let map = |map: TextMap| {
            texts.map(map).map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Variables>()
        };
        let apart = |user: ListedUser| User {
            position: user.position,
            user_id: user.user_id,
            email: text(user.email),
            first_name: text(user.first_name),
            last_name: text(user.last_name),
            role_id: user.role_id,
            is_verified: user.is_verified,
            preferences: user.preferences,
            open_variables: map(user.open_variables),
            secret_variables: map(user.secret_variables),
            stats: user.stats,
            created_api_key: user.created_api_key,
            created_at: user.created_at,
        };
        self.rows.into_iter().map(apart).collect()
    }
}

pub fn find(conn: &Conn<'_>, directory: Directory, user: UserId) -> Result<Option<User>> {
    find_kept(conn, directory, user, &mut Apart)
}

fn find_kept<K: Keep>(
    conn: &Conn<'_>,
    directory: Directory,
    user: UserId,
    keep: &mut K,
) -> Result<Option<User<K::Text, K::Map>>> {
    let (org, id) = (conn.org_param(), Param::Blob(&user.0));
    if let Some(place) = whereabouts::recall(conn, directory, user) {
        let found = conn.optional(&FIND_AT, &[org, id, place], |row| keep_user(row, keep))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    let params = [org, id, Param::Int(directory.number())];
    let found = conn.optional(&FIND, &params, |row| keep_user(row, keep))?;
    if let Some(found) = &found {
        whereabouts::remember(conn, user, found.position);
    }
    Ok(found)
}

pub fn find_by_email(conn: &Conn<'_>, directory: Directory, email_key: &str) -> Result<Option<User>> {
    let params = [conn.org_param(), Param::Int(directory.number()), Param::Text(email_key)];
    conn.optional(&FIND_BY_EMAIL, &params, read_user)
}

/// What is to be known about a user in conversations. It can be large, and is read only where it is asked for.
pub fn additional_context(conn: &Conn<'_>, user: UserId) -> Result<Vec<String>> {
    let found =
        conn.optional(&CONTEXT, &[conn.org_param(), Param::Blob(&user.0)], |row| json_or_default(row, 0))?;
    Ok(found.unwrap_or_default())
}

/// Replaces what is to be known about a user in conversations.
pub fn set_additional_context(tx: &Tx<'_>, user: UserId, context: &[String], now: Timestamp) -> Result<()> {
    let context = to_json(&context);
    let params = [tx.org_param(), Param::Blob(&user.0), Param::Text(&context), Param::Int(now.0)];
    tx.write(&SET_CONTEXT, &params)
}

/// How many users the directory has.
pub fn count(conn: &Conn<'_>, directory: Directory) -> Result<i64> {
    let params = [conn.org_param(), Param::Int(directory.number())];
    Ok(conn.optional(&COUNT, &params, |row| row.int(0))?.unwrap_or(0))
}

/// Adds a user; `None` when the address is taken in its directory. Any error means that the closure has to fail: the
/// counter may have gone up already.
pub fn insert(tx: &Tx<'_>, user: &NewUser, now: Timestamp) -> Result<Option<Position>> {
    if tx.dialect() == Dialect::Sqlite && is_taken(tx, user)? {
        return Ok(None);
    }
    add_row(tx, user, &[], now, now, |params| tx.optional(&INSERT, params, |row| row.position(0)))
}

/// As [`insert`], `false` when the address is taken. On PostgreSQL nothing is waited for: a closure whose user's address is
/// taken is run again, and learns it then.
pub fn add(tx: &Tx<'_>, user: &NewUser, now: Timestamp) -> Result<bool> {
    if tx.looks_first() && is_taken(tx, user)? {
        return Ok(false);
    }
    import(tx, user, &[], now, now)?;
    Ok(true)
}

fn is_taken(tx: &Tx<'_>, user: &NewUser) -> Result<bool> {
    let taken = [tx.org_param(), Param::Int(user.directory.number()), Param::Text(user.email.key())];
    Ok(tx.optional(&EMAIL_TAKEN, &taken, |_| Ok(()))?.is_some())
}

/// Adds a user whose address is free. `insert_row` writes the row on PostgreSQL, and waits for its position or not.
fn add_row(
    tx: &Tx<'_>,
    user: &NewUser,
    context: &[String],
    created_at: Timestamp,
    now: Timestamp,
    insert_row: impl FnOnce(&[Param<'_>]) -> Result<Option<Position>>,
) -> Result<Option<Position>> {
    let directory = Param::Int(user.directory.number());
    let (first_key, last_key) = (fold(&user.first_name), fold(&user.last_name));
    let search_text = search_text(&first_key, &last_key, user.email.as_str());
    let (preferences, open, secret, context) = (
        preferences_json(&user.preferences),
        to_json(&user.open_variables),
        to_json(&user.secret_variables),
        to_json(&context),
    );
    let mut params = vec![
        tx.org_param(),
        directory,
        Param::Blob(&user.user_id.0),
        Param::Text(user.email.as_str()),
        Param::Text(user.email.key()),
        Param::Text(&user.first_name),
        Param::Text(&user.last_name),
        Param::Text(sort_key(&first_key)),
        Param::Text(sort_key(&last_key)),
        Param::Text(&search_text),
        Param::Blob(&user.role_id.0),
        Param::bool(user.is_verified),
        Param::Text(&preferences),
        Param::Text(&open),
        Param::Text(&secret),
        Param::Text(&context),
        Param::Int(created_at.0),
        Param::Int(now.0),
    ];
    match tx.dialect() {
        Dialect::Sqlite => {
            let seq = count_and_number(tx, user.directory, 1)?;
            let row = Position(seq).sqlite_row(tx.org, user.directory)?;
            params.push(Param::Int(row));
            tx.execute(&INSERT, &params)?;
            tx.index(IndexChange { row, before: None, after: Some(search_text) });
            Ok(Some(Position(seq)))
        }
        // One statement for the row, its search entry and its count: each message costs more than its work.
        Dialect::Postgres => {
            let windows = windows(tx.org, user.directory, &search_text);
            params.extend([Param::Words(&windows), Param::Int(tx.slot())]);
            insert_row(&params)
        }
    }
}

/// Counts users that are about to be added on SQLite, and answers the rows that are theirs, in the order of their creation.
pub(crate) fn reserve(tx: &Tx<'_>, directory: Directory, added: usize) -> Result<Vec<i64>> {
    let added = i64::try_from(added).unwrap_or(i64::MAX);
    let last = count_and_number(tx, directory, added)?;
    (last - added + 1..=last).map(|number| Position(number).sqlite_row(tx.org, directory)).collect()
}

/// Counts users that are about to be added on SQLite; the number of the last of them.
fn count_and_number(tx: &Tx<'_>, directory: Directory, added: i64) -> Result<i64> {
    let params = [tx.org_param(), Param::Int(directory.number()), Param::Int(added)];
    if tx.execute(&RESERVE, &params)? == 0 {
        tx.execute(&BEGIN_COUNT, &params)?;
    }
    tx.optional(&LAST_SEQ, &params[..2], |row| row.int(0))?
        .ok_or_else(|| StoreError::Corrupt("a counter without a row".to_owned()))
}

/// Changes how many users the directory has.
pub(crate) fn add_to_count(tx: &Tx<'_>, directory: Directory, by: i64) -> Result<()> {
    let params = [tx.org_param(), Param::Int(directory.number()), Param::Int(by), Param::Int(tx.slot())];
    let known = if tx.dialect() == Dialect::Sqlite { 3 } else { 4 };
    tx.write(&ADD_TO_COUNT, &params[..known])
}

static SEARCH_ENTRY: SearchEntry = SearchEntry { find: &SEARCH_TEXT, set_windows: &UPDATE_WINDOWS };

/// Writes all of a user that can change; `renamed` says that the search index has to follow a name or the address. Does
/// nothing when the user is gone. Whoever changes the address has looked before, in the same transaction, whether it is
/// free.
pub fn update(tx: &Tx<'_>, directory: Directory, user: &User, renamed: bool, now: Timestamp) -> Result<()> {
    let (first_key, last_key) = (fold(&user.first_name), fold(&user.last_name));
    let search_text = search_text(&first_key, &last_key, &user.email);
    let held = if renamed { SEARCH_ENTRY.held(tx, user.user_id)? } else { None };
    let params = [
        tx.org_param(),
        Param::Blob(&user.user_id.0),
        Param::Text(&user.first_name),
        Param::Text(&user.last_name),
        Param::Text(sort_key(&first_key)),
        Param::Text(sort_key(&last_key)),
        Param::Text(&search_text),
        Param::Blob(&user.role_id.0),
        Param::bool(user.is_verified),
        Param::Text(&preferences_json(&user.preferences)),
        Param::Text(&to_json(&user.open_variables)),
        Param::Text(&to_json(&user.secret_variables)),
        Param::bool(user.created_api_key),
        Param::Int(now.0),
        Param::Text(&user.email),
        Param::Text(&Email::key_of(&user.email)),
        Param::Int(user.created_at.0),
    ];
    tx.write(&UPDATE, &params)?;
    if renamed {
        SEARCH_ENTRY.replace(tx, (directory, user.user_id), held, search_text)?;
    }
    Ok(())
}

/// Removes a user and its search entry; `keep_tombstone` leaves a record that there was one. Does nothing when the
/// user is gone already, so that the counter goes down once for each user.
pub fn delete(
    tx: &Tx<'_>,
    directory: Directory,
    user: UserId,
    keep_tombstone: bool,
    now: Timestamp,
) -> Result<()> {
    let held = SEARCH_ENTRY.held(tx, user)?;
    if tx.optional(&DELETE, &[tx.org_param(), Param::Blob(&user.0)], |_| Ok(()))?.is_none() {
        return Ok(());
    }
    add_to_count(tx, directory, -1)?;
    if let Some(held) = held {
        held.forget(tx);
    }
    if keep_tombstone {
        let params =
            [tx.org_param(), Param::Blob(&user.0), Param::Int(directory.number()), Param::Int(now.0)];
        tx.write(&BURY, &params)?;
    }
    Ok(())
}

/// Whether a deleted user has left a tombstone.
pub fn is_buried(conn: &Conn<'_>, user: UserId) -> Result<bool> {
    let params = [conn.org_param(), Param::Blob(&user.0)];
    Ok(conn.optional(&IS_BURIED, &params, |_| Ok(()))?.is_some())
}
