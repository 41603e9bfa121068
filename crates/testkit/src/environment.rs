//! A clock that a test moves, and randomness that is the same in every run.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use denizen_directory::{Clock, Entropy, Environment};
use denizen_domain::permission::model::Rng;
use denizen_domain::time::Timestamp;

/// 2026-01-01 12:00:00 UTC.
pub const NOON: Timestamp = Timestamp(1_767_268_800_000_000);

/// A clock that stands still until it is advanced.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn at(time: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(time.0)))
    }

    pub fn advance_seconds(&self, seconds: i64) {
        self.advance_micros(seconds * Timestamp::MICROS_PER_SECOND);
    }

    pub fn advance_micros(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes that look random and are the same for the same seed.
pub struct SeededEntropy(Mutex<Rng>);

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Rng::new(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            let random = rng.next_u64().to_be_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

/// A process's clock and randomness. Two processes over one store share the clock and must not share the seed.
pub fn environment(clock: &Arc<TestClock>, seed: u64) -> Environment {
    Environment { clock: Arc::<TestClock>::clone(clock), entropy: Arc::new(SeededEntropy::new(seed)) }
}
