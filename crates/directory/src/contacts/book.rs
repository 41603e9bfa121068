//! The contacts that one transaction is about, as it has left them so far: later changes see earlier ones, and all are
//! written at the end.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::UserId;
use denizen_domain::time::Timestamp;
use denizen_store::contacts::{self, Change, Contact, Identifier, IdentifierKind};
use denizen_store::{Conn, Tx};

use super::Refusal;

/// Contacts as they were read, with what became of them since.
pub(crate) struct Book {
    read: BTreeMap<UserId, Contact>,
    present: BTreeMap<UserId, Contact>,
    /// In the order in which they were added.
    added: Vec<UserId>,
    owners: BTreeMap<Identifier, UserId>,
}

impl Book {
    /// Reads those of these contacts that are there, and who has these identifiers: every contact that is going to be
    /// looked for and every identifier that a contact is going to take have to be among them.
    pub(crate) fn read(
        conn: &Conn<'_>,
        users: &[UserId],
        identifiers: &BTreeSet<Identifier>,
    ) -> denizen_store::Result<Self> {
        let found = contacts::find_many(conn, users)?;
        let read: BTreeMap<_, _> = found.into_iter().map(|contact| (contact.user_id, contact)).collect();
        let owners = contacts::find_owners(conn, identifiers)?;
        Ok(Self { present: read.clone(), read, added: Vec::new(), owners })
    }

    /// A contact as it is now, anonymized or not.
    pub(crate) fn get(&self, user: UserId) -> Option<&Contact> {
        self.present.get(&user)
    }

    /// What of these another contact has.
    pub(crate) fn taken(
        &self,
        user: UserId,
        identifiers: &BTreeSet<Identifier>,
    ) -> impl Iterator<Item = Refusal> {
        let is_others =
            move |identifier: &&Identifier| self.owners.get(*identifier).is_some_and(|owner| *owner != user);
        identifiers.iter().filter(is_others).map(|identifier| match identifier.kind {
            IdentifierKind::Email => Refusal::EmailExists,
            IdentifierKind::Phone => Refusal::PhoneNumberExists,
        })
    }

    /// Adds a contact or changes one. `identifiers` are those of its profile, and none may be another's.
    pub(crate) fn put(&mut self, contact: Contact, identifiers: &BTreeSet<Identifier>) {
        let user = contact.user_id;
        match self.present.insert(user, contact) {
            None => self.added.push(user),
            Some(before) => {
                for identifier in before.profile.identifiers().difference(identifiers) {
                    self.owners.remove(identifier);
                }
            }
        }
        self.owners.extend(identifiers.iter().map(|identifier| (identifier.clone(), user)));
    }

    /// Writes what differs from what was read.
    pub(crate) fn write(mut self, tx: &Tx<'_>, now: Timestamp) -> denizen_store::Result<()> {
        let added: Vec<Contact> = self.added.iter().filter_map(|user| self.present.remove(user)).collect();
        let changes: Vec<Change> = self
            .read
            .into_iter()
            .filter_map(|(user, before)| Some(Change { before, after: self.present.remove(&user)? }))
            .filter(|change| change.before != change.after)
            .collect();
        // First, for what a changed contact has given up an added one may have.
        contacts::update(tx, &changes, now)?;
        contacts::insert(tx, &added, now)
    }
}
