//! From bytes to lines, from lines to batches, from batches to what became of each line. The stream over HTTP and the
//! command line both feed it.
//!
//! It holds at most one batch and one unfinished line, whatever is fed to it. A batch can be detached, so that it is taken in
//! while the next one is fed.

use std::future::Future;
use std::time::Duration;

use denizen_directory::ErrorCode;
use denizen_directory::ingest::{GATHERED, Outcome, Record, Taken};

use super::record::{Read, read};
use crate::admin::errors;
use crate::admin::wire::{LineProblem, LineResult, RecordResult, Summary};
use crate::kernel::Problem;

/// The bytes of lines after which a batch is full, whatever their number.
const BATCH_BYTES: usize = 1 << 20;
/// How long a line may wait for others to share its transaction.
pub const LONGEST_WAIT: Duration = Duration::from_millis(20);
/// Waits between the attempts at a batch that the store could not take.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// Lines on their way into the store.
pub struct Intake {
    bounds: Bounds,
    /// The beginning of a line whose end has not arrived.
    unfinished: Vec<u8>,
    /// Whether the unfinished line is too long; then nothing of it is kept.
    is_too_long: bool,
    /// Lines that have ended so far.
    lines: u64,
    batch: Batch,
    /// How many times as much as usual is gathered for a batch.
    room: usize,
    summary: Summary,
}

/// Lines that are given to the store at once.
#[derive(Default)]
pub struct Batch {
    entries: Vec<Entry>,
    bytes: usize,
}

/// What lines may hold beyond what the rules say: settings of the installation, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// A line without its end, `ingest.line_bytes`.
    pub line: usize,
    /// The transcript of an external event, `amigo.transcript_bytes`.
    pub transcript: usize,
}

struct Entry {
    line: u64,
    read: Read,
}

impl Intake {
    /// Lines beyond the bounds are refused.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            unfinished: Vec::new(),
            is_too_long: false,
            lines: 0,
            batch: Batch::default(),
            room: 1,
            summary: Summary::default(),
        }
    }

    /// Gathers so many times as much for a batch: for who sends alone, and has the memory.
    #[must_use]
    pub fn with_room(self, room: usize) -> Self {
        Self { room, ..self }
    }

    /// Takes bytes until the batch is full, and says how many it has taken.
    #[must_use]
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_full() {
            let rest = &bytes[taken..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.keep(rest);
                return bytes.len();
            };
            taken += end + 1;
            self.end_line(&rest[..end]);
        }
        taken
    }

    /// The last line may lack its end.
    pub fn end(&mut self) {
        if self.is_too_long || !self.unfinished.is_empty() {
            self.end_line(&[]);
        }
    }

    /// Whether there is something to commit.
    pub fn has_batch(&self) -> bool {
        !self.batch.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.batch.entries.len() >= self.room * GATHERED || self.batch.bytes >= self.room * BATCH_BYTES
    }

    /// The batch as it is, for whoever has it taken in, and [counts](Self::count) what has become of it.
    #[must_use]
    pub fn detach(&mut self) -> Batch {
        std::mem::take(&mut self.batch)
    }

    /// The first line of which nothing was done yet.
    pub fn next_line(&self) -> u64 {
        self.batch.first_line().unwrap_or(self.lines + 1)
    }

    pub fn summary(&self) -> Summary {
        self.summary
    }

    fn keep(&mut self, part: &[u8]) {
        // One more than a line may have, because it may end with the carriage return of another system.
        if self.unfinished.len() + part.len() > self.bounds.line + 1 {
            self.is_too_long = true;
            self.unfinished.clear();
        }
        if !self.is_too_long {
            self.unfinished.extend_from_slice(part);
        }
    }

    /// `rest` is what has not been kept of the line.
    fn end_line(&mut self, rest: &[u8]) {
        self.lines += 1;
        if self.unfinished.is_empty() && !self.is_too_long {
            return self.add(rest);
        }
        self.keep(rest);
        let mut line = std::mem::take(&mut self.unfinished);
        self.add(&line);
        line.clear();
        self.unfinished = line;
        self.is_too_long = false;
    }

    fn add(&mut self, line: &[u8]) {
        let line =
            if self.lines == 1 { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line) } else { line };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let read = if self.is_too_long || line.len() > self.bounds.line {
            let message = format!("a line must have at most {} bytes", self.bounds.line);
            let problem = LineProblem { code: "line_too_long", message, field: Vec::new() };
            Read { kind: None, id: None, record: Err(problem) }
        } else if line.trim_ascii().is_empty() {
            return;
        } else {
            read(line, self.bounds.transcript)
        };
        self.batch.bytes += line.len();
        self.batch.entries.push(Entry { line: self.lines, read });
    }

    /// Has the batch taken in by `take`, and counts what became of its lines.
    ///
    /// # Errors
    /// As of [`Batch::take_in`].
    pub async fn commit<F>(&mut self, take: impl Fn(Vec<Record>) -> F) -> Result<Vec<LineResult>, Problem>
    where
        F: Future<Output = Result<Vec<Taken>, Problem>>,
    {
        let results = self.batch.take_in(take).await?;
        self.count(&results);
        Ok(results)
    }

    /// Adds what became of lines to the summary.
    pub fn count(&mut self, results: &[LineResult]) {
        for result in results {
            self.summary.lines += 1;
            *match result.result {
                RecordResult::Created => &mut self.summary.created,
                RecordResult::Updated => &mut self.summary.updated,
                RecordResult::Unchanged => &mut self.summary.unchanged,
                RecordResult::Refused => &mut self.summary.refused,
            } += 1;
        }
    }
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of its first line.
    pub fn first_line(&self) -> Option<u64> {
        self.entries.first().map(|entry| entry.line)
    }

    /// Has it taken in by `take`, and says what became of each of its lines; it is empty then. Where the store cannot do it
    /// just now, `take` is called a few times, with pauses: taking records in twice does no harm.
    ///
    /// # Errors
    /// Those of `take`; then the batch stays as it is.
    pub async fn take_in<F>(&mut self, take: impl Fn(Vec<Record>) -> F) -> Result<Vec<LineResult>, Problem>
    where
        F: Future<Output = Result<Vec<Taken>, Problem>>,
    {
        let mut pauses = PAUSES.iter();
        let all = loop {
            let records = self.entries.iter().filter_map(|entry| entry.read.record.as_ref().ok());
            match take(records.cloned().collect()).await {
                Ok(all) => break all,
                Err(problem) if may_pass(&problem) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(problem),
                },
                Err(problem) => return Err(problem),
            }
        };
        let mut all = all.into_iter();
        self.bytes = 0;
        let mut results = Vec::with_capacity(self.entries.len());
        for Entry { line, read: Read { kind, id, record } } in self.entries.drain(..) {
            let (result, problem, contact_id) = match record.map(|_| all.next()) {
                Err(problem) => (RecordResult::Refused, Some(problem), None),
                Ok(Some(Taken { outcome, contact_id })) => {
                    let (result, problem) = match outcome {
                        Outcome::Refused(error) => (RecordResult::Refused, Some(errors::of_line(error))),
                        Outcome::Created => (RecordResult::Created, None),
                        Outcome::Updated => (RecordResult::Updated, None),
                        Outcome::Unchanged => (RecordResult::Unchanged, None),
                    };
                    (result, problem, contact_id)
                }
                Ok(None) => return Err(Problem::Internal),
            };
            let id = id.or_else(|| contact_id.map(|contact| contact.as_uuid().to_string()));
            results.push(LineResult { line, kind, id, result, problem });
        }
        Ok(results)
    }
}

/// Whether it may soon go well, and is not done or may be done again.
fn may_pass(problem: &Problem) -> bool {
    let Problem::Directory(error) = problem else { return false };
    matches!(
        error.code,
        ErrorCode::Busy | ErrorCode::Unavailable | ErrorCode::OutcomeUnknown | ErrorCode::OrganizationMoving
    )
}
