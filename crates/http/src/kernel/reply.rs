//! An answer before it is put on the wire: a status, a few headers, and a body that is wholly in memory or made while it
//! is sent.

use std::future::Future;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use super::json;
use super::stream::{Outlet, Stream};

/// About the bytes of one thing as JSON.
const USUAL_JSON: usize = 1_024;

/// What a page may load and do when it says nothing else: its own inline style, and forms to this server.
pub(crate) const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'",
);
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Everything that must not stand in a `Location` as it is.
const NOT_IN_LOCATION: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`');

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Empty where the body is a stream.
    pub(crate) body: Bytes,
    pub(crate) stream: Option<Stream>,
}

impl Reply {
    /// A JSON body. `status` is 100 to 999; a value that cannot be JSON (a map with keys that are no text) is a defect,
    /// which is logged and answered with 500.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        Self::json_of(status, value, USUAL_JSON)
    }

    /// As [`Self::json`], for an answer of about so many bytes.
    pub fn json_of(status: u16, value: &impl Serialize, bytes: usize) -> Self {
        match json::to_vec(value, bytes) {
            Ok(body) => Self::bytes(status, JSON, body.into()),
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Self::bytes(500, JSON, Bytes::from_static(br#"{"detail":"Internal error"}"#))
            }
        }
    }

    /// JSON that is written already.
    pub fn json_text(status: u16, body: impl Into<Bytes>) -> Self {
        Self::bytes(status, JSON, body.into())
    }

    /// No body at all.
    pub fn empty(status: u16) -> Self {
        Self { status: status_of(status), headers: Vec::new(), body: Bytes::new(), stream: None }
    }

    /// 200 with the JSON `null`.
    pub fn null() -> Self {
        Self::bytes(200, JSON, Bytes::from_static(b"null"))
    }

    /// A page for people. Unless [`Reply::header`] says otherwise it may load nothing but its inline style.
    pub fn html(status: u16, page: impl Into<Bytes>) -> Self {
        Self::bytes(status, HTML, page.into()).header(CONTENT_SECURITY_POLICY, PAGE_POLICY)
    }

    /// Plain text.
    pub fn text(status: u16, text: impl Into<Bytes>) -> Self {
        Self::bytes(status, HeaderValue::from_static("text/plain; charset=utf-8"), text.into())
    }

    /// 303, "look there with GET". What cannot stand in an address is percent-encoded.
    pub fn see_other(location: &str) -> Self {
        let location = utf8_percent_encode(location, NOT_IN_LOCATION).to_string();
        let value = HeaderValue::try_from(location).expect("percent-encoding leaves visible ASCII only");
        Self::empty(303).header(LOCATION, value)
    }

    /// A body of any type.
    pub fn bytes(status: u16, content_type: HeaderValue, body: Bytes) -> Self {
        Self { status: status_of(status), headers: vec![(CONTENT_TYPE, content_type)], body, stream: None }
    }

    /// 200 with a body that `work` makes while it is sent. What goes wrong from here on can only be said in the body.
    pub fn stream<W, F>(content_type: HeaderValue, work: W) -> Self
    where
        W: FnOnce(Outlet) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        Self { stream: Some(Stream::new(work)), ..Self::bytes(200, content_type, Bytes::new()) }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status: status_of(status), ..self }
    }

    /// Sets a header; one of the same name that stands already is replaced.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.retain(|(present, _)| *present != name);
        self.headers.push((name, value));
        self
    }

    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The body; empty where it is a stream.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a status is written in the source as a number from 100 to 999")
}
