//! Making the operators of a file (contract section 10), many at a time: while one batch is written, the passwords of the
//! next are hashed on every core.
//!
//! Each operator is made or not, whatever becomes of the others. It must not know where a file came from, or in which form
//! what is wrong with it is told.

mod ahead;
mod batch;
mod export;
mod resume;
mod run;

use std::fmt;
use std::io;
use std::sync::Arc;

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::permission::names;
use denizen_roster::{Scratch, Terms};

pub use denizen_roster::{Check, Entries, MAX_CELL, Reading, RowWriter, Spool, Unreadable};
pub use denizen_store::operator_imports::OperatorImport;
pub use export::{Exported, columns};

use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::operators::Welcome;
use crate::organizations::Organization;

/// On whose behalf operators are made, and in which organization.
#[derive(Clone)]
pub struct Importer {
    organization: Arc<Organization>,
    /// An operator, who may lose the right to this meanwhile. `None` for whoever runs a command on the machine
    /// itself.
    actor: Option<UserId>,
}

impl Importer {
    /// An operator over the network: permission `Directory:WriteOperator`, which is asked for again with every batch.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub fn caller(ctx: &OpContext) -> Result<Self> {
        ctx.require(&names::DIRECTORY_WRITE_OPERATOR)?;
        Ok(Self { organization: Arc::clone(&ctx.organization), actor: Some(ctx.session.user_id) })
    }

    /// Whoever runs a command of denizen on the machine itself.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn command(directory: &Directory, slug: &str) -> Result<Self> {
        let organization = directory.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        Ok(Self { organization, actor: None })
    }
}

/// How operators are made.
#[derive(Debug, Clone)]
pub struct ImportPlan {
    pub welcome: Welcome,
    /// Nothing is made: what would be wrong is told.
    pub is_dry_run: bool,
    /// Under which it is noted how far the import is, so that another run goes on there; see [`Directory::import_id`].
    pub import_id: Option<Uuid>,
    /// What [`Directory::claim_operator_import`] answered to that.
    pub resumed: Option<OperatorImport>,
}

/// How far an import is. Entries are operators, and rows that repeat one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportProgress {
    /// How many entries there are.
    pub entries: u64,
    pub done: u64,
    /// How many operators were made, or in a dry run would be.
    pub created: u64,
    pub failed: u64,
}

/// An entry of which nothing is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure<'f> {
    /// Where its first row begins, counted from 1.
    pub line: u64,
    /// As it stands in the file; empty where there is none.
    pub email: &'f str,
    pub check: Check,
}

impl Failure<'_> {
    pub fn message(&self) -> String {
        self.check.message(self.line)
    }
}

/// Where it is noted of which entries nothing was made, in the order of the file.
pub trait FailureLog: Send {
    /// What was noted so far stays.
    fn mark(&mut self) -> io::Result<()>;

    fn note(&mut self, failure: &Failure<'_>) -> io::Result<()>;

    /// Takes back what was noted since the last mark.
    fn take_back(&mut self) -> io::Result<()>;

    /// Sees to it that what was noted outlasts the process, and says how many bytes there are of it. It is asked only of
    /// imports that can be resumed.
    fn keep(&mut self) -> io::Result<u64>;
}

/// Why an import ended before its end. What was made before stays.
#[derive(Debug)]
pub enum ImportError {
    Directory(Error),
    /// The log of failures, or a scratch file, cannot be used.
    Io(io::Error),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ImportError {}

impl From<Error> for ImportError {
    fn from(error: Error) -> Self {
        Self::Directory(error)
    }
}

impl From<io::Error> for ImportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Directory {
    /// A file of operators that is about to be read. Rows are held in so many bytes of memory, and in scratch files below
    /// the system's folder for such files.
    pub fn read_roster(&self, memory: usize) -> Reading {
        let policy = self.settings().password_policy;
        let keys = [self.environment().key(), self.environment().key()];
        Reading::new(Terms { policy, memory, folder: None, keys })
    }

    /// A text that is written first and read afterwards, of any length.
    pub fn spool(&self) -> Spool {
        Spool::new(Scratch::new(None, &self.environment().key()))
    }
}
