//! One request as a handler sees it: routed, within the limits, its body read.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::EXPECT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use denizen_directory::Directory;
use denizen_domain::time::Timestamp;

use super::app::{App, TokenRate};
use super::body;
use super::problem::Problem;
use super::stream::Arriving;
use super::visit::Note;

/// A request whose path, method and size are in order.
pub struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) parts: Parts,
    pub(crate) params: Vec<(&'static str, String)>,
    pub(crate) query: OnceLock<Query>,
    pub(crate) body: Bytes,
    /// The body of an operation that reads it as it arrives, or one that was left on its way.
    pub(crate) arriving: Mutex<Option<Body>>,
    /// The longest body, in bytes.
    pub(crate) body_limit: usize,
    pub(crate) request_id: Arc<str>,
    pub(crate) note: Arc<Note>,
}

impl Call {
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    pub fn directory(&self) -> &Directory {
        &self.app.directory
    }

    /// Says whether valid credentials are needed and not yet seen: a call that ends so, because its caller has gone or the
    /// time was up, does not use the organization's share of a limit up.
    pub fn set_unproven(&self, is_unproven: bool) {
        self.note.is_unproven.store(is_unproven, Ordering::Relaxed);
    }

    /// Says in which organization the caller acts, for the log, where the path does not.
    pub fn set_organization(&self, slug: &str) {
        self.note.organization(slug);
    }

    /// Counts this call against what a caller may do, whom the operation has found to exist.
    ///
    /// # Errors
    /// [`Problem::TooManyRequests`].
    pub fn take_turn(&self, caller: [u8; 16], rate: TokenRate) -> Result<(), Problem> {
        let taken = self.app.buckets.take(caller, rate, self.now());
        taken.map_err(|retry_after| Problem::TooManyRequests { retry_after })
    }

    /// A parameter of the path, percent-decoded.
    ///
    /// # Panics
    /// When the operation's path has no parameter of that name, which is a defect of the operation.
    pub fn path(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(known, _)| *known == name);
        &found.expect("an operation asks for parameters of its own path only").1
    }

    /// The path as it was sent.
    pub fn request_path(&self) -> &str {
        self.parts.uri.path()
    }

    /// The pairs after the `?`, parsed at the first use.
    pub fn query(&self) -> &Query {
        self.query.get_or_init(|| Query::parse(self.parts.uri.query().unwrap_or_default()))
    }

    /// The first header of a name, in lower case; `None` also when its value is not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The whole body; empty where the operation declares none.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Reads a body that was left on its way because it is long and nobody knew who sends it. To be called once that is
    /// known, by operations with [`super::BodyLimit::Bulk`]; does nothing where the body has been read.
    ///
    /// # Errors
    /// When it is too long, or does not arrive in time and whole.
    pub async fn receive(&mut self) -> Result<(), Problem> {
        let left = self.arriving.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(left) = left {
            let settings = &self.app.settings;
            let seconds = settings.body_read_seconds.min(settings.request_seconds);
            self.body = body::read(left, self.body_limit, seconds).await?;
        }
        Ok(())
    }

    /// The body as it arrives, for operations that declare [`super::Operation::streaming`]. Asks the sender to begin, so
    /// it is to be called when it is known that the body is wanted.
    ///
    /// # Panics
    /// When it is called twice, or by another operation, which is a defect of the operation.
    pub async fn arriving(&self) -> Arriving {
        let body = self.arriving.lock().unwrap_or_else(PoisonError::into_inner).take();
        let body = body.expect("an operation that streams opens its body once");
        let patience = Duration::from_secs(self.app.settings.body_read_seconds);
        let is_waited_for = self.parts.headers.contains_key(EXPECT);
        Arriving::begin(body, patience, is_waited_for).await
    }

    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The same as [`Call::request_id`], to be kept.
    pub fn shared_request_id(&self) -> Arc<str> {
        Arc::clone(&self.request_id)
    }

    /// The directory's time.
    pub fn now(&self) -> Timestamp {
        self.app.directory.now()
    }

    /// From where the caller comes: the other end of the connection or, where the settings name the header in which a proxy
    /// says it, what the proxy itself has seen, which stands last there.
    pub fn caller_address(&self) -> Option<IpAddr> {
        let said = self.app.settings.address_header.as_ref().and_then(|name| {
            let last = self.parts.headers.get_all(name).iter().next_back()?.to_str().ok()?;
            parse_address(last.rsplit(',').next()?.trim())
        });
        said.or_else(|| self.peer().map(|peer| peer.ip()))
    }

    /// The other end of the connection; `None` where there is no socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
    }
}

/// An address, perhaps with a port behind it.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

/// All pairs of a query, in order, repeated keys kept.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The last value of a key.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a key.
    pub fn all<'q>(&'q self, name: &str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_port_behind_it() {
        for (text, address) in [
            ("10.0.0.1", Some("10.0.0.1")),
            ("10.0.0.1:443", Some("10.0.0.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(parse_address(text), address.map(|address| address.parse().unwrap()), "{text}");
        }
    }
}
