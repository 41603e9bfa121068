//! Making, changing and replacing contacts: by the thousand, each by itself.
//!
//! A call is one transaction unless its contacts are heavy: then it is cut, for nobody else can write meanwhile. Once a
//! transaction was committed, the call is answered whatever becomes of the others: whoever were told that it failed would
//! send it again, and have twice what was made.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use denizen_domain::contact::Attributes;
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::permission::names;
use denizen_domain::time::Timestamp;
use denizen_store::contacts::{self, Contact, Identifier, Profile, Weight};
use denizen_store::{Conn, StoreError, Tx};

use super::book::Book;
use super::profile::CheckedPatch;
use super::{
    ContactInput, ContactOutcome, ContactPatch, ContactProblem, ContactView, MAX_ITEMS, Refusal, is_too_large,
};
use crate::attributes::Headings;
use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

/// What is to be done with one contact. What follows from what is said alone is found out before the transaction.
struct Item {
    user: UserId,
    kind: Kind,
    said: CheckedPatch,
    /// What becomes of a contact of whom nothing else is known.
    profile: Profile,
    /// What the contact is going to take, if it is accepted.
    identifiers: BTreeSet<Identifier>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Create,
    /// Nothing may have been said.
    Patch {
        is_empty: bool,
    },
    Replace,
}

/// A contact as it is to be, with what nobody else can have then.
type Decided<'i> = (Contact, Cow<'i, BTreeSet<Identifier>>);

impl Item {
    fn new(user: UserId, kind: Kind, patch: ContactPatch) -> Self {
        let said = CheckedPatch::new(patch);
        let profile = said.applied_to(&Profile::default());
        let identifiers = profile.identifiers();
        Self { user, kind, said, profile, identifiers }
    }

    fn patch(user: Uuid, patch: ContactPatch) -> Self {
        let kind = Kind::Patch { is_empty: patch == ContactPatch::default() };
        Self::new(UserId::from_uuid(user), kind, patch)
    }

    fn replace(user: Uuid, input: ContactInput) -> Self {
        Self::new(UserId::from_uuid(user), Kind::Replace, input.into())
    }

    /// What becomes of the contact.
    fn decide(&self, book: &Book, now: Timestamp) -> Result<Decided<'_>, ContactProblem> {
        let known = match self.kind {
            Kind::Create => Contact {
                user_id: self.user,
                profile: Profile::default(),
                attributes: Attributes::new(),
                created_at: now,
                anonymized_at: None,
            },
            Kind::Patch { .. } | Kind::Replace => book
                .get(self.user)
                .filter(|contact| contact.anonymized_at.is_none())
                .ok_or(ContactProblem::NotFound)?
                .clone(),
        };
        if self.kind == (Kind::Patch { is_empty: true }) {
            return Err(ContactProblem::EmptyPatch);
        }
        let (profile, identifiers) = match self.kind {
            Kind::Patch { .. } => {
                let profile = self.said.applied_to(&known.profile);
                let identifiers = profile.identifiers();
                (profile, Cow::Owned(identifiers))
            }
            Kind::Create | Kind::Replace => (self.profile.clone(), Cow::Borrowed(&self.identifiers)),
        };
        let mut refusals = self.said.refusals.clone();
        refusals.extend(book.taken(self.user, &identifiers));
        let contact = Contact { profile, ..known };
        if is_too_large(book.get(self.user), &contact) {
            refusals.insert(Refusal::TooLarge);
        }
        if refusals.is_empty() {
            Ok((contact, identifiers))
        } else {
            Err(ContactProblem::Refused(refusals.into_iter().collect()))
        }
    }

    /// How much is said of the contact.
    fn weight(&self) -> Weight {
        Weight { bytes: self.profile.size(), identifiers: self.identifiers.len() }
    }
}

/// The most identifiers, and the most bytes, of the contacts of one transaction, unless there is only one: each counts by
/// what is said of it or by what is there of it, whichever is more. A thousand contacts with an address, a number and some
/// names are well below.
const MOST_TOGETHER: Weight = Weight { bytes: 512 << 10, identifiers: 4_000 };

/// How many of the items, from the first on, one transaction takes.
fn portion(conn: &Conn<'_>, items: &[Item]) -> Result<usize> {
    let known = contacts::weigh(conn, &known_users(items))?;
    let mut sum = Weight::default();
    for (at, item) in items.iter().enumerate() {
        let said = item.weight();
        let known = known.get(&item.user).copied().unwrap_or_default();
        sum.bytes += said.bytes.max(known.bytes);
        sum.identifiers += said.identifiers.max(known.identifiers);
        let is_heavy = sum.bytes > MOST_TOGETHER.bytes || sum.identifiers > MOST_TOGETHER.identifiers;
        if is_heavy && at > 0 {
            return Ok(at);
        }
    }
    Ok(items.len())
}

/// The contacts that have to be there.
fn known_users(items: &[Item]) -> Vec<UserId> {
    let known = items.iter().filter(|item| item.kind != Kind::Create).map(|item| item.user);
    known.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What becomes of each, in its turn. Whose the addresses and numbers are is known where they were looked for.
fn decide(
    conn: &Conn<'_>,
    items: &[Item],
    looks: bool,
    now: Timestamp,
) -> Result<(Book, Vec<Result<Contact, ContactProblem>>)> {
    let all = items.iter().flat_map(|item| &item.identifiers).cloned();
    let identifiers = if looks { all.collect() } else { BTreeSet::new() };
    let mut book = Book::read(conn, &known_users(items), &identifiers)?;
    let decide = |item: &Item| {
        let (contact, identifiers) = item.decide(&book, now)?;
        book.put(contact.clone(), &identifiers);
        Ok(contact)
    };
    let decided = items.iter().map(decide).collect();
    Ok((book, decided))
}

/// One outcome for each of the items that were taken in: as many as one transaction may, and at least one.
fn take_in(tx: &Tx<'_>, items: &[Item], now: Timestamp) -> Result<Vec<ContactOutcome>> {
    let items = &items[..portion(tx, items)?];
    // That an address is another contact's comes out when it is written, where to look is to wait. For many it is worth it,
    // and so it is for one that is refused, which is told everything that is wrong with it.
    let is_hopeful = matches!(items, [Item { kind: Kind::Create, .. }]) && !tx.looks_first();
    let (mut book, mut decided) = decide(tx, items, !is_hopeful, now)?;
    if is_hopeful && decided.iter().any(Result::is_err) {
        (book, decided) = decide(tx, items, true, now)?;
    }
    book.write(tx, now)?;
    let attributes = decided.iter().flatten().map(|contact| &contact.attributes);
    let headings = Headings::read(tx, attributes)?;
    let view = |contact: Contact| ContactView { attributes: headings.shown(&contact.attributes), contact };
    Ok(decided.into_iter().map(|decided| decided.map(view)).collect())
}

impl Directory {
    /// Makes contacts: permission `Directory:WriteContact`. Each by itself is made whole or not at all, later ones see
    /// earlier ones; all are one transaction, unless there is so much of them that others would have to wait for long. At
    /// most [`MAX_ITEMS`].
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`], and those of the store; then none was made. When some were made before the store
    /// failed, the others are [`ContactProblem::Failed`].
    pub async fn create_contacts(
        &self,
        ctx: &OpContext,
        items: Vec<ContactInput>,
    ) -> Result<Vec<ContactOutcome>> {
        let environment = self.environment();
        let new = |(nth, input): (i64, ContactInput)| {
            // So that those of one call are listed in its order, which the time alone would not tell.
            let user = environment.contact_id(Timestamp(ctx.now.0 + nth));
            Item::new(user, Kind::Create, input.into())
        };
        self.change_contacts(ctx, (0..).zip(items).map(new).collect()).await
    }

    /// Changes contacts: permission `Directory:WriteContact`. As [`Directory::create_contacts`].
    ///
    /// # Errors
    /// As [`Directory::create_contacts`].
    pub async fn patch_contacts(
        &self,
        ctx: &OpContext,
        items: Vec<(Uuid, ContactPatch)>,
    ) -> Result<Vec<ContactOutcome>> {
        let patch = |(user, patch)| Item::patch(user, patch);
        self.change_contacts(ctx, items.into_iter().map(patch).collect()).await
    }

    /// Replaces contacts but for their ids, times of creation and attributes: permission `Directory:WriteContact`. As
    /// [`Directory::create_contacts`].
    ///
    /// # Errors
    /// As [`Directory::create_contacts`].
    pub async fn replace_contacts(
        &self,
        ctx: &OpContext,
        items: Vec<(Uuid, ContactInput)>,
    ) -> Result<Vec<ContactOutcome>> {
        let replace = |(user, input)| Item::replace(user, input);
        self.change_contacts(ctx, items.into_iter().map(replace).collect()).await
    }

    async fn change_contacts(&self, ctx: &OpContext, items: Vec<Item>) -> Result<Vec<ContactOutcome>> {
        ctx.require(&names::DIRECTORY_WRITE_CONTACT)?;
        if items.len() > MAX_ITEMS {
            return Err(Error::field(&[], format!("must have at most {MAX_ITEMS} items")));
        }
        let items: Arc<[Item]> = items.into();
        let mut outcomes = Vec::with_capacity(items.len());
        let (mut most, mut is_single) = (items.len(), false);
        while outcomes.len() < items.len() {
            let first = outcomes.len();
            let end = items.len().min(first + most);
            match self.take_contacts_in(ctx, &items, first..end).await {
                Ok(taken) => {
                    // Where so few were as many as there may be, not all that are left have to be weighed for the next.
                    most = if is_single { 1 } else { taken.len() * 2 };
                    outcomes.extend(taken);
                }
                Err(error) if is_refusal(&error) && is_single => {
                    error.log(Some(&ctx.request_id), None);
                    let text = "The database does not take the contact";
                    let problem = Error::with_text(ErrorCode::Internal, text);
                    outcomes.push(Err(ContactProblem::Failed(problem)));
                }
                // Something that nobody foresaw: each by itself, so that it harms no other.
                Err(error) if is_refusal(&error) => (most, is_single) = (1, true),
                Err(error) if outcomes.iter().all(Result::is_err) => return Err(error),
                Err(error) => {
                    error.log(Some(&ctx.request_id), None);
                    let left = items.len() - first;
                    outcomes.extend(std::iter::repeat_with(|| Err(failed(&error))).take(left));
                }
            }
        }
        Ok(outcomes)
    }

    async fn take_contacts_in(
        &self,
        ctx: &OpContext,
        items: &Arc<[Item]>,
        part: Range<usize>,
    ) -> Result<Vec<ContactOutcome>> {
        let (items, now) = (Arc::clone(items), ctx.now);
        let is_one_more = part.len() == 1 && items[part.start].kind == Kind::Create;
        let closure = move |tx: &Tx<'_>| take_in(tx, &items[part.clone()], now);
        if is_one_more {
            self.write_together(ctx.org(), closure).await
        } else {
            self.write(ctx.org(), closure).await
        }
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.cause(), Some(StoreError::Constraint(_)))
}

/// What a contact is told that was to follow others which are made already.
fn failed(error: &Error) -> ContactProblem {
    // Nothing is wrong with the contact.
    let code = if error.code == ErrorCode::Internal { ErrorCode::Unavailable } else { error.code };
    ContactProblem::Failed(Error::new(code))
}
