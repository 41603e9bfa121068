//! The addresses and numbers of contacts, each of which only one contact of an organization can have. What is written
//! here are their keys; the spelling stands with the contact.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::contact::ContactEmail;
use denizen_domain::ids::UserId;

use super::Profile;
use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::records::hex;
use crate::sql::{Dialect, Param, Row, Sql, to_json};
use crate::texts::Apart;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    Email,
    Phone,
}

impl IdentifierKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let known = [Self::Email, Self::Phone].into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| StoreError::Corrupt(format!("an identifier of the kind {text}")))
    }
}

/// What only one contact can have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    pub kind: IdentifierKind,
    /// What is compared: of an address its key, of a number the number.
    pub key: String,
}

impl Identifier {
    /// Of an address in any spelling.
    pub fn email(address: &str) -> Self {
        Self { kind: IdentifierKind::Email, key: ContactEmail::key_of(address) }
    }

    pub fn phone(number: &str) -> Self {
        Self { kind: IdentifierKind::Phone, key: number.to_owned() }
    }
}

impl Profile {
    /// What no other contact can have then.
    pub fn identifiers(&self) -> BTreeSet<Identifier> {
        let emails = self.email.iter().chain(&self.additional_emails);
        let phones = self.phone.iter().chain(&self.additional_phones);
        emails
            .map(|address| Identifier::email(address))
            .chain(phones.map(|number| Identifier::phone(number)))
            .collect()
    }
}

static FIND_OWNERS: Sql = Sql::split(
    "contact_identifier.find_owners",
    "SELECT kind, key, user_id FROM contact_identifier
     WHERE org_id = $1 AND kind = 'email' AND key IN (SELECT value FROM json_each($2))
     UNION ALL SELECT kind, key, user_id FROM contact_identifier
     WHERE org_id = $1 AND kind = 'phone' AND key IN (SELECT value FROM json_each($3))",
    "SELECT kind, key, user_id FROM contact_identifier WHERE org_id = $1 AND kind = 'email' AND key = ANY(ARRAY(
        SELECT jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB))))
     UNION ALL SELECT kind, key, user_id FROM contact_identifier WHERE org_id = $1 AND kind = 'phone' AND key = ANY(ARRAY(
        SELECT jsonb_array_elements_text(CAST(CAST($3 AS TEXT) AS JSONB))))",
);
// Each with its user and not each user once: so it ends with the last one that is wanted, however many begin alike.
static FIND_BEGINNING: Sql = Sql::new(
    "contact_identifier.find_beginning",
    "SELECT key, user_id FROM contact_identifier WHERE org_id = $1 AND kind = $2 AND key >= $3 AND key < $4
     ORDER BY key LIMIT $5",
);
// Engine: on SQLite a statement costs less than taking a row out of a list, on PostgreSQL much more.
static INSERT: Sql = Sql::split(
    "contact_identifier.insert",
    "INSERT INTO contact_identifier (org_id, user_id, kind, key) VALUES ($1, $2, $3, $4)",
    "INSERT INTO contact_identifier (org_id, user_id, kind, key)
     SELECT CAST($1 AS BIGINT), decode(identifier ->> 0, 'hex'), identifier ->> 1, identifier ->> 2
     FROM json_array_elements(CAST(CAST($2 AS TEXT) AS JSON)) AS identifier",
);
static DELETE: Sql = Sql::split(
    "contact_identifier.delete",
    "DELETE FROM contact_identifier WHERE org_id = $1 AND kind = $2 AND key IN (SELECT value FROM json_each($3))",
    "DELETE FROM contact_identifier WHERE org_id = $1 AND kind = $2 AND key = ANY(ARRAY(
        SELECT jsonb_array_elements_text(CAST(CAST($3 AS TEXT) AS JSONB))))",
);

pub(crate) const STATEMENTS: &[&Sql] = &[&FIND_OWNERS, &FIND_BEGINNING, &INSERT, &DELETE];

pub(super) fn keys_of<'i>(
    identifiers: impl Iterator<Item = &'i Identifier>,
    kind: IdentifierKind,
) -> Vec<&'i str> {
    identifiers
        .filter(|identifier| identifier.kind == kind)
        .map(|identifier| identifier.key.as_str())
        .collect()
}

/// Which contact has each of these; a free one is absent.
pub fn find_owners(
    conn: &Conn<'_>,
    identifiers: &BTreeSet<Identifier>,
) -> Result<BTreeMap<Identifier, UserId>> {
    if identifiers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let of_kind = |kind| to_json(&keys_of(identifiers.iter(), kind));
    let params = [
        conn.org_param(),
        Param::Text(&of_kind(IdentifierKind::Email)),
        Param::Text(&of_kind(IdentifierKind::Phone)),
    ];
    let found = conn.all(&FIND_OWNERS, &params, |row| {
        let kind = IdentifierKind::parse(row.str(0)?)?;
        Ok((Identifier { kind, key: row.text(1)? }, row.id(2, UserId::from_column)?))
    })?;
    Ok(found.into_iter().collect())
}

/// Up to `limit` contacts with an identifier that begins with this one, in the order of their first such.
pub(super) fn find_beginning(conn: &Conn<'_>, beginning: &Identifier, limit: usize) -> Result<Vec<UserId>> {
    // The last of all characters, behind which nothing is.
    let end = format!("{}\u{10ffff}", beginning.key);
    // One more, which begins the next part, should some of this part be one contact's.
    let part = limit.saturating_add(1);
    let mut from = beginning.key.clone();
    let (mut known, mut found) = (BTreeSet::new(), Vec::new());
    while found.len() < limit {
        let params = [
            conn.org_param(),
            Param::Text(beginning.kind.as_str()),
            Param::Text(&from),
            Param::Text(&end),
            Param::Int(i64::try_from(part).unwrap_or(i64::MAX)),
        ];
        let rows =
            conn.all(&FIND_BEGINNING, &params, |row| Ok((row.text(0)?, row.id(1, UserId::from_column)?)))?;
        let is_last = rows.len() < part;
        for (key, user) in rows {
            if known.insert(user) {
                found.push(user);
            }
            from = key;
        }
        if is_last {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// How what is kept of a contact fits the contact.
pub(crate) struct Fit {
    pub(crate) identifiers_fit: bool,
    /// What the search text has to be.
    pub(crate) search_text: String,
}

/// Compares, for what looks for damage, a list of kinds with keys with what the contact has. It stands in `column`, and the
/// columns of the contact behind it.
pub(crate) fn fit(row: &Row<'_>, column: usize) -> Result<Fit> {
    let held: Vec<(String, String)> = row.json(column)?;
    let profile = super::keep_contact(row, column + 1, &mut Apart)?.profile;
    let kept = profile.identifiers();
    let wanted = kept.iter().map(|identifier| (identifier.kind.as_str(), identifier.key.as_str()));
    let held: BTreeSet<(&str, &str)> = held.iter().map(|(kind, key)| (&**kind, &**key)).collect();
    Ok(Fit { identifiers_fit: held == wanted.collect(), search_text: profile.search_text() })
}

/// Gives identifiers to contacts that are there.
pub(super) fn insert<'i>(tx: &Tx<'_>, identifiers: &'i [(UserId, &'i Identifier)]) -> Result<()> {
    if identifiers.is_empty() {
        return Ok(());
    }
    match tx.dialect() {
        Dialect::Sqlite => {
            let row = |(user, Identifier { kind, key }): &'i (UserId, &'i Identifier)| {
                [tx.org_param(), Param::Blob(&user.0), Param::Text(kind.as_str()), Param::Text(key)]
            };
            tx.execute_each(INSERT.sqlite(), identifiers.iter().map(row))
        }
        Dialect::Postgres => {
            let rows: Vec<(String, &str, &str)> = identifiers
                .iter()
                .map(|(user, identifier)| (hex(user), identifier.kind.as_str(), identifier.key.as_str()))
                .collect();
            tx.write(&INSERT, &[tx.org_param(), Param::Text(&to_json(&rows))])
        }
    }
}

/// Makes identifiers free, whoever has them.
pub(super) fn delete(tx: &Tx<'_>, identifiers: &[&Identifier]) -> Result<()> {
    for kind in [IdentifierKind::Email, IdentifierKind::Phone] {
        let keys = keys_of(identifiers.iter().copied(), kind);
        if !keys.is_empty() {
            let params = [tx.org_param(), Param::Text(kind.as_str()), Param::Text(&to_json(&keys))];
            tx.write(&DELETE, &params)?;
        }
    }
    Ok(())
}
