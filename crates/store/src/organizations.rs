//! An organization's profile and settings.

use std::collections::BTreeMap;

use denizen_domain::member::{Directory, Preferences, UserDimension};
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, IndexChange, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Dialect, Param, Row, Sql, to_json};
use crate::sqlite::postings::{self, Place};
use crate::users;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationProfile {
    pub name: String,
    pub title: String,
    pub main_description: String,
    pub sub_description: String,
    pub onboarding: Vec<String>,
    pub user_dimensions: Vec<UserDimension>,
    pub default_preferences: Option<Preferences>,
    /// New users start verified.
    pub verify_at_creation: bool,
    /// Users who are not verified may sign in; every other operation refuses them until they are.
    pub unverified_sign_in: bool,
    /// The origins to which a mailed link may send a browser.
    pub allowed_origins: Vec<String>,
}

/// The images of an organization's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    Logo,
    SquareLogo,
    Favicon,
    SignupPageHeadshot,
}

impl ImageKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Logo => "logo",
            Self::SquareLogo => "square_logo",
            Self::Favicon => "favicon",
            Self::SignupPageHeadshot => "signup_page_headshot",
        }
    }
}

static GET: Sql = Sql::new(
    "organization.get",
    "SELECT name, title, main_description, sub_description, onboarding, user_dimensions, default_preferences,
     verify_at_creation, unverified_sign_in, allowed_origins FROM organization_profile WHERE org_id = $1",
);
static PUT: Sql = Sql::new(
    "organization.put",
    "INSERT INTO organization_profile (org_id, name, title, main_description, sub_description, onboarding,
     user_dimensions, default_preferences, verify_at_creation, unverified_sign_in, allowed_origins, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     ON CONFLICT (org_id) DO UPDATE SET name = $2, title = $3, main_description = $4, sub_description = $5,
     onboarding = $6, user_dimensions = $7, default_preferences = $8, verify_at_creation = $9,
     unverified_sign_in = $10, allowed_origins = $11, updated_at = $12",
);
static PUT_IMAGE: Sql = Sql::new(
    "organization.put_image",
    "INSERT INTO organization_image (org_id, kind, content) VALUES ($1, $2, $3)
     ON CONFLICT (org_id, kind) DO UPDATE SET content = $3",
);

// Erasing an organization: in this order, so that no foreign key is left dangling on the way.
static ERASE_USERS: Sql = Sql::split(
    "organization.erase_users",
    "DELETE FROM users WHERE org_id = $1 AND position IN (
        SELECT position FROM users WHERE org_id = $1 ORDER BY org_id, user_id LIMIT $2)
     RETURNING position, directory, search_text",
    "WITH erased AS (
        DELETE FROM users WHERE org_id = $1 AND user_id IN (
            SELECT user_id FROM users WHERE org_id = $1 ORDER BY org_id, user_id LIMIT $2)
        RETURNING position, directory),
     forgotten AS (
        DELETE FROM user_search WHERE org_id = $1 AND position IN (SELECT position FROM erased))
     SELECT position, directory FROM erased",
);
static ERASE_CONTACTS: Sql = Sql::split(
    "organization.erase_contacts",
    "DELETE FROM contact WHERE org_id = $1 AND position IN (
        SELECT position FROM contact WHERE org_id = $1 ORDER BY org_id, user_id LIMIT $2)
     RETURNING position, search_text",
    "WITH erased AS (
        DELETE FROM contact WHERE org_id = $1 AND user_id IN (
            SELECT user_id FROM contact WHERE org_id = $1 ORDER BY org_id, user_id LIMIT $2)
        RETURNING position),
     forgotten AS (
        DELETE FROM user_search WHERE org_id = $1 AND position IN (SELECT position FROM erased))
     SELECT position FROM erased",
);
static ERASE_OPERATORS: Sql = Sql::split(
    "organization.erase_operators",
    "DELETE FROM operator WHERE org_id = $1 AND position IN (
        SELECT position FROM operator WHERE org_id = $1 ORDER BY org_id, user_id LIMIT $2)
     RETURNING position, search_text",
    "WITH erased AS (
        DELETE FROM operator WHERE org_id = $1 AND user_id = ANY(ARRAY(
            SELECT user_id FROM operator WHERE org_id = $1 ORDER BY org_id, user_id LIMIT $2))
        RETURNING position),
     forgotten AS (
        DELETE FROM user_search WHERE org_id = $1 AND position = ANY(ARRAY(SELECT position FROM erased)))
     SELECT position FROM erased",
);
static ERASE_BOTS: Sql = Sql::split(
    "organization.erase_bots",
    "DELETE FROM bot WHERE org_id = $1 AND bot_id IN (
        SELECT bot_id FROM bot WHERE org_id = $1 ORDER BY org_id, bot_id LIMIT $2)",
    "DELETE FROM bot WHERE org_id = $1 AND bot_id = ANY(ARRAY(
        SELECT bot_id FROM bot WHERE org_id = $1 ORDER BY org_id, bot_id LIMIT $2))",
);
static ERASE_ENVIRONMENTS: Sql = Sql::split(
    "organization.erase_environments",
    "DELETE FROM environment WHERE org_id = $1 AND environment_id IN (
        SELECT environment_id FROM environment WHERE org_id = $1 ORDER BY org_id, environment_id LIMIT $2)",
    "DELETE FROM environment WHERE org_id = $1 AND environment_id = ANY(ARRAY(
        SELECT environment_id FROM environment WHERE org_id = $1 ORDER BY org_id, environment_id LIMIT $2))",
);
// What is still to be done when nothing of the organization is left stays: it needs no more than its own row.
static ERASE_JOBS: Sql = Sql::new(
    "organization.erase_jobs",
    "DELETE FROM job WHERE org_id = $1
     AND kind NOT IN ('organization.erase', 'identity.delete_account', 'store.scrub')",
);
static ERASE_KEYS: Sql = Sql::new("organization.erase_keys", "DELETE FROM api_key WHERE org_id = $1");
static ERASE_TOKENS: Sql =
    Sql::new("organization.erase_tokens", "DELETE FROM access_token WHERE org_id = $1");
static ERASE_TOMBSTONES: Sql =
    Sql::new("organization.erase_tombstones", "DELETE FROM user_tombstone WHERE org_id = $1");
static ERASE_ATTRIBUTES: Sql =
    Sql::new("organization.erase_attributes", "DELETE FROM attribute_definition WHERE org_id = $1");
static ERASE_ROLES: Sql = Sql::new("organization.erase_roles", "DELETE FROM role WHERE org_id = $1");
static ERASE_COUNTERS: Sql =
    Sql::new("organization.erase_counters", "DELETE FROM directory_counter WHERE org_id = $1");
static ERASE_WINDOWS: Sql =
    Sql::split("organization.erase_windows", "DELETE FROM user_window WHERE org_id = $1", "");
static ERASE_TEXTS: Sql =
    Sql::split("organization.erase_texts", "DELETE FROM user_text WHERE org_id = $1", "");
static ERASE_MARKS: Sql =
    Sql::split("organization.erase_marks", "DELETE FROM search_mark WHERE org_id = $1", "");
static ERASE_STAMPS: Sql =
    Sql::split("organization.erase_stamps", "DELETE FROM search_block WHERE org_id = $1", "");
static ERASE_PROFILE: Sql =
    Sql::new("organization.erase_profile", "DELETE FROM organization_profile WHERE org_id = $1");

pub const STATEMENTS: &[&Sql] = &[
    &GET,
    &PUT,
    &PUT_IMAGE,
    &ERASE_USERS,
    &ERASE_CONTACTS,
    &ERASE_OPERATORS,
    &ERASE_BOTS,
    &ERASE_ENVIRONMENTS,
    &ERASE_JOBS,
    &ERASE_KEYS,
    &ERASE_TOKENS,
    &ERASE_TOMBSTONES,
    &ERASE_ATTRIBUTES,
    &ERASE_ROLES,
    &ERASE_COUNTERS,
    &ERASE_WINDOWS,
    &ERASE_TEXTS,
    &ERASE_MARKS,
    &ERASE_STAMPS,
    &ERASE_PROFILE,
];

fn read_profile(row: &Row<'_>) -> Result<OrganizationProfile> {
    Ok(OrganizationProfile {
        name: row.text(0)?,
        title: row.text(1)?,
        main_description: row.text(2)?,
        sub_description: row.text(3)?,
        onboarding: row.json(4)?,
        user_dimensions: row.json(5)?,
        default_preferences: if row.optional_text(6)?.is_some() { Some(row.json(6)?) } else { None },
        verify_at_creation: row.bool(7)?,
        unverified_sign_in: row.bool(8)?,
        allowed_origins: row.json(9)?,
    })
}

pub fn find_profile(conn: &Conn<'_>) -> Result<Option<OrganizationProfile>> {
    conn.optional(&GET, &[conn.org_param()], read_profile)
}

/// Adds the profile or writes over it.
pub fn put_profile(tx: &Tx<'_>, profile: &OrganizationProfile, now: Timestamp) -> Result<()> {
    let preferences = profile.default_preferences.as_ref().map(to_json);
    let params = [
        tx.org_param(),
        Param::Text(&profile.name),
        Param::Text(&profile.title),
        Param::Text(&profile.main_description),
        Param::Text(&profile.sub_description),
        Param::Text(&to_json(&profile.onboarding)),
        Param::Text(&to_json(&profile.user_dimensions)),
        Param::optional_text(preferences.as_deref()),
        Param::bool(profile.verify_at_creation),
        Param::bool(profile.unverified_sign_in),
        Param::Text(&to_json(&profile.allowed_origins)),
        Param::Int(now.0),
    ];
    tx.write(&PUT, &params)
}

pub fn put_image(tx: &Tx<'_>, kind: ImageKind, content: &[u8]) -> Result<()> {
    tx.write(&PUT_IMAGE, &[tx.org_param(), Param::Text(kind.as_str()), Param::Blob(content)])
}

/// Erases up to `most` users of an organization that is off the map; says how many there were.
pub fn erase_users(tx: &Tx<'_>, most: i64) -> Result<usize> {
    let most = clear_index(tx, Directory::Members, most)?;
    let mut by_directory = BTreeMap::<i64, i64>::new();
    let erased = tx.all(&ERASE_USERS, &[tx.org_param(), Param::Int(most)], |row| {
        *by_directory.entry(row.int(1)?).or_default() += 1;
        if tx.dialect() == Dialect::Sqlite {
            tx.index(IndexChange { row: row.int(0)?, before: Some(row.text(2)?), after: None });
        }
        Ok(())
    })?;
    for (number, users) in by_directory {
        let directory = Directory::from_number(number)
            .ok_or_else(|| StoreError::Corrupt(format!("users.directory {number}")))?;
        users::add_to_count(tx, directory, -users)?;
    }
    Ok(erased.len())
}

/// Erases up to `most` contacts of an organization that is off the map; says how many there were. Nothing may refer to
/// them any more.
pub fn erase_contacts(tx: &Tx<'_>, most: i64) -> Result<usize> {
    erase_some(tx, &ERASE_CONTACTS, Directory::Contacts, most)
}

/// As [`erase_contacts`], operators.
pub fn erase_operators(tx: &Tx<'_>, most: i64) -> Result<usize> {
    erase_some(tx, &ERASE_OPERATORS, Directory::Operators, most)
}

/// Takes a large part of a directory out of SQLite's search index at once. How many users can still be erased in the same
/// transaction: as long as the index has such parts, that was enough work, and each user would be taken out of all others.
fn clear_index(tx: &Tx<'_>, directory: Directory, most: i64) -> Result<i64> {
    let is_cleared =
        tx.dialect() == Dialect::Sqlite && postings::recede(tx.sqlite()?, Place::new(tx.org, directory))?;
    Ok(if is_cleared { most.min(1) } else { most })
}

/// Runs a statement that deletes users of one directory, and lets the search index and the counter follow.
fn erase_some(tx: &Tx<'_>, sql: &Sql, directory: Directory, most: i64) -> Result<usize> {
    let most = clear_index(tx, directory, most)?;
    let erased = tx.all(sql, &[tx.org_param(), Param::Int(most)], |row| {
        if tx.dialect() == Dialect::Sqlite
            && let Some(text) = row.optional_text(1)?
        {
            tx.index(IndexChange { row: row.int(0)?, before: Some(text), after: None });
        }
        Ok(())
    })?;
    if !erased.is_empty() {
        users::add_to_count(tx, directory, -i64::try_from(erased.len()).unwrap_or(i64::MAX))?;
    }
    Ok(erased.len())
}

/// Erases up to `most` bots of an organization that is off the map; says how many there were. No operator may reach them any
/// more.
pub fn erase_bots(tx: &Tx<'_>, most: i64) -> Result<usize> {
    tx.execute(&ERASE_BOTS, &[tx.org_param(), Param::Int(most)])
}

/// As [`erase_bots`], environments, in which no bot may live any more.
pub fn erase_environments(tx: &Tx<'_>, most: i64) -> Result<usize> {
    tx.execute(&ERASE_ENVIRONMENTS, &[tx.org_param(), Param::Int(most)])
}

/// Erases what is left of an organization after its users, contacts and operators, its bots and its environments.
pub fn erase_rest(tx: &Tx<'_>) -> Result<()> {
    let rest = [
        &ERASE_JOBS,
        &ERASE_KEYS,
        &ERASE_TOKENS,
        &ERASE_TOMBSTONES,
        &ERASE_ATTRIBUTES,
        &ERASE_ROLES,
        &ERASE_COUNTERS,
        &ERASE_PROFILE,
    ];
    rest.into_iter().try_for_each(|sql| tx.write(sql, &[tx.org_param()]))?;
    if tx.dialect() == Dialect::Sqlite {
        // Without users there is hardly anything in them.
        let index = [&ERASE_WINDOWS, &ERASE_TEXTS, &ERASE_MARKS, &ERASE_STAMPS];
        index.into_iter().try_for_each(|sql| tx.write(sql, &[tx.org_param()]))?;
    }
    Ok(())
}
