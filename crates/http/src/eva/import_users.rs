//! POST `/org/{orgUUID}/users/csv` and its three variants: the users of a CSV file, made or only looked at (contract
//! section 10).
//!
//! The file is read as it arrives, and not before it is known that an administrator sends it. Whether anybody was made is
//! known at the end only, and it is what the status depends on: so the answer begins there. A caller who hangs up ends the
//! work after the batch that is being written.

use std::io;

use axum::http::HeaderValue;
use denizen_directory::operator_import::{
    Entries, Failure, FailureLog, ImportError, ImportPlan, ImportProgress, Importer, Reading, Spool,
    Unreadable,
};
use denizen_directory::operators::Welcome;
use denizen_directory::{Error, ErrorCode};

use super::caller::administrator;
use super::wire::{CsvError, CsvRefusal};
use super::{errors, input};
use crate::kernel::{Asked, Call, Problem, Reply, Upload};

/// The part of the form in which the file is.
const PART: &str = "file";
/// Bytes of rows that are held in memory.
const MEMORY: usize = 8 << 20;
/// Bytes of the file that are looked at in one go.
const PIECE: usize = 256 << 10;

/// What of the file is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    CreatingWithMail,
    Creating,
    /// With mail or without is the same for who is not created.
    Trying,
}

pub(super) async fn with_mail(call: Call) -> Result<Reply, Problem> {
    import(&call, Doing::CreatingWithMail).await
}

pub(super) async fn silently(call: Call) -> Result<Reply, Problem> {
    import(&call, Doing::Creating).await
}

pub(super) async fn validate(call: Call) -> Result<Reply, Problem> {
    import(&call, Doing::Trying).await
}

async fn import(call: &Call, doing: Doing) -> Result<Reply, Problem> {
    let ctx = administrator(call, super::caller::Doing::Writing).await?;
    let welcome = match doing {
        Doing::CreatingWithMail => Welcome::Mail(input::language(call)?),
        Doing::Creating | Doing::Trying => Welcome::Silent,
    };
    let is_dry_run = doing == Doing::Trying;
    let by = Importer::caller(&ctx)?;
    let place = call.app().take_upload_place()?;
    let Some(upload) = call.upload(PART, call.app().settings.eva.csv_bytes).await? else {
        return Ok(unusable(call, "The form has no part `file`"));
    };
    let entries = match read(call.request_id(), call.directory().read_roster(MEMORY), upload).await? {
        Ok(entries) => entries,
        Err(Unreadable::Io(error)) => return Err(broken(call, &error)),
        Err(unreadable) => return Ok(unusable(call, &unreadable.to_string())),
    };
    let plan = ImportPlan { welcome, is_dry_run, import_id: None, resumed: None };
    let mut log = SpooledErrors(call.directory().spool());
    let mut ignore = |_: ImportProgress| {};
    let work = call.directory().import_operators(&by, entries, &plan, &mut log, &mut ignore);
    let done = tokio::select! {
        biased;
        () = call.app().stopping() => return Err(Problem::Overloaded),
        done = work => done,
    };
    drop(place);
    let done = done.map_err(|error| match error {
        ImportError::Directory(error) => Problem::Directory(error),
        ImportError::Io(error) => broken(call, &error),
    })?;
    let is_refused = !is_dry_run && done.created == 0;
    answer(call, log.0, is_refused).map_err(|error| broken(call, &error))
}

/// Reads the file. What is wrong with it is told when all of it has come.
async fn read(
    request_id: &str,
    reading: Reading,
    mut upload: Upload,
) -> Result<Result<Entries, Unreadable>, Problem> {
    let mut reading: Result<Reading, Unreadable> = Ok(reading);
    let mut waiting: Vec<u8> = Vec::new();
    loop {
        let piece = upload.next().await?;
        let is_last = piece.is_none();
        if let (Ok(_), Some(piece)) = (&reading, piece) {
            waiting.extend_from_slice(&piece);
        }
        if waiting.len() >= PIECE || (is_last && !waiting.is_empty()) {
            let pieces = std::mem::take(&mut waiting);
            reading = apart(request_id, move || {
                let mut reading = reading?;
                reading.feed(&pieces)?;
                Ok(reading)
            })
            .await?;
        }
        if is_last {
            return apart(request_id, move || reading?.finish()).await;
        }
    }
}

/// Does what takes long, and may wait for a disk, where no request waits for it.
async fn apart<T: Send + 'static>(
    request_id: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, request_id, "a file of users could not be read");
        Problem::Internal
    })
}

fn broken(call: &Call, error: &io::Error) -> Problem {
    tracing::error!(%error, request_id = call.request_id(), "a scratch file cannot be used");
    Error::new(ErrorCode::Unavailable).into()
}

fn asked(call: &Call) -> Asked<'_> {
    Asked { path: call.request_path(), now: call.now() }
}

/// A file of which nothing can be made, whatever stands in it.
fn unusable(call: &Call, text: &str) -> Reply {
    let asked = asked(call);
    Reply::json(400, &CsvRefusal { error: errors::standard(400, text.into(), &asked), errors: Vec::new() })
}

/// The answer, with the errors behind what goes before them.
fn answer(call: &Call, mut errors: Spool, is_refused: bool) -> io::Result<Reply> {
    let (status, mut text) = if is_refused {
        let asked = asked(call);
        let error = errors::standard(400, "No user was created".into(), &asked);
        let mut text = serde_json::to_vec(&error)?;
        // The errors are one more member of the object.
        text.pop();
        text.push(b',');
        (400, text)
    } else {
        (200, b"{".to_vec())
    };
    text.extend_from_slice(b"\"errors\":[");
    let Some(first) = errors.next_piece()? else {
        text.extend_from_slice(b"]}");
        return Ok(Reply::json_text(status, text));
    };
    // Each error is behind a comma.
    text.extend_from_slice(first.get(1..).unwrap_or_default());
    let mut next = errors.next_piece()?;
    if next.is_none() {
        text.extend_from_slice(b"]}");
        return Ok(Reply::json_text(status, text));
    }
    let request_id = call.shared_request_id();
    let stream = Reply::stream(HeaderValue::from_static("application/json"), |outlet| async move {
        outlet.send(text).await;
        while let Some(piece) = next.take() {
            outlet.send(piece).await;
            match errors.next_piece() {
                Ok(piece) => next = piece,
                Err(error) => {
                    // What was sent is no JSON without its end, which tells the caller.
                    tracing::error!(%error, request_id = &*request_id, "a scratch file cannot be used");
                    return;
                }
            }
        }
        outlet.send(&b"]}"[..]).await;
    });
    Ok(stream.with_status(status))
}

/// The errors as they will stand in the answer, each behind a comma.
struct SpooledErrors(Spool);

impl FailureLog for SpooledErrors {
    fn mark(&mut self) -> io::Result<()> {
        self.0.mark()
    }

    fn note(&mut self, failure: &Failure<'_>) -> io::Result<()> {
        let mut text = vec![b','];
        let error = CsvError { email: failure.email.into(), message: failure.message().into() };
        serde_json::to_writer(&mut text, &error)?;
        self.0.write(&text);
        Ok(())
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.0.take_back();
        Ok(())
    }

    fn keep(&mut self) -> io::Result<u64> {
        // An upload is not taken up again: its caller has the file, and sends it again.
        Ok(0)
    }
}
