//! Bodies that are never wholly in memory: a request's as it arrives, and an answer's as it is made.
//!
//! A streamed answer is made by a future that runs wherever the answer's body is asked for, which is in the task of its
//! connection: when the client goes away the future is dropped, and what it does not ask for is not made.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::problem::Problem;

/// A request's body on its way.
pub struct Arriving {
    body: Body,
    /// What came while the sender was asked to begin.
    first: Option<Result<Bytes, Problem>>,
    patience: Duration,
}

impl Arriving {
    /// Asks a sender who waits for that (`Expect: 100-continue`) to begin; the transport does so when it sees that the
    /// body is wanted, and can only do so before the answer begins.
    pub(crate) async fn begin(body: Body, patience: Duration, is_waited_for: bool) -> Self {
        let mut arriving = Self { body, first: None, patience };
        if is_waited_for {
            let mut asked = false;
            poll_fn(|context| {
                if !asked {
                    asked = true;
                    if let Poll::Ready(Some(frame)) = Pin::new(&mut arriving.body).poll_frame(context) {
                        let piece = frame.map(|frame| frame.into_data().unwrap_or_default());
                        arriving.first = Some(piece.map_err(|_| Problem::BodyUnreadable));
                        return Poll::Ready(());
                    }
                    // The transport looks once more before this goes on.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
        }
        arriving
    }

    /// The next piece; `None` at the end. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`Problem::BodyTimeout`] when nothing came for `limits.body_read_seconds`, [`Problem::BodyUnreadable`] when the
    /// body broke off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        if let Some(first) = self.first.take() {
            return first.map(Some);
        }
        let next = async {
            loop {
                match self.body.frame().await {
                    None => return Ok(None),
                    Some(Err(_)) => return Err(Problem::BodyUnreadable),
                    // Trailers say nothing that is asked for.
                    Some(Ok(frame)) => {
                        if let Ok(piece) = frame.into_data() {
                            return Ok(Some(piece));
                        }
                    }
                }
            }
        };
        let seconds = self.patience.as_secs();
        timeout(self.patience, next).await.unwrap_or(Err(Problem::BodyTimeout { seconds }))
    }
}

/// Where the work of a streamed answer puts the pieces of the body.
pub struct Outlet(mpsc::Sender<Bytes>);

impl Outlet {
    /// Hands a piece on, and waits until there is room for it: as long as the client does not read, nothing more is made.
    pub async fn send(&self, piece: impl Into<Bytes>) {
        // The other end is dropped only together with the work that calls this.
        let _ = self.0.send(piece.into()).await;
    }
}

/// An answer's body that is made while it is sent.
pub(crate) struct Stream {
    /// `None` once it has ended.
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pieces: mpsc::Receiver<Bytes>,
}

impl Stream {
    pub(crate) fn new<W, F>(work: W) -> Self
    where
        W: FnOnce(Outlet) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let (outlet, pieces) = mpsc::channel(1);
        Self { work: Some(Box::pin(work(Outlet(outlet)))), pieces }
    }

    /// The next piece that is not empty; `None` at the end.
    ///
    /// Pieces are taken without asking the runtime whether this task has worked for long enough: the work asks that
    /// itself, and when both were told to wait their turn while a piece lies here, this would never wait.
    pub(crate) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Ok(piece) = self.pieces.try_recv() {
                if piece.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(piece));
            }
            let Some(work) = &mut self.work else { return Poll::Ready(None) };
            if work.as_mut().poll(context).is_ready() {
                self.work = None;
            } else if self.pieces.is_empty() {
                return Poll::Pending;
            }
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With more pieces than the runtime lets a task handle in one go.
    #[tokio::test]
    async fn an_answer_of_many_pieces_ends_and_lets_others_have_their_turn() {
        let mut stream = Stream::new(|outlet| async move {
            for number in 0..10_000_u32 {
                let piece = if number.is_multiple_of(2) { Bytes::from_static(b"x") } else { Bytes::new() };
                outlet.send(piece).await;
            }
        });
        let answer = async {
            let mut length = 0;
            while let Some(piece) = poll_fn(|context| stream.poll_piece(context)).await {
                length += piece.len();
            }
            length
        };
        let ended = std::cell::Cell::new(false);
        let answer = async {
            let length = answer.await;
            ended.set(true);
            length
        };
        let others = async {
            let mut turns = 0;
            while !ended.get() {
                turns += 1;
                tokio::task::yield_now().await;
            }
            turns
        };
        let (length, turns) = tokio::join!(answer, others);
        assert_eq!(length, 5_000);
        assert!(turns > 10, "{turns}");
    }
}
