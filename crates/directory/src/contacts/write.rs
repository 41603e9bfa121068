//! Making, changing and replacing contacts: by the thousand, each by itself.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use denizen_domain::contact::Attributes;
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::permission::names;
use denizen_domain::time::Timestamp;
use denizen_store::contacts::{Contact, Identifier, Profile};
use denizen_store::{StoreError, Tx};

use super::book::Book;
use super::profile::CheckedPatch;
use super::{ContactInput, ContactOutcome, ContactPatch, ContactProblem, ContactView, MAX_ITEMS};
use crate::attributes::Headings;
use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

/// What is to be done with one contact.
struct Item {
    user: UserId,
    kind: Kind,
    said: CheckedPatch,
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

impl Item {
    fn patch(user: Uuid, patch: ContactPatch) -> Self {
        let kind = Kind::Patch { is_empty: patch == ContactPatch::default() };
        Self { user: UserId::from_uuid(user), kind, said: CheckedPatch::new(patch) }
    }

    fn replace(user: Uuid, input: ContactInput) -> Self {
        Self { user: UserId::from_uuid(user), kind: Kind::Replace, said: CheckedPatch::new(input.into()) }
    }

    /// What becomes of the contact.
    fn decide(&self, book: &Book, now: Timestamp) -> Result<Contact, ContactProblem> {
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
        let profile = match self.kind {
            Kind::Patch { .. } => self.said.applied_to(&known.profile),
            Kind::Create | Kind::Replace => self.said.applied_to(&Profile::default()),
        };
        let mut refusals = self.said.refusals.clone();
        refusals.extend(book.taken(self.user, &profile));
        if refusals.is_empty() {
            Ok(Contact { profile, ..known })
        } else {
            Err(ContactProblem::Refused(refusals.into_iter().collect()))
        }
    }

    /// What the contact is going to take, if it is accepted.
    fn identifiers(&self) -> BTreeSet<Identifier> {
        self.said.applied_to(&Profile::default()).identifiers()
    }
}

fn take_in(tx: &Tx<'_>, items: &[Item], now: Timestamp) -> Result<Vec<ContactOutcome>> {
    let known = items.iter().filter(|item| item.kind != Kind::Create).map(|item| item.user);
    let known: Vec<UserId> = known.collect::<BTreeSet<_>>().into_iter().collect();
    let identifiers = items.iter().flat_map(Item::identifiers).collect();
    let mut book = Book::read(tx, &known, &identifiers)?;
    let decide = |item: &Item| {
        let contact = item.decide(&book, now)?;
        book.put(contact.clone());
        Ok(contact)
    };
    let decided: Vec<Result<Contact, ContactProblem>> = items.iter().map(decide).collect();
    book.write(tx, now)?;
    let attributes = decided.iter().flatten().map(|contact| &contact.attributes);
    let headings = Headings::read(tx, attributes)?;
    let view = |contact: Contact| ContactView { attributes: headings.shown(&contact.attributes), contact };
    Ok(decided.into_iter().map(|decided| decided.map(view)).collect())
}

impl Directory {
    /// Makes contacts: permission `Directory:WriteContact`. Each by itself is made whole or not at all, later ones see
    /// earlier ones; all are one transaction. At most [`MAX_ITEMS`].
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`], and those of the store; then none was made.
    pub async fn create_contacts(
        &self,
        ctx: &OpContext,
        items: Vec<ContactInput>,
    ) -> Result<Vec<ContactOutcome>> {
        let environment = self.environment();
        let new = |(nth, input): (i64, ContactInput)| Item {
            // So that those of one call are listed in its order, which the time alone would not tell.
            user: environment.contact_id(Timestamp(ctx.now.0 + nth)),
            kind: Kind::Create,
            said: CheckedPatch::new(input.into()),
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
        match self.take_contacts_in(ctx, &items, 0..items.len()).await {
            // Something that nobody foresaw: each by itself, so that it harms no other.
            Err(error) if is_refusal(&error) => {
                let mut outcomes = Vec::with_capacity(items.len());
                for at in 0..items.len() {
                    let taken = self.take_contacts_in(ctx, &items, at..at + 1).await;
                    outcomes.extend(taken.or_else(|error| refused(ctx, error))?);
                }
                Ok(outcomes)
            }
            outcomes => outcomes,
        }
    }

    async fn take_contacts_in(
        &self,
        ctx: &OpContext,
        items: &Arc<[Item]>,
        part: Range<usize>,
    ) -> Result<Vec<ContactOutcome>> {
        let (items, now) = (Arc::clone(items), ctx.now);
        self.write(ctx.org(), move |tx| take_in(tx, &items[part.clone()], now)).await
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.cause(), Some(StoreError::Constraint(_)))
}

fn refused(ctx: &OpContext, error: Error) -> Result<Vec<ContactOutcome>> {
    if !is_refusal(&error) {
        return Err(error);
    }
    error.log(Some(&ctx.request_id), None);
    let text = "The database does not take the contact";
    Ok(vec![Err(ContactProblem::Failed(Error::with_text(ErrorCode::Internal, text)))])
}
