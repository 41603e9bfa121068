//! `denizen export operators`: the operators of an organization as a CSV file, a part at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use denizen_directory::Directory;
use denizen_directory::operator_import::{Importer, RowWriter, columns};

use crate::cli::{Export, ExportOperators};
use crate::config::Config;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::Failure;

pub fn run(config: &Config, wanted: &Export) -> anyhow::Result<()> {
    let Export::Operators(wanted) = wanted;
    with_directory(config, Missing::Refuse, |directory| async move {
        match write_all(&directory, wanted).await {
            // A reader that has gone away has what it wanted.
            Err(Ended::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(Ended::Io(error)) => {
                let name =
                    wanted.file.as_ref().map_or("standard output".into(), |file| file.to_string_lossy());
                Err(Failure::new(
                    format!("cannot write {name}: {error}"),
                    "name a file that this user may write to; a full disk is another cause",
                )
                .into())
            }
            Err(Ended::Refused(failure)) => Err(failure.into()),
            Ok(()) => Ok(()),
        }
    })
}

enum Ended {
    Io(io::Error),
    Refused(Failure),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

async fn write_all(directory: &Directory, wanted: &ExportOperators) -> Result<(), Ended> {
    let about = About { org: &wanted.org, ..About::default() };
    let refused = |error: denizen_directory::Error| Ended::Refused(of_directory(&error, about));
    let by = Importer::command(directory, &wanted.org).await.map_err(refused)?;
    let mut out: RowWriter<Box<dyn Write>> = match &wanted.file {
        Some(path) if path.as_os_str() != "-" => RowWriter(Box::new(BufWriter::new(create(path)?))),
        _ => RowWriter(Box::new(BufWriter::new(io::stdout().lock()))),
    };
    out.row(columns())?;
    let mut after = None;
    loop {
        let part = directory.export_operators(&by, after).await.map_err(refused)?;
        for row in &part.rows {
            out.row(row.iter().map(String::as_str))?;
        }
        after = part.next;
        if after.is_none() {
            break;
        }
    }
    Ok(out.0.flush()?)
}

/// For the owner only: there are names and addresses in it.
fn create(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}
