//! Reading a request's body: not longer than its limit, and not for ever.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;

/// The declared length, where the request declares one that is a number.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The whole body. Most bodies arrive in one piece, which is then not copied.
pub(crate) async fn read(mut body: Body, limit: usize, seconds: u64) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Problem::BodyTimeout { seconds }),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Problem::BodyUnreadable),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(piece) = frame.into_data() else { continue }; // Trailers say nothing that is asked for.
        if first.len() + whole.len() + piece.len() > limit {
            return Err(Problem::BodyTooLarge { limit });
        }
        if first.is_empty() && whole.is_empty() {
            first = piece;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&piece);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}
