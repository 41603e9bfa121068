//! Contacts: one row each, with the addresses and numbers that only one of them can have.
//!
//! A contact is a user of the directory `contacts`: it is counted and numbered as users are, and is found by the same
//! search index. Anonymizing a contact leaves its row.

mod identifiers;
mod page;
mod search;
mod write;

use std::collections::BTreeMap;

use denizen_domain::contact::Attributes;
use denizen_domain::fold::fold;
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::time::Timestamp;
use serde::de::DeserializeOwned;

use crate::conn::Conn;
use crate::error::Result;
use crate::records::id_list;
use crate::sql::{Dialect, Param, Row, Sql, to_json};
use crate::texts::{Apart, Gathered, Keep, Listed, Text, TextList, listed_with};
use crate::{users, whereabouts};

pub(crate) use identifiers::STATEMENTS as IDENTIFIER_STATEMENTS;
pub(crate) use identifiers::fit;
pub use identifiers::{Identifier, IdentifierKind, find_owners};
pub use page::{
    ContactPage, ContactPlace, ContactQuery, Page, PageFrom, example_statements, page, page_statement,
};
pub use search::{search, search_statement};
pub(crate) use write::STATEMENTS as WRITE_STATEMENTS;
pub use write::{Change, clear, insert, set_attributes, update};

/// A contact as the store keeps it. Where it is one of a list, its texts lie elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact<T = String, L = Vec<String>> {
    pub user_id: UserId,
    pub profile: Profile<T, L>,
    /// What is noted of the contact.
    pub attributes: Attributes,
    pub created_at: Timestamp,
    /// When everything above but the id was forgotten.
    pub anonymized_at: Option<Timestamp>,
}

/// What can be said of a contact in one go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile<T = String, L = Vec<String>> {
    pub display_name: Option<T>,
    pub first_name: Option<T>,
    pub last_name: Option<T>,
    pub middle_names: L,
    /// The primary address.
    pub email: Option<T>,
    /// Other addresses, without the primary one and without repetitions.
    pub additional_emails: L,
    /// The primary number.
    pub phone: Option<T>,
    /// Other numbers, without the primary one and without repetitions.
    pub additional_phones: L,
    /// The id of the contact elsewhere; several contacts may have the same.
    pub external_id: Option<T>,
    pub avatar_url: Option<T>,
}

/// A contact of a list.
pub type ListedContact = Contact<Text, TextList>;

impl<T, L> Contact<T, L> {
    pub fn id(&self) -> Uuid {
        self.user_id.as_uuid()
    }

    /// Where the contact stands in lists.
    pub fn place(&self) -> ContactPlace {
        ContactPlace { created_at: self.created_at, id: self.id() }
    }
}

impl Contact {
    /// The bytes of the profile and of the attributes, lists and maps as JSON; ids and times do not count.
    pub fn size(&self) -> usize {
        self.profile.size() + attributes_json(&self.attributes).map_or(0, |json| json.len())
    }
}

impl Profile {
    /// Its bytes, lists as JSON.
    pub fn size(&self) -> usize {
        let Self {
            display_name,
            first_name,
            last_name,
            middle_names,
            email,
            additional_emails,
            phone,
            additional_phones,
            external_id,
            avatar_url,
        } = self;
        let texts = [display_name, first_name, last_name, email, phone, external_id, avatar_url];
        let lists = [middle_names, additional_emails, additional_phones];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let lists: usize =
            lists.into_iter().filter(|list| !list.is_empty()).map(|list| to_json(list).len()).sum();
        texts + lists
    }

    /// What the search index holds of a contact: the names, apart by a control character, which folding drops from each of
    /// them and from needles, so that no needle matches across the borders. Middle names come last, so that many of them
    /// displace nothing.
    ///
    /// Addresses and numbers are found by what they begin with, in the index that they are unique in. Here they would be
    /// most of the text, and each character of it costs a change of the contact more than everything else.
    fn search_text(&self) -> String {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let (first, last) = (text(&self.first_name), text(&self.last_name));
        let mut parts = vec![text(&self.display_name), format!("{first} {last}")];
        if !self.middle_names.is_empty() {
            parts.push(format!("{first} {} {last}", self.middle_names.join(" ")));
        }
        let mut folded: Vec<String> = Vec::new();
        for part in parts {
            let part = fold(part.trim());
            if !part.is_empty() && !folded.contains(&part) {
                folded.push(part);
            }
        }
        users::apart(&folded)
    }
}

/// The columns of [`Contact`], in the order in which [`read_contact`] takes them.
const COLUMNS: &str = "user_id, display_name, first_name, last_name, middle_names, email, \
    additional_emails, phone, additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at";

static FIND: Sql = Sql::split(
    "contact.find",
    "SELECT user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at, position
     FROM contact WHERE org_id = $1 AND user_id = $2",
    "SELECT user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at
     FROM contact WHERE org_id = $1 AND user_id = $2",
);
static FIND_AT: Sql = Sql::split(
    "contact.find_at",
    "SELECT user_id, display_name, first_name, last_name, middle_names, email, additional_emails, phone,
     additional_phones, external_id, avatar_url, attributes, created_at, anonymized_at
     FROM contact WHERE position = $3 AND org_id = $1 AND user_id = $2",
    "",
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
// Lists are stored as JSON.
static WEIGH: Sql = Sql::split(
    "contact.weigh",
    "SELECT user_id,
        coalesce(octet_length(display_name), 0) + coalesce(octet_length(first_name), 0)
        + coalesce(octet_length(last_name), 0) + coalesce(octet_length(middle_names), 0)
        + coalesce(octet_length(additional_emails), 0) + coalesce(octet_length(additional_phones), 0)
        + coalesce(octet_length(external_id), 0) + coalesce(octet_length(avatar_url), 0)
        + coalesce(octet_length(attributes), 0),
        (email IS NOT NULL) + (phone IS NOT NULL) + coalesce(json_array_length(additional_emails), 0)
        + coalesce(json_array_length(additional_phones), 0)
     FROM contact WHERE org_id = $1 AND user_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT user_id,
        CAST(coalesce(octet_length(display_name), 0) + coalesce(octet_length(first_name), 0)
        + coalesce(octet_length(last_name), 0) + coalesce(octet_length(middle_names), 0)
        + coalesce(octet_length(additional_emails), 0) + coalesce(octet_length(additional_phones), 0)
        + coalesce(octet_length(external_id), 0) + coalesce(octet_length(avatar_url), 0)
        + coalesce(octet_length(attributes), 0) AS BIGINT),
        CAST(CAST(email IS NOT NULL AS INT) + CAST(phone IS NOT NULL AS INT)
        + coalesce(json_array_length(CAST(additional_emails AS JSON)), 0)
        + coalesce(json_array_length(CAST(additional_phones AS JSON)), 0) AS BIGINT)
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

pub const STATEMENTS: &[&Sql] =
    &[&FIND, &FIND_AT, &FIND_MANY, &WEIGH, &FIND_BY_IDENTIFIER, &SAMPLE_BY_EXTERNAL_IDS];

/// What is noted of a contact as it is written; NULL for nothing.
fn attributes_json(attributes: &Attributes) -> Option<String> {
    (!attributes.is_empty()).then(|| to_json(attributes))
}

/// A map; an empty one is NULL.
fn json_or_default<T: Default + DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    match row.optional_bytes(column)? {
        None => Ok(T::default()),
        Some(_) => row.json(column),
    }
}

fn read_contact(row: &Row<'_>) -> Result<Contact> {
    keep_contact(row, 0, &mut Apart)
}

/// A contact whose columns begin with `first`, and whose texts are kept in this way.
#[inline]
fn keep_contact<K: Keep>(row: &Row<'_>, first: usize, keep: &mut K) -> Result<Contact<K::Text, K::List>> {
    Ok(Contact {
        user_id: row.id(first, UserId::from_column)?,
        profile: Profile {
            display_name: row.optional_kept(first + 1, |text| keep.text(text))?,
            first_name: row.optional_kept(first + 2, |text| keep.text(text))?,
            last_name: row.optional_kept(first + 3, |text| keep.text(text))?,
            middle_names: row.optional_kept(first + 4, |json| keep.list(json))?.unwrap_or_default(),
            email: row.optional_kept(first + 5, |text| keep.text(text))?,
            additional_emails: row.optional_kept(first + 6, |json| keep.list(json))?.unwrap_or_default(),
            phone: row.optional_kept(first + 7, |text| keep.text(text))?,
            additional_phones: row.optional_kept(first + 8, |json| keep.list(json))?.unwrap_or_default(),
            external_id: row.optional_kept(first + 9, |text| keep.text(text))?,
            avatar_url: row.optional_kept(first + 10, |text| keep.text(text))?,
        },
        attributes: json_or_default(row, first + 11)?,
        created_at: Timestamp(row.int(first + 12)?),
        anonymized_at: row.optional_int(first + 13)?.map(Timestamp),
    })
}

impl Listed<ListedContact> {
    /// Each contact with texts of its own.
    pub fn apart(self) -> Vec<Contact> {
        let texts = &self.texts;
        let text = |text: Option<Text>| text.map(|text| texts.get(text).to_owned());
        let list = |list: TextList| texts.list(list).map(str::to_owned).collect();
        let apart = |contact: ListedContact| Contact {
            user_id: contact.user_id,
            profile: Profile {
                display_name: text(contact.profile.display_name),
                first_name: text(contact.profile.first_name),
                last_name: text(contact.profile.last_name),
                middle_names: list(contact.profile.middle_names),
                email: text(contact.profile.email),
                additional_emails: list(contact.profile.additional_emails),
                phone: text(contact.profile.phone),
                additional_phones: list(contact.profile.additional_phones),
                external_id: text(contact.profile.external_id),
                avatar_url: text(contact.profile.avatar_url),
            },
            attributes: contact.attributes,
            created_at: contact.created_at,
            anonymized_at: contact.anonymized_at,
        };
        self.rows.into_iter().map(apart).collect()
    }
}

pub fn find(conn: &Conn<'_>, user: UserId) -> Result<Option<Contact>> {
    let (org, id) = (conn.org_param(), Param::Blob(&user.0));
    if let Some(place) = whereabouts::recall(conn, Directory::Contacts, user) {
        let found = conn.optional(&FIND_AT, &[org, id, place], read_contact)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    conn.optional(&FIND, &[org, id], |row| {
        if conn.dialect() == Dialect::Sqlite {
            whereabouts::remember(conn, user, row.position(14)?);
        }
        read_contact(row)
    })
}

/// Those of these contacts that are there, in no order.
pub fn find_many(conn: &Conn<'_>, users: &[UserId]) -> Result<Vec<Contact>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(users))], read_contact)
}

/// How much there is of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// About as many as [`Contact::size`] says.
    pub bytes: usize,
    pub identifiers: usize,
}

/// How much there is of those of these contacts that are there. It is read without reading them.
pub fn weigh(conn: &Conn<'_>, users: &[UserId]) -> Result<BTreeMap<UserId, Weight>> {
    if users.is_empty() {
        return Ok(BTreeMap::new());
    }
    let number = |row: &Row<'_>, column| row.int(column).map(|number| usize::try_from(number).unwrap_or(0));
    let found = conn.all(&WEIGH, &[conn.org_param(), Param::Text(&id_list(users))], |row| {
        let weight = Weight { bytes: number(row, 1)?, identifiers: number(row, 2)? };
        Ok((row.id(0, UserId::from_column)?, weight))
    })?;
    Ok(found.into_iter().collect())
}

/// The contact that has an address or number, as its primary or an additional one; nobody, or one.
pub fn find_by_identifier(conn: &Conn<'_>, identifier: &Identifier) -> Result<Listed<ListedContact>> {
    let params = [conn.org_param(), Param::Text(identifier.kind.as_str()), Param::Text(&identifier.key)];
    let mut texts = Gathered::default();
    let found = conn.optional(&FIND_BY_IDENTIFIER, &params, |row| keep_contact(row, 0, &mut texts))?;
    listed_with(found.into_iter().collect(), texts)
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
