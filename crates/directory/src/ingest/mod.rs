//! Taking records in: users, and what a conversation platform knows of them. Records are written by their ids, in any
//! order and any number of times; a record that was taken in before changes nothing.
//!
//! It must not know how records are written on a wire.

mod batch;
mod check;
mod contact_record;
mod contacts;
mod digest;
mod help_desk;
mod members;
mod record;
mod registry;

use std::ops::Range;
use std::sync::Arc;

use denizen_domain::ids::UserId;
use denizen_domain::permission::{PermissionName, names};
use denizen_store::roles::Role;
use denizen_store::{StoreError, Tx};

use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::linked_accounts::require_accounts;
use crate::organizations::Organization;

use batch::{Item, Terms, take_in};
pub use record::{
    AttributeDefinitionRecord, BotRecord, ContactConversationRecord, ContactMessageRecord, ContactRecord,
    ContactRef, ConversationRecord, EnvironmentRecord, ExternalEventRecord, MemoryRecord, MessageRecord,
    Record, UserModelRecord, UserRecord, limits,
};

/// Records that are looked at and decided upon together, in one transaction. While nobody else waits for the database, the
/// transaction goes on with the next ones.
pub const MAX_BATCH: usize = 500;
/// Records to be given at once, where so many have come: the more one transaction writes, the more of them share a page and
/// its way to the disk.
pub const GATHERED: usize = 8 * MAX_BATCH;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    /// It says nothing that was not known.
    Unchanged,
    /// It was not taken in; nothing was changed.
    Refused(Error),
}

/// A record that was dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub outcome: Outcome,
    /// Which contact the record of a contact is about, unless it was refused: it may have come without an id.
    pub contact_id: Option<UserId>,
}

impl From<Outcome> for Taken {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, contact_id: None }
    }
}

/// On whose behalf records are taken in, and into which organization.
#[derive(Clone)]
pub struct Ingestor {
    organization: Arc<Organization>,
    /// `None` for the operator of the installation, who stands above every role.
    actor: Option<OpContext>,
}

impl Ingestor {
    /// A caller over the network: permission `Directory:IngestRecords`. To be made anew for each batch of a long stream,
    /// from a context of that moment, so that the stream ends when the right to it does.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub fn caller(ctx: &OpContext) -> Result<Self> {
        ctx.require(&names::DIRECTORY_INGEST_RECORDS)?;
        Ok(Self { organization: Arc::clone(&ctx.organization), actor: Some(ctx.clone()) })
    }

    /// Whoever runs a command of denizen on the machine itself.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn operator(directory: &Directory, slug: &str) -> Result<Self> {
        let organization = directory.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        Ok(Self { organization, actor: None })
    }
}

impl Ingestor {
    fn stands_above(&self, role: &Role) -> bool {
        self.actor.as_ref().is_none_or(|actor| actor.is_greater_than(role))
    }

    fn may(&self, permission: &PermissionName) -> bool {
        self.actor.as_ref().is_none_or(|actor| actor.require(permission).is_ok())
    }

    /// # Errors
    /// [`ErrorCode::Forbidden`] with the permission's name: it is one line of many that is refused, and whoever sends
    /// them has to be told what to ask for.
    fn require(&self, permission: &PermissionName) -> Result<()> {
        if self.may(permission) {
            return Ok(());
        }
        let text = format!("The authenticated user lacks the permission {}", permission.as_str());
        Err(Error::with_text(ErrorCode::Forbidden, text))
    }
}

impl Directory {
    /// Takes records in, in their order; one answer for each. [`MAX_BATCH`] of them are one transaction, or more where nobody
    /// waits for it.
    ///
    /// A record that contradicts what is there is refused, and harms no other:
    /// - of a user who was erased, or whose id is one of another directory;
    /// - a message of a conversation of another user, a conversation of messages of another user;
    /// - a member with an address or account that another has, or with a role that is not there;
    /// - a member whose present or new role does not stand below whoever sends the record, or whose account changes by
    ///   whom `Directory:LinkAccount` was not given to. These two are not asked of a record that changes nothing, unless
    ///   it holds sensitive variables;
    /// - any contact, and a definition that changes, from whom `Directory:WriteContact` was not given to;
    /// - a member who would get an account in an organization in which none may be linked;
    /// - a contact with an address or number that another has, or whose external id is several contacts';
    /// - a conversation of a contact who is not there, a message of a conversation that is not, and what would move either
    ///   of them;
    /// - what was anonymized, and what belongs to it;
    /// - a definition that would be of other things or of another type than before, or of which there are too many, or
    ///   whose identifier another one of the same things has that is not archived;
    /// - an environment or bot that changes, from whom `Directory:WriteOperator` was not given to;
    /// - a bot of an environment that is not there, and what would move a bot into another one;
    /// - an attribute that is not defined, and a value that does not fit its definition. What is noted already is not
    ///   judged.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`] when it was deleted meanwhile; those of the store. Then nothing of the
    /// transaction was done, unless it is [`ErrorCode::OutcomeUnknown`]. All can be sent again.
    pub async fn ingest(&self, by: &Ingestor, records: Vec<Record>) -> Result<Vec<Taken>> {
        let now = self.now();
        let awaited_until = self.awaited_until(now);
        let accounts = require_accounts(self.settings(), &by.organization);
        let terms = Arc::new(Terms { by: by.clone(), now, awaited_until, accounts });
        let environment = self.environment();
        let item = |(nth, record): (i64, Record)| {
            // So that contacts which come without ids are listed in the order of the records.
            Item::new(record, || environment.contact_id(now.plus_micros(nth)))
        };
        let items: Arc<[Item]> = (0..).zip(records).map(item).collect();
        let mut all = Vec::with_capacity(items.len());
        while all.len() < items.len() {
            let first = all.len();
            match self.take_in(&terms, &items, first..items.len()).await {
                // Something that nobody foresaw: each by itself, so that it harms no other.
                Err(error) if is_refusal(&error) => {
                    for at in first..items.len().min(first + MAX_BATCH) {
                        let taken = self.take_in(&terms, &items, at..at + 1).await;
                        all.extend(taken.or_else(|error| {
                            if !is_refusal(&error) {
                                return Err(error);
                            }
                            error.log(None, None);
                            let text = "The database does not take the record";
                            Ok(vec![Outcome::Refused(Error::with_text(ErrorCode::Internal, text)).into()])
                        })?);
                    }
                }
                taken => all.extend(taken?),
            }
        }
        Ok(all)
    }

    /// Takes in as many of these as one transaction has time for, and some at least.
    async fn take_in(
        &self,
        terms: &Arc<Terms>,
        items: &Arc<[Item]>,
        wanted: Range<usize>,
    ) -> Result<Vec<Taken>> {
        let (terms, items) = (Arc::clone(terms), Arc::clone(items));
        let org = terms.by.organization.org;
        let take = move |tx: &Tx<'_>| {
            let mut all = Vec::with_capacity(wanted.len());
            for batch in items[wanted.clone()].chunks(MAX_BATCH) {
                if !all.is_empty() && !tx.has_time() {
                    break;
                }
                all.extend(take_in(tx, &terms, batch)?);
            }
            Ok(all)
        };
        self.write(org, take).await
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.cause(), Some(StoreError::Constraint(_)))
}
