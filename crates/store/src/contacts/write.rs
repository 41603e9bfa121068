//! Adding contacts, changing them, and forgetting what is personal of them.

use denizen_domain::contact::Attributes;
use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;
use denizen_domain::time::Timestamp;

use super::identifiers::{self, Identifier, IdentifierKind};
use super::{Contact, attributes_json};
use crate::conn::{IndexChange, Tx};
use crate::error::Result;
use crate::sql::{Dialect, Param, Sql, to_json};
use crate::users::{self, SearchEntry};

// On PostgreSQL many contacts are one statement, with their search entries and identifiers: each statement costs more than
// the work for a contact. What comes together is numbered in its order.
static INSERT: Sql = Sql::split(
    "contact.insert",
    "INSERT INTO contact (org_id, user_id, display_name, first_name, last_name, middle_names, email, additional_emails,
     phone, additional_phones, external_id, avatar_url, attributes, search_text, created_at, updated_at, position)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    "WITH given AS MATERIALIZED (
        SELECT nextval('user_position') AS position, row.* FROM unnest(CAST($2 AS BYTEA[]), CAST($3 AS TEXT[]),
            CAST($4 AS TEXT[]), CAST($5 AS TEXT[]), CAST($6 AS TEXT[]), CAST($7 AS TEXT[]), CAST($8 AS TEXT[]),
            CAST($9 AS TEXT[]), CAST($10 AS TEXT[]), CAST($11 AS TEXT[]), CAST($12 AS TEXT[]), CAST($13 AS TEXT[]),
            CAST($14 AS TEXT[]), CAST($15 AS BIGINT[]), CAST($16 AS BIGINT[]), CAST($17 AS TSVECTOR[]),
            CAST($18 AS TEXT[]), CAST($19 AS TEXT[]), CAST($20 AS SMALLINT[])) AS row (user_id, display_name, first_name,
            last_name, middle_names, email, additional_emails, phone, additional_phones, external_id, avatar_url,
            attributes, search_text, created_at, updated_at, windows, emails, phones, slot)),
     added AS (
        INSERT INTO contact (org_id, user_id, display_name, first_name, last_name, middle_names, email,
        additional_emails, phone, additional_phones, external_id, avatar_url, attributes, search_text, created_at,
        updated_at, position)
        SELECT CAST($1 AS BIGINT), user_id, display_name, first_name, last_name, middle_names, email, additional_emails,
        phone, additional_phones, external_id, avatar_url, attributes, search_text, created_at, updated_at, position
        FROM given),
     indexed AS (
        INSERT INTO user_search (org_id, position, windows) SELECT $1, position, windows FROM given),
     reached AS (
        INSERT INTO contact_identifier (org_id, kind, key, user_id)
        SELECT $1, 'email', json_array_elements_text(CAST(emails AS JSON)), user_id FROM given
        UNION ALL SELECT $1, 'phone', json_array_elements_text(CAST(phones AS JSON)), user_id FROM given)
     INSERT INTO directory_counter (org_id, directory, slot, users) SELECT $1, 1, slot, count(*) FROM given GROUP BY slot
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
static SEARCH_ENTRY: SearchEntry = SearchEntry { find: &SEARCH_TEXT, set_windows: &UPDATE_WINDOWS };
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

pub(crate) const STATEMENTS: &[&Sql] =
    &[&INSERT, &UPDATE, &SEARCH_TEXT, &UPDATE_WINDOWS, &SET_ATTRIBUTES, &CLEAR];

/// A contact's columns as they are written, NULL for what is empty.
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
    let places = users::reserve(tx, Directory::Contacts, contacts.len())?;
    let columns: Vec<Columns<'_>> = contacts.iter().map(Columns::of).collect();
    let rows = contacts.iter().zip(&columns).zip(&places).map(|((contact, columns), place)| {
        let mut params = vec![tx.org_param(), Param::Blob(&contact.user_id.0)];
        params.extend(columns.params());
        params.extend([Param::Int(now.0), Param::Int(*place)]);
        params
    });
    tx.execute_each(INSERT.sqlite(), rows)?;
    for (row, columns) in places.into_iter().zip(columns) {
        tx.index(IndexChange { row, before: None, after: Some(columns.search_text) });
    }
    let reached: Vec<(UserId, _)> =
        contacts.iter().map(|contact| (contact.user_id, contact.profile.identifiers())).collect();
    let rows: Vec<(UserId, &Identifier)> =
        reached.iter().flat_map(|(user, own)| own.iter().map(|identifier| (*user, identifier))).collect();
    identifiers::insert(tx, &rows)
}

/// One statement for many contacts, whose rows travel together.
fn insert_together(tx: &Tx<'_>, contacts: &[Contact], now: Timestamp) -> Result<()> {
    contacts.iter().try_for_each(|contact| {
        let columns = Columns::of(contact);
        let identifiers = contact.profile.identifiers();
        let keys = |kind| to_json(&identifiers::keys_of(identifiers.iter(), kind));
        let (emails, phones) = (keys(IdentifierKind::Email), keys(IdentifierKind::Phone));
        let windows = users::windows(tx.org, Directory::Contacts, &columns.search_text);
        let mut params = vec![tx.org_param(), Param::Blob(&contact.user_id.0)];
        params.extend(columns.params());
        params.extend([
            Param::Int(now.0),
            Param::Words(&windows),
            Param::Text(&emails),
            Param::Text(&phones),
            Param::Int(tx.slot()),
        ]);
        tx.add_row(&INSERT, &params)
    })
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
    let held = if is_renamed { SEARCH_ENTRY.held(tx, change.after.user_id)? } else { None };
    let mut params = vec![tx.org_param(), user];
    params.extend(columns.params());
    params.push(Param::Int(now.0));
    tx.write(&UPDATE, &params)?;
    if is_renamed {
        let of = (Directory::Contacts, change.after.user_id);
        SEARCH_ENTRY.replace(tx, of, held, columns.search_text)?;
    }
    Ok(())
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
    let held = SEARCH_ENTRY.held(tx, user)?;
    tx.write(&CLEAR, &[tx.org_param(), Param::Blob(&user.0), Param::Int(now.0)])?;
    if let Some(held) = held {
        held.forget(tx);
    }
    Ok(())
}
