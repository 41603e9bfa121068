//! The contacts of a batch: which of them a record is about, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::contact::{
    AttributeEntity, Attributes, ContactEmail, MAX_CONTACT_BYTES, MAX_EXTERNAL_ID, MAX_LIST, MAX_NAME, Phone,
};
use denizen_domain::ids::UserId;
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::patch::Patch;
use denizen_domain::time::Timestamp;
use denizen_store::contacts::{Contact, Identifier, Profile, sample_by_external_ids};
use denizen_store::{Conn, Tx, erasures};

use super::batch::Item;
use super::contact_record::{ContactRecord, ContactRef, without_empty};
use super::members::at;
use super::{Outcome, Taken};
use crate::attributes::Definitions;
use crate::contacts::{Book, CheckedPatch, ContactPatch, Refusal, is_too_large};
use crate::error::{Error, ErrorCode, Result};

/// A record of a contact that was looked at by itself.
pub(super) struct ContactItem {
    record: ContactRecord,
    said: CheckedPatch,
    /// Of the contact, if the record makes one.
    new_id: UserId,
}

impl ContactItem {
    pub(super) fn new(mut record: ContactRecord, draw_id: impl FnOnce() -> UserId) -> Self {
        if let Patch::Set(attributes) = &mut record.attributes {
            without_empty(attributes);
        }
        let said = |text: &Patch<String>| match text {
            Patch::Set(text) => Some(text.clone()),
            Patch::Keep | Patch::Clear => None,
        };
        let said_of_list = |list: &Patch<Vec<String>>| match list {
            Patch::Set(list) => Some(list.clone()),
            Patch::Clear => Some(Vec::new()),
            Patch::Keep => None,
        };
        let patch = ContactPatch {
            display_name: said(&record.display_name),
            first_name: said(&record.first_name),
            last_name: said(&record.last_name),
            middle_names: said_of_list(&record.middle_names),
            email: said(&record.email),
            additional_emails: said_of_list(&record.additional_emails),
            phone: said(&record.phone),
            additional_phones: said_of_list(&record.additional_phones),
            external_id: said(&record.external_id),
            avatar_url: said(&record.avatar_url),
        };
        let new_id = record.contact_id.unwrap_or_else(draw_id);
        Self { said: CheckedPatch::new(patch), record, new_id }
    }

    pub(super) fn attributes(&self) -> Option<&Attributes> {
        match &self.record.attributes {
            Patch::Set(attributes) => Some(attributes),
            Patch::Keep | Patch::Clear => None,
        }
    }

    /// The external id that says which contact is meant.
    fn wanted_external_id(&self) -> Option<&str> {
        match &self.record.external_id {
            Patch::Set(id) if self.record.contact_id.is_none() => Some(id),
            _ => None,
        }
    }

    /// What becomes of a profile.
    fn applied_to(&self, profile: &Profile) -> Profile {
        let mut profile = profile.clone();
        let ContactRecord {
            external_id, display_name, first_name, last_name, email, phone, avatar_url, ..
        } = &self.record;
        for (said, known) in [
            (external_id, &mut profile.external_id),
            (display_name, &mut profile.display_name),
            (first_name, &mut profile.first_name),
            (last_name, &mut profile.last_name),
            (email, &mut profile.email),
            (phone, &mut profile.phone),
            (avatar_url, &mut profile.avatar_url),
        ] {
            if *said == Patch::Clear {
                *known = None;
            }
        }
        self.said.applied_to(&profile)
    }

    /// What the record makes of the contact, whom another one may not have made impossible.
    fn decide(&self, before: Option<&Contact>, user_id: UserId, now: Timestamp) -> Contact {
        let known = before.cloned().unwrap_or_else(|| Contact {
            user_id,
            profile: Profile::default(),
            attributes: Attributes::new(),
            created_at: now,
            anonymized_at: None,
        });
        Contact {
            profile: self.applied_to(&known.profile),
            attributes: match &self.record.attributes {
                Patch::Keep => known.attributes,
                Patch::Clear => Attributes::new(),
                Patch::Set(attributes) => attributes.clone(),
            },
            created_at: self.record.created_at.unwrap_or(known.created_at),
            ..known
        }
    }

    /// The first thing that is wrong, in words, with its field.
    fn explain(&self, refusal: Refusal, book: &Book, user: UserId) -> Error {
        let record = &self.record;
        // Which of the two it is that cannot be accepted.
        let of_two = |is_primary: bool, names: [&'static str; 2]| names[usize::from(!is_primary)];
        let is_bad = |text: &Patch<String>, is_fine: fn(&str) -> bool| match text {
            Patch::Set(text) => !is_fine(text),
            Patch::Keep | Patch::Clear => false,
        };
        let is_taken = |profile: &Profile| book.taken(user, &profile.identifiers()).next().is_some();
        let line = |field: &str| {
            Error::field(
                &[field],
                format!("must have at most {MAX_NAME} characters and no control characters"),
            )
        };
        match refusal {
            Refusal::EmailExists => {
                let email = self.applied_to(&Profile::default()).email;
                let primary = Profile { email, ..Profile::default() };
                let field = of_two(is_taken(&primary), ["email", "additional_emails"]);
                let mut error = at(ErrorCode::EmailTaken, field);
                "Another contact has this address".clone_into(&mut error.text);
                error
            }
            Refusal::PhoneNumberExists => {
                let phone = self.applied_to(&Profile::default()).phone;
                let primary = Profile { phone, ..Profile::default() };
                let field = of_two(is_taken(&primary), ["phone", "additional_phones"]);
                at(ErrorCode::PhoneTaken, field)
            }
            Refusal::InvalidEmail if is_bad(&record.email, |text| ContactEmail::parse(text).is_ok()) => {
                Error::field(&["email"], "must look like name@example.com")
            }
            Refusal::InvalidEmail => Error::field(
                &["additional_emails"],
                format!("must be at most {MAX_LIST} addresses, and each look like name@example.com"),
            ),
            Refusal::InvalidPhoneNumber if is_bad(&record.phone, |text| Phone::parse(text).is_ok()) => {
                Error::field(&["phone"], "must be + and 7 to 15 digits")
            }
            Refusal::InvalidPhoneNumber => Error::field(
                &["additional_phones"],
                format!("must be at most {MAX_LIST} numbers, and each + and 7 to 15 digits"),
            ),
            Refusal::InvalidDisplayName => line("display_name"),
            Refusal::InvalidFirstName => line("first_name"),
            Refusal::InvalidLastName => line("last_name"),
            Refusal::InvalidAvatarUrl => line("avatar_url"),
            Refusal::InvalidMiddleNames => Error::field(
                &["middle_names"],
                format!(
                    "must be at most {MAX_LIST} names of at most {MAX_NAME} characters, without control characters"
                ),
            ),
            Refusal::InvalidExternalId => Error::field(
                &["external_id"],
                format!("must have at most {MAX_EXTERNAL_ID} bytes and no control characters"),
            ),
            Refusal::TooLarge => too_large(),
        }
    }
}

/// The contacts whom a batch names: first as they were read, then as the batch has left them.
pub(super) struct Contacts {
    book: Book,
    /// Of those who are not there.
    erased: BTreeSet<UserId>,
    /// The contacts with each external id that says which contact a record is about. Of those who keep it whatever the
    /// batch says there are at most two: more make no difference.
    by_external_id: BTreeMap<String, BTreeSet<UserId>>,
}

impl Contacts {
    pub(super) fn read(conn: &Conn<'_>, items: &[Item]) -> Result<Self> {
        let records = || {
            items.iter().filter_map(|item| match item {
                Item::Contact(contact) => Some(contact.as_ref()),
                _ => None,
            })
        };
        let refs = || {
            items.iter().filter_map(|item| match item {
                Item::ContactConversation(record, _) => Some(&record.contact),
                _ => None,
            })
        };
        let movable: BTreeSet<UserId> = records().filter_map(|contact| contact.record.contact_id).collect();
        let meant = refs().filter_map(|contact| match contact {
            ContactRef::ExternalId(id) => Some(id.as_str()),
            ContactRef::Id(_) => None,
        });
        let external_ids: BTreeSet<&str> =
            records().filter_map(ContactItem::wanted_external_id).chain(meant).collect();
        let by_external_id = find_by_external_ids(conn, &external_ids, &movable)?;
        let meant = refs().filter_map(|contact| match contact {
            ContactRef::Id(id) => Some(*id),
            ContactRef::ExternalId(_) => None,
        });
        let users: BTreeSet<UserId> =
            movable.into_iter().chain(meant).chain(by_external_id.values().flatten().copied()).collect();
        let users: Vec<UserId> = users.into_iter().collect();
        let identifiers: BTreeSet<Identifier> = records()
            .flat_map(|contact| contact.said.applied_to(&Profile::default()).identifiers())
            .collect();
        let book = Book::read(conn, &users, &identifiers)?;
        let absent: Vec<UserId> = users.into_iter().filter(|user| book.get(*user).is_none()).collect();
        let erased = erasures::is_erased_many(conn, UserDirectory::Contacts, &absent)?;
        Ok(Self { book, erased, by_external_id })
    }

    /// Which contact is meant, who is there so far.
    ///
    /// # Errors
    /// Why nobody is.
    pub(super) fn find(&self, contact: &ContactRef) -> Result<UserId> {
        let refused = |text| Err(Error::field(&[contact.field()], text));
        match contact {
            ContactRef::Id(user) => match self.book.get(*user) {
                Some(contact) if contact.anonymized_at.is_some() => refused(ANONYMIZED),
                Some(_) => Ok(*user),
                None if self.erased.contains(user) => refused(ANONYMIZED),
                None => refused("There is no such contact"),
            },
            ContactRef::ExternalId(id) => match self.with_external_id(id) {
                Ok(Some(user)) => Ok(user),
                Ok(None) => refused("No contact has this id"),
                Err(text) => refused(text),
            },
        }
    }

    fn with_external_id(&self, id: &str) -> Result<Option<UserId>, &'static str> {
        let mut users = self.by_external_id.get(id).into_iter().flatten();
        match (users.next(), users.next()) {
            (user, None) => Ok(user.copied()),
            (_, Some(_)) => Err("Several contacts have this id: say which of them by its contact_id"),
        }
    }

    pub(super) fn take(&mut self, item: &ContactItem, definitions: &Definitions, now: Timestamp) -> Taken {
        let (before, after) = match self.decide(item, definitions, now) {
            Err(error) => return Outcome::Refused(error).into(),
            Ok(decided) => decided,
        };
        let contact_id = Some(after.user_id);
        let outcome = match before {
            Some(before) if before == after => Outcome::Unchanged,
            before => {
                let outcome = if before.is_some() { Outcome::Updated } else { Outcome::Created };
                let had = before.and_then(|before| before.profile.external_id);
                self.note_external_id(after.user_id, had.as_deref(), after.profile.external_id.as_deref());
                let identifiers = after.profile.identifiers();
                self.book.put(after, &identifiers);
                outcome
            }
        };
        Taken { outcome, contact_id }
    }

    /// The contact before and after the record.
    fn decide(
        &self,
        item: &ContactItem,
        definitions: &Definitions,
        now: Timestamp,
    ) -> Result<(Option<Contact>, Contact)> {
        let found = match item.wanted_external_id() {
            Some(id) => self.with_external_id(id).map_err(|text| Error::field(&["external_id"], text))?,
            None => None,
        };
        let user = found.unwrap_or(item.new_id);
        let before = self.book.get(user);
        if before.is_some_and(|before| before.anonymized_at.is_some()) || self.erased.contains(&user) {
            return Err(Error::field(&["contact_id"], ANONYMIZED));
        }
        if let Some(refusal) = item.said.refusals.first() {
            return Err(item.explain(*refusal, &self.book, user));
        }
        let after = item.decide(before, user, now);
        let is_too_large = is_too_large(before, &after).then_some(Refusal::TooLarge);
        let identifiers = after.profile.identifiers();
        if let Some(refusal) = self.book.taken(user, &identifiers).chain(is_too_large).min() {
            return Err(item.explain(refusal, &self.book, user));
        }
        let is_noted = before.is_some_and(|before| before.attributes == after.attributes);
        if let Some(attributes) = item.attributes().filter(|_| !is_noted) {
            definitions.check(AttributeEntity::Contact, attributes).map_err(in_attributes)?;
        }
        Ok((before.cloned(), after))
    }

    fn note_external_id(&mut self, user: UserId, before: Option<&str>, after: Option<&str>) {
        if let Some(users) = before.and_then(|id| self.by_external_id.get_mut(id)) {
            users.remove(&user);
        }
        if let Some(users) = after.and_then(|id| self.by_external_id.get_mut(id)) {
            users.insert(user);
        }
    }

    pub(super) fn write(self, tx: &Tx<'_>, now: Timestamp) -> Result<()> {
        Ok(self.book.write(tx, now)?)
    }
}

fn too_large() -> Error {
    let text = format!("A contact has at most {MAX_CONTACT_BYTES} bytes with its attributes");
    Error::with_text(ErrorCode::LimitReached, text)
}

const ANONYMIZED: &str = "The contact was anonymized";

/// An error about attributes, at its place in a record.
pub(super) fn in_attributes(mut error: Error) -> Error {
    error.field.insert(0, "attributes".to_owned());
    error
}

/// The contacts with these external ids; an entry for each of the ids. Those who are `movable` may have another
/// external id before the batch is done, and all of them are found.
fn find_by_external_ids(
    conn: &Conn<'_>,
    ids: &BTreeSet<&str>,
    movable: &BTreeSet<UserId>,
) -> Result<BTreeMap<String, BTreeSet<UserId>>> {
    let mut found: BTreeMap<String, BTreeSet<UserId>> =
        ids.iter().map(|id| ((*id).to_owned(), BTreeSet::new())).collect();
    let ids: Vec<&str> = ids.iter().copied().collect();
    for (id, user) in sample_by_external_ids(conn, &ids, movable.len() + 2)? {
        let users = found.entry(id).or_default();
        let immovable = users.iter().filter(|user| !movable.contains(user)).count();
        if movable.contains(&user) || immovable < 2 {
            users.insert(user);
        }
    }
    Ok(found)
}
