//! What all requests of a process share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::http::HeaderName;
use denizen_directory::Directory;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::metrics::Metrics;
use super::problem::Problem;
use super::rate::{Buckets, RateLimiter};
use super::request_id::RequestIds;

/// What one request may ask of the process.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Largest request body, in bytes. Operations that take images take eight times as much.
    pub body_bytes: usize,
    /// Longest transcript of an external event, in bytes.
    pub transcript_bytes: usize,
    /// Largest request head, in bytes: request line and headers.
    pub header_bytes: usize,
    /// Most header lines.
    pub header_count: usize,
    /// Deepest nesting of a JSON body, in levels; 1 to 128.
    pub json_depth: usize,
    /// Time for a body to arrive, in seconds.
    pub body_read_seconds: u64,
    /// Time for a whole request, body included, in seconds.
    pub request_seconds: u64,
    /// Longest line of a stream of records, in bytes.
    pub ingest_line_bytes: usize,
    /// Streams of records at once. Each may last for hours.
    pub ingest_streams: usize,
    /// Requests worked on at once, streams among them.
    pub concurrent_requests: usize,
    /// Requests a minute by the dialect's name and the operation's rate key; 0 or an absent key means unlimited.
    /// `None` switches all rate limits off.
    pub rate_limits: Option<BTreeMap<String, BTreeMap<String, u32>>>,
    /// How callers reach this process, without a slash at the end; for the examples in the pages about the dialects.
    pub public_url: String,
    /// The header in which a proxy before this process says who calls it; `None` where callers come by themselves, and could
    /// say anything.
    pub address_header: Option<HeaderName>,
    pub dixa: DixaSettings,
    pub eva: EvaSettings,
}

/// What the callers of one dialect may ask of the process, and how it answers them.
#[derive(Debug, Clone)]
pub struct DixaSettings {
    /// How callers reach this process, without a slash at the end, for the links from page to page. `None`: as the
    /// request itself says, by its `Host`.
    pub public_url: Option<String>,
    /// Whether the links from page to page begin with the path, and not with `public_url`.
    pub relative_links: bool,
    /// Whether `PATCH` and `PUT` of `/v1/endusers/bulk` mean what those of `/v1/endusers` mean.
    pub bulk_alias: bool,
    /// Things on a page of a list when nobody asks for a number, and at most.
    pub page_limit_default: usize,
    pub page_limit_most: usize,
    /// Most contacts that one call is about.
    pub bulk_items: usize,
    /// Largest body of a call about many contacts, in bytes.
    pub bulk_bytes: usize,
    /// How often each access token may call; `None` for as often as it likes.
    pub rate: Option<TokenRate>,
}

/// What the callers of the eva dialect may ask of the process.
#[derive(Debug, Clone)]
pub struct EvaSettings {
    /// Largest file of operators that is uploaded, in bytes.
    pub csv_bytes: usize,
    /// Such files that are worked on at once. Each may take as long as its passwords take to be hashed.
    pub csv_uploads: usize,
}

impl Default for EvaSettings {
    fn default() -> Self {
        Self { csv_bytes: 10 << 20, csv_uploads: 4 }
    }
}

/// How often one access token may call one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRate {
    /// Calls a second, on and on; from 1.
    pub per_second: u32,
    /// Calls at once, after a rest; from 1.
    pub burst: u32,
}

impl Default for DixaSettings {
    fn default() -> Self {
        Self {
            public_url: None,
            relative_links: false,
            bulk_alias: false,
            page_limit_default: 50,
            page_limit_most: 1_000,
            bulk_items: 1_000,
            bulk_bytes: 10 << 20,
            rate: None,
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            transcript_bytes: 1 << 20,
            header_bytes: 16 << 10,
            header_count: 100,
            json_depth: 32,
            body_read_seconds: 30,
            request_seconds: 30,
            ingest_line_bytes: 1 << 20,
            ingest_streams: 64,
            concurrent_requests: 1024,
            rate_limits: None,
            public_url: "http://127.0.0.1:8080".to_owned(),
            address_header: None,
            dixa: DixaSettings::default(),
            eva: EvaSettings::default(),
        }
    }
}

/// The directory, the settings and the counters behind every request.
pub struct App {
    pub directory: Directory,
    pub settings: HttpSettings,
    pub(crate) metrics: Metrics,
    pub(crate) rates: RateLimiter,
    pub(crate) buckets: Buckets,
    pub(crate) request_ids: RequestIds,
    /// Requests worked on now, the operators' own included.
    pub(crate) in_flight: AtomicUsize,
    /// A place for each stream of records that may be open at once.
    streams: Arc<Semaphore>,
    /// A place for each uploaded file that may be worked on at once.
    uploads: Arc<Semaphore>,
    is_leaving: AtomicBool,
    /// Whether streams are asked to end.
    is_stopping: watch::Sender<bool>,
}

impl App {
    pub fn new(directory: Directory, settings: HttpSettings) -> Arc<Self> {
        let mut process = [0; 4];
        directory.environment().entropy.fill(&mut process);
        let streams = Arc::new(Semaphore::new(settings.ingest_streams));
        let uploads = Arc::new(Semaphore::new(settings.eva.csv_uploads));
        Arc::new(Self {
            directory,
            settings,
            streams,
            uploads,
            metrics: Metrics::new(),
            rates: RateLimiter::default(),
            buckets: Buckets::default(),
            request_ids: RequestIds::new(process),
            in_flight: AtomicUsize::new(0),
            is_leaving: AtomicBool::new(false),
            is_stopping: watch::Sender::new(false),
        })
    }

    /// Makes the process count as not ready from now on, so that a balancer sends its requests elsewhere. It answers
    /// them all the same.
    pub fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// A place for a stream, held for as long as it lasts.
    ///
    /// # Errors
    /// [`Problem::Overloaded`] when all places are taken.
    pub(crate) fn take_stream_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| Problem::Overloaded)
    }

    /// A place for an uploaded file, held for as long as it is worked on.
    ///
    /// # Errors
    /// [`Problem::Overloaded`] when all places are taken.
    pub(crate) fn take_upload_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| Problem::Overloaded)
    }

    /// Asks everything that streams to end at its next good moment: a stream has no end that a stop could wait for.
    pub fn end_streams(&self) {
        self.is_stopping.send_replace(true);
    }

    /// Ready once streams are asked to end.
    pub async fn stopping(&self) {
        let mut is_stopping = self.is_stopping.subscribe();
        // The sender lives as long as this app, so there is no error to speak of.
        let _ = is_stopping.wait_for(|is_stopping| *is_stopping).await;
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }

    /// Brings the gauges up to date that nobody writes to while requests come and go.
    pub(crate) fn refresh_gauges(&self) {
        let busy = self.in_flight.load(Ordering::Relaxed);
        self.metrics.in_flight.set(i64::try_from(busy).unwrap_or(i64::MAX));
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
