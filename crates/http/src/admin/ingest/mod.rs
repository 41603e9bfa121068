//! POST `/ingest`: records as they arrive, and what became of each as soon as it is known.
//!
//! Lines are taken in together, up to [`denizen_directory::ingest::GATHERED`] of them, and as few as are there when the sender
//! pauses. Whoever sends has to be who was let in at the beginning for each batch again, and once a minute
//! where no batch comes about. There is a bounded number of places for streams, because each may last for as long as it
//! likes.

mod help_desk;
mod intake;
mod record;
mod registry;

use std::time::Duration;

use axum::http::HeaderValue;
use bytes::{Buf as _, Bytes};
use denizen_directory::ingest::{Ingestor, Record, Taken};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

pub use intake::{Batch, Bounds, Intake, LONGEST_WAIT};

use super::errors;
use super::wire::{Line, Stopped};
pub use super::wire::{LineProblem, LineResult, RecordResult, Summary};
use crate::kernel::caller::authenticate;
use crate::kernel::{Arriving, Call, FieldProblem, LINES, Outlet, Problem, QueryReader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut query = QueryReader::new(&call);
    let only_refused = query.custom("results", |text| match text {
        "all" => Ok(false),
        "refused" => Ok(true),
        _ => Err(FieldProblem::literal("'all' or 'refused'")),
    });
    let only_refused = query.finish(only_refused)?.unwrap_or(false);
    Ingestor::caller(&authenticated.context(&call).await?)?;
    let place = call.app().take_stream_place()?;
    let arriving = call.arriving().await;
    let settings = &call.app().settings;
    let intake =
        Intake::new(Bounds { line: settings.ingest_line_bytes, transcript: settings.transcript_bytes });
    Ok(Reply::stream(HeaderValue::from_static(LINES), |outlet| {
        Door { call, outlet, only_refused, intake, looked_at: Instant::now(), _place: place }.run(arriving)
    }))
}

/// One stream.
struct Door {
    call: Call,
    outlet: Outlet,
    only_refused: bool,
    intake: Intake,
    /// When it was last made sure that the caller may send.
    looked_at: Instant,
    _place: OwnedSemaphorePermit,
}

/// How long a stream without a batch goes on before its caller is looked at again.
const WITHOUT_A_LOOK: Duration = Duration::from_mins(1);

/// Why a stream ends before its end.
enum Stop {
    /// The server is asked to stop.
    Server,
    Problem(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Door {
    async fn run(mut self, arriving: Arriving) {
        let last = match self.take_all(arriving).await {
            Ok(()) => Line::End { summary: self.intake.summary() },
            Err(stop) => Line::Stop { stopped: self.stopped(&stop) },
        };
        self.outlet.send(lines(&[last])).await;
    }

    fn stopped(&self, stop: &Stop) -> Stopped {
        let (code, message) = match stop {
            Stop::Server => ("stopping", "The server is about to stop".to_owned()),
            Stop::Problem(problem) => {
                if let Problem::Directory(error) = problem {
                    error.log(Some(self.call.request_id()), Some("ingest"));
                }
                errors::of_stream(problem)
            }
        };
        Stopped { code, message, line: self.intake.next_line() }
    }

    async fn take_all(&mut self, mut arriving: Arriving) -> Result<(), Stop> {
        let app = std::sync::Arc::clone(self.call.app());
        let mut stopping = std::pin::pin!(app.stopping());
        let mut since = Instant::now();
        loop {
            let wait = tokio::time::sleep_until(since + LONGEST_WAIT);
            let piece = tokio::select! {
                biased;
                () = &mut stopping => return Err(Stop::Server),
                () = tokio::time::sleep_until(self.looked_at + WITHOUT_A_LOOK) => {
                    who_sends(&self.call).await?;
                    self.looked_at = Instant::now();
                    continue;
                }
                piece = arriving.next() => piece?,
                () = wait, if self.intake.has_batch() => {
                    self.commit().await?;
                    continue;
                }
            };
            let Some(piece) = piece else {
                self.intake.end();
                return Ok(self.commit().await?);
            };
            let was_empty = !self.intake.has_batch();
            self.feed(piece).await?;
            if was_empty {
                since = Instant::now();
            }
        }
    }

    async fn feed(&mut self, mut piece: Bytes) -> Result<(), Problem> {
        loop {
            let taken = self.intake.feed(&piece);
            piece.advance(taken);
            if !self.intake.is_full() {
                return Ok(());
            }
            self.commit().await?;
        }
    }

    async fn commit(&mut self) -> Result<(), Problem> {
        if !self.intake.has_batch() {
            return Ok(());
        }
        let call = &self.call;
        let results = self.intake.commit(|records| take(call, records)).await?;
        self.looked_at = Instant::now();
        let answered = results
            .into_iter()
            .filter(|result| !self.only_refused || result.result == RecordResult::Refused)
            .map(Line::Taken)
            .collect::<Vec<_>>();
        self.outlet.send(lines(&answered)).await;
        Ok(())
    }
}

/// Takes a batch in for the caller, who has to have the right to it now.
async fn take(call: &Call, records: Vec<Record>) -> Result<Vec<Taken>, Problem> {
    let by = who_sends(call).await?;
    Ok(call.directory().ingest(&by, records).await?)
}

/// On whose behalf records are sent, who has the right to it now.
async fn who_sends(call: &Call) -> Result<Ingestor, Problem> {
    Ok(Ingestor::caller(&authenticate(call).await?.context(call).await?)?)
}

fn lines(all: &[Line]) -> Vec<u8> {
    let mut text = Vec::with_capacity(all.len() * 96);
    for line in all {
        serde_json::to_writer(&mut text, line)
            .expect("lines are plain data, and writing into memory cannot fail");
        text.push(b'\n');
    }
    text
}
