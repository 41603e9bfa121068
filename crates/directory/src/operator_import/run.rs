//! The way of an import: batches are prepared ahead, and written one after the other.

use denizen_roster::Entries;

use super::ahead::Ahead;
use super::batch::{Batch, Written, take};
use super::resume::{Note, Stamp};
use super::{FailureLog, ImportError, ImportPlan, ImportProgress, Importer, OperatorImport};
use crate::error::Result;
use crate::handle::Directory;

/// Batches that are prepared while another is written: with two, the cores have something to hash when one is at its end.
const AHEAD: usize = 2;

impl Directory {
    /// Makes the operators of a file, or says what would be wrong. `log` is told of what fails and `progress` after each
    /// batch. Whoever drops the future ends the import between two batches: of one that is being written the operators are
    /// made or not, all of them.
    ///
    /// # Errors
    /// What was made before stays. [`crate::ErrorCode::Forbidden`] when the caller has lost the right to it,
    /// [`crate::ErrorCode::OrganizationNotFound`] when the organization was deleted, [`crate::ErrorCode::Busy`] when somebody
    /// else imports the same file under the same id, and those of the store.
    pub async fn import_operators(
        &self,
        by: &Importer,
        mut entries: Entries,
        plan: &ImportPlan,
        log: &mut dyn FailureLog,
        progress: &mut (dyn FnMut(ImportProgress) + Send),
    ) -> Result<ImportProgress, ImportError> {
        let mut now = ImportProgress::begin(entries.count(), plan.resumed.as_ref());
        for _ in 0..now.done {
            entries.next_entry()?;
        }
        let mut before = plan.resumed.as_ref().map(Stamp::of);
        let begun_at = plan.resumed.as_ref().map_or(self.now(), |import| import.begun_at);
        let mut ahead = Ahead::new();
        loop {
            self.look_ahead(&mut ahead, by, &mut entries, plan)?;
            let Some(batch) = ahead.next().await else { break };
            let mut batch: Batch = batch?;
            // The cores are not to wait for the disk.
            self.look_ahead(&mut ahead, by, &mut entries, plan)?;
            log.mark()?;
            let mut stamp = None;
            loop {
                batch.note_failures(log)?;
                let mut after = now;
                after.done += batch.len();
                after.failed += batch.failed();
                after.created += batch.len() - batch.failed();
                let written = if plan.is_dry_run {
                    Written::Done
                } else {
                    let note = match plan.import_id {
                        Some(import_id) => Some(Note {
                            before,
                            is_over: after.done >= after.entries,
                            now: OperatorImport {
                                import_id,
                                entries_done: after.done,
                                created: after.created,
                                failed: after.failed,
                                // What the log has been told must be there when the note is.
                                errors_bytes: log.keep()?,
                                begun_at,
                                updated_at: before.map_or(self.now(), |before| before.next(self.now())),
                            },
                        }),
                        None => None,
                    };
                    stamp = note.as_ref().map(|note| Stamp::of(&note.now));
                    ahead.beside(self.write_import(by, &mut batch, plan.welcome, note)).await?
                };
                match written {
                    Written::Done => {
                        now = after;
                        break;
                    }
                    Written::Changed => log.take_back()?,
                }
            }
            before = stamp;
            progress(now);
        }
        Ok(now)
    }

    fn look_ahead<'d>(
        &'d self,
        ahead: &mut Ahead<'d, Result<Batch>>,
        by: &Importer,
        entries: &mut Entries,
        plan: &ImportPlan,
    ) -> Result<(), ImportError> {
        while ahead.len() < AHEAD {
            let batch = take(entries)?;
            if batch.is_empty() {
                break;
            }
            ahead.push(self.prepare_import(by.clone(), batch, !plan.is_dry_run));
        }
        Ok(())
    }
}
