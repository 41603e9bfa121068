//! `denizen ingest FILE`: takes records in without a server between, by the same code as the native API.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use denizen_directory::Directory;
use denizen_directory::ingest::Ingestor;
use denizen_http::admin::ingest::{Batch, Bounds, Intake, LONGEST_WAIT, LineResult, RecordResult, Summary};
use denizen_http::kernel::Problem;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::progress::{Progress, bar, grouped, mebibytes, rate};
use crate::cli::Ingest;
use crate::config::Config;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure};

/// Bytes that are read at once, and pieces that wait to be taken in.
const PIECE: usize = 256 << 10;
const PIECES: usize = 2;
/// How many times as much is gathered as for a stream over HTTP, of which a server has many.
const ROOM: usize = 8;

pub fn run(config: &Config, wanted: &Ingest) -> anyhow::Result<()> {
    let source = Source::open(wanted)?;
    let bounds = Bounds { line: config.ingest.line_bytes, transcript: config.amigo.transcript_bytes };
    let (summary, has_contacts) = with_directory(config, Missing::Refuse, |directory| async move {
        let progress = Progress::start(wanted.quiet);
        let run = Run { directory, wanted, progress, total: source.bytes, has_contacts: false };
        run.take_all(source, Intake::new(bounds).with_room(ROOM)).await
    })?;
    if summary.refused > 0 {
        return Err(refusal(&summary, has_contacts).into());
    }
    Ok(())
}

/// What is read, and how much there is of it where that is known.
struct Source {
    reader: Box<dyn Read + Send>,
    bytes: Option<u64>,
}

impl Source {
    fn open(wanted: &Ingest) -> Result<Self, Failure> {
        if wanted.file.as_os_str() == "-" {
            return Ok(Self { reader: Box::new(io::stdin()), bytes: None });
        }
        let name = wanted.file.display();
        let file = File::open(&wanted.file).map_err(|error| {
            Failure::usage(format!("cannot read {name}: {error}"), "name a file, or `-` for standard input")
        })?;
        let metadata = file.metadata().ok();
        if metadata.as_ref().is_some_and(std::fs::Metadata::is_dir) {
            return Err(Failure::usage(
                format!("{name} is a folder"),
                "name a file, or `-` for standard input",
            ));
        }
        // Of a pipe nobody knows.
        let bytes = metadata.filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        Ok(Self { reader: Box::new(file), bytes })
    }

    /// Reads in a thread of its own, so that what has come is taken in while more is waited for.
    fn pieces(mut self) -> mpsc::Receiver<io::Result<Vec<u8>>> {
        let (sender, receiver) = mpsc::channel(PIECES);
        let read = move || loop {
            let mut piece = vec![0; PIECE];
            let read = match self.reader.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) => return,
                read => read,
            };
            let has_failed = read.is_err();
            let read = read.map(|length| {
                piece.truncate(length);
                piece
            });
            // The other end is gone when the command has failed.
            if sender.blocking_send(read).is_err() || has_failed {
                return;
            }
        };
        // Not waited for: a read of a terminal ends when somebody presses a key.
        std::thread::spawn(read);
        receiver
    }
}

/// The pieces of the source, one after the other.
struct Pieces<'w> {
    receiver: mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    /// Bytes of the piece that were fed.
    fed: usize,
    /// Those of all pieces.
    read: u64,
    wanted: &'w Ingest,
}

impl Pieces<'_> {
    /// Feeds lines until the batch is full, there are no more, or nothing has come for a while. Answers whether there may be
    /// more.
    async fn gather(&mut self, intake: &mut Intake) -> anyhow::Result<bool> {
        let mut since = None;
        loop {
            let fed = intake.feed(&self.piece[self.fed..]);
            self.fed += fed;
            self.read += fed as u64;
            if intake.is_full() {
                return Ok(true);
            }
            if intake.has_batch() && since.is_none() {
                since = Some(Instant::now());
            }
            let piece = match since {
                None => self.receiver.recv().await,
                Some(since) => {
                    match tokio::time::timeout_at(since + LONGEST_WAIT, self.receiver.recv()).await {
                        Ok(piece) => piece,
                        Err(_) => return Ok(true),
                    }
                }
            };
            let Some(piece) = piece else {
                intake.end();
                return Ok(false);
            };
            self.piece = piece.with_context(|| format!("cannot read {}", self.wanted.file.display()))?;
            self.fed = 0;
        }
    }
}

/// What takes batches in, and tells of it.
struct Run<'w> {
    directory: Directory,
    wanted: &'w Ingest,
    progress: Progress,
    /// Bytes of the file, where that is known.
    total: Option<u64>,
    /// Whether there was a contact among the lines.
    has_contacts: bool,
}

impl Run<'_> {
    /// What became of the lines, and whether a contact was among them.
    async fn take_all(mut self, source: Source, mut intake: Intake) -> anyhow::Result<(Summary, bool)> {
        // Whether there is such an organization is known before anything is read.
        self.ingestor().await?;
        let mut pieces =
            Pieces { receiver: source.pieces(), piece: Vec::new(), fed: 0, read: 0, wanted: self.wanted };
        let (mut batch, mut read, mut more) = (Batch::default(), 0, true);
        while more || !batch.is_empty() {
            // The store takes one batch in while the next one is read.
            let summary = intake.summary();
            let gathering = async { Ok(if more { pieces.gather(&mut intake).await } else { Ok(false) }) };
            let (results, gathered) = tokio::try_join!(self.take_in(&mut batch, summary, read), gathering)?;
            intake.count(&results);
            // What was read before is taken in, whatever comes now.
            more = gathered?;
            (batch, read) = (intake.detach(), pieces.read);
        }
        self.progress.clear();
        let summary = intake.summary();
        self.print_summary(&summary)?;
        Ok((summary, self.has_contacts))
    }

    async fn ingestor(&self) -> Result<Ingestor, Failure> {
        let about = About { org: &self.wanted.org, ..About::default() };
        let found = Ingestor::operator(&self.directory, &self.wanted.org).await;
        found.map_err(|error| of_directory(&error, about))
    }

    /// Takes a batch in and tells what became of its lines; `read` bytes end with it, and `before` is what was taken in before.
    async fn take_in(
        &mut self,
        batch: &mut Batch,
        before: Summary,
        read: u64,
    ) -> anyhow::Result<Vec<LineResult>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (directory, org) = (&self.directory, self.wanted.org.as_str());
        // The organization is looked up each time, for it may be deleted meanwhile.
        let take = async |records| {
            let by = Ingestor::operator(directory, org).await?;
            Ok(directory.ingest(&by, records).await?)
        };
        let results = batch.take_in(take).await;
        let results = results.map_err(|problem| self.failed(&problem, batch.first_line()))?;
        self.has_contacts |= results.iter().any(|result| result.kind == Some("contact"));
        let refused = results.iter().filter(|result| result.result == RecordResult::Refused).count();
        let (lines, refused) = (before.lines + results.len() as u64, before.refused + refused as u64);
        self.progress.show(|elapsed| line(lines, refused, read, self.total, elapsed));
        self.print(&results)?;
        Ok(results)
    }

    fn failed(&self, problem: &Problem, line: Option<u64>) -> anyhow::Error {
        self.progress.clear();
        let about = About { org: &self.wanted.org, ..About::default() };
        let line = line.unwrap_or_default();
        let failure: anyhow::Error = match problem {
            Problem::Directory(error) => of_directory(error, about).into(),
            other => anyhow::anyhow!("{other:?}"),
        };
        failure.context(format!("stopped before line {line}; what was sent before it is taken in"))
    }

    fn print(&self, results: &[LineResult]) -> anyhow::Result<()> {
        let mut text = Vec::new();
        for result in results {
            if self.wanted.json {
                serde_json::to_writer(&mut text, result)?;
                text.push(b'\n');
            } else if result.result == RecordResult::Refused {
                writeln!(text, "{}", in_words(result))?;
            }
        }
        self.print_bytes(&text)
    }

    fn print_summary(&self, summary: &Summary) -> anyhow::Result<()> {
        let Summary { lines, created, updated, unchanged, refused } = summary;
        let text = if self.wanted.json {
            // Not by `json!`, which would sort the members; over HTTP they stand as they are declared.
            format!("{{\"summary\":{}}}\n", serde_json::to_string(summary)?)
        } else {
            let lines = counted(*lines);
            format!(
                "{lines}: {created} created, {updated} updated, {unchanged} unchanged, {refused} refused\n"
            )
        };
        self.print_bytes(text.as_bytes())
    }

    /// A terminal shows both streams, so the progress makes room for what is printed.
    fn print_bytes(&self, text: &[u8]) -> anyhow::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        if io::stdout().is_terminal() {
            self.progress.clear();
        }
        report::print(&String::from_utf8_lossy(text))
    }
}

fn line(lines: u64, refused: u64, bytes: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = grouped(rate(lines, elapsed));
    let of = total.map(|total| format!(" of {}", mebibytes(total))).unwrap_or_default();
    let refused = if refused > 0 { format!(", {} refused", grouped(refused)) } else { String::new() };
    let (bar, lines, bytes) = (bar(bytes, total), grouped(lines), mebibytes(bytes));
    format!("{bar}{lines} lines, {rate}/s, {bytes}{of}{refused}")
}

/// How a run ended of which lines were refused.
fn refusal(summary: &Summary, has_contacts: bool) -> Failure {
    let Summary { lines, refused, .. } = *summary;
    let was = if refused == 1 { "was" } else { "were" };
    if refused < lines {
        let again =
            "correct what was refused and send the file again: what was taken in is not changed by that";
        // Nothing is left that would tell that somebody of this external id was anonymized.
        let but = if has_contacts {
            "; but a contact without `contact_id` who was anonymized since would come back: give the `contact_id` \
             that --json prints, or take the line out"
        } else {
            ""
        };
        return Failure::new(
            format!("{refused} of {} {was} refused; the others were taken in", counted(lines)),
            format!("{again}{but}"),
        );
    }
    let text = if lines == 1 {
        "the only line was refused; nothing was taken in".to_owned()
    } else {
        format!("all {} were refused; nothing was taken in", counted(lines))
    };
    Failure::new(text, "correct the file and send it again")
}

fn counted(lines: u64) -> String {
    if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") }
}

/// `line 7 (message 65f…), content: must be …`
fn in_words(result: &LineResult) -> String {
    let named = [result.kind, result.id.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let named = if named.is_empty() { named } else { format!(" ({named})") };
    let (field, message) = match &result.problem {
        Some(problem) if !problem.field.is_empty() => {
            (format!(", {}", problem.field.join(".")), problem.message.as_str())
        }
        Some(problem) => (String::new(), problem.message.as_str()),
        None => (String::new(), "refused"),
    };
    let text = format!("line {}{named}{field}: {message}", result.line);
    // Names come from the file, and must not steer the terminal.
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_and_how_fast() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line(1_234_567, 3, 3 << 20, Some(12 << 20), second * 2),
            "[#####               ]  25 %  1,234,567 lines, 617,283/s, 3.0 MiB of 12.0 MiB, 3 refused"
        );
        assert_eq!(line(0, 0, 0, None, Duration::ZERO), "0 lines, 0/s, 0.0 MiB");
        assert_eq!(line(10, 0, 512 << 10, Some(0), second), "10 lines, 10/s, 0.5 MiB of 0.0 MiB");
    }
}
