//! Going on where an import was cut off.

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;
use denizen_store::{Tx, operator_imports, organizations};
use ring::digest::{Context, SHA256};

use super::{ImportProgress, Importer, OperatorImport};
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

/// How files are cut into entries; another number makes other ids, so that no import goes on with entries that are counted
/// in another way.
const VERSION: u8 = 1;

impl Directory {
    /// The id of the import of a file, by the SHA-256 of its bytes: the same for the same file and organization, and for the
    /// same policy of passwords, which is among what decides into how many entries a file is cut.
    pub fn import_id(&self, by: &Importer, content: &[u8; 32]) -> Uuid {
        let policy = &self.settings().password_policy;
        let mut context = Context::new(&SHA256);
        context.update(&[VERSION]);
        context.update(&by.organization.uuid.0);
        context.update(content);
        context.update(&(policy.min_length as u64).to_le_bytes());
        context
            .update(&[policy.needs_upper, policy.needs_lower, policy.needs_digit_or_special].map(u8::from));
        let mut id = [0; 16];
        id.copy_from_slice(&context.finish().as_ref()[..16]);
        Uuid(id)
    }

    /// How far an import is that is not over.
    pub async fn find_operator_import(&self, by: &Importer, id: Uuid) -> Result<Option<OperatorImport>> {
        self.query(by.organization.org, move |conn| operator_imports::find(conn, id)).await
    }

    /// Takes an import over, to begin it or to go on where it was cut off. Whoever was at it before is refused from now on;
    /// so is what a process sent before it was killed and the database has not done yet. What is answered stays true
    /// therefore, and the log of failures can be cut by it.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn claim_operator_import(&self, by: &Importer, id: Uuid) -> Result<OperatorImport> {
        let now = self.now();
        self.write(by.organization.org, move |tx| {
            organizations::find_profile(tx)?.ok_or(ErrorCode::OrganizationNotFound)?;
            let claimed = match operator_imports::find(tx, id)? {
                Some(found) => OperatorImport { updated_at: Stamp::of(&found).next(now), ..found },
                None => OperatorImport {
                    import_id: id,
                    entries_done: 0,
                    created: 0,
                    failed: 0,
                    errors_bytes: 0,
                    begun_at: now,
                    updated_at: now,
                },
            };
            operator_imports::put(tx, &claimed)?;
            Ok(claimed)
        })
        .await
    }
}

/// By what whoever is at an import knows that nobody else has been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    entries_done: u64,
    updated_at: Timestamp,
}

impl Stamp {
    pub(super) fn of(import: &OperatorImport) -> Self {
        Self { entries_done: import.entries_done, updated_at: import.updated_at }
    }

    /// A time that is later than the last change, whatever the clock says.
    pub(super) fn next(self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.max(self.updated_at.0.saturating_add(1)))
    }
}

/// The note of how far an import is, for one batch.
#[derive(Debug, Clone)]
pub(super) struct Note {
    /// What stands there when nobody else imports the same file.
    pub(super) before: Option<Stamp>,
    pub(super) now: OperatorImport,
    pub(super) is_over: bool,
}

impl Note {
    /// Writes it in the transaction of its batch.
    pub(super) fn write(&self, tx: &Tx<'_>) -> Result<()> {
        let found = operator_imports::find(tx, self.now.import_id)?;
        if found.as_ref().map(Stamp::of) != self.before {
            let text = "The same file is being imported by somebody else";
            return Err(Error::with_text(ErrorCode::Busy, text));
        }
        if self.is_over {
            operator_imports::delete(tx, self.now.import_id)?;
        } else {
            operator_imports::put(tx, &self.now)?;
        }
        Ok(())
    }
}

impl ImportProgress {
    /// How far an import is that goes on.
    pub(super) fn begin(entries: u64, resumed: Option<&OperatorImport>) -> Self {
        let (done, created, failed) =
            resumed.map_or((0, 0, 0), |import| (import.entries_done, import.created, import.failed));
        Self { entries, done, created, failed }
    }
}
