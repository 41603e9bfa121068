//! The numbers that a monitoring system collects. Labels have few values: names of dialects and operations, classes of
//! statuses, states of jobs, clusters; never an organization or anything else that callers choose.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of the buckets of durations, in seconds: from a cached answer to the longest timeout.
const BUCKETS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 2.5, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    dialect: &'static str,
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    dialect: &'static str,
    operation: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    kind: String,
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClusterLabels {
    cluster: String,
}

/// How many jobs of a kind are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCount {
    pub kind: String,
    pub state: String,
    pub count: i64,
}

/// All metrics of a process.
pub struct Metrics {
    registry: Mutex<Registry>,
    answers: Family<AnswerLabels, Counter>,
    durations: Family<OperationLabels, Histogram, fn() -> Histogram>,
    refused: Family<ReasonLabels, Counter>,
    jobs: Family<JobLabels, Gauge>,
    oldest_jobs: Family<KindLabels, Gauge>,
    clusters: Family<ClusterLabels, Gauge>,
    pub(crate) in_flight: Gauge,
    /// Requests whose caller went away before the answer.
    pub(crate) abandoned: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("denizen");
        let answers = Family::default();
        let durations: Family<OperationLabels, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let refused = Family::default();
        let jobs = Family::default();
        let oldest_jobs = Family::default();
        let clusters = Family::default();
        let in_flight = Gauge::default();
        let abandoned = Counter::<u64, AtomicU64>::default();
        registry.register("http_requests", "Answered requests", answers.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from the parsed request head to the finished answer",
            durations.clone(),
        );
        registry.register("http_requests_refused", "Requests turned away by a limit", refused.clone());
        registry.register("http_requests_in_flight", "Requests worked on now", in_flight.clone());
        registry.register(
            "http_requests_abandoned",
            "Requests whose caller went away before the answer",
            abandoned.clone(),
        );
        registry.register("jobs", "Jobs by kind and state", jobs.clone());
        registry.register(
            "jobs_oldest_age_seconds",
            "Time since the oldest job that is not done was made, by kind; zero where there is none",
            oldest_jobs.clone(),
        );
        registry.register(
            "cluster_up",
            "Whether a cluster answered a moment ago; main is the database that has the control store",
            clusters.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            answers,
            durations,
            refused,
            jobs,
            oldest_jobs,
            clusters,
            in_flight,
            abandoned,
        }
    }

    /// Lets another part of the process add metrics of its own.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Replaces what is known of jobs; a kind and state that is not named any more disappears.
    pub fn set_job_counts(&self, counts: impl IntoIterator<Item = JobCount>) {
        self.jobs.clear();
        for JobCount { kind, state, count } in counts {
            self.jobs.get_or_create_owned(&JobLabels { kind, state }).set(count);
        }
    }

    /// Replaces what is known of the ages of jobs, in seconds by kind.
    pub fn set_job_ages(&self, ages: impl IntoIterator<Item = (String, i64)>) {
        self.oldest_jobs.clear();
        for (kind, seconds) in ages {
            self.oldest_jobs.get_or_create_owned(&KindLabels { kind }).set(seconds);
        }
    }

    /// Replaces what is known of clusters: which answer.
    pub fn set_clusters(&self, clusters: impl IntoIterator<Item = (String, bool)>) {
        self.clusters.clear();
        for (cluster, is_up) in clusters {
            self.clusters.get_or_create_owned(&ClusterLabels { cluster }).set(is_up.into());
        }
    }

    /// The counters of one operation, looked up once.
    pub(crate) fn of_operation(&self, dialect: &'static str, operation: &'static str) -> OperationMetrics {
        let of = |status| self.answers.get_or_create_owned(&AnswerLabels { dialect, operation, status });
        let duration = self.durations.get_or_create_owned(&OperationLabels { dialect, operation });
        OperationMetrics {
            good: of("2xx"),
            refused: of("4xx"),
            failed: of("5xx"),
            redirected: AnswerLabels { dialect, operation, status: "3xx" },
            answers: self.answers.clone(),
            duration,
        }
    }

    pub(crate) fn of_refusal(&self, reason: &'static str) -> Counter {
        self.refused.get_or_create_owned(&ReasonLabels { reason })
    }

    /// Everything in the text format of OpenMetrics, which Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(16 << 10);
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry).expect("writing to a String cannot fail");
        text
    }
}

/// The counters of one operation.
#[derive(Clone)]
pub(crate) struct OperationMetrics {
    good: Counter,
    refused: Counter,
    failed: Counter,
    /// Few operations redirect, so this series is made by the first answer that does; the others begin with zero.
    redirected: AnswerLabels,
    answers: Family<AnswerLabels, Counter>,
    duration: Histogram,
}

impl OperationMetrics {
    pub(crate) fn record(&self, status: u16, elapsed: Duration) {
        match status {
            300..=399 => self.answers.get_or_create_owned(&self.redirected).inc(),
            400..=499 => self.refused.inc(),
            500.. => self.failed.inc(),
            _ => self.good.inc(),
        };
        self.duration.observe(elapsed.as_secs_f64());
    }
}
