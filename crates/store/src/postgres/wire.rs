//! The socket's end of a connection: what moves its bytes, and what the server says without being asked.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use tokio_postgres::error::Severity;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// Moves bytes between a client and its socket, whenever it is polled.
pub(crate) struct Wire {
    /// None when it is over. It is dropped then, for it holds the other ends of the answers that are waited for.
    connection: Option<Connection<Socket, Stream>>,
    /// The first warning since it was last asked for.
    warning: Option<String>,
}

impl Wire {
    pub(crate) fn new(connection: Connection<Socket, Stream>) -> Self {
        Self { connection: Some(connection), warning: None }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.connection.is_none()
    }

    pub(crate) fn end(&mut self) {
        self.connection = None;
    }

    /// What the server has warned of since this was last asked.
    pub(crate) fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Ready when the connection is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(connection) = self.connection.as_mut() {
            match connection.poll_message(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    if notice.parsed_severity() == Some(Severity::Warning) {
                        let text = || format!("{} ({})", notice.message(), notice.code().code());
                        self.warning.get_or_insert_with(text);
                    }
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None) => self.end(),
                Poll::Ready(Some(Err(error))) => {
                    tracing::debug!(%error, "a connection to PostgreSQL ended");
                    self.end();
                }
            }
        }
        Poll::Ready(())
    }

    /// Waits for an answer, and moves bytes meanwhile.
    pub(crate) async fn wait_for<T>(
        &mut self,
        asking: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut asking = pin!(asking);
        poll_fn(|cx| {
            // Once to send, and once more when the connection has brought something.
            if let Poll::Ready(answer) = asking.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            let _ = self.poll(cx);
            asking.as_mut().poll(cx)
        })
        .await
    }
}
