//! Requests over HTTP: one POST, its whole answer, certificates always verified, redirects never followed.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use url::Url;

use crate::net::{connection_trouble, is_loopback};

/// Far beyond every answer that is expected.
const MAX_ANSWER: usize = 64 * 1024;

pub(crate) struct Web {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Web {
    pub(crate) fn new() -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(ring::default_provider())
            .expect("ring offers the cipher suites of the protocol versions that rustls has by default")
            // `parse_url` lets plain HTTP through to this machine only.
            .https_or_http()
            .enable_http1()
            .build();
        Self { client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Sends one request; the caller limits the time. `server` is what errors call the other side.
    pub(crate) async fn post(
        &self,
        server: &str,
        uri: &Uri,
        authorization: Option<HeaderValue>,
        content_type: &'static str,
        body: String,
    ) -> Result<Answer, String> {
        let mut request = Request::post(uri).header(CONTENT_TYPE, content_type);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::from(body))
            .expect("the method, the URI and the headers have their types already");
        let trouble = |error: &(dyn std::error::Error + 'static)| {
            connection_trouble(error, server).unwrap_or_else(|| format!("{server} gave no whole answer"))
        };
        let answer = self.client.request(request).await.map_err(|error| trouble(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| trouble(error.as_ref()))?.to_bytes();
        Ok(Answer { status, body })
    }
}

/// An address that secrets may be sent to: HTTPS, or plain HTTP on this machine. The texts don't repeat it.
pub(crate) fn parse_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a web address")?;
    let is_plain = url.scheme() == "http";
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with https://");
    }
    if is_plain && !is_loopback(&url) {
        return Err(
            "must begin with https:// unless it leads to this machine, such as http://127.0.0.1:9099",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or a fragment");
    }
    Ok(url)
}

/// The word by which an answer says what was wrong, such as `PERMISSION_DENIED`. Whatever else stands in an answer may
/// repeat what was sent.
pub(crate) fn code_word(text: &str) -> Option<&str> {
    // Identity Toolkit appends details to some: `INVALID_ID : what was wrong`.
    let word = text.split_once(" : ").map_or(text, |(word, _)| word);
    let is_code = (3..=64).contains(&word.len())
        && word.contains('_')
        && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    is_code.then_some(word)
}
