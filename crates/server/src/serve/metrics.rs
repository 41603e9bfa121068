//! The numbers of the accept loop, for whoever collects metrics.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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
