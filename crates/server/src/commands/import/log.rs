//! Where it is told of which rows nothing was made: in a CSV file, or on standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use denizen_directory::operator_import::{Failure as Fault, FailureLog, OperatorImport, RowWriter};

use crate::commands::progress::clear_line;
use crate::report::{self, Failure};

const COLUMNS: [&str; 3] = ["line", "email", "message"];

pub enum Log {
    File(ErrorsFile),
    Printed(Printed),
}

impl Log {
    /// The log of an import, which goes on with `resumed` if there is that.
    pub fn open(
        errors: Option<&Path>,
        source: Option<&File>,
        resumed: Option<&OperatorImport>,
    ) -> Result<Self, Failure> {
        match errors {
            Some(path) => ErrorsFile::open(path, source, resumed).map(Self::File),
            None => Ok(Self::Printed(Printed::default())),
        }
    }

    pub fn as_log(&mut self) -> &mut dyn FailureLog {
        match self {
            Self::File(file) => file,
            Self::Printed(printed) => printed,
        }
    }

    /// What was noted last is told, too.
    pub fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.keep().map(drop),
            Self::Printed(printed) => printed.mark(),
        }
    }
}

/// A CSV file of its own.
pub struct ErrorsFile {
    rows: RowWriter<BufWriter<Counted>>,
    /// How long the file was at the last mark.
    marked: u64,
}

/// A file, and how much was written to it.
struct Counted {
    file: File,
    bytes: u64,
}

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ErrorsFile {
    fn open(path: &Path, source: Option<&File>, resumed: Option<&OperatorImport>) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::usage(
                format!("cannot write {}: {error}", path.display()),
                "name a file that this user may write to, or leave --errors out",
            )
        };
        // For the owner only: there are addresses in it.
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = options.map_err(failed)?;
        let (own, length) = file.metadata().map(|found| (found.clone(), found.len())).map_err(failed)?;
        let is_source = |source: &File| {
            source.metadata().is_ok_and(|other| (other.dev(), other.ino()) == (own.dev(), own.ino()))
        };
        if source.is_some_and(is_source) {
            return Err(Failure::usage(
                format!("{} is the file to import", path.display()),
                "name another file with --errors: it is overwritten",
            ));
        }
        let kept = resumed.map_or(0, |import| import.errors_bytes);
        if length < kept {
            return Err(Failure::usage(
                format!("{} is not the file of errors of the import that was cut off", path.display()),
                "name the same file as before, or leave --errors out and have the rest of the errors told here",
            ));
        }
        let counted = Counted { file, bytes: kept };
        let mut opened = Self { rows: RowWriter(BufWriter::new(counted)), marked: kept };
        opened.begin(path).map_err(failed)?;
        Ok(opened)
    }

    fn begin(&mut self, path: &Path) -> io::Result<()> {
        self.cut()?;
        if self.marked == 0 {
            self.rows.row(COLUMNS)?;
            self.marked = self.keep()?;
        }
        // So that the file has its name whatever happens.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf))?.sync_all()
    }

    /// Takes the file back to the last mark.
    fn cut(&mut self) -> io::Result<()> {
        let writer = &mut self.rows.0;
        writer.flush()?;
        let counted = writer.get_mut();
        counted.file.set_len(self.marked)?;
        counted.file.seek(SeekFrom::Start(self.marked))?;
        counted.bytes = self.marked;
        Ok(())
    }
}

impl FailureLog for ErrorsFile {
    fn mark(&mut self) -> io::Result<()> {
        self.rows.0.flush()?;
        self.marked = self.rows.0.get_ref().bytes;
        Ok(())
    }

    fn note(&mut self, fault: &Fault<'_>) -> io::Result<()> {
        self.rows.row([fault.line.to_string().as_str(), fault.email, &fault.message()])
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.cut()
    }

    fn keep(&mut self) -> io::Result<u64> {
        self.rows.0.flush()?;
        let counted = self.rows.0.get_ref();
        counted.file.sync_data()?;
        Ok(counted.bytes)
    }
}

/// Lines for people.
#[derive(Default)]
pub struct Printed {
    waiting: String,
}

impl FailureLog for Printed {
    fn mark(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        // A terminal shows both streams, so the progress makes room for what is printed.
        if io::stdout().is_terminal() {
            clear_line();
        }
        report::print(&std::mem::take(&mut self.waiting)).map_err(io::Error::other)
    }

    fn note(&mut self, fault: &Fault<'_>) -> io::Result<()> {
        let (line, message) = (fault.line, fault.message());
        let text = if fault.email.is_empty() {
            message
        } else {
            format!("Line {line} ({}): {message}", fault.email)
        };
        // What stands in the file must not steer the terminal.
        self.waiting.extend(text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        self.waiting.push('\n');
        Ok(())
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.waiting.clear();
        Ok(())
    }

    fn keep(&mut self) -> io::Result<u64> {
        // What is told at a terminal cannot be taken up again.
        Ok(0)
    }
}
