//! A file that is uploaded in a form (`multipart/form-data`), piece by piece as it arrives.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures_util::stream;
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::time::{Instant, timeout_at};

use super::body::declared_length;
use super::call::Call;
use super::operation::FORM_DATA;
use super::problem::Problem;
use super::stream::Arriving;

/// How much more of a body gives its sender as much time again.
const PER_PATIENCE: usize = 1 << 20;

/// Bytes that may come before a part begins, for its headers. The parser holds them in memory, and looks at all of them again
/// with each piece.
const MOST_HEADERS: usize = 64 << 10;

/// A form on its way, of which one file is wanted.
pub struct Upload {
    form: Multipart<'static>,
    file: Option<Field<'static>>,
    limit: usize,
    /// Bytes of the file that have come.
    taken: usize,
    watch: Watch,
}

/// What the form cannot tell of the body, and the body not of the form.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    /// What stopped the body.
    stopped: Option<Problem>,
    /// Bytes that have come since a part was waited for; `None` while the content of one is.
    headers: Option<usize>,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a piece of the body.
    ///
    /// # Errors
    /// [`Problem::BodyUnreadable`] for another piece of what should have been a part by then.
    fn count(&self, piece: usize) -> Result<(), Problem> {
        if let Some(headers) = &mut self.lock().headers {
            if *headers > MOST_HEADERS {
                return Err(Problem::BodyUnreadable);
            }
            *headers += piece;
        }
        Ok(())
    }
}

impl Call {
    /// The file in the first part of this name, of at most `limit` bytes; `None` when the form has no such part. Other parts
    /// are skipped. Asks the sender to begin, so it is to be called when it is known that the body is wanted.
    ///
    /// # Errors
    /// [`Problem::UnsupportedMediaType`] for a body that is no form, [`Problem::BodyUnreadable`] for one that is not in order;
    /// [`Problem::BodyTooLarge`]; [`Problem::BodyTimeout`].
    pub async fn upload(&self, name: &str, limit: usize) -> Result<Option<Upload>, Problem> {
        let content_type = self.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok());
        let boundary = boundary.ok_or(Problem::UnsupportedMediaType { taken: FORM_DATA })?;
        let whole = self.body_limit;
        if declared_length(self.headers()).is_some_and(|length| length > whole as u64) {
            return Err(Problem::BodyTooLarge { limit });
        }
        let arriving = self.arriving().await;
        let watch = Watch::default();
        let body = Body {
            arriving,
            taken: 0,
            limit: whole,
            file_limit: limit,
            begun: Instant::now(),
            patience: self.app.settings.body_read_seconds,
            watch: watch.clone(),
        };
        let pieces = Box::pin(stream::try_unfold(body, Body::next));
        // The body is bounded where it arrives.
        let constraints = Constraints::new().size_limit(SizeLimit::new());
        let form = Multipart::with_constraints(pieces, boundary, constraints);
        let mut upload = Upload { form, file: None, limit, taken: 0, watch };
        while let Some(mut part) = upload.next_part().await? {
            if part.name() == Some(name) {
                upload.file = Some(part);
                return Ok(Some(upload));
            }
            upload.skip(&mut part).await?;
        }
        Ok(None)
    }
}

impl Upload {
    /// The next piece of the file; `None` when the form has come to its end.
    ///
    /// # Errors
    /// As [`Call::upload`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        if let Some(file) = &mut self.file {
            match file.chunk().await {
                Ok(Some(piece)) => {
                    self.taken += piece.len();
                    if self.taken > self.limit {
                        return Err(Problem::BodyTooLarge { limit: self.limit });
                    }
                    return Ok(Some(piece));
                }
                Ok(None) => self.file = None,
                Err(_) => return Err(self.problem()),
            }
            // The rest is of no use, but a sender who is not let finish may not hear the answer.
            while let Some(mut part) = self.next_part().await? {
                self.skip(&mut part).await?;
            }
        }
        Ok(None)
    }

    async fn next_part(&mut self) -> Result<Option<Field<'static>>, Problem> {
        self.watch.lock().headers = Some(0);
        let part = self.form.next_field().await;
        self.watch.lock().headers = None;
        part.map_err(|_| self.problem())
    }

    /// Reads a part to its end, as the form would by itself, for what comes behind it is looked at as headers are.
    async fn skip(&self, part: &mut Field<'static>) -> Result<(), Problem> {
        while part.chunk().await.map_err(|_| self.problem())?.is_some() {}
        Ok(())
    }

    fn problem(&self) -> Problem {
        self.watch.lock().stopped.take().unwrap_or(Problem::BodyUnreadable)
    }
}

/// The body as the form wants it: bounded in size, and in time by how much of it has come. A slow sender has as long for
/// each mebibyte as others have for a body.
struct Body {
    arriving: Arriving,
    taken: usize,
    limit: usize,
    file_limit: usize,
    begun: Instant,
    patience: u64,
    watch: Watch,
}

impl Body {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        match self.piece().await {
            Ok(piece) => Ok(piece.map(|piece| (piece, self))),
            Err(problem) => {
                self.watch.lock().stopped = Some(problem);
                Err(io::Error::other("the body was stopped"))
            }
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Problem> {
        if self.taken > 0 {
            // The parser takes all that is there before it looks at any of it. So there is one piece at a time.
            tokio::task::yield_now().await;
        }
        let shares = (self.taken / PER_PATIENCE) as u64 + 1;
        let seconds = self.patience.saturating_mul(shares);
        let deadline = self.begun + Duration::from_secs(seconds);
        let piece = timeout_at(deadline, self.arriving.next()).await;
        let piece = piece.unwrap_or(Err(Problem::BodyTimeout { seconds }))?;
        let length = piece.as_ref().map_or(0, Bytes::len);
        if length > 0 {
            self.watch.count(length)?;
        }
        self.taken += length;
        if self.taken > self.limit {
            return Err(Problem::BodyTooLarge { limit: self.file_limit });
        }
        Ok(piece)
    }
}
