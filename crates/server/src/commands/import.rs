//! `denizen import operators FILE`: makes the operators of a CSV file, by the same code as the upload.

mod log;

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use anyhow::Context as _;
use denizen_directory::Directory;
use denizen_directory::operator_import::{
    Check, Entries, Failure as Fault, FailureLog, ImportError, ImportPlan, ImportProgress, Importer,
    Unreadable,
};
use denizen_directory::operators::Welcome;
use denizen_domain::operator::MailLanguage as Language;
use ring::digest::{Context, SHA256};

use super::progress::{Progress, bar, grouped, mebibytes, rate};
use crate::cli::{Import, ImportOperators, MailLanguage};
use crate::config::Config;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure};
use log::Log;

/// Bytes that are read at once, and bytes of rows that are held in memory.
const PIECE: usize = 256 << 10;
const MEMORY: usize = 32 << 20;

pub fn run(config: &Config, wanted: &Import) -> anyhow::Result<()> {
    let Import::Operators(wanted) = wanted;
    let source = Source::open(wanted)?;
    let done = with_directory(config, Missing::Refuse, |directory| run_on(directory, wanted, source))?;
    let is_all = done.failed == 0;
    report::print(&in_words(&done, wanted.dry_run))?;
    if is_all { Ok(()) } else { Err(refusal(&done, wanted).into()) }
}

/// What is read.
struct Source {
    reader: Box<dyn Read>,
    /// The same, where it is a file.
    file: Option<File>,
    bytes: Option<u64>,
}

impl Source {
    fn open(wanted: &ImportOperators) -> Result<Self, Failure> {
        if wanted.file.as_os_str() == "-" {
            return Ok(Self { reader: Box::new(io::stdin()), file: None, bytes: None });
        }
        let name = wanted.file.display();
        let failed = |error: io::Error| {
            Failure::usage(format!("cannot read {name}: {error}"), "name a file, or `-` for standard input")
        };
        let file = File::open(&wanted.file).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Failure::usage(
                format!("{name} is a folder"),
                "name a file, or `-` for standard input",
            ));
        }
        let bytes = Some(metadata.len()).filter(|_| metadata.is_file());
        let reader = Box::new(file.try_clone().map_err(failed)?);
        Ok(Self { reader, file: Some(file), bytes })
    }
}

async fn run_on(
    directory: Directory,
    wanted: &ImportOperators,
    source: Source,
) -> anyhow::Result<ImportProgress> {
    let about = About { org: &wanted.org, ..About::default() };
    let refused = |error: denizen_directory::Error| of_directory(&error, about);
    // Whether there is such an organization is known before anything is read.
    let by = Importer::command(&directory, &wanted.org).await.map_err(refused)?;
    let mut progress = Progress::start(wanted.quiet);
    let file = source.file.as_ref().map(File::try_clone).transpose()?;
    let (entries, content) = read(&directory, wanted, source, &progress)?;
    let import_id = (!wanted.dry_run).then(|| directory.import_id(&by, &content));
    let resumed = match import_id {
        Some(id) => Some(directory.claim_operator_import(&by, id).await.map_err(refused)?),
        None => None,
    };
    let mut log = Log::open(wanted.errors.as_deref(), file.as_ref(), resumed.as_ref())?;
    if let Some(resumed) = resumed.as_ref().filter(|resumed| resumed.entries_done > 0) {
        progress.clear();
        let done = grouped(resumed.entries_done);
        report::warn(&format!("an import of this file was cut off; it goes on after {done} users"));
        report::warn(&mail_from_here(wanted.mail));
        if resumed.errors_bytes > 0 && wanted.errors.is_none() {
            report::warn("what was wrong before stands in the file that --errors named then");
        }
    }
    let welcome = wanted.mail.map_or(Welcome::Silent, |language| Welcome::Mail(language.into()));
    let plan = ImportPlan { welcome, is_dry_run: wanted.dry_run, import_id, resumed };
    let first = plan.resumed.as_ref().map_or(0, |import| import.entries_done);
    // Lent as a whole, for the work may go on in another thread.
    let shown = &mut progress;
    let mut show = move |now: ImportProgress| shown.show(|elapsed| line(&now, first, elapsed));
    let mut seen = Seen { log: log.as_log(), first_line: None };
    let result = directory.import_operators(&by, entries, &plan, &mut seen, &mut show).await;
    progress.clear();
    let first_line = seen.first_line;
    let told = log.finish();
    if first_line == Some(Check::EmailInvalid) {
        report::warn(
            "line 1 has no column `email`, so it was read as a user, and so was every line in the order that docs/eva.md tells; \
             if it is a header, correct the names of its columns",
        );
    }
    let done = result.map_err(|error| match error {
        ImportError::Directory(error) => anyhow::Error::from(refused(error))
            .context("stopped; what was made before stays, and the same command goes on there"),
        ImportError::Io(error) => anyhow::Error::from(error)
            .context("stopped, for the errors could not be written or a scratch file could not be used"),
    })?;
    told.context("cannot tell all that is wrong")?;
    Ok(done)
}

/// Reads the file, and what its bytes come to by SHA-256.
fn read(
    directory: &Directory,
    wanted: &ImportOperators,
    mut source: Source,
    progress: &Progress,
) -> anyhow::Result<(Entries, [u8; 32])> {
    let name = wanted.file.display();
    let unreadable = |error: Unreadable| {
        if let Unreadable::Io(error) = error {
            return anyhow::Error::from(error).context("a scratch file could not be used: is the disk full?");
        }
        Failure::usage(format!("{name}: {error}"), "docs/eva.md describes the file; nothing was made").into()
    };
    let mut reading = directory.read_roster(MEMORY);
    let mut content = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    let mut read = 0;
    loop {
        let length = match source.reader.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            length => length.with_context(|| format!("cannot read {name}"))?,
        };
        if length == 0 {
            break;
        }
        content.update(&piece[..length]);
        reading.feed(&piece[..length]).map_err(unreadable)?;
        read += length as u64;
        progress.show(|_| format!("{}reading, {}", bar(read, source.bytes), mebibytes(read)));
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(content.finish().as_ref());
    Ok((reading.finish().map_err(unreadable)?, hash))
}

/// A log, and what was wrong with the first line.
struct Seen<'l> {
    log: &'l mut dyn FailureLog,
    first_line: Option<Check>,
}

impl FailureLog for Seen<'_> {
    fn mark(&mut self) -> io::Result<()> {
        self.log.mark()
    }

    fn note(&mut self, fault: &Fault<'_>) -> io::Result<()> {
        if fault.line == 1 {
            self.first_line = Some(fault.check);
        }
        self.log.note(fault)
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.log.take_back()
    }

    fn keep(&mut self) -> io::Result<u64> {
        self.log.keep()
    }
}

fn line(now: &ImportProgress, first: u64, elapsed: Duration) -> String {
    let ImportProgress { entries, done, failed, .. } = *now;
    let failed = if failed > 0 { format!(", {} failed", grouped(failed)) } else { String::new() };
    let rate = grouped(rate(done - first, elapsed));
    format!("{}{} of {} users, {rate}/s{failed}", bar(done, Some(entries)), grouped(done), grouped(entries))
}

fn in_words(done: &ImportProgress, is_dry_run: bool) -> String {
    let ImportProgress { entries, created, failed, .. } = *done;
    let would = if is_dry_run { "would be " } else { "" };
    format!("{}: {created} {would}created, {failed} {would}failed\n", counted(entries))
        .replace("be failed", "fail")
}

/// How the rest is written to when an import goes on: what was told to the run before is not kept, and may be another.
fn mail_from_here(mail: Option<MailLanguage>) -> String {
    match mail.map(Language::from) {
        Some(language) => format!(
            "from here on, each new operator is written to in the language `{}`, whatever --mail said before",
            language.as_str()
        ),
        None => "from here on, nobody is written to, whatever --mail said before: there is no --mail now"
            .to_owned(),
    }
}

fn counted(entries: u64) -> String {
    if entries == 1 { "1 user".to_owned() } else { format!("{entries} users") }
}

/// How a run ended of which something failed.
fn refusal(done: &ImportProgress, wanted: &ImportOperators) -> Failure {
    let ImportProgress { entries, created, failed, .. } = *done;
    let was = match (failed, wanted.dry_run) {
        (_, true) => "would fail",
        (1, false) => "was not made",
        (_, false) => "were not made",
    };
    let others = if created > 0 && !wanted.dry_run { "; the others were" } else { "" };
    let whose =
        if wanted.errors.is_some() { "the file of errors says why" } else { "what is told above says why" };
    let again = if wanted.dry_run {
        "correct the file"
    } else {
        "correct the rows and import them; who was made already is refused when the whole file is given again"
    };
    Failure::new(format!("{failed} of {} {was}{others}", counted(entries)), format!("{whose}; {again}"))
}

impl From<MailLanguage> for Language {
    fn from(language: MailLanguage) -> Self {
        match language {
            MailLanguage::En => Self::English,
            MailLanguage::Es => Self::Spanish,
            MailLanguage::Ja => Self::Japanese,
            MailLanguage::Pt => Self::Portuguese,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_goes_on_is_told_how_the_rest_is_written_to() {
        let told = mail_from_here(Some(MailLanguage::Pt));
        assert!(told.contains("written to in the language `pt`"), "{told}");
        let told = mail_from_here(None);
        assert!(told.contains("nobody is written to") && told.contains("no --mail now"), "{told}");
    }
}
