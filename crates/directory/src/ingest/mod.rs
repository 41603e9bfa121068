//! Taking records in: users, and what a conversation platform knows of them. Records are written by their ids, in any
//! order and any number of times; a record that was taken in before changes nothing.
//!
//! It must not know how records are written on a wire.

mod record;

use std::sync::Arc;

use denizen_domain::permission::names;

use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::organizations::Organization;

pub use record::{
    ConversationRecord, ExternalEventRecord, MemoryRecord, MessageRecord, Record, UserModelRecord,
    UserRecord, limits,
};

/// Records that are taken in at once, in one transaction: more make no difference to the speed, and hold other writers
/// up.
pub const MAX_BATCH: usize = 500;

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
