//! The numbers of the accept loop and of the replicas, for whoever collects metrics.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use denizen_directory::Directory;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric as _};
use prometheus_client::registry::Registry;

use super::Statistics;

/// Adds the loop's numbers, which are read whenever somebody asks.
pub fn register(registry: &mut Registry, statistics: Arc<Statistics>) {
    registry.register_collector(Box::new(Numbers(statistics)));
}

/// Adds what is known of the replicas, if there are any when somebody asks.
pub fn register_replicas(registry: &mut Registry, directory: Directory) {
    registry.register_collector(Box::new(Replicas(directory)));
}

/// Adds how many passwords have been hashed.
pub fn register_passwords(registry: &mut Registry, directory: Directory) {
    registry.register_collector(Box::new(Hashes(directory)));
}

struct Hashes(Directory);

impl fmt::Debug for Hashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashes")
    }
}

impl Collector for Hashes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Passwords that were hashed, for sign-ins, changes and imports";
        let counter = ConstCounter::new(self.0.passwords().hashes_made());
        counter.encode(encoder.encode_descriptor("password_hashes", help, None, MetricType::Counter)?)
    }
}

struct Replicas(Directory);

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replicas")
    }
}

/// A number of a replica.
type Count = fn(&denizen_store::ReplicaState) -> u64;

impl Collector for Replicas {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let replicas = self.0.replicas();
        if replicas.is_empty() {
            return Ok(());
        }
        let lag = "replica_lag_seconds";
        let help = "How old what a replica holds may be";
        let mut family = encoder.encode_descriptor(lag, help, None, ConstGauge::<f64>::TYPE)?;
        for (cluster, state) in &replicas {
            let labels = [("cluster", cluster.as_str())];
            ConstGauge::new(state.staleness.as_secs_f64()).encode(family.encode_family(&labels)?)?;
        }
        let counts: [(&str, &str, Count); 2] = [
            ("replica_reads", "Reads that a replica has answered", |state| state.reads),
            (
                "replica_reads_returned",
                "Reads that a replica was asked for and the primary has answered",
                |state| state.returned,
            ),
        ];
        for (name, help, count) in counts {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (cluster, state) in &replicas {
                let labels = [("cluster", cluster.as_str())];
                ConstCounter::new(count(state)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Numbers(Arc<Statistics>);

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let numbers = &self.0;
        let open = ConstGauge::new(i64::try_from(numbers.open.load(Ordering::Relaxed)).unwrap_or(i64::MAX));
        open.encode(encoder.encode_descriptor(
            "connections_open",
            "Open connections",
            None,
            ConstGauge::<i64>::TYPE,
        )?)?;
        for (name, help, counter) in [
            ("connections_accepted", "Connections that were accepted", &numbers.accepted),
            ("connections_slow_head", "Connections closed because a head took too long", &numbers.slow_head),
            ("connections_idle", "Connections closed because no request came", &numbers.idle),
            ("connections_stalled", "Connections closed because no answer was taken", &numbers.stalled),
        ] {
            let counter = ConstCounter::new(counter.load(Ordering::Relaxed));
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        Ok(())
    }
}
