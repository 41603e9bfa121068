//! Anonymization: what is personal goes, that there was something stays. It is asked for at once and done by a job.
//!
//! What goes and what stays of each table stands in `denizen_store::holdings`; this module says in which order it is
//! done. First the thing itself is marked: from then on whoever takes in records refuses what belongs to it. What was
//! taken in before is found by the steps that follow, so nothing slips between. Each step is a transaction of its own and
//! does no harm when it is done again, so a job that was broken off begins anew.

use denizen_domain::ids::{OrgKey, UserId, Uuid};
use denizen_domain::member::Directory::Contacts;
use denizen_domain::permission::names;
pub use denizen_store::anonymizations::{AnonymizationRequest, AnonymizationTarget};
use denizen_store::holdings::{self, Cleared};
use denizen_store::{Tx, anonymizations, contact_conversations, contact_messages, contacts, erasures};

use crate::contact_conversations::ConversationState;
use crate::context::OpContext;
use crate::erasing::{BATCH, ErasureJobs, erase_rows};
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs::{Task, Work, enqueue};

impl Directory {
    /// Asks that something be made anonymous: permission `Directory:AnonymizeContact`. What was asked for before is
    /// answered with the same request, done or not. Requests are taken up in the order in which they came.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ContactNotFound`], [`crate::ErrorCode::ConversationNotFound`],
    /// [`crate::ErrorCode::MessageNotFound`]; [`crate::ErrorCode::ConversationOpen`] when the conversation, or one of the
    /// contact's, is not closed, unless `force`, which closes them. A message may be in an open conversation.
    pub async fn request_anonymization(
        &self,
        ctx: &OpContext,
        target: AnonymizationTarget,
        force: bool,
    ) -> Result<AnonymizationRequest> {
        ctx.require(&names::DIRECTORY_ANONYMIZE_CONTACT)?;
        let now = ctx.now;
        let new = AnonymizationRequest {
            request_id: ctx.environment.ordered_uuid(now),
            target,
            requested_by: ctx.session.user_id.as_uuid(),
            initiated_at: now,
            processed_at: None,
        };
        let job = ctx.environment.object_id(now);
        let request = self
            .write(ctx.org(), move |tx| {
                if let Some(known) = anonymizations::find_by_target(tx, target)? {
                    return Ok(known);
                }
                if is_open(tx, target)? {
                    if !force {
                        return Err(ErrorCode::ConversationOpen.into());
                    }
                    match target {
                        AnonymizationTarget::Contact(id) => {
                            contact_conversations::close_all(tx, UserId::from_uuid(id), now)?;
                        }
                        AnonymizationTarget::Conversation(id) => contact_conversations::close(tx, id, now)?,
                        AnonymizationTarget::Message { .. } => {}
                    }
                }
                anonymizations::insert(tx, &new)?;
                // The job is nobody's: what removes the jobs of a user must leave it.
                enqueue(tx, job, None, &Work::Anonymize { request_id: new.request_id }, now)?;
                Ok(new.clone())
            })
            .await?;
        self.inner.job_signal.wake();
        Ok(request)
    }

    /// How far a request is: permission `Directory:AnonymizeContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::AnonymizationNotFound`].
    pub async fn anonymization_request(&self, ctx: &OpContext, id: Uuid) -> Result<AnonymizationRequest> {
        ctx.require(&names::DIRECTORY_ANONYMIZE_CONTACT)?;
        let found = self.query_recent(ctx.org(), move |conn| anonymizations::find(conn, id)).await?;
        found.ok_or_else(|| ErrorCode::AnonymizationNotFound.into())
    }

    /// Does what a request asks for, unless that is done.
    pub(crate) async fn anonymize(&self, org: OrgKey, request_id: Uuid) -> Result<Task> {
        let found = self.query(org, move |conn| anonymizations::find(conn, request_id)).await?;
        let Some(request) = found.filter(|request| request.processed_at.is_none()) else {
            return Ok(Task::Nothing);
        };
        match request.target {
            AnonymizationTarget::Contact(id) => {
                let contact = UserId::from_uuid(id);
                self.forget_contact(org, contact).await?;
                while !self.write(org, move |tx| erase_rows(tx, Contacts, contact)).await? {}
                self.clear_conversations(org, contact).await?;
            }
            AnonymizationTarget::Conversation(id) => {
                let now = self.now();
                self.write(org, move |tx| Ok(holdings::clear_contact_conversation(tx, id, now)?)).await?;
                self.clear_messages(org, id).await?;
            }
            AnonymizationTarget::Message { message_id, .. } => {
                let now = self.now();
                self.write(org, move |tx| Ok(holdings::clear_contact_message(tx, message_id, now)?)).await?;
            }
        }
        let now = self.now();
        let jobs = ErasureJobs::new(self, now);
        self.write(org, move |tx| {
            anonymizations::set_processed(tx, request_id, now)?;
            jobs.enqueue_scrub(tx, now)
        })
        .await?;
        self.inner.job_signal.wake();
        Ok(Task::Nothing)
    }

    /// Clears the contact and leaves a receipt. What is held of it is out of reach of what arrives from then on.
    async fn forget_contact(&self, org: OrgKey, contact: UserId) -> Result<()> {
        let now = self.now();
        self.write(org, move |tx| {
            contacts::clear(tx, contact, now)?;
            holdings::erase_small(tx, Contacts, contact)?;
            Ok(erasures::put(tx, Contacts, contact, now)?)
        })
        .await
    }

    /// Clears the messages of a conversation. Unlike those of a contact, of whom nothing is taken in any more, they stay:
    /// under the same ids they could come again in another conversation of the contact.
    async fn clear_messages(&self, org: OrgKey, conversation: i64) -> Result<()> {
        let mut last = None;
        loop {
            let now = self.now();
            let clear =
                move |tx: &Tx<'_>| Ok(holdings::clear_contact_messages(tx, conversation, last, BATCH, now)?);
            last = self.write(org, clear).await?;
            if last.is_none() {
                return Ok(());
            }
        }
    }

    async fn clear_conversations(&self, org: OrgKey, contact: UserId) -> Result<()> {
        let mut cleared = Some(Cleared::NOTHING);
        while let Some(from) = cleared {
            let now = self.now();
            cleared = self
                .write(org, move |tx| Ok(holdings::clear_batch(tx, Contacts, contact, from, BATCH, now)?))
                .await?;
        }
        Ok(())
    }
}

/// Whether something is not closed that would be made anonymous.
///
/// # Errors
/// When there is no such thing.
fn is_open(tx: &Tx<'_>, target: AnonymizationTarget) -> Result<bool> {
    match target {
        AnonymizationTarget::Contact(id) => {
            let contact = UserId::from_uuid(id);
            contacts::find(tx, contact)?.ok_or(ErrorCode::ContactNotFound)?;
            Ok(contact_conversations::has_open(tx, contact)?)
        }
        AnonymizationTarget::Conversation(id) => {
            let found = contact_conversations::find(tx, id)?.ok_or(ErrorCode::ConversationNotFound)?;
            let is_closed = found.state.is_none_or(|state| state == ConversationState::Closed);
            Ok(!is_closed && found.anonymized_at.is_none())
        }
        AnonymizationTarget::Message { conversation_id, message_id } => {
            let found = contact_messages::find_many(tx, &[message_id])?;
            let is_there = found.iter().any(|message| message.conversation_id == conversation_id);
            if is_there { Ok(false) } else { Err(ErrorCode::MessageNotFound.into()) }
        }
    }
}
