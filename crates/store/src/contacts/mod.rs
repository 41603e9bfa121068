//! Contacts: one row each, with the addresses and numbers that only one of them can have.
//!
//! A contact is a user of the directory `contacts`: it is counted and numbered as users are, and is found by the same
//! search index. Anonymizing a contact leaves its row.

mod identifiers;
mod page;
mod search;

use std::fmt::Write as _;

use denizen_domain::contact::Attributes;
use denizen_domain::fold::fold;
use denizen_domain::ids::{UserId, Uuid, encode_hex};
use denizen_domain::member::Directory;
use denizen_domain::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::conn::{Conn, IndexChange, Tx};
use crate::error::{Result, StoreError};
use crate::records::id_list;
use crate::sql::{Dialect, Param, Row, Sql, to_json};
use crate::users::{self, Position};

pub(crate) use identifiers::STATEMENTS as IDENTIFIER_STATEMENTS;
pub(crate) use identifiers::identifiers_fit;
pub use identifiers::{Identifier, IdentifierKind, find_owners};
pub use page::{ContactPlace, ContactQuery, Page, PageFrom, example_statements, page, page_statement};
pub use search::{search, search_statement};

/// A contact as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub user_id: UserId,
    pub profile: Profile,
    /// What is noted of the contact.
    pub attributes: Attributes,
    pub created_at: Timestamp,
    /// When everything above but the id was forgotten.
    pub anonymized_at: Option<Timestamp>,
}

/// What can be said of a contact in one go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    pub display_name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub middle_names: Vec<String>,
    /// The primary address.
    pub email: Option<String>,
    /// Other addresses, without the primary one and without repetitions.
    pub additional_emails: Vec<String>,
    /// The primary number.
    pub phone: Option<String>,
    /// Other numbers, without the primary one and without repetitions.
    pub additional_phones: Vec<String>,
    /// The id of the contact elsewhere; several contacts may have the same.
    pub external_id: Option<String>,
    pub avatar_url: Option<String>,
}

impl Contact {
    pub fn id(&self) -> Uuid {
        self.user_id.as_uuid()
    }

    /// Where the contact stands in lists.
    pub fn place(&self) -> ContactPlace {
        ContactPlace { created_at: self.created_at, id: self.id() }
    }
}

/// Characters of a search text that the index holds: a text-search vector of PostgreSQL takes a megabyte, of which each
/// character can take 14 bytes. Only a contact with a hundred names of a thousand letters has more.
const MOST_INDEXED: usize = 60_000;

impl Profile {
    /// What search looks into: names, addresses and numbers, apart by a control character, which folding drops from
    /// every one of them and from needles, so that no needle matches across the borders.
    fn search_text(&self) -> String {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let (first, last) = (text(&self.first_name), text(&self.last_name));
        let mut parts = vec![text(&self.display_name), format!("{first} {last}").trim().to_owned()];
        parts.extend(self.email.iter().chain(&self.additional_emails).cloned());
        parts.extend(self.phone.iter().chain(&self.additional_phones).cloned());
        if !self.middle_names.is_empty() {
            parts.push(format!("{first} {} {last}", self.middle_names.join(" ")));
        }
        let folded: Vec<String> =
            parts.iter().map(|part| fold(part)).filter(|part| !part.is_empty()).collect();
        let mut text = folded.join("\u{1}");
        if let Some((end, _)) = text.char_indices().nth(MOST_INDEXED) {
            text.truncate(end);
        }
        text
    }
}

/// The columns of [`Contact`], in the order in which [`read_contact`] takes them.
pub(crate) const COLUMNS: &str = "user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone, \
    additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at";
/// How many they are.
pub(crate) const COLUMN_COUNT: usize = 14;

static FIND: Sql = Sql::new(
    "contact.find",
    "SELECT user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at
     FROM contact WHERE org_id = $1 AND user_id = $2",
);
static FIND_MANY: Sql = Sql::split(
    "contact.find_many",
    "SELECT user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at
     FROM contact WHERE org_id = $1 AND user_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at
     FROM contact WHERE org_id = $1 AND user_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static FIND_BY_IDENTIFIER: Sql = Sql::new(
    "contact.find_by_identifier",
    "SELECT user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at
     FROM contact WHERE org_id = $1 AND user_id = (
        SELECT user_id FROM contact_identifier WHERE org_id = $1 AND kind = $2 AND key = $3)",
);
static SAMPLE_BY_EXTERNAL_IDS: Sql = Sql::split(
    "contact.sample_by_external_ids",
    "SELECT contact.external_id, contact.user_id FROM json_each($2) AS wanted CROSS JOIN contact
     WHERE contact.position IN (SELECT sample.position FROM contact AS sample
        WHERE sample.org_id = $1 AND sample.external_id = wanted.value LIMIT $3)",
    "SELECT sample.external_id, sample.user_id
     FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS wanted
     CROSS JOIN LATERAL (SELECT external_id, user_id FROM contact
        WHERE org_id = $1 AND external_id = wanted LIMIT $3) AS sample",
);
static RESERVE: Sql = Sql::split(
    "contact.reserve",
    "INSERT INTO directory_counter (org_id, directory, users, last_seq) VALUES ($1, $2, $3, $3)
     ON CONFLICT (org_id, directory)
     DO UPDATE SET users = directory_counter.users + $3, last_seq = directory_counter.last_seq + $3
     RETURNING last_seq",
    "",
);
// On PostgreSQL many contacts are one statement, with their search entries and identifiers: each statement costs more than
// the work for a contact. What comes together is numbered in its order.
static INSERT: Sql = Sql::split(
    "contact.insert",
    "INSERT INTO contact (org_id, user_id, display_name, first_name, last_name, middle_names, email, additional_emails,
     phone, additional_phones, external_id, avatar_url, attributes, search_text, created_at, updated_at, position)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    "WITH given AS MATERIALIZED (
        SELECT nextval('user_position') AS position, decode(id, 'hex') AS user_id, row.*
        FROM json_to_recordset(CAST(CAST($2 AS TEXT) AS JSON)) AS row (id TEXT, display_name TEXT, first_name TEXT,
            last_name TEXT, middle_names TEXT, email TEXT, additional_emails TEXT, phone TEXT, additional_phones TEXT,
            external_id TEXT, avatar_url TEXT, attributes TEXT, search_text TEXT, created_at BIGINT, windows TEXT,
            emails JSON, phones JSON)),
     added AS (
        INSERT INTO contact (org_id, user_id, display_name, first_name, last_name, middle_names, email,
        additional_emails, phone, additional_phones, external_id, avatar_url, attributes, search_text, created_at,
        updated_at, position)
        SELECT $1, user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
        additional_phones, external_id, avatar_url, attributes, search_text, created_at, $3, position FROM given),
     indexed AS (
        INSERT INTO user_search (org_id, position, windows) SELECT $1, position, CAST(windows AS TSVECTOR) FROM given),
     reached AS (
        INSERT INTO contact_identifier (org_id, kind, key, user_id)
        SELECT $1, 'email', json_array_elements_text(emails), user_id FROM given
        UNION ALL SELECT $1, 'phone', json_array_elements_text(phones), user_id FROM given)
     INSERT INTO directory_counter (org_id, directory, slot, users) SELECT $1, $4, $5, count(*) FROM given
     ON CONFLICT (org_id, directory, slot) DO UPDATE SET users = directory_counter.users + excluded.users",
);
static UPDATE: Sql = Sql::new(
    "contact.update",
    "UPDATE contact SET display_name = $3, first_name = $4, last_name = $5, middle_names = $6, email = $7,
     additional_emails = $8, phone = $9, additional_phones = $10, external_id = $11, avatar_url = $12, attributes = $13,
     search_text = $14, created_at = $15, updated_at = $16 WHERE org_id = $1 AND user_id = $2",
);
static SEARCH_TEXT: Sql = Sql::split(
    "contact.search_text",
    "SELECT position, search_text FROM contact WHERE org_id = $1 AND user_id = $2 AND search_text IS NOT NULL",
    "",
);
static UPDATE_WINDOWS: Sql = Sql::split(
    "contact.update_windows",
    "",
    "UPDATE user_search SET windows = $3 WHERE org_id = $1
     AND position = (SELECT position FROM contact WHERE org_id = $1 AND user_id = $2)",
);
static SET_ATTRIBUTES: Sql = Sql::new(
    "contact.set_attributes",
    "UPDATE contact SET attributes = $3, updated_at = $4 WHERE org_id = $1 AND user_id = $2",
);
static CLEAR: Sql = Sql::split(
    "contact.clear",
    "UPDATE contact SET display_name = NULL, first_name = NULL, last_name = NULL, middle_names = NULL, email = NULL,
     additional_emails = NULL, phone = NULL, additional_phones = NULL, external_id = NULL, avatar_url = NULL,
     attributes = NULL, search_text = NULL, updated_at = $3, anonymized_at = $3
     WHERE org_id = $1 AND user_id = $2 AND anonymized_at IS NULL",
    "WITH cleared AS (
        UPDATE contact SET display_name = NULL, first_name = NULL, last_name = NULL, middle_names = NULL, email = NULL,
        additional_emails = NULL, phone = NULL, additional_phones = NULL, external_id = NULL, avatar_url = NULL,
        attributes = NULL, search_text = NULL, updated_at = $3, anonymized_at = $3
        WHERE org_id = $1 AND user_id = $2 AND anonymized_at IS NULL RETURNING position)
     DELETE FROM user_search WHERE org_id = $1 AND position = (SELECT position FROM cleared)",
);

pub const STATEMENTS: &[&Sql] = &[
    &FIND,
    &FIND_MANY,
    &FIND_BY_IDENTIFIER,
    &SAMPLE_BY_EXTERNAL_IDS,
    &RESERVE,
    &INSERT,
    &UPDATE,
    &SEARCH_TEXT,
    &UPDATE_WINDOWS,
    &SET_ATTRIBUTES,
    &CLEAR,
];

/// A list or map; an empty one is NULL.
fn json_or_default<T: Default + DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    match row.optional_text(column)? {
        None => Ok(T::default()),
        Some(_) => row.json(column),
    }
}

fn read_contact(row: &Row<'_>) -> Result<Contact> {
    Ok(Contact {
        user_id: row.id(0, UserId::from_column)?,
        profile: Profile {
            display_name: row.optional_text(1)?,
            first_name: row.optional_text(2)?,
            last_name: row.optional_text(3)?,
            middle_names: json_or_default(row, 4)?,
            email: row.optional_text(5)?,
            additional_emails: json_or_default(row, 6)?,
            phone: row.optional_text(7)?,
            additional_phones: json_or_default(row, 8)?,
            external_id: row.optional_text(9)?,
            avatar_url: row.optional_text(10)?,
        },
        attributes: json_or_default(row, 11)?,
        created_at: Timestamp(row.int(12)?),
        anonymized_at: row.optional_int(13)?.map(Timestamp),
    })
}

pub fn find(conn: &Conn<'_>, user: UserId) -> Result<Option<Contact>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(&user.0)], read_contact)
}

/// Those of these contacts that are there, in no order.
pub fn find_many(conn: &Conn<'_>, users: &[UserId]) -> Result<Vec<Contact>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(users))], read_contact)
}

/// The contact that has an address or number, as its primary or an additional one.
pub fn find_by_identifier(conn: &Conn<'_>, identifier: &Identifier) -> Result<Option<Contact>> {
    let params = [conn.org_param(), Param::Text(identifier.kind.as_str()), Param::Text(&identifier.key)];
    conn.optional(&FIND_BY_IDENTIFIER, &params, read_contact)
}

/// Up to `most` of the contacts with each of these ids elsewhere, which must be different ones; each with that id.
pub fn sample_by_external_ids(
    conn: &Conn<'_>,
    external_ids: &[&str],
    most: usize,
) -> Result<Vec<(String, UserId)>> {
    if external_ids.is_empty() {
        return Ok(Vec::new());
    }
    let most = Param::Int(i64::try_from(most).unwrap_or(i64::MAX));
    let params = [conn.org_param(), Param::Text(&to_json(&external_ids)), most];
    conn.all(&SAMPLE_BY_EXTERNAL_IDS, &params, |row| Ok((row.text(0)?, row.id(1, UserId::from_column)?)))
}

/// How many contacts there are, anonymized ones among them.
pub fn count(conn: &Conn<'_>) -> Result<i64> {
    users::count(conn, Directory::Contacts)
}

fn hex(user: UserId) -> String {
    encode_hex(&user.0, &mut [0; 32]).to_owned()
}

/// A contact's columns as they are written, NULL for what is empty.
#[derive(Serialize)]
struct Columns<'c> {
    display_name: Option<&'c str>,
    first_name: Option<&'c str>,
    last_name: Option<&'c str>,
    middle_names: Option<String>,
    email: Option<&'c str>,
    additional_emails: Option<String>,
    phone: Option<&'c str>,
    additional_phones: Option<String>,
    external_id: Option<&'c str>,
    avatar_url: Option<&'c str>,
    attributes: Option<String>,
    search_text: String,
    created_at: i64,
}

fn list_json(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| to_json(&list))
}

fn attributes_json(attributes: &Attributes) -> Option<String> {
    (!attributes.is_empty()).then(|| to_json(attributes))
}

impl<'c> Columns<'c> {
    fn of(contact: &'c Contact) -> Self {
        let profile = &contact.profile;
        Self {
            display_name: profile.display_name.as_deref(),
            first_name: profile.first_name.as_deref(),
            last_name: profile.last_name.as_deref(),
            middle_names: list_json(&profile.middle_names),
            email: profile.email.as_deref(),
            additional_emails: list_json(&profile.additional_emails),
            phone: profile.phone.as_deref(),
            additional_phones: list_json(&profile.additional_phones),
            external_id: profile.external_id.as_deref(),
            avatar_url: profile.avatar_url.as_deref(),
            attributes: attributes_json(&contact.attributes),
            search_text: profile.search_text(),
            created_at: contact.created_at.0,
        }
    }

    /// From `$3` on, in the order of [`UPDATE`] and of [`INSERT`] on SQLite.
    fn params(&self) -> [Param<'_>; 13] {
        [
            Param::optional_text(self.display_name),
            Param::optional_text(self.first_name),
            Param::optional_text(self.last_name),
            Param::optional_text(self.middle_names.as_deref()),
            Param::optional_text(self.email),
            Param::optional_text(self.additional_emails.as_deref()),
            Param::optional_text(self.phone),
            Param::optional_text(self.additional_phones.as_deref()),
            Param::optional_text(self.external_id),
            Param::optional_text(self.avatar_url),
            Param::optional_text(self.attributes.as_deref()),
            Param::Text(&self.search_text),
            Param::Int(self.created_at),
        ]
    }
}

/// Adds contacts. Their ids, addresses and numbers must be free: whoever adds has looked before, in the same transaction.
pub fn insert(tx: &Tx<'_>, contacts: &[Contact], now: Timestamp) -> Result<()> {
    match tx.dialect() {
        _ if contacts.is_empty() => Ok(()),
        Dialect::Sqlite => insert_each(tx, contacts, now),
        Dialect::Postgres => insert_together(tx, contacts, now),
    }
}

fn insert_each(tx: &Tx<'_>, contacts: &[Contact], now: Timestamp) -> Result<()> {
    let added = i64::try_from(contacts.len()).unwrap_or(i64::MAX);
    let params = [tx.org_param(), Param::Int(Directory::Contacts.number()), Param::Int(added)];
    let last = tx
        .optional(&RESERVE, &params, |row| row.int(0))?
        .ok_or_else(|| StoreError::Corrupt("a counter without a row".to_owned()))?;
    for (position, contact) in (last - added + 1..).zip(contacts) {
        let row = Position(position).sqlite_row(tx.org, Directory::Contacts)?;
        let columns = Columns::of(contact);
        let mut params = vec![tx.org_param(), Param::Blob(&contact.user_id.0)];
        params.extend(columns.params());
        params.extend([Param::Int(now.0), Param::Int(row)]);
        tx.execute(&INSERT, &params)?;
        tx.index(IndexChange { row, before: None, after: Some(columns.search_text) });
    }
    let reached: Vec<(UserId, _)> =
        contacts.iter().map(|contact| (contact.user_id, contact.profile.identifiers())).collect();
    let rows: Vec<(UserId, &Identifier)> =
        reached.iter().flat_map(|(user, own)| own.iter().map(|identifier| (*user, identifier))).collect();
    identifiers::insert(tx, &rows)
}

/// A row of [`INSERT`] on PostgreSQL.
#[derive(Serialize)]
struct NewRow<'c> {
    id: String,
    #[serde(flatten)]
    columns: Columns<'c>,
    windows: String,
    emails: Vec<String>,
    phones: Vec<String>,
}

impl<'c> NewRow<'c> {
    fn of(tx: &Tx<'_>, contact: &'c Contact) -> Self {
        let columns = Columns::of(contact);
        let (mut emails, mut phones) = (Vec::new(), Vec::new());
        for identifier in contact.profile.identifiers() {
            match identifier.kind {
                IdentifierKind::Email => emails.push(identifier.key),
                IdentifierKind::Phone => phones.push(identifier.key),
            }
        }
        let windows = users::windows(tx.org, Directory::Contacts, &columns.search_text).join(" ");
        Self { id: hex(contact.user_id), columns, windows, emails, phones }
    }
}

/// Bytes of one parameter, about: what a contact takes in it is several times what was said of the contact.
const MOST_BYTES: usize = 1 << 20;

fn insert_together(tx: &Tx<'_>, contacts: &[Contact], now: Timestamp) -> Result<()> {
    let (mut rows, mut waiting) = (String::new(), 0);
    for (at, contact) in contacts.iter().enumerate() {
        let separator = if waiting == 0 { '[' } else { ',' };
        write!(rows, "{separator}{}", to_json(&NewRow::of(tx, contact))).expect("a text takes any text");
        waiting += 1;
        if rows.len() >= MOST_BYTES || at + 1 == contacts.len() {
            rows.push(']');
            let params = [
                tx.org_param(),
                Param::Text(&rows),
                Param::Int(now.0),
                Param::Int(Directory::Contacts.number()),
                Param::Int(tx.slot()),
            ];
            tx.write(&INSERT, &params)?;
            rows.clear();
            waiting = 0;
        }
    }
    Ok(())
}

/// A contact as it is, and as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub before: Contact,
    pub after: Contact,
}

/// Writes changes of contacts, each of another one and none anonymized, over what was read in the same transaction. What
/// one of them gives up, another can take. The new addresses and numbers must be free but for that.
pub fn update(tx: &Tx<'_>, changes: &[Change], now: Timestamp) -> Result<()> {
    let reached: Vec<_> = changes
        .iter()
        .map(|Change { before, after }| {
            (after.user_id, before.profile.identifiers(), after.profile.identifiers())
        })
        .collect();
    let freed: Vec<&Identifier> =
        reached.iter().flat_map(|(_, before, after)| before.difference(after)).collect();
    let taken: Vec<(UserId, &Identifier)> = reached
        .iter()
        .flat_map(|(user, before, after)| after.difference(before).map(|identifier| (*user, identifier)))
        .collect();
    identifiers::delete(tx, &freed)?;
    identifiers::insert(tx, &taken)?;
    changes.iter().try_for_each(|change| update_row(tx, change, now))
}

fn update_row(tx: &Tx<'_>, change: &Change, now: Timestamp) -> Result<()> {
    let user = Param::Blob(&change.after.user_id.0);
    let columns = Columns::of(&change.after);
    let is_renamed = change.before.profile.search_text() != columns.search_text;
    let indexed = if is_renamed && tx.dialect() == Dialect::Sqlite {
        find_search_text(tx, change.after.user_id)?
    } else {
        None
    };
    let mut params = vec![tx.org_param(), user];
    params.extend(columns.params());
    params.push(Param::Int(now.0));
    tx.write(&UPDATE, &params)?;
    if let Some((row, before)) = indexed {
        tx.index(IndexChange { row, before: Some(before), after: Some(columns.search_text) });
    } else if is_renamed && tx.dialect() == Dialect::Postgres {
        let windows = users::windows(tx.org, Directory::Contacts, &columns.search_text);
        tx.write(&UPDATE_WINDOWS, &[tx.org_param(), user, Param::Words(&windows)])?;
    }
    Ok(())
}

/// What SQLite's search index holds of a contact, and in which row.
fn find_search_text(conn: &Conn<'_>, user: UserId) -> Result<Option<(i64, String)>> {
    let params = [conn.org_param(), Param::Blob(&user.0)];
    conn.optional(&SEARCH_TEXT, &params, |row| Ok((row.int(0)?, row.text(1)?)))
}

/// Replaces what is noted of a contact.
pub fn set_attributes(tx: &Tx<'_>, user: UserId, attributes: &Attributes, now: Timestamp) -> Result<()> {
    let attributes = attributes_json(attributes);
    let params = [
        tx.org_param(),
        Param::Blob(&user.0),
        Param::optional_text(attributes.as_deref()),
        Param::Int(now.0),
    ];
    tx.write(&SET_ATTRIBUTES, &params)
}

/// Forgets what is personal of a contact, with its search entry, and notes when. The row stays, and so do the identifiers,
/// which [`crate::holdings::erase_small`] deletes. Does nothing to a contact that was cleared before.
pub fn clear(tx: &Tx<'_>, user: UserId, now: Timestamp) -> Result<()> {
    let indexed = if tx.dialect() == Dialect::Sqlite { find_search_text(tx, user)? } else { None };
    tx.write(&CLEAR, &[tx.org_param(), Param::Blob(&user.0), Param::Int(now.0)])?;
    if let Some((row, before)) = indexed {
        tx.index(IndexChange { row, before: Some(before), after: None });
    }
    Ok(())
}
